#include "vfs/content.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

/*
 * What is claimed is there: bytes are written before the ranges that name them
 * are saved, and a row that claims content is changed before its file may
 * become another's.  So a kill at any instant costs what was fetched last, and
 * nothing else; what a power cut may do is looked for when opening (tend.c).
 */

/* ---- data files ---------------------------------------------------------- */

enum { NAME_ROOM = 32 };

static void data_name(char name[NAME_ROOM], uint64_t ino)
{
	snprintf(name, NAME_ROOM, "%02x/%" PRIu64, (unsigned)(ino & 0xff), ino);
}

int content_open_data(struct vfs *v, uint64_t ino, int flags)
{
	char name[NAME_ROOM];
	int fd;

	data_name(name, ino);
	flags |= O_CLOEXEC | O_NOFOLLOW;
	fd = openat(v->data_fd, name, flags, 0600);
	if (fd < 0 && errno == ENOENT && flags & O_CREAT) {
		name[2] = '\0';
		if (mkdirat(v->data_fd, name, 0700) < 0 && errno != EEXIST)
			return -1;
		name[2] = '/';
		fd = openat(v->data_fd, name, flags, 0600);
	}
	return fd;
}

void content_remove(struct vfs *v, uint64_t ino)
{
	char name[NAME_ROOM];

	data_name(name, ino);
	if (!v->contents) { /* the last commit, when nothing is made any more */
		unlinkat(v->data_fd, name, 0);
		return;
	}
	pthread_mutex_lock(&v->contents->files);
	unlinkat(v->data_fd, name, 0);
	pthread_mutex_unlock(&v->contents->files);
}

/* ---- small things -------------------------------------------------------- */

bool content_is_whole(const struct content *c)
{
	return !c->unsized && ranges_has(&c->have, 0, c->size);
}

void content_count(struct vfs *v, int64_t bytes)
{
	struct contents *t = v->contents;

	pthread_mutex_lock(&t->lock);
	t->total += bytes;
	if (t->total < 0)
		t->total = 0;
	v->count.cached = t->total;
	pthread_mutex_unlock(&t->lock);
}

/* A minute is fine enough for what was used last, and much cheaper. */
static bool used_lately(struct contents *t, uint64_t ino, int64_t now)
{
	size_t i = ino % ARRAY_LEN(t->used);
	bool is;

	pthread_mutex_lock(&t->lock);
	is = t->used[i].ino == ino && now - t->used[i].when < 60 * NS_PER_SEC &&
	     now >= t->used[i].when;
	if (!is) {
		t->used[i].ino = ino;
		t->used[i].when = now;
	}
	pthread_mutex_unlock(&t->lock);
	return is;
}

void content_used(struct vfs *v, uint64_t ino, int64_t bytes, bool always)
{
	int64_t now = clock_wall();

	if (!used_lately(v->contents, ino, now) || always)
		store_used(v, ino, bytes, now);
}

void content_wait(struct content *c, unsigned ms)
{
	int64_t until = clock_mono() + (int64_t)ms * 1000000;
	struct timespec t = timespec_of(until);

	c->waiting++;
	pthread_cond_timedwait(&c->changed, &c->lock, &t);
	c->waiting--;
}

/* ---- opening ------------------------------------------------------------- */

/* What its node said when the opening began. */
struct opening {
	uint32_t flags;
	int64_t size, seen_size; /* -1: the place has none of it */
	int fd;
	bool claimed; /* some of it is said to be here */
	struct ranges have;
};

static int look_at_node(struct vfs *v, struct op *op, struct content *c,
			struct opening *o)
{
	struct node *n = c->node;
	struct posix_meta m;
	struct entry seen;

