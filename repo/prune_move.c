/*
 * What is needed of packs that go, into new ones.  A blob moves as it lies
 * there: its key is the same, so all that there is to do is to see that its
 * MAC is right.
 */

#include <stdatomic.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/pool.h"
#include "repo/prune_parts.h"
#include "repo/store_file.h"

enum {
	REGION = 8 << 20, /* bytes read at once, unless one blob is longer */
	GAP_LOCAL = 32 << 10, /* what is read, too, rather than ask twice */
	GAP_REMOTE = 1 << 20,
	REMOTE_THREADS = 8
};

/* What the threads share; each takes the next pack until there is none. */
struct move {
	struct prune *p;
	struct saver *saver;
	uint32_t gap;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* guards about */
	struct blob_name *about;
};

/* One thread's own. */
struct mover {
	struct move *m;
	struct coder *coder;
	struct pack_blobs blobs; /* of the pack at hand: those that move */
	struct id pack;
	uint32_t pack_no;
	struct buf region, text;
};

static struct prune_pack *pack_of(struct mover *v)
{
	return &v->m->p->pack[v->pack_no];
}

/* Whether this place of the blob is the one that counts. */
static bool is_chosen(struct mover *v, const struct pack_blob *b)
{
	const struct prune *p = v->m->p;
	struct blob_at at;
	bool more = index_find(p->r->index, b->type, &b->id, &at);

	for (; more && at.entry < p->entries;
	     more = index_find_next(p->r->index, &at))
		if (bit_is_set(p->chosen, at.entry))
			return at.pack_no == v->pack_no &&
			       at.blob.off == b->off;
	return false;
}

static int add_compressed(struct mover *v, struct op *op,
			  const struct pack_blob *b, const uint8_t *sealed)
{
	struct id id = b->id, is;
	struct saved saved;

	if (coder_open_blob(v->coder, sealed, b->len, b->raw_len, &v->text,
			    &op->err) < 0)
		return -1;
	id_of(v->text.data, v->text.len, &is);
	if (!id_equal(&is, &id))
		return err_set(&op->err, ERR_CORRUPT,
			       "its SHA-256 is not its id");
	return saver_add_again(v->m->saver, op, v->coder, b->type, v->text.data,
			       v->text.len, &id, &saved);
}

static int add_blob(struct mover *v, struct op *op, const struct pack_blob *b,
		    const uint8_t *sealed)
{
	if (pack_of(v)->compress && b->raw_len == 0)
		return add_compressed(v, op, b, sealed);
	if (!envelope_check(coder_envelope(v->coder), sealed, b->len))
		return err_set(&op->err, ERR_CORRUPT, "bad MAC");
	return saver_add_sealed(v->m->saver, op, b, sealed);
}

/* One place of a blob, read by itself. */
static int move_from(struct mover *v, struct op *op, const struct blob_at *at)
{
	struct buf sealed = BUF_INIT;
	char hex[ID_HEX + 1], pack[ID_HEX + 1];
	int rc = store_read_part(v->m->p->r->store, op, &at->pack, at->blob.off,
				 at->blob.len, at->blob.type == BLOB_TREE,
				 &sealed);

	if (rc == 0)
		rc = add_blob(v, op, &at->blob, (uint8_t *)sealed.data);
	if (rc < 0)
		err_wrap(&op->err, "%s blob %s in pack %s",
			 blob_type_name(at->blob.type),
			 id_hex(&at->blob.id, hex), id_hex(&at->pack, pack));
	buf_free(&sealed);
	return rc;
}

/* The bytes that were read are not what they should be: look everywhere. */
static int move_alone(struct mover *v, struct op *op, const struct pack_blob *b)
{
	const struct prune *p = v->m->p;
	struct err why = { 0 };
	struct blob_at at;
	bool more = index_find(p->r->index, b->type, &b->id, &at);

	for (; more && at.entry < p->entries;
	     more = index_find_next(p->r->index, &at)) {
		if (move_from(v, op, &at) == 0)
			return 0;
		if (op->err.kind != ERR_CORRUPT &&
		    op->err.kind != ERR_NOT_FOUND)
			return -1;
		log_notice(NULL, "%s", op->err.msg);
		if (!why.kind)
			why = op->err;
	}
	op->err = why;
	op->err.kind = ERR_CORRUPT;
	pthread_mutex_lock(&v->m->lock);
	*v->m->about = (struct blob_name){ true, b->type, b->id };
	pthread_mutex_unlock(&v->m->lock);
	return -1;
}

