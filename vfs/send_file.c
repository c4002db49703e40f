/*
 * A file's content on its way to the place.
 *
 * What is there is replaced only if it is still what was seen last.  If it is
 * not, it may yet be what we sent ourselves, with the answer lost; or the same
 * content under another tag; or nothing at all.  Else somebody has changed the
 * file there while it was changed here, and both are kept: conflict.c.
 */
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "vfs/sending.h"

struct put {
	struct job *j;
	struct content *c;
	struct content_source source;
	struct put_opt opt;
	struct entry now; /* as the place has it afterwards */
	bool in_place;    /* over what is there already */
};

/*
 * That all is here is saved with the promise: after it the place may have
 * another, ours, and the rest could not be had from there.
 */
static int need_all(struct put *p)
{
	struct content *c = p->c;
	int64_t size;

	pthread_mutex_lock(&c->lock);
	size = c->whole ? 0 : c->size;
	pthread_mutex_unlock(&c->lock);
	if (size == 0)
		return 0;
	if (content_need(p->j->v, p->j->op, c, 0, size) < 0)
		return -1;
	content_save(p->j->v, c);
	return 0;
}

static bool was_written(const struct put *p)
{
	struct content *c = p->c;
	bool is;

	pthread_mutex_lock(&c->lock);
	is = c->writing || c->writes != p->source.writes;
	pthread_mutex_unlock(&c->lock);
	return is;
}

/*
 * Where a look does not tell by a hash what is there, and the time of a file
 * may come after it: what else would say after a kill that it is ours?
 */
#define HASHED_MOST INT64_C(67108864)

static int know_hash(struct put *p)
{
	struct job *j = p->j;
	struct backend *be = j->v->be;

	if (be->asked) {
		if (content_hash(p->c, j->op, be->asked, &p->opt.hash) < 0)
			return -1;
		j->want.hash = p->opt.hash;
	} else if (be_can(be, BE_REMOTE) && j->want.size <= HASHED_MOST) {
		return content_hash(p->c, j->op, 1u << HASH_SHA256,
				    &j->want.hash);
	}
	return 0;
}

static int fill_opt(struct put *p)
{
	struct job *j = p->j;
	struct backend *be = j->v->be;
	struct xattrs *x;

	p->opt.mtime = j->want.mtime;
	/* what is here may be evicted once it is there */
	p->opt.durable = !be_can(be, BE_REMOTE);
	if (p->in_place) {
		p->opt.mode = PUT_OVER;
		p->opt.over = j->seen;
	} else {
		job_put_opt(j, &p->opt);
	}
	if (j->want.posix && j->want.posix->mode)
		p->opt.meta = &j->want;
	if (know_hash(p) < 0)
		return -1;
	if (!p->in_place || !be_can(be, BE_XATTRS | BE_POSIX))
		return 0;
	/* it is replaced by another file, which is to have them, too */
	x = arena_alloc(&j->op->arena, sizeof(*x));
	if (be_get_xattrs(be, j->op, j->to_path.data, x) == 0)
		p->opt.xattrs = x;
	err_clear(&j->op->err);
	return 0;
}

/* The place has it. */
static int put_done(struct put *p)
{
	struct job *j = p->j;
	struct node *n = j->n;

	vfs_lock(j->v);
	if (p->in_place)
		unsure_forget(j->v, n);
	if (p->in_place && !(n->flags & NODE_DROPPED))
		node_set_seen(j->v, n, &p->now);
	else if (!p->in_place)
		job_arrived(j, &p->now);
	if (was_written(p)) {
		n->change++; /* not at once: there may be more to come */
	} else {
		n->flags &= ~(uint32_t)NODE_DIRTY;
		if (job_told(j))
			n->flags &= ~(uint32_t)NODE_META;
	}
	if (!(n->flags & NODE_DROPPED))
		store_save(j->v, n);
	j->v->count.sent++;
	j->v->count.sent_bytes += p->source.source.size;
	vfs_unlock(j->v);
	return 0;
}

/*
 * Our own change: with the newest, later.  Of several requests the first may
 * have been carried out.
 */
static int put_later(struct put *p)
{
	vfs_lock(p->j->v);
	p->j->doubt = true;
	p->j->n->change++;
	vfs_unlock(p->j->v);
	return 0;
}

/* ---- refused ------------------------------------------------------------- */

