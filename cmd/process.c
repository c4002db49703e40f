#include "cmd/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EXIT_INTERRUPTED = 130 };

/*
 * A file opened later would get the number of a standard stream that is
 * closed, and our messages with it.  Writing to these fails.
 */
static void fill_standard_streams(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			return;
}

void process_prepare(void)
{
	struct rlimit none = { 0, 0 }, files;

	fill_standard_streams();
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static void *signals_run(void *arg)
{
	struct signals *s = arg;

	for (unsigned times = 0;; times++) {
		int number;

		if (sigwait(&s->set, &number) != 0)
			continue;
		if (number == SIGRTMIN)
			return NULL; /* from signals_stop() */
		if (times > 0) {
			term_abandon(s->term);
			_exit(EXIT_INTERRUPTED);
		}
		cancel_set(s->cancel);
		if (s->term->is_terminal)
			term_print(s->term, "stopping; once more to stop "
					    "at once\n");
	}
}

void signals_start(struct signals *s, struct cancel *cancel, struct term *term)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };

	*s = (struct signals){ .cancel = cancel, .term = term };
	sigemptyset(&s->set);
	sigaddset(&s->set, SIGRTMIN);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct sigaction was;

		/* nohup and shells without job control mean it */
		if (sigaction(numbers[i], NULL, &was) == 0 &&
		    was.sa_handler != SIG_IGN)
			sigaddset(&s->set, numbers[i]);
	}
	if (pthread_sigmask(SIG_BLOCK, &s->set, NULL) != 0)
		return;
	s->running = pthread_create(&s->thread, NULL, signals_run, s) == 0;
	if (!s->running)
		pthread_sigmask(SIG_UNBLOCK, &s->set, NULL);
}

void signals_stop(struct signals *s)
{
	if (!s->running)
		return;
	pthread_kill(s->thread, SIGRTMIN);
	pthread_join(s->thread, NULL);
	s->running = false;
}
