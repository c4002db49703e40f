/* Both trees, folder by folder, in step. */

#include <string.h>

#include "sync/compare.h"
#include "sync/run.h"
#include "sync/side.h"

/*
 * What is known of a folder to be visited.  The depth that a late one begins
 * with is kept above DEPTH_SHIFT.
 */
enum {
	ON_SRC = 1,
	ON_DST = 2,
	FINISH = 4,  /* new, or its metadata differs */
	ATTRS = 8,   /* the extended attributes, too */
	SHUT = 16,   /* we may not change what is in it, as things are */
	UNSURE = 32, /* has it, or what it is in, come from elsewhere? */
	DEPTH_SHIFT = 8
};

/* One visit. */
struct march {
	struct sync_run *r;
	struct visit *visit;
	const char *dir;
	int depth;
	unsigned late; /* what of `depth` the walk does not know of */
	struct batch *batch;
	struct buf path; /* of the entry at hand */
	bool changed;    /* the folder's own mtime will change */
	bool shut;       /* it must be opened before */
	bool unsure;     /* as UNSURE */
};

static void will_change(struct march *m, struct op *op)
{
	m->changed = true;
	if (m->shut)
		folder_open(m->r, op, m->dir);
	m->shut = false;
}

static void go_into(struct march *m, const struct entry *e, unsigned flags)
{
	walk_add(m->visit, e, flags | m->late << DEPTH_SHIFT);
}

static bool goes_deeper(const struct march *m)
{
	return m->r->opts.max_depth < 0 || m->depth + 1 < m->r->opts.max_depth;
}

/* Come back when what stands in its place has been deleted. */
static void come_late(struct march *m, struct op *op, const struct entry *from)
{
	struct sync_run *r = m->r;
	struct buf rec = BUF_INIT;
	int32_t depth = m->depth;

	buf_add(&rec, &depth, sizeof(depth));
	buf_add(&rec, m->path.data, m->path.len + 1);
	entry_pack(&rec, from);
	if (spool_add(&r->late, op, rec.data, rec.len) < 0)
		run_failed(r, op, m->path.data);
	buf_free(&rec);
}

/* Moving it whole is one step, where nothing below need be left behind. */
static bool move_folder(struct march *m, struct op *op)
{
	struct sync_run *r = m->r;

	if (r->opts.mode != SYNC_MOVE || !r->opts.delete_empty_src_dirs ||
	    r->filtered || r->opts.max_depth >= 0 || r->opts.dry_run ||
	    r->opts.one_file_system || !be_can(r->dst, BE_MOVE_DIR))
		return false;
	if (be_move_dir(r->dst, op, r->src, m->path.data, m->path.data) < 0)
		return false;
	run_did(r, ACTION_MOVE, m->path.data, 0, NULL);
	return true;
}

/* Its metadata is set at the end, whether it is visited or not. */
static void finish_it(struct sync_run *r, struct op *op, const char *path,
		      const struct entry *from, unsigned flags)
{
	unsigned bits = (flags & ATTRS ? FOLDER_XATTRS : 0u) |
			((flags & (FINISH | ON_DST)) == (FINISH | ON_DST)
				 ? FOLDER_REPORT
				 : 0u);

	if (r->metadata && folder_finish_later(r, op, path, from, bits) < 0)
		run_failed(r, op, path);
}

static void queue(struct march *m, struct op *op, unsigned flags,
		  const struct entry *from, const struct entry *over,
		  const char *reason)
{
	struct item it = { .flags = flags,
			   .src = m->path.data,
			   .dst = m->path.data,
			   .from = *from,
			   .reason = reason };

	if (over) {
		it.over = *over;
		it.flags |= ITEM_OVER;
	}
	will_change(m, op);
	(void)!batch_add(m->r, op, &m->batch, &it); /* else it has stopped */
}

