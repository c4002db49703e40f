#ifndef LIB_BUF_H
#define LIB_BUF_H

#include <stdarg.h>

#include "lib/base.h"

/*
 * A growing byte string.  `data` is never NULL and data[len] is always '\0',
 * so it can go wherever a C string can.  Growing cannot fail.
 */
struct buf {
	char *data;
	size_t len;
	size_t cap;
};

extern char buf_empty[1];
#define BUF_INIT                  \
	{                         \
		.data = buf_empty \
	}

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_vaddf(struct buf *b, const char *fmt, va_list ap) PRINTF(2, 0);

/* Make room for `n` more bytes and return where they go; add to len after. */
char *buf_room(struct buf *b, size_t n);

/* Keep the first `n` bytes. */
void buf_cut(struct buf *b, size_t n);

/* Forget the content, keep the memory. */
void buf_reset(struct buf *b);

/* Give the memory back; `*b` is as after BUF_INIT. */
void buf_free(struct buf *b);

#endif
