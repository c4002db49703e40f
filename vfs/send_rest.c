/*
 * A folder's move that came to its half: both folders are there, since some
 * services have it moved file by file, and between two disks we do so
 * ourselves.  What is left of the source follows; what somebody has put into
 * either stays.
 */
#include <string.h>

#include "backends/listing.h"
#include "lib/log.h"
#include "vfs/sending.h"

enum { DEPTH_MAX = 200, NAMES_MOST = 20 };

static const char *join(struct job *j, const char *dir, const char *name)
{
	return arena_printf(&j->op->arena, "%s/%s", dir, name);
}

static const struct put_opt create = { .mtime = MTIME_UNKNOWN,
				       .mode = PUT_CREATE };

static int move_all(struct job *j, const char *src, const struct entry *e,
		    const char *dst, unsigned depth);

/* Where the place cannot move it. */
static int carry_file(struct job *j, const char *src, const struct entry *e,
		      const char *dst)
{
	struct entry now;
	int rc = copy_at_place(j, src, e, dst, &create, &now);

	if (rc == 0)
		rc = job_look(j, src, &now);
	/* what was changed meanwhile is met next time */
	if (rc > 0)
		rc = same_seen(j->v, e, &now)
			     ? job_heard(j, be_unlink(j->v->be, j->op, src))
			     : 0;
	return rc;
}

static int carry_dir(struct job *j, const char *src, const struct entry *e,
		     const char *dst, unsigned depth)
{
	struct backend *be = j->v->be;
	/* as a node it is private until it gets its mode */
	int rc = e->posix && be_can(be, BE_MKNODE)
			 ? be_mknode(be, j->op, dst, e, &create)
			 : be_mkdir(be, j->op, dst);

	if (job_heard(j, rc) < 0)
		return -1;
	return move_all(j, src, e, dst, depth + 1);
}

/* Before the source goes, so that a kill does not lose it. */
static void take_meta(struct job *j, const char *src, const struct entry *e,
		      const char *dst)
{
	struct backend *be = j->v->be;
	struct op *op = j->op;
	struct xattrs x;
	bool has;

	if (!e->posix || !be_can(be, BE_SET_META))
		return;
	has = be_can(be, BE_XATTRS) && be_get_xattrs(be, op, src, &x) == 0;
	/* the other disk may know no extended attributes */
	if ((!has || be_set_meta(be, op, dst, e, &x) < 0) &&
	    be_set_meta(be, op, dst, e, NULL) < 0)
		log_notice(dst, "its mode and times: %s", op->err.msg);
	err_clear(&op->err);
}

static int move_one(struct job *j, const char *src, const struct entry *e,
		    const char *dst, unsigned depth)
{
	bool dir = e->kind == ENTRY_DIR;
	struct backend *be = j->v->be;
	int rc = job_heard(
		j, dir ? be_move_dir(be, j->op, be, src, dst)
		       : be_move(be, j->op, be, src, e, dst, &create, NULL));

	if (rc == 0 || j->op->err.kind != ERR_UNSUPPORTED)
		return rc;
	err_clear(&j->op->err);
	return dir ? carry_dir(j, src, e, dst, depth)
		   : carry_file(j, src, e, dst);
}

/* Somebody else has something of that name in the folder: both are kept. */
static int move_aside(struct job *j, const char *src, const struct entry *e,
		      const char *dir, unsigned depth)
{
	struct buf name = BUF_INIT;
	int rc = -1;

	for (unsigned i = 0; rc < 0 && i < NAMES_MOST; i++) {
		err_clear(&j->op->err);
		conflict_name(e->name, i, &name);
		rc = move_one(j, src, e, join(j, dir, name.data), depth);
		if (rc < 0 && j->op->err.kind != ERR_EXISTS)
			break;
	}
	if (rc == 0) {
		vfs_lock(j->v);
		j->v->count.conflicts++;
		vfs_unlock(j->v);
		vfs_tell(j->v,
			 "%s was to be moved to %s, where something else has "
			 "come meanwhile: it is now %s",
			 src, dir, name.data);
	}
	buf_free(&name);
	return rc;
}

/* There is something at `b`, too, which is `there`. */
static int meet(struct job *j, const char *a, const struct entry *e,
		const char *dst, const char *b, const struct entry *there,
		unsigned depth)
{
	struct entry now;
	int rc;

	if (e->kind == ENTRY_DIR && there->kind == ENTRY_DIR)
		return move_all(j, a, e, b, depth + 1);
	rc = job_look(j, a, &now);
	if (rc <= 0)
		return rc;
	now.name = e->name;
	rc = same_at_place(j, a, &now, b, there);
	if (rc == 0)
		return move_aside(j, a, &now, dst, depth);
	/* it was copied, and is yet to be deleted */
	if (rc > 0)
		rc = job_heard(j, be_unlink(j->v->be, j->op, a));
	return rc;
}

static int move_entry(struct job *j, const char *src, const char *dst,
		      const struct entry *e, unsigned depth)
{
	const char *a = join(j, src, e->name), *b = join(j, dst, e->name);
	struct entry there;
	int rc = job_look(j, b, &there);

	if (rc == 0)
		rc = move_one(j, a, e, b, depth);
	else if (rc > 0)
		rc = meet(j, a, e, dst, b, &there, depth);
	if (rc < 0 && is_missing(&j->op->err)) {
		/* somebody has taken it away */
		err_clear(&j->op->err);
		return 0;
	}
	return rc;
}

static int move_all(struct job *j, const char *src, const struct entry *dir,
		    const char *dst, unsigned depth)
{
	struct listing l = LISTING_INIT;
	struct backend *be = j->v->be;
	struct posix_meta m;
	struct entry e;
	int rc = -1;

	if (depth > DEPTH_MAX)
		err_set(&j->op->err, ERR_CORRUPT,
			"folders without end in each other");
	else
		rc = job_heard(j, be_list(be, j->op, src, &l));
	while (rc == 0 && (rc = listing_next(&l, j->op, &e, &m)) == 1)
		rc = move_entry(j, src, dst, &e, depth);
	listing_free(&l);
	if (rc == 0) {
		take_meta(j, src, dir, dst);
		rc = job_heard(j, be_rmdir(be, j->op, src));
	}
	if (rc < 0 && is_missing(&j->op->err)) {
		err_clear(&j->op->err);
		rc = 0;
	}
	return rc;
}

bool rest_is_ours(struct job *j)
{
	bool ours;

	vfs_lock(j->v);
	ours = j->n->kind == ENTRY_DIR &&
	       unsure_is_move(j->v, j->n, j->from, j->to, j->to_name);
	vfs_unlock(j->v);
	return ours && be_can(j->v->be, BE_MOVE | BE_MOVE_DIR);
}

static int rest_done(struct job *j)
{
	vfs_lock(j->v);
	job_stale(j, j->from);
	job_stale(j, j->to);
	job_stale(j, j->n);
	if (!((j->n->flags | j->to->flags) & NODE_DROPPED))
		job_arrived(j, NULL);
	vfs_unlock(j->v);
	return 0;
}

int send_rest(struct job *j)
{
	const char *from = j->from_path.data;
	struct entry src;
	int rc;

	err_clear(&j->op->err);
	rc = job_look(j, from, &src);
	if (rc > 0)
		rc = move_all(j, from, &src, j->to_path.data, 0);
	return rc < 0 ? -1 : rest_done(j);
}

int carry_folder(struct job *j, const struct entry *src)
{
	err_clear(&j->op->err);
	if (carry_dir(j, j->from_path.data, src, j->to_path.data, 0) == 0)
		return rest_done(j);
	j->doubt = true;
	return -1;
}
