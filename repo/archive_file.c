/* The content of files. */

#include <string.h>

#include "repo/archive_parts.h"

enum {
	HOLE_CHUNKS = 4, /* fewer are read as any other */
	/* as many as a tree could name: 64 digits and three more each */
	CHUNKS_MAX = BLOB_LEN_MAX / 67
};

/* Where a worker is in its file. */
struct reading {
	struct worker *w;
	struct file_job *job;
	int64_t size;  /* read so far */
	int64_t start; /* of the chunk that w->text begins with */
	int64_t fed;   /* to the chunker */
	int64_t base;  /* where the chunker was begun */
};

/* The reader's hold, or a chunk's, is gone: the last one ends the file. */
static void let_go(struct worker *w, struct file_job *job, bool failed)
{
	struct archive *ar = w->ar;
	struct item *it = job->item;
	struct folder *in = it->in;
	bool last;

	pthread_mutex_lock(&ar->lock);
	job->failed = job->failed || failed;
	last = --job->open == 0;
	pthread_mutex_unlock(&ar->lock);
	if (!last)
		return;
	failed = job->failed;
	if (!failed) {
		job->node.content = job->content.at;
		job->node.ncontent = job->content.n;
		buf_reset(&w->json);
		node_write(&w->json, &job->node);
		archive_done(ar, before_action(&job->before, &w->json),
			     job->path, &job->node, &job->data, NULL,
			     job->began);
	}
	last = item_done(ar, it, failed ? NULL : &w->json);
	work_give_file(ar, job);
	if (last)
		folder_finish(w, in);
}

/* The place of the file's next chunk. */
static size_t next_place(struct archive *ar, struct file_job *job)
{
	size_t no;

	pthread_mutex_lock(&ar->lock);
	no = job->content.n;
	memset(ids_add(&job->content), 0, sizeof(struct id));
	pthread_mutex_unlock(&ar->lock);
	return no;
}

/* `known`: its id, or NULL. */
static int save_chunk(struct worker *w, struct file_job *job, size_t no,
		      const void *p, size_t n, const struct id *known)
{
	struct archive *ar = w->ar;
	struct id id = { { 0 } };
	struct saved saved;

	if (known)
		id = *known;

	if (archive_failed(ar))
		return -1;
	if (saver_add(ar->saver, &w->op, w->coder, BLOB_DATA, p, n, &id,
		      &saved) < 0) {
		archive_fail(ar, &w->op.err);
		return -1;
	}
	pthread_mutex_lock(&ar->lock);
	job->content.at[no] = id;
	saved_sum(&job->data, &saved);
	pthread_mutex_unlock(&ar->lock);
	return 0;
}

void file_chunk_job(struct worker *w, struct chunk_job *chunk)
{
	struct file_job *job = chunk->file;
	int rc = save_chunk(w, job, chunk->no, chunk->text.data + chunk->off,
			    chunk->len, NULL);

	work_give_chunk(w->ar, chunk);
	let_go(w, job, rc < 0);
}

/*
 * Give the chunk at `off` of w->text to another worker; the text goes with it,
 * and what is behind the chunk is copied.
 */
static bool hand_over(struct reading *rd, size_t off, size_t len, size_t no)
{
	struct worker *w = rd->w;
	struct chunk_job *chunk = work_spare_chunk(w->ar);
	struct buf text = w->text, spare = chunk->text;
	size_t rest = text.len - off - len;

	chunk->file = rd->job;
	chunk->off = off;
	chunk->len = len;
	chunk->no = no;
	chunk->text = text;
	buf_add(&spare, text.data + off + len, rest);
	w->text = spare;
	if (work_add_chunk(w->ar, chunk))
		return true;
	w->text = text;
	chunk->text = spare;
	work_give_chunk(w->ar, chunk);
	return false;
}

static int save_text(struct reading *rd, size_t off, size_t len)
{
	return save_chunk(rd->w, rd->job, next_place(rd->w->ar, rd->job),
			  rd->w->text.data + off, len, NULL);
}

/* What is left of a large buffer gets a smaller one. */
static void drop_front(struct buf *text, size_t n)
{
	struct buf rest = BUF_INIT;

	if (text->cap > TEXT_KEPT && text->len - n < TEXT_KEPT / 4) {
		buf_add(&rest, text->data + n, text->len - n);
		buf_free(text);
		*text = rest;
		return;
	}
	memmove(text->data, text->data + n, text->len - n);
	buf_cut(text, text->len - n);
}

/* Save the chunks that are whole now. */
static int cut(struct reading *rd)
{
	struct worker *w = rd->w;
	struct buf *text = &w->text;
	size_t off = 0;
	size_t n = chunker_add(w->chunker, text->data + (rd->fed - rd->start),
			       (size_t)(rd->size - rd->fed), w->cuts);

	rd->fed = rd->size;
	for (size_t i = 0; i < n; i++) {
		int64_t end = rd->base + w->cuts[i];
		size_t len = (size_t)(end - rd->start);

		rd->start = end;
		if (i + 1 == n && work_has_room(w->ar)) {
			size_t no = next_place(w->ar, rd->job);

			if (hand_over(rd, off, len, no))
				return 0;
			if (save_chunk(w, rd->job, no, text->data + off, len,
				       NULL) < 0)
				return -1;
		} else if (save_text(rd, off, len) < 0) {
			return -1;
		}
		off += len;
	}
	if (off)
		drop_front(text, off);
	return 0;
}

