#include "sync/check.h"

#include <stdlib.h>
#include <string.h>

#include "sync/compare.h"
#include "sync/side.h"
#include "sync/walk.h"

enum { ON_SRC = 1, ON_DST = 2 };
enum { BATCH_FILES = 32, BATCH_BYTES = 2 * 1024 * 1024 };

struct check {
	struct sync_run run; /* what compare.c asks of one; nothing is run */
	const struct check_opts *opts;
	struct check_stats *stats;
	const struct check_report *report;
	struct pool *readers;
	struct group *group;
};

/* One folder's visit. */
struct visiting {
	struct check *c;
	struct visit *visit;
	int depth;
	struct buf path;
	struct reading *batch;
};

/* Files whose contents are to be compared on the other pool. */
struct reading {
	struct check *c;
	struct arena arena;
	size_t n;
	int64_t bytes;
	struct item item[BATCH_FILES];
};

char check_result_sign(enum check_result r)
{
	return "=*+-!"[r];
}

const char *check_result_name(enum check_result r)
{
	static const char *const names[CHECK_RESULTS] = {
		[CHECK_SAME] = "same",
		[CHECK_DIFFERS] = "differs",
		[CHECK_MISSING_ON_DST] = "missing-on-destination",
		[CHECK_MISSING_ON_SRC] = "missing-on-source",
		[CHECK_ERROR] = "error",
	};

	return names[r];
}

static void tell(struct check *c, enum check_result result, const char *path,
		 const char *reason, const struct err *err)
{
	struct check_event e = {
		.result = result, .path = path, .reason = reason, .err = err
	};

	atomic_fetch_add(&c->stats->files[result], 1);
	if (!c->report->event || (result == CHECK_SAME && !c->report->same))
		return;
	pthread_mutex_lock(&c->run.report_lock);
	c->report->event(c->report->arg, &e);
	pthread_mutex_unlock(&c->run.report_lock);
}

/* In what the metadata differs, or NULL; "" if it could not be read. */
static const char *meta_reason(struct check *c, struct op *op,
			       const struct item *it)
{
	struct sync_run *r = &c->run;
	const char *why = meta_differs(r, &it->from, &it->over);
	struct xattrs x, y;

	if (why || !r->metadata || !be_can(r->src, BE_XATTRS) ||
	    !be_can(r->dst, BE_XATTRS))
		return why;
	if (be_get_xattrs(r->src, op, it->src, &x) < 0 ||
	    be_get_xattrs(r->dst, op, it->dst, &y) < 0)
		return "";
	return xattrs_equal(&x, &y) ? NULL : "attributes differ";
}

static void conclude(struct check *c, struct op *op, const struct item *it)
{
	const char *why = meta_reason(c, op, it);

	if (!why)
		tell(c, CHECK_SAME, it->dst, NULL, NULL);
	else if (*why)
		tell(c, CHECK_DIFFERS, it->dst, why, NULL);
	else
		tell(c, CHECK_ERROR, it->dst, NULL, &op->err);
}

/* For sides that are neither read together nor know a common hash. */
struct hash_sink {
	struct sink base;
	struct hasher *hasher;
};

static int hash_write(struct sink *s, struct op *op, const void *p, size_t n)
{
	(void)op;
	hasher_add(container_of(s, struct hash_sink, base)->hasher, p, n);
	return 0;
}

static int download(struct backend *be, struct op *op, const char *path,
		    const struct entry *e, struct digests *out)
{
	struct get_opt get = { .len = -1, .tag = e->tag };
	struct hash_sink s = { .base.write = hash_write,
			       .hasher = hasher_new(1u << HASH_SHA256) };
	int rc = be_get(be, op, path, &get, &s.base);

	if (rc == 0)
		hasher_end(s.hasher, out);
	hasher_free(s.hasher);
	return rc;
}

