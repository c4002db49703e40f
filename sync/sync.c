#include "sync/sync.h"

#include <string.h>

#include "sync/apart.h"
#include "sync/compare.h"
#include "sync/run.h"
#include "sync/tree.h"

static int look_at_src(struct sync_run *r, struct op *op)
{
	struct entry e;

	if (be_stat(r->src, op, "", &e) < 0)
		return -1;
	if (e.kind != ENTRY_DIR)
		return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder",
			       r->src->name);
	r->root = e;
	r->root.name = "";
	if (e.posix) {
		r->src_root = *e.posix;
		r->root.posix = &r->src_root;
		if (r->opts.one_file_system)
			r->src_dev = e.posix->dev + 1;
	}
	return 0;
}

/* The destination's root is made if need be. */
static int look_at_dst(struct sync_run *r, struct op *op)
{
	struct entry e = { .kind = ENTRY_DIR };
	int rc = lister_look(r->dst_lister, op);

	if (rc == 0 || (rc < 0 && op->err.kind == ERR_NOT_DIR))
		rc = be_stat(r->dst, op, "", &e);
	if (rc < 0 && op->err.kind != ERR_NOT_FOUND &&
	    op->err.kind != ERR_NO_DIR)
		return -1;
	if (rc < 0) {
		r->new_root = true;
		if (r->opts.dry_run)
			return 0;
		if (be_mkdir(r->dst, op, "") < 0)
			return -1;
		if (!be_can(r->dst, BE_POSIX))
			return 0; /* there is nothing more to know of it */
		if (be_stat(r->dst, op, "", &e) < 0)
			return op->err.kind == ERR_NOT_FOUND ? 0 : -1;
	}
	if (e.kind != ENTRY_DIR)
		return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder",
			       r->dst->name);
	if (e.posix)
		r->dst_root = *e.posix;
	/* A mount shows one folder under two names. */
	if (e.posix && r->root.posix && same_inode(e.posix, r->root.posix))
		return refuse_same(op, r->dst, r->src);
	return 0;
}

/* One phase that feeds the transfers; returns when all of them are done. */
static int with_transfers(struct sync_run *r, struct op *op,
			  int (*phase)(struct sync_run *r, struct op *op))
{
	struct err why;
	int rc;

	r->transfers =
		pool_new(r->opts.transfers, r->opts.transfers * 4, op->cancel);
	r->group = group_new(r->transfers);
	rc = phase(r, op);
	why = op->err;
	if (group_wait(r->group, op) < 0)
		rc = run_stop(r, op);
	pool_free(r->transfers);
	if (rc < 0)
		op->err = why;
	return rc;
}

static int note_dir(void *arg, struct op *op, const char *path,
		    const struct entry *e)
{
	if (e->kind != ENTRY_DIR)
		return 0;
	return spool_add(arg, op, path, strlen(path) + 1);
}

static void no_matter(void *arg, const char *dir, const struct err *e)
{
	(void)arg, (void)dir, (void)e; /* then it is not empty either */
}

/* --delete-empty-src-dirs: all that are empty now, deepest first. */
static int remove_empty_dirs(struct sync_run *r, struct op *op)
{
	struct tree_opt opt = { .filter = r->opts.filter,
				.max_depth = r->opts.max_depth,
				.threads = 1,
				.unreadable = no_matter };
	struct spool dirs;
	const char *path;
	size_t n;
	int rc;

	spool_init(&dirs);
	rc = tree_walk(r->src, op, "", &opt, note_dir, &dirs);
	spool_rewind_last(&dirs);
	while (rc == 0 && (rc = spool_prev(&dirs, op, &path, &n)) > 0) {
		rc = run_check(r, op);
		if (rc == 0 && be_rmdir(r->src, op, path) < 0 &&
		    op->err.kind != ERR_NOT_EMPTY && op->err.kind != ERR_NO_DIR)
			run_failed(r, op, path);
	}
	spool_free(&dirs);
	return rc;
}

static void tidy(struct sync_run *r, struct op *op)
{
	unsigned removed = 0;

	if (r->opts.dry_run || atomic_load(&r->stats->failed) ||
	    !be_can(r->dst, BE_STRAYS))
		return;
	if (be_strays(r->dst, op, &removed) < 0)
		run_failed(r, op, "");
	atomic_fetch_add(&r->stats->strays, removed);
}

static int phases(struct sync_run *r, struct op *op)
{
	bool moves = r->opts.mode == SYNC_MOVE && !r->opts.dry_run;

	if (with_transfers(r, op, march_tree) < 0 || links_make(r, op) < 0 ||
	    remove_all(r, op) < 0)
		return -1;
	if (r->late.count &&
	    (atomic_load(&r->stats->failed) == 0 || r->opts.ignore_errors) &&
	    (with_transfers(r, op, march_late) < 0 || links_make(r, op) < 0))
		return -1;
	if (moves && remove_sources(r, op) < 0)
		return -1;
	tidy(r, op);
	return 0;
}

static int phases_to_end(struct sync_run *r, struct op *op)
{
	int rc = phases(r, op);

	/* A limit ends the work, but what is done shall be done right. */
	if (rc < 0 && r->fatal.kind != ERR_LIMIT)
		return -1;
	if (folders_finish(r, op) < 0 || rc < 0)
		return -1;
	/* Only now: the metadata of their copies came from them. */
	if (r->opts.mode == SYNC_MOVE && !r->opts.dry_run &&
	    r->opts.delete_empty_src_dirs)
		return remove_empty_dirs(r, op);
	return 0;
}

