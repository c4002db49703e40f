#include "vfs/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"

/*
 * Changing a file's bytes.  A row says that it is DIRTY before the first byte
 * of what was in place is changed, so that no kill leaves changed bytes that
 * look like the place's; and while a change is under way `writes` counts once
 * more than before it and once less than after it, so that whoever sends the
 * file knows that it has not sent this.
 */

/* What a change has done. */
struct change {
	int64_t size;       /* of the file from now on */
	int64_t from, till; /* these bytes are here now */
};

/* How often the queue hears of one file that is being written. */
#define TELL_EVERY (NS_PER_SEC / 10)

/* With v->lock. */
static void tell_queue(struct vfs *v, struct content *c, bool now)
{
	struct node *n = c->node;
	int64_t at;

	if (n->flags & NODE_DROPPED)
		return; /* only who has it open sees it */
	at = clock_mono();
	if (now || at - c->told > TELL_EVERY) {
		c->told = at;
		queue_changed(v, n);
	} else {
		store_save(v, n);
	}
}

static void count_write(struct content *c, int begun)
{
	pthread_mutex_lock(&c->lock);
	c->writes++;
	c->writing += (unsigned)begun;
	pthread_mutex_unlock(&c->lock);
}

/* With v->lock: what the row says of the bytes. */
static void set_flags(struct node *n, bool whole)
{
	n->flags &= ~(uint32_t)(NODE_WHOLE | NODE_PART);
	n->flags |= NODE_DIRTY | (whole ? NODE_WHOLE : NODE_PART);
}

/* What was begun changes nothing. */
static void change_undo(struct vfs *v, struct content *c)
{
	vfs_lock(v);
	count_write(c, -1);
	tell_queue(v, c, true);
	vfs_unlock(v);
	pthread_rwlock_unlock(&c->io);
}

/* With c->lock: streams do not deliver what was cut off. */
static void cut_streams(struct content *c, int64_t size)
{
	for (struct stream *s = c->streams; s; s = s->next) {
		if (s->whole)
			stream_call_off(s);
		else if (s->end > size)
			s->end = size < s->at ? s->at : size;
	}
}

/* What it was before it was cut. */
struct cut {
	int64_t size;
	struct ranges have;
};

/* With v->lock: from now on it ends at `size`, though its file does not yet. */
static void cut(struct content *c, int64_t size, struct cut *old)
{
	struct node *n = c->node;

	pthread_mutex_lock(&c->lock);
	old->size = c->size;
	old->have = c->have;
	c->have = (struct ranges){ 0 };
	for (size_t i = 0; i < old->have.n && old->have.at[i].off < size; i++)
		ranges_add(&c->have, old->have.at[i].off, old->have.at[i].end);
	ranges_remove(&c->have, size, INT64_MAX);
	cut_streams(c, size);
	c->size = size;
	if (c->rsize > size)
		c->rsize = size;
	c->unsized = false;
	c->whole = content_is_whole(c);
	c->unsaved = true;
	set_flags(n, c->whole);
	n->size = size;
	pthread_mutex_unlock(&c->lock);
}

/* With v->lock: it could not be cut. */
static void uncut(struct content *c, struct cut *old)
{
	struct node *n = c->node;

	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < old->have.n; i++)
		ranges_add(&c->have, old->have.at[i].off, old->have.at[i].end);
	c->rsize = c->size = n->size = old->size;
	c->whole = content_is_whole(c);
	set_flags(n, c->whole);
	pthread_mutex_unlock(&c->lock);
}

/*
 * From here to change_end() nobody else changes it: c->io is held.  `size`: it
 * will end there, if it does not end before.  A row says so before the file is
 * cut, or after a kill there would be zeros in place of what was cut off.
 */