static void only_on_src(struct march *m, struct op *op,
			const struct entry *from)
{
	struct sync_run *r = m->r;
	unsigned flags = ON_SRC | FINISH | ATTRS;

	switch (from->kind) {
	case ENTRY_FILE:
		will_change(m, op);
		if (!link_met(r, op, m->path.data, from))
			queue(m, op, 0, from, NULL, "new");
		return;
	case ENTRY_LINK:
	case ENTRY_SPECIAL:
		will_change(m, op);
		put_node(r, op, m->path.data, m->path.data, from, NULL);
		return;
	case ENTRY_DIR: break;
	}
	if (!goes_deeper(m))
		return;
	will_change(m, op);
	if (move_folder(m, op))
		return;
	if (!folder_make(r, op, m->path.data, from))
		return;
	if (!other_disk(r, from))
		go_into(m, from, flags);
	else
		finish_it(r, op, m->path.data, from, flags);
}

/* The owner of this folder, who is not root, must be able to enter it. */
static unsigned let_in(struct sync_run *r, struct op *op, const char *path,
		       const struct posix_meta *to)
{
	if (!r->metadata || be_can(r->dst, BE_OWNER) || !to)
		return 0;
	if ((to->mode & 0500) != 0500) {
		folder_open(r, op, path);
		return FINISH;
	}
	return to->mode & 0200 ? 0 : SHUT;
}

static void two_folders(struct march *m, struct op *op,
			const struct entry *from, const struct entry *to)
{
	struct sync_run *r = m->r;
	unsigned flags = ON_SRC | ON_DST | (m->unsure ? UNSURE : 0u);
	struct xattrs x, y;

	if (!goes_deeper(m) || same_folder(r, op, m->path.data, from, to))
		return;
	if (meta_differs(r, from, to))
		flags |= FINISH;
	/* Renaming a folder into place changes its ctime, but not what is in
	   it: so nothing below one that has changed is covered by marks. */
	if (!marks_cover(r, from, to))
		flags |= UNSURE;
	if (r->metadata && be_can(r->src, BE_XATTRS) &&
	    be_can(r->dst, BE_XATTRS) && (flags & UNSURE)) {
		if (be_get_xattrs(r->src, op, m->path.data, &x) < 0 ||
		    be_get_xattrs(r->dst, op, m->path.data, &y) < 0)
			run_failed(r, op, m->path.data);
		else if (!xattrs_equal(&x, &y))
			flags |= FINISH | ATTRS;
	}
	if (other_disk(r, from)) {
		if (flags & FINISH)
			finish_it(r, op, m->path.data, from, flags);
		return;
	}
	go_into(m, from, flags | let_in(r, op, m->path.data, to->posix));
}

/* It is there already, but for metadata. */
static void matched(struct march *m, struct op *op, const struct entry *from,
		    const struct entry *to)
{
	struct sync_run *r = m->r;

	match_meta(r, op, m->path.data, m->path.data, from, to, m->unsure);
	if (r->opts.mode == SYNC_MOVE && !r->opts.dry_run &&
	    source_moved(r, op, m->path.data, from) < 0)
		run_failed(r, op, m->path.data);
}

static void two_files(struct march *m, struct op *op, const struct entry *from,
		      const struct entry *to)
{
	struct sync_run *r = m->r;
	enum verdict verdict;
	const char *why;

	if (link_met(r, op, m->path.data, from)) {
		will_change(m, op);
		return;
	}
	verdict = compare_files(r, from, to, &why);
	if (verdict != VERDICT_LEAVE && !r->opts.immutable &&
	    link_shared(r, from, to)) {
		queue(m, op, ITEM_SHARED, from, to,
		      "it is one with another file");
		return;
	}
	switch (verdict) {
	case VERDICT_COPY: queue(m, op, 0, from, to, why); return;
	case VERDICT_COMPARE: queue(m, op, ITEM_COMPARE, from, to, why); return;
	case VERDICT_HASH: queue(m, op, ITEM_HASH, from, to, why); return;
	case VERDICT_LEAVE:
		run_did(r, ACTION_SKIP, m->path.data, from->size, why);
		return;
	case VERDICT_SAME: break;
	}
	matched(m, op, from, to);
}

