#ifndef REPO_DIFF_H
#define REPO_DIFF_H

#include "repo/progress.h"
#include "repo/snapshot.h"

/*
 * What differs between two trees, as restic tells it.  Equal folders are not
 * looked into but for what their blobs say about the sums.
 */
struct diff_opt {
	bool metadata; /* also what differs in nothing else */
	struct repo_errors *errors;

	/* "+", "-", "M", "T", "U" or several of them; a folder's path ends in
	   '/'.  -1 ends it. */
	int (*change)(void *arg, struct op *op, const char *marks,
		      const char *path);
	void *arg;
};

struct diff_side {
	uint64_t files, dirs, others;
	uint64_t data_blobs, tree_blobs; /* that only this side has */
	uint64_t bytes;                  /* of their text */
};

struct diff_result {
	uint64_t changed; /* files */
	struct diff_side added, removed;
};

/* r->index must be loaded. */
int diff_run(struct repo *r, struct op *op, const struct id *from,
	     const struct id *to, const struct diff_opt *opt,
	     struct diff_result *out) MUST_CHECK;

/* Whether two nodes are the same; `content`: in that, too. */
bool node_equal(const struct node *a, const struct node *b, bool content);

#endif
