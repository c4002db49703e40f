/*
 * The trash.  A deleted thing stays where it was, marked as deleted: a
 * tombstone, whose size and MD5 bring it back.
 */
#include "backends/jotta/jotta.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "backends/jotta/walk.h"
#include "backends/listing.h"
#include "lib/fnv.h"
#include "lib/fold.h"
#include "lib/json.h"
#include "lib/log.h"
#include "lib/parse.h"

struct trash_list {
	entry_fn *fn;
	void *arg;
	struct jfs_node self;
};

static int show(void *arg, struct op *op, const struct jfs_node *n)
{
	struct trash_list *t = arg;
	struct buf name = BUF_INIT;
	struct entry e;
	int rc = 0;

	if (n->kind == JFS_REVISION)
		return 0;
	if (n->self) {
		t->self = *n;
		return 0;
	}
	if (!(n->deleted || t->self.deleted) ||
	    (n->kind == JFS_FILE && !n->complete))
		return 0;
	if (jotta_shown(&name, n->name)) {
		jotta_entry(op, n, name.data, &e);
		rc = t->fn(t->arg, op, &e);
	}
	buf_free(&name);
	return rc;
}

int jotta_trash_list(struct backend *be, struct op *op, const char *dir,
		     entry_fn *fn, void *arg)
{
	struct trash_list t = { .fn = fn,
				.arg = arg,
				.self = { .kind = JFS_FOLDER } };

	if (jfs_get(jotta_of(be), op, dir, show, &t) < 0)
		return -1;
	return t.self.kind == JFS_FOLDER
		       ? 0
		       : err_set(&op->err, ERR_NOT_DIR, "it is a file");
}

/*
 * What is to be restored is gathered first and then made, since what is made
 * changes the tombstones.
 */
struct plan {
	struct jotta *j;
	bool overwrite;
	struct listing todo; /* paths; `tag` is when a file was created */
	struct tidied done;

	/* Of the folder that is listed just now: */
	struct listing found; /* deleted files */
	uint64_t *living;     /* hashes of the names that are taken */
	size_t n_living, cap;
	bool any_dir; /* deleted folders are in it */
};

/* Of a name as the service compares it. */
static uint64_t hash_name_of(const char *name)
{
	struct buf b = BUF_INIT;
	uint64_t h;

	fold_case(&b, name);
	h = fnv(b.data, b.len);
	buf_free(&b);
	return h;
}

static void add_living(struct plan *p, const char *path)
{
	if (p->n_living == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->living = xrealloc(p->living, p->cap, sizeof(*p->living));
	}
	p->living[p->n_living++] = hash_name_of(path);
}

