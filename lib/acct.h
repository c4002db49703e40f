#ifndef LIB_ACCT_H
#define LIB_ACCT_H

#include <stdatomic.h>

#include "lib/op.h"

struct rate;

/*
 * Bytes moved, counted where they move and read by whoever shows them.  A
 * transfer has its own account and adds to its parent; the root is the run's.
 */
struct acct {
	struct acct *parent;
	struct rate *rate; /* to wait for, or NULL; looked at in the root */
	_Atomic int64_t bytes;
	_Atomic int64_t resumed; /* of those: found there, not moved again */
};

/*
 * Count `n` bytes that `op` has moved, in its account and every parent, and
 * wait for the root's rate.  -1 once the work was called off.
 */
int acct_add(struct op *op, int64_t n) MUST_CHECK;

/* Count `n` of the bytes as found where they were to go. */
void acct_resumed(struct op *op, int64_t n);

#endif