static bool nodes_equal(const struct entry *a, const struct entry *b)
{
	if (!a->posix || !b->posix)
		return true;
	if (a->kind == ENTRY_LINK)
		return strcmp(a->posix->target, b->posix->target) == 0;
	return ((a->posix->mode ^ b->posix->mode) & 0170000) == 0 &&
	       a->posix->rdev == b->posix->rdev;
}

static bool taken(const struct march *m, const struct entry *e)
{
	const struct filter *f = m->r->opts.filter;

	return e->kind == ENTRY_DIR ? filter_dir(f, m->path.data)
				    : filter_file(f, m->path.data, e);
}

static void only_on_dst(struct march *m, struct op *op, const struct entry *to)
{
	struct sync_run *r = m->r;

	if (r->opts.mode != SYNC_SYNC)
		return;
	if (!taken(m, to) && !r->opts.delete_excluded)
		return;
	if (to->kind == ENTRY_DIR && !goes_deeper(m))
		return;
	if (other_disk_on_dst(r, to))
		return;
	if (is_own_root(r, op, m->path.data, to))
		return;
	if (remove_later(r, op, m->path.data, to) < 0) {
		run_failed(r, op, m->path.data);
		return;
	}
	will_change(m, op);
	if (to->kind == ENTRY_DIR)
		go_into(m, to, ON_DST);
}

/* A folder against something else: only a sync may clear the way. */
static void folder_in_the_way(struct march *m, struct op *op,
			      const struct entry *from, const struct entry *to)
{
	struct sync_run *r = m->r;

	if (from->kind == ENTRY_DIR && !goes_deeper(m)) {
		only_on_dst(m, op, to); /* nobody looks at the source's */
		return;
	}
	if (r->opts.mode != SYNC_SYNC) {
		err_set(&op->err,
			to->kind == ENTRY_DIR ? ERR_IS_DIR : ERR_NOT_DIR,
			to->kind == ENTRY_DIR
				? "the destination has a folder of that name; "
				  "ferry sync would replace it"
				: "the destination has a file where the source "
				  "has a folder; ferry sync would replace it");
		run_failed(r, op, m->path.data);
		return;
	}
	if ((!taken(m, to) && !r->opts.delete_excluded) ||
	    (to->kind == ENTRY_DIR && !goes_deeper(m)) ||
	    other_disk_on_dst(r, to)) {
		err_set(&op->err, ERR_CONFLICT,
			"what the destination has in its place is to be left "
			"alone (a filter, --max-depth or --one-file-system)");
		run_failed(r, op, m->path.data);
		return;
	}
	if (remove_later(r, op, m->path.data, to) < 0) {
		run_failed(r, op, m->path.data);
		return;
	}
	will_change(m, op);
	if (to->kind == ENTRY_DIR)
		go_into(m, to, ON_DST);
	come_late(m, op, from);
}

static void on_both(struct march *m, struct op *op, const struct entry *from,
		    const struct entry *to)
{
	struct sync_run *r = m->r;

	if (from->kind == ENTRY_DIR && to->kind == ENTRY_DIR) {
		two_folders(m, op, from, to);
	} else if (from->kind == ENTRY_DIR || to->kind == ENTRY_DIR) {
		folder_in_the_way(m, op, from, to);
	} else if (from->kind == ENTRY_FILE && to->kind == ENTRY_FILE) {
		two_files(m, op, from, to);
	} else if (r->opts.ignore_existing) {
		run_did(r, ACTION_SKIP, m->path.data, 0, "it exists");
	} else if (from->kind == ENTRY_FILE) {
		m->changed = true;
		if (!link_met(r, op, m->path.data, from))
			queue(m, op, 0, from, to, "it was no plain file");
	} else if (from->kind != to->kind || !r->metadata ||
		   !nodes_equal(from, to)) {
		will_change(m, op);
		put_node(r, op, m->path.data, m->path.data, from, to);
	} else {
		matched(m, op, from, to);
	}
}

