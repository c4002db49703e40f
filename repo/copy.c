#include "repo/copy.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "lib/log.h"
#include "lib/pool.h"
#include "repo/walk.h"

enum {
	REGION = 4 << 20, /* bytes read at once, unless one blob is longer */
	GAP_LOCAL = 32 << 10, /* what is read, too, rather than ask twice */
	GAP_REMOTE = 1 << 20,
	THREADS_MAX = 16
};

/* What the threads share; each takes the next pack until there is none. */
struct copying {
	struct repo *from, *to;
	const struct copy_opt *opt;
	struct blob_set *needed; /* of `from` */
	struct saver *saver;
	uint32_t gap;
	_Atomic uint32_t next;
	atomic_bool failed;
};

/* One thread's own. */
struct copier {
	struct copying *k;
	struct coder *open, *seal;
	struct pack_blobs
		blobs; /* of the pack at hand: those that are copied */
	struct id pack;
	struct buf region, text;
};

/* Whether this place of the blob is the one that is read. */
static bool is_chosen(const struct copying *k, uint32_t pack_no,
		      const struct pack_blob *b)
{
	struct blob_at at;

	return index_find(k->from->index, b->type, &b->id, &at) &&
	       at.pack_no == pack_no && at.blob.off == b->off &&
	       blob_set_has_entry(k->needed, at.entry) &&
	       !index_has(k->to->index, b->type, &b->id);
}

static int save(struct copier *c, struct op *op, const struct pack_blob *b)
{
	struct id id = b->id;
	struct saved saved;

	return saver_add(c->k->saver, op, c->seal, b->type, c->text.data,
			 c->text.len, &id, &saved);
}

/* `sealed` NULL: it could not be read with the others. */
static int copy_blob(struct copier *c, struct op *op, const struct pack_blob *b,
		     const void *sealed)
{
	struct err e = { 0 };
	struct id is;

	if (sealed && coder_open_blob(c->open, sealed, b->len, b->raw_len,
				      &c->text, &e) == 0) {
		id_of(c->text.data, c->text.len, &is);
		if (id_equal(&is, &b->id))
			return save(c, op, b);
	}
	/* By itself, from any place where it lies; else this says why not. */
	if (repo_load_blob(c->k->from, op, c->open, b->type, &b->id, &c->text) <
	    0)
		return -1;
	return save(c, op, b);
}

/* Blobs [from, to) lie close together. */
static int copy_region(struct copier *c, struct op *op, size_t from, size_t to)
{
	const struct pack_blob *b = &c->blobs.at[from];
	const struct pack_blob *end = &c->blobs.at[to];
	struct repo_progress *p = c->k->opt->progress;
	uint32_t off = b->off;
	int rc;

	buf_reset(&c->region);
	rc = store_read_part(c->k->from->store, op, &c->pack, off,
			     end[-1].off - off + end[-1].len,
			     b->type == BLOB_TREE, &c->region);
	if (rc < 0 && op->err.kind != ERR_CORRUPT &&
	    op->err.kind != ERR_NOT_FOUND)
		return -1;
	err_clear(&op->err);
	for (; b < end; b++) {
		const char *sealed = c->region.data + (b->off - off);

		if (copy_blob(c, op, b, rc < 0 ? NULL : sealed) < 0)
			return -1;
		atomic_fetch_add(&p->bytes_done, b->len);
	}
	return 0;
}

/* How far the region goes that begins with blob `from`. */
static size_t region_end(const struct copier *c, size_t from)
{
	const struct pack_blob *b = c->blobs.at;
	size_t to = from + 1;

	while (to < c->blobs.n && b[to].off >= b[to - 1].off + b[to - 1].len &&
	       b[to].type == b[from].type &&
	       b[to].off - b[to - 1].off - b[to - 1].len <= c->k->gap &&
	       (uint64_t)b[to].off + b[to].len - b[from].off <= REGION)
		to++;
	return to;
}

static int copy_pack(struct copier *c, struct op *op, uint32_t no)
{
	struct index *ix = c->k->from->index;
	size_t n = 0;

	index_pack_id(ix, no, &c->pack);
	index_pack_blobs(ix, no, &c->blobs);
	for (size_t i = 0; i < c->blobs.n; i++)
		if (is_chosen(c->k, no, &c->blobs.at[i]))
			c->blobs.at[n++] = c->blobs.at[i];
	c->blobs.n = n;
	for (size_t i = 0, to; i < c->blobs.n; i = to) {
		to = region_end(c, i);
		if (op_check(op) < 0 || copy_region(c, op, i, to) < 0)
			return -1;
	}
	return 0;
}

