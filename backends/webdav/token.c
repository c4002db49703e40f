#include "backends/webdav/token.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/vec.h"

enum { TOKEN_MAX = 64 * 1024, COMMAND_SECONDS = 60, POLL_MS = 200 };

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

int token_split(struct arena *a, const char *command, char ***words,
		struct err *e)
{
	struct words v = { 0 };
	int rc = -1;

	for (command += strspn(command, " "); *command;
	     command += strspn(command, " ")) {
		char *word = next_word(a, &command);

		if (!word) {
			err_set(e, ERR_INVALID,
				"bearer_token_command: a quote is not closed");
			goto out;
		}
		*words_add(&v) = word;
	}
	if (v.n == 0) {
		err_set(e, ERR_INVALID, "bearer_token_command: it is empty");
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
static int start(struct op *op, char **words, pid_t *pid, int *out)
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
		return err_set(&op->err, ERR_AUTH,
			       "bearer_token_command: \"%s\": %s", words[0],
			       strerror(rc));
	}
	*out = fd[0];
	return 0;
}

static int read_all(struct op *op, int fd, struct buf *b)
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
				       "bearer_token_command: no end after a "
				       "minute");
		if (ready <= 0)
			continue;
		n = read(fd, buf_room(b, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(&op->err, "bearer_token_command");
		if (n == 0)
			return 0;
		b->len += (size_t)n;
		if (b->len > TOKEN_MAX)
			return err_set(&op->err, ERR_AUTH,
				       "bearer_token_command: it prints more "
				       "than a token");
	}
}

/* One that has said all may still be at something: for a while. */
static int await_end(struct op *op, pid_t pid, int *status)
{
	const int64_t end = clock_mono() + COMMAND_SECONDS * NS_PER_SEC;
	pid_t ended;

	for (unsigned ms = 1; (ended = waitpid(pid, status, WNOHANG)) == 0;
	     ms = ms < POLL_MS / 2 ? ms * 2 : POLL_MS) {
		if (op_sleep(op, ms) < 0)
			return -1;
		if (clock_mono() > end)
			return err_set(&op->err, ERR_TIMEOUT,
				       "bearer_token_command: no end after a "
				       "minute");
	}
	return ended == pid ? 0 : err_sys(&op->err, "bearer_token_command");
}

static int finish(struct op *op, pid_t pid, int rc)
{
	int status;

	if (rc == 0)
		rc = await_end(op, pid, &status);
	if (rc < 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		return err_set(&op->err, ERR_AUTH,
			       "bearer_token_command: it failed with status "
			       "%d",
			       WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status));
	return rc;
}

/* The output without blanks around it. */
static int trim(struct op *op, struct buf *b, char **token)
{
	static const char blanks[] = " \t\r\n";
	char *p;

	while (b->len && strchr(blanks, b->data[b->len - 1]))
		buf_cut(b, b->len - 1);
	p = b->data + strspn(b->data, blanks);
	if (*p == '\0')
		return err_set(&op->err, ERR_AUTH,
			       "bearer_token_command: it prints nothing");
	for (const char *c = p; c < b->data + b->len; c++)
		if (*c <= ' ' || *c == 0x7f)
			return err_set(&op->err, ERR_AUTH,
				       "bearer_token_command: it prints more "
				       "than a token");
	*token = p;
	return 0;
}

/* Room for all that may come beforehand: growing would leave copies behind. */
static int run_command(struct webdav_service *s, struct op *op)
{
	struct buf b = BUF_INIT, value = BUF_INIT;
	char **words, *token = NULL;
	pid_t pid = 0;
	int fd = -1, rc = -1;

	buf_room(&b, TOKEN_MAX + 8192);
	if (token_split(&op->arena, s->bearer_command, &words, &op->err) < 0 ||
	    start(op, words, &pid, &fd) < 0)
		goto out;
	rc = read_all(op, fd, &b);
	close(fd);
	rc = finish(op, pid, rc);
	if (rc == 0)
		rc = trim(op, &b, &token);
	if (rc == 0) {
		buf_room(&value, strlen(token) + 8);
		buf_addf(&value, "Bearer %s", token);
		if (s->token)
			explicit_bzero(s->token, strlen(s->token));
		free(s->token);
		s->token = xstrdup(value.data);
	}
out:
	explicit_bzero(b.data, b.len);
	explicit_bzero(value.data, value.len);
	buf_free(&b);
	buf_free(&value);
	return rc;
}

int webdav_authorize(void *arg, struct op *op, const char *stale,
		     const char **value)
{
	struct webdav_service *s = arg;
	int rc = 0;

	if (!s->bearer_command) {
		*value = s->bearer;
		return 0;
	}
	pthread_mutex_lock(&s->token_lock);
	if (!s->token || (stale && strcmp(stale, s->token) == 0))
		rc = run_command(s, op);
	if (rc == 0)
		*value = arena_strdup(&op->arena, s->token);
	pthread_mutex_unlock(&s->token_lock);
	return rc;
}
