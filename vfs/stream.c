#include "vfs/content.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

/* So long it waits for its reader when it is far enough ahead. */
#define PATIENCE NS_PER_SEC

/* And so often what has come of a long one is saved, and counted. */
#define SAVE_EVERY (5 * NS_PER_SEC)
enum { SAVE_BYTES = 128 << 20 };

/* What is given up at once when the disk is full. */
enum { ROOM = 64 << 20 };

struct stream *stream_new(struct content *c, int64_t at, int64_t end)
{
	struct stream *s = xcalloc(1, sizeof(*s));

	atomic_fetch_add(&c->users, 1); /* the caller has it, too */
	s->content = c;
	s->at = at;
	s->end = end;
	s->limit = s->wake_at = INT64_MAX;
	s->refs = 1;
	cancel_init(&s->cancel);
	s->next = c->streams;
	c->streams = s;
	return s;
}

void stream_call_off(struct stream *s)
{
	s->off = true;
	cancel_set(&s->cancel);
}

void stream_unref(struct stream *s)
{
	if (--s->refs > 0)
		return;
	cancel_free(&s->cancel);
	free(s);
}

/* ---- bytes into the file ------------------------------------------------- */

enum { GATHER = 128 * 1024 };

struct into_file {
	struct sink base;
	struct vfs *v;
	struct stream *s;
	bool stopped; /* since no more is wanted */
	bool local;   /* the disk has failed, not the place */
	char *buf;    /* of GATHER bytes: small pieces become large ones */
	size_t len;   /* in it */
	int64_t save_at, save_left; /* when, after so many more bytes */
};

/*
 * With c->lock: wait until someone reads on.  False if nobody does, or if the
 * thread is needed elsewhere.
 */
static bool is_wanted(struct into_file *f)
{
	struct stream *s = f->s;
	int64_t since = 0;

	while (!s->off && s->at < s->end && s->at >= s->limit) {
		int64_t now = clock_mono();

		if (!be_can(f->v->be, BE_RANGE))
			break; /* it cannot be gone on with */
		if (!since)
			since = now;
		if (now - since > PATIENCE || fetch_is_short(f->v))
			return false;
		content_wait(s->content, 50);
	}
	return !s->off && s->at < s->end;
}

static int write_at(struct into_file *f, struct op *op, const char *p,
		    int64_t off, int64_t n)
{
	bool evicted = false;

	while (n > 0) {
		ssize_t w = pwrite(f->s->content->fd, p, (size_t)n, off);

		if (w > 0) {
			p += w;
			off += w;
			n -= w;
		} else if (w < 0 && errno == ENOSPC && !evicted) {
			evicted = true;
			if (evict_now(f->v, op, ROOM) < 0)
				log_info(NULL, "%s", op->err.msg);
		} else if (w < 0 && errno != EINTR) {
			f->local = true;
			return err_sys(&op->err, "write to the cache");
		}
	}
	return 0;
}

/*
 * Only what is still missing: what was written here meanwhile is newer.  With
 * c->io shared, so that nothing is written between the look and the write.
 */
static int fill(struct into_file *f, struct op *op, const char *p, int64_t off,
		int64_t end)
{
	struct content *c = f->s->content;
	int64_t from = off;
	struct range gap;

	for (;;) {
		bool more;

		pthread_mutex_lock(&c->lock);
		more = ranges_missing(&c->have, off, end, &gap);
		pthread_mutex_unlock(&c->lock);
		if (!more)
			return 0;
		if (write_at(f, op, p + (gap.off - from), gap.off,
			     gap.end - gap.off) < 0)
			return -1;
		off = gap.end;
	}
}

/* With c->lock: [s->at, s->at + n) is in the file. */
static void advance(struct stream *s, int64_t n)
{
	struct content *c = s->content;

	if (!s->whole) {
		ranges_add(&c->have, s->at, s->at + n);
		c->unsaved = true;
	}
	s->at += n;
	if (s->at >= s->wake_at || s->at >= s->end) {
		s->wake_at = INT64_MAX;
		if (c->waiting)
			pthread_cond_broadcast(&c->changed);
	}
}

