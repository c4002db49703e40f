/*
 * Every byte of every pack: the whole against its name, the header against
 * the index, each blob against its id.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypt/secret.h"
#include "lib/hash.h"
#include "lib/pool.h"
#include "repo/check_parts.h"

enum {
	/*
	 * Read at once, if no blob is longer: what is hashed as a part of the
	 * pack is still near the processor when it is opened as a blob.
	 */
	WINDOW = 1 << 20,
	WINDOW_REMOTE = 8 << 20, /* a request takes longer than its bytes */
	KEPT = 9 << 20,          /* of a buffer, for the next pack */
	THREADS_REMOTE = 5,
	THREADS_MAX = 64
};

VEC(pack_list, uint32_t);

/* What the threads share; each takes the next pack until there is none. */
struct reading {
	struct check *c;
	const struct pack_list *packs;
	size_t window;
	atomic_size_t next;
	atomic_bool failed;
	_Atomic uint64_t read;
};

/* What is wrong with a pack, in one reading of it. */
struct flaw {
	size_t blob; /* in the list of them */
	char text[160];
};
VEC(flaws, struct flaw);

/* One thread's own. */
struct reader {
	struct check *c;
	size_t window;
	struct coder *coder;
	struct hasher *hasher;
	struct buf bytes, text;
	struct pack_blobs blobs, header;

	/* The pack at hand. */
	uint32_t no;
	struct id id;
	int64_t size;
	struct flaws flaws;
	bool bad_name, bad_header;
};

static void add_flaw(struct reader *k, size_t i, const struct err *e)
{
	struct flaw *f = flaws_add(&k->flaws);

	f->blob = i;
	snprintf(f->text, sizeof(f->text), "%.*s", (int)sizeof(f->text) - 1,
		 e->msg);
}

/* `p` are its bytes. */
static void check_blob(struct reader *k, size_t i, const char *p)
{
	const struct pack_blob *b = &k->blobs.at[i];
	struct err e = { 0 };
	struct id is;

	if (coder_open_blob(k->coder, (const uint8_t *)p, b->len, b->raw_len,
			    &k->text, &e) == 0) {
		id_of(k->text.data, k->text.len, &is);
		if (id_equal(&is, &b->id))
			return;
		err_set(&e, ERR_CORRUPT, "its SHA-256 is not its id");
	}
	add_flaw(k, i, &e);
}

static int read_part(struct reader *k, struct op *op, int64_t off, size_t n)
{
	struct repo_progress *p = k->c->opt->progress;

	buf_reset(&k->bytes);
	if (store_read_part(k->c->r->store, op, &k->id, off, n, false,
			    &k->bytes) < 0)
		return -1;
	if (p)
		atomic_fetch_add(&p->bytes_done, (int64_t)n);
	return 0;
}

/* Whether what the pack itself says is what the index says. */
static bool same_header(struct reader *k, struct op *op)
{
	const uint8_t *p = (const uint8_t *)k->bytes.data;
	size_t n = k->bytes.len, len;

	k->header.n = 0;
	if (n < 4 || pack_header_size(p + n - 4, k->size, &len, &op->err) < 0 ||
	    len != n - 4 ||
	    pack_header_parse(coder_envelope(k->coder), p, len, k->size,
			      &k->header, &op->err) < 0) {
		err_clear(&op->err);
		return false;
	}
	if (k->header.n != k->blobs.n)
		return false;
	for (size_t i = 0; i < k->blobs.n; i++) {
		const struct pack_blob *a = &k->header.at[i];
		const struct pack_blob *b = &k->blobs.at[i];

		if (!id_equal(&a->id, &b->id) || a->type != b->type ||
		    a->off != b->off || a->len != b->len ||
		    a->raw_len != b->raw_len)
			return false;
	}
	return true;
}

/* As many blobs from `i` as are read at once; where they end. */
static size_t window_end(const struct reader *k, size_t i, size_t *len)
{
	size_t end = i;

	*len = 0;
	do
		*len += k->blobs.at[end++].len;
	while (end < k->blobs.n && *len + k->blobs.at[end].len <= k->window);
	return end;
}