/* It is to be the only one of its bytes. */
static int keep_safe(struct put *p)
{
	if (fdatasync(p->c->fd) < 0)
		return err_sys(&p->j->op->err, "sync a file of the cache");
	return 0;
}

/* What was to be replaced is no more: then it is made. */
static int nothing_is_there(struct put *p, const struct err *why)
{
	struct job *j = p->j;
	int rc = 0;

	if (p->in_place && keep_safe(p) < 0)
		return -1;
	vfs_lock(j->v);
	if (p->in_place) {
		if (j->n->parent && !(j->n->flags & NODE_NEW))
			rc = job_set_new(j);
		else if (j->n->flags & NODE_GONE)
			node_drop(j->v, j->n);
	} else if (j->over) {
		job_consume(j);
	} else {
		j->op->err = *why;
		rc = -1;
	}
	vfs_unlock(j->v);
	return rc;
}

/* The same content as was seen, with another tag or time: 1 if so. */
static int seen_anew(struct put *p)
{
	struct job *j = p->j;
	const struct entry *old = p->in_place ? j->seen : j->over_seen;
	struct node *n = p->in_place ? j->n : j->over;

	if (!old || old->kind != p->now.kind || old->size != p->now.size ||
	    digests_compare(&old->hash, &p->now.hash) != 1 ||
	    same_seen(j->v, old, &p->now))
		return 0;
	vfs_lock(j->v);
	if (!(n->flags & (NODE_NEW | NODE_DROPPED)))
		node_set_seen(j->v, n, &p->now);
	vfs_unlock(j->v);
	return 1;
}

/* Somebody else's: it stays, and so does ours. */
static int keep_both(struct put *p)
{
	struct job *j = p->j;
	struct node *n = j->n;
	int rc = 0;

	if (keep_safe(p) < 0)
		return -1;
	vfs_lock(j->v);
	if (n->flags & NODE_GONE && p->in_place)
		node_drop(j->v, n); /* deleted here meanwhile */
	else if (n->parent && p->in_place && !(n->flags & NODE_NEW))
		rc = job_set_new(j);
	vfs_unlock(j->v);
	return rc < 0 ? -1 : job_conflict(j, &p->now);
}

static int put_refused(struct put *p)
{
	struct job *j = p->j;
	struct op *op = j->op;
	const struct err why = op->err;
	bool same;
	int rc;

	if (why.kind == ERR_NO_DIR || why.kind == ERR_NOT_DIR)
		return job_folder_is_missing(j);
	if (why.kind != ERR_EXISTS && why.kind != ERR_CONFLICT &&
	    why.kind != ERR_IS_DIR)
		return -1;
	if (was_written(p))
		return put_later(p);
	rc = job_heard(j, be_stat(j->v->be, op, j->to_path.data, &p->now));
	if (rc < 0)
		return is_missing(&op->err) ? nothing_is_there(p, &why) : -1;
	if (same_bytes(j, p->c, &p->now, &same) < 0)
		return -1;
	err_clear(&op->err);
	if (same)
		return put_done(p);
	rc = unsure_is(j, &p->now);
	if (rc < 0)
		return -1;
	if (rc > 0 || seen_anew(p))
		return 0;
	if (p->in_place && j->seen && same_seen(j->v, j->seen, &p->now)) {
		op->err = why;
		return -1;
	}
	return keep_both(p);
}

/* ---- sending ------------------------------------------------------------- */

int send_put(struct job *j)
{
	struct put p = { .j = j, .in_place = j->from };
	struct backend *be = j->v->be;
	int rc = -1;

	if (content_get(j->v, j->op, j->n, &p.c) < 0)
		return -1;
	if (need_all(&p) < 0) {
		if (j->op->err.kind == ERR_CONFLICT)
			job_not_whole(j);
		else
			err_wrap(&j->op->err, "what is not here of it");
		goto out;
	}
	content_source_init(&p.source, p.c);
	j->want.size = p.source.source.size;
	if (fill_opt(&p) < 0) {
		rc = was_written(&p) ? put_later(&p) : -1;
		goto out;
	}
	if (job_promise(j, &j->want) < 0)
		goto out;
	p.source.counted = true;
	rc = be_put(be, j->op, j->to_path.data, &p.source.source, &p.opt,
		    &p.now);
	if (rc == 0 || !was_written(&p))
		rc = job_heard(j, rc);
	rc = rc == 0 ? put_done(&p) : put_refused(&p);
out:
	content_put(j->v, p.c);
	return rc;
}
