/*
 * The bytes of a file: its blobs, one after the other into a sink, while some
 * of those that follow are being read by other threads.
 */

#include <string.h>

#include "repo/snapfs.h"

enum {
	AHEAD = 8, /* parts of one file */
	AHEAD_LOCAL = 4,
	PART_MAX = 4 << 20, /* bytes; the first ones are smaller */
	PART_MAX_LOCAL = 1 << 20,
	AHEAD_MAX = 64 << 20,     /* bytes, of all files together */
	AHEAD_ONE_MAX = 32 << 20, /* bytes of one file */
	THREADS_REMOTE = 16,
	WRITE_AT_ONCE = 1 << 20
};

/* Blobs that are being read by somebody else, or by us. */
struct ahead {
	struct reading *reading;
	struct part part;
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
	bool remote;         /* many requests, large ones */
	size_t now, planned; /* parts: the one at hand, those that have begun */
	size_t next;         /* the first blob that is in no part yet */
	size_t end;          /* behind the last one that is needed */
	int64_t taken;
	int64_t start; /* where in the file the part at hand begins */
	int64_t off, to;
	struct sink *dst;
};

/*
 * The blobs that hold what is asked for.  Those in front must be known, for
 * their length.
 */
static int needed(struct reading *r, struct op *op)
{
	const struct node *n = r->node;
	int64_t at = 0, len;
	struct blob_at where;
	size_t i;

	for (i = 0; i < n->ncontent && at < r->to; i++) {
		if (snapfs_blob_at(r->s, op, &n->content[i], &where) < 0)
			return -1;
		len = snapfs_text_len(&where.blob);
		if (at + len <= r->off) {
			r->next = i + 1;
			r->start = at + len;
		}
		at += len; /* each below 4 GiB: no 2^31 of them fit a tree */
	}
	r->end = i;
	return 0;
}

static int read_ahead(struct op *op, void *arg)
{
	struct ahead *a = arg;
	struct snap_repo *s = a->reading->s;

	a->rc = part_read(s, op, &a->part);
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

/*
 * The next part: a blob at first, so that something comes soon, and larger
 * ones when much is asked for.
 */
static int plan(struct reading *r, struct op *op, struct ahead *a)
{
	int64_t max = r->remote ? PART_MAX : PART_MAX_LOCAL;
	size_t n = r->planned == 0 ? 1 : r->end - r->next;

	if (r->planned < 4)
		max >>= 3 - r->planned;
	return part_plan(r->s, op, &r->node->content[r->next], n, max,
			 &a->part);
}

static void planned(struct reading *r, const struct ahead *a)
{
	r->planned++;
	r->next += a->part.n;
}

/* While one part is at hand, have those that follow read. */
static int send_ahead(struct reading *r, struct op *op)
{
	size_t most = r->now + (r->remote ? AHEAD : AHEAD_LOCAL);

	while (r->next < r->end && r->planned < most) {
		struct ahead *a = &r->ahead[r->planned % AHEAD];
		int64_t cost;

		if (plan(r, op, a) < 0)
			return -1;
		cost = a->part.text_len + (a->part.end - a->part.off) + 1;
		if (!take(r, cost))
			return 0;
		if (!r->group)
			r->group = group_new(pool_of(r->s, op));
		a->cost = cost;
		a->over = false;
		if (group_add(r->group, op, read_ahead, a) < 0) {
			give_back(r, a);
			return -1;
		}
		planned(r, a);
	}
	return 0;
}

/* Have the next part in its place. */
static int have(struct reading *r, struct op *op)
{
	struct ahead *a = &r->ahead[r->now % AHEAD];
	bool sent = r->planned > r->now;

	if (!sent) {
		if (plan(r, op, a) < 0)
			return -1;
		planned(r, a);
	}
	if (send_ahead(r, op) < 0)
		return -1;
	if (!sent)
		return part_read(r->s, op, &a->part);
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

/* What is asked for of the text of a blob, or more, that begins at r->start. */
static int push_text(struct reading *r, struct op *op, const char *text,
		     size_t n)
{
	int64_t len = (int64_t)n;
	int64_t from = r->off > r->start ? r->off - r->start : 0;
	int64_t to = r->to - r->start < len ? r->to - r->start : len;

	if (from < to && push(op, r->dst, text + from, (size_t)(to - from)) < 0)
		return -1;
	r->start += len;
	return 0;
}

/* Of a blob at one of the two ends more may be asked for soon. */
static void keep_ends(struct reading *r, const struct part *p)
{
	int64_t start = r->start;
	size_t at = 0;

	for (size_t i = 0; i < p->ends.n; i++) {
		size_t n = p->ends.at[i] - at;
		int64_t end = start + (int64_t)n;

		if ((r->off > start && r->off < end) ||
		    (r->to > start && r->to < end))
			kept_add(r->s, &p->ids[i], p->text.data + at, n);
		at = p->ends.at[i];
		start = end;
	}
}

/* The first blob may be one that was kept. */
static int read_kept(struct reading *r, struct op *op)
{
	struct kept *k;
	int rc;

	if (r->next == r->end)
		return 0;
	k = kept_get(r->s, &r->node->content[r->next]);
	if (!k)
		return 0;
	r->next++;
	rc = push_text(r, op, k->text.data, k->text.len);
	kept_put(r->s, k);
	return rc;
}

static int read_all(struct reading *r, struct op *op)
{
	if (needed(r, op) < 0 || read_kept(r, op) < 0)
		return -1;
	for (; r->now < r->planned || r->next < r->end; r->now++) {
		struct ahead *a = &r->ahead[r->now % AHEAD];

		if (have(r, op) < 0)
			return -1;
		keep_ends(r, &a->part);
		if (push_text(r, op, a->part.text.data, a->part.text.len) < 0)
			return -1;
		give_back(r, a);
	}
	return 0;
}

int snapfs_read(struct snap_repo *s, struct op *op, const struct node *n,
		int64_t off, int64_t len, struct sink *dst)
{
	struct reading r = { .s = s,
			     .node = n,
			     .off = off,
			     .dst = dst,
			     .remote = be_can(s->open.be, BE_REMOTE) };
	struct err why;
	int rc;

	if (len < 0 || __builtin_add_overflow(off, len, &r.to))
		r.to = INT64_MAX;
	for (size_t i = 0; i < AHEAD; i++) {
		struct part *p = &r.ahead[i].part;

		r.ahead[i].reading = &r;
		p->sealed = p->one = p->text = (struct buf)BUF_INIT;
	}
	rc = read_all(&r, op);
	why = op->err;
	/* The tasks tell what failed in r.ahead, and so never fail. */
	if (r.group && group_wait(r.group, op) < 0 && rc == 0)
		rc = -1;
	else
		op->err = why;
	for (size_t i = 0; i < AHEAD; i++) {
		give_back(&r, &r.ahead[i]);
		part_free(&r.ahead[i].part);
	}
	return rc;
}