	vfs_lock(v);
	if (n->flags & NODE_FORGOT && !c->gone) {
		store_save(v, n);
		vfs_unlock(v);
		/* the old row may claim what will be in the file from now on */
		if (store_commit(v, op, false) < 0)
			return -1;
		vfs_lock(v);
		if (!c->gone)
			n->flags &= ~(uint32_t)NODE_FORGOT;
	}
	o->flags = n->flags;
	o->size = n->size < 0 ? 0 : n->size;
	/* of a new file nothing is: it need not be looked for */
	o->claimed = n->flags & (NODE_WHOLE | NODE_PART) &&
		     !(n->flags & NODE_DIRTY && o->size == 0);
	o->seen_size = -1;
	if (!(n->flags & NODE_NEW) && node_seen(n, &seen, &m)) {
		o->seen_size = seen.size < 0 ? 0 : seen.size;
		c->unsized = seen.size == SIZE_UNKNOWN && !o->claimed &&
			     !(n->flags & NODE_DIRTY);
	}
	vfs_unlock(v);
	return 0;
}

static void tell_cut(struct vfs *v, struct node *n)
{
	struct buf path = BUF_INIT;

	vfs_lock(v);
	node_path(n, &path);
	vfs_unlock(v);
	vfs_tell(v,
		 "the end of \"%s\", which was changed here, is lost: the "
		 "machine went down before it was on the disk",
		 path.data);
	buf_free(&path);
}

/* The file as it must be for what is claimed; else nothing is. */
static int open_claimed(struct vfs *v, struct op *op, struct content *c,
			struct opening *o)
{
	bool dirty = o->flags & NODE_DIRTY;
	struct stat st;

	o->fd = content_open_data(v, c->node->ino, O_RDWR);
	if (o->fd < 0 && errno != ENOENT)
		return err_sys(&op->err, "open a file of the cache");
	if (o->fd < 0 && dirty && o->size > 0)
		return vfs_fail(op, EIO,
				"what was written here is lost: its file in "
				"the cache is missing");
	if (o->fd >= 0 && fstat(o->fd, &st) == 0 && st.st_size == o->size)
		return 0;
	if (o->fd >= 0 && dirty) {
		/* more: never acknowledged; less: a disk that lost some */
		if (st.st_size < o->size)
			tell_cut(v, c->node);
		if (ftruncate(o->fd, o->size) < 0)
			return err_sys(&op->err, "cut a file of the cache");
		return 0;
	}
	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	o->claimed = false;
	return 0;
}

static int open_fresh(struct vfs *v, struct op *op, struct content *c,
		      struct opening *o)
{
	bool gone;

	/*
	 * content_drop() says that it is gone, and then removes the file: so
	 * the file made here is not that of who comes after.
	 */
	pthread_mutex_lock(&v->contents->files);
	pthread_mutex_lock(&c->lock);
	gone = c->gone;
	pthread_mutex_unlock(&c->lock);
	if (!gone)
		o->fd = content_open_data(v, c->node->ino,
					  O_RDWR | O_CREAT | O_TRUNC);
	pthread_mutex_unlock(&v->contents->files);
	if (gone)
		return err_set(&op->err, ERR_CONFLICT, "it has changed");
	if (o->fd < 0 || (o->size && ftruncate(o->fd, o->size) < 0))
		return err_sys(&op->err, "make a file of the cache");
	return 0;
}

static int load_ranges(struct vfs *v, struct op *op, struct content *c,
		       struct opening *o)
{
	if (o->claimed && o->flags & NODE_WHOLE)
		ranges_add(&o->have, 0, o->size);
	else if (o->claimed && store_ranges(v, op, c->node->ino, &o->have) < 0)
		return -1;
	ranges_remove(&o->have, o->size, INT64_MAX);
	/* what the place never had can only be a hole of ours */
	if (o->seen_size < 0 || o->flags & NODE_DIRTY)
		ranges_add(&o->have, o->seen_size < 0 ? 0 : o->seen_size,
			   o->size);
	return 0;
}

