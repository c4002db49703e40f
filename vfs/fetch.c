#include "vfs/content.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/clock.h"

/*
 * What is fetched, and when.  A reader that jumps about gets what it asks for.
 * One that reads on, or begins at the start, gets streams of PIECE bytes that
 * go on ahead of it, twice as far as it has come; a stream that is far enough
 * ahead waits a little for its reader before it gives up its connection.  The
 * next stream begins before the last one ends, so that a reader waits for the
 * place's answer once.
 */
enum {
	SMALL = 1 << 20,       /* files that are fetched whole */
	AHEAD_FIRST = 1 << 20, /* before anything is known */
	SLACK = 1 << 20,       /* the kernel's requests come in any order */
	NEAR = 4 << 20,        /* so far behind a stream it is waited for */
	HOLD = 1 << 20,        /* what is here is not fetched over again */
	LARGE = 128 * 1024,    /* who reads so much at once reads on */
	PAGE = 4096,
	PIECE = 16 << 20,
	PARALLEL = 4,  /* streams of one file, over a network */
	WAIT_MAX = 30, /* s without a byte */
};

struct fetcher {
	pthread_mutex_t lock; /* guards what follows; after content->lock */
	pthread_cond_t todo;
	struct vfs *v;
	struct stream *first, *last; /* waiting for a thread */
	pthread_t *thread;
	unsigned max, threads, idle, waiting;
	bool stop;
};

/* ---- threads ------------------------------------------------------------- */

/* NULL: it is over. */
static struct stream *next_stream(struct fetcher *f)
{
	struct stream *s;

	pthread_mutex_lock(&f->lock);
	f->idle++;
	while (!f->first && !f->stop)
		pthread_cond_wait(&f->todo, &f->lock);
	f->idle--;
	s = f->first;
	if (s) {
		f->first = s->queued;
		if (!f->first)
			f->last = NULL;
		f->waiting--;
	}
	pthread_mutex_unlock(&f->lock);
	return s;
}

static void *work(void *arg)
{
	struct fetcher *f = arg;
	struct stream *s;

	while ((s = next_stream(f)))
		stream_run(f->v, s);
	return NULL;
}

/* With f->lock. */
static void start_thread(struct fetcher *f)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	if (pthread_create(&f->thread[f->threads], &attr, work, f) == 0)
		f->threads++;
	pthread_attr_destroy(&attr);
}

void fetch_queue(struct vfs *v, struct stream *s, bool first)
{
	struct fetcher *f = v->fetcher;

	pthread_mutex_lock(&f->lock);
	if (first || !f->first) {
		s->queued = f->first;
		f->first = s;
		if (!f->last)
			f->last = s;
	} else {
		f->last->queued = s;
		f->last = s;
	}
	f->waiting++;
	if (f->waiting > f->idle && f->threads < f->max)
		start_thread(f);
	pthread_cond_signal(&f->todo);
	pthread_mutex_unlock(&f->lock);
}

bool fetch_is_short(struct vfs *v)
{
	struct fetcher *f = v->fetcher;
	bool is;

	pthread_mutex_lock(&f->lock);
	is = f->waiting > f->idle && f->threads == f->max;
	pthread_mutex_unlock(&f->lock);
	return is;
}

/* With c->lock. */
static void call_off(struct content *c)
{
	for (struct stream *s = c->streams; s; s = s->next)
		stream_call_off(s);
}

void fetch_call_off(struct content *c)
{
	pthread_mutex_lock(&c->lock);
	call_off(c);
	pthread_mutex_unlock(&c->lock);
}

int fetch_open(struct vfs *v, struct op *op)
{
	struct fetcher *f = xcalloc(1, sizeof(*f));
	unsigned max = v->opt.transfers;

	(void)op;
	if (max == 0)
		max = be_can(v->be, BE_REMOTE) ? 16 : pool_fitting();
	if (v->be->max_calls && max > v->be->max_calls)
		max = v->be->max_calls;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->todo, NULL);
	f->v = v;
	f->max = max;
	f->thread = xcalloc(max, sizeof(*f->thread));
	v->fetcher = f;
	return 0;
}

