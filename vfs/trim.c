#include "vfs/parts.h"

#include <malloc.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "vfs/store.h"

/*
 * What was once read of folders does not stay in memory for ever.  A folder is
 * loaded as a whole, so it goes as a whole: when all that is known of it is in
 * the store, and nobody has any of it.
 *
 * Mostly it is the kernel that has it, long after the program that wanted it:
 * so the kernel is told to forget the names, and what it gives back by that
 * goes a moment later.  But it is not told to forget folders: a program whose
 * current folder one is would no longer find out where it is.
 */

enum {
	AT_ONCE = 5000,    /* nodes freed, or asked for, with the lock held */
	ASK_MOST = 200000, /* less than mount/notify.c bears */
	PATIENCE = 10,     /* rounds without any effect */
	PAUSE_MS = 100
};

/* What is in the row, and what need not be: a frame of the journal can do
   without what the database has. */
enum {
	FREE_FLAGS = NODE_LISTED | NODE_LOCAL | NODE_PINNED | NODE_WHOLE |
		     NODE_PART | NODE_XATTRS | NODE_SAVED_ONCE | NODE_LOG |
		     NODE_LOGGED | NODE_NO_KEEP
};

/* A name that the kernel is to forget. */
struct known {
	uint64_t parent;
	char *name;
};
VEC(knowns, struct known);

struct trim {
	struct vfs *v;
	size_t most;
	int64_t idle;
	struct nodes dirs; /* held; the longest unused first */
	size_t next;       /* of them */
	struct knowns known;
	size_t asked; /* names */
};

/*
 * With the lock: no row is older than what was true when its node was freed.
 * A transaction that begins later does not have what is freed now.
 */
static bool is_settled(struct vfs *v)
{
	struct store *s = v->store;
	bool flushing;

	pthread_mutex_lock(&s->lock);
	flushing = s->flushing;
	pthread_mutex_unlock(&s->lock);
	return !flushing && v->dropped.n == 0;
}

/* Can be had again as it is, but for who has it. */
static bool is_plain(const struct node *n)
{
	return !(n->flags & ~(uint32_t)FREE_FLAGS) &&
	       n->flags & NODE_SAVED_ONCE && !n->rparent && !n->opens &&
	       !n->content;
}

static bool is_idle(const struct trim *t, const struct node *dir, int64_t now)
{
	const struct folder *f = dir->dir;

	return f && dir != t->v->root && now - f->used >= t->idle &&
	       !f->listing && f->acting == 0 && f->n_away == 0;
}

static int by_use(const void *x, const void *y)
{
	const struct node *a = *(struct node *const *)x;
	const struct node *b = *(struct node *const *)y;

	if (a->dir->used != b->dir->used)
		return a->dir->used < b->dir->used ? -1 : 1;
	return a->ino > b->ino ? -1 : a->ino < b->ino;
}

/* With the lock. */
static void choose(struct trim *t)
{
	struct vfs *v = t->v;
	int64_t now = clock_mono();

	for (size_t i = 0; i < v->ino_buckets; i++)
		for (struct node *n = v->inos[i]; n; n = n->ino_next)
			if (is_idle(t, n, now))
				*nodes_add(&t->dirs) = n;
	if (t->dirs.n)
		qsort(t->dirs.at, t->dirs.n, sizeof(*t->dirs.at), by_use);
	for (size_t i = 0; i < t->dirs.n; i++)
		node_hold(t->dirs.at[i]);
}

/* Whether all of it may go, and how much of that the kernel has. */
static bool may_go(const struct node *dir, size_t *known)
{
	const struct folder *f = dir->dir;

	*known = 0;
	if (!is_plain(dir) || dir->holds != 1)
		return false;
	for (size_t b = 0; b < f->buckets; b++) {
		for (const struct node *n = f->names[b]; n; n = n->next) {
			if (!is_plain(n) || n->holds || n->dir)
				return false;
			if (n->lookups && n->kind == ENTRY_DIR)
				return false;
			*known += n->lookups > 0;
		}
	}
	return true;
}