/* Without locks; c->opening is ours. */
static int open_content(struct vfs *v, struct op *op, struct content *c)
{
	struct opening o = { .fd = -1 };

	if (look_at_node(v, op, c, &o) < 0 ||
	    (o.claimed && open_claimed(v, op, c, &o) < 0) ||
	    load_ranges(v, op, c, &o) < 0 ||
	    (o.fd < 0 && open_fresh(v, op, c, &o) < 0)) {
		if (o.fd >= 0)
			close(o.fd);
		ranges_free(&o.have);
		return -1;
	}
	pthread_mutex_lock(&c->lock);
	c->fd = o.fd;
	c->size = o.size;
	c->rsize = o.seen_size < 0 ? 0 : o.seen_size;
	if (c->rsize > c->size)
		c->rsize = c->size;
	c->have = o.have;
	/* for all that is known */
	c->unsynced = o.flags & NODE_DIRTY;
	c->created = !o.claimed || o.flags & NODE_DIRTY;
	c->whole = content_is_whole(c);
	c->counted = o.claimed ? ranges_bytes(&c->have) : 0;
	pthread_mutex_unlock(&c->lock);
	return 0;
}

static int make_ready(struct vfs *v, struct op *op, struct content *c)
{
	int rc = 0;

	pthread_mutex_lock(&c->lock);
	while (c->opening && rc == 0) {
		content_wait(c, 100);
		rc = op_check(op);
	}
	if (rc == 0 && c->fd < 0) {
		c->opening = true;
		pthread_mutex_unlock(&c->lock);
		rc = open_content(v, op, c);
		pthread_mutex_lock(&c->lock);
		c->opening = false;
		pthread_cond_broadcast(&c->changed);
	}
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static struct content *content_new(struct vfs *v, struct node *n)
{
	struct content *c = xcalloc(1, sizeof(*c));
	pthread_rwlockattr_t io;
	pthread_condattr_t attr;

	c->node = n;
	c->fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->changed, &attr);
	pthread_condattr_destroy(&attr);
	/* else streams that follow each other never let a writer in */
	pthread_rwlockattr_init(&io);
	pthread_rwlockattr_setkind_np(
		&io, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&c->io, &io);
	pthread_rwlockattr_destroy(&io);
	c->next = v->contents->first;
	if (c->next)
		c->next->prev = c;
	v->contents->first = c;
	node_hold(n);
	n->content = c;
	return c;
}

int content_get(struct vfs *v, struct op *op, struct node *n,
		struct content **out)
{
	for (unsigned tries = 0;; tries++) {
		struct content *c;
		bool gone;

		vfs_lock(v);
		c = n->content ? n->content : content_new(v, n);
		c->users++;
		vfs_unlock(v);
		if (make_ready(v, op, c) == 0) {
			*out = c;
			return 0;
		}
		pthread_mutex_lock(&c->lock);
		gone = c->gone;
		pthread_mutex_unlock(&c->lock);
		content_put(v, c);
		if (!gone || tries >= 10)
			return -1;
	}
}

/* ---- saving, closing ----------------------------------------------------- */

/* With v->lock and c->lock: how much of the disk it takes now. */
static void count(struct vfs *v, struct content *c)
{
	int64_t bytes = ranges_bytes(&c->have);

	if (bytes || c->counted)
		content_used(v, c->node->ino, bytes, bytes != c->counted);
	content_count(v, bytes - c->counted);
	c->counted = bytes;
}

