#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "mount/parts.h"

#define WATCH_EVERY (NS_PER_SEC / 4)

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

/*
 * Whether the program is to end: then it waits no longer.  The kernel tells of
 * any signal, also of those that a program has for itself, and programs do not
 * expect that mkdir(2) fails because a timer ran out or a child has ended.
 */
static bool is_to_end(pid_t thread)
{
	static const int numbers[] = { SIGKILL, SIGINT, SIGTERM, SIGHUP,
				       SIGQUIT };
	char path[40], line[200];
	unsigned long long pending = 0, some;
	unsigned found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	f = thread > 0 ? fopen(path, "re") : NULL;
	if (!f)
		return true;
	while (found < 2 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "SigPnd: %llx", &some) == 1 ||
		    sscanf(line, "ShdPnd: %llx", &some) == 1) {
			pending |= some;
			found++;
		}
	}
	fclose(f);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (pending & (1ull << (numbers[i] - 1)))
			return true;
	return found < 2;
}

/* The kernel tells once only: what is not to end now may be so later. */
static void *watch_run(void *arg)
{
	struct mount *m = arg;
	struct timespec until;

	pthread_mutex_lock(&m->lock);
	while (!m->unwatch) {
		bool any = false;

		for (struct worker *w = m->workers; w; w = w->next) {
			if (!w->watched)
				continue;
			any = true;
			if (is_to_end(w->watched)) {
				cancel_set(&w->cancel);
				w->watched = 0;
			}
		}
		if (any) {
			until = timespec_of(clock_mono() + WATCH_EVERY);
			pthread_cond_timedwait(&m->watch, &m->lock, &until);
		} else {
			pthread_cond_wait(&m->watch, &m->lock);
		}
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

int watch_start(struct mount *m, struct err *e)
{
	int rc = pthread_create(&m->watcher, NULL, watch_run, m);

	return rc ? err_set(e, ERR_IO, "start a thread: %s", strerror(rc)) : 0;
}

void watch_stop(struct mount *m)
{
	pthread_mutex_lock(&m->lock);
	m->unwatch = true;
	pthread_cond_signal(&m->watch);
	pthread_mutex_unlock(&m->lock);
	pthread_join(m->watcher, NULL);
}

static void interrupted(fuse_req_t req, void *worker)
{
	struct worker *w = worker;
	pid_t thread = fuse_req_ctx(req)->pid;

	if (is_to_end(thread)) {
		cancel_set(&w->cancel);
		return;
	}
	pthread_mutex_lock(&w->mount->lock);
	w->watched = thread;
	pthread_cond_signal(&w->mount->watch);
	pthread_mutex_unlock(&w->mount->lock);
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
	if (!atomic_load(&w->cancel.set) && !atomic_load(&w->watched))
		return;
	pthread_mutex_lock(&w->mount->lock);
	w->watched = 0;
	if (atomic_load(&w->cancel.set) && !atomic_load(&w->mount->aborted)) {
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
