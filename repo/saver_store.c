/* Packs into the store, and what is stored into index files. */

#include <string.h>
#include <sys/mman.h>

#include "lib/clock.h"
#include "repo/saver_parts.h"

/* Half of what a file may have: its text is in memory until it is written. */
enum { INDEX_BLOBS = INDEX_FILE_BLOBS / 2 };

static int check_lock(struct saver *s, struct op *op)
{
	return s->opt.lock ? lock_check(s->opt.lock, op) : 0;
}

int saver_write_index(struct saver *s, struct op *op, struct coder *c)
{
	struct buf json;
	struct id id;
	int rc;

	if (check_lock(s, op) < 0)
		return -1;
	pthread_mutex_lock(&s->lock);
	s->index_due = clock_mono() + s->opt.index_every;
	if (s->index.packs == 0) {
		pthread_mutex_unlock(&s->lock);
		return 0;
	}
	index_write_end(&s->index);
	json = s->json;
	s->json = (struct buf)BUF_INIT;
	s->index = (struct index_writer){ 0 };
	pthread_mutex_unlock(&s->lock);
	rc = repo_save_file(s->r, op, c, FILE_INDEX, json.data, json.len, &id);
	buf_free(&json);
	return rc;
}

/* With the lock held.  True: an index file is due. */
static bool note_stored(struct saver *s, const struct saver_pack *p,
			const struct id *id, uint32_t no)
{
	for (size_t i = 0; i < p->blobs.n; i++)
		pending_drop(&s->pending, p->type, &p->blobs.at[i].id);
	s->totals.packs++;
	if (s->opt.no_index) {
		*pack_nos_add(&s->stored) = no;
		return false;
	}
	if (s->index.packs == 0)
		index_write_begin(&s->index, &s->json);
	index_write_pack(&s->index, id, p->blobs.at, p->blobs.n);
	return s->index.blobs >= INDEX_BLOBS || clock_mono() >= s->index_due;
}

static int store_pack(struct saver *s, struct op *op, struct coder *c,
		      struct saver_pack *p)
{
	struct buf header = BUF_INIT;
	uint32_t no;
	struct id id;
	bool due;

	if (check_lock(s, op) < 0)
		return -1;
	pack_header_add(&header, coder_envelope(c), p->blobs.at, p->blobs.n);
	if (header.len > p->cap - p->used)
		BUG("a header of %zu bytes", header.len);
	memcpy(p->data + p->used, header.data, header.len);
	p->used += header.len;
	buf_free(&header);
	id_of(p->data, p->used, &id);
	if (store_write_mapped(s->r->store, op, &id, p->data, p->used) < 0)
		return -1;
	no = index_add_pack(s->r->index, &id, p->blobs.at, p->blobs.n);
	pthread_mutex_lock(&s->lock);
	due = note_stored(s, p, &id, no);
	pthread_mutex_unlock(&s->lock);
	return due ? saver_write_index(s, op, c) : 0;
}

/* With the lock held: the next pack, or NULL when there will be none. */
static struct saver_pack *next_pack(struct saver *s)
{
	struct saver_pack *p;

	while (!s->stop && (!s->full || s->failed))
		pthread_cond_wait(&s->work, &s->lock);
	if (s->stop)
		return NULL;
	p = s->full;
	s->full = p->next;
	if (!s->full)
		s->full_end = &s->full;
	p->next = NULL;
	return p;
}

void saver_unmap(struct saver_pack *p)
{
	if (p->data)
		munmap(p->data, p->cap);
	p->data = NULL;
}

static void give_back(struct saver *s, struct saver_pack *p)
{
	/*
	 * A pack is filled slowly: kept, the memory of an empty one would be
	 * most of what a backup takes.
	 */
	saver_unmap(p);
	p->next = s->spare;
	s->spare = p;
	s->packs[p->type]--;
	s->busy--;
	pthread_cond_broadcast(&s->room);
	pthread_cond_broadcast(&s->done);
}

void *saver_upload(void *saver)
{
	struct saver *s = saver;
	struct coder *c = repo_coder(s->r);
	struct op op = op_begin(s->cancel);
	struct saver_pack *p;

	pthread_mutex_lock(&s->lock);
	while ((p = next_pack(s))) {
		int rc;

		pthread_mutex_unlock(&s->lock);
		rc = store_pack(s, &op, c, p);
		arena_reset(&op.arena);
		pthread_mutex_lock(&s->lock);
		give_back(s, p);
		if (rc < 0)
			saver_fail(s, &op.err);
	}
	pthread_mutex_unlock(&s->lock);
	op_end(&op);
	coder_free(c);
	return NULL;
}
