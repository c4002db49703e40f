#ifndef REPO_SAVER_PENDING_H
#define REPO_SAVER_PENDING_H

#include "repo/pack.h"

/*
 * The blobs that are on their way into a stored pack, and which no index knows
 * yet.  Not for several threads at once.  All zero is the empty one.
 */
struct pending {
	struct pending_slot {
		struct id id;
		uint8_t mark; /* 0: free; else 1 + type */
	} * at;
	size_t cap, n; /* cap is 0 or a power of two */
};

/* False if it was there already. */
bool pending_add(struct pending *p, enum blob_type t, const struct id *id);

/* One that is not there is a BUG(). */
void pending_drop(struct pending *p, enum blob_type t, const struct id *id);

void pending_free(struct pending *p);

#endif
