#include "repo/saver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/clock.h"
#include "repo/saver_parts.h"

enum {
	/* Beyond a pack's size: the largest chunk, and the header. */
	CHUNK_ROOM = 8 << 20 | 4096,
	HEADER_ROOM = 3 << 20,
	/* Their entries in the header fit into its room. */
	PACK_BLOBS_MAX = 1 << 16,
	/* Trees are little beside the data, and wanted one by one. */
	TREE_PACK_SIZE = 4 << 20,
	UPLOADS_LOCAL = 1,
	UPLOADS_REMOTE = 5
};

#define INDEX_EVERY (5 * 60 * NS_PER_SEC)

void saved_sum(struct saved *to, const struct saved *s)
{
	to->added = to->added || s->added;
	to->blobs += s->blobs;
	to->raw += s->raw;
	to->stored += s->stored;
}

struct saver *saver_new(struct repo *r, const struct saver_opt *opt,
			struct cancel *cancel)
{
	bool remote = be_can(store_backend(r->store), BE_REMOTE);
	struct saver *s = xcalloc(1, sizeof(*s));

	s->r = r;
	s->opt = *opt;
	s->cancel = cancel;
	if (!s->opt.pack_size)
		s->opt.pack_size = PACK_SIZE;
	if (!s->opt.index_every)
		s->opt.index_every = INDEX_EVERY;
	if (!s->opt.uploads)
		s->opt.uploads = remote ? UPLOADS_REMOTE : UPLOADS_LOCAL;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->room, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->done, NULL);
	s->full_end = &s->full;
	s->json = (struct buf)BUF_INIT;
	s->index_due = clock_mono() + s->opt.index_every;
	s->threads = xcalloc(s->opt.uploads, sizeof(*s->threads));
	if (s->opt.dry_run)
		return s;
	for (; s->n_threads < s->opt.uploads; s->n_threads++)
		if (pthread_create(&s->threads[s->n_threads], NULL,
				   saver_upload, s)) {
			if (s->n_threads == 0)
				BUG("cannot start a thread");
			break; /* fewer will do */
		}
	return s;
}

void saver_fail(struct saver *s, const struct err *e)
{
	if (!s->failed) {
		s->failed = true;
		s->err = *e;
	}
	pthread_cond_broadcast(&s->room);
	pthread_cond_broadcast(&s->done);
}

static void queue(struct saver *s, struct saver_pack *p)
{
	*s->full_end = p;
	s->full_end = &p->next;
	pthread_cond_signal(&s->work);
}

/* Nothing more goes into the open pack of a type. */
static void close_pack(struct saver *s, enum blob_type t)
{
	struct saver_pack *p = s->open[t];

	s->open[t] = NULL;
	p->closed = true;
	s->busy++;
	if (p->writers == 0)
		queue(s, p);
}

/* Of each type one more than are stored at once: more would only wait. */
static struct saver_pack *spare_pack(struct saver *s, struct op *op,
				     enum blob_type t)
{
	struct saver_pack *p;

	for (;;) {
		if (s->failed) {
			op->err = s->err;
			return NULL;
		}
		if (s->packs[t] <= s->opt.uploads)
			break;
		pthread_cond_wait(&s->room, &s->lock);
	}
	p = s->spare;
	if (p)
		s->spare = p->next;
	else
		p = xcalloc(1, sizeof(*p));
	s->packs[t]++;
	return p;
}

/*
 * Not by malloc(), which takes the freeing of such a block as a sign that all
 * blocks up to that size had better be kept.
 */
static void map(struct saver_pack *p, size_t n)
{
	p->data = mmap(NULL, n, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->data == MAP_FAILED)
		BUG("no memory for a pack of %zu bytes", n);
	p->cap = n;
	(void)madvise(p->data, n, MADV_HUGEPAGE);
}

/* Whether one more blob, and what it adds to the header, has room. */
static bool fits(const struct saver_pack *p, size_t n)
{
	return p->cap - p->used >= n && p->cap - p->used - n >= HEADER_ROOM;
}

