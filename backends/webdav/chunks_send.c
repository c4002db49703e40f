/*
 * The parts of an upload, several at once.  A source can be read at one place
 * only, and some only forwards: so the parts are read into memory one after the
 * other, each by the thread that sends it then.  How much memory that is, is
 * limited for all uploads of a service together; those that find none left send
 * part after part, straight from the source.
 */
#include "backends/webdav/chunks.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/acct.h"
#include "lib/log.h"

#define HELD_MAX (INT64_C(64) << 20)

enum { THREADS = 4, THREADS_MAX = 8, PART_TRIES = 3 };

enum stop { GO, NO_MORE, AT_ONCE };

struct sending {
	struct upload *u;
	atomic_int stop;      /* enum stop */
	struct err err;       /* of the one that ended GO */
	pthread_mutex_t lock; /* guards what follows, and the source */
	unsigned next;        /* the first part that nobody has taken */
	int64_t at;           /* of the source */
};

struct helper {
	struct sending *s;
	struct op op;
	pthread_t thread;
};

/* A part in memory, as it is sent. */
struct piece {
	struct source base;
	struct sending *s;
	char *data;
	size_t at;
	bool counted; /* its reading would have been: now its sending is */
};

static ssize_t piece_read(struct source *src, struct op *op, void *buf,
			  size_t n)
{
	struct piece *p = container_of(src, struct piece, base);
	size_t left = (size_t)src->size - p->at;

	if (atomic_load(&p->s->stop) == AT_ONCE)
		return err_set(&op->err, ERR_CANCELED, "another part failed");
	n = n < left ? n : left;
	memcpy(buf, p->data + p->at, n);
	p->at += n;
	if (p->counted && acct_add(op, (int64_t)n) < 0)
		return -1;
	return (ssize_t)n;
}

static int piece_seek(struct source *src, struct op *op, int64_t off)
{
	(void)op;
	container_of(src, struct piece, base)->at = (size_t)off;
	return 0;
}

/* The first failure counts.  What the next run can use is sent to its end. */
static void fail(struct sending *s, const struct op *op)
{
	int go = GO;
	int how = upload_is_kept(s->u, &op->err) ? NO_MORE : AT_ONCE;

	if (atomic_compare_exchange_strong(&s->stop, &go, how))
		s->err = op->err;
}

/* Part `i` from `src`, which is at `at`, where it begins. */
static int send_part(struct sending *s, struct op *op, unsigned i,
		     struct source *src, int64_t at)
{
	const struct upload *u = s->u;
	const struct http_header headers[] = {
		{ "Content-Type", "application/octet-stream" },
		{ "Destination", u->to },
		{ "OC-Total-Length",
		  arena_printf(&op->arena, "%" PRId64, u->src->size) },
		{ NULL, NULL },
	};
	struct http_request rq = {
		.method = "PUT",
		.url = arena_printf(&op->arena, "%s%05u", u->url, i + 1),
		.headers = headers,
		.source = src,
		.source_at = at,
		.size = upload_length(u, i),
	};

	for (unsigned n = 1; webdav_ask_url(u->w, op, &rq, NULL) < 0; n++) {
		struct err why = op->err;

		if (!src->seek || n == PART_TRIES ||
		    !err_info(why.kind)->retry || atomic_load(&s->stop) != GO ||
		    op_sleep(op, why.retry_after ? why.retry_after : n * 500))
			return -1;
		log_debug(u->path, "part %u again: %s", i + 1, why.msg);
		err_clear(&op->err);
		if (src->seek(src, op, at) < 0)
			return -1;
	}
	return 0;
}

/* Whether there is a part to be sent: s->next. */
static bool is_more(struct sending *s)
{
	const struct upload *u = s->u;

	while (s->next < u->parts && u->have[s->next])
		s->next++;
	return s->next < u->parts && atomic_load(&s->stop) == GO;
}

/* Take it, with the source where it begins. */
static int take(struct sending *s, struct op *op, unsigned *i)
{
	const struct upload *u = s->u;
	int64_t off = (int64_t)s->next * u->part;

	if (s->at != off && u->src->seek(u->src, op, off) < 0)
		return -1;
	*i = s->next++;
	s->at = off + upload_length(u, *i);
	return 0;
}

/* Before the last part leaves: what has changed while it was read. */
static int check_end(struct sending *s, struct op *op)
{
	struct source *src = s->u->src;
	char more;
	ssize_t got;

	if (s->at != src->size && src->seek(src, op, src->size) < 0)
		return -1;
	s->at = src->size;
	got = src->read(src, op, &more, 1);
	if (got > 0)
		err_set(&op->err, ERR_CONFLICT, "it has grown meanwhile");
	return got == 0 ? 0 : -1;
}