void fetch_close(struct vfs *v)
{
	struct fetcher *f = v->fetcher;

	if (!f)
		return;
	vfs_lock(v);
	for (struct content *c = v->contents->first; c; c = c->next)
		fetch_call_off(c);
	vfs_unlock(v);
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->todo);
	pthread_mutex_unlock(&f->lock);
	for (unsigned i = 0; i < f->threads; i++)
		pthread_join(f->thread[i], NULL);
	pthread_cond_destroy(&f->todo);
	pthread_mutex_destroy(&f->lock);
	free(f->thread);
	free(f);
	v->fetcher = NULL;
}

/* ---- who reads ----------------------------------------------------------- */

/* How far ahead of a run it is fetched. */
static int64_t ahead_of(struct vfs *v, const struct run *run)
{
	int64_t ahead = (run->end - run->begin) * 2;

	if (run->begin > 0 && run->reads < 2 && run->end - run->begin < LARGE)
		return 0; /* it may as well jump on */
	if (ahead < AHEAD_FIRST)
		ahead = AHEAD_FIRST;
	return ahead < v->opt.read_ahead ? ahead : v->opt.read_ahead;
}

/* With c->lock: what goes ahead of a run that is over. */
static void end_run(struct content *c, const struct run *run)
{
	for (struct stream *s = c->streams; s; s = s->next) {
		if (s->run != run)
			continue;
		s->run = NULL;
		if (s->refs == 1 && !s->whole)
			stream_call_off(s);
	}
}

void fetch_leave(struct content *c, const struct reader *r)
{
	pthread_mutex_lock(&c->lock);
	end_run(c, &r->run[0]);
	end_run(c, &r->run[1]);
	pthread_mutex_unlock(&c->lock);
}

/* With c->lock: the run that [off, end) belongs to, which now includes it. */
static struct run *note_read(struct content *c, struct reader *r, int64_t off,
			     int64_t end)
{
	struct run *run;

	for (unsigned i = 0; i < 2; i++) {
		run = &r->run[(r->last + i) % 2];
		if (run->reads == 0 || off < run->begin - SLACK ||
		    off > run->end + SLACK)
			continue;
		if (end > run->end) {
			run->end = end;
			run->reads++;
		}
		r->last = (r->last + i) % 2;
		return run;
	}
	r->last = !r->last;
	run = &r->run[r->last];
	end_run(c, run);
	*run = (struct run){ .begin = off, .end = end, .reads = 1 };
	return run;
}

/* ---- what to fetch ------------------------------------------------------- */

/* What one look at a content is about; with c->lock. */
struct want {
	struct vfs *v;
	struct content *c;
	struct run *run; /* or NULL */
	int64_t off, end;
	int64_t target; /* to here it is fetched ahead */
	bool grown;     /* some stream may go on */
};

static bool is_near(struct vfs *v, const struct stream *s, int64_t off)
{
	return s->whole || off - s->at <= NEAR || !be_can(v->be, BE_RANGE);
}

/* The stream that brings what is at `off`, soon enough if `soon`; or NULL. */
static struct stream *bringing(const struct want *w, int64_t off, bool soon)
{
	for (struct stream *s = w->c->streams; s; s = s->next) {
		if (s->off || off >= s->end)
			continue;
		if (s->whole || (off >= s->at && s->at < s->end &&
				 (!soon || is_near(w->v, s, off))))
			return s;
	}
	return NULL;
}

/* Where a stream from `off` ends: others begin there, or much is here. */
static int64_t free_until(const struct content *c, int64_t off, int64_t end)
{
	for (const struct stream *s = c->streams; s; s = s->next)
		if (!s->off && s->at > off && s->at < end && s->end > s->at)
			end = s->at;
	for (size_t i = 0; i < c->have.n; i++) {
		const struct range *r = &c->have.at[i];

		if (r->off > off && r->off < end &&
		    (r->end - r->off >= HOLD || r->end >= end))
			return r->off;
	}
	return end;
}

static struct stream *begin(struct want *w, int64_t off, int64_t end,
			    bool first)
{
	struct content *c = w->c;
	bool small = c->rsize <= SMALL && c->rsize == c->size &&
		     c->have.n == 0 && !c->written;
	struct stream *s;

	if (c->unsized)
		s = stream_new(c, 0, INT64_MAX);
	else if (small || !be_can(w->v->be, BE_RANGE))
		s = stream_new(c, 0, c->rsize);
	else
		s = stream_new(c, off, free_until(c, off, end));
	s->whole = c->unsized || small;
	s->run = w->run;
	if (w->run && !s->whole)
		s->limit = w->target > w->end ? w->target : w->end;
	fetch_queue(w->v, s, first);
	return s;
}

