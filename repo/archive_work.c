/* The workers of a backup, and what waits for them. */

#include <stdlib.h>
#include <unistd.h>

#include "repo/archive_parts.h"

enum {
	FILES_WAITING = 64,
	FOLDERS_WAITING = 64,
	THREADS_MIN = 2,
	THREADS_MAX = 32,
	STACK = 512 << 10
};

struct file_job *work_spare_file(struct archive *ar)
{
	struct file_job *job;

	pthread_mutex_lock(&ar->lock);
	job = ar->spare_files;
	if (job)
		ar->spare_files = job->next;
	pthread_mutex_unlock(&ar->lock);
	if (!job) {
		job = xcalloc(1, sizeof(*job));
		job->before.json = (struct buf)BUF_INIT;
	}
	job->next = NULL;
	return job;
}

void work_give_file(struct archive *ar, struct file_job *job)
{
	arena_reset(&job->arena);
	ids_free(&job->content);
	buf_reset(&job->before.json);
	job->before.there = job->failed = false;
	job->data = (struct saved){ 0 };
	pthread_mutex_lock(&ar->lock);
	job->next = ar->spare_files;
	ar->spare_files = job;
	pthread_mutex_unlock(&ar->lock);
}

struct chunk_job *work_spare_chunk(struct archive *ar)
{
	struct chunk_job *chunk;

	pthread_mutex_lock(&ar->lock);
	chunk = ar->spare_chunks;
	if (chunk)
		ar->spare_chunks = chunk->next;
	pthread_mutex_unlock(&ar->lock);
	if (!chunk) {
		chunk = xcalloc(1, sizeof(*chunk));
		chunk->text = (struct buf)BUF_INIT;
	}
	chunk->next = NULL;
	return chunk;
}

void work_give_chunk(struct archive *ar, struct chunk_job *chunk)
{
	if (chunk->text.cap > TEXT_KEPT)
		buf_free(&chunk->text);
	buf_reset(&chunk->text);
	pthread_mutex_lock(&ar->lock);
	chunk->next = ar->spare_chunks;
	ar->spare_chunks = chunk;
	pthread_mutex_unlock(&ar->lock);
}

void work_add_folder(struct archive *ar, struct folder *f)
{
	pthread_mutex_lock(&ar->lock);
	while (ar->n_folders >= FOLDERS_WAITING)
		pthread_cond_wait(&ar->room, &ar->lock);
	*ar->folders_end = f;
	ar->folders_end = &f->next;
	ar->n_folders++;
	pthread_cond_signal(&ar->todo);
	pthread_mutex_unlock(&ar->lock);
}

void work_add_file(struct archive *ar, struct file_job *job)
{
	job->open = 1;
	pthread_mutex_lock(&ar->lock);
	while (ar->n_files >= FILES_WAITING)
		pthread_cond_wait(&ar->room, &ar->lock);
	*ar->files_end = job;
	ar->files_end = &job->next;
	ar->n_files++;
	pthread_cond_signal(&ar->todo);
	pthread_mutex_unlock(&ar->lock);
}

/*
 * Where there are files for all, each does best to stay with its own, which
 * lies in its core's cache.
 */
static bool has_room(const struct archive *ar)
{
	return ar->n_chunks < (ar->n_threads + 1) / 2 &&
	       ar->n_files < ar->n_threads;
}

bool work_has_room(struct archive *ar)
{
	bool room;

	pthread_mutex_lock(&ar->lock);
	room = has_room(ar);
	pthread_mutex_unlock(&ar->lock);
	return room;
}

bool work_add_chunk(struct archive *ar, struct chunk_job *chunk)
{
	bool taken;

	pthread_mutex_lock(&ar->lock);
	taken = has_room(ar);
	if (taken) {
		*ar->chunks_end = chunk;
		ar->chunks_end = &chunk->next;
		ar->n_chunks++;
		chunk->file->open++;
		pthread_cond_signal(&ar->todo);
	}
	pthread_mutex_unlock(&ar->lock);
	return taken;
}

/* With the lock held. */
static struct chunk_job *take_chunk(struct archive *ar)
{
	struct chunk_job *chunk = ar->chunks;