/* Read part `i` into memory: nothing has moved yet, and no rate waits. */
static int fill(struct piece *p, struct op *op, unsigned i)
{
	struct sending *s = p->s;
	struct source *src = s->u->src;
	size_t n = 0, size = (size_t)upload_length(s->u, i);
	struct acct *acct = op->acct, counted = { 0 };
	ssize_t got = 1;

	op->acct = &counted;
	while (n < size &&
	       (got = src->read(src, op, p->data + n, size - n)) > 0)
		n += (size_t)got;
	op->acct = acct;
	if (got < 0)
		return -1;
	if (n < size)
		return err_set(&op->err, ERR_CONFLICT,
			       "ended after %lld of %lld bytes",
			       (long long)i * s->u->part + (long long)n,
			       (long long)src->size);
	p->base.size = (int64_t)size;
	p->at = 0;
	p->counted = atomic_load(&counted.bytes) > 0;
	return i + 1 == s->u->parts ? check_end(s, op) : 0;
}

/* The next part: 1, or 0 if there is none. */
static int load(struct piece *p, struct op *op, unsigned *i)
{
	struct sending *s = p->s;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (is_more(s))
		rc = take(s, op, i) < 0 || fill(p, op, *i) < 0 ? -1 : 1;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static void run(struct sending *s, struct op *op)
{
	struct piece p = {
		.base = { .read = piece_read, .seek = piece_seek },
		.s = s,
		.data = xrealloc(NULL, (size_t)s->u->part, 1),
	};
	unsigned i;
	int rc;

	while ((rc = load(&p, op, &i)) > 0 &&
	       (rc = send_part(s, op, i, &p.base, 0)) == 0)
		;
	if (rc < 0)
		fail(s, op);
	free(p.data);
}

static void *help(void *arg)
{
	struct helper *h = arg;

	run(h->s, &h->op);
	return NULL;
}

static void send_by(struct sending *s, struct op *op, unsigned threads)
{
	struct helper helpers[THREADS_MAX];
	unsigned n = 0;

	for (; n < threads - 1; n++) {
		struct helper *h = &helpers[n];

		*h = (struct helper){ .s = s, .op = op_begin(op->cancel) };
		h->op.acct = op->acct;
		h->op.grace = op->grace;
		h->op.called_off = op->called_off;
		if (pthread_create(&h->thread, NULL, help, h))
			break; /* fewer will do */
	}
	run(s, op);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(helpers[i].thread, NULL);
		op_end(&helpers[i].op);
	}
}

/* One part, of which nothing is kept in memory. */
static void send_next(struct sending *s, struct op *op)
{
	struct upload *u = s->u;
	unsigned i;

	if (take(s, op, &i) < 0 ||
	    send_part(s, op, i, u->src, (int64_t)i * u->part) < 0)
		fail(s, op);
}

/* How many threads may each hold a part of this upload: 0, or at least 2. */
static unsigned claim(const struct sending *s)
{
	const struct upload *u = s->u;
	struct webdav_service *service = u->w->service;
	unsigned n = u->opt->threads ? u->opt->threads : THREADS, left = 0;
	int64_t room;

	for (unsigned i = s->next; i < u->parts; i++)
		left += !u->have[i];
	n = n < THREADS_MAX ? n : THREADS_MAX;
	n = n < left ? n : left;
	pthread_mutex_lock(&service->lock);
	room = (HELD_MAX - service->held) / u->part;
	n = n < room ? n : (unsigned)room;
	n = n < 2 ? 0 : n;
	service->held += n * u->part;
	pthread_mutex_unlock(&service->lock);
	return n;
}

static void release(const struct sending *s, unsigned n)
{
	struct webdav_service *service = s->u->w->service;

	pthread_mutex_lock(&service->lock);
	service->held -= n * s->u->part;
	pthread_mutex_unlock(&service->lock);
}

int upload_send(struct upload *u, struct op *op)
{
	struct sending s = { .u = u };

	pthread_mutex_init(&s.lock, NULL);
	while (is_more(&s)) {
		unsigned threads = claim(&s);

		if (threads)
			send_by(&s, op, threads);
		else
			send_next(&s, op);
		release(&s, threads);
	}
	pthread_mutex_destroy(&s.lock);
	if (atomic_load(&s.stop) != GO) {
		op->err = s.err;
		return -1;
	}
	/* Where the last part is there, nobody has seen the end. */
	return u->have[u->parts - 1] ? check_end(&s, op) : 0;
}
