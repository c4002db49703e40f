#include "backends/backend.h"

#include <stdlib.h>
#include <string.h>

#include "backends/call.h"
#include "backends/listing.h"
#include "backends/spooled.h"

#define RETRY_FIRST_MS   250u
#define RETRY_LONGEST_MS 60000u

static unsigned caps_of(const struct backend_ops *ops)
{
	const struct {
		bool has;
		unsigned cap;
	} table[] = {
		{ ops->list_tree, BE_LIST_TREE },
		{ ops->copy, BE_COPY },
		{ ops->move, BE_MOVE },
		{ ops->move_dir, BE_MOVE_DIR },
		{ ops->purge, BE_PURGE },
		{ ops->touch, BE_TOUCH },
		{ ops->hash, BE_HASH },
		{ ops->quota, BE_QUOTA },
		{ ops->get_xattrs, BE_XATTRS },
		{ ops->set_meta, BE_SET_META },
		{ ops->mknode, BE_MKNODE },
		{ ops->hardlink, BE_HARDLINK },
		{ ops->equal, BE_EQUAL },
		{ ops->flush, BE_FLUSH },
		{ ops->strays, BE_STRAYS },
		{ ops->open_reader, BE_READER },
		{ ops->open_writer, BE_WRITER },
	};
	unsigned caps = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].has)
			caps |= table[i].cap;
	return caps;
}

void backend_init(struct backend *be, const struct backend_ops *ops,
		  const char *name, const char *identity, unsigned extra)
{
	if (!ops->close || !ops->list || !ops->stat || !ops->get || !ops->put ||
	    !ops->mkdir || !ops->rmdir || !ops->unlink)
		BUG("driver of %s lacks a required operation", name);
	be->ops = ops;
	be->name = xstrdup(name);
	be->identity = xstrdup(identity);
	be->caps = caps_of(ops) | extra;
	be->asked = extra & BE_PUT_MD5 ? 1u << HASH_MD5 : 0;
	be->mtime_step = 1;
	be->tries = 5;
}

void be_close(struct backend *be)
{
	char *name, *identity;

	if (!be)
		return;
	name = be->name;
	identity = be->identity;
	be->ops->close(be);
	free(name);
	free(identity);
}

static bool path_is_clean(const char *p)
{
	if (*p == '\0')
		return true;
	for (;;) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);

		if (n == 0 || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		if (*end == '\0')
			return true;
		p = end + 1;
	}
}

int call_enter(struct backend *be, struct op *op, const char *path,
	       unsigned caps)
{
	if (!path_is_clean(path))
		BUG("%s: unclean path \"%s\"", be->name, path);
	if (!be_can(be, caps))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "%s: not supported by this backend", be->name);
	return op_check(op);
}

/*
 * As enter(), for what writes: a driver that does not know keep_old would
 * write over the old file all the same.
 */
static int enter_write(struct backend *be, struct op *op, const char *path,
		       unsigned caps, const struct put_opt *opt)
{
	if (opt->keep_old && !be_can(be, BE_KEEP_OLD))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "%s: old files cannot be kept there", be->name);
	return call_enter(be, op, path, caps);
}

/* Say what was being done to what: "get photos:2024/a.jpg: ...". */
int call_fail(struct backend *be, struct op *op, const char *what,
	      const char *path)
{
	size_t n = strlen(be->name);
	bool join =
		*path && n && be->name[n - 1] != ':' && be->name[n - 1] != '/';
	struct buf where = BUF_INIT;
	bool quote;

	buf_addf(&where, "%s%s%s", be->name, join ? "/" : "", path);
	quote = strpbrk(where.data, " \t\n");
	err_wrap(&op->err, "%s %s%s%s", what, quote ? "\"" : "", where.data,
		 quote ? "\"" : "");
	buf_free(&where);
	return -1;
}

