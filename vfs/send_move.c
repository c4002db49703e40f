/*
 * Names at the place: folders made, things moved and deleted.
 *
 * Each of these may be done a second time, after a kill or a lost answer, so
 * each takes what it was to bring about as done.  Nothing is deleted that is
 * not what was seen: what somebody has changed there comes back here instead.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "vfs/sending.h"

/* ---- folders ------------------------------------------------------------- */

/* Its mode goes later, when it is full. */
static bool has_meta(const struct job *j)
{
	return be_can(j->v->be, BE_SET_META) &&
	       (j->n->has_mode || j->n->has_owner);
}

/* A folder that was just made is believed to be our own for so long. */
#define OWN_FOR (5 * NS_PER_SEC)

/*
 * A folder that was not there a moment ago is empty but for what is made here,
 * so who fills it need not wait for a listing; but somebody else may have made
 * it just before, so it is listed soon.  Any other may have been there.
 */
static void know_entries(struct job *j)
{
	struct node *n = j->n;
	int64_t at = clock_mono();

	if (!j->known || !n->dir || !(n->flags & NODE_LISTED)) {
		folder_stale(j->v, n);
		return;
	}
	if (j->v->opt.dir_time > OWN_FOR)
		at -= j->v->opt.dir_time - OWN_FOR;
	n->dir->listed_at = at ? at : 1;
}

static void mkdir_done(struct job *j)
{
	struct vfs *v = j->v;
	struct node *n = j->n;

	vfs_lock(v);
	job_arrived(j, NULL);
	if (!(n->flags & NODE_DROPPED)) {
		if (has_meta(j))
			n->flags |= NODE_META;
		else
			n->flags &= ~(uint32_t)NODE_META;
		know_entries(j);
		store_save(v, n);
	}
	vfs_unlock(v);
}

int send_mkdir(struct job *j)
{
	struct entry now;
	struct err why;
	int rc = job_promise(j, NULL);

	if (rc < 0)
		return -1;
	rc = job_heard(j, be_mkdir(j->v->be, j->op, j->to_path.data));
	if (rc == 0) {
		mkdir_done(j);
		return 0;
	}
	why = j->op->err;
	if (why.kind != ERR_NOT_DIR && why.kind != ERR_EXISTS &&
	    why.kind != ERR_NO_DIR)
		return -1;
	/* a file there, or in the place of its folder */
	rc = job_look(j, j->to_path.data, &now);
	if (rc < 0)
		return -1;
	if (rc > 0 && now.kind != ENTRY_DIR)
		return job_conflict(j, &now);
	j->op->err = why;
	return rc == 0 ? job_folder_is_missing(j) : -1;
}

/* ---- moving -------------------------------------------------------------- */

/* The place has changed it, too: that is seen when it is listed. */
static void move_done(struct job *j, const struct entry *now)
{
	struct vfs *v = j->v;

	vfs_lock(v);
	if (j->n->flags & NODE_DROPPED)
		job_stale(j, j->to);
	else if (now && j->seen && same_seen(v, j->seen, now))
		job_arrived(j, now);
	else
		job_arrived(j, NULL);
	if (!now)
		job_stale(j, j->to);
	vfs_unlock(v);
}

static bool is_moved(const struct job *j, const struct entry *at_target)
{
	if (j->n->kind == ENTRY_DIR)
		return at_target->kind == ENTRY_DIR;
	return j->seen && same_seen(j->v, j->seen, at_target) &&
	       !(j->over_seen && same_seen(j->v, j->over_seen, at_target));
}

/*
 * It is not where it was.  If it is where it shall be, an earlier try has
 * brought it there; or else somebody has taken it away, and it is made anew of
 * what is here.
 */
static int source_is_gone(struct job *j, const struct entry *at_target)
{
	struct vfs *v = j->v;
	struct node *n = j->n;
	int rc = 0;

	if (at_target && is_moved(j, at_target)) {
		move_done(j, at_target);
		return 0;
	}
	vfs_lock(v);
	job_stale(j, j->from);
	job_stale(j, j->to);
	if (n->parent && (n->flags & NODE_DIRTY || all_here(n)))
		rc = job_set_new(j);
	else
		node_drop(v, n); /* deleted there, unchanged here */
	vfs_unlock(v);
	return rc;
}

