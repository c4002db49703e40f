#include "repo/diff.h"

#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"
#include "repo/each.h"
#include "repo/walk.h"

/* One of the two trees that are read in step. */
struct side {
	struct buf text;
	struct arena arena;
	struct tree_reader reader;
	struct node node;
	bool there; /* a node is at hand */
};

/* A pair of folders of the same name. */
struct pair {
	struct side from, to;
	size_t path; /* how long theirs is */
};

VEC(pairs, struct pair *);

struct diff {
	struct repo *r;
	struct coder *c;
	const struct diff_opt *opt;
	struct diff_result *out;
	struct blob_set *before, *after, *common;
	struct ids equal; /* trees that both have at the same place */
	struct pairs stack;
	struct buf path;
	struct diff_side *alone; /* of the folder that only one side has, */
	struct blob_set *alone_blobs;
	const char *alone_mark;
};

static int tell_bad(struct diff *d, struct op *op, const char *path)
{
	if (err_info(op->err.kind)->fatal || op->err.kind == ERR_CANCELED)
		return -1;
	d->opt->errors->tell(d->opt->errors, op, *path ? path : "/", "diff");
	err_clear(&op->err);
	return 0;
}

static int change(struct diff *d, struct op *op, const char *marks,
		  const char *path, bool dir)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_adds(&b, path);
	buf_adds(&b, dir ? "/" : "");
	rc = d->opt->change(d->opt->arg, op, marks, b.data);
	buf_free(&b);
	return rc;
}

static void count(struct diff_side *s, const struct node *n)
{
	s->files += n->type == NODE_FILE;
	s->dirs += n->type == NODE_DIR;
	s->others += n->type != NODE_FILE && n->type != NODE_DIR;
}

static void add_blobs(struct blob_set *set, const struct node *n)
{
	if (n->type == NODE_FILE)
		for (size_t i = 0; i < n->ncontent; i++)
			blob_set_add(set, BLOB_DATA, &n->content[i]);
	if (n->type == NODE_DIR && n->has_subtree)
		blob_set_add(set, BLOB_TREE, &n->subtree);
}

static enum walk_next alone_node(void *arg, struct op *op,
				 const struct walk_node *w)
{
	struct diff *d = arg;

	count(d->alone, w->node);
	add_blobs(d->alone_blobs, w->node);
	return change(d, op, d->alone_mark, w->path,
		      w->node->type == NODE_DIR) < 0
		       ? WALK_FAIL
		       : WALK_ON;
}

static int bad_alone(void *arg, struct op *op, const char *path,
		     const struct id *tree)
{
	(void)tree;
	return tell_bad(arg, op, path);
}

/* A node that only one side has, and all below it; d->path names it. */
static int alone(struct diff *d, struct op *op, const struct node *n, bool new)
{
	const struct walk_opt opt = { .bad = bad_alone };

	d->alone = new ? &d->out->added : &d->out->removed;
	d->alone_blobs = new ? d->after : d->before;
	d->alone_mark = new ? "+" : "-";
	count(d->alone, n);
	add_blobs(d->alone_blobs, n);
	if (change(d, op, d->alone_mark, d->path.data, n->type == NODE_DIR) < 0)
		return -1;
	if (!n->has_subtree)
		return 0;
	return trees_walk(d->r, op, d->c, &n->subtree, d->path.data, &opt,
			  alone_node, d);
}

/* A node that both sides have, as such; d->path names it. */
static int both(struct diff *d, struct op *op, const struct node *a,
		const struct node *b)
{
	bool files = a->type == NODE_FILE && b->type == NODE_FILE;
	struct buf marks = BUF_INIT;
	int rc = 0;

	add_blobs(d->before, a);
	add_blobs(d->after, b);
	if (strcmp(node_type_name(a), node_type_name(b)) != 0)
		buf_adds(&marks, "T");
	if (files &&
	    (a->ncontent != b->ncontent ||
	     (a->ncontent && memcmp(a->content, b->content,
				    a->ncontent * sizeof(*a->content))))) {
		d->out->changed++;
		buf_adds(&marks, "M");
		/* other bytes, though nobody wrote it: they have rotted */
		if (node_equal(a, b, false))
			buf_adds(&marks, "?");
	} else if (d->opt->metadata && !node_equal(a, b, true)) {
		buf_adds(&marks, "U");
	}
	if (marks.len)
		rc = change(d, op, marks.data, d->path.data,
			    b->type == NODE_DIR);
	buf_free(&marks);
	return rc;
}

static int side_read(struct diff *d, struct op *op, struct side *s,
		     const struct id *tree)
{
	arena_reset(&s->arena);
	s->there = false;
	if (repo_load_blob(d->r, op, d->c, BLOB_TREE, tree, &s->text) < 0)
		return -1;
	return tree_read_begin(&s->reader, &s->arena, s->text.data, s->text.len,
			       &op->err);
}

/* A further node, unless there is one at hand. */
static int side_next(struct side *s, struct op *op)
{
	int rc;

	if (s->there)
		return 0;
	arena_reset(&s->arena);
	rc = tree_read_next(&s->reader, &s->node, &op->err);
	s->there = rc > 0;
	return rc < 0 ? -1 : 0;
}

