#ifndef REPO_RECOVER_H
#define REPO_RECOVER_H

#include "repo/lock.h"
#include "repo/progress.h"
#include "repo/repo.h"

/*
 * The folders that nothing leads to any more, as a new snapshot: each under
 * the first digits of its tree's id.  r->index must be loaded.  Nothing is
 * stored once `lock` (or NULL) is lost.
 */
struct recover_opt {
	struct repo_progress *progress; /* or NULL */
	/* A tree or a snapshot that cannot be read (op->err says why). */
	void (*bad)(void *arg, struct op *op, const struct id *id);
	void *arg;
};

struct recover_result {
	uint64_t trees, roots; /* read; and found to be nobody's */
	struct id snapshot;    /* if there are roots */
};

int recover_run(struct repo *r, struct op *op, struct lock *lock,
		const struct recover_opt *opt,
		struct recover_result *out) MUST_CHECK;

#endif
