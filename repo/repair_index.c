#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/pool.h"
#include "repo/check.h"
#include "repo/each.h"
#include "repo/index_file.h"
#include "repo/prune.h"
#include "repo/repair.h"
#include "repo/repair_parts.h"
#include "repo/store_file.h"

enum { LOCAL_THREADS = 2 };

void repair_tell(const struct repair_opt *opt, const char *fmt, ...)
{
	char line[700];
	va_list ap;

	if (!opt->tell)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	opt->tell(opt->arg, line);
}

/*
 * A bad sector, a damaged file system: it will be as bad tomorrow.  The others
 * (no more descriptors, no more memory) say nothing about the file.
 */
static bool is_of_disk(int os)
{
	return os == EIO || os == ENODATA || os == EILSEQ || os == EUCLEAN ||
	       os == EBADMSG;
}

bool repair_goes_on(const struct op *op)
{
	switch (op->err.kind) {
	case ERR_CORRUPT:
	case ERR_NOT_FOUND: return true;
	case ERR_IO: return is_of_disk(op->err.code);
	default: return false;
	}
}

struct found {
	struct id id;
	int64_t size;
};
VEC(founds, struct found);

struct repair {
	struct repo *r;
	const struct repair_opt *opt;
	struct index *right;    /* what the new index will say */
	struct ids old;         /* index files */
	_Atomic uint64_t named; /* packs in them, each as often as it is */
	struct founds found;    /* packs that are there, */
	struct founds unread;   /* and those whose headers are to be read */
	atomic_size_t next;     /* of these */
	atomic_bool failed;
	pthread_mutex_t lock; /* guards `out`, telling */
	struct repair_result *out;
};

static int bad_index(void *arg, struct op *op, const struct id *id)
{
	struct repair *p = arg;

	(void)id; /* the message has it */
	p->out->bad_files++;
	p->out->changed = true;
	repair_tell(p->opt, "%s", op->err.msg);
	err_clear(&op->err);
	return 0;
}

static int add_pack(void *arg, const struct id *pack,
		    const struct pack_blob *blobs, size_t n)
{
	struct repair *p = arg;

	index_add_pack(p->r->index, pack, blobs, n);
	atomic_fetch_add(&p->named, 1);
	return 0;
}

static int add_index(void *arg, struct op *op, const struct id *id,
		     const char *json, size_t n)
{
	char hex[ID_HEX + 1];

	if (index_file_parse(json, n, add_pack, NULL, arg, &op->err) < 0)
		return err_wrap(&op->err, "index %s", id_hex(id, hex));
	return 0;
}

/*
 * As repo_load_index().  Packs that are named twice are no damage, but an
 * earlier run may have been killed with its new files beside the old ones.
 */
static int load_index(struct repair *p, struct op *op)
{
	const struct each each = { .repo = p->r,
				   .type = FILE_INDEX,
				   .max = INDEX_JSON_MAX,
				   .fn = add_index,
				   .arg = p,
				   .bad = bad_index,
				   .bad_arg = p };

	if (each_file(op, &each, &p->old) < 0)
		return -1;
	if (atomic_load(&p->named) > index_packs(p->r->index))
		p->out->changed = true;
	return 0;
}

static int note_pack(void *arg, struct op *op, const struct id *id,
		     int64_t size)
{
	struct repair *p = arg;

	(void)op;
	*founds_add(&p->found) = (struct found){ *id, size };
	return 0;
}

/* Packs that the index describes as they must be go over as they are. */
static void sort_out(struct repair *p)
{
	struct pack_blobs blobs = { 0 };

	for (size_t i = 0; i < p->found.n; i++) {
		const struct found *f = &p->found.at[i];
		uint32_t no;

		blobs.n = 0;
		if (index_find_pack(p->r->index, &f->id, &no))
			index_pack_blobs(p->r->index, no, &blobs);
		if (!p->opt->read_all && blobs.n &&
		    check_shape(&blobs, f->size))
			index_add_pack(p->right, &f->id, blobs.at, blobs.n);
		else
			*founds_add(&p->unread) = *f;
	}
	pack_blobs_free(&blobs);
}

/* What no pack tells any more must come from the index that we have. */
static void keep_description(struct repair *p, const struct found *f,
			     const struct err *why)
{
	struct pack_blobs blobs = { 0 };
	char hex[ID_HEX + 1];
	uint32_t no;

	id_hex(&f->id, hex);
	p->out->damaged++;
	if (index_find_pack(p->r->index, &f->id, &no))
		index_pack_blobs(p->r->index, no, &blobs);
	if (blobs.n) {
		index_add_pack(p->right, &f->id, blobs.at, blobs.n);
		repair_tell(p->opt,
			    "%s: \"ferry repo repair packs %s\" saves what is "
			    "whole of it",
			    why->msg, hex);
	} else {
		repair_tell(p->opt, "%s; left alone: no index names it",
			    why->msg);
	}
	pack_blobs_free(&blobs);
}

