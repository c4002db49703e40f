#include "lib/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/vec.h"

enum { COMMAND_SECONDS = 60, POLL_MS = 200 };

extern char **environ;

VEC(words, char *);

/* The word at `*at`, which moves behind it; NULL if its quote stays open. */
static char *next_word(struct arena *a, const char **at)
{
	char *word = arena_alloc(a, strlen(*at) + 1);
	const char *p = *at;
	size_t n = 0;

	if (*p != '"') {
		n = strcspn(p, " ");
		memcpy(word, p, n);
		*at = p + n;
		return word;
	}
	for (p++; *p; p++) {
		if (*p == '"' && *++p != '"') {
			*at = p;
			return word;
		}
		word[n++] = *p;
	}
	return NULL;
}

int command_split(struct arena *a, const char *name, const char *command,
		  char ***words, struct err *e)
{
	struct words v = { 0 };
	int rc = -1;

	for (command += strspn(command, " "); *command;
	     command += strspn(command, " ")) {
		char *word = next_word(a, &command);

		if (!word) {
			err_set(e, ERR_INVALID, "%s: a quote is not closed",
				name);
			goto out;
		}
		*words_add(&v) = word;
	}
	if (v.n == 0) {
		err_set(e, ERR_INVALID, "%s: it is empty", name);
		goto out;
	}
	*words_add(&v) = NULL;
	*words = arena_memdup(a, v.at, v.n * sizeof(*v.at));
	rc = 0;
out:
	words_free(&v);
	return rc;
}

/* Its output comes from `*out`; what it says to people goes to them. */
static int start(struct op *op, const char *name, char **words, pid_t *pid,
		 int *out)
{
	posix_spawn_file_actions_t actions;
	int fd[2], rc;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_sys(&op->err, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
	rc = posix_spawnp(pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fd[1]);
	if (rc != 0) {
		close(fd[0]);
		return err_set(&op->err, ERR_AUTH, "%s: \"%s\": %s", name,
			       words[0], strerror(rc));
	}
	*out = fd[0];
	return 0;
}

static int read_all(struct op *op, const char *name, int fd, struct buf *b)
{
	const int64_t end = clock_mono() + COMMAND_SECONDS * NS_PER_SEC;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		ssize_t n;
		int ready = poll(&p, 1, POLL_MS);

		if (op_check(op) < 0)
			return -1;
		if (clock_mono() > end)
			return err_set(&op->err, ERR_TIMEOUT,
				       "%s: no end after a minute", name);
		if (ready <= 0)
			continue;
		n = read(fd, buf_room(b, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(&op->err, "%s", name);
		if (n == 0)
			return 0;
		b->len += (size_t)n;
		if (b->len > COMMAND_OUTPUT)
			return err_set(&op->err, ERR_AUTH,
				       "%s: it prints too much", name);
	}
}

/* One that has said all may still be at something: for a while. */
static int await_end(struct op *op, const char *name, pid_t pid, int *status)
{
	const int64_t end = clock_mono() + COMMAND_SECONDS * NS_PER_SEC;
	pid_t ended;

	for (unsigned ms = 1; (ended = waitpid(pid, status, WNOHANG)) == 0;
	     ms = ms < POLL_MS / 2 ? ms * 2 : POLL_MS) {
		if (op_sleep(op, ms) < 0)
			return -1;
		if (clock_mono() > end)
			return err_set(&op->err, ERR_TIMEOUT,
				       "%s: no end after a minute", name);
	}
	return ended == pid ? 0 : err_sys(&op->err, "%s", name);
}

static int finish(struct op *op, const char *name, pid_t pid, int rc)
{
	int status;

	if (rc == 0)
		rc = await_end(op, name, pid, &status);
	if (rc < 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_set(&op->err, ERR_AUTH,
			       "%s: it failed with status %d", name,
			       WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status));
	return rc;
}

int command_run(struct op *op, const char *name, const char *command,
		struct buf *out)
{
	char **words;
	pid_t pid = 0;
	int fd = -1, rc;

	buf_room(out, COMMAND_OUTPUT + 8192);
	if (command_split(&op->arena, name, command, &words, &op->err) < 0 ||
	    start(op, name, words, &pid, &fd) < 0)
		return -1;
	rc = read_all(op, name, fd, out);
	close(fd);
	return finish(op, name, pid, rc);
}
