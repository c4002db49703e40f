#ifndef REPO_WALK_H
#define REPO_WALK_H

#include "repo/snapshot.h"

/*
 * Trees of a repository, walked.  r->index must be loaded.
 */

/*
 * In order, depth first, on this thread: `fn` for each node below `tree`, its
 * path being `prefix` "/" name ("/home/me/a"; a name with a '/' or the like
 * never gets here, see tree_parse()).  Both last until it returns.  A folder
 * comes before what is in it, and again behind it with `left` if `opt.leave`.
 */
enum walk_next { WALK_ON, WALK_SKIP, WALK_STOP, WALK_FAIL };

struct walk_node {
	const char *path; /* its bytes; "/" the root, see `root` */
	const struct node *node;
	const struct id *parent; /* the tree that it is in */
	unsigned depth;          /* 1 directly below `tree` */
	bool left;
};

struct walk_opt {
	bool leave;

	/*
	 * A tree that cannot be had (op->err says why): 0 goes on with the
	 * next, -1 ends the walk.  NULL: ends it.
	 */
	int (*bad)(void *arg, struct op *op, const char *path,
		   const struct id *tree);
};

typedef enum walk_next walk_fn(void *arg, struct op *op,
			       const struct walk_node *n);

/* No folder is deeper than this; one that is, is ERR_CORRUPT. */
enum { WALK_DEPTH = 4096 };

int trees_walk(struct repo *r, struct op *op, struct coder *c,
	       const struct id *tree, const char *prefix,
	       const struct walk_opt *opt, walk_fn *fn, void *arg) MUST_CHECK;

/*
 * A bit for each entry of the index (all places of a blob share one: that of
 * index_find()).  For any number of threads.
 */
struct blob_set;
struct blob_set *blob_set_new(const struct index *ix);
void blob_set_free(struct blob_set *s);

/* Add a blob; true if it was not in the set.  false, too, if nobody knows it.
 */
bool blob_set_add(struct blob_set *s, enum blob_type t, const struct id *id);
bool blob_set_has(const struct blob_set *s, enum blob_type t,
		  const struct id *id);
/* The same for an entry that is index_find()'s. */
bool blob_set_has_entry(const struct blob_set *s, uint32_t entry);
uint64_t blob_set_count(const struct blob_set *s);

/*
 * All trees that these reach, each once, in no order, on several threads;
 * `seen` must have come from blob_set_new() and afterwards has every tree, and
 * every data blob that a node names.  `fn` (or NULL) is called for each node of
 * each distinct tree, from any thread; `bad` for each tree that cannot be
 * read, and for each missing data blob if `missing` is set (op->err says so).
 */
struct trees_opt {
	walk_fn *fn; /* node->path is the name alone */
	int (*bad)(void *arg, struct op *op, enum blob_type t,
		   const struct id *id, const struct id *tree);
	bool missing;
	void *arg;
	_Atomic int64_t *done; /* trees so far, or NULL */
};
int trees_mark(struct repo *r, struct op *op, const struct id *roots, size_t n,
	       struct blob_set *seen, const struct trees_opt *opt) MUST_CHECK;

#endif