static int read_pack(struct repair *p, struct op *op, struct coder *c,
		     const struct found *f, struct pack_blobs *blobs)
{
	char hex[ID_HEX + 1];
	int rc;

	blobs->n = 0;
	rc = repo_pack_blobs(p->r, op, c, &f->id, f->size, blobs);
	if (rc < 0 && !repair_goes_on(op))
		return -1;
	pthread_mutex_lock(&p->lock);
	p->out->read++;
	if (rc < 0) {
		keep_description(p, f, &op->err);
	} else {
		index_add_pack(p->right, &f->id, blobs->at, blobs->n);
		p->out->changed = true;
		if (!p->opt->read_all)
			repair_tell(p->opt, "pack %s: added, with %zu blobs",
				    id_hex(&f->id, hex), blobs->n);
	}
	pthread_mutex_unlock(&p->lock);
	err_clear(&op->err);
	if (p->opt->progress)
		atomic_fetch_add(&p->opt->progress->files_done, 1);
	return 0;
}

static int work(struct op *op, void *arg)
{
	struct repair *p = arg;
	struct coder *c = repo_coder(p->r);
	struct pack_blobs blobs = { 0 };
	int rc = 0;

	while (rc == 0 && !atomic_load(&p->failed)) {
		size_t i = atomic_fetch_add(&p->next, 1);

		if (i >= p->unread.n)
			break;
		rc = op_check(op);
		if (rc == 0)
			rc = read_pack(p, op, c, &p->unread.at[i], &blobs);
		arena_reset(&op->arena);
	}
	if (rc < 0)
		atomic_store(&p->failed, true);
	pack_blobs_free(&blobs);
	coder_free(c);
	return rc;
}

static int read_headers(struct repair *p, struct op *op)
{
	bool remote = be_can(store_backend(p->r->store), BE_REMOTE);
	unsigned n = remote ? store_calls(p->r->store) : LOCAL_THREADS;
	struct pool *pool;
	struct group *g;
	int rc = 0;

	if (p->unread.n == 0)
		return 0;
	if (p->opt->progress) {
		atomic_store(&p->opt->progress->files_total,
			     (int64_t)p->unread.n);
		atomic_store(&p->opt->progress->total_known, true);
	}
	pool = pool_new(n, n, op->cancel);
	g = group_new(pool);
	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = group_add(g, op, work, p);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(pool);
	return rc;
}

/* Those that are named and not there. */
static void note_gone(struct repair *p)
{
	for (uint32_t i = 0; i < index_packs(p->r->index); i++) {
		char hex[ID_HEX + 1];
		uint32_t no;
		struct id id;

		index_pack_id(p->r->index, i, &id);
		if (index_find_pack(p->right, &id, &no))
			continue;
		p->out->gone++;
		p->out->changed = true;
		repair_tell(p->opt, "pack %s is not there: forgotten",
			    id_hex(&id, hex));
	}
}

static int write_file(struct repair *p, struct op *op, struct coder *c,
		      struct index_writer *w, struct lock *lock)
{
	struct id id;
	int rc;

	if (w->packs == 0)
		return 0;
	if (lock_check(lock, op) < 0)
		return -1;
	index_write_end(w);
	rc = repo_save_file(p->r, op, c, FILE_INDEX, w->out->data, w->out->len,
			    &id);
	w->packs = 0;
	return rc;
}

/* All of it anew: only then may the old files go. */
static int write_index(struct repair *p, struct op *op, struct lock *lock)
{
	struct coder *c = repo_coder(p->r);
	struct buf json = BUF_INIT;
	struct index_writer w = { .out = &json };
	struct pack_blobs blobs = { 0 };
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < index_packs(p->right); i++) {
		struct id id;

		index_pack_id(p->right, i, &id);
		index_pack_blobs(p->right, i, &blobs);
		if (w.packs == 0)
			index_write_begin(&w, &json);
		index_write_pack(&w, &id, blobs.at, blobs.n);
		if (w.blobs >= INDEX_FILE_BLOBS)
			rc = write_file(p, op, c, &w, lock);
	}
	if (rc == 0)
		rc = write_file(p, op, c, &w, lock);
	pack_blobs_free(&blobs);
	buf_free(&json);
	coder_free(c);
	if (rc == 0)
		rc = files_remove(p->r, op, FILE_INDEX, p->old.at, p->old.n,
				  lock);
	return rc;
}

static int load(struct repair *p, struct op *op)
{
	if (p->r->index)
		BUG("an index that was loaded before it is repaired");
	p->r->index = index_new();
	p->right = index_new();
	if (ids_list(p->r->store, op, FILE_INDEX, &p->old) < 0)
		return -1;
	if (load_index(p, op) < 0)
		return -1;
	return store_list(p->r->store, op, FILE_PACK, note_pack, p);
}

int repair_index(struct repo *r, struct op *op, struct lock *lock,
		 const struct repair_opt *opt, struct repair_result *out)
{
	struct repair p = { .r = r, .opt = opt, .out = out };
	int rc;

	*out = (struct repair_result){ .changed = opt->read_all };
	pthread_mutex_init(&p.lock, NULL);
	rc = load(&p, op);
	if (rc == 0) {
		sort_out(&p);
		rc = read_headers(&p, op);
	}
	out->packs = p.found.n;
	if (rc == 0)
		note_gone(&p);
	if (rc == 0 && out->changed)
		rc = write_index(&p, op, lock);
	index_free(r->index);
	r->index = p.right;
	pthread_mutex_destroy(&p.lock);
	ids_free(&p.old);
	founds_free(&p.found);
	founds_free(&p.unread);
	return rc;
}