static int change_begin(struct vfs *v, struct op *op, struct content *c,
			int64_t size)
{
	struct node *n = c->node;
	struct cut old = { .size = -1 };
	bool keep, cuts;
	int rc = 0;

	pthread_rwlock_wrlock(&c->io);
	vfs_lock(v);
	if (c->gone) {
		vfs_unlock(v);
		pthread_rwlock_unlock(&c->io);
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed at the place");
	}
	if (!(n->flags & NODE_DIRTY)) {
		n->flags |= NODE_DIRTY;
		c->kept_dirty = false;
		c->told = 0;
	}
	keep = !c->kept_dirty && !(n->flags & NODE_NEW) &&
	       n->flags & (NODE_WHOLE | NODE_PART);
	pthread_mutex_lock(&c->lock);
	cuts = size < c->size || c->unsized;
	pthread_mutex_unlock(&c->lock);
	if (cuts && size != INT64_MAX) {
		keep |= n->flags & (NODE_SAVED_ONCE | NODE_LOGGED);
		cut(c, size, &old);
	}
	keep = keep && !(n->flags & NODE_DROPPED);
	if (keep)
		store_save(v, n);
	count_write(c, 1);
	vfs_unlock(v);
	if (keep)
		rc = store_commit(v, op, false);
	vfs_lock(v);
	c->kept_dirty |= keep && rc == 0;
	if (rc < 0 && old.size >= 0)
		uncut(c, &old);
	vfs_unlock(v);
	ranges_free(&old.have);
	if (rc < 0)
		change_undo(v, c);
	return rc;
}

static void note_bytes(struct content *c, const struct change *ch)
{
	ranges_add(&c->have, ch->from, ch->till);
	c->size = ch->size;
	c->unsized = false;
	c->whole = content_is_whole(c);
	c->unsynced = c->written = true;
	c->unsaved = !c->whole; /* then the row says all */
	pthread_cond_broadcast(&c->changed);
}

static void change_end(struct vfs *v, struct content *c,
		       const struct change *ch)
{
	struct node *n = c->node;
	bool grown, whole;

	pthread_mutex_lock(&c->lock);
	grown = ch->size > c->size;
	note_bytes(c, ch);
	whole = c->whole;
	pthread_mutex_unlock(&c->lock);
	/* the row must not tell of a size that saved ranges know nothing of */
	if (grown && !whole)
		content_save(v, c);
	vfs_lock(v);
	count_write(c, -1);
	n->size = ch->size;
	n->mtime = n->ctime = clock_wall();
	set_flags(n, whole);
	tell_queue(v, c, false);
	vfs_unlock(v);
	pthread_rwlock_unlock(&c->io);
}

/* What is given up at once when the disk is full. */
enum { ROOM = 64 << 20 };

/* Once more after a full disk: what is not needed is given up for it. */
static bool make_room(struct vfs *v, struct op *op, int os, unsigned *tries)
{
	return os == EINTR ||
	       (os == ENOSPC && (*tries)++ == 0 && evict_now(v, op, ROOM) == 0);
}

/* A file whose size is not known is fetched before it is changed. */
static int know_size(struct vfs *v, struct op *op, struct content *c)
{
	bool unsized;

	pthread_mutex_lock(&c->lock);
	unsized = c->unsized;
	pthread_mutex_unlock(&c->lock);
	return unsized ? content_need(v, op, c, 0, 1) : 0;
}

int content_write(struct vfs *v, struct op *op, struct content *c,
		  const void *p, size_t n, int64_t off)
{
	struct change ch;
	unsigned tries = 0;
	size_t done = 0;
	int64_t end;
	int os = 0;

	if (n == 0)
		return 0;
	if (off < 0 || __builtin_add_overflow(off, (int64_t)n, &end))
		return vfs_fail(op, EFBIG, "no file may be that large");
	if (know_size(v, op, c) < 0 || change_begin(v, op, c, INT64_MAX) < 0)
		return -1;
	while (done < n) {
		ssize_t w = pwrite(c->fd, (const char *)p + done, n - done,
				   off + (int64_t)done);

		os = w < 0 ? errno : 0;
		if (w > 0)
			done += (size_t)w;
		else if (!make_room(v, op, os, &tries))
			break;
	}
	if (done < n) {
		/* what is behind the end is zeros if it becomes longer */
		if (end > c->size && ftruncate(c->fd, c->size) < 0)
			os = errno;
		change_undo(v, c);
		return vfs_fail(op, os, "write to the cache");
	}
	ch.from = off < c->size ? off : c->size;
	ch.till = end;
	ch.size = end > c->size ? end : c->size;
	change_end(v, c, &ch);
	return 0;
}

