#include "vfs/folder.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"

/*
 * Folders that a walk will want.  Who reads two folders of one folder soon
 * after each other is taken to walk: then the others in there, and what is in
 * these, are listed by threads of our own, in the order in which find(1) comes
 * by.  That ends when he is too far behind, or has not come by for a while.
 */

enum { THREADS_MOST = 8, AHEAD_MOST = 2000 };

#define WALK_PAUSE (3 * NS_PER_SEC)

/* All guarded by v->lock. */
struct ahead {
	pthread_cond_t wake;
	pthread_t threads[THREADS_MOST];
	unsigned n_threads, most, idle;
	bool stop;
	struct nodes todo;  /* held; the last one is next */
	unsigned unvisited; /* listed ahead, and nobody has come by yet */
	int64_t visited;    /* when somebody walked by, monotonic ns */
};

static bool is_walking(const struct ahead *a, int64_t now)
{
	return a->visited && now - a->visited < WALK_PAUSE;
}

static void forget(struct vfs *v, struct ahead *a)
{
	while (a->todo.n)
		node_release(v, a->todo.at[--a->todo.n]);
	a->unvisited = 0;
}

static void *lister(void *arg);

static void another(struct vfs *v, struct ahead *a)
{
	pthread_attr_t attr;

	if (a->idle) {
		pthread_cond_signal(&a->wake);
		return;
	}
	if (a->n_threads == a->most)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	if (pthread_create(&a->threads[a->n_threads], &attr, lister, v) == 0)
		a->n_threads++;
	pthread_attr_destroy(&attr);
}

static int by_number(const void *x, const void *y)
{
	uint64_t a = (*(struct node *const *)x)->ino;
	uint64_t b = (*(struct node *const *)y)->ino;

	return a < b ? 1 : a > b ? -1 : 0;
}

static bool is_wanted(const struct vfs *v, const struct node *n)
{
	if (n->kind != ENTRY_DIR || n->flags & NODE_NEW)
		return false;
	return !n->dir || (!n->dir->listing && !folder_is_fresh(v, n->dir));
}

/* The folders in `dir`; who walks comes to those with lower numbers first. */
static void add_inside(struct vfs *v, struct ahead *a, const struct node *dir)
{
	const struct folder *f = dir->dir;
	size_t from = a->todo.n;

	if (!f || f->dirs == 0)
		return;
	for (size_t b = 0; b < f->buckets; b++) {
		for (struct node *n = f->names[b]; n; n = n->next) {
			if (!is_wanted(v, n))
				continue;
			node_hold(n);
			*nodes_add(&a->todo) = n;
		}
	}
	if (a->todo.n == from)
		return;
	qsort(a->todo.at + from, a->todo.n - from, sizeof(struct node *),
	      by_number);
	for (size_t i = from; i < a->todo.n && i < from + a->most; i++)
		another(v, a);
}

static struct node *take(struct vfs *v, struct ahead *a)
{
	if (!is_walking(a, clock_mono())) {
		forget(v, a);
		return NULL;
	}
	if (a->unvisited >= AHEAD_MOST || a->todo.n == 0)
		return NULL;
	return a->todo.at[--a->todo.n];
}

static void list_one(struct vfs *v, struct op *op, struct ahead *a,
		     struct node *n)
{
	if (!is_wanted(v, n) || !n->parent ||
	    (!n->dir && store_load(v, op, n) < 0)) {
		err_clear(&op->err);
		return;
	}
	a->unvisited++;
	n->dir->ahead = true;
	if (folder_ready(v, op, n) < 0) {
		log_debug(n->name, "%s", op->err.msg);
		err_clear(&op->err);
	} else if (is_walking(a, clock_mono())) {
		add_inside(v, a, n);
	}
}

static void *lister(void *arg)
{
	struct vfs *v = arg;
	struct ahead *a = v->ahead;
	struct op op = op_begin(&v->cancel);

	vfs_lock(v);
	while (!a->stop) {
		struct node *n = take(v, a);

		if (n) {
			list_one(v, &op, a, n);
			node_release(v, n);
			arena_reset(&op.arena);
		} else {
			a->idle++;
			pthread_cond_wait(&a->wake, &v->lock);
			a->idle--;
		}
	}
	vfs_unlock(v);
	op_end(&op);
	return NULL;
}

void ahead_visit(struct vfs *v, struct node *dir)
{
	struct ahead *a = v->ahead;
	const struct node *above = dir->parent;
	int64_t now = clock_mono();
	struct folder *f;
	bool walks;

	if (!a || !above)
		return;
	if (dir->dir && dir->dir->ahead) {
		dir->dir->ahead = false;
		a->unvisited -= a->unvisited > 0;
		a->visited = now;
	}
	f = above->dir;
	walks = f->read_at && f->read_child != dir->ino &&
		now - f->read_at < WALK_PAUSE;
	f->read_child = dir->ino;
	f->read_at = now;
	if (walks && !is_walking(a, now)) {
		forget(v, a);
		a->visited = now;
		add_inside(v, a, above);
	} else if (is_walking(a, now) && a->todo.n) {
		a->visited = now;
		another(v, a);
	}
}

void ahead_inside(struct vfs *v, struct node *dir)
{
	struct ahead *a = v->ahead;

	if (a && is_walking(a, clock_mono()) && a->unvisited < AHEAD_MOST)
		add_inside(v, a, dir);
}

void ahead_open(struct vfs *v)
{
	struct ahead *a;
	unsigned most = v->be->calls ? v->be->calls : THREADS_MOST;

	/* what answers at once needs no help */
	if (!be_can(v->be, BE_REMOTE))
		return;
	a = xcalloc(1, sizeof(*a));
	if (v->be->max_calls && most > v->be->max_calls / 2)
		most = v->be->max_calls / 2;
	a->most = most < THREADS_MOST ? most : THREADS_MOST;
	pthread_cond_init(&a->wake, NULL);
	v->ahead = a;
}

void ahead_close(struct vfs *v)
{
	struct ahead *a = v->ahead;

	if (!a)
		return;
	vfs_lock(v);
	a->stop = true;
	pthread_cond_broadcast(&a->wake);
	vfs_unlock(v);
	for (unsigned i = 0; i < a->n_threads; i++)
		pthread_join(a->threads[i], NULL);
	vfs_lock(v);
	forget(v, a);
	v->ahead = NULL;
	vfs_unlock(v);
	nodes_free(&a->todo);
	pthread_cond_destroy(&a->wake);
	free(a);
}
