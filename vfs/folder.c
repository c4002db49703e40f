#include "vfs/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

/*
 * A folder's entries: from the store, then from the place.  The first visitor
 * lists, without the lock; the others wait for him.
 */

enum { TRIES = 3, TRIES_MOST = 50, WAIT_MS = 100 };

/* What is known has to do for so long where nothing better could be had. */
#define MAKESHIFT (5 * NS_PER_SEC)

bool folder_is_fresh(const struct vfs *v, const struct folder *f)
{
	return f->listed_at && clock_mono() - f->listed_at < v->opt.dir_time;
}

void folder_stale(struct vfs *v, struct node *dir)
{
	(void)v;
	if (dir->dir)
		dir->dir->listed_at = 0;
}

/* With the lock, which is let go of meanwhile. */
static int wait_listed(struct vfs *v, struct op *op)
{
	struct timespec until =
		timespec_of(clock_mono() + WAIT_MS * NS_PER_SEC / 1000);
	int rc;

	pthread_cond_timedwait(&v->listed, &v->lock, &until);
	vfs_unlock(v);
	rc = op_check(op);
	vfs_lock(v);
	return rc;
}

/*
 * At the place it may be on its way to where it is not looked for, or there
 * already.
 */
static bool is_moving(const struct node *dir)
{
	for (; dir; dir = node_rparent(dir))
		if (dir->flags & (NODE_SENDING | NODE_UNSURE) &&
		    dir->flags & (NODE_AWAY | NODE_GONE))
			return true;
	return false;
}

static bool is_missing(const struct err *e)
{
	return e->kind == ERR_NO_DIR || e->kind == ERR_NOT_FOUND ||
	       e->kind == ERR_NOT_DIR;
}

/* One listing, under way or over. */
struct look {
	struct listing list;
	struct buf path, path_after;
	int64_t began;
	bool calm;    /* the queue was not at work there, */
	bool steady;  /* nor with the folder itself, or one above */
	bool unknown; /* the place was not asked, or did not answer */
};

/* With the lock, which is let go of meanwhile. */
static int ask(struct vfs *v, struct op *op, struct node *dir, struct look *k)
{
	uint64_t acted = dir->dir->acted, moves = v->dir_moves;
	bool calm = dir->dir->acting == 0, steady = !is_moving(dir);
	int rc = -1;

	buf_reset(&k->path);
	buf_reset(&k->path_after);
	listing_reset(&k->list);
	node_remote_path(dir, &k->path);
	k->began = clock_mono();
	k->unknown = false;
	vfs_unlock(v);
	if (vfs_may_ask(v)) {
		rc = be_list(v->be, op, k->path.data, &k->list);
		vfs_heard(v, rc < 0 ? &op->err : NULL);
		k->unknown = rc < 0 && !is_missing(&op->err);
	} else {
		k->unknown = true;
		vfs_fail(op, ENETDOWN, "list \"%s\": %s is out of reach",
			 k->path.data, v->be->name);
	}
	vfs_lock(v);
	node_remote_path(dir, &k->path_after);
	k->calm = calm && dir->dir->acting == 0 && dir->dir->acted == acted;
	k->steady = steady && !is_moving(dir) && v->dir_moves == moves &&
		    strcmp(k->path.data, k->path_after.data) == 0;
	return rc;
}

static bool is_away(const struct node *dir)
{
	for (; dir; dir = node_rparent(dir))
		if (dir->flags & NODE_AWAY)
			return true;
	return false;
}

/* The place has no such folder (any more). */
static int missing(struct vfs *v, struct op *op, struct node *dir,
		   struct look *k, struct merge *m)
{
	struct node *above = node_rparent(dir);