/* Two files that would become one: neither is touched. */
static void fail_twin(struct march *m, struct op *op)
{
	err_set(&op->err, ERR_CONFLICT,
		"the destination takes its name for that of another file here, "
		"which differs from it only in upper and lower case: rename "
		"one of them");
	run_failed(m->r, op, m->path.data);
}

static void merge_one(struct march *m, struct op *op, struct side *src,
		      struct side *dst)
{
	int order = sides_order(src, dst);

	path_join(&m->path, m->dir, order <= 0 ? src->e.name : dst->e.name);
	if (order > 0) {
		only_on_dst(m, op, &dst->e);
	} else if (side_has_twin(src) && taken(m, &src->e)) {
		fail_twin(m, op);
	} else if (!taken(m, &src->e)) {
		if (order == 0 && m->r->opts.delete_excluded)
			only_on_dst(m, op, &dst->e);
	} else if (!is_own_root(m->r, op, m->path.data, &src->e)) {
		if (order < 0)
			only_on_src(m, op, &src->e);
		else
			on_both(m, op, &src->e, &dst->e);
	}
	if (order <= 0) {
		atomic_fetch_add_explicit(&m->r->stats->listed, 1,
					  memory_order_relaxed);
		side_step(src, op);
	}
	if (order >= 0)
		side_step(dst, op);
}

static int merge(struct march *m, struct op *op, struct side *src,
		 struct side *dst)
{
	side_step(src, op);
	side_step(dst, op);
	while (src->more > 0 || dst->more > 0) {
		if (run_check(m->r, op) < 0)
			return -1;
		merge_one(m, op, src, dst);
		arena_reset(&op->arena);
	}
	return sides_end(src, dst);
}

/*
 * 1: listed; 0: not there, or it could not be read: nothing is done in this
 * folder then, and nothing at all is deleted in this run.
 */
static int list(struct march *m, struct op *op, struct backend *be,
		struct side *s)
{
	struct sync_run *r = m->r;

	s->list.fold = r->no_case;
	if (lister_list(be == r->src ? r->src_lister : r->dst_lister, op,
			m->dir, &s->list) == 0)
		return 1;
	if (be == r->dst && op->err.kind == ERR_NO_DIR)
		return 1; /* nothing is there yet */
	atomic_store(&r->incomplete, true);
	run_failed(r, op, m->dir);
	return 0;
}

/* Both listings of a folder, at once if a thread is idle: false to give up. */
struct listing_errand {
	struct march *m;
	struct side *dst;
	int listed;
};

static void list_dst(struct op *op, void *arg)
{
	struct listing_errand *e = arg;

	e->listed = list(e->m, op, e->m->r->dst, e->dst);
}

static bool list_both(struct march *m, struct op *op, unsigned flags,
		      struct side *src, struct side *dst)
{
	struct listing_errand le = { m, dst, 1 };
	struct errand e = { .fn = list_dst, .arg = &le };
	int listed = 1;

	if (flags & ON_DST)
		walk_lend(m->visit, &e);
	if (flags & ON_SRC)
		listed = list(m, op, m->r->src, src);
	if (flags & ON_DST)
		walk_join(m->visit, op, &e);
	return listed && le.listed;
}

/* A disk that is not mounted looks like a folder that was emptied. */
static int check_empty(struct march *m, struct op *op, const struct side *src,
		       const struct side *dst)
{
	struct sync_run *r = m->r;

	if (*m->dir || r->opts.mode != SYNC_SYNC || r->opts.force ||
	    src->list.total || !dst->list.total)
		return 0;
	err_set(&op->err, ERR_LIMIT,
		"the source \"%s\" is empty and the destination is not: "
		"nothing is deleted; use --force if that is meant",
		r->src->name);
	return run_stop(r, op);
}