static int work(struct op *op, void *arg)
{
	struct copying *k = arg;
	struct copier c = { .k = k,
			    .open = repo_coder(k->from),
			    .seal = repo_coder(k->to),
			    .region = BUF_INIT,
			    .text = BUF_INIT };
	uint32_t no;
	int rc = 0;

	while (rc == 0 && !atomic_load(&k->failed) &&
	       (no = atomic_fetch_add(&k->next, 1)) <
		       index_packs(k->from->index)) {
		rc = copy_pack(&c, op, no);
		arena_reset(&op->arena);
	}
	if (rc < 0)
		atomic_store(&k->failed, true);
	coder_free(c.open);
	coder_free(c.seal);
	pack_blobs_free(&c.blobs);
	buf_free(&c.region);
	buf_free(&c.text);
	return rc;
}

static int run_threads(struct copying *k, struct op *op)
{
	unsigned n = pool_fitting();
	struct pool *pool;
	struct group *g;
	int rc = 0;

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	pool = pool_new(n, n, op->cancel);
	g = group_new(pool);
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = group_add(g, op, work, k);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(pool);
	return rc;
}

static void count(struct copying *k)
{
	struct repo_progress *p = k->opt->progress;
	struct blob_at at;

	for (uint32_t i = 0; i < index_entries(k->from->index); i++) {
		if (!blob_set_has_entry(k->needed, i))
			continue;
		index_entry(k->from->index, i, &at);
		if (!index_has(k->to->index, at.blob.type, &at.blob.id))
			atomic_fetch_add(&p->bytes_total, at.blob.len);
	}
	atomic_store(&p->total_known, true);
}

int copy_trees(struct repo *from, struct repo *to, struct op *op,
	       const struct id *trees, size_t n, const struct copy_opt *opt,
	       struct saver_totals *out)
{
	const struct trees_opt mark = { .missing = true };
	const struct saver_opt saving = { .pack_size = opt->pack_size,
					  .lock = opt->lock };
	struct copying k = {
		.from = from,
		.to = to,
		.opt = opt,
		.needed = blob_set_new(from->index),
		.gap = be_can(store_backend(from->store), BE_REMOTE)
			       ? GAP_REMOTE
			       : GAP_LOCAL,
	};
	int rc = trees_mark(from, op, trees, n, k.needed, &mark);

	k.saver = saver_new(to, &saving, op->cancel);
	if (rc == 0) {
		count(&k);
		rc = run_threads(&k, op);
	}
	if (rc == 0)
		rc = saver_flush(k.saver, op);
	saver_totals(k.saver, out);
	saver_free(k.saver);
	blob_set_free(k.needed);
	return rc;
}

static const struct id *origin_of(const struct snapshot *s)
{
	return s->has_original ? &s->original : &s->id;
}

static bool has_all(const struct strings *of, const struct strings *texts)
{
	for (size_t i = 0; i < texts->n; i++) {
		bool found = false;

		for (size_t k = 0; k < of->n && !found; k++)
			found = strcmp(of->at[k], texts->at[i]) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* In all but what a copy changes. */
static bool is_alike(const struct snapshot *a, const struct snapshot *b)
{
	return a->time.sec == b->time.sec && a->time.ns == b->time.ns &&
	       id_equal(&a->tree, &b->tree) &&
	       strcmp(a->hostname, b->hostname) == 0 &&
	       strcmp(a->username, b->username) == 0 && a->uid == b->uid &&
	       a->gid == b->gid && a->paths.n == b->paths.n &&
	       a->tags.n == b->tags.n && has_all(&a->paths, &b->paths) &&
	       has_all(&a->tags, &b->tags) &&
	       strings_equal(&a->excludes, &b->excludes);
}

const struct snapshot *copy_find(const struct snapshots *there,
				 const struct snapshot *s)
{
	for (size_t i = 0; i < there->n; i++) {
		const struct snapshot *t = &there->at[i];

		if ((id_equal(origin_of(t), origin_of(s)) ||
		     id_equal(&t->id, origin_of(s))) &&
		    is_alike(t, s))
			return t;
	}
	return NULL;
}

int copy_snapshot(struct repo *to, struct op *op, struct coder *c,
		  const struct snapshot *s, struct snapshot *out)
{
	*out = *s;
	out->has_parent = false; /* which means nothing there */
	out->original = *origin_of(s);
	out->has_original = true;
	return snapshot_save(to, op, c, out, &out->id);
}