/* What it was to replace has gone by itself: it goes to a free name. */
static int over_is_gone(struct job *j)
{
	vfs_lock(j->v);
	job_consume(j);
	vfs_unlock(j->v);
	return 0;
}

/* An earlier try to write to it has arrived: so that is what was seen. */
static int is_ours(struct job *j, struct node *n, const struct entry *now)
{
	vfs_lock(j->v);
	if (!(n->flags & (NODE_NEW | NODE_DROPPED)))
		node_set_seen(j->v, n, now);
	unsure_forget(j->v, n);
	vfs_unlock(j->v);
	return 0;
}

/* The same bytes at both: only the deleting of the first is missing. */
static bool is_copied(const struct job *j, const struct entry *src,
		      const struct entry *dst)
{
	return j->seen && src->kind == ENTRY_FILE && dst->kind == ENTRY_FILE &&
	       digests_compare(&j->seen->hash, &dst->hash) == 1 &&
	       digests_compare(&src->hash, &dst->hash) == 1;
}

static int copy_done(struct job *j, const struct entry *src,
		     const struct entry *dst)
{
	vfs_lock(j->v);
	job_arrived(j, dst);
	job_leave_source(j, src);
	vfs_unlock(j->v);
	return 0;
}

static bool may_be_told(const struct err *e)
{
	return is_missing(e) || e->kind == ERR_EXISTS ||
	       e->kind == ERR_CONFLICT || e->kind == ERR_IS_DIR ||
	       e->kind == ERR_NOT_DIR;
}

/* 1: once more, whatever its content is by now. */
static int move_refused(struct job *j, bool insist)
{
	const struct err why = j->op->err;
	struct entry src, dst;
	int from, to, rc;

	if (!may_be_told(&why))
		return -1;
	from = job_look(j, j->from_path.data, &src);
	to = from < 0 ? -1 : job_look(j, j->to_path.data, &dst);
	if (from < 0 || to < 0)
		return -1;
	if (!from || src.kind != (enum entry_kind)j->n->kind)
		return source_is_gone(j, to ? &dst : NULL);
	if (to && src.kind == ENTRY_DIR && dst.kind == ENTRY_DIR &&
	    rest_is_ours(j))
		return send_rest(j);
	if (!to && j->over)
		return over_is_gone(j);
	rc = to && j->over ? unsure_arrived(j, NULL, j->to, j->to_name,
					    j->to_path.data, &dst)
			   : 0;
	if (rc)
		return rc < 0 ? -1 : is_ours(j, j->over, &dst);
	rc = unsure_arrived(j, NULL, j->from, j->from_name, j->from_path.data,
			    &src);
	if (rc)
		return rc < 0 ? -1 : is_ours(j, j->n, &src);
	if (to && is_copied(j, &src, &dst))
		return copy_done(j, &src, &dst);
	if (to && !j->circle &&
	    !(j->over_seen && same_seen(j->v, j->over_seen, &dst)))
		return job_conflict(j, &dst);
	if (!insist && why.kind == ERR_CONFLICT)
		return 1;
	j->op->err = why;
	return -1;
}

/* Whether there is something to carry, where the place cannot move it. */
static int look_at_source(struct job *j, struct entry *src)
{
	int rc = job_look(j, j->from_path.data, src);

	if (rc > 0 && src->kind == (enum entry_kind)j->n->kind)
		return 0;
	if (rc >= 0)
		err_set(&j->op->err, ERR_NOT_FOUND, "it is not there any more");
	return -1;
}

static int carry_file(struct job *j, const struct put_opt *opt)
{
	struct entry src, now;

	err_clear(&j->op->err);
	if (look_at_source(j, &src) < 0 ||
	    copy_at_place(j, j->from_path.data, &src, j->to_path.data, opt,
			  &now) < 0)
		return move_refused(j, true);
	if (j->seen && same_seen(j->v, j->seen, &src))
		return copy_done(j, &src, &now);
	/* what somebody has made of it goes along, and stays there, too */
	move_done(j, NULL);
	vfs_lock(j->v);
	job_stale(j, j->from);
	vfs_unlock(j->v);
	return 0;
}

