/* What has no content to copy, or the same content already. */

#include "sync/compare.h"

void put_node(struct sync_run *r, struct op *op, const char *src,
	      const char *path, const struct entry *from,
	      const struct entry *over)
{
	struct put_opt opt = { .mode = over ? PUT_OVER : PUT_CREATE,
			       .over = over,
			       .meta = from };
	enum sync_action did =
		r->opts.mode == SYNC_MOVE ? ACTION_MOVE : ACTION_LINK;
	struct xattrs x = { 0 };
	int rc;

	if (!r->metadata || !be_can(r->dst, BE_MKNODE)) {
		run_notice(r, path,
			   from->kind == ENTRY_LINK
				   ? "a symbolic link is left out; "
				     "--copy-links copies what it leads to"
				   : "a special file is left out");
		atomic_fetch_add(&r->stats->checked, 1);
		return;
	}
	if (over && r->opts.immutable) {
		err_set(&op->err, ERR_CONFLICT,
			"it differs, and --immutable forbids to change it");
		run_failed(r, op, path);
		return;
	}
	if (r->opts.dry_run) {
		run_did(r, did, path, 0, NULL);
		return;
	}
	if (over)
		backup_opt(r, op, path, &opt);
	if (r->opts.mode == SYNC_MOVE && be_can(r->dst, BE_MOVE)) {
		rc = be_move(r->dst, op, r->src, src, from, path, &opt, NULL);
		if (rc == 0) {
			run_did(r, did, path, 0, NULL);
			return;
		}
		if (op->err.kind != ERR_UNSUPPORTED) {
			run_failed(r, op, path);
			return;
		}
	}
	if (be_can(r->src, BE_XATTRS) &&
	    be_get_xattrs(r->src, op, src, &x) < 0) {
		run_failed(r, op, path);
		return;
	}
	/* One that is no link may have got an ACL from its folder. */
	opt.xattrs = x.n || from->kind == ENTRY_SPECIAL ? &x : NULL;
	if (be_mknode(r->dst, op, path, from, &opt) < 0 ||
	    (r->opts.mode == SYNC_MOVE && source_moved(r, op, src, from) < 0))
		run_failed(r, op, path);
	else
		run_did(r, did, path, 0, NULL);
}

/* Without metadata: a file's time alone, where times are compared at all. */
static void match_time(struct sync_run *r, struct op *op, const char *dst,
		       const struct entry *from, const struct entry *to)
{
	bool differs =
		from->kind == ENTRY_FILE && from->mtime != MTIME_UNKNOWN &&
		to->mtime != MTIME_UNKNOWN && !r->opts.size_only &&
		!r->opts.checksum && !times_equal(r, from->mtime, to->mtime);

	if (!differs || !be_can(r->dst, BE_TOUCH))
		run_did(r, ACTION_SKIP, dst, from->size, NULL);
	else if (!r->opts.dry_run && be_touch(r->dst, op, dst, from->mtime) < 0)
		run_failed(r, op, dst);
	else
		run_did(r, ACTION_META, dst, from->size, "time differs");
}

void match_meta(struct sync_run *r, struct op *op, const char *src,
		const char *dst, const struct entry *from,
		const struct entry *to, bool look)
{
	const char *why = meta_differs(r, from, to);
	struct xattrs x, y, *set = NULL;

	if (r->opts.immutable) {
		run_did(r, ACTION_SKIP, dst, from->size, NULL);
		return;
	}
	if (!r->metadata) {
		match_time(r, op, dst, from, to);
		return;
	}
	if (be_can(r->src, BE_XATTRS) && be_can(r->dst, BE_XATTRS) &&
	    (look || !marks_cover(r, from, to))) {
		if (be_get_xattrs(r->src, op, src, &x) < 0 ||
		    be_get_xattrs(r->dst, op, dst, &y) < 0) {
			run_failed(r, op, dst);
			return;
		}
		if (!xattrs_equal(&x, &y)) {
			set = &x;
			why = why ? why : "attributes differ";
		}
	}
	if (!why) {
		run_did(r, ACTION_SKIP, dst, from->size, NULL);
		return;
	}
	if (!r->opts.dry_run && be_set_meta(r->dst, op, dst, from, set) < 0)
		run_failed(r, op, dst);
	else
		run_did(r, ACTION_META, dst, from->size, why);
}
