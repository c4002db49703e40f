#include "lib/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 8 * 1024 };

struct arena_block {
	struct arena_block *next;
	size_t size;
	max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t n)
{
	const size_t step = sizeof(max_align_t);
	struct arena_block *b = a->block;
	void *p;

	if (n > SIZE_MAX / 2)
		BUG("arena allocation of %zu bytes", n);
	n = n ? (n + step - 1) / step * step : step;
	if (!b || b->size - a->used < n) {
		size_t size = n > BLOCK ? n : BLOCK;

		b = xrealloc(NULL, 1, sizeof(*b) + size);
		b->size = size;
		b->next = a->block;
		a->block = b;
		a->used = 0;
	}
	p = (char *)b->data + a->used;
	a->used += n;
	return memset(p, 0, n);
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		BUG("format \"%s\"", fmt);
	p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	return p;
}

static void drop(struct arena_block *b)
{
	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
}

void arena_reset(struct arena *a)
{
	struct arena_block *b = a->block;

	a->used = 0;
	if (!b)
		return;
	drop(b->next);
	b->next = NULL;
	if (b->size > BLOCK)
		arena_free(a);
}

void arena_free(struct arena *a)
{
	drop(a->block);
	*a = (struct arena){ 0 };
}
