/*
 * What the actions share: what has become of the place, written into the nodes.
 */
#include "vfs/sending.h"

#include <string.h>

int job_heard(struct job *j, int rc)
{
	vfs_heard(j->v, rc < 0 ? &j->op->err : NULL);
	return rc;
}

int job_look(struct job *j, const char *path, struct entry *out)
{
	int rc = job_heard(j, be_stat(j->v->be, j->op, path, out));

	if (rc == 0)
		return 1;
	if (!is_missing(&j->op->err))
		return -1;
	err_clear(&j->op->err);
	return 0;
}

int job_promise(struct job *j, const struct entry *sent)
{
	vfs_lock(j->v);
	j->promised = j->action != ACT_DELETE;
	j->sent = sent;
	if (j->promised)
		unsure_keep(j->v, j->n);
	vfs_unlock(j->v);
	return store_commit(j->v, j->op, false);
}

void job_consume(struct job *j)
{
	struct node *t = j->over;

	if (t && t->flags & NODE_GONE && node_rparent(t) == j->to &&
	    strcmp(node_rname(t), j->to_name) == 0) {
		unsure_forget(j->v, t);
		node_drop(j->v, t);
	}
}

void job_stale(struct job *j, struct node *dir)
{
	if (dir)
		folder_stale(j->v, dir);
}

/* What is there and no longer here is to be deleted there. */
static void leave_for_deletion(struct job *j, struct node *dir,
			       const char *name, const struct entry *now)
{
	struct node *n;

	if (dir->flags & NODE_DROPPED || !dir->dir || node_at_remote(dir, name))
		return;
	n = node_new(j->v, (enum entry_kind)j->n->kind, name);
	node_set_remote(j->v, n, dir, name);
	if (now)
		node_set_seen(j->v, n, now);
	queue_changed(j->v, n);
}

void job_leave_source(struct job *j, const struct entry *now)
{
	if (j->seen && same_seen(j->v, j->seen, now))
		leave_for_deletion(j, j->from, j->from_name, now);
	else
		job_stale(j, j->from);
}

void job_arrived(struct job *j, const struct entry *now)
{
	struct node *n = j->n;

	job_consume(j);
	unsure_forget(j->v, n);
	if (n->flags & NODE_DROPPED) {
		/* it was deleted here while it was sent */
		leave_for_deletion(j, j->to, j->to_name, now);
		return;
	}
	node_set_remote(j->v, n, j->to, j->to_name);
	if (now)
		node_set_seen(j->v, n, now);
}

bool job_is_there(const struct job *j)
{
	return !(j->n->flags & NODE_DROPPED) && j->n->parent == j->to &&
	       strcmp(j->n->name, j->to_name) == 0;
}

bool job_told(const struct job *j)
{
	const struct posix_meta *m = j->want.posix;
	const struct node *n = j->n;

	if (n->mtime != j->want.mtime)
		return false;
	if (!m)
		return true;
	if (n->has_mode && ((n->mode ^ m->mode) & 07777))
		return false;
	return !n->has_owner || (n->uid == m->uid && n->gid == m->gid);
}

bool all_here(const struct node *n)
{
	struct content *c = n->content;
	bool is = n->flags & NODE_WHOLE;

	if (is || n->kind != ENTRY_FILE || !c)
		return is || n->kind != ENTRY_FILE;
	pthread_mutex_lock(&c->lock);
	is = c->whole && !c->gone;
	pthread_mutex_unlock(&c->lock);
	return is;
}

int job_folder_is_missing(struct job *j)
{
	struct node *dir = j->to;
	int rc = -1;

	vfs_lock(j->v);
	if (dir->parent && !(dir->flags & NODE_NEW)) {
		job_stale(j, node_rparent(dir));
		node_set_new(j->v, dir);
		queue_changed(j->v, dir);
	}
	if (dir->flags & NODE_NEW && !(dir->flags & NODE_DROPPED)) {
		queue_wait_for(j->v, j->n, dir);
		rc = 1;
	}
	vfs_unlock(j->v);
	return rc;
}

int job_not_whole(struct job *j)
{
	return err_set(&j->op->err, ERR_IO,
		       "it has changed at the place before all of it was "
		       "here, so what was written here cannot be made whole: "
		       "write all of it anew, or delete it to get the "
		       "place's");
}

int job_set_new(struct job *j)
{
	struct node *n = j->n;

	/* what a NEW file has no bytes of is taken for zeros */
	if (!all_here(n))
		return job_not_whole(j);
	if (n->kind == ENTRY_FILE) {
		n->flags &= ~(uint32_t)NODE_PART;
		n->flags |= NODE_WHOLE | NODE_DIRTY;
	}
	unsure_forget(j->v, n);
	node_set_new(j->v, n);
	queue_changed(j->v, n);
	return 0;
}

void job_put_opt(const struct job *j, struct put_opt *opt)
{
	if (j->over && j->over_seen) {
		opt->mode = PUT_OVER;
		opt->over = j->over_seen;
	} else {
		opt->mode = PUT_CREATE;
		opt->listed = j->listed;
	}
}

/* A weak tag names the same content as the strong one of that name. */
static bool same_tag(const char *a, const char *b)
{
	a += strncmp(a, "W/", 2) == 0 ? 2 : 0;
	b += strncmp(b, "W/", 2) == 0 ? 2 : 0;
	return strcmp(a, b) == 0;
}

bool same_seen(const struct vfs *v, const struct entry *a,
	       const struct entry *b)
{
	int64_t step = v->be->mtime_step, apart;

	if (a->kind != b->kind)
		return false;
	if (a->kind == ENTRY_DIR)
		return true;
	if (a->size != b->size && a->size != SIZE_UNKNOWN &&
	    b->size != SIZE_UNKNOWN)
		return false;
	if (digests_compare(&a->hash, &b->hash) >= 0)
		return digests_compare(&a->hash, &b->hash) == 1;
	if (a->tag && b->tag)
		return same_tag(a->tag, b->tag);
	if (a->mtime == MTIME_UNKNOWN || b->mtime == MTIME_UNKNOWN)
		return true;
	return !__builtin_sub_overflow(a->mtime, b->mtime, &apart) &&
	       (apart == 0 || (apart < step && apart > -step));
}

bool is_missing(const struct err *e)
{
	return e->kind == ERR_NOT_FOUND || e->kind == ERR_NO_DIR;
}