static void ask(struct trim *t, struct node *dir)
{
	struct vfs *v = t->v;
	struct folder *f = dir->dir;
	size_t before = t->known.n;

	/* no more than has to go, and once after each use */
	if (!v->opt.stale || f->asked > f->used || t->asked >= ASK_MOST ||
	    v->n_nodes < t->asked + t->most)
		return;
	f->asked = clock_mono();
	for (size_t b = 0; b < f->buckets; b++)
		for (const struct node *n = f->names[b]; n; n = n->next)
			if (n->lookups)
				*knowns_add(&t->known) =
					(struct known){ dir->ino,
							xstrdup(n->name) };
	t->asked += t->known.n - before;
}

static void unload(struct vfs *v, struct node *dir)
{
	struct folder *f = dir->dir;

	for (size_t b = 0; b < f->buckets; b++) {
		for (struct node *n; (n = f->names[b]);) {
			node_unlink(v, n);
			node_free(v, n);
		}
	}
	folder_delete(f);
	dir->dir = NULL;
}

/* With the lock: some of them. */
static void free_some(struct trim *t)
{
	struct vfs *v = t->v;
	size_t from = v->n_nodes, asked = t->known.n;
	int64_t now = clock_mono();

	while (t->next < t->dirs.n && v->n_nodes > t->most &&
	       from - v->n_nodes < AT_ONCE && t->known.n - asked < AT_ONCE) {
		struct node *dir = t->dirs.at[t->next++];
		size_t known;

		if (!is_idle(t, dir, now) || !may_go(dir, &known))
			continue;
		if (known)
			ask(t, dir);
		else
			unload(v, dir);
	}
}

static void tell(struct trim *t)
{
	struct vfs *v = t->v;

	for (size_t i = 0; i < t->known.n; i++) {
		v->opt.stale(v->opt.arg, t->known.at[i].parent,
			     t->known.at[i].name, 0);
		free(t->known.at[i].name);
	}
	t->known.n = 0;
}

/* Whether anything has come of it. */
static bool go_round(struct trim *t)
{
	struct vfs *v = t->v;
	size_t asked = t->asked, before;
	bool has;

	t->next = 0;
	vfs_lock(v);
	before = v->n_nodes;
	choose(t);
	while (t->next < t->dirs.n && v->n_nodes > t->most && !v->closing &&
	       is_settled(v)) {
		free_some(t);
		vfs_unlock(v);
		tell(t);
		vfs_lock(v);
	}
	while (t->dirs.n)
		node_release(v, t->dirs.at[--t->dirs.n]);
	has = v->n_nodes < before || t->asked > asked;
	vfs_unlock(v);
	return has;
}

/* The kernel answers. */
static void rest(struct vfs *v)
{
	struct timespec until =
		timespec_of(clock_mono() + PAUSE_MS * NS_PER_SEC / 1000);

	vfs_lock(v);
	if (!v->closing)
		pthread_cond_timedwait(&v->keeper_wake, &v->lock, &until);
	vfs_unlock(v);
}

static bool is_above(struct vfs *v, size_t most)
{
	bool is;

	vfs_lock(v);
	is = v->n_nodes > most && !v->closing;
	vfs_unlock(v);
	return is;
}

int trim(struct vfs *v, struct op *op, size_t most, int64_t idle)
{
	/* so that it stays below for a while */
	struct trim t = { .v = v, .most = most - most / 4, .idle = idle };
	unsigned idle_rounds = 0;
	bool any = false;

	if (!is_above(v, most))
		return 0;
	if (store_save_all(v, op) < 0)
		return -1;
	while (is_above(v, t.most) && idle_rounds < PATIENCE) {
		bool has = go_round(&t);

		any = any || has;
		idle_rounds = has ? 0 : idle_rounds + 1;
		if (t.asked == 0)
			break; /* there is nobody to wait for */
		rest(v);
	}
	nodes_free(&t.dirs);
	knowns_free(&t.known);
	if (any)
		malloc_trim(0);
	return 0;
}