static void finish_later(struct march *m, struct op *op, const struct entry *e,
			 unsigned flags)
{
	struct sync_run *r = m->r;
	struct entry here;

	if (!r->metadata || !(flags & ON_SRC))
		return;
	if (!e && *m->dir == '\0') {
		e = &r->root; /* as it was before anything was moved */
	} else if (!e) {
		if (be_stat(r->src, op, m->dir, &here) < 0) {
			run_failed(r, op, m->dir);
			return;
		}
		e = &here;
	}
	finish_it(r, op, m->dir, e, flags);
}

static int visit_folder(void *arg, struct op *op, struct visit *v,
			const char *path, const struct entry *e, unsigned flags,
			int depth)
{
	struct march m = { .r = arg,
			   .visit = v,
			   .dir = path,
			   .depth = depth + (int)(flags >> DEPTH_SHIFT),
			   .late = flags >> DEPTH_SHIFT,
			   .path = BUF_INIT,
			   .shut = flags & SHUT,
			   .unsure = flags & UNSURE };
	struct side src = SIDE_INIT, dst = SIDE_INIT;
	int rc = -1;

	if (run_check(m.r, op) < 0)
		goto out;
	if (!list_both(&m, op, flags, &src, &dst)) {
		rc = 0;
		goto out;
	}
	if (check_empty(&m, op, &src, &dst) < 0)
		goto out;
	rc = merge(&m, op, &src, &dst);
	if (batch_park(m.r, op, &m.batch) < 0)
		rc = -1;
	if (rc == 0 && (m.changed || (flags & FINISH)))
		finish_later(&m, op, e, flags);
out:
	listing_free(&src.list);
	listing_free(&dst.list);
	buf_free(&m.path);
	return rc;
}

static int march(struct sync_run *r, struct op *op)
{
	int rc;

	atomic_store(&r->stats->walking, true);
	rc = walk_run(r->walk, op, r->opts.checkers);
	atomic_store(&r->stats->walking, false);
	if (rc < 0)
		run_stop(r, op);
	if (batch_send_parked(r, op) < 0)
		rc = -1;
	return rc;
}

int march_tree(struct sync_run *r, struct op *op)
{
	const struct entry dst = { .posix = &r->dst_root };
	unsigned shut =
		let_in(r, op, "", r->dst_root.ino ? &r->dst_root : NULL);

	r->walk = walk_new(visit_folder, r);
	walk_begin(r->walk, "",
		   ON_SRC | FINISH | ATTRS | shut |
			   (marks_cover(r, &r->root, &dst) ? 0u : UNSURE) |
			   (r->new_root ? 0u : ON_DST));
	return march(r, op);
}

static void begin_late(struct sync_run *r, struct op *op, int depth,
		       const char *path, const struct entry *from)
{
	unsigned flags = ON_SRC | FINISH | ATTRS;
	struct batch *batch = NULL;
	struct item it = {
		.src = path, .dst = path, .from = *from, .reason = "new"
	};

	if (from->kind == ENTRY_DIR) {
		if (!folder_make(r, op, path, from))
			return;
		if (other_disk(r, from))
			finish_it(r, op, path, from, flags);
		else
			walk_begin(r->walk, path,
				   flags | (unsigned)(depth + 1)
						   << DEPTH_SHIFT);
	} else if (from->kind == ENTRY_FILE) {
		if (!link_met(r, op, path, from) &&
		    batch_add(r, op, &batch, &it) == 0)
			(void)!batch_send(r, op, &batch);
	} else {
		put_node(r, op, path, path, from, NULL);
	}
}

int march_late(struct sync_run *r, struct op *op)
{
	const char *p;
	size_t n;
	int rc;

	spool_rewind_first(&r->late);
	while ((rc = spool_next(&r->late, op, &p, &n)) > 0) {
		const char *path = p + sizeof(int32_t);
		struct posix_meta meta;
		struct entry from;
		int32_t depth;

		if (run_check(r, op) < 0)
			return -1;
		memcpy(&depth, p, sizeof(depth));
		entry_unpack(path + strlen(path) + 1, &from, &meta);
		begin_late(r, op, depth, path, &from);
		arena_reset(&op->arena);
	}
	return rc < 0 ? run_stop(r, op) : march(r, op);
}