/* One piece, as much as is wanted of it: how much was taken, or -1. */
static int64_t take(struct into_file *f, struct op *op, const char *p, size_t n)
{
	struct stream *s = f->s;
	struct content *c = s->content;
	int64_t off, len;
	int rc;

	pthread_mutex_lock(&c->lock);
	f->stopped = !is_wanted(f);
	pthread_mutex_unlock(&c->lock);
	if (f->stopped)
		return err_set(&op->err, ERR_CANCELED, "no longer wanted");
	pthread_rwlock_rdlock(&c->io);
	pthread_mutex_lock(&c->lock);
	off = s->at;
	len = s->end - off < (int64_t)n ? s->end - off : (int64_t)n;
	if (s->off)
		len = 0; /* its bytes may be another's now */
	pthread_mutex_unlock(&c->lock);
	rc = fill(f, op, p, off, off + len);
	if (rc == 0) {
		pthread_mutex_lock(&c->lock);
		advance(s, len);
		pthread_mutex_unlock(&c->lock);
	}
	pthread_rwlock_unlock(&c->io);
	return rc < 0 ? -1 : len;
}

static int take_all(struct into_file *f, struct op *op, const char *p, size_t n)
{
	while (n > 0) {
		int64_t took = take(f, op, p, n);

		if (took < 0)
			return -1;
		p += took;
		n -= (size_t)took;
	}
	return 0;
}

static int take_gathered(struct into_file *f, struct op *op)
{
	size_t n = f->len;

	f->len = 0;
	return take_all(f, op, f->buf, n);
}

/* Somebody waits for what was gathered, or it is the last. */
static bool is_awaited(struct into_file *f)
{
	struct stream *s = f->s;
	struct content *c = s->content;
	int64_t at;
	bool is;

	pthread_mutex_lock(&c->lock);
	at = s->at + (int64_t)f->len;
	is = at >= s->wake_at || at >= s->end || at >= s->limit || s->off;
	pthread_mutex_unlock(&c->lock);
	return is;
}

static int into_file_write(struct sink *dst, struct op *op, const void *buf,
			   size_t n)
{
	struct into_file *f = container_of(dst, struct into_file, base);
	int rc = 0;

	if (f->len + n > GATHER)
		rc = take_gathered(f, op);
	if (rc == 0 && n >= GATHER / 2 && f->len == 0) {
		rc = take_all(f, op, buf, n);
	} else if (rc == 0) {
		if (!f->buf)
			f->buf = xrealloc(NULL, GATHER, 1);
		memcpy(f->buf + f->len, buf, n);
		f->len += n;
		if (is_awaited(f))
			rc = take_gathered(f, op);
	}
	f->save_left -= (int64_t)n;
	if (rc < 0 || (clock_mono() < f->save_at && f->save_left > 0))
		return rc;
	f->save_at = clock_mono() + SAVE_EVERY;
	f->save_left = SAVE_BYTES;
	content_save(f->v, f->s->content);
	if (evict(f->v, op) < 0)
		log_info(NULL, "%s", op->err.msg);
	return 0;
}

/* ---- one call ------------------------------------------------------------ */

/* Where it is and what it was, as the node tells. */
static int look_up(struct vfs *v, struct op *op, struct content *c,
		   const char **path, struct entry *seen)
{
	struct buf b = BUF_INIT;
	struct posix_meta m;
	bool gone, there;

	vfs_lock(v);
	gone = c->gone;
	there = node_seen(c->node, seen, &m) && node_remote_path(c->node, &b);
	if (there)
		*seen = entry_copy(&op->arena, seen);
	vfs_unlock(v);
	*path = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	if (gone)
		return err_set(&op->err, ERR_CANCELED, "it has changed");
	if (!there)
		return err_set(&op->err, ERR_CONFLICT,
			       "the place does not have it any more");
	return 0;
}

/*
 * Where versions have no tags, the parts of two could end up in one file: so
 * look whether it is still the one that was seen.
 */
static int check_version(struct vfs *v, struct op *op, const char *path,
			 const struct entry *seen)
{
	struct entry now;

	if (be_stat(v->be, op, path, &now) < 0)
		return -1;
	if (now.size == seen->size && now.mtime == seen->mtime)
		return 0;
	return err_set(&op->err, ERR_CONFLICT, "it has changed");
}

static int get(struct into_file *f, struct op *op)
{
	struct vfs *v = f->v;
	struct stream *s = f->s;
	struct content *c = s->content;
	struct get_opt opt = { .len = -1 };
	struct entry seen;
	const char *path;
	bool all;

	if (look_up(v, op, c, &path, &seen) < 0)
		return -1;
	pthread_mutex_lock(&c->lock);
	f->stopped = s->off || s->at >= s->end;
	all = s->whole || !be_can(v->be, BE_RANGE);
	if (!all) {
		opt.off = s->at;
		opt.len = s->end - s->at;
	}
	pthread_mutex_unlock(&c->lock);
	if (f->stopped)
		return err_set(&op->err, ERR_CANCELED, "no longer wanted");
	opt.tag = seen.tag;
	opt.want = s->whole ? &seen.hash : NULL;
	if (be_get(v->be, op, path, &opt, &f->base) < 0) {
		struct err why = op->err;

		if (!f->stopped && !f->local)
			(void)!take_gathered(f, op); /* is as good as any */
		op->err = why;
		return -1;
	}
	if (take_gathered(f, op) < 0)
		return -1;
	return all || seen.tag || (opt.off == 0 && opt.len == seen.size)
		       ? 0
		       : check_version(v, op, path, &seen);
}

