#include <stdlib.h>

#include "repo/repair_parts.h"
#include "repo/rewrite_parts.h"
#include "repo/walk.h"

/*
 * Beyond so many trees, those that come again are looked at again: 100 bytes
 * each is what remembering them takes.
 */
enum { REMEMBERED = 1 << 20 };

/* A node that stays: where its text is. */
struct kept {
	const char *name, *raw;
	size_t name_len, raw_len;
};
VEC(kepts, struct kept);

/* A folder that is being rewritten. */
struct folder {
	struct buf text;
	struct arena arena; /* of the node at hand */
	struct arena keep;  /* names, and nodes that are other */
	struct tree_reader reader;
	struct node node;
	struct kepts nodes;
	bool changed, rising;
	size_t path; /* length */
	uint64_t files, bytes;
};

static void tell(struct rewriter *w, const char *text)
{
	const struct rewrite_news news = {
		.event = REWRITE_ITEM,
		.old = w->snapshot,
		.path = w->path.len ? w->path.data : "/",
		.text = text,
	};

	if (w->opt->tell)
		w->opt->tell(w->opt->arg, &news);
}

static struct folder *folder_new(void)
{
	struct folder *f = xcalloc(1, sizeof(*f));

	f->text = (struct buf)BUF_INIT;
	f->rising = true;
	return f;
}

static void folder_free(struct folder *f)
{
	buf_free(&f->text);
	arena_free(&f->arena);
	arena_free(&f->keep);
	kepts_free(&f->nodes);
	free(f);
}

/* What op->err is about cannot be had, and is to be done without. */
static bool is_lost(const struct rewriter *w, const struct op *op)
{
	return w->opt->repair && repair_goes_on(op);
}

static void keep(struct folder *f, const char *raw, size_t n)
{
	struct kept *k = kepts_add(&f->nodes);
	const struct node *node = &f->node;

	k->name = arena_memdup(&f->keep, node->name, node->name_len + 1);
	k->name_len = node->name_len;
	k->raw = raw;
	k->raw_len = n;
}

/* The node as it is in f->node now. */
static void keep_other(struct folder *f)
{
	struct buf b = BUF_INIT;

	node_write(&b, &f->node);
	keep(f, arena_memdup(&f->keep, b.data, b.len), b.len);
	buf_free(&b);
	f->changed = true;
}

/* The node, with another subtree; what we do not know of it is kept. */
static void keep_subtree(struct folder *f, const struct id *was,
			 const struct id *is)
{
	const char *raw = f->reader.raw;
	size_t n = (size_t)(f->reader.at - raw);
	struct buf member = BUF_INIT;
	char *copy = arena_memdup(&f->keep, raw, n), *at = NULL;
	char hex[ID_HEX + 1];

	/* no text can hold this: there, each '"' has a '\' before it */
	buf_addf(&member, "\"subtree\":\"%s\"", id_hex(was, hex));
	if (f->node.has_subtree)
		at = memmem(copy, n, member.data, member.len);
	buf_free(&member);
	f->node.has_subtree = true;
	f->node.subtree = *is;
	if (!at) {
		keep_other(f);
		return;
	}
	memcpy(at + strlen("\"subtree\":\""), id_hex(is, hex), ID_HEX);
	keep(f, copy, n);
	f->changed = true;
}

static int save(struct rewriter *w, struct op *op, const struct buf *b,
		struct id *id)
{
	struct saved saved;

	*id = (struct id){ 0 };
	return saver_add(w->saver, op, w->coder, BLOB_TREE, b->data, b->len, id,
			 &saved);
}

static int save_empty(struct rewriter *w, struct op *op, struct id *id)
{
	struct buf b = BUF_INIT;
	struct tree_writer t;
	int rc;

	tree_begin(&t, &b);
	tree_end(&t);
	rc = save(w, op, &b, id);
	buf_free(&b);
	return rc;
}

