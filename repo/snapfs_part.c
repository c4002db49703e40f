/*
 * Blobs of a file that lie one after the other in a pack: read with one
 * request.
 */

#include <string.h>

#include "repo/snapfs.h"

enum {
	GAP = 64 << 10,        /* read, too, rather than ask once more */
	SEALED_KEPT = 2 << 20, /* bytes of memory, for the next part */
};

int snapfs_blob_at(struct snap_repo *s, struct op *op, const struct id *id,
		   struct blob_at *at)
{
	char hex[ID_HEX + 1];

	if (index_find(s->open.repo->index, BLOB_DATA, id, at))
		return 0;
	err_set(&op->err, ERR_CORRUPT, "its data blob %s is in no index",
		id_hex(id, hex));
	if (!snapfs_learned(s, op) ||
	    !index_find(s->open.repo->index, BLOB_DATA, id, at))
		return -1;
	err_clear(&op->err);
	return 0;
}

int64_t snapfs_text_len(const struct pack_blob *b)
{
	return b->raw_len || b->len >= ENVELOPE_EXTRA
		       ? (int64_t)pack_blob_text_len(b)
		       : 0;
}

int part_plan(struct snap_repo *s, struct op *op, const struct id *ids,
	      size_t n, int64_t max, struct part *p)
{
	struct blob_at at;

	if (snapfs_blob_at(s, op, ids, &at) < 0)
		return -1;
	p->ids = ids;
	p->n = 1;
	p->pack = at.pack;
	p->off = at.blob.off;
	p->end = (int64_t)at.blob.off + at.blob.len;
	p->text_len = snapfs_text_len(&at.blob);
	while (p->n < n &&
	       index_find(s->open.repo->index, BLOB_DATA, &ids[p->n], &at)) {
		int64_t end = (int64_t)at.blob.off + at.blob.len;
		int64_t text = snapfs_text_len(&at.blob);

		if (!id_equal(&at.pack, &p->pack) || at.blob.off < p->end ||
		    at.blob.off - p->end > GAP || end - p->off > max ||
		    p->text_len + text > max)
			break;
		p->end = end;
		p->text_len += text;
		p->n++;
	}
	return 0;
}

/* Blob `i`, out of what was read; false: it is bad. */
static bool open_blob(struct snap_repo *s, const struct part *p,
		      struct coder *c, size_t i, struct buf *out)
{
	struct blob_at at;
	struct err e;
	struct id is;

	/* The index may have learned of other places meanwhile: not the first
	   one, which stays so. */
	if (!index_find(s->open.repo->index, BLOB_DATA, &p->ids[i], &at) ||
	    !id_equal(&at.pack, &p->pack) || at.blob.off < p->off ||
	    (int64_t)at.blob.off + at.blob.len > p->end)
		return false;
	if (coder_open_blob(
		    c, (const uint8_t *)p->sealed.data + (at.blob.off - p->off),
		    at.blob.len, at.blob.raw_len, out, &e) < 0)
		return false;
	id_of(out->data, out->len, &is);
	return id_equal(&is, &p->ids[i]);
}

int part_read(struct snap_repo *s, struct op *op, struct part *p)
{
	struct coder *c = snapfs_coder(s);
	struct acct *acct = op->acct;
	struct buf *out = p->n == 1 ? &p->text : &p->one;
	bool have;
	int rc = 0;

	buf_reset(&p->sealed);
	buf_reset(&p->text);
	p->ends.n = 0;
	op->acct = NULL;
	have = p->end - p->off <= BLOB_LEN_MAX &&
	       store_read_part(s->open.repo->store, op, &p->pack, p->off,
			       (size_t)(p->end - p->off), false,
			       &p->sealed) == 0;
	op->acct = acct;
	for (size_t i = 0; rc == 0 && i < p->n; i++) {
		rc = op_check(op);
		/* else from wherever it can be had, or to tell what is wrong */
		if (rc == 0 && !(have && open_blob(s, p, c, i, out)))
			rc = snapfs_blob(s, op, BLOB_DATA, &p->ids[i], out);
		if (rc == 0 && p->n > 1)
			buf_add(&p->text, out->data, out->len);
		if (rc == 0)
			*ends_add(&p->ends) = p->text.len;
	}
	if (rc == 0)
		err_clear(&op->err);
	if (p->sealed.cap > SEALED_KEPT)
		buf_free(&p->sealed);
	snapfs_coder_back(s, c);
	return rc;
}

void part_free(struct part *p)
{
	buf_free(&p->sealed);
	buf_free(&p->one);
	buf_free(&p->text);
	ends_free(&p->ends);
}