static size_t pack_size(const struct saver *s, enum blob_type t)
{
	return t == BLOB_TREE && s->opt.pack_size > TREE_PACK_SIZE
		       ? TREE_PACK_SIZE
		       : s->opt.pack_size;
}

/* The open pack of a type, with room for `n` bytes; waits for it. */
static struct saver_pack *open_pack(struct saver *s, struct op *op,
				    enum blob_type t, size_t n)
{
	struct saver_pack *p = s->open[t];

	if (p && !fits(p, n))
		close_pack(s, t);
	while (!s->open[t]) {
		p = spare_pack(s, op, t);
		if (!p)
			return NULL;
		if (s->open[t]) {
			/* another thread was faster while we waited */
			p->next = s->spare;
			s->spare = p;
			s->packs[t]--;
			pthread_cond_broadcast(&s->room);
			break;
		}
		p->next = NULL;
		p->type = t;
		p->used = 0;
		p->blobs.n = 0;
		p->header = pack_header_len(NULL, 0);
		p->closed = false;
		map(p, pack_size(s, t) + HEADER_ROOM +
			       (n > CHUNK_ROOM ? n : CHUNK_ROOM));
		s->open[t] = p;
	}
	return s->open[t];
}

static size_t entry_len(const struct pack_blob *b)
{
	return pack_header_len(b, 1) - pack_header_len(NULL, 0);
}

/*
 * Put a blob into the open pack: sealed already, or (with `c`) to be sealed
 * there.  With the lock held, and held again.
 */
static int place(struct saver *s, struct op *op, struct pack_blob *b,
		 struct coder *c, const void *bytes)
{
	struct saver_pack *p;

	/* A blob of the largest size may just not fit into a pack. */
	do
		p = open_pack(s, op, b->type, b->len);
	while (p && !fits(p, b->len));
	if (!p)
		return -1;
	b->off = (uint32_t)p->used;
	*pack_blobs_add(&p->blobs) = *b;
	p->used += b->len;
	p->header += entry_len(b);
	p->writers++;
	if (p->used + p->header >= pack_size(s, b->type) ||
	    p->blobs.n >= PACK_BLOBS_MAX)
		close_pack(s, b->type);
	pthread_mutex_unlock(&s->lock);
	if (c)
		envelope_seal(coder_envelope(c), bytes, b->len - ENVELOPE_EXTRA,
			      p->data + b->off);
	else
		memcpy(p->data + b->off, bytes, b->len);
	pthread_mutex_lock(&s->lock);
	if (--p->writers == 0 && p->closed)
		queue(s, p);
	return 0;
}

static void count(struct saver *s, const struct pack_blob *b, struct saved *out)
{
	*out = (struct saved){
		.added = true,
		.blobs = 1,
		.raw = pack_blob_text_len(b),
		.stored = (int64_t)(b->len + entry_len(b)),
	};
	s->totals.blobs[b->type]++;
	s->totals.raw[b->type] += (uint64_t)out->raw;
	s->totals.stored[b->type] += (uint64_t)out->stored;
}

/*
 * 1: it is ours to save, and pending from now on.  A blob leaves the pending
 * ones only once the index has it; so that is asked again.
 */
