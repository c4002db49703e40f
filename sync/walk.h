#ifndef SYNC_WALK_H
#define SYNC_WALK_H

#include "backends/entry.h"
#include "lib/pool.h"

/*
 * Visit folders on several threads, depth first, so that few of them wait to
 * be visited.  A visit lists its folder and adds the folders found in it; what
 * else it does is the visitor's.  Waiting folders are kept as packed entries,
 * in pieces.
 */
struct walk;
struct visit;

/*
 * One folder; `e` is the entry that was added for it, or NULL for those that
 * the walk began with; `flags` and `depth` (0 for those) likewise.  Called
 * from any thread; -1 ends the walk with op->err.
 */
typedef int visit_fn(void *arg, struct op *op, struct visit *v,
		     const char *path, const struct entry *e, unsigned flags,
		     int depth);

struct walk *walk_new(visit_fn *fn, void *arg);
void walk_free(struct walk *w);

/* A folder to begin with; not while walk_run() is under way. */
void walk_begin(struct walk *w, const char *path, unsigned flags);

/* From within a visit: a folder in the visited one, called e->name. */
void walk_add(struct visit *v, const struct entry *e, unsigned flags);

/*
 * A part of a visit that may run on a thread which has nothing to visit:
 * walk_lend() offers it, walk_join() returns when it is done, having done it
 * here if nobody came.  So one large folder does not leave the others idle.
 */
struct errand {
	void (*fn)(struct op *op, void *arg);
	void *arg;
	bool taken, done; /* guarded by the walk's lock */
};

void walk_lend(struct visit *v, struct errand *e);
void walk_join(struct visit *v, struct op *op, struct errand *e);

/* Visit everything with `threads` threads; -1 if a visit failed. */
int walk_run(struct walk *w, struct op *op, unsigned threads) MUST_CHECK;

#endif
