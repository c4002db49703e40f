/* Whether the packs are there, and as long as the index has it. */

#include <inttypes.h>

#include "repo/check_parts.h"

bool check_shape(const struct pack_blobs *blobs, int64_t size)
{
	int64_t off = 0;

	for (size_t i = 0; i < blobs->n; i++) {
		if (blobs->at[i].off != off ||
		    blobs->at[i].len > BLOB_LEN_MAX + ENVELOPE_EXTRA)
			return false;
		off += blobs->at[i].len;
	}
	return size == off + (int64_t)pack_header_len(blobs->at, blobs->n);
}

static int look_at(void *arg, struct op *op, const struct id *id, int64_t size)
{
	struct check *c = arg;
	uint32_t no;

	if (index_find_pack(c->r->index, id, &no))
		c->sizes[no] = size;
	else
		check_tell(c, op, HINT_ORPHAN, id, "no index names it");
	return 0;
}

static void mark_from(struct check *c, uint32_t no,
		      const struct pack_blobs *blobs, int64_t end)
{
	for (size_t i = 0; i < blobs->n; i++)
		if ((int64_t)blobs->at[i].off + blobs->at[i].len > end)
			check_mark(c, no, &blobs->at[i]);
}

static void check_pack(struct check *c, struct op *op, uint32_t no,
		       struct pack_blobs *blobs)
{
	int64_t want = 0, size = c->sizes[no];
	struct id id;

	index_pack_blobs(c->r->index, no, blobs);
	for (size_t i = 0; i < blobs->n; i++)
		want += blobs->at[i].len;
	want += (int64_t)pack_header_len(blobs->at, blobs->n);
	if (size == want)
		return;
	if (size < 0) {
		index_pack_id(c->r->index, no, &id);
		check_tell(c, op, DAMAGE_GONE, &id,
			   "missing, with its %zu blob%s", blobs->n,
			   blobs->n == 1 ? "" : "s");
	} else {
		check_tell_pack(c, op, no,
				"it has %" PRId64 " bytes instead of %" PRId64,
				size, want);
	}
	mark_from(c, no, blobs, size);
}

int check_packs(struct check *c, struct op *op)
{
	struct pack_blobs blobs = { 0 };
	int rc;

	for (uint32_t i = 0; i < c->packs; i++)
		c->sizes[i] = -1;
	rc = store_list(c->r->store, op, FILE_PACK, look_at, c);
	for (uint32_t i = 0; rc == 0 && i < c->packs; i++) {
		check_pack(c, op, i, &blobs);
		rc = op_check(op);
	}
	c->out->packs = c->packs;
	c->out->blobs = c->entries;
	pack_blobs_free(&blobs);
	return rc;
}
