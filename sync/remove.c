/* Deletions, which come last. */

#include <string.h>

#include "sync/run.h"

int remove_later(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *e)
{
	size_t n = strlen(path) + 1;
	struct buf rec = BUF_INIT;
	uint32_t is_dir = e->kind == ENTRY_DIR;
	int64_t size = e->size;
	int rc;

	buf_add(&rec, &is_dir, sizeof(is_dir));
	buf_add(&rec, &size, sizeof(size));
	buf_add(&rec, path, n);
	rc = spool_add(&r->removals, op, rec.data, rec.len);
	buf_free(&rec);
	if (rc == 0 && !is_dir)
		atomic_fetch_add(&r->to_delete, 1);
	return rc;
}

/* After a refusal: open the folder that it is in, if we may not change that. */
static bool let_in(struct sync_run *r, struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (op->err.kind != ERR_DENIED || !slash || !r->metadata ||
	    be_can(r->dst, BE_OWNER))
		return false;
	folder_open(
		r, op,
		arena_printf(&op->arena, "%.*s", (int)(slash - path), path));
	return true;
}

static int take_away(struct sync_run *r, struct op *op, const char *path)
{
	const char *keep = backup_path(r, op, path);
	struct put_opt any = { .mode = PUT_ANY };
	struct backend *to = r->opts.backup ? r->opts.backup : r->dst;

	if (!keep)
		return be_unlink(r->dst, op, path);
	return be_move(to, op, r->dst, path, NULL, keep, &any, NULL);
}

static void remove_file(struct sync_run *r, struct op *op, const char *path,
			int64_t size)
{
	int rc = r->opts.dry_run ? 0 : take_away(r, op, path);

	if (rc < 0 && let_in(r, op, path))
		rc = take_away(r, op, path);
	if (rc < 0 && op->err.kind != ERR_NOT_FOUND)
		run_failed(r, op, path);
	else
		run_did(r, ACTION_DELETE, path, size, NULL);
}

static void remove_dir(struct sync_run *r, struct op *op, const char *path)
{
	int rc = r->opts.dry_run ? 0 : be_rmdir(r->dst, op, path);

	if (rc < 0 && let_in(r, op, path))
		rc = be_rmdir(r->dst, op, path);
	/* What was left alone, or failed, is in it. */
	if (rc < 0 && op->err.kind == ERR_NOT_EMPTY &&
	    (r->filtered || r->opts.max_depth >= 0 || r->opts.suffix ||
	     r->opts.one_file_system || atomic_load(&r->stats->failed)))
		return;
	if (rc < 0 && op->err.kind != ERR_NO_DIR)
		run_failed(r, op, path);
	else
		run_did(r, ACTION_RMDIR, path, 0, NULL);
}

/* Why nothing may be deleted, or NULL. */
static const char *forbidden(struct sync_run *r)
{
	if (r->opts.ignore_errors)
		return NULL;
	if (atomic_load(&r->incomplete))
		return "nothing was deleted, since not every folder could be "
		       "read";
	if (atomic_load(&r->stats->failed))
		return "nothing was deleted, since not everything could be "
		       "copied; --ignore-errors deletes all the same";
	return NULL;
}

int remove_all(struct sync_run *r, struct op *op)
{
	int64_t n = atomic_load(&r->to_delete);
	const char *why = forbidden(r), *p;
	size_t len;
	int rc;

	if (r->removals.count == 0)
		return 0;
	if (why) {
		run_notice(r, "", why);
		return 0;
	}
	if (r->opts.max_delete >= 0 && n > r->opts.max_delete) {
		err_set(&op->err, ERR_LIMIT,
			"%lld files would be deleted, --max-delete allows "
			"%lld: nothing is deleted",
			(long long)n, (long long)r->opts.max_delete);
		return run_stop(r, op);
	}
	/* Backwards: what is in a folder comes before the folder. */
	spool_rewind_last(&r->removals);
	while ((rc = spool_prev(&r->removals, op, &p, &len)) > 0) {
		uint32_t is_dir;
		int64_t size;

		if (run_check(r, op) < 0)
			return -1;
		memcpy(&is_dir, p, sizeof(is_dir));
		memcpy(&size, p + sizeof(is_dir), sizeof(size));
		p += sizeof(is_dir) + sizeof(size);
		if (is_dir)
			remove_dir(r, op, p);
		else
			remove_file(r, op, p, size);
		arena_reset(&op->arena);
	}
	return rc;
}

int source_moved(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *e)
{
	struct buf rec = BUF_INIT;
	int rc;

	buf_add(&rec, path, strlen(path) + 1);
	entry_pack(&rec, e);
	rc = spool_add(&r->moved, op, rec.data, rec.len);
	buf_free(&rec);
	return rc;
}

static void remove_source(struct sync_run *r, struct op *op, const char *path,
			  const struct entry *seen)
{
	struct entry now;

	if (be_stat(r->src, op, path, &now) < 0) {
		if (op->err.kind != ERR_NOT_FOUND)
			run_failed(r, op, path);
		return;
	}
	if (now.kind != seen->kind || now.size != seen->size ||
	    now.mtime != seen->mtime ||
	    digests_compare(&now.hash, &seen->hash) == 0) {
		err_set(&op->err, ERR_CONFLICT,
			"changed since it was copied: it stays at the source");
		run_failed(r, op, path);
		return;
	}
	if (be_unlink(r->src, op, path) < 0)
		run_failed(r, op, path);
	else
		run_did(r, ACTION_DELETE_SOURCE, path, seen->size, NULL);
}

int remove_sources(struct sync_run *r, struct op *op)
{
	const char *p;
	size_t n;
	int rc;

	if (r->moved.count == 0)
		return 0;
	/* The only copy may not lie in memory alone. */
	if (be_can(r->dst, BE_FLUSH) && be_flush(r->dst, op) < 0)
		return run_stop(r, op);
	spool_rewind_first(&r->moved);
	while ((rc = spool_next(&r->moved, op, &p, &n)) > 0) {
		struct posix_meta meta;
		struct entry seen;

		if (run_check(r, op) < 0)
			return -1;
		entry_unpack(p + strlen(p) + 1, &seen, &meta);
		remove_source(r, op, p, &seen);
		arena_reset(&op->arena);
	}
	return rc;
}
