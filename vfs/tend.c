#include "vfs/content.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "vfs/store.h"

/* What was written and closed is on stable storage after about so long. */
#define SYNC_AFTER (3 * NS_PER_SEC)

/* More files than these are synced with their whole file system. */
enum { SYNC_EACH = 8 };

/* ---- what is left over --------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/*
 * A data file that no row claims: that of a file that was not kept yet, or of
 * a content that was forgotten, before a kill.  `known` are those that are
 * used, as most are.
 */
static bool is_left_over(struct vfs *v, struct op *op, uint64_t ino,
			 const struct inos *known)
{
	struct node *n;
	bool is;

	if (known->n &&
	    bsearch(&ino, known->at, known->n, sizeof(ino), by_number))
		return false;
	if (!store_has(v, op, ino))
		return true;
	vfs_lock(v);
	n = store_node(v, op, ino);
	is = n && !n->content &&
	     !(n->flags & (NODE_WHOLE | NODE_PART | NODE_DIRTY));
	vfs_unlock(v);
	return is;
}

static void sweep_folder(struct vfs *v, struct op *op, const char *name,
			 const struct inos *known)
{
	int fd = openat(v->data_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		int64_t ino;

		if (parse_int(e->d_name, &ino) && ino > 0 &&
		    is_left_over(v, op, (uint64_t)ino, known))
			unlinkat(fd, e->d_name, 0);
	}
	if (d)
		closedir(d);
}

/* After an end that was none: nothing is running yet. */
static int sweep(struct vfs *v, struct op *op, struct inos *known)
{
	struct buf end = BUF_INIT;
	int rc = store_fact(v, op, "data", &end);
	char name[4];

	if (known->n)
		qsort(known->at, known->n, sizeof(*known->at), by_number);

	if (rc == 1 && strcmp(end.data, "open") == 0) {
		for (unsigned i = 0; i < 256; i++) {
			snprintf(name, sizeof(name), "%02x", i);
			sweep_folder(v, op, name, known);
		}
	}
	buf_free(&end);
	if (rc >= 0)
		store_keep_fact(v, "data", "open");
	return rc < 0 ? -1 : 0;
}

/* ---- stable storage ------------------------------------------------------ */

void tend_unsynced(struct vfs *v, uint64_t ino)
{
	struct contents *t = v->contents;

	pthread_mutex_lock(&t->lock);
	if (t->unsynced.n == 0) {
		t->sync_at = clock_mono() + SYNC_AFTER;
		pthread_cond_signal(&t->wake);
	}
	if (t->unsynced.n <= SYNC_EACH)
		*inos_add(&t->unsynced) = ino;
	pthread_mutex_unlock(&t->lock);
}

static int sync_one(struct vfs *v, uint64_t ino)
{
	int fd = content_open_data(v, ino, O_RDONLY), rc;

	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	rc = fdatasync(fd);
	close(fd);
	return rc < 0 ? -1 : content_sync_folder(v, ino);
}

int content_sync_all(struct vfs *v, struct op *op, const struct inos *inos)
{
	int rc = 0;

	if (inos->n > SYNC_EACH)
		rc = syncfs(v->data_fd);
	else
		for (size_t i = 0; i < inos->n && rc == 0; i++)
			rc = sync_one(v, inos->at[i]);
	return rc < 0 ? err_sys(&op->err, "sync \"%s\"", v->dir) : 0;
}

static void *tend(void *arg)
{
	struct vfs *v = arg;
	struct contents *t = v->contents;
	struct op op = op_begin(&v->cancel);

	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		struct timespec at = timespec_of(t->sync_at);
		struct inos now;

		if (!t->sync_at) {
			pthread_cond_wait(&t->wake, &t->lock);
			continue;
		}
		if (clock_mono() < t->sync_at) {
			pthread_cond_timedwait(&t->wake, &t->lock, &at);
			continue;
		}
		now = t->unsynced;
		t->unsynced = (struct inos){ 0 };
		t->sync_at = 0;
		pthread_mutex_unlock(&t->lock);
		if ((content_sync_all(v, &op, &now) < 0 ||
		     store_commit(v, &op, true) < 0) &&
		    op.err.kind != ERR_CANCELED)
			vfs_tell(v, "%s", op.err.msg);
		inos_free(&now);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	op_end(&op);
	return NULL;
}

/* ---- opening and closing ------------------------------------------------- */

struct kept {
	struct inos inos;
	int64_t bytes;
};

static int take_down(void *arg, struct op *op, uint64_t ino, int64_t bytes,
		     int64_t used)
{
	struct kept *k = arg;

	(void)op;
	(void)used;
	*inos_add(&k->inos) = ino;
	k->bytes += bytes;
	return 0;
}

/* What there is from before. */
static int look_through(struct vfs *v, struct op *op)
{
	struct kept k = { 0 };
	int rc = store_cached(v, op, take_down, &k);

	if (rc == 0)
		rc = sweep(v, op, &k.inos);
	v->contents->total = v->count.cached = k.bytes;
	inos_free(&k.inos);
	return rc;
}

static int start(struct vfs *v, struct op *op)
{
	struct contents *t = v->contents;
	int rc = pthread_create(&t->tender, NULL, tend, v);

	if (rc) {
		errno = rc;
		return err_sys(&op->err, "start a thread");
	}
	t->tending = true;
	return 0;
}

int contents_open(struct vfs *v, struct op *op)
{
	struct contents *t = xcalloc(1, sizeof(*t));
	pthread_condattr_t mono;
	struct statfs fs;

	pthread_mutex_init(&t->files, NULL);
	pthread_mutex_init(&t->saving, NULL);
	pthread_mutex_init(&t->evicting, NULL);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&mono);
	pthread_condattr_setclock(&mono, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &mono);
	pthread_cond_init(&t->pin_wake, &mono);
	pthread_condattr_destroy(&mono);
	t->in_memory = fstatfs(v->data_fd, &fs) == 0 &&
		       (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC);
	v->contents = t;
	if (look_through(v, op) == 0 && fetch_open(v, op) == 0 &&
	    start(v, op) == 0 && pins_open(v, op) == 0)
		return 0;
	contents_close(v);
	return -1;
}

void contents_close(struct vfs *v)
{
	struct contents *t = v->contents;

	if (!t)
		return;
	pins_close(v);
	fetch_close(v);
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	if (t->tending)
		pthread_join(t->tender, NULL);
	store_keep_fact(v, "data", "closed");
	inos_free(&t->unsynced);
	inos_free(&t->pins);
	pthread_cond_destroy(&t->pin_wake);
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->evicting);
	pthread_mutex_destroy(&t->saving);
	pthread_mutex_destroy(&t->files);
	free(t);
	v->contents = NULL;
}
