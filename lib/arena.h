#ifndef LIB_ARENA_H
#define LIB_ARENA_H

#include "lib/base.h"

/*
 * Memory that is freed all at once.  Nothing from it is ever freed singly, so
 * what lives in an arena needs no owner of its own.  All zero is the empty one.
 */
struct arena {
	struct arena_block *block; /* the newest; NULL when empty */
	size_t used;               /* of the newest */
};

/* Zeroed, and aligned for any type. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

/*
 * Forget everything but keep a block, so that a loop which resets its arena
 * each time round allocates nothing.
 */
void arena_reset(struct arena *a);

/* Free everything; `*a` is empty and ready for use again. */
void arena_free(struct arena *a);

#endif
