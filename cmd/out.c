#include "cmd/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/globals.h"
#include "lib/file.h"
#include "lib/json_write.h"
#include "lib/utf8.h"

enum { OUT_BUFFER = 64 * 1024 };

/*
 * Standard output.  A process has one, and so there is one buffer for it, the
 * only variable of this kind in the program.
 */
static struct {
	pthread_mutex_t lock; /* guards all that follows */
	size_t used;
	int failed; /* errno of the first write that failed, or 0 */
	char data[OUT_BUFFER];
	pthread_once_t looked; /* before `terminal` is read */
	bool terminal;
} out = { .lock = PTHREAD_MUTEX_INITIALIZER, .looked = PTHREAD_ONCE_INIT };

/* A failure is kept: what follows a lost piece would only mislead. */
static void put(const void *p, size_t n)
{
	if (n && !out.failed && write_all(STDOUT_FILENO, p, n) < 0)
		out.failed = errno;
}

static void drain(void)
{
	put(out.data, out.used);
	out.used = 0;
}

static int result(struct op *op, int failed)
{
	if (!failed)
		return 0;
	errno = failed;
	return err_sys(&op->err, "standard output");
}

static void look(void)
{
	out.terminal = isatty(STDOUT_FILENO);
}

bool out_is_terminal(void)
{
	pthread_once(&out.looked, look);
	return out.terminal;
}

int out_write(struct op *op, const void *p, size_t n)
{
	int failed;

	pthread_mutex_lock(&out.lock);
	if (n > sizeof(out.data) - out.used)
		drain();
	if (n > sizeof(out.data)) {
		put(p, n);
	} else if (n) {
		memcpy(out.data + out.used, p, n);
		out.used += n;
	}
	if (out_is_terminal())
		drain(); /* who looks on wants to see it now */
	failed = out.failed;
	pthread_mutex_unlock(&out.lock);
	return result(op, failed);
}

int out_str(struct op *op, const char *s)
{
	return out_write(op, s, strlen(s));
}

int out_printf(struct op *op, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	rc = out_write(op, b.data, b.len);
	buf_free(&b);
	return rc;
}

int out_flush(struct op *op)
{
	int failed;

	pthread_mutex_lock(&out.lock);
	drain();
	failed = out.failed;
	pthread_mutex_unlock(&out.lock);
	return result(op, failed);
}

void out_add_name(struct buf *b, const char *name)
{
	if (out_is_terminal())
		utf8_add_printable(b, name, strlen(name));
	else
		buf_adds(b, name);
}

bool out_has_color(int fd, const struct globals *g)
{
	const char *term = getenv("TERM"), *off = getenv("NO_COLOR");

	if (g->color && strcmp(g->color, "always") == 0)
		return true;
	if (g->color && strcmp(g->color, "never") == 0)
		return false;
	return isatty(fd) && !(off && *off) && term &&
	       strcmp(term, "dumb") != 0;
}

static void add_hex(struct buf *b, const char *s)
{
	for (; *s; s++)
		buf_addf(b, "%02x", (unsigned char)*s);
}

void json_path(struct json *j, const char *key, const char *path)
{
	struct buf text = BUF_INIT, hex_key = BUF_INIT;

	if (utf8_valid(path, strlen(path))) {
		json_str(j, key, path);
		return;
	}
	utf8_add_valid(&text, path, strlen(path));
	json_str(j, key, text.data);
	buf_reset(&text);
	add_hex(&text, path);
	buf_addf(&hex_key, "%s_hex", key);
	json_str(j, hex_key.data, text.data);
	buf_free(&text);
	buf_free(&hex_key);
}
