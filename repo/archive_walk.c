/* The walk of a backup, in step with the parent snapshot's trees. */

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backends/listing.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "repo/archive_parts.h"
#include "repo/walk.h"

enum { LISTING_KEPT = 10000 /* entries */ };

/* The tree of the parent snapshot that belongs to a folder. */
struct before_tree {
	struct buf text;
	struct arena arena; /* of the node */
	struct tree_reader reader;
	struct node node; /* at hand, if `more` */
	bool more;
};

/* One level of the walk; its memory is used again by the next folder there. */
struct frame {
	struct folder *folder;
	struct listing list;
	struct target *target; /* the next one, if it is not a leaf */
	bool targets;
	uint64_t dev;
	char *mark; /* only this file is saved of it; or NULL */
	struct before_tree before;
};

VEC(frames, struct frame *);

struct walker {
	struct archive *ar;
	struct op *op;
	struct coder *coder;
	struct name_cache names;
	struct buf path; /* of the entry at hand, absolute */
	struct buf json;
	struct frames frames;
	size_t depth; /* of them in use */
};

static void reset_frame(struct frame *f)
{
	if (f->list.total > LISTING_KEPT)
		listing_free(&f->list);
	else
		listing_reset(&f->list);
	free(f->mark);
	f->mark = NULL;
	f->target = NULL;
	f->targets = false;
	f->before.more = false;
	arena_reset(&f->before.arena);
	if (f->before.text.cap > TEXT_KEPT)
		buf_free(&f->before.text);
	buf_reset(&f->before.text);
}

static void free_frame(struct frame *f)
{
	listing_free(&f->list);
	free(f->mark);
	arena_free(&f->before.arena);
	buf_free(&f->before.text);
	free(f);
}

/* The frame above the one in use, empty. */
static struct frame *next_frame(struct walker *w)
{
	struct frame *f;

	if (w->depth < w->frames.n)
		return w->frames.at[w->depth];
	f = xcalloc(1, sizeof(*f));
	f->list = (struct listing)LISTING_INIT;
	f->before.text = (struct buf)BUF_INIT;
	*frames_add(&w->frames) = f;
	return f;
}

/* 0: told, and the run goes on without what op->err is about. */
static int tell(struct walker *w)
{
	return archive_tell(w->ar, w->op, w->path.data);
}

static int next_before(struct walker *w, struct before_tree *b)
{
	int rc;

	arena_reset(&b->arena);
	rc = tree_read_next(&b->reader, &b->node, &w->op->err);
	b->more = rc > 0;
	return rc < 0 ? tell(w) : 0;
}

/* The tree of the folder in the parent snapshot; one that is bad is told. */
static int load_before(struct walker *w, struct before_tree *b,
		       const struct id *tree)
{
	struct archive *ar = w->ar;

	b->more = false;
	if (!tree)
		return 0;
	if (repo_load_blob(ar->r, w->op, w->coder, BLOB_TREE, tree, &b->text) <
		    0 ||
	    tree_read_begin(&b->reader, &b->arena, b->text.data, b->text.len,
			    &w->op->err) < 0)
		return tell(w);
	return next_before(w, b);
}

static int compare_names(const char *name, size_t len, const struct node *n)
{
	size_t common = len < n->name_len ? len : n->name_len;
	int order = memcmp(name, n->name, common);

	return order ? order : (len > n->name_len) - (len < n->name_len);
}

/* What the parent snapshot has under this name, or NULL; names rise. */
static int find_before(struct walker *w, struct before_tree *b,
		       const char *name, const struct node **out)
{
	size_t len = strlen(name);

	*out = NULL;
	while (b->more) {
		int order = compare_names(name, len, &b->node);

		if (order == 0)
			*out = &b->node;
		if (order <= 0)
			return 0;
		if (next_before(w, b) < 0)
			return -1;
	}
	return 0;
}

static void keep_before(struct before *to, const struct before_tree *b,
			const struct node *found)
{
	buf_reset(&to->json);
	to->there = found;
	if (found)
		buf_add(&to->json, b->reader.raw,
			(size_t)(b->reader.at - b->reader.raw));
}

static bool has_content(const struct archive *ar, const struct node *n)
{
	for (size_t i = 0; i < n->ncontent; i++)
		if (!index_has(ar->r->index, BLOB_DATA, &n->content[i]))
			return false;
	return true;
}

