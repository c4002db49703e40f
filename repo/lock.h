#ifndef REPO_LOCK_H
#define REPO_LOCK_H

#include "repo/repo.h"

/*
 * restic's locks (doc/design.rst, "Locks"): refreshed by a thread every five
 * minutes, stale after 30 (or at once if their process was on this machine and
 * is gone).
 */
struct lock;

/*
 * Take one; waits up to `retry` ns for others to go away.  ERR_LOCKED says who
 * holds it, since when, and that `ferry repo unlock` removes stale ones.
 * Stale ones are removed; `*stale` (or NULL): how many of these were shared,
 * so of runs that may have left packs that are worth something.
 */
int lock_take(struct repo *r, struct op *op, bool exclusive, int64_t retry,
	      unsigned *stale, struct lock **out) MUST_CHECK;

/*
 * -1 (ERR_LOCKED, fatal) if it could not be refreshed for so long that others
 * may take it for stale: to be asked before anything is removed.
 */
int lock_check(struct lock *l, struct op *op) MUST_CHECK;

/* Done also after a cancel. NULL is fine. */
void lock_release(struct lock *l);

/* Remove stale locks, or all; how many are removed. */
int lock_remove(struct repo *r, struct op *op, bool all,
		unsigned *removed) MUST_CHECK;

/* Each lock's JSON. */
typedef int lock_fn(void *arg, struct op *op, const struct id *id,
		    const char *json, size_t n);
int lock_each(struct repo *r, struct op *op, lock_fn *fn, void *arg) MUST_CHECK;

#endif
