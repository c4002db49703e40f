#include <errno.h>
#include <sys/statvfs.h>

#include "lib/log.h"
#include "vfs/content.h"

/* A little more than must be goes, so that it need not be done at once again.
 */
#define SLACK_PARTS 20

/* One file with content, the longest unused first. */
struct kept {
	uint64_t ino;
	int64_t bytes;
};

VEC(kepts, struct kept);

struct eviction {
	struct kepts all;
	int64_t total;
};

static int take_down(void *arg, struct op *op, uint64_t ino, int64_t bytes,
		     int64_t used)
{
	struct eviction *e = arg;

	(void)op;
	(void)used;
	*kepts_add(&e->all) = (struct kept){ ino, bytes };
	e->total += bytes;
	return 0;
}

/* How much is to go, for the budget and for the disk. */
static int64_t too_much(struct vfs *v, int64_t total)
{
	int64_t budget = v->opt.cache_size, over = 0;
	struct statvfs fs;

	if (budget >= 0 && total > budget)
		over = total - (budget - budget / SLACK_PARTS);
	if (v->opt.min_free > 0 && fstatvfs(v->data_fd, &fs) == 0) {
		uint64_t room;
		int64_t lack;

		if (__builtin_mul_overflow((uint64_t)fs.f_bavail,
					   (uint64_t)fs.f_frsize, &room) ||
		    room > INT64_MAX)
			room = INT64_MAX;
		lack = v->opt.min_free - (int64_t)room;
		if (lack > over)
			over = lack;
	}
	return over;
}

/*
 * What is only here, or to be kept, stays.  So does what is in use, if there
 * is enough else; who reads it gets what was here to the end of his call, and
 * then fetches the rest anew.
 */
static bool evict_one(struct vfs *v, struct op *op, uint64_t ino, bool in_use)
{
	struct node *n;
	bool known, is;

	vfs_lock(v);
	n = store_node(v, op, ino);
	known = n;
	is = n && n->kind == ENTRY_FILE &&
	     (in_use || (n->opens == 0 && !n->content)) &&
	     !(n->flags & (NODE_DIRTY | NODE_LOCAL | NODE_NEW)) &&
	     !(n->opens && n->flags & (NODE_GONE | NODE_DROPPED)) &&
	     !pin_covers(n);
	if (is) {
		node_hold(n);
		content_drop(v, n);
		node_release(v, n);
	}
	vfs_unlock(v);
	if (!known)
		store_used(v, ino, 0, 0); /* a row of nothing */
	return is;
}

static void set_total(struct vfs *v, int64_t total)
{
	struct contents *t = v->contents;

	pthread_mutex_lock(&t->lock);
	t->total = total;
	pthread_mutex_unlock(&t->lock);
	vfs_lock(v);
	v->count.cached = total;
	vfs_unlock(v);
}

/* Is a look worth it, by what was counted? */
static bool is_due(struct vfs *v)
{
	struct contents *t = v->contents;
	int64_t total;

	pthread_mutex_lock(&t->lock);
	total = t->total;
	pthread_mutex_unlock(&t->lock);
	vfs_lock(v);
	v->count.cached = total;
	vfs_unlock(v);
	return too_much(v, total) > 0;
}

static int evict_some(struct vfs *v, struct op *op, int64_t over)
{
	struct eviction e = { 0 };

	if (store_cached(v, op, take_down, &e) < 0) {
		kepts_free(&e.all);
		return -1;
	}
	if (over == 0)
		over = too_much(v, e.total);
	for (size_t i = 0; i < 2 * e.all.n && over > 0; i++) {
		struct kept *k = &e.all.at[i % e.all.n];

		if (k->bytes == 0 || !evict_one(v, op, k->ino, i >= e.all.n))
			continue;
		over -= k->bytes;
		e.total -= k->bytes;
		k->bytes = 0;
	}
	set_total(v, e.total);
	kepts_free(&e.all);
	return 0;
}

int evict(struct vfs *v, struct op *op)
{
	int rc;

	/* two at once would both make room for the same bytes */
	if (!is_due(v) || pthread_mutex_trylock(&v->contents->evicting) != 0)
		return 0;
	rc = evict_some(v, op, 0);
	pthread_mutex_unlock(&v->contents->evicting);
	return rc;
}

int evict_now(struct vfs *v, struct op *op, int64_t bytes)
{
	int rc;

	pthread_mutex_lock(&v->contents->evicting);
	rc = evict_some(v, op, bytes);
	pthread_mutex_unlock(&v->contents->evicting);
	return rc;
}