static int by_hash_value(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

static bool is_taken(const struct plan *p, const char *path)
{
	uint64_t h = hash_name_of(path);

	return p->n_living && bsearch(&h, p->living, p->n_living,
				      sizeof(*p->living), by_hash_value);
}

/* With `created` as text in the tag, for which an entry has no member. */
static int add_to(struct listing *l, struct op *op, const char *path,
		  const struct jfs_node *n)
{
	const struct entry e = {
		.kind = ENTRY_FILE,
		.name = path,
		.size = n->size,
		.mtime = n->mtime,
		.hash = n->hash,
		.tag = arena_printf(&op->arena, "%" PRId64, n->created),
	};

	return listing_add(l, op, &e);
}

static int gather(void *arg, struct op *op, const char *path,
		  const struct jfs_node *n)
{
	struct plan *p = arg;

	if (!n->deleted)
		add_living(p, path);
	else if (n->kind == JFS_FOLDER)
		p->any_dir = true;
	else if (n->complete)
		return add_to(&p->found, op, path, n);
	return 0;
}

/* A folder by itself; the '/' tells it from a file that was called so. */
static int add_dir(struct plan *p, struct op *op, const char *dir)
{
	const struct entry e = {
		.kind = ENTRY_DIR,
		.name = arena_printf(&op->arena, "%s/", dir),
		.size = SIZE_UNKNOWN,
		.mtime = MTIME_UNKNOWN,
	};

	return listing_add(&p->todo, op, &e);
}

/* At a folder's end: what of it comes back, unless its place is taken. */
static int add_folder(void *arg, struct op *op, const char *dir,
		      const struct jfs_node *self)
{
	struct plan *p = arg;
	struct entry e;
	struct posix_meta m;
	int more = -1, rc = listing_sort(&p->found, op);

	/* A folder with anything in it comes back with that. */
	if (rc == 0 && self->deleted && p->found.total == 0 && !p->any_dir)
		rc = add_dir(p, op, dir);
	if (p->n_living)
		qsort(p->living, p->n_living, sizeof(*p->living),
		      by_hash_value);
	while (rc == 0 && (more = listing_next(&p->found, op, &e, &m)) > 0) {
		if (!p->overwrite && is_taken(p, e.name))
			p->done.left++;
		else
			rc = listing_add(&p->todo, op, &e);
	}
	listing_reset(&p->found);
	p->n_living = 0;
	p->any_dir = false;
	return rc == 0 && more == 0 ? 0 : -1;
}

static int restore_dir(struct plan *p, struct op *op, const char *name)
{
	const char *dir =
		arena_printf(&op->arena, "%.*s", (int)strlen(name) - 1, name);

	if (jotta_mkdir(&p->j->base, op, dir) < 0)
		return err_wrap(&op->err, "\"%s\"", dir);
	p->done.dirs++;
	return 0;
}

static int restore_file(struct plan *p, struct op *op, const struct entry *e)
{
	struct jfs_node n = { .kind = JFS_FILE,
			      .size = e->size,
			      .mtime = e->mtime,
			      .created = MTIME_UNKNOWN,
			      .hash = e->hash };

	if (!e->tag || !parse_int(e->tag, &n.created))
		n.created = MTIME_UNKNOWN;
	if (jotta_by_hash(p->j, op, e->name, &n) < 0) {
		if (op->err.kind == ERR_NOT_FOUND)
			err_set(&op->err, ERR_NOT_FOUND,
				"the service no longer has its content");
		return err_wrap(&op->err, "\"%s\"", e->name);
	}
	p->done.files++;
	p->done.bytes += e->size;
	return 0;
}

static int restore_one(struct plan *p, struct op *op, const struct entry *e)
{
	int rc = e->kind == ENTRY_DIR ? restore_dir(p, op, e->name)
				      : restore_file(p, op, e);

	if (rc == 0 || op->err.kind != ERR_EXISTS)
		return rc;
	p->done.left++;
	return 0;
}

/* Whether the rest is not to be tried, either: not now, or not at all. */
static bool is_end(const struct err *e)
{
	return err_info(e->kind)->fatal || err_info(e->kind)->retry;
}

/*
 * One that cannot be restored does not keep the others where they are: each is
 * named, and the number of them is what is reported in the end.
 */
static int restore_all(struct plan *p, struct op *op)
{
	struct op each = op_begin(op->cancel); /* what one of them needs */
	int more = -1, rc = listing_sort(&p->todo, op);
	size_t failed = 0;
	struct posix_meta m;
	struct entry e;

	while (rc == 0 && (more = listing_next(&p->todo, op, &e, &m)) > 0) {
		bool restored = restore_one(p, &each, &e) == 0;

		if (!restored && (is_end(&each.err) || p->todo.total == 1)) {
			op->err = each.err;
			rc = -1;
		} else if (!restored) {
			log_error(p->j->base.name, "%s", each.err.msg);
			failed++;
		}
		err_clear(&each.err);
		arena_reset(&each.arena);
	}
	op_end(&each);
	if (rc < 0 || more < 0)
		return -1;
	if (failed)
		return err_set(&op->err, ERR_PARTIAL,
			       "%zu of %zu could not be restored, the rest is",
			       failed, (size_t)p->todo.total);
	return 0;
}

/* Look among what `path`'s folder holds for a deleted file of its name. */
struct lookup {
	const char *name;
	struct jfs_node file;
	bool any;
};

static int look(void *arg, struct op *op, const struct jfs_node *n)
{
	struct lookup *l = arg;
	struct buf name = BUF_INIT;

	(void)op;
	if (n->self || n->kind != JFS_FILE || !n->deleted || !n->complete)
		return 0;
	if (jotta_shown(&name, n->name) && strcmp(name.data, l->name) == 0) {
		l->file = *n;
		l->any = true;
	}
	buf_free(&name);
	return 0;
}

/* Something living is at `path`: is there a tombstone, too? */
static int behind_living(struct plan *p, struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct lookup l = { .name = slash ? slash + 1 : path };
	const char *dir = arena_printf(&op->arena, "%.*s",
				       slash ? (int)(slash - path) : 0, path);

	if (p->overwrite && jfs_get(p->j, op, dir, look, &l) < 0)
		return -1;
	if (l.any)
		return add_to(&p->todo, op, path, &l.file);
	p->done.left++;
	return 0;
}

static int make_plan(struct plan *p, struct op *op, const char *path)
{
	const struct jotta_walk walk = {
		.deleted = true, .each = gather, .left = add_folder, .arg = p
	};
	struct jfs_node n;

	if (jotta_node(p->j, op, path, &n) < 0)
		return -1;
	if (n.kind == JFS_FOLDER)
		return jotta_walk(p->j, op, path, &walk);
	if (!n.deleted)
		return behind_living(p, op, path);
	if (!n.complete)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "it was never there whole");
	return add_to(&p->todo, op, path, &n);
}

int jotta_trash_restore(struct backend *be, struct op *op, const char *path,
			bool overwrite, struct tidied *out)
{
	struct plan p = { .j = jotta_of(be),
			  .overwrite = overwrite,
			  .todo = LISTING_INIT,
			  .found = LISTING_INIT };
	int rc = -1;

	if (make_plan(&p, op, path) < 0)
		goto out;
	rc = restore_all(&p, op);
	if (out) { /* also of a try that broke off, and is made again */
		out->files += p.done.files;
		out->dirs += p.done.dirs;
		out->bytes += p.done.bytes;
		out->left = p.done.left;
	}
out:
	listing_free(&p.todo);
	listing_free(&p.found);
	free(p.living);
	return rc;
}

int jotta_trash_empty(struct backend *be, struct op *op, struct tidied *out)
{
	struct jotta *j = jotta_of(be);
	struct http_request rq = { .method = "POST" };
	const struct json_node *root;
	struct http_answer answer;

	rq.url = arena_printf(&op->arena, "%sfiles/v1/purge_trash",
			      j->account->api_url);
	if (jotta_ask(j, op, &rq, &answer) < 0)
		return -1;
	/* It is done; numbers that cannot be read do not change that. */
	if (json_parse(&op->arena, answer.body, answer.body_len, &root,
		       &op->err) < 0) {
		err_clear(&op->err);
		root = NULL;
	}
	if (out)
		*out = (struct tidied){
			.files = json_number(json_get(root, "files"), -1),
			.dirs = json_number(json_get(root, "folders"), -1),
			.bytes = -1,
		};
	return 0;
}

/* As `rclone cleanup`: unfinished uploads go by themselves. */
int jotta_cleanup(struct backend *be, struct op *op, struct tidied *out)
{
	return jotta_trash_empty(be, op, out);
}
