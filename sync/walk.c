#include "sync/walk.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE = 64 * 1024 };

/* Some of the folders found in one: records of flags and a packed entry. */
struct piece {
	struct piece *next;
	struct buf records;
	size_t at;
	int depth;
	char path[]; /* of the folder that they are in */
};

struct walk {
	visit_fn *fn;
	void *arg;
	pthread_mutex_t lock; /* guards all that follows */
	pthread_cond_t more;  /* to visit, to run for another, or the end */
	pthread_cond_t done;  /* with an errand */
	struct piece *top;
	struct errand *errand; /* one that nobody has taken yet, or NULL */
	unsigned visiting, idle;
	bool failed;
};

struct visit {
	struct walk *walk;
	const char *path;
	int depth;
	struct piece *first, *last; /* found so far */
};

struct walk *walk_new(visit_fn *fn, void *arg)
{
	struct walk *w = xcalloc(1, sizeof(*w));

	w->fn = fn;
	w->arg = arg;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->more, NULL);
	pthread_cond_init(&w->done, NULL);
	return w;
}

static void piece_free(struct piece *p)
{
	buf_free(&p->records);
	free(p);
}

static void drop(struct walk *w)
{
	while (w->top) {
		struct piece *p = w->top;

		w->top = p->next;
		piece_free(p);
	}
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	drop(w);
	pthread_cond_destroy(&w->more);
	pthread_cond_destroy(&w->done);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static struct piece *piece_new(const char *path, int depth)
{
	size_t n = strlen(path) + 1;
	struct piece *p = xcalloc(1, sizeof(*p) + n);

	p->records = (struct buf)BUF_INIT;
	p->depth = depth;
	memcpy(p->path, path, n);
	return p;
}

/* A record without an entry is the folder `path` itself: where to begin. */
struct record {
	uint32_t flags;
	uint32_t has_entry;
};

void walk_begin(struct walk *w, const char *path, unsigned flags)
{
	struct piece *p = piece_new(path, -1);
	struct record r = { .flags = flags };

	buf_add(&p->records, &r, sizeof(r));
	p->next = w->top;
	w->top = p;
}

void walk_add(struct visit *v, const struct entry *e, unsigned flags)
{
	struct record r = { .flags = flags, .has_entry = 1 };

	if (!v->last || v->last->records.len >= PIECE) {
		struct piece *p = piece_new(v->path, v->depth);

		if (v->last)
			v->last->next = p;
		else
			v->first = p;
		v->last = p;
	}
	buf_add(&v->last->records, &r, sizeof(r));
	entry_pack(&v->last->records, e);
}

/* What one worker visits at the moment. */
struct visited {
	struct buf packed, path;
	struct record r;
	int depth;
};

/* Take the next record off the stack; the lock is held. */
static void take(struct walk *w, struct visited *out)
{
	struct piece *p = w->top;
	const char *at = p->records.data + p->at;
	size_t n = 0;

	memcpy(&out->r, at, sizeof(out->r));
	at += sizeof(out->r);
	buf_reset(&out->packed);
	buf_reset(&out->path);
	buf_adds(&out->path, p->path);
	if (out->r.has_entry) {
		n = entry_packed_len(at);
		buf_add(&out->packed, at, n);
		if (out->path.len)
			buf_add(&out->path, "/", 1);
		buf_adds(&out->path, entry_packed_name(at));
	}
	out->depth = p->depth + 1;
	p->at += sizeof(out->r) + n;
	if (p->at == p->records.len) {
		w->top = p->next;
		piece_free(p);
	}
}

static void push(struct walk *w, const struct visit *v)
{
	if (!v->first)
		return;
	v->last->next = w->top;
	w->top = v->first;
	pthread_cond_broadcast(&w->more);
}

static int visit(struct walk *w, struct op *op, const struct visited *d,
		 struct visit *v)
{
	struct posix_meta meta;
	struct entry e;

	*v = (struct visit){ .walk = w,
			     .path = d->path.data,
			     .depth = d->depth };
	if (d->r.has_entry)
		entry_unpack(d->packed.data, &e, &meta);
	return w->fn(w->arg, op, v, d->path.data, d->r.has_entry ? &e : NULL,
		     d->r.flags, d->depth);
}

void walk_lend(struct visit *v, struct errand *e)
{
	struct walk *w = v->walk;

	pthread_mutex_lock(&w->lock);
	if (w->idle && !w->errand && !w->top) {
		w->errand = e;
		pthread_cond_broadcast(&w->more);
	}
	pthread_mutex_unlock(&w->lock);
}

void walk_join(struct visit *v, struct op *op, struct errand *e)
{
	struct walk *w = v->walk;
	bool mine;

	pthread_mutex_lock(&w->lock);
	if (w->errand == e)
		w->errand = NULL;
	mine = !e->taken;
	while (e->taken && !e->done)
		pthread_cond_wait(&w->done, &w->lock);
	pthread_mutex_unlock(&w->lock);
	if (mine)
		e->fn(op, e->arg);
}

/* Run for another; the lock is held, and let go meanwhile. */
static void run_errand(struct walk *w, struct op *op)
{
	struct errand *e = w->errand;

	w->errand = NULL;
	e->taken = true;
	pthread_mutex_unlock(&w->lock);
	e->fn(op, e->arg);
	arena_reset(&op->arena);
	pthread_mutex_lock(&w->lock);
	e->done = true;
	pthread_cond_broadcast(&w->done);
}

/* Until there is something to visit: false at the end. The lock is held. */
static bool wait_for_work(struct walk *w, struct op *op)
{
	for (;;) {
		if (w->failed && !w->errand)
			return false;
		if (w->errand) {
			run_errand(w, op);
		} else if (w->top) {
			return true;
		} else if (!w->visiting) {
			return false;
		} else {
			w->idle++;
			pthread_cond_wait(&w->more, &w->lock);
			w->idle--;
		}
	}
}

static int work(struct op *op, void *arg)
{
	struct walk *w = arg;
	struct visited d = { .packed = BUF_INIT, .path = BUF_INIT };
	int rc = 0;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct visit v;

		if (!wait_for_work(w, op))
			break;
		take(w, &d);
		w->visiting++;
		pthread_mutex_unlock(&w->lock);

		rc = visit(w, op, &d, &v);
		arena_reset(&op->arena);

		pthread_mutex_lock(&w->lock);
		w->visiting--;
		push(w, &v);
		if (rc < 0)
			w->failed = true;
		if (rc < 0 || (w->visiting == 0 && !w->top))
			pthread_cond_broadcast(&w->more);
		if (rc < 0)
			break;
	}
	pthread_mutex_unlock(&w->lock);
	buf_free(&d.packed);
	buf_free(&d.path);
	return rc;
}

int walk_run(struct walk *w, struct op *op, unsigned threads)
{
	struct pool *pool = pool_new(threads, threads, op->cancel);
	struct group *g = group_new(pool);
	int rc = 0;

	w->failed = false;
	for (unsigned i = 0; i < threads && rc == 0; i++)
		rc = group_add(g, op, work, w);
	if (rc < 0) {
		struct err why = op->err;

		(void)!group_wait(g, op);
		op->err = why;
	} else {
		rc = group_wait(g, op);
	}
	pool_free(pool);
	drop(w);
	return rc;
}
