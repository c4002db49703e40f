/* Folders are made, opened, and at last get their modes and times. */

#include <string.h>

#include "sync/run.h"

bool folder_make(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *from)
{
	struct put_opt opt = { .mode = PUT_ANY };
	int rc = 0;

	if (r->filtered) /* it comes with the first file that is taken */
		return true;
	if (!r->opts.dry_run) {
		if (r->metadata && be_can(r->dst, BE_MKNODE))
			rc = be_mknode(r->dst, op, path, from, &opt);
		else if (be_can(r->dst, BE_EMPTY_DIR))
			rc = be_mkdir(r->dst, op, path);
	}
	if (rc < 0) {
		run_failed(r, op, path);
		return false;
	}
	run_did(r, ACTION_MKDIR, path, 0, NULL);
	return true;
}

void folder_open(struct sync_run *r, struct op *op, const char *path)
{
	struct posix_meta meta;
	struct entry now;

	/* If that fails, so does what needs it, and says so. */
	if (r->opts.dry_run || be_stat(r->dst, op, path, &now) < 0 ||
	    !now.posix || now.kind != ENTRY_DIR)
		return;
	meta = *now.posix;
	meta.mode |= 0700;
	now.posix = &meta;
	(void)!be_set_meta(r->dst, op, path, &now, NULL);
}

int folder_finish_later(struct sync_run *r, struct op *op, const char *path,
			const struct entry *e, unsigned flags)
{
	struct buf rec = BUF_INIT;
	uint32_t bits = flags;
	int rc;

	buf_add(&rec, &bits, sizeof(bits));
	buf_add(&rec, path, strlen(path) + 1);
	entry_pack(&rec, e);
	rc = spool_add(&r->folders, op, rec.data, rec.len);
	buf_free(&rec);
	return rc;
}

/* The attributes to set, or NULL if they are right already; -1 on failure. */
static int wanted_xattrs(struct sync_run *r, struct op *op, const char *path,
			 struct xattrs *x, const struct xattrs **set)
{
	struct xattrs has;

	*set = NULL;
	if (!be_can(r->src, BE_XATTRS) || !be_can(r->dst, BE_XATTRS))
		return 0;
	if (be_get_xattrs(r->src, op, path, x) < 0 ||
	    be_get_xattrs(r->dst, op, path, &has) < 0)
		return -1;
	if (!xattrs_equal(x, &has))
		*set = x;
	return 0;
}

static void finish(struct sync_run *r, struct op *op, const char *path,
		   const struct entry *want, unsigned flags)
{
	const struct xattrs *set = NULL;
	struct xattrs x;
	struct entry now;
	const char *why;

	if (be_stat(r->dst, op, path, &now) < 0) {
		/* It was never needed, or could not be made. */
		if (op->err.kind != ERR_NOT_FOUND)
			run_failed(r, op, path);
		return;
	}
	why = meta_differs(r, want, &now);
	if ((flags & FOLDER_XATTRS) &&
	    wanted_xattrs(r, op, path, &x, &set) < 0) {
		run_failed(r, op, path);
		return;
	}
	if (!why && !set)
		return;
	if (!r->opts.dry_run && be_set_meta(r->dst, op, path, want, set) < 0)
		run_failed(r, op, path);
	else if (flags & FOLDER_REPORT)
		run_did(r, ACTION_META, path, 0,
			why ? why : "attributes differ");
}

int folders_finish(struct sync_run *r, struct op *op)
{
	const char *p;
	size_t n;
	int rc;

	/* Backwards: a parent may shut its door when its children are done. */
	spool_rewind_last(&r->folders);
	while ((rc = spool_prev(&r->folders, op, &p, &n)) > 0) {
		const char *path = p + sizeof(uint32_t);
		struct posix_meta meta;
		struct entry want;
		uint32_t flags;

		if (op_check(op) < 0)
			return -1;
		memcpy(&flags, p, sizeof(flags));
		/* Stopped by a limit: only what is new, as nobody could use it.
		 */
		if (r->fatal.kind != ERR_OK &&
		    (flags & (FOLDER_XATTRS | FOLDER_REPORT)) != FOLDER_XATTRS)
			continue;
		entry_unpack(path + strlen(path) + 1, &want, &meta);
		finish(r, op, path, &want, flags);
		arena_reset(&op->arena);
	}
	return rc;
}
