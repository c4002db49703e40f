/*
 * The bytes of a file: its blobs, one after the other into a sink, while some
 * of those that follow are being read by other threads.
 */

#include <string.h>

#include "repo/snapfs.h"

enum {
	AHEAD = 4,                /* blobs of one file */
	AHEAD_MAX = 64 << 20,     /* bytes, of all files together */
	AHEAD_ONE_MAX = 32 << 20, /* bytes of one file */
	THREADS_REMOTE = 16,
	WRITE_AT_ONCE = 1 << 20
};

/* A blob that is being read by somebody else. */
struct ahead {
	struct reading *reading;
	const struct id *id;
	struct buf text;
	struct err err;
	int64_t cost; /* taken from the bytes ahead; 0: it is not in use */
	bool over;    /* guarded by s->lock */
	int rc;
};

struct reading {
	struct snap_repo *s;
	const struct node *node;
	struct group *group; /* NULL: nothing is read ahead */
	struct ahead ahead[AHEAD];
	size_t next; /* the first blob that nobody reads yet */
	size_t end;  /* behind the last one that is needed */
	int64_t taken;
};

static int text_len(struct snap_repo *s, struct op *op, const struct id *id,
		    int64_t *len)
{
	char hex[ID_HEX + 1];
	struct blob_at at;

	if (!index_find(s->open.repo->index, BLOB_DATA, id, &at)) {
		err_set(&op->err, ERR_CORRUPT,
			"its data blob %s is in no index", id_hex(id, hex));
		if (!snapfs_learned(s, op) ||
		    !index_find(s->open.repo->index, BLOB_DATA, id, &at))
			return -1;
		err_clear(&op->err);
	}
	*len = at.blob.raw_len || at.blob.len >= ENVELOPE_EXTRA
		       ? (int64_t)pack_blob_text_len(&at.blob)
		       : 0;
	return 0;
}

/*
 * The blobs that hold [off, end): from `*first`, which begins at `*start`, to
 * before `*behind`.  Those in front must be known, for their length.
 */
static int needed(struct snap_repo *s, struct op *op, const struct node *n,
		  int64_t off, int64_t end, size_t *first, size_t *behind,
		  int64_t *start)
{
	int64_t at = 0, len;
	size_t i;

	*first = *behind = 0;
	*start = 0;
	for (i = 0; i < n->ncontent && at < end; i++) {
		if (text_len(s, op, &n->content[i], &len) < 0)
			return -1;
		if (at + len <= off) {
			*first = i + 1;
			*start = at + len;
		}
		at += len; /* each below 4 GiB: no 2^31 of them fit a tree */
	}
	*behind = i;
	return 0;
}