static int move_folder(struct job *j)
{
	struct backend *be = j->v->be;
	struct entry src, dst;
	int rc = job_heard(j, be_move_dir(be, j->op, be, j->from_path.data,
					  j->to_path.data));

	if (rc < 0 && j->op->err.kind == ERR_UNSUPPORTED) {
		err_clear(&j->op->err);
		rc = job_look(j, j->to_path.data, &dst);
		if (rc == 0 && look_at_source(j, &src) == 0)
			return carry_folder(j, &src);
		if (rc > 0)
			err_set(&j->op->err, ERR_EXISTS, "it is there already");
		rc = -1;
	}
	if (rc < 0)
		return move_refused(j, true);
	move_done(j, j->seen ? j->seen : &j->want);
	return 0;
}

static int move_file(struct job *j)
{
	struct put_opt opt = { .mtime = MTIME_UNKNOWN };
	const struct entry *seen = j->seen;
	struct backend *be = j->v->be;
	struct entry now;
	int rc;

	job_put_opt(j, &opt);
	for (;;) {
		rc = job_heard(j, be_move(be, j->op, be, j->from_path.data,
					  seen, j->to_path.data, &opt, &now));
		if (rc == 0)
			break;
		if (j->op->err.kind == ERR_UNSUPPORTED)
			return carry_file(j, &opt);
		rc = move_refused(j, !seen);
		if (rc <= 0)
			return rc;
		/* to take along what somebody has made of it loses nothing */
		seen = NULL;
		err_clear(&j->op->err);
	}
	move_done(j, seen ? &now : NULL);
	return 0;
}

int send_move(struct job *j)
{
	if (job_promise(j, j->seen) < 0)
		return -1;
	return j->n->kind == ENTRY_DIR ? move_folder(j) : move_file(j);
}

/* ---- deleting ------------------------------------------------------------ */

/* It is no more, or no longer ours to delete. */
static int delete_done(struct job *j, bool stays)
{
	struct vfs *v = j->v;

	vfs_lock(v);
	if (stays)
		job_stale(j, j->from);
	if (j->n->flags & NODE_GONE) {
		unsure_forget(v, j->n);
		node_drop(v, j->n);
	}
	vfs_unlock(v);
	if (stays)
		vfs_tell(v,
			 "%s was deleted here, but has changed at the "
			 "place meanwhile: it stays",
			 j->from_path.data);
	return 0;
}

static int delete_folder(struct job *j)
{
	int rc = job_heard(j, be_rmdir(j->v->be, j->op, j->from_path.data));

	if (rc == 0 || is_missing(&j->op->err))
		return delete_done(j, false);
	if (j->op->err.kind == ERR_NOT_EMPTY || j->op->err.kind == ERR_NOT_DIR)
		return delete_done(j, true);
	return -1;
}

static int delete_file(struct job *j)
{
	struct backend *be = j->v->be;
	struct entry now;
	int rc = job_look(j, j->from_path.data, &now);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return delete_done(j, false);
	rc = j->seen && same_seen(j->v, j->seen, &now)
		     ? 1
		     : unsure_arrived(j, j->n, j->from, j->from_name,
				      j->from_path.data, &now);
	if (rc <= 0)
		return rc < 0 ? -1 : delete_done(j, true);
	rc = job_heard(j, be_unlink(be, j->op, j->from_path.data));
	if (rc < 0 && !is_missing(&j->op->err))
		return -1;
	return delete_done(j, false);
}

int send_delete(struct job *j)
{
	int rc = job_promise(j, NULL);

	if (rc == 0)
		rc = j->n->kind == ENTRY_DIR ? delete_folder(j)
					     : delete_file(j);

	if (rc == 0)
		err_clear(&j->op->err);
	return rc;
}
