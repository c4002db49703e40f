/*
 * The index files, made to say what r->index does.  They are read one at a
 * time: all that is in memory beside the index is one of them, and a few bits
 * for each pack.
 */

#include <stdlib.h>

#include "lib/log.h"
#include "repo/index_file.h"
#include "repo/prune_parts.h"

/* So many files with so few blobs each become one. */
enum { SMALL_FILES = 10, SMALL_BLOBS = INDEX_FILE_BLOBS / 10 };

struct replace {
	struct repo *r;
	const uint8_t *gone;
	struct lock *lock;
	struct coder *coder;
	uint8_t *named; /* packs that the index files will name */
	uint32_t packs;
	struct ids old, small;
	struct pack_blobs blobs; /* of one pack */
	struct buf text, json;   /* read, and being written */
	struct index_writer index;

	/* Of the file at hand. */
	bool changes;
	size_t file_blobs;
};

static bool is_gone(const struct replace *p, uint32_t no)
{
	return p->gone && bit_is_set(p->gone, no);
}

/* Whether this list is all that the index knows of the pack. */
static bool is_whole(struct replace *p, uint32_t no, size_t n)
{
	index_pack_blobs(p->r->index, no, &p->blobs);
	return p->blobs.n == n;
}

/* What of a file would be no more as it is. */
static int look_at_pack(void *arg, const struct id *pack,
			const struct pack_blob *blobs, size_t n)
{
	struct replace *p = arg;
	uint32_t no;

	(void)blobs;
	p->file_blobs += n;
	if (!index_find_pack(p->r->index, pack, &no) || is_gone(p, no) ||
	    bit_is_set(p->named, no))
		p->changes = true;
	return 0;
}

static int note_pack(void *arg, const struct id *pack,
		     const struct pack_blob *blobs, size_t n)
{
	struct replace *p = arg;
	uint32_t no;

	(void)blobs;
	if (index_find_pack(p->r->index, pack, &no) && is_whole(p, no, n))
		bit_set(p->named, no);
	return 0;
}

static int write_file(struct replace *p, struct op *op)
{
	struct id id;

	if (p->index.packs == 0)
		return 0;
	index_write_end(&p->index);
	p->index = (struct index_writer){ 0 };
	/* whoever took it for stale may have removed what we name */
	if (lock_check(p->lock, op) < 0)
		return -1;
	return repo_save_file(p->r, op, p->coder, FILE_INDEX, p->json.data,
			      p->json.len, &id);
}

static int write_pack(struct replace *p, struct op *op, uint32_t no)
{
	struct id id;

	if (is_gone(p, no) || bit_is_set(p->named, no))
		return 0;
	index_pack_blobs(p->r->index, no, &p->blobs);
	if (p->blobs.n == 0)
		return 0;
	bit_set(p->named, no);
	index_pack_id(p->r->index, no, &id);
	if (p->index.packs == 0)
		index_write_begin(&p->index, &p->json);
	index_write_pack(&p->index, &id, p->blobs.at, p->blobs.n);
	return p->index.blobs >= INDEX_FILE_BLOBS ? write_file(p, op) : 0;
}

/* 1: it is in p->text; 0: it cannot be read, and is to go. */
static int read_file(struct replace *p, struct op *op, const struct id *id)
{
	if (op_check(op) < 0)
		return -1;
	if (repo_load_file(p->r, op, p->coder, FILE_INDEX, id, INDEX_JSON_MAX,
			   &p->text) == 0)
		return 1;
	if (op->err.kind != ERR_CORRUPT && op->err.kind != ERR_NOT_FOUND)
		return -1;
	log_notice(NULL, "dropped: %s", op->err.msg);
	return 0;
}

/*
 * A file that does not change names its packs from now on; those of one that
 * does are written at the end, with all others that nobody names.
 */
static int look_at_file(struct replace *p, struct op *op, const struct id *id)
{
	int rc = read_file(p, op, id);

	if (rc < 0)
		return -1;
	p->changes = false;
	p->file_blobs = 0;
	if (rc && index_file_parse(p->text.data, p->text.len, look_at_pack,
				   NULL, p, &op->err) < 0) {
		log_notice(NULL, "dropped: %s", op->err.msg);
		rc = 0;
	}
	if (!rc || p->changes) {
		*ids_add(&p->old) = *id;
		return 0;
	}
	if (p->file_blobs < SMALL_BLOBS) {
		*ids_add(&p->small) = *id;
		return 0;
	}
	return index_file_parse(p->text.data, p->text.len, note_pack, NULL, p,
				&op->err);
}

/* The small ones go, too, if they are many; else they name their packs. */
static int look_at_small(struct replace *p, struct op *op)
{
	for (size_t i = 0; i < p->small.n; i++) {
		int rc = 0;

		if (p->small.n >= SMALL_FILES) {
			*ids_add(&p->old) = p->small.at[i];
			continue;
		}
		rc = read_file(p, op, &p->small.at[i]);
		if (rc > 0)
			rc = index_file_parse(p->text.data, p->text.len,
					      note_pack, NULL, p, &op->err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int replace(struct replace *p, struct op *op, struct lock *lock)
{
	struct ids ids = { 0 };
	int rc = ids_list(p->r->store, op, FILE_INDEX, &ids);

	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		rc = look_at_file(p, op, &ids.at[i]);
	ids_free(&ids);
	if (rc == 0)
		rc = look_at_small(p, op);
	for (uint32_t i = 0; rc == 0 && i < p->packs; i++)
		rc = write_pack(p, op, i);
	if (rc == 0)
		rc = write_file(p, op);
	if (rc == 0)
		rc = files_remove(p->r, op, FILE_INDEX, p->old.at, p->old.n,
				  lock);
	return rc;
}

int index_replace(struct repo *r, struct op *op, struct lock *lock,
		  const uint8_t *gone)
{
	struct replace p = { .r = r,
			     .gone = gone,
			     .lock = lock,
			     .coder = repo_coder(r),
			     .packs = index_packs(r->index),
			     .text = BUF_INIT,
			     .json = BUF_INIT };
	int rc;

	p.named = bits_new(p.packs);
	rc = replace(&p, op, lock);
	free(p.named);
	ids_free(&p.old);
	ids_free(&p.small);
	pack_blobs_free(&p.blobs);
	buf_free(&p.text);
	buf_free(&p.json);
	coder_free(p.coder);
	return rc;
}
