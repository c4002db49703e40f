#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "mount/parts.h"

static struct worker *worker_new(struct mount *m)
{
	struct worker *w = xcalloc(1, sizeof(*w));

	cancel_init(&w->cancel);
	w->op = op_begin(&w->cancel);
	w->mount = m;
	pthread_mutex_lock(&m->lock);
	w->at = &m->workers;
	w->next = m->workers;
	if (w->next)
		w->next->at = &w->next;
	m->workers = w;
	if (atomic_load(&m->aborted))
		cancel_set(&w->cancel);
	pthread_mutex_unlock(&m->lock);
	return w;
}

void worker_free(void *worker)
{
	struct worker *w = worker;

	pthread_mutex_lock(&w->mount->lock);
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	pthread_mutex_unlock(&w->mount->lock);
	op_end(&w->op);
	cancel_free(&w->cancel);
	free(w);
}

void workers_abort(struct mount *m)
{
	pthread_mutex_lock(&m->lock);
	atomic_store(&m->aborted, true);
	for (struct worker *w = m->workers; w; w = w->next)
		cancel_set(&w->cancel);
	pthread_mutex_unlock(&m->lock);
}

static void interrupted(fuse_req_t req, void *worker)
{
	struct worker *w = worker;

	(void)req;
	cancel_set(&w->cancel);
}

struct worker *begin_request(struct mount *m, fuse_req_t req)
{
	struct worker *w = pthread_getspecific(m->worker);

	if (!w) {
		w = worker_new(m);
		if (pthread_setspecific(m->worker, w) != 0)
			BUG("no memory for a thread's data");
	}
	fuse_req_interrupt_func(req, interrupted, w);
	return w;
}

void end_request(struct worker *w, fuse_req_t req)
{
	/* when this returns interrupted() is over, too */
	fuse_req_interrupt_func(req, NULL, NULL);
	if (!atomic_load(&w->cancel.set))
		return;
	pthread_mutex_lock(&w->mount->lock);
	if (!atomic_load(&w->mount->aborted)) {
		cancel_free(&w->cancel);
		cancel_init(&w->cancel);
	}
	pthread_mutex_unlock(&w->mount->lock);
}

void reply_over(struct worker *w)
{
	arena_reset(&w->op.arena);
	err_clear(&w->op.err);
	w->op.called_off = 0;
}

void reply_result(struct worker *w, fuse_req_t req, int rc)
{
	end_request(w, req);
	fuse_reply_err(req, rc < 0 ? vfs_errno(&w->op.err) : 0);
	reply_over(w);
}

void stat_of(const struct vfs_attr *a, struct stat *out)
{
	*out = (struct stat){
		.st_ino = a->ino,
		.st_mode = a->mode,
		.st_nlink = a->nlink,
		.st_uid = a->uid,
		.st_gid = a->gid,
		.st_size = a->size,
		.st_blocks = a->blocks,
		.st_blksize = 4096,
		.st_atim = timespec_of(a->mtime),
		.st_mtim = timespec_of(a->mtime),
		.st_ctim = timespec_of(a->ctime),
	};
}

void entry_of(const struct vfs_attr *a, struct fuse_entry_param *out)
{
	*out = (struct fuse_entry_param){
		.ino = a->ino,
		.attr_timeout = seconds_of(a->valid),
		.entry_timeout = seconds_of(a->valid),
	};
	stat_of(a, &out->attr);
}