/* Without the parts of its content that nobody has. */
static void repair_file(struct rewriter *w, struct folder *f)
{
	struct node *n = &f->node;
	uint64_t size = 0;
	size_t kept = 0;
	struct id *content =
		arena_alloc(&f->arena, (n->ncontent + 1) * sizeof(*content));

	for (size_t i = 0; i < n->ncontent; i++) {
		struct blob_at at;

		if (!index_find(w->r->index, BLOB_DATA, &n->content[i], &at))
			continue;
		content[kept++] = n->content[i];
		size += pack_blob_text_len(&at.blob);
	}
	if (kept < n->ncontent)
		tell(w, "removed missing content");
	else if (size != n->size)
		tell(w, "fixed incorrect size");
	else
		return;
	n->content = content;
	n->has_content = true;
	n->ncontent = kept;
	n->size = size;
	keep_other(f);
}

static int rewrite_folder(struct rewriter *w, struct op *op,
			  const struct id *tree, unsigned depth,
			  struct rewritten *out);

static int rewrite_dir(struct rewriter *w, struct op *op, struct folder *f,
		       unsigned depth)
{
	struct id was = f->node.subtree;
	struct rewritten below = { 0 };

	if (f->node.has_subtree) {
		if (rewrite_folder(w, op, &was, depth + 1, &below) < 0)
			return -1;
	} else {
		if (!w->opt->repair)
			return 0;
		tell(w, "given the empty folder that it lacked");
		if (save_empty(w, op, &below.tree) < 0)
			return -1;
	}
	f->files += below.files;
	f->bytes += below.bytes;
	if (!f->node.has_subtree || !id_equal(&below.tree, &was))
		keep_subtree(f, &was, &below.tree);
	return 0;
}