static int claim(struct saver *s, struct op *op, enum blob_type t,
		 const struct id *id, bool again)
{
	int rc;

	if (!again && index_has(s->r->index, t, id))
		return 0;
	pthread_mutex_lock(&s->lock);
	rc = pending_add(&s->pending, t, id);
	if (rc && !again && index_has(s->r->index, t, id)) {
		pending_drop(&s->pending, t, id);
		rc = 0;
	}
	if (s->failed) {
		op->err = s->err;
		rc = -1;
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

static int add(struct saver *s, struct op *op, struct coder *c,
	       enum blob_type t, const void *text, size_t n, bool again,
	       struct id *id, struct saved *out)
{
	struct pack_blob b = { .type = t };
	const void *packed;
	size_t len;
	int rc;

	*out = (struct saved){ 0 };
	if (n > BLOB_LEN_MAX)
		return err_set(&op->err, ERR_LIMIT,
			       "%zu bytes are too many for one blob", n);
	if (id_is_null(id))
		id_of(text, n, id);
	rc = claim(s, op, t, id, again);
	if (rc <= 0)
		return rc;
	coder_pack_blob(c, t, text, n, &packed, &len, &b.raw_len);
	b.id = *id;
	b.len = (uint32_t)(len + ENVELOPE_EXTRA);
	pthread_mutex_lock(&s->lock);
	rc = s->opt.dry_run ? 0 : place(s, op, &b, c, packed);
	if (rc == 0)
		count(s, &b, out);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int saver_add(struct saver *s, struct op *op, struct coder *c, enum blob_type t,
	      const void *text, size_t n, struct id *id, struct saved *out)
{
	return add(s, op, c, t, text, n, false, id, out);
}

int saver_add_again(struct saver *s, struct op *op, struct coder *c,
		    enum blob_type t, const void *text, size_t n, struct id *id,
		    struct saved *out)
{
	return add(s, op, c, t, text, n, true, id, out);
}

int saver_add_sealed(struct saver *s, struct op *op, const struct pack_blob *b,
		     const uint8_t *sealed)
{
	struct pack_blob copy = *b;
	struct saved out;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (s->failed) {
		op->err = s->err;
		rc = -1;
	} else if (pending_add(&s->pending, b->type, &b->id)) {
		if (!s->opt.dry_run)
			rc = place(s, op, &copy, NULL, sealed);
		if (rc == 0)
			count(s, &copy, &out);
	}
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int saver_flush(struct saver *s, struct op *op)
{
	struct coder *c;
	int rc;

	pthread_mutex_lock(&s->lock);
	for (int t = 0; t < BLOB_TYPES; t++)
		if (s->open[t])
			close_pack(s, (enum blob_type)t);
	while (s->busy && !s->failed)
		pthread_cond_wait(&s->done, &s->lock);
	rc = s->failed ? -1 : 0;
	if (s->failed)
		op->err = s->err;
	pthread_mutex_unlock(&s->lock);
	if (rc < 0)
		return -1;
	c = repo_coder(s->r);
	rc = saver_write_index(s, op, c);
	coder_free(c);
	return rc;
}

static void free_pack(struct saver_pack *p)
{
	if (!p)
		return;
	saver_unmap(p);
	pack_blobs_free(&p->blobs);
	free(p);
}

static void free_packs(struct saver_pack *p)
{
	while (p) {
		struct saver_pack *next = p->next;

		free_pack(p);
		p = next;
	}
}

/* What was stored before a failure is not to be sent again by the next run. */
static void write_last_index(struct saver *s)
{
	struct coder *c = repo_coder(s->r);
	struct cancel never;
	struct op op;

	cancel_init(&never);
	op = op_begin(&never);
	(void)!saver_write_index(s, &op, c); /* what failed is known already */
	op_end(&op);
	cancel_free(&never);
	coder_free(c);
}

void saver_free(struct saver *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->n_threads; i++)
		pthread_join(s->threads[i], NULL);
	write_last_index(s);
	for (int t = 0; t < BLOB_TYPES; t++)
		free_pack(s->open[t]);
	free_packs(s->full);
	free_packs(s->spare);
	pending_free(&s->pending);
	pack_nos_free(&s->stored);
	buf_free(&s->json);
	free(s->threads);
	pthread_cond_destroy(&s->done);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->room);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void saver_totals(struct saver *s, struct saver_totals *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->totals;
	pthread_mutex_unlock(&s->lock);
}

const uint32_t *saver_packs(const struct saver *s, size_t *n)
{
	*n = s->stored.n;
	return s->stored.at;
}
