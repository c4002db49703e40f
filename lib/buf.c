#include "lib/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char buf_empty[1];

static void grow(struct buf *b, size_t extra)
{
	size_t need, cap = b->cap ? b->cap : 64;

	if (__builtin_add_overflow(b->len, extra, &need) ||
	    __builtin_add_overflow(need, (size_t)1, &need))
		BUG("buffer of %zu bytes plus %zu", b->len, extra);
	if (need <= b->cap)
		return;
	while (cap < need)
		cap = cap > SIZE_MAX / 2 ? need : cap * 2;
	b->data = xrealloc(b->cap ? b->data : NULL, cap, 1);
	b->data[b->len] = '\0';
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	grow(b, n);
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_vaddf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		BUG("format \"%s\"", fmt);
	grow(b, (size_t)n);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	b->len += (size_t)n;
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(b, fmt, ap);
	va_end(ap);
}

char *buf_room(struct buf *b, size_t n)
{
	grow(b, n);
	return b->data + b->len;
}

void buf_cut(struct buf *b, size_t n)
{
	if (n > b->len)
		BUG("cut of %zu bytes to %zu", b->len, n);
	b->len = n;
	if (b->cap)
		b->data[n] = '\0';
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	if (b->cap) /* buf_empty is shared by all threads: never write it */
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	if (b->cap)
		free(b->data);
	*b = (struct buf)BUF_INIT;
}