static int rewrite_node(struct rewriter *w, struct op *op, struct folder *f,
			unsigned depth)
{
	struct node *n = &f->node;
	size_t before = f->nodes.n;

	buf_adds(&w->path, "/");
	buf_add(&w->path, n->name, n->name_len);
	if (w->opt->exclude && patterns_match(w->opt->exclude, w->path.data)) {
		tell(w, "excluded");
		f->changed = true;
		return 0;
	}
	if (n->type == NODE_DIR) {
		if (rewrite_dir(w, op, f, depth) < 0)
			return -1;
	} else if (n->type == NODE_FILE) {
		if (w->opt->repair)
			repair_file(w, f);
		f->files++;
		f->bytes += n->size;
	}
	if (f->nodes.n == before)
		keep(f, f->reader.raw, (size_t)(f->reader.at - f->reader.raw));
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;
	size_t n = x->name_len < y->name_len ? x->name_len : y->name_len;
	int c = memcmp(x->name, y->name, n);

	return c ? c
		 : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

/* Trees whose names do not rise are none of restic's or ours. */
static int check_order(struct rewriter *w, struct op *op, struct folder *f)
{
	size_t n = 0;

	for (size_t i = 1; i < f->nodes.n && f->rising; i++)
		f->rising =
			compare_names(&f->nodes.at[i - 1], &f->nodes.at[i]) < 0;
	if (f->rising)
		return 0;
	if (!w->opt->repair)
		return f->changed ? err_set(&op->err, ERR_CORRUPT,
					    "%s: its names are not in order",
					    w->path.data)
				  : 0;
	tell(w, "put into order");
	f->changed = true;
	qsort(f->nodes.at, f->nodes.n, sizeof(*f->nodes.at), compare_names);
	for (size_t i = 0; i < f->nodes.n; i++)
		if (n == 0 ||
		    compare_names(&f->nodes.at[n - 1], &f->nodes.at[i]) != 0)
			f->nodes.at[n++] = f->nodes.at[i];
	f->nodes.n = n;
	return 0;
}

static int save_folder(struct rewriter *w, struct op *op, struct folder *f,
		       struct id *id)
{
	struct buf b = BUF_INIT;
	struct tree_writer t;
	int rc;

	tree_begin(&t, &b);
	for (size_t i = 0; i < f->nodes.n; i++) {
		const struct kept *k = &f->nodes.at[i];

		tree_add_raw(&t, k->name, k->name_len, k->raw, k->raw_len);
	}
	tree_end(&t);
	rc = save(w, op, &b, id);
	buf_free(&b);
	return rc;
}

static int rewrite_nodes(struct rewriter *w, struct op *op, struct folder *f,
			 unsigned depth)
{
	size_t len = w->path.len;
	int rc;

	while ((rc = tree_read_next(&f->reader, &f->node, &op->err)) > 0) {
		rc = op_check(op);
		if (rc == 0)
			rc = rewrite_node(w, op, f, depth);
		buf_cut(&w->path, len);
		arena_reset(&f->arena);
		if (rc < 0)
			return -1;
	}
	if (rc == 0)
		return 0;
	if (!is_lost(w, op))
		return err_wrap(&op->err, "%s", w->path.data);
	tell(w, "the end of this folder cannot be read, and is removed");
	err_clear(&op->err);
	f->changed = true;
	return 0;
}

/* 0 if the tree can be read; 1 if not, and `out` is what takes its place. */
static int begin(struct rewriter *w, struct op *op, struct folder *f,
		 const struct id *tree, unsigned depth, struct rewritten *out)
{
	int rc = 0;

	if (depth >= WALK_DEPTH)
		rc = err_set(&op->err, ERR_CORRUPT,
			     "folders are nested more than %d deep",
			     WALK_DEPTH);
	if (rc == 0)
		rc = repo_load_blob(w->r, op, w->coder, BLOB_TREE, tree,
				    &f->text);
	if (rc == 0)
		rc = tree_read_begin(&f->reader, &f->arena, f->text.data,
				     f->text.len, &op->err);
	if (rc == 0)
		return 0;
	if (!is_lost(w, op))
		return err_wrap(&op->err, "%s",
				w->path.len ? w->path.data : "/");
	err_clear(&op->err);
	if (depth == 0) {
		tell(w, "not readable");
		out->lost = true;
		return 1;
	}
	tell(w, "replaced with an empty folder");
	return save_empty(w, op, &out->tree) < 0 ? -1 : 1;
}

/* What is excluded depends on the path. */
static void make_key(struct rewriter *w, const struct id *tree, struct id *key)
{
	struct buf b = BUF_INIT;

	*key = *tree;
	if (!w->opt->exclude)
		return;
	buf_add(&b, tree->b, ID_LEN);
	buf_add(&b, w->path.data, w->path.len);
	id_of(b.data, b.len, key);
	buf_free(&b);
}

static int rewrite_folder(struct rewriter *w, struct op *op,
			  const struct id *tree, unsigned depth,
			  struct rewritten *out)
{
	struct id_known *known;
	struct folder *f;
	struct id key;
	int rc;

	make_key(w, tree, &key);
	known = depth ? id_map_find(&w->done, &key) : NULL;
	*out = (struct rewritten){ .tree = *tree };
	if (known) {
		out->tree = known->value;
		out->files = known->files;
		out->bytes = known->bytes;
		return 0;
	}
	f = folder_new();
	rc = begin(w, op, f, tree, depth, out);
	if (rc == 0) {
		rc = rewrite_nodes(w, op, f, depth);
		if (rc == 0)
			rc = check_order(w, op, f);
		if (rc == 0 && f->changed)
			rc = save_folder(w, op, f, &out->tree);
		out->files = f->files;
		out->bytes = f->bytes;
	}
	folder_free(f);
	if (rc < 0)
		return -1;
	if (depth && w->done.all.n < REMEMBERED) {
		known = id_map_at(&w->done, &key);
		known->value = out->tree;
		known->files = out->files;
		known->bytes = out->bytes;
	}
	return 0;
}

int rewrite_tree(struct rewriter *w, struct op *op, const struct id *tree,
		 struct rewritten *out)
{
	buf_reset(&w->path);
	return rewrite_folder(w, op, tree, 0, out);
}