/* For bytes that somebody waits for. */
static struct stream *begin_wanted(struct want *w, int64_t off)
{
	struct content *c = w->c;
	int64_t end = off / PAGE * PAGE + PIECE;

	off = off / PAGE * PAGE;
	/* one that will be there much later leaves these to us */
	for (struct stream *s = c->streams; s; s = s->next)
		if (!s->whole && s->at < off && s->end > off)
			s->end = off;
	if (w->run && w->target <= w->end)
		end = (w->end + PAGE - 1) / PAGE * PAGE;
	return begin(w, off, end < c->rsize ? end : c->rsize, true);
}

/* The first byte from `off` on that is not here, and that nobody brings. */
static int64_t first_free(const struct want *w, int64_t off)
{
	for (;;) {
		int64_t next = ranges_until(&w->c->have, off);
		struct stream *s = bringing(w, next, false);

		if (s)
			next = s->end;
		if (next == off)
			return off;
		off = next;
	}
}

static unsigned count_streams(const struct content *c)
{
	unsigned n = 0;

	for (const struct stream *s = c->streams; s; s = s->next)
		n += !s->off;
	return n;
}

/* What a reader will want next, as far as it is worth a request. */
static bool next_ahead(const struct want *w, struct range *out)
{
	const struct content *c = w->c;
	int64_t until = w->target < c->rsize ? w->target : c->rsize;
	unsigned most = be_can(w->v->be, BE_REMOTE) ? PARALLEL : 1;
	int64_t off, end;

	if (c->unsized || !be_can(w->v->be, BE_RANGE) ||
	    count_streams(c) >= most)
		return false;
	off = first_free(w, w->off);
	if (off >= until)
		return false;
	end = off + PIECE < c->rsize ? off + PIECE : c->rsize;
	end = free_until(c, off, end);
	*out = (struct range){ off, end };
	return until >= end || until - off >= PIECE / 2;
}

static void begin_ahead(struct want *w)
{
	struct range next;

	while (next_ahead(w, &next))
		begin(w, next.off, next.end, false);
}

/* Streams that have gone as far as they might may go on. */
static void raise_limits(struct want *w)
{
	bool raised = false;

	for (struct stream *s = w->c->streams; s; s = s->next) {
		if (s->run != w->run || s->limit >= w->target)
			continue;
		raised |= s->at >= s->limit;
		s->limit = w->target;
	}
	if (raised && w->c->waiting)
		pthread_cond_broadcast(&w->c->changed);
}

static bool is_online(struct vfs *v)
{
	bool is;

	vfs_lock(v);
	is = v->offline_until == 0;
	vfs_unlock(v);
	return is;
}

/* ---- waiting ------------------------------------------------------------- */

/* What is missing of what is wanted; with c->lock. */
static bool is_missing(const struct want *w, struct range *gap)
{
	const struct content *c = w->c;

	if (c->unsized) {
		*gap = (struct range){ 0, 1 };
		return true;
	}
	if (c->whole)
		return false;
	return ranges_missing(&c->have, w->off,
			      w->end < c->size ? w->end : c->size, gap);
}

/*
 * With c->lock, which is let go of: until `s` has brought the gap, or is over.
 * The caller looks which.
 */
static int wait_for(struct want *w, struct op *op, struct stream *s,
		    const struct range *gap)
{
	struct content *c = w->c;
	int64_t at = s->at, since = clock_mono();
	int rc = 0;

	s->refs++;
	while (rc == 0 && !s->done && !c->gone &&
	       (s->whole || (s->at < gap->end && s->at < s->end))) {
		if (s->wake_at > gap->end)
			s->wake_at = gap->end;
		if (s->limit < gap->end) {
			s->limit = gap->end;
			pthread_cond_broadcast(&c->changed);
		}
		content_wait(c, 100);
		rc = op_check(op);
		if (s->at != at) {
			at = s->at;
			since = clock_mono();
		} else if (clock_mono() - since > WAIT_MAX * NS_PER_SEC) {
			rc = err_set(&op->err, ERR_TIMEOUT,
				     "nothing has come for %d s", WAIT_MAX);
			/* who comes next is not to wait for it, too */
			call_off(c);
		}
	}
	if (rc == 0 && s->done && s->error.kind != ERR_OK &&
	    s->error.kind != ERR_CANCELED) {
		op->err = s->error;
		rc = -1;
	}
	stream_unref(s);
	return rc;
}