static void pair_free(struct pair *p)
{
	arena_free(&p->from.arena);
	arena_free(&p->to.arena);
	buf_free(&p->from.text);
	buf_free(&p->to.text);
	free(p);
}

/* Go into two folders that differ; d->path names them. */
static int enter(struct diff *d, struct op *op, const struct id *from,
		 const struct id *to)
{
	struct pair *p;

	if (d->stack.n == WALK_DEPTH)
		return err_set(&op->err, ERR_CORRUPT,
			       "folders are nested more than %d deep",
			       WALK_DEPTH);
	p = xcalloc(1, sizeof(*p));
	p->from.text = p->to.text = (struct buf)BUF_INIT;
	p->path = d->path.len;
	if (side_read(d, op, &p->from, from) < 0 ||
	    side_read(d, op, &p->to, to) < 0) {
		pair_free(p);
		return tell_bad(d, op, d->path.data);
	}
	*pairs_add(&d->stack) = p;
	return 0;
}

static int compare_names(const struct node *a, const struct node *b)
{
	size_t n = a->name_len < b->name_len ? a->name_len : b->name_len;
	int order = memcmp(a->name, b->name, n);

	if (order)
		return order;
	return (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

/* What is at the next name of two folders. */
static int compare(struct diff *d, struct op *op, struct pair *p)
{
	const struct node *a = &p->from.node, *b = &p->to.node;
	int order = !p->to.there     ? -1
		    : !p->from.there ? 1
				     : compare_names(a, b);
	const struct node *n = order > 0 ? b : a;

	buf_cut(&d->path, p->path);
	buf_adds(&d->path, "/");
	buf_add(&d->path, n->name, n->name_len);
	p->from.there = p->from.there && order > 0;
	p->to.there = p->to.there && order < 0;
	if (order)
		return alone(d, op, n, order > 0);
	if (both(d, op, a, b) < 0)
		return -1;
	if (!a->has_subtree || !b->has_subtree)
		return 0;
	if (!id_equal(&a->subtree, &b->subtree))
		return enter(d, op, &a->subtree, &b->subtree);
	*ids_add(&d->equal) = a->subtree;
	return 0;
}

static int step(struct diff *d, struct op *op)
{
	struct pair *p = d->stack.at[d->stack.n - 1];

	if (side_next(&p->from, op) < 0 || side_next(&p->to, op) < 0) {
		buf_cut(&d->path, p->path);
		if (tell_bad(d, op, d->path.data) < 0)
			return -1;
		p->from.there = p->to.there = false;
	} else if (p->from.there || p->to.there) {
		return compare(d, op, p);
	}
	d->stack.n--;
	pair_free(p);
	return 0;
}

static int bad_equal(void *arg, struct op *op, enum blob_type t,
		     const struct id *id, const struct id *tree)
{
	char hex[ID_HEX + 1];

	(void)t;
	(void)tree;
	return tell_bad(arg, op, id_hex(id, hex));
}

/* A blob of before and not of after may still be one of an equal folder. */
static void count_blobs(struct diff *d)
{
	const struct index *ix = d->r->index;
	struct blob_at at;

	for (uint32_t i = 0; i < index_entries(ix); i++) {
		bool was = blob_set_has_entry(d->before, i);
		bool is = blob_set_has_entry(d->after, i);
		struct diff_side *s;

		if (was == is || blob_set_has_entry(d->common, i))
			continue;
		s = is ? &d->out->added : &d->out->removed;
		index_entry(ix, i, &at);
		s->data_blobs += at.blob.type == BLOB_DATA;
		s->tree_blobs += at.blob.type == BLOB_TREE;
		s->bytes += pack_blob_text_len(&at.blob);
	}
}

static int run(struct diff *d, struct op *op, const struct id *from,
	       const struct id *to)
{
	const struct trees_opt mark = { .bad = bad_equal, .arg = d };

	blob_set_add(d->before, BLOB_TREE, from);
	blob_set_add(d->after, BLOB_TREE, to);
	if (id_equal(from, to))
		return 0; /* so is all else */
	if (enter(d, op, from, to) < 0)
		return -1;
	while (d->stack.n)
		if (op_check(op) < 0 || step(d, op) < 0)
			return -1;
	if (trees_mark(d->r, op, d->equal.at, d->equal.n, d->common, &mark) < 0)
		return -1;
	count_blobs(d);
	return 0;
}

int diff_run(struct repo *r, struct op *op, const struct id *from,
	     const struct id *to, const struct diff_opt *opt,
	     struct diff_result *out)
{
	struct diff d = { .r = r,
			  .c = repo_coder(r),
			  .opt = opt,
			  .out = out,
			  .before = blob_set_new(r->index),
			  .after = blob_set_new(r->index),
			  .common = blob_set_new(r->index),
			  .path = BUF_INIT };
	int rc;

	*out = (struct diff_result){ 0 };
	rc = run(&d, op, from, to);
	while (d.stack.n)
		pair_free(d.stack.at[--d.stack.n]);
	pairs_free(&d.stack);
	ids_free(&d.equal);
	blob_set_free(d.before);
	blob_set_free(d.after);
	blob_set_free(d.common);
	buf_free(&d.path);
	coder_free(d.c);
	return rc;
}