static int read_both(struct check *c, struct op *op, const struct item *it,
		     bool *equal)
{
	struct sync_run *r = &c->run;
	struct digests a, b;
	enum hash_type t;

	if (be_can(r->src, BE_EQUAL)) {
		if (be_equal(r->src, op, it->src, r->dst, it->dst, equal) == 0)
			return 0;
		if (op->err.kind != ERR_UNSUPPORTED || op->err.code)
			return -1;
	}
	if (!c->opts->download && common_hash(r->src, r->dst, &t)) {
		if (digest_get(r->src, op, it->src, &it->from, t, &a) < 0 ||
		    digest_get(r->dst, op, it->dst, &it->over, t, &b) < 0)
			return -1;
	} else if (download(r->src, op, it->src, &it->from, &a) < 0 ||
		   download(r->dst, op, it->dst, &it->over, &b) < 0) {
		return -1;
	}
	*equal = digests_compare(&a, &b) == 1;
	return 0;
}

static void check_contents(struct check *c, struct op *op,
			   const struct item *it)
{
	bool equal;

	if (read_both(c, op, it, &equal) < 0) {
		if (op->err.kind == ERR_CANCELED)
			return;
		tell(c, CHECK_ERROR, it->dst, NULL, &op->err);
	} else if (!equal) {
		tell(c, CHECK_DIFFERS, it->dst, "content differs", NULL);
	} else {
		atomic_fetch_add(&c->stats->bytes, it->from.size);
		conclude(c, op, it);
	}
}

static int read_batch(struct op *op, void *arg)
{
	struct reading *b = arg;
	int rc = 0;

	for (size_t i = 0; i < b->n && rc == 0; i++) {
		check_contents(b->c, op, &b->item[i]);
		arena_reset(&op->arena);
		rc = op_check(op);
	}
	arena_free(&b->arena);
	free(b);
	return rc;
}

static int send(struct visiting *v, struct op *op)
{
	struct reading *b = v->batch;

	v->batch = NULL;
	if (!b || group_add(v->c->group, op, read_batch, b) == 0)
		return 0;
	arena_free(&b->arena);
	free(b);
	return -1;
}

static int queue(struct visiting *v, struct op *op, const struct item *it)
{
	struct reading *b = v->batch;
	struct item *copy;

	if (!b) {
		b = v->batch = xcalloc(1, sizeof(*b));
		b->c = v->c;
	}
	copy = &b->item[b->n++];
	copy->src = copy->dst = arena_strdup(&b->arena, it->src);
	copy->from = entry_copy(&b->arena, &it->from);
	copy->over = entry_copy(&b->arena, &it->over);
	/* No more than fills it: sizes up to 2^63 do not add up. */
	b->bytes += it->from.size < BATCH_BYTES ? it->from.size : BATCH_BYTES;
	if (b->n < BATCH_FILES && b->bytes < BATCH_BYTES)
		return 0;
	return send(v, op);
}

static const char *node_reason(const struct item *it)
{
	const struct posix_meta *a = it->from.posix, *b = it->over.posix;

	if (it->from.kind != it->over.kind)
		return "kind differs";
	if (!a || !b)
		return NULL;
	if (it->from.kind == ENTRY_LINK && strcmp(a->target, b->target) != 0)
		return "link target differs";
	if (it->from.kind == ENTRY_SPECIAL &&
	    (((a->mode ^ b->mode) & 0170000) || a->rdev != b->rdev))
		return "device differs";
	return NULL;
}

/* An entry that both sides have, of which nothing or everything is known. */
static int compare_pair(struct visiting *v, struct op *op,
			const struct item *it)
{
	struct check *c = v->c;
	const char *why = node_reason(it);

	if (why) {
		tell(c, CHECK_DIFFERS, it->dst, why, NULL);
		return 0;
	}
	if (it->from.kind == ENTRY_DIR) {
		why = meta_reason(c, op, it);
		if (why && *why)
			tell(c, CHECK_DIFFERS, it->dst, why, NULL);
		return 0;
	}
	if (it->from.kind != ENTRY_FILE) {
		conclude(c, op, it);
		return 0;
	}
	if (it->from.size != it->over.size && it->from.size != SIZE_UNKNOWN &&
	    it->over.size != SIZE_UNKNOWN) {
		tell(c, CHECK_DIFFERS, it->dst, "size differs", NULL);
		return 0;
	}
	if (!c->opts->size_only && it->from.size != 0)
		return queue(v, op, it);
	conclude(c, op, it);
	return 0;
}

