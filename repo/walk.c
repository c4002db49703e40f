#include "repo/walk.h"

#include <stdlib.h>

#include "lib/vec.h"

/* A folder that the walk is in. */
struct level {
	struct id tree;
	struct buf text;
	struct arena arena; /* of the node at hand */
	struct tree_reader reader;
	struct node node;
	size_t path; /* how long the folder's own path is */
};

VEC(levels, struct level *);

struct walk {
	struct repo *r;
	struct coder *c;
	const struct walk_opt *opt;
	walk_fn *fn;
	void *arg;
	struct levels levels; /* allocated ones; `depth` are in use */
	size_t depth;
	struct buf path;
};

static struct level *level_at(struct walk *w, size_t i)
{
	while (w->levels.n <= i) {
		struct level *l = xcalloc(1, sizeof(*l));

		l->text = (struct buf)BUF_INIT;
		*levels_add(&w->levels) = l;
	}
	return w->levels.at[i];
}

static const char *shown(const struct walk *w)
{
	return w->path.len ? w->path.data : "/";
}

/* The tree's text, and the level that reads it, which is not yet in use. */
static int load(struct walk *w, struct op *op, const struct id *tree)
{
	struct level *l;

	if (w->depth == WALK_DEPTH)
		return err_set(&op->err, ERR_CORRUPT,
			       "folders are nested more than %d deep",
			       WALK_DEPTH);
	l = level_at(w, w->depth);
	l->tree = *tree;
	l->path = w->path.len;
	arena_reset(&l->arena);
	if (repo_load_blob(w->r, op, w->c, BLOB_TREE, tree, &l->text) < 0)
		return -1;
	return tree_read_begin(&l->reader, &l->arena, l->text.data, l->text.len,
			       &op->err);
}

/* Begin with a folder: 1, or 0 if it cannot be had and that is told, or -1. */
static int enter(struct walk *w, struct op *op, const struct id *tree)
{
	if (load(w, op, tree) == 0) {
		w->depth++;
		return 1;
	}
	if (err_info(op->err.kind)->fatal || op->err.kind == ERR_CANCELED ||
	    !w->opt->bad || w->opt->bad(w->arg, op, shown(w), tree) < 0)
		return -1;
	err_clear(&op->err);
	return 0;
}

static enum walk_next call(struct walk *w, struct op *op, struct level *l,
			   bool left)
{
	struct walk_node n = { .path = shown(w),
			       .node = &l->node,
			       .parent = &l->tree,
			       .depth = (unsigned)w->depth,
			       .left = left };

	return w->fn(w->arg, op, &n);
}

/* Out of the innermost folder; the one around it is told. */
static enum walk_next leave(struct walk *w, struct op *op)
{
	struct level *l;

	w->depth--;
	if (w->depth == 0)
		return WALK_STOP;
	l = w->levels.at[w->depth - 1];
	return w->opt->leave ? call(w, op, l, true) : WALK_ON;
}

/* The next node of the innermost folder. */
static enum walk_next step(struct walk *w, struct op *op)
{
	struct level *l = w->levels.at[w->depth - 1];
	enum walk_next next;
	int rc;

	arena_reset(&l->arena);
	rc = tree_read_next(&l->reader, &l->node, &op->err);
	if (rc < 0 && w->opt->bad) {
		buf_cut(&w->path, l->path);
		rc = w->opt->bad(w->arg, op, shown(w), &l->tree);
		if (rc == 0)
			err_clear(&op->err);
	}
	if (rc < 0)
		return WALK_FAIL;
	buf_cut(&w->path, l->path);
	if (rc == 0)
		return leave(w, op);
	buf_adds(&w->path, "/");
	buf_add(&w->path, l->node.name, l->node.name_len);
	next = call(w, op, l, false);
	if (next != WALK_ON || !l->node.has_subtree)
		return next;
	rc = enter(w, op, &l->node.subtree);
	if (rc == 0 && w->opt->leave)
		return call(w, op, l, true);
	return rc < 0 ? WALK_FAIL : WALK_ON;
}

static void walk_free(struct walk *w)
{
	for (size_t i = 0; i < w->levels.n; i++) {
		arena_free(&w->levels.at[i]->arena);
		buf_free(&w->levels.at[i]->text);
		free(w->levels.at[i]);
	}
	levels_free(&w->levels);
	buf_free(&w->path);
}

int trees_walk(struct repo *r, struct op *op, struct coder *c,
	       const struct id *tree, const char *prefix,
	       const struct walk_opt *opt, walk_fn *fn, void *arg)
{
	static const struct walk_opt plain;
	struct walk w = { .r = r,
			  .c = c,
			  .opt = opt ? opt : &plain,
			  .fn = fn,
			  .arg = arg,
			  .path = BUF_INIT };
	enum walk_next next = WALK_ON;
	int rc;

	buf_adds(&w.path, prefix);
	rc = enter(&w, op, tree);
	while (rc > 0 && next == WALK_ON) {
		next = op_check(op) < 0 ? WALK_FAIL : step(&w, op);
		if (next == WALK_SKIP)
			next = WALK_ON;
		if (next == WALK_FAIL)
			rc = -1;
	}
	walk_free(&w);
	return rc < 0 ? -1 : 0;
}