/* `n` more bytes are behind w->text. */
static int take(struct reading *rd, size_t n)
{
	struct worker *w = rd->w;
	struct repo_progress *progress = w->ar->opt->progress;

	w->text.len += n;
	rd->size += (int64_t)n;
	if (progress)
		atomic_fetch_add(&progress->bytes_done, (int64_t)n);
	/* Most files have one chunk: no need to look for it. */
	if (rd->size <= w->ar->opt->chunks.min)
		return 0;
	if (rd->fed == 0)
		chunker_reset(w->chunker);
	return cut(rd);
}

/* Up to the next piece: 1, 0 at the end, -1. */
static int read_piece(struct reading *rd, struct source *src)
{
	struct worker *w = rd->w;
	int64_t left = (int64_t)rd->job->node.size - rd->size;
	size_t want = w->ar->piece;
	ssize_t got;

	/* A little more than there should be, to see that there is no more. */
	if (left >= 0 && left < (int64_t)want - 4096)
		want = (size_t)left + 4096;
	got = src->read(src, &w->op, buf_room(&w->text, want), want);
	if (got <= 0)
		return (int)got;
	if (op_check(&w->op) < 0)
		return -1;
	return take(rd, (size_t)got) < 0 ? -1 : 1;
}

/* `n` chunks of the smallest size, all of zeros. */
static int save_zeros(struct reading *rd, int64_t n)
{
	struct archive *ar = rd->w->ar;
	const size_t len = ar->opt->chunks.min;
	char *zeros = xcalloc(1, len);
	struct id id;
	int rc = 0;

	id_of(zeros, len, &id);
	for (int64_t i = 0; rc == 0 && i < n; i++) {
		rc = op_check(&rd->w->op);
		if (rc == 0)
			rc = save_chunk(rd->w, rd->job, next_place(ar, rd->job),
					zeros, len, &id);
	}
	free(zeros);
	return rc;
}

/*
 * The fingerprint of a window of zeros is 0, so zeros are cut wherever a chunk
 * may end: if one begins in a hole, all that follow are of the smallest size,
 * and nothing of them has to be read.
 */
static int skip_hole(struct reading *rd, struct source *src)
{
	struct worker *w = rd->w;
	struct repo_progress *progress = w->ar->opt->progress;
	const int64_t min = w->ar->opt->chunks.min;
	int64_t end, n;

	if (!src->hole_end || !src->seek)
		return 0;
	end = src->hole_end(src, rd->start);
	n = (end - rd->start) / min;
	if (end < rd->size || n < HOLE_CHUNKS)
		return 0;
	if (n > CHUNKS_MAX)
		return err_set(&w->op.err, ERR_UNSUPPORTED,
			       "a hole of %lld bytes is too long",
			       (long long)(end - rd->start));
	if (save_zeros(rd, n) < 0)
		return -1;
	rd->start += n * min;
	if (progress)
		atomic_fetch_add(&progress->bytes_done, rd->start - rd->size);
	rd->size = rd->fed = rd->base = rd->start;
	buf_reset(&w->text);
	chunker_reset(w->chunker);
	return src->seek(src, &w->op, rd->size);
}

/* Where a place has no readers, its bytes are pushed. */
struct push {
	struct sink base;
	struct reading *rd;
};

static int push_write(struct sink *dst, struct op *op, const void *buf,
		      size_t n)
{
	struct reading *rd = container_of(dst, struct push, base)->rd;
	const char *p = buf;

	(void)op;
	while (n) {
		size_t part = n < rd->w->ar->piece ? n : rd->w->ar->piece;

		memcpy(buf_room(&rd->w->text, part), p, part);
		if (take(rd, part) < 0)
			return -1;
		p += part;
		n -= part;
	}
	return 0;
}

/* The failure of a source that was given is that of the backup. */
static int read_failed(struct reading *rd)
{
	struct worker *w = rd->w;

	if (rd->job->src)
		archive_fail(w->ar, &w->op.err);
	else
		(void)!archive_tell(w->ar, &w->op, rd->job->path);
	return -1;
}

/* The failure may be one of saving, which has been noted. */
static int finish(struct reading *rd, int rc)
{
	struct buf *text = &rd->w->text;

	if (rc < 0)
		return archive_failed(rd->w->ar) ? -1 : read_failed(rd);
	if (text->len && save_text(rd, 0, text->len) < 0)
		return -1;
	rd->job->node.size = (uint64_t)rd->size;
	return 0;
}

static int read_source(struct reading *rd, struct source *src)
{
	int rc;

	do {
		rc = skip_hole(rd, src);
		if (rc == 0)
			rc = read_piece(rd, src);
	} while (rc > 0);
	return finish(rd, rc);
}

static int read_file(struct reading *rd)
{
	struct worker *w = rd->w;
	struct backend *from = w->ar->opt->from;
	struct push push = { .base = { .write = push_write }, .rd = rd };
	const struct get_opt all = { .len = -1 };
	const char *path = rd->job->path + 1;
	struct source *src;
	int rc;

	if (archive_failed(w->ar))
		return -1;
	buf_reset(&w->text);
	if (rd->job->src)
		return read_source(rd, rd->job->src);
	if (!be_can(from, BE_READER))
		return finish(rd, be_get(from, &w->op, path, &all, &push.base));
	if (be_open_reader(from, &w->op, path, NULL, &src) < 0)
		return read_failed(rd);
	rc = read_source(rd, src);
	be_close_reader(from, src);
	return rc;
}

void file_read_job(struct worker *w, struct file_job *job)
{
	struct repo_progress *progress = w->ar->opt->progress;
	struct reading rd = { .w = w, .job = job };
	int slot = progress ? progress_enter(progress, job->path) : -1;
	int rc = read_file(&rd);

	if (progress)
		progress_leave(progress, slot);
	let_go(w, job, rc < 0);
}
