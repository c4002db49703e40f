#include <inttypes.h>
#include <stdlib.h>

#include "lib/hash.h"
#include "repo/check.h"
#include "repo/prune.h"
#include "repo/repair.h"
#include "repo/repair_parts.h"
#include "repo/saver.h"

enum { STEP = 4 << 20 };

struct salvage {
	struct repo *r;
	const struct repair_opt *opt;
	struct repair_result *out;
	struct coder *coder;
	struct saver *saver;
	struct buf sealed, text;
	struct pack_blobs blobs, header;
};

/* Whether this is a good copy of the blob; its bytes are in s->sealed. */
static int read_blob(struct salvage *s, struct op *op, const struct id *pack,
		     const struct pack_blob *b, bool *good)
{
	struct id is;

	*good = false;
	buf_reset(&s->sealed);
	if (op_check(op) < 0)
		return -1;
	if (b->len < ENVELOPE_EXTRA || b->len > BLOB_LEN_MAX + ENVELOPE_EXTRA)
		return 0;
	if (store_read_part(s->r->store, op, pack, b->off, b->len, false,
			    &s->sealed) < 0 ||
	    coder_open_blob(s->coder, (const uint8_t *)s->sealed.data, b->len,
			    b->raw_len, &s->text, &op->err) < 0) {
		if (!repair_goes_on(op))
			return -1;
		err_clear(&op->err);
		return 0;
	}
	id_of(s->text.data, s->text.len, &is);
	*good = id_equal(&is, &b->id);
	return 0;
}

/* 1 if the file's SHA-256 is its name; 0 if not, or it cannot be read. */
static int has_its_name(struct salvage *s, struct op *op, const struct id *pack,
			int64_t size)
{
	struct hasher *h = hasher_new(1u << HASH_SHA256);
	struct digests d;
	int rc = 0;

	for (int64_t off = 0; rc == 0 && off < size; off += STEP) {
		int64_t left = size - off;

		buf_reset(&s->sealed);
		rc = op_check(op);
		if (rc == 0)
			rc = store_read_part(s->r->store, op, pack, off,
					     left < STEP ? (size_t)left : STEP,
					     false, &s->sealed);
		if (rc == 0)
			hasher_add(h, s->sealed.data, s->sealed.len);
	}
	hasher_end(h, &d);
	hasher_free(h);
	if (rc == 0)
		return memcmp(d.sha256, pack->b, ID_LEN) == 0;
	if (!repair_goes_on(op))
		return -1;
	err_clear(&op->err);
	return 0;
}

static bool same_blobs(const struct pack_blobs *a, const struct pack_blobs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!id_equal(&a->at[i].id, &b->at[i].id) ||
		    a->at[i].type != b->at[i].type ||
		    a->at[i].off != b->at[i].off ||
		    a->at[i].len != b->at[i].len ||
		    a->at[i].raw_len != b->at[i].raw_len)
			return false;
	return true;
}

/* 1 if nothing is wrong with the pack. */
static int is_whole(struct salvage *s, struct op *op, const struct id *pack,
		    int64_t size)
{
	int rc;

	if (!same_blobs(&s->blobs, &s->header) || !check_shape(&s->blobs, size))
		return 0;
	rc = has_its_name(s, op, pack, size);
	for (size_t i = 0; rc > 0 && i < s->blobs.n; i++) {
		bool good;

		if (read_blob(s, op, pack, &s->blobs.at[i], &good) < 0)
			rc = -1;
		else if (!good)
			rc = 0;
	}
	return rc;
}

/*
 * What is known to be in it: s->blobs by the index, s->header by its own
 * header.  `*size` -1: it is not there.
 */
static int look_at(struct salvage *s, struct op *op, const struct id *pack,
		   int64_t *size)
{
	uint32_t no;

	s->blobs.n = s->header.n = 0;
	if (index_find_pack(s->r->index, pack, &no))
		index_pack_blobs(s->r->index, no, &s->blobs);
	*size = -1;
	if (store_size(s->r->store, op, FILE_PACK, pack, size) < 0 ||
	    repo_pack_blobs(s->r, op, s->coder, pack, *size, &s->header) < 0) {
		if (!repair_goes_on(op))
			return -1;
		err_clear(&op->err);
	}
	return 0;
}

static int save_blob(struct salvage *s, struct op *op, const struct id *pack,
		     const struct pack_blob *b)
{
	char hex[ID_HEX + 1];
	bool good;

	if (read_blob(s, op, pack, b, &good) < 0)
		return -1;
	if (good) {
		s->out->saved++;
		return saver_add_sealed(s->saver, op, b,
					(const uint8_t *)s->sealed.data);
	}
	s->out->lost++;
	repair_tell(s->opt, "%s blob %s is lost", blob_type_name(b->type),
		    id_hex(&b->id, hex));
	return 0;
}

