/*
 * Modes, times and owners; symbolic links.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "vfs/sending.h"

/* ---- what is known of a node, but its content ---------------------------- */

/* Told, or not to be told: only if it was not changed again meanwhile. */
static int meta_done(struct job *j, const struct entry *now)
{
	struct vfs *v = j->v;
	struct node *n = j->n;

	vfs_lock(v);
	if (!(n->flags & NODE_DROPPED)) {
		if (now)
			node_set_seen(v, n, now);
		if (job_told(j))
			n->flags &= ~(uint32_t)NODE_META;
		store_save(v, n);
	}
	vfs_unlock(v);
	return 0;
}

/* It is no longer what was seen: that counts, and the times are its own. */
static int meta_void(struct job *j, const char *why)
{
	struct vfs *v = j->v;

	log_info(j->from_path.data, "its time is not told: %s", why);
	vfs_lock(v);
	j->n->flags &= ~(uint32_t)NODE_META;
	if (!(j->n->flags & NODE_DROPPED))
		store_save(v, j->n);
	job_stale(j, j->from);
	vfs_unlock(v);
	return 0;
}

static int tell_meta(struct job *j)
{
	struct backend *be = j->v->be;
	const char *path = j->from_path.data;

	if (be_can(be, BE_SET_META) && j->want.posix)
		return job_heard(j,
				 be_set_meta(be, j->op, path, &j->want, NULL));
	return job_heard(j, be_touch(be, j->op, path, j->want.mtime));
}

static bool can_tell(const struct job *j)
{
	struct backend *be = j->v->be;

	if (be_can(be, BE_SET_META) && j->want.posix)
		return true;
	return be_can(be, BE_TOUCH) && j->n->kind == ENTRY_FILE;
}

int send_meta(struct job *j)
{
	struct backend *be = j->v->be;
	const char *path = j->from_path.data;
	struct entry now, told = j->seen ? *j->seen : j->want;

	if (!can_tell(j))
		return meta_done(j, NULL);
	if (job_heard(j, be_stat(be, j->op, path, &now)) < 0)
		return is_missing(&j->op->err) ? meta_void(j, "not there") : -1;
	if (now.kind != j->want.kind ||
	    (j->seen && !same_seen(j->v, j->seen, &now)))
		return meta_void(j, "it has changed at the place");
	told.mtime = j->want.mtime;
	told.tag = NULL;
	j->sent = arena_memdup(&j->op->arena, &told, sizeof(told));
	if (job_promise(j, j->sent) < 0)
		return -1;
	if (tell_meta(j) < 0) {
		if (j->op->err.kind == ERR_UNSUPPORTED)
			return meta_done(j, NULL);
		return is_missing(&j->op->err) ? meta_void(j, "not there") : -1;
	}
	if (job_heard(j, be_stat(be, j->op, path, &now)) < 0)
		return -1;
	return meta_done(j, &now);
}

/* ---- symbolic links ------------------------------------------------------ */

static bool is_that_link(const struct entry *e, const char *target)
{
	return e->kind == ENTRY_LINK && e->posix && e->posix->target &&
	       strcmp(e->posix->target, target) == 0;
}

/* Made, by us now or by an earlier try. */
static int link_done(struct job *j, const struct entry *now)
{
	vfs_lock(j->v);
	job_arrived(j, now);
	j->n->flags &= ~(uint32_t)(NODE_META | NODE_DIRTY);
	if (!(j->n->flags & NODE_DROPPED))
		store_save(j->v, j->n);
	j->v->count.sent++;
	vfs_unlock(j->v);
	return 0;
}

int send_link(struct job *j)
{
	struct put_opt opt = { .mtime = j->want.mtime };
	struct backend *be = j->v->be;
	struct err why;
	struct entry now;
	int rc;

	j->meta.mode = S_IFLNK | 0777;
	if (!j->want.posix) {
		j->meta.uid = geteuid();
		j->meta.gid = getegid();
		j->meta.target = arena_strdup(&j->op->arena, j->n->target);
		j->want.posix = &j->meta;
	}
	job_put_opt(j, &opt);
	if (job_promise(j, &j->want) < 0)
		return -1;
	rc = job_heard(j,
		       be_mknode(be, j->op, j->to_path.data, &j->want, &opt));
	why = j->op->err;
	if (rc < 0 && why.kind != ERR_EXISTS && why.kind != ERR_CONFLICT &&
	    why.kind != ERR_IS_DIR)
		return -1;
	if (job_heard(j, be_stat(be, j->op, j->to_path.data, &now)) < 0) {
		if (rc < 0)
			j->op->err = why;
		return -1;
	}
	if (rc == 0 || is_that_link(&now, j->meta.target))
		return link_done(j, &now);
	return job_conflict(j, &now);
}