/* Not read, since it has not changed. */
static void take_unchanged(struct walker *w, struct frame *f, struct node *n,
			   const struct node *before, int64_t began)
{
	struct archive *ar = w->ar;
	const struct tree_reader *r = &f->before.reader;

	if (node_same(n, before)) {
		folder_add_done(ar, f->folder, n->name, r->raw,
				(size_t)(r->at - r->raw));
	} else {
		n->content = before->content;
		n->ncontent = before->ncontent;
		buf_reset(&w->json);
		node_write(&w->json, n);
		folder_add_done(ar, f->folder, n->name, w->json.data,
				w->json.len);
	}
	if (ar->opt->progress)
		atomic_fetch_add(&ar->opt->progress->bytes_done,
				 (int64_t)n->size);
	archive_done(ar, ARCHIVE_UNCHANGED, w->path.data, n, NULL, NULL, began);
}

static void visit_file(struct walker *w, struct frame *f, struct node *n,
		       const struct node *before)
{
	struct archive *ar = w->ar;
	int64_t began = ar->opt->item ? clock_mono() : 0;
	struct file_job *job;

	if (before && node_unchanged(n, before, ar->opt)) {
		if (has_content(ar, before)) {
			take_unchanged(w, f, n, before, began);
			return;
		}
		log_notice(w->path.data, "parts of it are missing in the "
					 "repository: it is stored again");
	}
	job = work_spare_file(ar);
	job->item = folder_add(ar, f->folder, n->name);
	job->node = node_copy(&job->arena, n);
	job->path = arena_strdup(&job->arena, w->path.data);
	job->began = began;
	keep_before(&job->before, &f->before, before);
	work_add_file(ar, job);
}

/*
 * Go into a folder: what is in it is listed already, unless it is one of
 * targets.
 */
static int enter(struct walker *w, struct frame *up, struct node *n,
		 const struct node *before, uint64_t dev)
{
	struct frame *f = next_frame(w);
	const struct id *tree =
		before && before->type == NODE_DIR && before->has_subtree
			? &before->subtree
			: NULL;
	struct item *it = folder_add(w->ar, up->folder, n->name);

	f->folder = folder_new(it, w->path.data);
	f->folder->node = node_copy(&f->folder->arena, n);
	keep_before(&f->folder->before, &up->before, before);
	f->dev = dev;
	w->depth++;
	return load_before(w, &f->before, tree);
}

static int list(struct walker *w, struct frame *f)
{
	const struct archive_opt *opt = w->ar->opt;
	const char *mark;

	if (be_list(opt->from, w->op, w->path.len ? w->path.data + 1 : "",
		    &f->list) < 0)
		return -1;
	if (!select_any_marks(opt))
		return 0;
	if (select_mark(opt, w->op, w->path.data, &mark) < 0)
		return -1;
	f->mark = mark ? xstrdup(mark) : NULL;
	return 0;
}

static int visit_folder(struct walker *w, struct frame *up, struct node *n,
			const struct node *before, const struct entry *e,
			const struct target *t, bool mount)
{
	uint64_t dev = e->posix ? e->posix->dev : 0;
	struct frame *f = next_frame(w);

	if (w->depth > WALK_DEPTH) {
		err_set(&w->op->err, ERR_UNSUPPORTED,
			"more than %d folders, one in the other", WALK_DEPTH);
		return tell(w);
	}
	if (t && !t->leaf) {
		f->targets = true;
		f->target = t->below;
	} else if (!mount && list(w, f) < 0) {
		reset_frame(f);
		return tell(w);
	}
	return enter(w, up, n, before, dev);
}

/*
 * Setting an attribute changes a file's ctime; so where that is of this
 * machine's clock, those that whoever made the parent could see are known.
 */
static bool knows_xattrs(const struct walker *w, const struct node *n,
			 const struct node *before)
{
	const struct archive_opt *opt = w->ar->opt;

	return n->type == NODE_FILE && before && !opt->ignore_ctime &&
	       !opt->ignore_inode && opt->parent &&
	       opt->parent->uid == opt->uid &&
	       be_can(opt->from, BE_OWN_CLOCK) &&
	       node_unchanged(n, before, opt);
}

/* The metadata that the entry does not carry: 1, or 0 if it cannot be saved. */
static int complete(struct walker *w, struct node *n)
{
	if (node_read_xattrs(n, w->op, w->ar->opt->from, w->path.data + 1) == 0)
		return 1;
	if (w->op->err.kind == ERR_NOT_FOUND || w->op->err.kind == ERR_NO_DIR)
		return tell(w);
	return tell(w) < 0 ? -1 : 1; /* without them, then */
}

