#include "vfs/vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "vfs/folder.h"
#include "vfs/store.h"

#define SAVE_EVERY  (NS_PER_SEC / 2)
#define EVICT_EVERY (30 * NS_PER_SEC)

/* Entries in memory that nobody uses, and after which time. */
enum { KEEP_NODES = 100000 };
#define KEEP_FOR (10 * NS_PER_SEC)

/* ---- errors -------------------------------------------------------------- */

int vfs_fail(struct op *op, int os, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	errno = os;
	return err_sys(&op->err, "%s", text);
}

int vfs_errno(const struct err *e)
{
	enum { ERRNO_MAX = 133 }; /* HTTP's failures begin above */

	if (e->kind == ERR_CANCELED)
		return EINTR;
	if (e->code > 0 && e->code <= ERRNO_MAX)
		return e->code;
	if (e->kind == ERR_NETWORK || e->kind == ERR_TIMEOUT)
		return ENETDOWN;
	/* programs take EAGAIN as a promise that belongs to pipes */
	if (e->kind == ERR_BUSY)
		return EBUSY;
	return e->kind == ERR_OK ? EIO : err_info(e->kind)->os;
}

void vfs_tell(struct vfs *v, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_notice(v->be->name, "%s", text);
	if (v->opt.tell)
		v->opt.tell(v->opt.arg, text);
}

void vfs_thread_gives_way(void)
{
	enum { NICE = 10 };

	/* on Linux it is of one thread; one that may not stays as it is */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
}

/* ---- the keeper ---------------------------------------------------------- */

/*
 * Until there may be something to do, at the latest `until`; `failed`: it was
 * tried just now.  With the lock.
 */
static void rest(struct vfs *v, int64_t until, bool failed)
{
	struct timespec at = timespec_of(until);
	int64_t soon;

	/* woken by the first that is unsaved */
	while (!v->closing && v->n_unsaved == 0 && clock_mono() < until)
		pthread_cond_timedwait(&v->keeper_wake, &v->lock, &at);
	soon = clock_mono() + SAVE_EVERY;
	at = timespec_of(soon);
	while (!v->closing && v->n_unsaved &&
	       (failed || v->n_unsaved < STORE_MANY) && clock_mono() < soon)
		pthread_cond_timedwait(&v->keeper_wake, &v->lock, &at);
}

static void say(struct vfs *v, const struct err *e, char *last, size_t size)
{
	if (strcmp(last, e->msg) != 0)
		vfs_tell(v, "%s", e->msg);
	snprintf(last, size, "%s", e->msg);
}

static void *keep(void *arg)
{
	struct vfs *v = arg;
	struct op op = op_begin(&v->cancel);
	int64_t evict_at = clock_mono() + EVICT_EVERY;
	char last[sizeof(op.err.msg)] = "";

	vfs_thread_gives_way();
	vfs_lock(v);
	while (!v->closing) {
		int64_t now = clock_mono();

		vfs_unlock(v);
		if ((store_is_due(v) ? store_save_all(v, &op)
				     : store_commit(v, &op, false)) < 0)
			say(v, &op.err, last, sizeof(last));
		else
			*last = '\0';
		if (now >= evict_at) {
			if (evict(v, &op) < 0)
				log_notice(v->dir, "%s", op.err.msg);
			if (trim(v, &op, KEEP_NODES, KEEP_FOR) < 0)
				log_notice(v->dir, "%s", op.err.msg);
			evict_at = clock_mono() + EVICT_EVERY;
		}
		arena_reset(&op.arena);
		vfs_lock(v);
		rest(v, evict_at, *last);
	}
	vfs_unlock(v);
	op_end(&op);
	return NULL;
}

static int start_keeper(struct vfs *v, struct op *op)
{
	int rc = pthread_create(&v->keeper, NULL, keep, v);

	if (rc) {
		errno = rc;
		return err_sys(&op->err, "start a thread");
	}
	v->keeping = true;
	return 0;
}

static void stop_keeper(struct vfs *v)
{
	vfs_lock(v);
	v->closing = true;
	pthread_cond_broadcast(&v->keeper_wake);
	vfs_unlock(v);
	if (v->keeping)
		pthread_join(v->keeper, NULL);
	v->keeping = false;
}

/* ---- opening and closing ------------------------------------------------- */