int content_truncate(struct vfs *v, struct op *op, struct content *c,
		     int64_t size)
{
	struct change ch = { .size = size, .from = size, .till = size };

	if (size < 0)
		return vfs_fail(op, EINVAL, "a size below zero");
	if ((size && know_size(v, op, c) < 0) ||
	    change_begin(v, op, c, size) < 0)
		return -1;
	if (ftruncate(c->fd, size) < 0) {
		int os = errno;

		change_undo(v, c);
		return vfs_fail(op, os, "cut a file of the cache");
	}
	if (c->size < size)
		ch.from = c->size;
	change_end(v, c, &ch);
	return 0;
}

/* fallocate(2), once more after a full disk; 0, or what is wrong. */
static int allocate(struct vfs *v, struct op *op, struct content *c, int mode,
		    int64_t off, int64_t len)
{
	unsigned tries = 0;
	int os;

	do
		os = fallocate(c->fd, mode, off, len) < 0 ? errno : 0;
	while (os && make_room(v, op, os, &tries));
	return os;
}

int content_fallocate(struct vfs *v, struct op *op, struct content *c, int mode,
		      int64_t off, int64_t len)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	struct change ch;
	int64_t end;
	int os;

	if (off < 0 || len <= 0)
		return vfs_fail(op, EINVAL, "no such bytes");
	if (__builtin_add_overflow(off, len, &end))
		return vfs_fail(op, EFBIG, "no file may be that large");
	if (mode != 0 && mode != FALLOC_FL_KEEP_SIZE && mode != punch)
		return vfs_fail(op, EOPNOTSUPP, "not that kind of allocation");
	if (mode == FALLOC_FL_KEEP_SIZE) {
		/* changes no byte, and may not look as if it had */
		os = allocate(v, op, c, mode, off, len);
		return os ? vfs_fail(op, os, "allocate in the cache") : 0;
	}
	if (know_size(v, op, c) < 0 || change_begin(v, op, c, INT64_MAX) < 0)
		return -1;
	os = allocate(v, op, c, mode, off, len);
	if (os) {
		if (end > c->size && ftruncate(c->fd, c->size) < 0)
			os = errno;
		change_undo(v, c);
		return vfs_fail(op, os, "allocate in the cache");
	}
	ch.size = mode == 0 && end > c->size ? end : c->size;
	ch.from = mode == punch && off < c->size ? off : c->size;
	ch.till = end < ch.size ? end : ch.size;
	change_end(v, c, &ch);
	return 0;
}

/* ---- stable storage ------------------------------------------------------ */