/* After the n-th failure: whether to try once more, having waited. */
bool call_again(struct backend *be, struct op *op, unsigned n)
{
	unsigned ms = op->err.retry_after;
	struct err why = op->err;

	if (!err_info(op->err.kind)->retry || n >= be->tries)
		return false;
	if (ms == 0)
		ms = n < 8 ? RETRY_FIRST_MS << (n - 1) : RETRY_LONGEST_MS;
	if (ms > RETRY_LONGEST_MS)
		ms = RETRY_LONGEST_MS;
	if (op_sleep(op, ms) < 0) {
		op->err = why; /* what went wrong tells more than "canceled" */
		op->err.kind = ERR_CANCELED;
		return false;
	}
	atomic_fetch_add(&be->retries, 1);
	return true;
}

struct gather {
	struct listing *out;
	bool tree;
};

static bool name_is_good(const char *name, bool tree)
{
	if (*name == '\0' || !path_is_clean(name))
		return false;
	return tree || !strchr(name, '/');
}

static int gather(void *arg, struct op *op, const struct entry *e)
{
	struct gather *g = arg;

	if (!name_is_good(e->name, g->tree))
		return err_set(&op->err, ERR_CORRUPT,
			       "the listing has the impossible name \"%s\"",
			       e->name);
	return listing_add(g->out, op, e);
}

int be_list(struct backend *be, struct op *op, const char *dir,
	    struct listing *out)
{
	struct gather g = { .out = out };

	if (call_enter(be, op, dir, 0) < 0)
		return -1;
	for (unsigned n = 1; be->ops->list(be, op, dir, gather, &g) < 0; n++) {
		listing_reset(out);
		if (!call_again(be, op, n))
			return call_fail(be, op, "list", dir);
	}
	return listing_sort(out, op);
}

struct pass {
	entry_fn *fn;
	void *arg;
};

static int pass_on(void *arg, struct op *op, const struct entry *e)
{
	struct pass *p = arg;

	if (!name_is_good(e->name, true))
		return err_set(&op->err, ERR_CORRUPT,
			       "the listing has the impossible name \"%s\"",
			       e->name);
	return p->fn(p->arg, op, e);
}

int be_list_tree(struct backend *be, struct op *op, const char *dir,
		 entry_fn *fn, void (*reset)(void *arg), void *arg)
{
	struct pass pass = { fn, arg };

	if (call_enter(be, op, dir, BE_LIST_TREE) < 0)
		return -1;
	for (unsigned n = 1;
	     be->ops->list_tree(be, op, dir, pass_on, &pass) < 0; n++) {
		if (!call_again(be, op, n))
			return call_fail(be, op, "list", dir);
		reset(arg);
	}
	return 0;
}

int be_stat(struct backend *be, struct op *op, const char *path,
	    struct entry *out)
{
	if (call_enter(be, op, path, 0) < 0)
		return -1;
	for (unsigned n = 1; be->ops->stat(be, op, path, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "stat", path);
	return 0;
}

static bool looks_like(const struct backend *be, const struct entry *e,
		       const struct entry *want)
{
	return e->kind == want->kind && e->size == want->size &&
	       e->mtime / be->mtime_step == want->mtime / be->mtime_step;
}

/*
 * After the n-th try to write failed: whether an earlier one had arrived, and
 * only its answer was lost.  What stands there then is not what the caller
 * saw, but just what was to be written.  Over a network even the first may not
 * have been the first: proxies repeat what they think was lost.
 */
static bool arrived(struct backend *be, struct op *op, unsigned n,
		    const char *path, const struct entry *want,
		    const struct put_opt *opt, struct entry *out)
{
	struct err why = op->err;
	struct entry now;

	if ((n < 2 && !be_can(be, BE_REMOTE)) || !want ||
	    want->mtime == MTIME_UNKNOWN ||
	    (why.kind != ERR_EXISTS && why.kind != ERR_CONFLICT))
		return false;
	/* the old one looks the same: nothing could be told by it */
	if (opt->mode == PUT_OVER && opt->over &&
	    looks_like(be, opt->over, want))
		return false;
	if (be->ops->stat(be, op, path, &now) < 0 ||
	    !looks_like(be, &now, want)) {
		op->err = why;
		return false;
	}
	if (out)
		*out = now;
	return true;
}

/* A driver's put(), as often as the source can be read again. */
static int put_source(struct backend *be, struct op *op, const char *path,
		      struct source *src, const struct put_opt *opt,
		      struct entry *out)
{
	const struct entry want = { .kind = ENTRY_FILE,
				    .size = src->size,
				    .mtime = opt->mtime };