static int move_blob(struct mover *v, struct op *op, const struct pack_blob *b,
		     const uint8_t *sealed)
{
	if (sealed && add_blob(v, op, b, sealed) == 0)
		return 0;
	if (sealed && op->err.kind != ERR_CORRUPT)
		return -1;
	return move_alone(v, op, b);
}

/* Blobs [from, to) lie close together. */
static int move_region(struct mover *v, struct op *op, size_t from, size_t to)
{
	const struct prune *p = v->m->p;
	const struct pack_blob *b = &v->blobs.at[from];
	const struct pack_blob *last = &v->blobs.at[to - 1];
	uint32_t off = b->off;
	int rc;

	buf_reset(&v->region);
	rc = store_read_part(p->r->store, op, &v->pack, off,
			     last->off - off + last->len, pack_of(v)->trees,
			     &v->region);
	if (rc < 0 && op->err.kind != ERR_CORRUPT &&
	    op->err.kind != ERR_NOT_FOUND)
		return -1;
	for (; b <= last; b++) {
		const void *sealed = v->region.data + (b->off - off);

		if (move_blob(v, op, b, rc < 0 ? NULL : sealed) < 0)
			return -1;
		if (p->opt->progress)
			atomic_fetch_add(&p->opt->progress->bytes_done, b->len);
	}
	return 0;
}

/* How far the region goes that begins with blob `from`. */
static size_t region_end(const struct mover *v, size_t from)
{
	const struct pack_blob *b = v->blobs.at;
	size_t to = from + 1;

	while (to < v->blobs.n && b[to].off >= b[to - 1].off + b[to - 1].len &&
	       b[to].off - b[to - 1].off - b[to - 1].len <= v->m->gap &&
	       (uint64_t)b[to].off + b[to].len - b[from].off <= REGION)
		to++;
	return to;
}

static int move_pack(struct mover *v, struct op *op, uint32_t no)
{
	struct repo *r = v->m->p->r;
	size_t n = 0;

	v->pack_no = no;
	index_pack_id(r->index, no, &v->pack);
	index_pack_blobs(r->index, no, &v->blobs);
	for (size_t i = 0; i < v->blobs.n; i++)
		if (is_chosen(v, &v->blobs.at[i]))
			v->blobs.at[n++] = v->blobs.at[i];
	v->blobs.n = n;
	for (size_t i = 0, to; i < v->blobs.n; i = to) {
		to = region_end(v, i);
		if (op_check(op) < 0 || move_region(v, op, i, to) < 0)
			return -1;
	}
	return 0;
}

static int work(struct op *op, void *arg)
{
	struct move *m = arg;
	struct mover v = { .m = m,
			   .coder = repo_coder(m->p->r),
			   .region = BUF_INIT,
			   .text = BUF_INIT };
	int rc = 0;

	while (rc == 0 && !atomic_load(&m->failed)) {
		size_t i = atomic_fetch_add(&m->next, 1);

		if (i >= m->p->repack.n)
			break;
		rc = move_pack(&v, op, m->p->repack.at[i]);
		if (rc == 0 && m->p->opt->progress)
			atomic_fetch_add(&m->p->opt->progress->files_done, 1);
	}
	if (rc < 0)
		atomic_store(&m->failed, true);
	coder_free(v.coder);
	pack_blobs_free(&v.blobs);
	buf_free(&v.region);
	buf_free(&v.text);
	return rc;
}

static size_t threads_for(struct store *s)
{
	bool remote = be_can(store_backend(s), BE_REMOTE);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned calls = store_calls(s);

	if (remote)
		return calls < REMOTE_THREADS ? calls : REMOTE_THREADS;
	return cpus < 2 ? 2 : (size_t)cpus;
}

int prune_move(struct prune *p, struct op *op, struct saver *s,
	       struct blob_name *about)
{
	bool remote = be_can(store_backend(p->r->store), BE_REMOTE);
	struct move m = { .p = p,
			  .saver = s,
			  .gap = remote ? GAP_REMOTE : GAP_LOCAL,
			  .lock = PTHREAD_MUTEX_INITIALIZER,
			  .about = about };
	size_t threads = threads_for(p->r->store);
	struct pool *pool;
	struct group *g;
	int rc = 0;

	if (threads > p->repack.n)
		threads = p->repack.n;
	if (threads == 0)
		return 0;
	pool = pool_new((unsigned)threads, (unsigned)threads, op->cancel);
	g = group_new(pool);
	for (size_t i = 0; rc == 0 && i < threads; i++)
		rc = group_add(g, op, work, &m);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(pool);
	pthread_mutex_destroy(&m.lock);
	return rc;
}