/* ---- the end ------------------------------------------------------------- */

/* The place has another version: what is here of the old one goes. */
static void forget(struct vfs *v, struct content *c)
{
	struct node *n = c->node;

	vfs_lock(v);
	if (!c->gone && !(n->flags & NODE_DIRTY)) {
		if (node_rparent(n))
			folder_stale(v, node_rparent(n));
		content_forget(v, n);
	}
	vfs_unlock(v);
}

/* A file whose size nobody knew has come to its end. */
static bool set_size(struct vfs *v, struct content *c, int64_t size)
{
	struct node *n = c->node;
	bool is = false;

	vfs_lock(v);
	if (!c->gone && !(n->flags & NODE_DIRTY)) {
		n->size = size;
		store_save(v, n);
		is = true;
	}
	vfs_unlock(v);
	return is;
}

/* With c->lock: all came; what was held back is shown. */
static void show_whole(struct stream *s)
{
	struct content *c = s->content;

	if (c->unsized) {
		c->unsized = false;
		c->size = c->rsize = s->at;
	}
	ranges_add(&c->have, 0, s->at < c->size ? s->at : c->size);
	c->unsaved = true;
}

/* What became of it: the place's answer is not all that counts. */
static int judge(struct into_file *f, struct op *op, int rc)
{
	struct stream *s = f->s;
	struct content *c = s->content;

	pthread_mutex_lock(&c->lock);
	if (s->off)
		rc = err_set(&op->err, ERR_CANCELED, "no longer wanted");
	else if (rc < 0 && f->stopped && s->whole)
		rc = err_set(&op->err, ERR_CONFLICT,
			     "it is longer than it was");
	else if (rc < 0 && f->stopped)
		rc = 0; /* it was cut, or has gone far enough */
	else if (rc == 0 && s->at < s->end && !c->unsized)
		rc = err_set(&op->err, ERR_CONFLICT,
			     "it is shorter than it was");
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static void finish(struct into_file *f, struct op *op, int rc)
{
	struct stream *s = f->s, **at;
	struct content *c = s->content;
	bool sized, whole;
	int64_t size;

	pthread_mutex_lock(&c->lock);
	sized = c->unsized && rc == 0;
	size = s->at;
	pthread_mutex_unlock(&c->lock);
	if (sized) /* who waits for it looks at the node's */
		sized = set_size(f->v, c, size);
	pthread_mutex_lock(&c->lock);
	/* written, cut or called off in the last moment: who waits asks again
	 */
	if (rc == 0 && s->whole && !s->off)
		show_whole(s);
	if (rc < 0)
		s->error = op->err;
	for (at = &c->streams; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	s->done = c->fetched = true;
	c->whole = content_is_whole(c);
	whole = c->whole && c->unsaved && !c->gone;
	pthread_cond_broadcast(&c->changed);
	stream_unref(s);
	pthread_mutex_unlock(&c->lock);
	if (sized && f->v->opt.stale)
		f->v->opt.stale(f->v->opt.arg, 0, NULL, c->node->ino);
	if (whole)
		content_save(f->v, c);
}

static bool is_other(enum err_kind kind)
{
	return kind == ERR_CONFLICT || kind == ERR_NOT_FOUND ||
	       kind == ERR_NO_DIR || kind == ERR_CORRUPT;
}

void stream_run(struct vfs *v, struct stream *s)
{
	struct content *c = s->content;
	struct op op = op_begin(&s->cancel);
	struct into_file f = { .base.write = into_file_write, .v = v, .s = s };
	int rc;

	op.acct = v->acct;
	f.save_at = clock_mono() + SAVE_EVERY;
	f.save_left = SAVE_BYTES;
	rc = judge(&f, &op, get(&f, &op));
	if (rc == 0 || f.local)
		vfs_heard(v, NULL);
	else if (op.err.kind != ERR_CANCELED)
		vfs_heard(v, &op.err);
	if (rc < 0 && !f.local && is_other(op.err.kind))
		forget(v, c);
	finish(&f, &op, rc);
	free(f.buf);
	op_end(&op);
	content_put(v, c);
}