static int read_ahead(struct op *op, void *arg)
{
	struct ahead *a = arg;
	struct snap_repo *s = a->reading->s;

	a->rc = snapfs_blob(s, op, BLOB_DATA, a->id, &a->text);
	if (a->rc < 0)
		a->err = op->err;
	err_clear(&op->err);
	pthread_mutex_lock(&s->lock);
	a->over = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static struct pool *pool_of(struct snap_repo *s, struct op *op)
{
	struct pool *p;

	pthread_mutex_lock(&s->lock);
	if (!s->open.pool)
		s->open.pool =
			pool_new(be_can(s->open.be, BE_REMOTE) ? THREADS_REMOTE
							       : pool_fitting(),
				 THREADS_REMOTE, op->cancel);
	p = s->open.pool;
	pthread_mutex_unlock(&s->lock);
	return p;
}

/* Whether so much more may be in memory. */
static bool take(struct reading *r, int64_t bytes)
{
	struct snap_repo *s = r->s;
	bool fits;

	pthread_mutex_lock(&s->lock);
	fits = r->taken + bytes <= AHEAD_ONE_MAX &&
	       s->open.ahead + bytes <= AHEAD_MAX;
	if (fits) {
		r->taken += bytes;
		s->open.ahead += bytes;
	}
	pthread_mutex_unlock(&s->lock);
	return fits;
}

static void give_back(struct reading *r, struct ahead *a)
{
	pthread_mutex_lock(&r->s->lock);
	r->taken -= a->cost;
	r->s->open.ahead -= a->cost;
	pthread_mutex_unlock(&r->s->lock);
	a->cost = 0;
}

/* While `now` is at hand, have those that follow read. */
static int send_ahead(struct reading *r, struct op *op, size_t now)
{
	if (r->next <= now)
		r->next = now + 1;
	while (r->next < r->end && r->next < now + AHEAD) {
		struct ahead *a = &r->ahead[r->next % AHEAD];
		int64_t len;

		if (text_len(r->s, op, &r->node->content[r->next], &len) < 0)
			return -1;
		if (!take(r, len + 1))
			return 0;
		if (!r->group)
			r->group = group_new(pool_of(r->s, op));
		a->cost = len + 1;
		a->id = &r->node->content[r->next];
		a->over = false;
		if (group_add(r->group, op, read_ahead, a) < 0) {
			give_back(r, a);
			return -1;
		}
		r->next++;
	}
	return 0;
}

/* Have blob `i` in its place. */
static int have(struct reading *r, struct op *op, size_t i)
{
	struct ahead *a = &r->ahead[i % AHEAD];
	bool sent = r->next > i;

	if (send_ahead(r, op, i) < 0)
		return -1;
	if (!sent)
		return snapfs_blob(r->s, op, BLOB_DATA, &r->node->content[i],
				   &a->text);
	pthread_mutex_lock(&r->s->lock);
	while (!a->over) /* it looks itself whether it is called off */
		pthread_cond_wait(&r->s->changed, &r->s->lock);
	pthread_mutex_unlock(&r->s->lock);
	if (a->rc < 0)
		op->err = a->err;
	return a->rc;
}

static int push(struct op *op, struct sink *dst, const char *p, size_t n)
{
	while (n) {
		size_t part = n < WRITE_AT_ONCE ? n : WRITE_AT_ONCE;

		if (op_check(op) < 0 || dst->write(dst, op, p, part) < 0)
			return -1;
		p += part;
		n -= part;
	}
	return 0;
}

static int read_all(struct reading *r, struct op *op, size_t first,
		    int64_t start, int64_t off, int64_t end, struct sink *dst)
{
	for (size_t i = first; i < r->end; i++) {
		struct ahead *a = &r->ahead[i % AHEAD];
		int64_t from, to, len;

		if (have(r, op, i) < 0)
			return -1;
		len = (int64_t)a->text.len;
		from = off > start ? off - start : 0;
		to = end - start < len ? end - start : len;
		if (from < to &&
		    push(op, dst, a->text.data + from, (size_t)(to - from)) < 0)
			return -1;
		start += len;
		give_back(r, a);
	}
	return 0;
}

int snapfs_read(struct snap_repo *s, struct op *op, const struct node *n,
		int64_t off, int64_t len, struct sink *dst)
{
	struct reading r = { .s = s, .node = n };
	struct err why;
	int64_t end, start;
	size_t first;
	int rc;

	if (len < 0 || __builtin_add_overflow(off, len, &end))
		end = INT64_MAX;
	rc = needed(s, op, n, off, end, &first, &r.end, &start);
	for (size_t i = 0; i < AHEAD; i++)
		r.ahead[i] = (struct ahead){ .reading = &r, .text = BUF_INIT };
	r.next = first;
	if (rc == 0)
		rc = read_all(&r, op, first, start, off, end, dst);
	why = op->err;
	/* The tasks tell what failed in r.ahead, and so never fail. */
	if (r.group && group_wait(r.group, op) < 0 && rc == 0)
		rc = -1;
	else
		op->err = why;
	for (size_t i = 0; i < AHEAD; i++) {
		give_back(&r, &r.ahead[i]);
		buf_free(&r.ahead[i].text);
	}
	return rc;
}
