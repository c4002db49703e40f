#include "repo/index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "crypt/secret.h"
#include "repo/slots.h"

/*
 * Entries and packs lie in chunks that never move, in the order in which they
 * came.  What is found by its id is found through slots: a table for the
 * packs, and SHARDS of them for the blobs, each with a lock of its own.  So a
 * look waits for nothing but a look or one addition in the same shard.
 */
enum {
	SHARDS = 256,         /* the hash's top 8 bits */
	SLOTS_MAX = 4096 / 5, /* of a shard at first: a page */
	SLOTS_MIN = SLOTS_MAX / 4 * 3,
	CHUNK = 1 << 18,  /* items */
	CHUNKS = 1 << 13, /* 2^31 items */
	AHEAD = 8,        /* blobs whose slots are fetched meanwhile */
	PLACES_MAX = 512, /* of a blob; the others are as if not there */
	TREE = 1,
	NONE = -1
};

struct entry {
	struct id id;
	uint32_t off, len, raw_len;
	uint32_t pack; /* twice its number, and TREE */
};

/* Entries of one pack that lie one after the other. */
struct run {
	uint32_t first, n;
	int32_t more; /* the next in index.runs, or NONE */
};
VEC(runs, struct run);

struct pack {
	struct id id;
	struct run run; /* guarded by index.adding; the id never changes */
};

/* An array that grows without moving. */
struct chunks {
	size_t size;  /* of an item */
	void **chunk; /* CHUNKS of them, NULL those that are not yet there */
	atomic_uint n;
};

struct shard {
	pthread_mutex_t lock; /* guards slots; after index.adding */
	struct slots slots;
};

struct index {
	uint64_t seed[2];
	struct shard *blobs; /* SHARDS */
	struct shard *by_id; /* packs */
	struct chunks entries, packs;
	pthread_mutex_t adding; /* who adds has it; guards runs */
	struct runs runs; /* but the first: index files differed on a pack */
};

static void chunks_init(struct chunks *c, size_t size)
{
	c->size = size;
	c->chunk = xcalloc(CHUNKS, sizeof(*c->chunk));
	atomic_init(&c->n, 0);
}

static void chunks_free(struct chunks *c)
{
	for (size_t i = 0; i < CHUNKS && c->chunk[i]; i++)
		munmap(c->chunk[i], c->size * CHUNK);
	free(c->chunk);
}

static uint32_t chunks_count(const struct chunks *c)
{
	return atomic_load_explicit(&c->n, memory_order_acquire);
}

/* Of an item that has been added, in any thread; or chunks_room()'s. */
static void *chunks_at(const struct chunks *c, uint32_t i)
{
	return (char *)c->chunk[i / CHUNK] + i % CHUNK * c->size;
}