static bool taken(const struct visiting *v, const struct entry *e)
{
	const struct filter *f = v->c->opts->filter;

	return e->kind == ENTRY_DIR ? filter_dir(f, v->path.data)
				    : filter_file(f, v->path.data, e);
}

static bool enters(const struct visiting *v, const struct entry *e)
{
	const struct check *c = v->c;
	int max = c->opts->max_depth;

	if (max >= 0 && v->depth + 1 >= max)
		return false;
	return !c->run.src_dev || !e->posix ||
	       e->posix->dev + 1 == c->run.src_dev;
}

static void one_side(struct visiting *v, const struct entry *e,
		     enum check_result result, unsigned flag)
{
	if (!taken(v, e))
		return;
	if (e->kind != ENTRY_DIR)
		tell(v->c, result, v->path.data, NULL, NULL);
	else if (enters(v, e))
		walk_add(v->visit, e, flag);
}

static int both_sides(struct visiting *v, struct op *op, const struct side *a,
		      const struct side *b)
{
	struct item it = { .src = v->path.data,
			   .dst = v->path.data,
			   .from = a->e,
			   .over = b->e };

	if (!taken(v, &a->e))
		return 0;
	if (a->e.kind == ENTRY_DIR && b->e.kind == ENTRY_DIR &&
	    enters(v, &a->e))
		walk_add(v->visit, &a->e, ON_SRC | ON_DST);
	return compare_pair(v, op, &it);
}

static int merge(struct visiting *v, struct op *op, const char *dir,
		 struct side *a, struct side *b)
{
	int rc = 0;

	side_step(a, op);
	side_step(b, op);
	while (rc == 0 && (a->more > 0 || b->more > 0)) {
		int order = sides_order(a, b);

		path_join(&v->path, dir, order <= 0 ? a->e.name : b->e.name);
		if (order < 0)
			one_side(v, &a->e, CHECK_MISSING_ON_DST, ON_SRC);
		else if (order == 0)
			rc = both_sides(v, op, a, b);
		else if (!v->c->opts->one_way)
			one_side(v, &b->e, CHECK_MISSING_ON_SRC, ON_DST);
		if (order <= 0)
			side_step(a, op);
		if (order >= 0)
			side_step(b, op);
		arena_reset(&op->arena);
		if (rc == 0)
			rc = op_check(op);
	}
	return sides_end(a, b) < 0 ? -1 : rc;
}

/* Whether the listing failed, and the rest of the check may go on. */
static bool unreadable(struct visiting *v, struct op *op, struct backend *be,
		       const char *dir, struct side *s)
{
	struct sync_run *r = &v->c->run;

	s->list.fold = r->no_case;
	if (lister_list(be == r->src ? r->src_lister : r->dst_lister, op, dir,
			&s->list) == 0)
		return false;
	if (op->err.kind != ERR_CANCELED)
		tell(v->c, CHECK_ERROR, dir, NULL, &op->err);
	return true;
}

static int visit_folder(void *arg, struct op *op, struct visit *visit,
			const char *path, const struct entry *e, unsigned flags,
			int depth)
{
	struct visiting v = {
		.c = arg, .visit = visit, .depth = depth, .path = BUF_INIT
	};
	struct side a = SIDE_INIT, b = SIDE_INIT;
	int rc;

	(void)e;
	if (((flags & ON_SRC) && unreadable(&v, op, v.c->run.src, path, &a)) ||
	    ((flags & ON_DST) && unreadable(&v, op, v.c->run.dst, path, &b))) {
		rc = op_check(op);
		goto out;
	}
	rc = merge(&v, op, path, &a, &b);
	if (send(&v, op) < 0)
		rc = -1;
out:
	listing_free(&a.list);
	listing_free(&b.list);
	buf_free(&v.path);
	return rc;
}

static int verdict(struct check *c, struct op *op)
{
	int64_t n = 0, errors = atomic_load(&c->stats->files[CHECK_ERROR]);

	for (int i = CHECK_DIFFERS; i < CHECK_ERROR; i++)
		n += atomic_load(&c->stats->files[i]);
	if (errors)
		return err_set(&op->err, ERR_PARTIAL,
			       "%lld could not be compared, %lld %s",
			       (long long)errors, (long long)n,
			       n == 1 ? "differs" : "differ");
	if (n)
		return err_set(&op->err, ERR_CONFLICT, "%lld %s", (long long)n,
			       n == 1 ? "difference" : "differences");
	return 0;
}

