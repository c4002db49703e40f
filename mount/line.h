#ifndef MOUNT_LINE_H
#define MOUNT_LINE_H

#include "lib/json.h"
#include "lib/json_write.h"
#include "lib/op.h"

/*
 * Lines of JSON over a socket: what a mount and those who ask it say to each
 * other.  A request has "ask"; the answer is any number of lines with items
 * and a last one with "done", or with "kind" and "message" of an error.
 */
enum { LINE_MAX_BYTES = 64 * 1024 };

/*
 * Bytes of a path, which need not be UTF-8: then KEY_hex has them, too, and
 * `key` is for people.
 */
void line_put_path(struct json *j, const char *key, const char *path);
/* NULL if it has none, or it is no path. */
const char *line_get_path(struct arena *a, const struct json_node *obj,
			  const char *key);

/* What was read and not yet taken. */
struct line_reader {
	int fd;
	struct buf bytes;
};

/*
 * The next line, parsed, in op->arena: 1; 0 when the other side has ended;
 * -1.  Waits as long as it takes, and sees a cancel within half a second.
 */
int line_read(struct line_reader *r, struct op *op,
	      const struct json_node **out) MUST_CHECK;

/* Adds the newline. */
int line_write(int fd, struct op *op, struct buf *text) MUST_CHECK;

#endif