/* Where the next item goes; there it is once chunks_added() is called. */
static void *chunks_room(struct chunks *c)
{
	uint32_t n = chunks_count(c);
	void *p;

	if (n / CHUNK == CHUNKS)
		BUG("more than %u items of an index", n);
	if (!c->chunk[n / CHUNK]) {
		p = mmap(NULL, c->size * CHUNK, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			BUG("out of memory for an index of %u items", n);
		/* a fifth less for a find; that it is not done is no error */
		(void)madvise(p, c->size * CHUNK, MADV_HUGEPAGE);
		c->chunk[n / CHUNK] = p;
	}
	return chunks_at(c, n);
}

static uint32_t chunks_added(struct chunks *c)
{
	return atomic_fetch_add_explicit(&c->n, 1, memory_order_release);
}

static void shard_init(struct shard *s, uint32_t slots)
{
	pthread_mutex_init(&s->lock, NULL);
	slots_init(&s->slots, slots);
}

static void shard_free(struct shard *s)
{
	slots_free(&s->slots);
	pthread_mutex_destroy(&s->lock);
}

struct index *index_new(void)
{
	struct index *ix = xcalloc(1, sizeof(*ix));

	random_bytes(ix->seed, sizeof(ix->seed));
	ix->blobs = xcalloc(SHARDS, sizeof(*ix->blobs));
	ix->by_id = xcalloc(1, sizeof(*ix->by_id));
	for (uint32_t i = 0; i < SHARDS; i++)
		shard_init(&ix->blobs[i],
			   SLOTS_MIN + (SLOTS_MAX - SLOTS_MIN) * i / SHARDS);
	shard_init(ix->by_id, SLOTS_MAX);
	chunks_init(&ix->entries, sizeof(struct entry));
	chunks_init(&ix->packs, sizeof(struct pack));
	pthread_mutex_init(&ix->adding, NULL);
	return ix;
}

void index_free(struct index *ix)
{
	if (!ix)
		return;
	for (size_t i = 0; i < SHARDS; i++)
		shard_free(&ix->blobs[i]);
	shard_free(ix->by_id);
	free(ix->blobs);
	free(ix->by_id);
	chunks_free(&ix->entries);
	chunks_free(&ix->packs);
	runs_free(&ix->runs);
	pthread_mutex_destroy(&ix->adding);
	free(ix);
}

/*
 * An id is as good as random, but who chooses what is backed up may choose its
 * first bits, too: hence the seed.
 */
static uint64_t hash_of(const struct index *ix, const struct id *id)
{
	uint64_t h;

	memcpy(&h, id->b, sizeof(h));
	h = (h ^ ix->seed[0]) * UINT64_C(0x9e3779b97f4a7c15);
	h = (h ^ h >> 32) * (ix->seed[1] | 1);
	return h ^ h >> 29;
}

static uint64_t entry_hash(const void *arg, uint32_t number)
{
	const struct index *ix = arg;
	const struct entry *e = chunks_at(&ix->entries, number);

	return hash_of(ix, &e->id);
}

static uint64_t pack_hash(const void *arg, uint32_t number)
{
	const struct index *ix = arg;
	const struct pack *p = chunks_at(&ix->packs, number);

	return hash_of(ix, &p->id);
}

static struct shard *shard_of(const struct index *ix, uint64_t hash)
{
	return &ix->blobs[hash >> 56];
}

static uint32_t entry_pack(uint32_t pack_no, enum blob_type t)
{
	return pack_no << 1 | (t == BLOB_TREE ? TREE : 0);
}

static enum blob_type entry_type(const struct entry *e)
{
	return e->pack & TREE ? BLOB_TREE : BLOB_DATA;
}

/* One's number; under `adding`. */
static uint32_t find_or_add_pack(struct index *ix, const struct id *id)
{
	struct slots *s = &ix->by_id->slots;
	uint64_t hash = hash_of(ix, id);
	struct pack *p;
	struct probe at;
	uint32_t no;

	pthread_mutex_lock(&ix->by_id->lock);
	at = slots_probe(s, hash);
	while (slots_next(s, &at, &no)) {
		p = chunks_at(&ix->packs, no);
		if (id_equal(&p->id, id))
			goto out;
	}
	p = chunks_room(&ix->packs);
	*p = (struct pack){ .id = *id, .run.more = NONE };
	no = chunks_added(&ix->packs);
	slots_put(s, &at, no, pack_hash, ix);
out:
	pthread_mutex_unlock(&ix->by_id->lock);
	return no;
}

/* Under `adding`. */
static void add_entry(struct index *ix, uint32_t pack_no,
		      const struct pack_blob *b)
{
	uint64_t hash = hash_of(ix, &b->id);
	uint32_t no, places = 0, pack = entry_pack(pack_no, b->type);
	struct shard *s = shard_of(ix, hash);
	struct entry *e;
	struct probe at;

	pthread_mutex_lock(&s->lock);
	at = slots_probe(&s->slots, hash);
	while (slots_next(&s->slots, &at, &no)) {
		e = chunks_at(&ix->entries, no);
		if (!id_equal(&e->id, &b->id))
			continue;
		if (e->pack == pack && e->off == b->off)
			goto out; /* known from another index file */
		/* each is looked at by the next: a million would take days */
		if (++places == PLACES_MAX)
			goto out;
	}
	e = chunks_room(&ix->entries);
	*e = (struct entry){ .id = b->id,
			     .off = b->off,
			     .len = b->len,
			     .raw_len = b->raw_len,
			     .pack = pack };
	slots_put(&s->slots, &at, chunks_added(&ix->entries), entry_hash, ix);
out:
	pthread_mutex_unlock(&s->lock);
}

/* Under `adding`, where slots do not change. */
static void fetch(const struct index *ix, const struct id *id)
{
	uint64_t hash = hash_of(ix, id);

	slots_fetch(&shard_of(ix, hash)->slots, hash);
}

/* Under `adding`. */
static void add_run(struct index *ix, uint32_t pack_no, uint32_t first,
		    uint32_t n)
{
	struct pack *p = chunks_at(&ix->packs, pack_no);
	struct run *r;

	if (n == 0)
		return;
	if (p->run.n == 0) {
		p->run.first = first;
		p->run.n = n;
		return;
	}
	r = runs_add(&ix->runs);
	*r = (struct run){ .first = first, .n = n, .more = p->run.more };
	p->run.more = (int32_t)(ix->runs.n - 1);
}

uint32_t index_add_pack(struct index *ix, const struct id *pack,
			const struct pack_blob *blobs, size_t n)
{
	uint32_t no, first;

	pthread_mutex_lock(&ix->adding);
	no = find_or_add_pack(ix, pack);
	first = chunks_count(&ix->entries);
	for (size_t i = 0; i < n && i < AHEAD; i++)
		fetch(ix, &blobs[i].id);
	for (size_t i = 0; i < n; i++) {
		if (n - i > AHEAD)
			fetch(ix, &blobs[i + AHEAD].id);
		add_entry(ix, no, &blobs[i]);
	}
	add_run(ix, no, first, chunks_count(&ix->entries) - first);
	pthread_mutex_unlock(&ix->adding);
	return no;
}

/*
 * The lowest entry of a blob that is not below `*no`: so what is the first one
 * stays so, however the slots move.  Any one if `any`.
 */
static bool look(const struct index *ix, enum blob_type t, const struct id *id,
		 bool any, uint32_t *no)
{
	uint64_t hash = hash_of(ix, id);
	struct shard *s = shard_of(ix, hash);
	uint32_t at, from = *no;
	bool found = false;
	struct probe p;

	pthread_mutex_lock(&s->lock);
	p = slots_probe(&s->slots, hash);
	while (!(any && found) && slots_next(&s->slots, &p, &at)) {
		const struct entry *e;

		if (at < from || (found && at > *no))
			continue;
		e = chunks_at(&ix->entries, at);
		if (entry_type(e) != t || !id_equal(&e->id, id))
			continue;
		found = true;
		*no = at;
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

void index_entry(const struct index *ix, uint32_t entry, struct blob_at *out)
{
	const struct entry *e;

	if (entry >= index_entries(ix))
		BUG("entry %u of an index of %u", entry, index_entries(ix));
	e = chunks_at(&ix->entries, entry);
	*out = (struct blob_at){
		.blob = { .id = e->id,
			  .type = entry_type(e),
			  .off = e->off,
			  .len = e->len,
			  .raw_len = e->raw_len },
		.pack_no = e->pack >> 1,
		.entry = entry,
	};
	index_pack_id(ix, out->pack_no, &out->pack);
}

bool index_find(const struct index *ix, enum blob_type t, const struct id *id,
		struct blob_at *out)
{
	uint32_t no = 0;

	if (!look(ix, t, id, false, &no))
		return false;
	index_entry(ix, no, out);
	return true;
}

bool index_find_next(const struct index *ix, struct blob_at *at)
{
	uint32_t no = at->entry + 1;

	if (!look(ix, at->blob.type, &at->blob.id, false, &no))
		return false;
	index_entry(ix, no, at);
	return true;
}

bool index_has(const struct index *ix, enum blob_type t, const struct id *id)
{
	uint32_t no = 0;

	return look(ix, t, id, true, &no);
}

uint32_t index_packs(const struct index *ix)
{
	return chunks_count(&ix->packs);
}

uint32_t index_entries(const struct index *ix)
{
	return chunks_count(&ix->entries);
}

void index_pack_id(const struct index *ix, uint32_t pack_no, struct id *out)
{
	const struct pack *p;

	if (pack_no >= index_packs(ix))
		BUG("pack %u of an index of %u", pack_no, index_packs(ix));
	p = chunks_at(&ix->packs, pack_no);
	*out = p->id;
}

bool index_find_pack(const struct index *ix, const struct id *pack,
		     uint32_t *pack_no)
{
	const struct slots *s = &ix->by_id->slots;
	bool found = false;
	struct probe p;

	pthread_mutex_lock(&ix->by_id->lock);
	p = slots_probe(s, hash_of(ix, pack));
	while (!found && slots_next(s, &p, pack_no)) {
		const struct pack *at = chunks_at(&ix->packs, *pack_no);

		found = id_equal(&at->id, pack);
	}
	pthread_mutex_unlock(&ix->by_id->lock);
	return found;
}

static int compare_places(const void *a, const void *b)
{
	const struct pack_blob *x = a, *y = b;

	return (x->off > y->off) - (x->off < y->off);
}

static void add_blobs(const struct index *ix, const struct run *r,
		      struct pack_blobs *out)
{
	struct blob_at at;

	for (uint32_t i = 0; i < r->n; i++) {
		index_entry(ix, r->first + i, &at);
		*pack_blobs_add(out) = at.blob;
	}
}

void index_pack_blobs(struct index *ix, uint32_t pack_no,
		      struct pack_blobs *out)
{
	const struct pack *p;
	bool sorted = true;

	out->n = 0;
	if (pack_no >= index_packs(ix))
		BUG("pack %u of an index of %u", pack_no, index_packs(ix));
	pthread_mutex_lock(&ix->adding);
	p = chunks_at(&ix->packs, pack_no);
	add_blobs(ix, &p->run, out);
	for (int32_t i = p->run.more; i != NONE; i = ix->runs.at[i].more)
		add_blobs(ix, &ix->runs.at[i], out);
	pthread_mutex_unlock(&ix->adding);
	for (size_t i = 1; i < out->n && sorted; i++)
		sorted = out->at[i - 1].off <= out->at[i].off;
	if (!sorted)
		qsort(out->at, out->n, sizeof(*out->at), compare_places);
}

size_t index_memory(const struct index *ix)
{
	size_t n = sizeof(*ix) + SHARDS * sizeof(*ix->blobs);

	for (size_t i = 0; i < SHARDS; i++) {
		pthread_mutex_lock(&ix->blobs[i].lock);
		n += slots_memory(&ix->blobs[i].slots);
		pthread_mutex_unlock(&ix->blobs[i].lock);
	}
	pthread_mutex_lock(&ix->by_id->lock);
	n += slots_memory(&ix->by_id->slots);
	pthread_mutex_unlock(&ix->by_id->lock);
	return n + index_entries(ix) * sizeof(struct entry) +
	       index_packs(ix) * sizeof(struct pack);
}
