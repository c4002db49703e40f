/* Packs that a killed run has stored, and which no index names. */

#include <stdlib.h>

#include "lib/log.h"
#include "lib/vec.h"
#include "repo/index_file.h"
#include "repo/saver.h"

/* Beyond a full pack: one more chunk, and the header. */
enum { SIZE_LIMIT = PACK_SIZE_MAX + (32 << 20) };

struct orphan {
	struct id id;
	int64_t size;
};
VEC(orphans, struct orphan);

struct adoption {
	struct repo *r;
	struct coder *c;
	struct orphans found;
	struct pack_blobs blobs;
	struct buf pack, json;
	struct index_writer index;
	unsigned packs;
};

static int look_at(void *arg, struct op *op, const struct id *id, int64_t size)
{
	struct adoption *a = arg;
	uint32_t no;

	(void)op;
	if (!index_find_pack(a->r->index, id, &no))
		*orphans_add(&a->found) = (struct orphan){ *id, size };
	return 0;
}

static int write_index(struct adoption *a, struct op *op)
{
	struct id id;
	int rc;

	if (a->index.packs == 0)
		return 0;
	index_write_end(&a->index);
	rc = repo_save_file(a->r, op, a->c, FILE_INDEX, a->json.data,
			    a->json.len, &id);
	a->index = (struct index_writer){ 0 };
	buf_reset(&a->json);
	return rc;
}

/*
 * Read whole, though its header would do: what is left behind may also be a
 * damaged pack, of a repair that was killed.  Were that one's blobs in the
 * index, the next backup would not store them.
 */
static int read_blobs(struct adoption *a, struct op *op, const struct orphan *o)
{
	size_t n, end;

	buf_reset(&a->pack);
	if (o->size < 4 || o->size > SIZE_LIMIT)
		return err_set(&op->err, ERR_CORRUPT, "a pack of %lld bytes",
			       (long long)o->size);
	if (store_read(a->r->store, op, FILE_PACK, &o->id, SIZE_LIMIT,
		       &a->pack) < 0)
		return -1;
	end = a->pack.len - 4;
	if (a->pack.len < 4 ||
	    pack_header_size((uint8_t *)a->pack.data + end,
			     (int64_t)a->pack.len, &n, &op->err) < 0)
		return err_set(&op->err, ERR_CORRUPT, "no header");
	return pack_header_parse(coder_envelope(a->c),
				 (uint8_t *)a->pack.data + end - n, n,
				 (int64_t)a->pack.len, &a->blobs, &op->err);
}

/*
 * Its index file comes later: nothing that refers to the pack is written
 * before saver_adopt() has returned.
 */
static int adopt(struct adoption *a, struct op *op, const struct orphan *o)
{
	char hex[ID_HEX + 1];

	a->blobs.n = 0;
	if (read_blobs(a, op, o) < 0) {
		if (op->err.kind != ERR_CORRUPT &&
		    op->err.kind != ERR_NOT_FOUND)
			return -1;
		log_info(id_hex(&o->id, hex), "left alone: %s", op->err.msg);
		err_clear(&op->err);
		return 0;
	}
	if (a->blobs.n == 0)
		return 0;
	if (a->index.packs == 0)
		index_write_begin(&a->index, &a->json);
	index_write_pack(&a->index, &o->id, a->blobs.at, a->blobs.n);
	index_add_pack(a->r->index, &o->id, a->blobs.at, a->blobs.n);
	a->packs++;
	return a->index.blobs >= INDEX_FILE_BLOBS ? write_index(a, op) : 0;
}

int saver_adopt(struct repo *r, struct op *op, unsigned *packs)
{
	struct adoption a = { .r = r, .pack = BUF_INIT, .json = BUF_INIT };
	int rc = store_list(r->store, op, FILE_PACK, look_at, &a);

	a.c = repo_coder(r);
	for (size_t i = 0; rc == 0 && i < a.found.n; i++) {
		rc = op_check(op);
		if (rc == 0)
			rc = adopt(&a, op, &a.found.at[i]);
	}
	if (rc == 0)
		rc = write_index(&a, op);
	if (rc == 0)
		store_sweep(r->store, op);
	*packs = a.packs;
	coder_free(a.c);
	orphans_free(&a.found);
	pack_blobs_free(&a.blobs);
	buf_free(&a.pack);
	buf_free(&a.json);
	return rc;
}