/* Both lists are in order of offset. */
static bool is_listed(const struct pack_blobs *l, const struct pack_blob *b)
{
	size_t from = 0, to = l->n;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (l->at[mid].off < b->off)
			from = mid + 1;
		else
			to = mid;
	}
	return from < l->n && l->at[from].off == b->off &&
	       id_equal(&l->at[from].id, &b->id);
}

/* The header has a MAC of its own; what only the index says is tried, too. */
static int save_blobs(struct salvage *s, struct op *op, const struct id *pack)
{
	bool same = same_blobs(&s->blobs, &s->header);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->header.n; i++)
		rc = save_blob(s, op, pack, &s->header.at[i]);
	for (size_t i = 0; rc == 0 && !same && i < s->blobs.n; i++)
		if (!is_listed(&s->header, &s->blobs.at[i]))
			rc = save_blob(s, op, pack, &s->blobs.at[i]);
	return rc;
}

/* 1: the pack may go. */
static int salvage(struct salvage *s, struct op *op, const struct id *pack)
{
	uint64_t saved = s->out->saved;
	char hex[ID_HEX + 1];
	int64_t size;
	int rc = look_at(s, op, pack, &size);

	id_hex(pack, hex);
	if (rc < 0)
		return -1;
	if (s->blobs.n == 0 && s->header.n == 0) {
		repair_tell(s->opt,
			    size < 0 ? "pack %s: there is none"
				     : "pack %s: left alone: no index names "
				       "it, and its header is damaged",
			    hex);
		return 0;
	}
	if (size >= 0) {
		rc = is_whole(s, op, pack, size);
		if (rc > 0)
			repair_tell(s->opt, "pack %s: left alone: it is whole",
				    hex);
		if (rc)
			return rc < 0 ? -1 : 0;
	}
	if (save_blobs(s, op, pack) < 0)
		return -1;
	repair_tell(s->opt, "pack %s: %" PRIu64 " of %zu blobs saved", hex,
		    s->out->saved - saved,
		    s->header.n ? s->header.n : s->blobs.n);
	return 1;
}

/* The new packs are durable, then the index names them; then the old ones go.
 */
static int remove_packs(struct salvage *s, struct op *op, struct lock *lock,
			const struct id *packs, size_t n)
{
	uint8_t *gone = xcalloc(index_packs(s->r->index) / 8 + 1, 1);
	uint32_t no;
	int rc;

	for (size_t i = 0; i < n; i++)
		if (index_find_pack(s->r->index, &packs[i], &no))
			gone[no / 8] |= (uint8_t)(1u << no % 8);
	rc = index_replace(s->r, op, lock, gone);
	free(gone);
	if (rc == 0)
		rc = files_remove(s->r, op, FILE_PACK, packs, n, lock);
	return rc;
}

static int salvage_all(struct salvage *s, struct op *op, struct lock *lock,
		       const struct id *packs, size_t n)
{
	struct id *go = xcalloc(n + 1, sizeof(*go));
	struct repo_progress *p = s->opt->progress;
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < n; i++) {
		rc = salvage(s, op, &packs[i]);
		s->out->packs++;
		if (rc > 0)
			go[s->out->gone++] = packs[i];
		if (p)
			atomic_fetch_add(&p->files_done, 1);
	}
	if (rc >= 0)
		rc = saver_flush(s->saver, op);
	if (rc == 0 && s->out->gone)
		rc = remove_packs(s, op, lock, go, s->out->gone);
	s->out->changed = s->out->gone > 0;
	free(go);
	return rc;
}

int repair_packs(struct repo *r, struct op *op, struct lock *lock,
		 const struct id *packs, size_t n, const struct repair_opt *opt,
		 struct repair_result *out)
{
	const struct saver_opt so = { .no_index = true, .lock = lock };
	struct salvage s = { .r = r,
			     .opt = opt,
			     .out = out,
			     .coder = repo_coder(r),
			     .saver = saver_new(r, &so, op->cancel),
			     .sealed = BUF_INIT,
			     .text = BUF_INIT };
	int rc;

	*out = (struct repair_result){ 0 };
	if (opt->progress) {
		atomic_store(&opt->progress->files_total, (int64_t)n);
		atomic_store(&opt->progress->total_known, true);
	}
	rc = salvage_all(&s, op, lock, packs, n);
	saver_free(s.saver);
	coder_free(s.coder);
	buf_free(&s.sealed);
	buf_free(&s.text);
	pack_blobs_free(&s.blobs);
	pack_blobs_free(&s.header);
	return rc;
}