int content_sync_folder(struct vfs *v, uint64_t ino)
{
	const char digits[] = "0123456789abcdef";
	const char name[] = { digits[ino >> 4 & 15], digits[ino & 15], '\0' };
	int fd = openat(v->data_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	return rc < 0 ? -1 : fsync(v->data_fd);
}

/* So much is quicker to write twice than to sync by itself. */
enum { INLINE_MAX = 64 * 1024 };

/* With c->lock. */
static bool is_small(const struct content *c)
{
	return c->whole && !c->gone && c->size <= INLINE_MAX;
}

/* Into the next frame of the journal; false: not this one. */
static bool content_inline(struct vfs *v, struct content *c)
{
	struct node *n = c->node;
	size_t size = 0;
	bool done = false;
	char *bytes;

	pthread_rwlock_rdlock(&c->io); /* nobody writes */
	pthread_mutex_lock(&c->lock);
	if (is_small(c))
		size = (size_t)c->size;
	pthread_mutex_unlock(&c->lock);
	bytes = xrealloc(NULL, size + 1, 1);
	if (pread(c->fd, bytes, size, 0) == (ssize_t)size) {
		vfs_lock(v);
		pthread_mutex_lock(&c->lock);
		done = is_small(c) && (size_t)c->size == size &&
		       n->flags & NODE_DIRTY && !(n->flags & NODE_DROPPED);
		if (done) {
			n->flags |= NODE_INLINED;
			c->inlined++;
			c->unsynced = false;
			store_log_content(v, n->ino, bytes, size);
		}
		pthread_mutex_unlock(&c->lock);
		vfs_unlock(v);
	}
	pthread_rwlock_unlock(&c->io);
	free(bytes);
	return done;
}

/* Its data file has what it was when it had been inlined so often. */
static void note_synced(struct vfs *v, struct content *c, unsigned inlined)
{
	struct node *n = c->node;

	vfs_lock(v);
	pthread_mutex_lock(&c->lock);
	if (n->flags & NODE_INLINED && c->inlined == inlined) {
		store_log_synced(v, n->ino);
		n->flags &= ~(uint32_t)NODE_INLINED;
	}
	pthread_mutex_unlock(&c->lock);
	vfs_unlock(v);
}

int content_sync(struct vfs *v, struct op *op, struct content *c)
{
	unsigned inlined;
	bool created;

	if (v->contents->in_memory)
		return 0;
	pthread_mutex_lock(&c->lock);
	if (c->unsynced && is_small(c)) {
		pthread_mutex_unlock(&c->lock);
		if (content_inline(v, c))
			return 0;
		pthread_mutex_lock(&c->lock);
	}
	if (!c->unsynced) {
		pthread_mutex_unlock(&c->lock);
		return 0;
	}
	c->unsynced = false;
	created = c->created;
	c->created = false;
	inlined = c->inlined;
	pthread_mutex_unlock(&c->lock);
	if (fdatasync(c->fd) == 0 &&
	    (!created || content_sync_folder(v, c->node->ino) == 0)) {
		note_synced(v, c, inlined);
		return 0;
	}
	err_sys(&op->err, "sync a file of the cache");
	pthread_mutex_lock(&c->lock);
	c->unsynced = true;
	c->created |= created;
	pthread_mutex_unlock(&c->lock);
	return -1;
}

/* ---- as a source --------------------------------------------------------- */

static int check_source(struct content_source *s, struct op *op)
{
	struct content *c = s->content;
	bool same;

	pthread_mutex_lock(&c->lock);
	same = c->writes == s->writes;
	pthread_mutex_unlock(&c->lock);
	if (!same)
		return err_set(&op->err, ERR_CONFLICT,
			       "it was written to meanwhile");
	return 0;
}

static ssize_t source_read(struct source *src, struct op *op, void *buf,
			   size_t n)
{
	struct content_source *s =
		container_of(src, struct content_source, source);
	ssize_t got;

	if (op_check(op) < 0 || check_source(s, op) < 0)
		return -1;
	do
		got = pread(s->content->fd, buf, n, s->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(&op->err, "read a file of the cache");
	/* what was read may be half of the old and half of the new */
	if (check_source(s, op) < 0)
		return -1;
	if (got == 0 && s->at != src->size)
		return err_set(&op->err, ERR_IO,
			       "a file of the cache has lost its end");
	s->at += got;
	if (s->counted && acct_add(op, got) < 0)
		return -1;
	return got;
}

static int source_seek(struct source *src, struct op *op, int64_t off)
{
	struct content_source *s =
		container_of(src, struct content_source, source);

	s->at = off;
	return check_source(s, op);
}

void content_source_init(struct content_source *s, struct content *c)
{
	*s = (struct content_source){
		.source = { .stable = true,
			    .read = source_read,
			    .seek = source_seek },
		.content = c,
	};
	pthread_mutex_lock(&c->lock);
	s->source.size = c->size;
	/* never equal if a write is under way */
	s->writes = c->writing ? UINT64_MAX : c->writes;
	pthread_mutex_unlock(&c->lock);
}