	ar->chunks = chunk->next;
	if (!ar->chunks)
		ar->chunks_end = &ar->chunks;
	ar->n_chunks--;
	return chunk;
}

/*
 * The walk is woken when there is room for many, not for each: a wake-up costs
 * more than a small file.
 */
static void made_room(struct archive *ar, size_t left, size_t limit)
{
	if (left == limit / 2)
		pthread_cond_signal(&ar->room);
}

static struct folder *take_folder(struct archive *ar)
{
	struct folder *f = ar->folders;

	ar->folders = f->next;
	if (!ar->folders)
		ar->folders_end = &ar->folders;
	made_room(ar, --ar->n_folders, FOLDERS_WAITING);
	return f;
}

static struct file_job *take_file(struct archive *ar)
{
	struct file_job *job = ar->files;

	ar->files = job->next;
	if (!ar->files)
		ar->files_end = &ar->files;
	made_room(ar, --ar->n_files, FILES_WAITING);
	return job;
}

/* What frees memory goes first. */
static bool work_once(struct worker *w)
{
	struct archive *ar = w->ar;
	struct chunk_job *chunk = NULL;
	struct folder *f = NULL;
	struct file_job *job = NULL;

	pthread_mutex_lock(&ar->lock);
	while (!ar->chunks && !ar->folders && !ar->files && !ar->over)
		pthread_cond_wait(&ar->todo, &ar->lock);
	if (ar->chunks)
		chunk = take_chunk(ar);
	else if (ar->folders)
		f = take_folder(ar);
	else if (ar->files)
		job = take_file(ar);
	pthread_mutex_unlock(&ar->lock);
	if (chunk)
		file_chunk_job(w, chunk);
	else if (f)
		folder_finish(w, f);
	else if (job)
		file_read_job(w, job);
	else
		return false;
	arena_reset(&w->op.arena);
	return true;
}

static void *work(void *arg)
{
	struct archive *ar = arg;
	struct worker w = {
		.ar = ar,
		.op = op_begin(ar->cancel),
		.coder = repo_coder(ar->r),
		.chunker = chunker_new(ar->tables, ar->opt->chunks),
		.text = BUF_INIT,
		.json = BUF_INIT,
		.cuts = xcalloc(2 * ar->piece / ar->opt->chunks.min + 4,
				sizeof(int64_t)),
	};

	while (work_once(&w))
		if (w.text.cap > TEXT_KEPT)
			buf_free(&w.text);
	free(w.cuts);
	buf_free(&w.json);
	buf_free(&w.text);
	chunker_free(w.chunker);
	coder_free(w.coder);
	op_end(&w.op);
	return NULL;
}

static unsigned threads_for(const struct archive_opt *opt)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = cpus < THREADS_MIN ? THREADS_MIN : (unsigned)cpus;

	if (opt->readers)
		n = opt->readers;
	return n > THREADS_MAX ? THREADS_MAX : n;
}

void work_start(struct archive *ar)
{
	unsigned n = threads_for(ar->opt);
	pthread_attr_t attr;

	ar->chunks_end = &ar->chunks;
	ar->folders_end = &ar->folders;
	ar->files_end = &ar->files;
	ar->threads = xcalloc(n, sizeof(*ar->threads));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK);
	for (; ar->n_threads < n; ar->n_threads++)
		if (pthread_create(&ar->threads[ar->n_threads], &attr, work,
				   ar)) {
			if (ar->n_threads == 0)
				BUG("cannot start a thread");
			break; /* fewer will do */
		}
	pthread_attr_destroy(&attr);
}

void work_wait(struct archive *ar)
{
	for (unsigned i = 0; i < ar->n_threads; i++)
		pthread_join(ar->threads[i], NULL);
}

void work_free(struct archive *ar)
{
	while (ar->spare_files) {
		struct file_job *job = ar->spare_files;

		ar->spare_files = job->next;
		arena_free(&job->arena);
		buf_free(&job->before.json);
		free(job);
	}
	while (ar->spare_chunks) {
		struct chunk_job *chunk = ar->spare_chunks;

		ar->spare_chunks = chunk->next;
		buf_free(&chunk->text);
		free(chunk);
	}
	free(ar->threads);
}
