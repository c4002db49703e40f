#include "mount/line.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/parse.h"
#include "lib/utf8.h"

enum { CHECK_MS = 500, WRITE_MS = 10000 };

void line_put_path(struct json *j, const char *key, const char *path)
{
	size_t n = strlen(path);
	struct buf hex = BUF_INIT, name = BUF_INIT;

	json_str(j, key, path);
	if (!utf8_valid(path, n)) {
		for (size_t i = 0; i < n; i++)
			buf_addf(&hex, "%02x", (unsigned char)path[i]);
		buf_addf(&name, "%s_hex", key);
		json_str(j, name.data, hex.data);
	}
	buf_free(&hex);
	buf_free(&name);
}

/* Of an even number of digits, without a NUL among the bytes; else NULL. */
static const char *from_hex(struct arena *a, const char *s, size_t n)
{
	char *out = arena_alloc(a, n / 2 + 1);

	if (n % 2)
		return NULL;
	for (size_t i = 0; i < n; i += 2) {
		int high = parse_hex_digit(s[i]);
		int low = parse_hex_digit(s[i + 1]);

		if (high < 0 || low < 0 || high + low == 0)
			return NULL;
		out[i / 2] = (char)(high * 16 + low);
	}
	return out;
}

const char *line_get_path(struct arena *a, const struct json_node *obj,
			  const char *key)
{
	const struct json_node *n;
	const char *text;

	n = json_get(obj, arena_printf(a, "%s_hex", key));
	text = json_text(n, NULL);
	if (text)
		return from_hex(a, text, n->len);
	n = json_get(obj, key);
	text = json_text(n, NULL);
	return text && strlen(text) == n->len ? text : NULL;
}

static int parse(struct line_reader *r, struct op *op, size_t n,
		 const struct json_node **out)
{
	/* its texts are to outlive the bytes */
	const char *line = arena_memdup(&op->arena, r->bytes.data, n + 1);
	int rc = json_parse(&op->arena, line, n, out, &op->err);

	memmove(r->bytes.data, r->bytes.data + n + 1, r->bytes.len - n - 1);
	buf_cut(&r->bytes, r->bytes.len - n - 1);
	return rc < 0 ? -1 : 1;
}

/* 1 if there is something to read, or it has ended. */
static int wait_for(int fd, short events, int ms, struct op *op)
{
	struct pollfd p = { .fd = fd, .events = events };
	int rc = poll(&p, 1, ms);

	if (rc < 0 && errno != EINTR)
		return err_sys(&op->err, "poll");
	return rc > 0;
}

static int read_more(struct line_reader *r, struct op *op)
{
	char part[4096];
	ssize_t n;
	int ready;

	while ((ready = wait_for(r->fd, POLLIN, CHECK_MS, op)) == 0)
		if (op_check(op) < 0)
			return -1;
	if (ready < 0)
		return -1;
	n = recv(r->fd, part, sizeof(part), MSG_DONTWAIT);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n < 0 && errno == ECONNRESET)
		return 0;
	if (n < 0)
		return err_sys(&op->err, "read from the control socket");
	buf_add(&r->bytes, part, (size_t)n);
	return n > 0;
}

int line_read(struct line_reader *r, struct op *op,
	      const struct json_node **out)
{
	for (;;) {
		const char *end = memchr(r->bytes.data, '\n', r->bytes.len);
		int rc;

		if (end)
			return parse(r, op, (size_t)(end - r->bytes.data), out);
		if (r->bytes.len > LINE_MAX_BYTES)
			return err_set(&op->err, ERR_CORRUPT,
				       "a line that does not end");
		rc = read_more(r, op);
		if (rc <= 0)
			return rc;
	}
}

int line_write(int fd, struct op *op, struct buf *text)
{
	const char *p;
	size_t left;

	buf_adds(text, "\n");
	for (p = text->data, left = text->len; left;) {
		ssize_t n = send(fd, p, left, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n > 0) {
			p += n;
			left -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN) {
			int ready = wait_for(fd, POLLOUT, WRITE_MS, op);

			if (ready < 0)
				return -1;
			if (ready == 0)
				return err_set(&op->err, ERR_TIMEOUT,
					       "the other side reads nothing");
		} else if (n < 0 && errno != EINTR) {
			return err_sys(&op->err, "write to the control socket");
		}
	}
	return 0;
}