/* A pack that is as long as it should be, from its first byte to its last. */
static int read_through(struct reader *k, struct op *op)
{
	struct digests d;
	int64_t off = 0;
	size_t len, end;

	for (size_t i = 0; i < k->blobs.n; i = end, off += (int64_t)len) {
		size_t at = 0;

		end = window_end(k, i, &len);
		if (op_check(op) < 0 || read_part(k, op, off, len) < 0)
			return -1;
		hasher_add(k->hasher, k->bytes.data, len);
		for (size_t j = i; j < end; j++) {
			check_blob(k, j, k->bytes.data + at);
			at += k->blobs.at[j].len;
		}
	}
	if (read_part(k, op, off, (size_t)(k->size - off)) < 0)
		return -1;
	hasher_add(k->hasher, k->bytes.data, k->bytes.len);
	k->bad_header = !same_header(k, op);
	hasher_end(k->hasher, &d);
	k->bad_name = memcmp(d.sha256, k->id.b, ID_LEN) != 0;
	return 0;
}

/* What can be had of a pack that is not as it should be. */
static int read_singly(struct reader *k, struct op *op)
{
	for (size_t i = 0; i < k->blobs.n; i++) {
		const struct pack_blob *b = &k->blobs.at[i];

		if (op_check(op) < 0)
			return -1;
		if (b->len > BLOB_LEN_MAX + ENVELOPE_EXTRA) {
			err_set(&op->err, ERR_CORRUPT, "a blob of %u bytes",
				b->len);
			add_flaw(k, i, &op->err);
		} else if (read_part(k, op, b->off, b->len) == 0) {
			check_blob(k, i, k->bytes.data);
		} else if (check_is_damage(op)) {
			add_flaw(k, i, &op->err);
		} else {
			return -1;
		}
	}
	err_clear(&op->err);
	return 0;
}

static int read_once(struct reader *k, struct op *op)
{
	struct digests d;

	k->flaws.n = 0;
	k->bad_name = k->bad_header = false;
	if (check_shape(&k->blobs, k->size)) {
		if (read_through(k, op) == 0)
			return 0;
		hasher_end(k->hasher, &d);
		if (!check_is_damage(op))
			return -1;
		err_clear(&op->err);
		k->flaws.n = 0;
		k->bad_name = true;
	} else {
		k->bad_header = true;
	}
	return read_singly(k, op);
}

static void tell_flaws(struct reader *k, struct op *op)
{
	char hex[ID_HEX + 1], blob[ID_HEX + 1];

	if (k->flaws.n)
		check_tell_pack(k->c, op, k->no,
				"%zu of its %zu blobs %s "
				"damaged",
				k->flaws.n, k->blobs.n,
				k->flaws.n == 1 ? "is" : "are");
	else if (k->bad_name)
		check_tell_pack(k->c, op, k->no, "its SHA-256 is not its name");
	if (k->bad_header)
		check_tell(k->c, op, DAMAGE_HEADER, &k->id,
			   "its header is not what the index says");
	for (size_t i = 0; i < k->flaws.n; i++) {
		const struct flaw *f = &k->flaws.at[i];
		const struct pack_blob *b = &k->blobs.at[f->blob];

		id_hex(&b->id, blob);
		check_mark(k->c, k->no, b);
		check_tell(k->c, op, DAMAGE_BLOB, &b->id,
			   "%s blob in pack %s: "
			   "%s",
			   blob_type_name(b->type), id_hex(&k->id, hex),
			   f->text);
	}
}

static int check_pack(struct reader *k, struct op *op)
{
	struct repo_progress *p = k->c->opt->progress;

	index_pack_id(k->c->r->index, k->no, &k->id);
	index_pack_blobs(k->c->r->index, k->no, &k->blobs);
	k->size = k->c->sizes[k->no];
	if (read_once(k, op) < 0)
		return -1;
	/* What came over a bad line, or through bad memory, comes again. */
	if ((k->flaws.n || k->bad_name || k->bad_header) &&
	    read_once(k, op) < 0)
		return -1;
	tell_flaws(k, op);
	if (k->bytes.cap > KEPT)
		buf_free(&k->bytes);
	if (k->text.cap > KEPT)
		buf_free(&k->text);
	if (p)
		atomic_fetch_add(&p->files_done, 1);
	return 0;
}

