#include "cmd/term.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/out.h"
#include "cmd/text.h"
#include "lib/clock.h"
#include "lib/file.h"
#include "lib/parse.h"

/* clang-format off */
static const struct {
	const char *name, *lead, *color;
} levels[] = {
	[LOG_ERROR]  = { "ERROR ", "error: ",  "\033[31m" },
	[LOG_NOTICE] = { "NOTICE", "notice: ", "\033[33m" },
	[LOG_INFO]   = { "INFO  ", "",         NULL },
	[LOG_DEBUG]  = { "DEBUG ", "debug: ",  "\033[2m" },
};
/* clang-format on */

void term_init(struct term *t)
{
	const char *kind = getenv("TERM");

	*t = (struct term){ .log_fd = -1, .picture = BUF_INIT };
	t->is_terminal = isatty(STDERR_FILENO) == 1;
	t->draws = t->is_terminal && kind && *kind && strcmp(kind, "dumb") != 0;
	pthread_mutex_init(&t->lock, NULL);
}

int term_setup(struct term *t, const struct globals *g, struct err *e)
{
	t->color = out_has_color(STDERR_FILENO, g);
	if (!g->log_file)
		return 0;
	t->log_fd = open(g->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			 0666);
	if (t->log_fd < 0)
		return err_sys(e, "--log-file \"%s\"", g->log_file);
	return 0;
}

void term_free(struct term *t)
{
	if (t->log_fd >= 0)
		close(t->log_fd);
	buf_free(&t->picture);
	pthread_mutex_destroy(&t->lock);
}

void term_size(unsigned *columns, unsigned *lines)
{
	struct winsize ws;

	*columns = 80;
	*lines = 24;
	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) < 0)
		return;
	if (ws.ws_col)
		*columns = ws.ws_col;
	if (ws.ws_row)
		*lines = ws.ws_row;
}

/*
 * The rows of the screen above the picture's last line, at the begin of which
 * the cursor waits.  Terminals wrap lines anew when their window becomes
 * narrower.
 */
static unsigned rows_above(const struct term *t)
{
	const char *line = t->picture.data;
	unsigned columns, lines, rows = 0;

	term_size(&columns, &lines);
	for (;;) {
		size_t n = strcspn(line, "\n"), w = text_width(line, n);

		if (line[n] == '\0')
			return rows < lines ? rows : lines;
		rows += w ? (unsigned)((w + columns - 1) / columns) : 1;
		line += n + 1;
	}
}

/* Go to where the picture begins. */
static void add_home(const struct term *t, struct buf *b)
{
	unsigned rows;

	if (t->picture.len == 0)
		return;
	rows = rows_above(t);
	buf_adds(b, "\r");
	if (rows)
		buf_addf(b, "\033[%uA", rows);
}

/* Lines over those that are there: without erasing first nothing flickers. */
static void add_over(const struct term *t, struct buf *b, const char *text)
{
	if (t->picture.len == 0) {
		buf_adds(b, text);
		return;
	}
	while (*text) {
		size_t n = strcspn(text, "\n");

		buf_add(b, text, n);
		buf_adds(b, "\033[K");
		text += n;
		if (*text == '\n')
			buf_add(b, text++, 1);
	}
}

static void add_rest_erased(const struct term *t, struct buf *b)
{
	if (t->picture.len)
		buf_adds(b, "\033[J");
}

/*
 * The cursor waits at the begin of a line: what the terminal echoes there, ^C
 * for one, would otherwise wrap it.
 */
static void add_wait(struct buf *b, const struct buf *picture)
{
	if (picture->len)
		buf_adds(b, "\r");
}

/* Nobody could be told that standard error does not take it. */
static void put(int fd, const struct buf *b)
{
	if (write_all(fd, b->data, b->len) < 0)
		return;
}

void term_print(struct term *t, const char *text)
{
	struct buf b = BUF_INIT;

	pthread_mutex_lock(&t->lock);
	add_home(t, &b);
	add_over(t, &b, text);
	add_over(t, &b, t->picture.data);
	add_rest_erased(t, &b);
	add_wait(&b, &t->picture);
	put(STDERR_FILENO, &b);
	pthread_mutex_unlock(&t->lock);
	buf_free(&b);
}

void term_printf(struct term *t, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	term_print(t, b.data);
	buf_free(&b);
}

void term_log(struct term *t, enum log_level level, const char *text)
{
	struct buf b = BUF_INIT;

	if (t->log_fd >= 0) {
		show_time(&b, clock_wall(), 0);
		buf_addf(&b, " %s %s\n", levels[level].name, text);
		put(t->log_fd, &b);
	} else {
		const char *color = t->color ? levels[level].color : NULL;

		buf_addf(&b, "%s%s%s%s\n", color ? color : "",
			 levels[level].lead, color ? "\033[0m" : "", text);
		term_print(t, b.data);
	}
	buf_free(&b);
}

void term_say(struct term *t, const char *line)
{
	struct buf b = BUF_INIT;
	unsigned columns, lines;

	if (t->log_fd >= 0) {
		term_log(t, LOG_INFO, line);
		return;
	}
	term_size(&columns, &lines);
	if (t->is_terminal)
		text_wrap(&b, line, 0, 0, columns);
	else
		buf_adds(&b, line);
	buf_adds(&b, "\n");
	term_print(t, b.data);
	buf_free(&b);
}

void term_sink(void *arg, enum log_level level, const char *text)
{
	term_log(arg, level, text);
}

void term_draw(struct term *t, const struct buf *picture)
{
	struct buf b = BUF_INIT;

	pthread_mutex_lock(&t->lock);
	add_home(t, &b);
	add_over(t, &b, picture->data);
	add_rest_erased(t, &b);
	add_wait(&b, picture);
	buf_reset(&t->picture);
	buf_add(&t->picture, picture->data, picture->len);
	put(STDERR_FILENO, &b);
	pthread_mutex_unlock(&t->lock);
	buf_free(&b);
}

static void erase(struct term *t)
{
	struct buf b = BUF_INIT;

	add_home(t, &b);
	add_rest_erased(t, &b);
	put(STDERR_FILENO, &b);
	buf_free(&b);
}

void term_hide(struct term *t)
{
	pthread_mutex_lock(&t->lock);
	erase(t);
}

void term_show(struct term *t)
{
	struct buf b = BUF_INIT;

	buf_add(&b, t->picture.data, t->picture.len);
	add_wait(&b, &t->picture);
	put(STDERR_FILENO, &b);
	pthread_mutex_unlock(&t->lock);
	buf_free(&b);
}

void term_abandon(struct term *t)
{
	/* stays locked: nothing is drawn any more */
	if (pthread_mutex_trylock(&t->lock) == 0)
		erase(t);
}