void content_save(struct vfs *v, struct content *c)
{
	struct node *n = c->node;
	struct ranges have = { 0 };
	bool gone, whole, any;

	pthread_mutex_lock(&v->contents->saving);
	pthread_mutex_lock(&c->lock);
	gone = c->gone || !c->unsaved;
	whole = c->whole;
	any = c->have.n > 0 || whole;
	if (!gone && !whole)
		for (size_t i = 0; i < c->have.n; i++)
			ranges_add(&have, c->have.at[i].off, c->have.at[i].end);
	c->unsaved = false;
	pthread_mutex_unlock(&c->lock);
	if (!gone)
		store_set_ranges(v, n->ino, &have);
	if (!gone && any) {
		uint32_t is;

		vfs_lock(v);
		/* it may have become whole meanwhile, and never less */
		pthread_mutex_lock(&c->lock);
		is = c->whole ? NODE_WHOLE : NODE_PART;
		if (!c->gone && !(n->flags & NODE_DROPPED))
			count(v, c);
		pthread_mutex_unlock(&c->lock);
		if (!c->gone && !(n->flags & is)) {
			n->flags &= ~(uint32_t)(NODE_WHOLE | NODE_PART);
			n->flags |= is;
			store_save(v, n);
		}
		vfs_unlock(v);
	}
	pthread_mutex_unlock(&v->contents->saving);
	ranges_free(&have);
}

/* With v->lock: what the mode does not keep when nobody uses it any more. */
static bool is_dropped(struct vfs *v, struct content *c)
{
	struct node *n = c->node;

	if (c->gone || n->flags & (NODE_PENDING | NODE_LOCAL) || c->fd < 0 ||
	    pin_covers(n))
		return false;
	return v->opt.cache_mode == VFS_CACHE_OFF ||
	       (v->opt.cache_mode == VFS_CACHE_WRITES && c->fetched &&
		!c->written);
}

static void content_free(struct vfs *v, struct content *c)
{
	struct node *n = c->node;

	if (!c->gone && c->fd >= 0 && !(n->flags & NODE_DROPPED))
		count(v, c);
	if (n->content == c)
		n->content = NULL;
	if (c->prev)
		c->prev->next = c->next;
	else
		v->contents->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	node_release(v, n);
	vfs_unlock(v);
	if (c->fd >= 0)
		close(c->fd);
	ranges_free(&c->have);
	pthread_rwlock_destroy(&c->io);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

/* With v->lock: its ranges are still to be saved. */
static bool is_unsaved(struct content *c)
{
	bool is;

	pthread_mutex_lock(&c->lock);
	is = c->unsaved && !c->gone;
	pthread_mutex_unlock(&c->lock);
	return is;
}

void content_put(struct vfs *v, struct content *c)
{
	vfs_lock(v);
	while (c->users == 1 && is_unsaved(c)) {
		vfs_unlock(v);
		content_save(v, c);
		vfs_lock(v);
	}
	if (atomic_fetch_sub(&c->users, 1) > 1) {
		vfs_unlock(v);
		return;
	}
	if (is_dropped(v, c))
		content_drop(v, c->node);
	if (c->unsynced && !v->contents->in_memory && !c->gone &&
	    !(c->node->flags & NODE_DROPPED))
		tend_unsynced(v, c->node->ino);
	content_free(v, c);
}

/* ---- letting go ---------------------------------------------------------- */

void content_drop(struct vfs *v, struct node *n)
{
	struct content *c = n->content;

	if (c) {
		int64_t counted;

		pthread_mutex_lock(&c->lock);
		c->gone = true;
		counted = c->counted;
		c->counted = 0;
		pthread_cond_broadcast(&c->changed);
		pthread_mutex_unlock(&c->lock);
		n->content = NULL;
		content_count(v, -counted);
		fetch_call_off(c);
	} else if (n->flags & NODE_WHOLE) {
		content_count(v, -n->size); /* of a part, evict() will see */
	}
	if (n->flags & (NODE_WHOLE | NODE_PART)) {
		n->flags &= ~(uint32_t)(NODE_WHOLE | NODE_PART);
		n->flags |= NODE_FORGOT;
		store_save(v, n);
		store_used(v, n->ino, 0, 0);
	}
	content_remove(v, n->ino);
}

void content_forget(struct vfs *v, struct node *n)
{
	if (n->flags & NODE_DIRTY)
		return;
	n->flags |= NODE_NO_KEEP;
	content_drop(v, n);
}