static void begin(struct check *c, struct backend *src, struct backend *dst,
		  const struct check_opts *opts, struct check_stats *stats,
		  const struct check_report *report)
{
	int64_t step = src->mtime_step > dst->mtime_step ? src->mtime_step
							 : dst->mtime_step;

	*c = (struct check){
		.run = { .src = src,
			 .dst = dst,
			 .window = step,
			 .no_case = be_can(dst, BE_NO_CASE),
			 .metadata = opts->metadata && be_can(src, BE_POSIX) &&
				     be_can(dst, BE_POSIX) },
		.opts = opts,
		.stats = stats,
		.report = report,
	};
	pthread_mutex_init(&c->run.report_lock, NULL);
}

int check_tree(struct backend *src, struct backend *dst, struct op *op,
	       const struct check_opts *opts, struct check_stats *stats,
	       const struct check_report *report)
{
	unsigned most = src->calls > dst->calls ? src->calls : dst->calls;
	unsigned threads = opts->checkers          ? opts->checkers
			   : most > pool_fitting() ? most
						   : pool_fitting();
	enum lister_mode mode;
	struct entry e;
	struct check c;
	struct walk *w;
	struct err why;
	int rc;

	if (be_stat(src, op, "", &e) < 0)
		return -1;
	begin(&c, src, dst, opts, stats, report);
	if (opts->one_file_system && e.posix)
		c.run.src_dev = e.posix->dev + 1;
	if (be_stat(dst, op, "", &e) < 0) {
		pthread_mutex_destroy(&c.run.report_lock);
		return -1;
	}
	mode = opts->max_depth >= 0 || !filter_is_empty(opts->filter)
		       ? LISTER_EACH
		       : LISTER_WHOLE;
	c.run.src_lister = lister_new(src, mode);
	c.run.dst_lister = lister_new(dst, mode);
	c.readers = pool_new(threads, threads * 4, op->cancel);
	c.group = group_new(c.readers);
	w = walk_new(visit_folder, &c);
	walk_begin(w, "", ON_SRC | ON_DST);
	rc = walk_run(w, op,
		      mode == LISTER_EACH || opts->checkers ? threads
							    : pool_fitting());
	why = op->err;
	if (group_wait(c.group, op) < 0 && rc == 0) {
		rc = -1;
		why = op->err;
	}
	pool_free(c.readers);
	walk_free(w);
	lister_free(c.run.src_lister);
	lister_free(c.run.dst_lister);
	pthread_mutex_destroy(&c.run.report_lock);
	if (rc < 0) {
		op->err = why;
		return -1;
	}
	return verdict(&c, op);
}

int check_file(struct backend *src, const char *src_name, struct backend *dst,
	       const char *dst_name, struct op *op,
	       const struct check_opts *opts, struct check_stats *stats,
	       const struct check_report *report)
{
	struct item it = { .src = src_name, .dst = dst_name };
	struct check c;

	if (be_stat(src, op, src_name, &it.from) < 0)
		return -1;
	begin(&c, src, dst, opts, stats, report);
	if (be_stat(dst, op, dst_name, &it.over) < 0) {
		if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
			return -1;
		tell(&c, CHECK_MISSING_ON_DST, dst_name, NULL, NULL);
	} else if (node_reason(&it)) {
		tell(&c, CHECK_DIFFERS, dst_name, node_reason(&it), NULL);
	} else if (it.from.kind == ENTRY_FILE && it.from.size != it.over.size) {
		tell(&c, CHECK_DIFFERS, dst_name, "size differs", NULL);
	} else if (it.from.kind == ENTRY_FILE && !opts->size_only) {
		check_contents(&c, op, &it);
	} else {
		conclude(&c, op, &it);
	}
	pthread_mutex_destroy(&c.run.report_lock);
	if (op_check(op) < 0)
		return -1;
	return verdict(&c, op);
}
