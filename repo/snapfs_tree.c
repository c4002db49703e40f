/* Trees: the first of a pack by themselves, then out of the cache. */

#include "repo/snapfs.h"

enum {
	TRIES = 8,         /* of one pack; a walk needs more */
	SMALL = 256 << 10, /* bytes of a pack that comes as fast as a tree */
};

/* With s->lock held. */
static struct tried *look_up(struct snap_open *o, uint32_t pack_no)
{
	for (size_t i = 0; i < o->tried.n; i++)
		if (o->tried.at[i].pack_no == pack_no)
			return &o->tried.at[i];
	return NULL;
}

static int64_t pack_size(struct snap_repo *s, uint32_t pack_no)
{
	struct pack_blobs blobs = { 0 };
	int64_t size = 0;

	index_pack_blobs(s->open.repo->index, pack_no, &blobs);
	for (size_t i = 0; i < blobs.n; i++)
		size += blobs.at[i].len;
	pack_blobs_free(&blobs);
	return size;
}

/* Whether this tree had better be read by itself. */
static bool is_alone(struct snap_repo *s, const struct blob_at *at)
{
	struct snap_open *o = &s->open;
	struct tried *t, new = { .pack_no = at->pack_no };
	bool known, alone;

	if (!store_would_fetch(o->repo->store, &at->pack))
		return false;
	pthread_mutex_lock(&s->lock);
	known = look_up(o, at->pack_no);
	pthread_mutex_unlock(&s->lock);
	if (!known)
		new.size = pack_size(s, at->pack_no);
	pthread_mutex_lock(&s->lock);
	t = look_up(o, at->pack_no);
	if (!t) {
		t = trieds_add(&o->tried);
		*t = new;
	}
	alone = t->size > SMALL && t->times < TRIES;
	if (alone)
		t->times++;
	pthread_mutex_unlock(&s->lock);
	return alone;
}

static int read_alone(struct snap_repo *s, struct op *op,
		      const struct blob_at *at, struct buf *out)
{
	struct coder *c = snapfs_coder(s);
	struct buf sealed = BUF_INIT;
	struct id is;
	int rc = store_read_part(s->open.repo->store, op, &at->pack,
				 at->blob.off, at->blob.len, false, &sealed);

	if (rc == 0)
		rc = coder_open_blob(c, (const uint8_t *)sealed.data,
				     sealed.len, at->blob.raw_len, out,
				     &op->err);
	snapfs_coder_back(s, c);
	buf_free(&sealed);
	if (rc < 0)
		return -1;
	id_of(out->data, out->len, &is);
	return id_equal(&is, &at->blob.id) ? 0 : -1;
}

int snapfs_tree(struct snap_repo *s, struct op *op, const struct id *id,
		struct buf *out)
{
	struct acct *acct = op->acct;
	struct blob_at at;
	int rc = -1;

	if (index_find(s->open.repo->index, BLOB_TREE, id, &at) &&
	    at.blob.len <= BLOB_LEN_MAX && is_alone(s, &at)) {
		op->acct = NULL;
		rc = read_alone(s, op, &at, out);
		op->acct = acct;
	}
	if (rc == 0)
		return 0;
	err_clear(&op->err); /* if it is bad, that is told now */
	return op_check(op) < 0 ? -1 : snapfs_blob(s, op, BLOB_TREE, id, out);
}
