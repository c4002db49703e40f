#ifndef REPO_COPY_H
#define REPO_COPY_H

#include "repo/lock.h"
#include "repo/progress.h"
#include "repo/saver.h"
#include "repo/snapshot.h"

/*
 * Snapshots of one repository into another, which has other keys: each blob is
 * opened, compared with its id and sealed anew.  Both indexes must be loaded,
 * both repositories locked.
 */
struct copy_opt {
	uint32_t pack_size; /* 0: the default */
	struct lock *lock;  /* of the target; or NULL */
	struct repo_progress *progress;
};

/*
 * Everything that these trees reach and `to` does not have, as it lies in the
 * packs of `from`: no region of these is read twice.  When it returns, all is
 * durable and indexed; killed before, a second run goes on where the indexes
 * of the first end.  -1: something could not be read or written.
 */
int copy_trees(struct repo *from, struct repo *to, struct op *op,
	       const struct id *trees, size_t n, const struct copy_opt *opt,
	       struct saver_totals *out) MUST_CHECK;

/*
 * That of `there` which is a copy of `s`, or of which `s` is one, or of the
 * same snapshot as it; and says the same.  NULL if there is none.
 */
const struct snapshot *copy_find(const struct snapshots *there,
				 const struct snapshot *s);

/* Save it in `to`: without a parent, with the original's id. */
int copy_snapshot(struct repo *to, struct op *op, struct coder *c,
		  const struct snapshot *s, struct snapshot *out) MUST_CHECK;

#endif