static int lock_dir(struct vfs *v, struct op *op)
{
	const char *path = arena_printf(&op->arena, "%s/lock", v->dir);

	v->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (v->lock_fd < 0)
		return err_sys(&op->err, "open \"%s\"", path);
	if (flock(v->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK)
		return err_sys(&op->err, "lock \"%s\"", path);
	return err_set(&op->err, ERR_LOCKED,
		       "\"%s\" is in use by another mount", v->dir);
}

static int open_folders(struct vfs *v, struct op *op)
{
	const char *data = arena_printf(&op->arena, "%s/data", v->dir);

	if (file_make_dirs(op, data) < 0 || lock_dir(v, op) < 0)
		return -1;
	v->data_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (v->data_fd < 0)
		return err_sys(&op->err, "open \"%s\"", data);
	return 0;
}

static void init(struct vfs *v, struct backend *be, const struct vfs_opt *opt)
{
	pthread_condattr_t mono;

	v->be = be;
	v->opt = *opt;
	v->dir = xstrdup(opt->dir);
	v->opt.dir = v->dir;
	v->lock_fd = v->data_fd = -1;
	v->quota = (struct quota){ -1, -1, -1, -1, -1 };
	cancel_init(&v->cancel);
	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&v->listed, &mono);
	pthread_cond_init(&v->keeper_wake, &mono);
	pthread_cond_init(&v->asker_wake, &mono);
	pthread_condattr_destroy(&mono);
}

static void free_nodes(struct vfs *v)
{
	for (size_t i = 0; i < v->ino_buckets; i++)
		while (v->inos[i])
			node_free(v, v->inos[i]);
	free(v->inos);
	nodes_free(&v->queue);
	inos_free(&v->dropped);
	inos_free(&v->unlogged);
	inos_free(&v->dropped_log);
	inos_free(&v->no_content);
}

static void destroy(struct vfs *v)
{
	store_close(v);
	free_nodes(v);
	if (v->data_fd >= 0)
		close(v->data_fd);
	if (v->lock_fd >= 0)
		close(v->lock_fd);
	pthread_cond_destroy(&v->asker_wake);
	pthread_cond_destroy(&v->keeper_wake);
	pthread_cond_destroy(&v->listed);
	pthread_mutex_destroy(&v->lock);
	cancel_free(&v->cancel);
	free(v->dir);
	free(v);
}

static int load_pending(struct vfs *v, struct op *op)
{
	int rc;

	vfs_lock(v);
	rc = store_load_pending(v, op);
	vfs_unlock(v);
	return rc;
}

int vfs_open(struct op *op, struct backend *be, const struct vfs_opt *opt,
	     struct vfs **out)
{
	struct vfs *v = xcalloc(1, sizeof(*v));

	*out = NULL;
	init(v, be, opt);
	v->acct = op->acct;
	if (open_folders(v, op) < 0 || store_open(v, op) < 0)
		goto no_store;
	if (contents_open(v, op) < 0)
		goto no_contents;
	if (load_pending(v, op) < 0 || queue_open(v, op) < 0)
		goto no_queue;
	if (start_keeper(v, op) < 0)
		goto no_keeper;
	if (quota_open(v, op) < 0)
		goto no_asker;
	ahead_open(v);
	*out = v;
	return 0;
no_asker:
	cancel_set(&v->cancel);
	stop_keeper(v);
no_keeper:
	queue_close(v);
no_queue:
	contents_close(v);
no_contents:
no_store:
	destroy(v);
	return -1;
}

/* What is closed in order is believed the next time, whatever comes between. */
static void save_end(struct vfs *v)
{
	struct cancel none;
	struct op op;

	cancel_init(&none);
	op = op_begin(&none);
	if (syncfs(v->data_fd) < 0)
		err_sys(&op.err, "sync \"%s\"", v->dir);
	else
		store_keep_fact(v, "clean", "yes");
	if (store_save_all(v, &op) < 0)
		vfs_tell(v, "%s", op.err.msg);
	else
		v->store->closed = true;
	op_end(&op);
	cancel_free(&none);
}

void vfs_close(struct vfs *v)
{
	if (!v)
		return;
	queue_close(v); /* has a grace for what is under way */
	cancel_set(&v->cancel);
	ahead_close(v);
	quota_close(v);
	stop_keeper(v);
	contents_close(v);
	save_end(v);
	destroy(v);
}

/* ---- the whole ----------------------------------------------------------- */

void vfs_status(struct vfs *v, struct vfs_status *out)
{
	vfs_lock(v);
	*out = v->count;
	out->online = v->offline_until == 0;
	queue_count(v, out);
	vfs_unlock(v);
}

int vfs_fsyncdir(struct vfs *v, struct op *op)
{
	return store_commit(v, op, true);
}
