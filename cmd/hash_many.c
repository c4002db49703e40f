#include "cmd/hash_many.h"

#include <inttypes.h>
#include <stdlib.h>

#include "lib/pool.h"

enum { SLOTS = 128, READ_SIZE = 256 * 1024 };

struct hash_sink {
	struct sink sink;
	struct hasher *hasher;
	int64_t got;
};

static int hash_write(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct hash_sink *s = container_of(dst, struct hash_sink, sink);

	(void)op;
	hasher_add(s->hasher, p, n);
	s->got += (int64_t)n;
	return 0;
}

static void add_digests(struct digests *to, const struct digests *from,
			unsigned want)
{
	for (enum hash_type t = 0; t < HASH_TYPES; t++) {
		uint8_t *d = digest_of(to, t);
		const uint8_t *s = digest_in(from, t);

		if (!(want & from->have & 1u << t))
			continue;
		for (size_t i = 0; i < hash_len(t); i++)
			d[i] = s[i];
		to->have |= 1u << t;
	}
}

static int read_and_hash(struct backend *be, struct op *op, const char *path,
			 const struct entry *e, unsigned want,
			 struct digests *out)
{
	struct hash_sink s = { .sink = { .write = hash_write },
			       .hasher = hasher_new(want) };
	struct get_opt all = { .len = -1, .tag = e->tag };
	int rc = be_get(be, op, path, &all, &s.sink);

	if (rc == 0 && e->size != SIZE_UNKNOWN && s.got != e->size)
		rc = err_set(&op->err, ERR_CONFLICT,
			     "\"%s\": %" PRId64 " bytes came, not %" PRId64,
			     path, s.got, e->size);
	if (rc == 0)
		hasher_end(s.hasher, out);
	hasher_free(s.hasher);
	return rc;
}

int hash_one(struct backend *be, struct op *op, const char *path,
	     const struct entry *e, unsigned want, enum hash_from from,
	     struct digests *out)
{
	struct digests more = { 0 };
	unsigned told = 0;

	*out = (struct digests){ 0 };
	if (from != HASH_BYTES) {
		add_digests(out, &e->hash, want);
		want &= ~out->have;
		told = be_can(be, BE_HASH) ? be->hashes & want : 0;
	}
	if (told) {
		if (be_hash(be, op, path, told, &more) < 0)
			return -1;
		add_digests(out, &more, told);
		want &= ~out->have;
	}
	if (!want || from == HASH_TOLD)
		return 0;
	if (read_and_hash(be, op, path, e, want, &more) < 0)
		return -1;
	add_digests(out, &more, want);
	return 0;
}

int hash_source(struct op *op, struct source *src, unsigned want,
		struct digests *out)
{
	struct hasher *hasher = hasher_new(want);
	char *p = xcalloc(1, READ_SIZE);
	ssize_t n;

	while ((n = src->read(src, op, p, READ_SIZE)) > 0)
		hasher_add(hasher, p, (size_t)n);
	if (n == 0)
		hasher_end(hasher, out);
	free(p);
	hasher_free(hasher);
	return n < 0 ? -1 : 0;
}

struct slot {
	struct hash_many *many;
	struct buf path;
	struct buf tag;
	bool has_tag;
	int64_t size;
	struct digests digests; /* first those known, then the result */
	struct err err;
	int rc;
	bool done; /* guarded by many->lock */
};

struct hash_many {
	struct backend *be;
	struct hash_many_opt opt;
	struct pool *pool;
	struct group *group;
	pthread_mutex_t lock; /* guards `waited`, and `done` of each slot */
	pthread_cond_t wake;
	const struct slot *waited; /* the result that is waited for, or NULL */
	size_t head, n;            /* a ring: the oldest, and how many */
	struct slot slot[SLOTS];
};

struct hash_many *hash_many_new(struct backend *be,
				const struct hash_many_opt *opt,
				struct cancel *c)
{
	struct hash_many *h = xcalloc(1, sizeof(*h));

	h->be = be;
	h->opt = *opt;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->wake, NULL);
	for (size_t i = 0; i < SLOTS; i++)
		h->slot[i] = (struct slot){ .many = h,
					    .path = BUF_INIT,
					    .tag = BUF_INIT };
	h->pool = pool_new(opt->threads, SLOTS, c);
	h->group = group_new(h->pool);
	return h;
}

/* A failure is this file's alone, so the group never hears of one. */
static int hash_task(struct op *op, void *arg)
{
	struct slot *s = arg;
	struct hash_many *h = s->many;
	struct entry e = { .size = s->size,
			   .hash = s->digests,
			   .tag = s->has_tag ? s->tag.data : NULL };
	struct digests d;

	s->rc = hash_one(h->be, op, s->path.data, &e, h->opt.want, h->opt.from,
			 &d);
	if (s->rc < 0)
		s->err = op->err;
	else
		s->digests = d;
	err_clear(&op->err);
	pthread_mutex_lock(&h->lock);
	s->done = true;
	if (h->waited == s) /* waking costs more than a small file */
		pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
	return 0;
}

/* Hand on the oldest result, waiting for it if need be. */
static int take(struct hash_many *h, struct op *op)
{
	struct slot *s = &h->slot[h->head];

	pthread_mutex_lock(&h->lock);
	h->waited = s;
	while (!s->done)
		pthread_cond_wait(&h->wake, &h->lock);
	h->waited = NULL;
	pthread_mutex_unlock(&h->lock);
	h->head = (h->head + 1) % SLOTS;
	h->n--;
	return h->opt.done(h->opt.arg, op, s->path.data, &s->digests,
			   s->rc < 0 ? &s->err : NULL);
}

int hash_many_add(struct hash_many *h, struct op *op, const char *path,
		  const struct entry *e)
{
	struct slot *s;

	if (h->n == SLOTS && take(h, op) < 0)
		return -1;
	s = &h->slot[(h->head + h->n) % SLOTS];
	s->done = false;
	s->digests = e->hash;
	s->size = e->size;
	buf_reset(&s->path);
	buf_adds(&s->path, path);
	buf_reset(&s->tag);
	s->has_tag = e->tag != NULL;
	if (e->tag)
		buf_adds(&s->tag, e->tag);
	if (group_add(h->group, op, hash_task, s) < 0)
		return -1;
	h->n++;
	return 0;
}

int hash_many_end(struct hash_many *h, struct op *op, int rc)
{
	if (!h)
		return rc;
	while (rc == 0 && h->n)
		rc = take(h, op);
	if (group_wait(h->group, op) < 0)
		rc = -1;
	pool_free(h->pool);
	for (size_t i = 0; i < SLOTS; i++) {
		buf_free(&h->slot[i].path);
		buf_free(&h->slot[i].tag);
	}
	pthread_cond_destroy(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h);
	return rc;
}
