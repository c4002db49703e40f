#ifndef REPO_REWRITE_PARTS_H
#define REPO_REWRITE_PARTS_H

#include "repo/id_map.h"
#include "repo/rewrite.h"
#include "repo/saver.h"

/*
 * Within repo/rewrite*.c.
 */
struct rewriter {
	struct repo *r;
	const struct rewrite_opt *opt;
	struct coder *coder;
	struct saver *saver;
	struct id_map
		done; /* what became of a tree, at its path if excluding */
	struct buf path;
	const struct snapshot *snapshot; /* at hand */
};

struct rewritten {
	struct id tree;
	bool lost;             /* the root */
	uint64_t files, bytes; /* that are left in it */
};

/* The tree of a whole snapshot. */
int rewrite_tree(struct rewriter *w, struct op *op, const struct id *tree,
		 struct rewritten *out) MUST_CHECK;

#endif
