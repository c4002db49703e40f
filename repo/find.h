#ifndef REPO_FIND_H
#define REPO_FIND_H

#include "repo/snapshot.h"

/*
 * Search snapshots for files, or for what uses certain blobs and trees.
 * r->index must be loaded.
 */
struct find;

struct find_opt {
	bool has_oldest, has_newest;
	struct node_time oldest, newest; /* mtime of what is found */

	/* What was found; -1 ends the search. */
	int (*node)(void *arg, struct op *op, const char *path,
		    const struct node *n);
	int (*object)(void *arg, struct op *op, enum blob_type t,
		      const struct id *id, const char *path,
		      const struct id *parent);
	/* As that of trees_walk(). */
	int (*bad)(void *arg, struct op *op, const char *path,
		   const struct id *tree);
	void *arg;
};
struct find *find_new(struct repo *r, const struct find_opt *opt);
void find_free(struct find *f); /* NULL is fine */

/*
 * What to look for, all before the first search and of one kind: patterns of
 * names; ids of trees or blobs, or their beginnings; packs, for all that lies
 * in them.  ERR_INVALID; ERR_NOT_FOUND: no index names such a pack.
 */
int find_add_pattern(struct find *f, const char *text, bool ignore_case,
		     struct err *e) MUST_CHECK;
int find_add_id(struct find *f, enum blob_type t, const char *hex,
		struct err *e) MUST_CHECK;
int find_add_pack(struct find *f, const char *hex, struct err *e) MUST_CHECK;

/*
 * In one tree after the other.  Folders that had nothing in an earlier one are
 * not looked into again.
 */
int find_in(struct find *f, struct op *op, const struct id *tree) MUST_CHECK;

/* Where the objects that were found lie. */
typedef int find_pack_fn(void *arg, struct op *op, const struct blob_at *at);
int find_packs(struct find *f, struct op *op, find_pack_fn *fn,
	       void *arg) MUST_CHECK;

#endif