/* One entry, whose path is w->path. */
static int visit(struct walker *w, struct frame *f, const struct entry *e,
		 const struct target *t)
{
	struct archive *ar = w->ar;
	const struct node *before;
	bool mount = false;
	struct node n;
	int rc;

	if (!t || t->leaf) {
		if ((f->mark && strcmp(f->mark, e->name) != 0) ||
		    !select_path(ar->opt, w->path.data) ||
		    !select_entry(ar->opt, e,
				  t && e->posix ? e->posix->dev : f->dev,
				  &mount))
			return 0;
	}
	node_of_entry(&n, e, &w->names, ar->opt->with_atime);
	if (n.type == NODE_SOCKET)
		return 0; /* nobody could use it again */
	if (find_before(w, &f->before, e->name, &before) < 0)
		return -1;
	if (knows_xattrs(w, &n, before)) {
		n.xattrs = before->xattrs;
		n.nxattrs = before->nxattrs;
	} else if ((rc = complete(w, &n)) <= 0) {
		return rc;
	}
	if (n.type == NODE_DIR)
		return visit_folder(w, f, &n, before, e, t, mount);
	if (n.type == NODE_FILE) {
		visit_file(w, f, &n, before);
		return 0;
	}
	buf_reset(&w->json);
	node_write(&w->json, &n);
	folder_add_done(ar, f->folder, n.name, w->json.data, w->json.len);
	return 0;
}

static int visit_target(struct walker *w, struct frame *f,
			const struct target *t)
{
	struct entry e;

	buf_reset(&w->path);
	buf_adds(&w->path, t->path);
	if (be_stat(w->ar->opt->from, w->op, t->path + 1, &e) < 0)
		return tell(w);
	if (!t->leaf && e.kind != ENTRY_DIR) {
		/* a link to a folder: as restic, what it leads to is not asked
		 */
		err_set(&w->op->err, ERR_NOT_DIR, "not a folder");
		return tell(w);
	}
	e.name = t->name;
	return visit(w, f, &e, t);
}

/* The next entry of a folder: 1, 0 at its end, -1. */
static int step(struct walker *w, struct frame *f)
{
	struct posix_meta meta;
	struct entry e;
	int rc;

	if (f->targets) {
		const struct target *t = f->target;

		if (!t)
			return 0;
		f->target = t->next;
		return visit_target(w, f, t) < 0 ? -1 : 1;
	}
	rc = listing_next(&f->list, w->op, &e, &meta);
	if (rc <= 0)
		return rc;
	buf_reset(&w->path);
	buf_adds(&w->path, f->folder->path);
	buf_adds(&w->path, "/");
	buf_adds(&w->path, e.name);
	return visit(w, f, &e, NULL) < 0 ? -1 : 1;
}

static void leave(struct walker *w)
{
	struct frame *f = w->frames.at[--w->depth];

	if (folder_left(w->ar, f->folder))
		work_add_folder(w->ar, f->folder);
	reset_frame(f);
}

static int begin(struct walker *w, const struct target *root)
{
	const struct archive_opt *opt = w->ar->opt;
	struct frame *f = next_frame(w);

	f->folder = folder_new(NULL, "");
	w->depth++;
	if (root->leaf) {
		struct entry e;

		if (be_stat(opt->from, w->op, "", &e) < 0 || list(w, f) < 0)
			return -1;
		f->dev = e.posix ? e.posix->dev : 0;
	} else {
		f->targets = true;
		f->target = root->below;
	}
	return load_before(w, &f->before,
			   opt->parent ? &opt->parent->tree : NULL);
}

void archive_walk(struct archive *ar, struct op *op, struct target *root)
{
	struct walker w = { .ar = ar,
			    .op = op,
			    .coder = repo_coder(ar->r),
			    .path = BUF_INIT,
			    .json = BUF_INIT };
	int rc = begin(&w, root);

	while (rc >= 0 && w.depth) {
		rc = step(&w, w.frames.at[w.depth - 1]);
		arena_reset(&op->arena);
		if (rc == 0)
			leave(&w);
		if (op_check(op) < 0 || archive_failed(ar))
			rc = -1;
	}
	if (rc < 0)
		archive_fail(ar, &op->err);
	while (w.depth)
		leave(&w);
	for (size_t i = 0; i < w.frames.n; i++)
		free_frame(w.frames.at[i]);
	frames_free(&w.frames);
	name_cache_free(&w.names);
	buf_free(&w.path);
	buf_free(&w.json);
	coder_free(w.coder);
}
