/* Folders that a mount shows elsewhere, or that are on another disk. */

#include "sync/run.h"

static bool is_root(const struct posix_meta *root, const struct entry *e)
{
	return e->posix && root->ino && same_inode(e->posix, root);
}

bool is_own_root(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *e)
{
	if (e->kind != ENTRY_DIR ||
	    (!is_root(&r->dst_root, e) && !is_root(&r->src_root, e)))
		return false;
	err_set(&op->err, ERR_CONFLICT,
		"this folder is itself the source or the destination of the "
		"run; leave it out with --exclude");
	run_failed(r, op, path);
	return true;
}

bool same_folder(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *from, const struct entry *to)
{
	if (!from->posix || !to->posix || !from->posix->ino ||
	    !same_inode(from->posix, to->posix))
		return false;
	if (r->opts.mode == SYNC_MOVE) {
		err_set(&op->err, ERR_CONFLICT,
			"source and destination are the same folder");
		run_failed(r, op, path);
	}
	return true;
}

bool other_disk(const struct sync_run *r, const struct entry *e)
{
	return r->src_dev && e->posix && e->posix->dev + 1 != r->src_dev;
}

bool other_disk_on_dst(const struct sync_run *r, const struct entry *e)
{
	return r->opts.one_file_system && e->kind == ENTRY_DIR && e->posix &&
	       r->dst_root.ino && e->posix->dev != r->dst_root.dev;
}
