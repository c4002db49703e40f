#ifndef SYNC_SIDE_H
#define SYNC_SIDE_H

#include "backends/listing.h"

/*
 * One folder's sorted listing on one side, with the entry at hand: two of them
 * are walked in step.
 */
struct side {
	struct listing list;
	struct entry e;
	struct posix_meta meta;
	int more;        /* 1: `e` is there; 0: at the end; -1: failed */
	const char *key; /* of `e`: its name, but with list.fold folded ... */
	size_t key_len;  /* ... and the "//" that ends it */
};

#define SIDE_INIT                     \
	{                             \
		.list = LISTING_INIT, \
	}

/* Go on to the next entry, or to the first one. */
void side_step(struct side *s, struct op *op);

/*
 * Whose entry is next, by name (both with list.fold or both without): negative
 * the first's alone, positive the second's alone, 0 that of both.  One of the
 * two must have one.
 */
int sides_order(const struct side *a, const struct side *b);

/* Whether the listing has another name that differs from this one in case. */
bool side_has_twin(const struct side *s);

/* -1 if either listing broke off. */
int sides_end(const struct side *a, const struct side *b) MUST_CHECK;

#endif
