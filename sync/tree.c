#include "sync/tree.h"

#include <string.h>

#include "backends/lister.h"
#include "sync/walk.h"

struct tree {
	struct backend *be;
	struct lister *lister; /* or NULL: `dir` is not the root */
	const struct tree_opt *opt;
	tree_fn *fn;
	void *arg;
	uint64_t dev; /* of the folder that it began with, +1; or 0 */
};

static void join(struct buf *path, const char *dir, const char *name)
{
	buf_reset(path);
	if (*dir)
		buf_addf(path, "%s/", dir);
	buf_adds(path, name);
}

static bool enters(const struct tree *t, const struct entry *e, int depth)
{
	if (t->opt->max_depth >= 0 && depth + 1 >= t->opt->max_depth)
		return false;
	return !t->dev || !e->posix || e->posix->dev + 1 == t->dev;
}

/* Called for each folder within another one. */
typedef int enter_fn(void *arg, struct op *op, const struct entry *e,
		     const char *path);

/* Give `fn` what is in `dir`, and `enter` the folders to go on with. */
static int list_dir(struct tree *t, struct op *op, const char *dir, int depth,
		    enter_fn *enter, void *arg)
{
	struct listing l = LISTING_INIT;
	struct buf path = BUF_INIT;
	struct posix_meta meta;
	struct entry e;
	int rc = t->lister ? lister_list(t->lister, op, dir, &l)
			   : be_list(t->be, op, dir, &l);

	if (rc < 0 && depth > 0 && t->opt->unreadable &&
	    op->err.kind != ERR_CANCELED) {
		t->opt->unreadable(t->arg, dir, &op->err);
		rc = 0;
		goto out;
	}
	while (rc == 0 && (rc = listing_next(&l, op, &e, &meta)) > 0) {
		rc = 0;
		join(&path, dir, e.name);
		if (e.kind == ENTRY_DIR
			    ? !filter_dir(t->opt->filter, path.data)
			    : !filter_file(t->opt->filter, path.data, &e))
			continue;
		rc = t->fn(t->arg, op, path.data, &e);
		if (rc == 0 && e.kind == ENTRY_DIR && enters(t, &e, depth))
			rc = enter(arg, op, &e, path.data);
	}
out:
	buf_free(&path);
	listing_free(&l);
	return rc;
}

struct level {
	struct tree *tree;
	int depth;
};

static int descend(void *arg, struct op *op, const struct entry *e,
		   const char *path)
{
	const struct level *up = arg;
	struct level here = { up->tree, up->depth + 1 };

	(void)e;
	return list_dir(up->tree, op, path, here.depth, descend, &here);
}

static int add(void *arg, struct op *op, const struct entry *e,
	       const char *path)
{
	(void)op, (void)path;
	walk_add(arg, e, 0);
	return 0;
}

static int visit(void *arg, struct op *op, struct visit *v, const char *path,
		 const struct entry *e, unsigned flags, int depth)
{
	(void)e, (void)flags;
	return list_dir(arg, op, path, depth, add, v);
}

int tree_walk(struct backend *be, struct op *op, const char *dir,
	      const struct tree_opt *opt, tree_fn *fn, void *arg)
{
	struct tree t = { .be = be, .opt = opt, .fn = fn, .arg = arg };
	struct level top = { &t, 0 };
	struct entry e;
	struct walk *w;
	int rc;

	if (opt->max_depth == 0)
		return 0;
	if (opt->one_file_system && be_can(be, BE_POSIX)) {
		if (be_stat(be, op, dir, &e) < 0)
			return -1;
		t.dev = e.posix ? e.posix->dev + 1 : 0;
	}
	if (*dir == '\0' && opt->max_depth < 0 && filter_is_empty(opt->filter))
		t.lister = lister_new(be, LISTER_WHOLE);
	if (opt->threads <= 1) {
		rc = list_dir(&t, op, dir, 0, descend, &top);
	} else {
		w = walk_new(visit, &t);
		walk_begin(w, dir, 0);
		rc = walk_run(w, op, opt->threads);
		walk_free(w);
	}
	lister_free(t.lister);
	return rc;
}