	for (unsigned n = 1; be->ops->put(be, op, path, src, opt, out) < 0;
	     n++) {
		if (arrived(be, op, n, path, &want, opt, out))
			return 0;
		if (!src->seek || !call_again(be, op, n) ||
		    src->seek(src, op, 0) < 0)
			return call_fail(be, op, "put", path);
	}
	return 0;
}

int be_put(struct backend *be, struct op *op, const char *path,
	   struct source *src, const struct put_opt *opt, struct entry *out)
{
	bool sized = src->size >= 0 || be_can(be, BE_PUT_STREAM);
	bool hashed =
		opt->hash.have & 1u << HASH_MD5 || !be_can(be, BE_PUT_MD5);
	struct put_opt with_hash = *opt;
	struct source *spooled;
	int rc;

	if (enter_write(be, op, path, 0, opt) < 0)
		return -1;
	if (sized && hashed)
		return put_source(be, op, path, src, opt, out);
	if (spooled_open(src, op, &with_hash.hash, &spooled) < 0)
		return call_fail(be, op, "put", path);
	rc = put_source(be, op, path, spooled, &with_hash, out);
	spooled_close(spooled);
	return rc;
}

int be_mkdir(struct backend *be, struct op *op, const char *path)
{
	if (call_enter(be, op, path, 0) < 0)
		return -1;
	for (unsigned n = 1; be->ops->mkdir(be, op, path) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "mkdir", path);
	return 0;
}

int be_rmdir(struct backend *be, struct op *op, const char *path)
{
	if (call_enter(be, op, path, 0) < 0)
		return -1;
	for (unsigned n = 1; be->ops->rmdir(be, op, path) < 0; n++) {
		if (n > 1 && op->err.kind == ERR_NO_DIR)
			return 0; /* the answer to the first was lost */
		if (!call_again(be, op, n))
			return call_fail(be, op, "rmdir", path);
	}
	return 0;
}

int be_unlink(struct backend *be, struct op *op, const char *path)
{
	if (call_enter(be, op, path, 0) < 0)
		return -1;
	for (unsigned n = 1; be->ops->unlink(be, op, path) < 0; n++) {
		if (n > 1 && op->err.kind == ERR_NOT_FOUND)
			return 0; /* the answer to the first was lost */
		if (!call_again(be, op, n))
			return call_fail(be, op, "delete", path);
	}
	return 0;
}

int be_purge(struct backend *be, struct op *op, const char *dir)
{
	if (call_enter(be, op, dir, 0) < 0)
		return -1;
	if (!be_can(be, BE_PURGE))
		return purge_by_entry(be, op, dir);
	for (unsigned n = 1; be->ops->purge(be, op, dir) < 0; n++) {
		if (n > 1 && op->err.kind == ERR_NO_DIR)
			return 0; /* the answer to the first was lost */
		if (!call_again(be, op, n))
			return call_fail(be, op, "purge", dir);
	}
	return 0;
}

int be_copy(struct backend *be, struct op *op, struct backend *from,
	    const char *src, const struct entry *seen, const char *dst,
	    const struct put_opt *opt, struct entry *out)
{
	if (enter_write(be, op, dst, BE_COPY, opt) < 0)
		return -1;
	for (unsigned n = 1;
	     be->ops->copy(be, op, from, src, seen, dst, opt, out) < 0; n++) {
		if (arrived(be, op, n, dst, seen, opt, out))
			return 0;
		if (!call_again(be, op, n))
			return call_fail(from, op, "copy", src);
	}
	return 0;
}

/* Leaves op->err as it is. */
static bool is_gone(struct backend *be, struct op *op, const char *path)
{
	struct err why = op->err;
	struct entry e;
	bool gone =
		be->ops->stat(be, op, path, &e) < 0 &&
		(op->err.kind == ERR_NOT_FOUND || op->err.kind == ERR_NO_DIR);

	op->err = why;
	return gone;
}

int be_move(struct backend *be, struct op *op, struct backend *from,
	    const char *src, const struct entry *seen, const char *dst,
	    const struct put_opt *opt, struct entry *out)
{
	if (enter_write(be, op, dst, BE_MOVE, opt) < 0)
		return -1;
	for (unsigned n = 1;
	     be->ops->move(be, op, from, src, seen, dst, opt, out) < 0; n++) {
		struct err why = op->err;

		/* The source is gone if an earlier try had arrived. */
		if (n > 1 && why.kind == ERR_NOT_FOUND)
			op->err.kind = ERR_EXISTS;
		if (is_gone(from, op, src) &&
		    arrived(be, op, n, dst, seen, opt, out))
			return 0;
		op->err = why;
		if (!call_again(be, op, n))
			return call_fail(from, op, "move", src);
	}
	return 0;
}

/* The answer to an earlier try was lost: `dst` was not there before it. */
static bool has_moved(struct backend *be, struct op *op, struct backend *from,
		      const char *src, const char *dst)
{
	struct err why = op->err;
	struct entry e;

	if (why.kind != ERR_NOT_FOUND && why.kind != ERR_NO_DIR &&
	    why.kind != ERR_EXISTS)
		return false;
	if (is_gone(from, op, src) && be->ops->stat(be, op, dst, &e) == 0 &&
	    e.kind == ENTRY_DIR)
		return true;
	op->err = why;
	return false;
}

int be_move_dir(struct backend *be, struct op *op, struct backend *from,
		const char *src, const char *dst)
{
	struct err before;

	if (call_enter(be, op, dst, BE_MOVE_DIR) < 0)
		return -1;
	for (unsigned n = 1; be->ops->move_dir(be, op, from, src, dst) < 0;
	     n++) {
		if (n > 1 && has_moved(be, op, from, src, dst))
			return 0;
		/* an earlier try may have come to its half: what stopped it? */
		if (n > 1 && op->err.kind == ERR_EXISTS) {
			op->err = before;
			return call_fail(from, op, "move", src);
		}
		before = op->err;
		if (!call_again(be, op, n))
			return call_fail(from, op, "move", src);
	}
	return 0;
}

int be_touch(struct backend *be, struct op *op, const char *path, int64_t mtime)
{
	if (call_enter(be, op, path, BE_TOUCH) < 0)
		return -1;
	for (unsigned n = 1; be->ops->touch(be, op, path, mtime) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "touch", path);
	return 0;
}

int be_hash(struct backend *be, struct op *op, const char *path, unsigned want,
	    struct digests *out)
{
	if (call_enter(be, op, path, BE_HASH) < 0)
		return -1;
	for (unsigned n = 1; be->ops->hash(be, op, path, want, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "hash", path);
	return 0;
}

typedef int xattrs_fn(struct backend *be, struct op *op, const char *path,
		      struct xattrs *out);

static int get_xattrs(struct backend *be, struct op *op, const char *path,
		      xattrs_fn *get, struct xattrs *out)
{
	if (call_enter(be, op, path, BE_XATTRS) < 0)
		return -1;
	for (unsigned n = 1; get(be, op, path, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "read attributes of", path);
	return 0;
}

int be_get_xattrs(struct backend *be, struct op *op, const char *path,
		  struct xattrs *out)
{
	return get_xattrs(be, op, path, be->ops->get_xattrs, out);
}

int be_all_xattrs(struct backend *be, struct op *op, const char *path,
		  struct xattrs *out)
{
	const struct backend_ops *ops = be->ops;

	return get_xattrs(be, op, path,
			  ops->all_xattrs ? ops->all_xattrs : ops->get_xattrs,
			  out);
}

int be_set_meta(struct backend *be, struct op *op, const char *path,
		const struct entry *want, const struct xattrs *x)
{
	if (call_enter(be, op, path, BE_SET_META) < 0)
		return -1;
	for (unsigned n = 1; be->ops->set_meta(be, op, path, want, x) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "set metadata of", path);
	return 0;
}

int be_mknode(struct backend *be, struct op *op, const char *path,
	      const struct entry *e, const struct put_opt *opt)
{
	if (enter_write(be, op, path, BE_MKNODE, opt) < 0)
		return -1;
	for (unsigned n = 1; be->ops->mknode(be, op, path, e, opt) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "make", path);
	return 0;
}

int be_hardlink(struct backend *be, struct op *op, const char *from,
		const char *to)
{
	if (call_enter(be, op, to, BE_HARDLINK) < 0)
		return -1;
	for (unsigned n = 1; be->ops->hardlink(be, op, from, to) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "link", to);
	return 0;
}

int be_equal(struct backend *be, struct op *op, const char *path,
	     struct backend *other, const char *other_path, bool *equal)
{
	if (call_enter(be, op, path, BE_EQUAL) < 0)
		return -1;
	for (unsigned n = 1;
	     be->ops->equal(be, op, path, other, other_path, equal) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "compare", path);
	return 0;
}

int be_quota(struct backend *be, struct op *op, struct quota *out)
{
	if (call_enter(be, op, "", BE_QUOTA) < 0)
		return -1;
	for (unsigned n = 1; be->ops->quota(be, op, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "quota", "");
	return 0;
}

int be_flush(struct backend *be, struct op *op)
{
	if (call_enter(be, op, "", BE_FLUSH) < 0)
		return -1;
	for (unsigned n = 1; be->ops->flush(be, op) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "flush", "");
	return 0;
}

int be_strays(struct backend *be, struct op *op, unsigned *removed)
{
	if (call_enter(be, op, "", BE_STRAYS) < 0)
		return -1;
	for (unsigned n = 1; be->ops->strays(be, op, removed) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "tidy", "");
	return 0;
}

int be_open_reader(struct backend *be, struct op *op, const char *path,
		   const struct entry *seen, struct source **out)
{
	if (call_enter(be, op, path, BE_READER) < 0)
		return -1;
	for (unsigned n = 1; be->ops->open_reader(be, op, path, seen, out) < 0;
	     n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "open", path);
	return 0;
}

void be_close_reader(struct backend *be, struct source *src)
{
	if (src)
		be->ops->close_reader(src);
}

int be_open_writer(struct backend *be, struct op *op, const char *path,
		   int64_t size, const struct put_opt *opt, struct sink **out)
{
	if (enter_write(be, op, path, BE_WRITER, opt) < 0)
		return -1;
	for (unsigned n = 1;
	     be->ops->open_writer(be, op, path, size, opt, out) < 0; n++)
		if (!call_again(be, op, n))
			return call_fail(be, op, "write", path);
	return 0;
}

int be_close_writer(struct backend *be, struct op *op, struct sink *sink,
		    bool commit, struct entry *out)
{
	struct err why = op->err;

	if (be->ops->close_writer(be, op, sink, commit, out) == 0)
		return 0;
	if (!commit)
		op->err = why; /* what led to this tells more */
	return call_fail(be, op, "write", "");
}
