#include "cmd/dialog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/parse.h"
#include "lib/utf8.h"

enum {
	ANSWER_MAX = 64 * 1024,
	POLL_MS = 100,
	FIRST_MS = 1000, /* for a program that is to answer through a pipe */
	WRONG_MAX = 5
};

static void print(struct cmd_dialog *d, const char *text)
{
	struct buf b = BUF_INIT;

	utf8_add_printable(&b, text, strlen(text));
	if (d->tty < 0 && b.len)
		term_printf(d->term, "%s\n", b.data);
	if (d->tty >= 0 && write_all(d->tty, b.data, b.len) < 0)
		b.len = 0; /* who does not see the question will not answer */
	buf_free(&b);
}

static void end_line(struct cmd_dialog *d)
{
	if (d->tty >= 0 && write_all(d->tty, "\n", 1) < 0)
		return;
}

/* 1 once there is something to read, 0 at the end, -1 when called off. */
static int wait_for(struct op *op, int fd)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int n;

		if (op_check(op) < 0)
			return -1;
		n = poll(&p, 1, POLL_MS);
		if (n < 0 && errno != EINTR)
			return err_sys(&op->err, "standard input");
		if (n > 0)
			return p.revents & POLLIN ? 1 : 0;
	}
}

/*
 * Byte by byte: what follows the line belongs to the next question. ERR_INVALID
 * if there is none.
 */