static int work(struct op *op, void *arg)
{
	struct reading *w = arg;
	struct reader k = { .c = w->c,
			    .window = w->window,
			    .coder = repo_coder(w->c->r),
			    .hasher = hasher_new(1u << HASH_SHA256),
			    .bytes = BUF_INIT,
			    .text = BUF_INIT };
	int rc = 0;

	while (rc == 0 && !atomic_load(&w->failed)) {
		size_t i = atomic_fetch_add(&w->next, 1);

		if (i >= w->packs->n)
			break;
		k.no = w->packs->at[i];
		rc = check_pack(&k, op);
		arena_reset(&op->arena);
		if (rc == 0)
			atomic_fetch_add(&w->read, 1);
	}
	if (rc < 0)
		atomic_store(&w->failed, true);
	hasher_free(k.hasher);
	coder_free(k.coder);
	buf_free(&k.bytes);
	buf_free(&k.text);
	pack_blobs_free(&k.blobs);
	pack_blobs_free(&k.header);
	flaws_free(&k.flaws);
	return rc;
}

static unsigned threads_for(struct check *c, size_t packs)
{
	bool remote = be_can(store_backend(c->r->store), BE_REMOTE);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cpus < 1 ? 1 : (size_t)cpus;

	if (remote && n < THREADS_REMOTE)
		n = THREADS_REMOTE;
	if (n > THREADS_MAX)
		n = THREADS_MAX;
	return (unsigned)(n > packs ? packs : n);
}

static void shuffle(struct pack_list *l)
{
	for (size_t i = l->n; i > 1; i--) {
		uint64_t r;
		uint32_t keep = l->at[i - 1];
		size_t j;

		random_bytes(&r, sizeof(r));
		j = (size_t)(r % i);
		l->at[i - 1] = l->at[j];
		l->at[j] = keep;
	}
}

/* Those that are to be read; those that are missing are known to be. */
static void choose(struct check *c, struct pack_list *l)
{
	const struct check_opt *o = c->opt;
	int64_t sum = 0;
	size_t n = 0;

	for (uint32_t i = 0; i < c->packs; i++) {
		struct id id;

		index_pack_id(c->r->index, i, &id);
		if (c->sizes[i] >= 0 &&
		    (!o->of || id.b[0] % o->of == (o->subset - 1) % o->of))
			*pack_list_add(l) = i;
	}
	if (o->part <= 0 && o->bytes <= 0)
		return;
	shuffle(l);
	if (o->part > 0) {
		n = (size_t)((double)l->n * o->part);
		n = n == 0 && l->n ? 1 : n;
	}
	while (o->bytes > 0 && n < l->n && sum + c->sizes[l->at[n]] <= o->bytes)
		sum += c->sizes[l->at[n++]];
	if (n < l->n)
		l->n = n;
}

static void announce(struct check *c, const struct pack_list *l)
{
	struct repo_progress *p = c->opt->progress;

	for (size_t i = 0; p && i < l->n; i++)
		atomic_fetch_add(&p->bytes_total, c->sizes[l->at[i]]);
	if (!p)
		return;
	atomic_fetch_add(&p->files_total, (int64_t)l->n);
	atomic_store(&p->total_known, true);
}

static int read_all(struct check *c, struct op *op, const struct pack_list *l)
{
	bool remote = be_can(store_backend(c->r->store), BE_REMOTE);
	struct reading w = { .c = c,
			     .packs = l,
			     .window = remote ? WINDOW_REMOTE : WINDOW };
	unsigned threads = threads_for(c, l->n);
	struct pool *p = pool_new(threads, threads, op->cancel);
	struct group *g = group_new(p);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < threads; i++)
		rc = group_add(g, op, work, &w);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(p);
	c->out->packs_read = atomic_load(&w.read);
	return rc;
}

int check_data(struct check *c, struct op *op)
{
	const struct check_opt *o = c->opt;
	struct pack_list l = { 0 };
	int rc = 0;

	if (!o->read_data && !o->of && o->part <= 0 && o->bytes <= 0)
		return 0;
	choose(c, &l);
	announce(c, &l);
	if (l.n)
		rc = read_all(c, op, &l);
	pack_list_free(&l);
	return rc;
}