/* With c->lock, let go of in between. */
static int need(struct want *w, struct op *op)
{
	struct content *c = w->c;
	bool may = false;
	struct range gap;

	while (is_missing(w, &gap)) {
		struct stream *s;

		if (c->gone)
			return err_set(&op->err, ERR_CONFLICT,
				       "it has changed at the place");
		if (gap.off >= c->rsize && !c->unsized)
			return vfs_fail(op, EIO,
					"these bytes are neither here nor at "
					"the place");
		s = bringing(w, gap.off, true);
		if (!s && !may) {
			pthread_mutex_unlock(&c->lock);
			may = vfs_may_ask(w->v);
			pthread_mutex_lock(&c->lock);
			if (!may)
				return vfs_fail(op, ENETDOWN,
						"the place is out of reach");
			continue; /* much may have happened */
		}
		if (!s)
			s = begin_wanted(w, gap.off);
		raise_limits(w);
		begin_ahead(w);
		if (wait_for(w, op, s, &gap) < 0)
			return -1;
		may = false;
	}
	return 0;
}

/* With c->lock, let go of in between: it is all here, and what comes next? */
static void look_ahead(struct want *w)
{
	struct content *c = w->c;
	struct range next;
	bool online;

	if (c->whole || c->gone || w->target <= w->end)
		return;
	raise_limits(w);
	if (!next_ahead(w, &next))
		return;
	pthread_mutex_unlock(&c->lock);
	online = is_online(w->v);
	pthread_mutex_lock(&c->lock);
	if (online && !c->gone)
		begin_ahead(w);
}

/* Whoever has changed it here has to know that the rest is lost. */
static int failed(struct vfs *v, struct op *op, struct content *c)
{
	struct buf path = BUF_INIT;
	bool lost = false;

	if (op->err.kind == ERR_TIMEOUT)
		vfs_heard(v, &op->err);
	if (op->err.kind == ERR_CONFLICT || op->err.kind == ERR_NOT_FOUND) {
		vfs_lock(v);
		lost = !c->gone && c->node->flags & NODE_DIRTY;
		node_path(c->node, &path);
		vfs_unlock(v);
	}
	if (lost) {
		vfs_tell(v,
			 "\"%s\" was changed here and at the place: what of "
			 "the old one was not here yet is lost",
			 path.data);
		err_set(&op->err, ERR_CONFLICT,
			"the rest of it is no longer at the place");
		op->err.code = EIO; /* to programs */
	}
	buf_free(&path);
	return -1;
}

int fetch_need(struct vfs *v, struct op *op, struct content *c,
	       struct reader *r, int64_t off, int64_t len)
{
	struct want w = { .v = v, .c = c, .off = off };
	int rc;

	if (off < 0 || len < 0 || __builtin_add_overflow(off, len, &w.end))
		w.end = INT64_MAX;
	pthread_mutex_lock(&c->lock);
	if (!c->unsized && w.end > c->size)
		w.end = c->size;
	w.target = w.end;
	if (r && len > 0) {
		w.run = note_read(c, r, off, w.end);
		w.target = w.run->end + ahead_of(v, w.run);
	}
	rc = need(&w, op);
	if (rc == 0 && r)
		look_ahead(&w);
	pthread_mutex_unlock(&c->lock);
	return rc < 0 ? failed(v, op, c) : 0;
}

int content_need(struct vfs *v, struct op *op, struct content *c, int64_t off,
		 int64_t len)
{
	return fetch_need(v, op, c, NULL, off, len);
}

void fetch_begin(struct vfs *v, struct content *c)
{
	struct want w = { .v = v, .c = c };
	struct range gap;

	if (!is_online(v))
		return;
	pthread_mutex_lock(&c->lock);
	w.end = w.target = c->size;
	if (!c->gone && is_missing(&w, &gap) && !bringing(&w, gap.off, false)) {
		if (c->unsized || c->rsize <= SMALL)
			begin(&w, gap.off, c->rsize, false);
		else
			begin_ahead(&w);
	}
	pthread_mutex_unlock(&c->lock);
}