static int read_line(struct op *op, int fd, struct buf *line)
{
	char c = '\0';
	size_t begin = line->len;
	int more;

	while ((more = wait_for(op, fd)) > 0) {
		ssize_t n = read(fd, &c, 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(&op->err, "standard input");
		if (n == 0 || c == '\n')
			break;
		if (line->len - begin == ANSWER_MAX)
			return err_set(&op->err, ERR_INVALID,
				       "the answer is too long");
		buf_add(line, &c, 1);
	}
	if (more < 0)
		return -1;
	if (line->len == begin && c != '\n')
		return err_set(&op->err, ERR_INVALID, "there is no answer");
	if (line->len > begin && line->data[line->len - 1] == '\r')
		buf_cut(line, line->len - 1);
	if (memchr(line->data + begin, '\0', line->len - begin))
		return err_set(&op->err, ERR_INVALID,
			       "the answer holds a NUL byte");
	return 0;
}

/*
 * No echo, and no way to leave that behind: ^\ and ^Z are letters meanwhile.
 * ^C is not; it calls the work off, which read_line() notices.
 */
static void hide(int tty, const struct termios *before)
{
	struct termios t = *before;

	t.c_lflag &= ~(tcflag_t)ECHO;
	t.c_cc[VQUIT] = _POSIX_VDISABLE;
	t.c_cc[VSUSP] = _POSIX_VDISABLE;
	tcsetattr(tty, TCSADRAIN, &t);
}

int dialog_ask(struct cmd_dialog *d, struct op *op, const char *question,
	       bool secret, const char **answer)
{
	struct termios before;
	struct buf line = BUF_INIT;
	bool hidden = secret && d->tty >= 0 && tcgetattr(d->tty, &before) == 0;
	int rc;

	if (secret)
		buf_room(&line, ANSWER_MAX); /* growing leaves copies behind */
	if (hidden)
		hide(d->tty, &before);
	print(d, question);
	rc = read_line(op, d->tty >= 0 ? d->tty : STDIN_FILENO, &line);
	if (hidden) {
		tcsetattr(d->tty, TCSADRAIN, &before);
		end_line(d);
	}
	if (rc == 0)
		*answer = arena_strdup(&op->arena, line.data);
	explicit_bzero(line.data, line.len);
	buf_free(&line);
	return rc;
}

static int nobody(struct op *op, const char *key, const char *question)
{
	return err_set(&op->err, ERR_INVALID,
		       "nobody is there to answer \"%s\"; give %s=VALUE, or "
		       "%s=- and the value on standard input",
		       question, key, key);
}

static int ask(struct dialog *base, struct op *op, const char *key,
	       const char *question, bool secret, const char **answer)
{
	struct cmd_dialog *d = container_of(base, struct cmd_dialog, base);
	const char *line;

	if (!base->interactive)
		return nobody(op, key, question);
	line = arena_printf(&op->arena, "%s: ", question);
	if (dialog_ask(d, op, line, secret, answer) == 0)
		return 0;
	if (op->err.kind != ERR_INVALID)
		return -1;
	return err_wrap(&op->err, "%s (or give %s=VALUE)", question, key);
}

static void print_choices(struct cmd_dialog *d, const char *question,
			  const char *const *choices, size_t n)
{
	print(d, question);
	end_line(d);
	for (size_t i = 0; i < n; i++) {
		struct buf b = BUF_INIT;

		buf_addf(&b, "%4zu  %s", i + 1, choices[i]);
		print(d, b.data);
		end_line(d);
		buf_free(&b);
	}
}

/* A number, or one of the choices as it is written. */
static bool is_choice(const char *answer, const char *const *choices, size_t n,
		      size_t *chosen)
{
	int64_t number;

	if (*answer == '\0')
		return true; /* the one offered */
	for (size_t i = 0; i < n; i++)
		if (strcmp(answer, choices[i]) == 0) {
			*chosen = i;
			return true;
		}
	if (!parse_int(answer, &number) || number < 1 || (uint64_t)number > n)
		return false;
	*chosen = (size_t)number - 1;
	return true;
}

static int choose(struct dialog *base, struct op *op, const char *key,
		  const char *question, const char *const *choices, size_t n,
		  size_t *chosen)
{
	struct cmd_dialog *d = container_of(base, struct cmd_dialog, base);
	const char *line, *answer = "";

	if (n == 0 || *chosen >= n)
		BUG("a question without an answer: %s", question);
	if (!base->interactive)
		return nobody(op, key, question);
	print_choices(d, question, choices, n);
	line = arena_printf(&op->arena, "Number [%zu]: ", *chosen + 1);
	for (int i = 0; i < WRONG_MAX; i++) {
		if (dialog_ask(d, op, line, false, &answer) < 0)
			return op->err.kind == ERR_INVALID
				       ? err_wrap(&op->err,
						  "%s (or give %s=VALUE)",
						  question, key)
				       : -1;
		if (is_choice(answer, choices, n, chosen))
			return 0;
		if (d->tty < 0)
			break; /* it is a program that answers */
	}
	return err_set(&op->err, ERR_INVALID, "%s: \"%s\" is none of those",
		       question, answer);
}

static void say(struct dialog *base, const char *text)
{
	struct cmd_dialog *d = container_of(base, struct cmd_dialog, base);

	print(d, text);
	end_line(d);
}

void dialog_init(struct cmd_dialog *d, struct term *term)
{
	*d = (struct cmd_dialog){
		.base = { .ask = ask, .choose = choose, .say = say },
		.term = term,
		.tty = -1
	};
	if (isatty(STDIN_FILENO) == 1)
		d->tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (isatty(STDIN_FILENO) == 1 && d->tty < 0)
		d->tty = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
}

void dialog_free(struct cmd_dialog *d)
{
	if (d->tty >= 0)
		close(d->tty);
}

void dialog_look(struct cmd_dialog *d)
{
	struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
	struct stat st;

	if (d->tty >= 0)
		d->base.interactive = true;
	else if (fstat(STDIN_FILENO, &st) < 0 || S_ISCHR(st.st_mode))
		d->base.interactive = false; /* /dev/null */
	else if (S_ISREG(st.st_mode))
		d->base.interactive =
			lseek(STDIN_FILENO, 0, SEEK_CUR) < st.st_size;
	else
		d->base.interactive =
			poll(&p, 1, FIRST_MS) == 1 && p.revents & POLLIN;
}