static int result(struct sync_run *r, struct op *op, int rc)
{
	int64_t failed = atomic_load(&r->stats->failed);
	int64_t lost = atomic_load(&r->dst->lost_xattrs);

	atomic_store(&r->stats->resumed, atomic_load(&r->stats->moved.resumed));
	atomic_store(&r->stats->already, atomic_load(&r->dst->already));
	if (lost)
		run_notice(r, "",
			   "the destination cannot keep some extended "
			   "attributes or ACLs; they were left out");
	if (r->fatal.kind != ERR_OK) {
		op->err = r->fatal;
		return -1;
	}
	if (rc < 0)
		return -1;
	if (failed)
		return err_set(&op->err, ERR_PARTIAL,
			       "%lld %s failed, all else is done",
			       (long long)failed,
			       failed == 1 ? "entry" : "entries");
	return 0;
}

int sync_tree(struct sync_run *r, struct op *op)
{
	int rc;

	if (check_apart(r, op) < 0 || look_at_src(r, op) < 0 ||
	    look_at_dst(r, op) < 0)
		return -1;
	rc = check_by_mark(r, op, "", "");
	if (rc != 0)
		return rc < 0 ? -1 : refuse_same(op, r->dst, r->src);
	marks_read(r, op);
	rc = phases_to_end(r, op);
	rc = result(r, op, rc);
	if (rc == 0)
		marks_write(r, op);
	return rc;
}

int run_one(struct sync_run *r, struct op *op, const struct item *it)
{
	struct item todo = *it;

	if (it->from.kind != ENTRY_FILE) {
		put_node(r, op, it->src, it->dst, &it->from,
			 it->flags & ITEM_OVER ? &it->over : NULL);
		return 0;
	}
	if (it->flags & ITEM_OVER && it->over.kind == ENTRY_FILE) {
		switch (compare_files(r, &it->from, &it->over, &todo.reason)) {
		case VERDICT_SAME:
			match_meta(r, op, it->src, it->dst, &it->from,
				   &it->over, false);
			return r->opts.mode == SYNC_MOVE && !r->opts.dry_run
				       ? source_moved(r, op, it->src, &it->from)
				       : 0;
		case VERDICT_LEAVE:
			run_did(r, ACTION_SKIP, it->dst, it->from.size,
				todo.reason);
			return 0;
		case VERDICT_COMPARE: todo.flags |= ITEM_COMPARE; break;
		case VERDICT_HASH: todo.flags |= ITEM_HASH; break;
		case VERDICT_COPY: break;
		}
	}
	atomic_fetch_add(&r->stats->files_found, 1);
	atomic_fetch_add(&r->stats->bytes_found, it->from.size);
	transfer_item(r, op, &todo);
	return 0;
}

/* Its name changes in upper and lower case alone. */
static bool renames(const struct sync_run *r)
{
	return r->opts.mode == SYNC_MOVE && be_can(r->dst, BE_MOVE);
}

static void rename_file(struct sync_run *r, struct op *op,
			const struct item *it)
{
	struct put_opt opt = { .mtime = it->from.mtime };

	if (!r->opts.dry_run && be_move(r->dst, op, r->src, it->src, &it->from,
					it->dst, &opt, NULL) < 0)
		run_failed(r, op, it->dst);
	else
		run_did(r, ACTION_MOVE, it->dst, it->from.size,
			"upper and lower case");
}

int sync_file(struct sync_run *r, struct op *op, const char *src_name,
	      const char *dst_name)
{
	struct item it = { .src = src_name, .dst = dst_name, .reason = "new" };
	enum same same;
	int rc;

	same = same_file(r, src_name, dst_name);
	if (same == SAME_NAME || (same == SAME_FILE && !renames(r)))
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" would be copied onto itself", src_name);
	if (be_stat(r->src, op, src_name, &it.from) < 0)
		return -1;
	if (it.from.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR, "\"%s\" is a folder",
			       src_name);
	atomic_fetch_add(&r->stats->listed, 1);
	if (same == SAME_FILE) {
		rename_file(r, op, &it);
		return result(r, op, 0);
	}
	if (be_stat(r->dst, op, dst_name, &it.over) == 0)
		it.flags |= ITEM_OVER;
	else if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	if ((it.flags & ITEM_OVER) && it.over.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR,
			       "\"%s\" is a folder at the destination",
			       dst_name);
	if (it.flags & ITEM_OVER) {
		rc = check_by_mark(r, op, src_name, dst_name);
		if (rc < 0)
			return -1;
		if (rc > 0 && (!renames(r) ||
			       strcmp(r->src->identity, r->dst->identity) != 0))
			return refuse_same(op, r->dst, r->src);
		if (rc > 0) {
			rename_file(r, op, &it);
			return result(r, op, 0);
		}
	}
	/* With one name alone, the two paths lead to the same by a mount. */
	if (it.from.posix && it.over.posix && it.from.posix->nlink == 1 &&
	    same_inode(it.from.posix, it.over.posix))
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" would be copied onto itself", src_name);
	rc = run_one(r, op, &it);
	if (rc == 0 && !r->opts.dry_run)
		rc = remove_sources(r, op);
	return result(r, op, rc);
}