	if (dir == v->root && dir->dir->n) {
		/* its disk may not be mounted: that is no reason to forget */
		k->unknown = true;
		return -1;
	}
	/* it may have been moved before a kill: the queue looks */
	if (!k->calm || is_away(dir)) {
		k->unknown = true;
		return -1;
	}
	if (above)
		folder_stale(v, above);
	err_clear(&op->err);
	listing_reset(&k->list);
	dir->dir->listed_at = k->began;
	return merge_listing(m, op, &k->list);
}

static void believe(struct vfs *v, struct folder *f)
{
	f->listed_at = clock_mono() - v->opt.dir_time;
	f->listed_at +=
		MAKESHIFT < v->opt.dir_time ? MAKESHIFT : v->opt.dir_time;
}

/*
 * A listing that the queue was at work under shows what was, or what is, or
 * some of both: it is good for a first impression only.
 */
static int merge(struct vfs *v, struct op *op, struct look *k, struct merge *m)
{
	struct folder *f = m->dir->dir;

	m->only_new = !k->calm;
	if (k->calm)
		f->listed_at = k->began;
	else
		believe(v, f);
	if (!k->calm && m->dir->flags & NODE_LISTED)
		return 0;
	return merge_listing(m, op, &k->list);
}

static bool is_nowhere(const struct node *dir)
{
	return dir->flags & (NODE_NEW | NODE_GONE | NODE_DROPPED);
}

/*
 * Ask until the answer is about what was asked; with patience where nothing is
 * known yet.
 */
static int look(struct vfs *v, struct op *op, struct node *dir, struct look *k)
{
	unsigned most = dir->flags & NODE_LISTED ? TRIES : TRIES_MOST;

	for (unsigned i = 1; !is_nowhere(dir); i++) {
		int rc = ask(v, op, dir, k);

		if (k->unknown || (k->steady && (k->calm || i >= TRIES)))
			return rc;
		if (i >= most)
			return err_set(&op->err, ERR_CONFLICT,
				       "\"%s\" is being moved", dir->name);
		if (!k->steady && wait_listed(v, op) < 0)
			return -1;
	}
	return 0;
}

/* With the lock, and folder.listing set. */
static int list(struct vfs *v, struct op *op, struct node *dir, struct merge *m)
{
	struct folder *f = dir->dir;
	struct look k = { .list = LISTING_INIT,
			  .path = BUF_INIT,
			  .path_after = BUF_INIT };
	int rc = look(v, op, dir, &k);

	if (is_nowhere(dir))
		rc = 0;
	else if (rc == 0)
		rc = merge(v, op, &k, m);
	else if (!k.unknown && k.steady)
		rc = missing(v, op, dir, &k, m);
	if (rc < 0 && dir->flags & (NODE_LISTED | NODE_MET) &&
	    op->err.kind != ERR_CANCELED) {
		log_info(dir->name, "%s", op->err.msg);
		believe(v, f);
		rc = 0;
	}
	if (rc == 0)
		err_clear(&op->err);
	listing_free(&k.list);
	buf_free(&k.path);
	buf_free(&k.path_after);
	return rc;
}

int folder_ready(struct vfs *v, struct op *op, struct node *dir)
{
	struct merge m = { .v = v, .dir = dir };
	struct folder *f;
	int rc;

	if (dir->kind != ENTRY_DIR)
		return vfs_fail(op, ENOTDIR, "\"%s\"", dir->name);
	if (!dir->dir && store_load(v, op, dir) < 0)
		return -1;
	f = dir->dir;
	f->used = clock_mono();
	for (;;) {
		/* of such there is nothing at the place */
		if (is_nowhere(dir) || folder_is_fresh(v, f))
			return 0;
		if (!f->listing)
			break;
		if (wait_listed(v, op) < 0)
			return -1;
	}
	f->listing = true;
	rc = list(v, op, dir, &m);
	f->listing = false;
	pthread_cond_broadcast(&v->listed);
	if (m.stale.n) {
		vfs_unlock(v);
		merge_tell(&m);
		vfs_lock(v);
	}
	return rc;
}
