#ifndef SYNC_TREE_H
#define SYNC_TREE_H

#include "backends/backend.h"
#include "sync/filter.h"

/* All entries below a directory. */
struct tree_opt {
	const struct filter *filter; /* or NULL */
	int max_depth;               /* 1: only `dir` itself; -1 no limit */
	bool one_file_system;

	/*
	 * 1: `fn` sees the entries in order, each directory before what is in
	 * it, from the caller's thread.  More: from as many threads at once.
	 */
	unsigned threads;

	/*
	 * Called for a directory below the first that could not be listed,
	 * from any of the threads; the walk goes on.  NULL: the walk ends with
	 * that error.
	 */
	void (*unreadable)(void *arg, const char *dir, const struct err *e);
};

/* `path` is relative to the backend's root.  -1 ends the walk. */
typedef int tree_fn(void *arg, struct op *op, const char *path,
		    const struct entry *e);

int tree_walk(struct backend *be, struct op *op, const char *dir,
	      const struct tree_opt *opt, tree_fn *fn, void *arg) MUST_CHECK;

#endif
