#include "cmd/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/globals.h"
#include "cmd/system_log.h"
#include "lib/file.h"
#include "lib/log.h"

/* The parent's part: it prints nothing, since the child has done so. */
static _Noreturn void wait_for(int fd, pid_t child)
{
	int status = 0;
	char byte;
	ssize_t n;

	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int background_start(struct background *b, struct err *e)
{
	int pipe[2];
	pid_t child;

	if (pipe2(pipe, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	child = fork();
	if (child < 0) {
		close(pipe[0]);
		close(pipe[1]);
		return err_sys(e, "fork");
	}
	if (child > 0) {
		close(pipe[1]);
		wait_for(pipe[0], child);
	}
	close(pipe[0]);
	b->parent = pipe[1];
	return 0;
}

static void to_system_log(void *arg, enum log_level level, const char *text)
{
	(void)arg;
	system_log(level, text);
}

/* Nobody could be told that these cannot be let go of. */
static void let_go(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		if (dup2(null, fd) < 0)
			return;
	if (null > 2)
		close(null);
}

void background_ready(struct background *b, const struct cmd_ctx *cx)
{
	if (b->parent < 0)
		return;
	setsid();
	if (!cx->globals->log_file)
		log_set_sink(to_system_log, NULL);
	/* the folder that we were started in shall not be kept busy */
	if (chdir("/") < 0)
		log_notice(NULL, "chdir: %s", strerror(errno));
	let_go();
	if (write_all(b->parent, "", 1) < 0)
		log_debug(NULL, "nobody waits: %s", strerror(errno));
	close(b->parent);
	b->parent = -1;
}

/* See sd_notify(3): one datagram to a socket, perhaps an abstract one. */
void service_tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t n = path ? strlen(path) : 0;
	int fd;

	if (n < 2 || n >= sizeof(at.sun_path) || !strchr("/@", path[0]))
		return;
	memcpy(at.sun_path, path, n);
	if (path[0] == '@')
		at.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL,
		   (const struct sockaddr *)&at,
		   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		log_debug(NULL, "systemd: %s", strerror(errno));
	close(fd);
}
