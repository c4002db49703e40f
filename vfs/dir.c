#include "vfs/folder.h"

#include <errno.h>
#include <stdlib.h>

/*
 * An open folder.  Its first reading takes down which nodes there are; what
 * has gone by the time it is asked for is left out, what is renamed in the
 * folder is shown once, under the name that it has then.
 */
struct vfs_dir {
	struct node *node; /* in its `opens` */
	uint64_t *inos;
	size_t n;
	bool taken;
	pthread_mutex_t lock; /* guards inos, n, taken; before v->lock */
};

/* Offsets of the first ones; a node at `i` is followed by i + FIRST + 1. */
enum { DOT, DOT_DOT, FIRST };

enum { AT_ONCE = 64 };

int vfs_opendir(struct vfs *v, struct op *op, uint64_t ino,
		struct vfs_dir **out)
{
	struct vfs_dir *d;
	struct node *n;

	vfs_lock(v);
	n = node_find(v, ino);
	if (!n || n->kind != ENTRY_DIR) {
		vfs_unlock(v);
		return vfs_fail(op, n ? ENOTDIR : ENOENT, "folder %llu",
				(unsigned long long)ino);
	}
	n->opens++;
	vfs_unlock(v);
	d = xcalloc(1, sizeof(*d));
	d->node = n;
	pthread_mutex_init(&d->lock, NULL);
	*out = d;
	return 0;
}

void vfs_closedir(struct vfs *v, struct vfs_dir *d)
{
	vfs_lock(v);
	node_hold(d->node);
	d->node->opens--;
	node_release(v, d->node);
	vfs_unlock(v);
	pthread_mutex_destroy(&d->lock);
	free(d->inos);
	free(d);
}

static int by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* In the order of numbers: that of the listing they came from. */
static int take_down(struct vfs *v, struct op *op, struct vfs_dir *d)
{
	struct node *dir = d->node;
	const struct folder *f;

	vfs_lock(v);
	ahead_visit(v, dir);
	if (folder_ready(v, op, dir) < 0) {
		vfs_unlock(v);
		return -1;
	}
	ahead_inside(v, dir);
	f = dir->dir;
	free(d->inos);
	d->inos = xrealloc(NULL, f->n ? f->n : 1, sizeof(*d->inos));
	d->n = 0;
	for (size_t b = 0; b < f->buckets; b++)
		for (const struct node *n = f->names[b]; n; n = n->next)
			d->inos[d->n++] = n->ino;
	vfs_unlock(v);
	qsort(d->inos, d->n, sizeof(*d->inos), by_number);
	d->taken = true;
	return 0;
}

/* Some entries, and what is to be told of them. */
struct some {
	struct {
		const char *name;
		struct vfs_attr attr;
		int64_t next;
	} at[AT_ONCE];
	size_t n;
	struct arena names;
};

static void add(struct vfs *v, struct some *s, const char *name,
		const struct node *n, int64_t next)
{
	s->at[s->n].name = arena_strdup(&s->names, name);
	s->at[s->n].next = next;
	node_attr(v, n, &s->at[s->n].attr);
	s->n++;
}

/* From `*off` on, which moves; with d->lock. */
static void gather(struct vfs *v, struct vfs_dir *d, int64_t *off, bool plus,
		   struct some *s)
{
	const struct node *dir = d->node;

	s->n = 0;
	arena_reset(&s->names);
	vfs_lock(v);
	if (*off == DOT) {
		add(v, s, ".", dir, DOT_DOT);
		*off = DOT_DOT;
	}
	if (*off == DOT_DOT) {
		add(v, s, "..", dir->parent ? dir->parent : dir, FIRST);
		*off = FIRST;
	}
	while (s->n < AT_ONCE && (uint64_t)(*off - FIRST) < d->n) {
		struct node *n = node_find(v, d->inos[*off - FIRST]);

		++*off;
		if (!n || n->parent != dir)
			continue;
		/* counted now: it must last until it is shown */
		n->lookups += plus;
		add(v, s, n->name, n, *off);
	}
	vfs_unlock(v);
}

/* Those from `i` on were not taken. */
static void take_back(struct vfs *v, const struct some *s, size_t i, bool plus)
{
	for (; plus && i < s->n; i++)
		if (s->at[i].next > FIRST)
			vfs_forget(v, s->at[i].attr.ino, 1);
}

int vfs_readdir(struct vfs *v, struct op *op, struct vfs_dir *d, int64_t off,
		bool plus, vfs_dir_fn *fn, void *arg)
{
	struct some *s;
	bool more = true;
	int rc = 0;

	if (off < 0)
		return vfs_fail(op, EINVAL, "offset in a folder");
	s = xcalloc(1, sizeof(*s));
	pthread_mutex_lock(&d->lock);
	if (!d->taken || off == 0)
		rc = take_down(v, op, d);
	while (rc == 0 && more) {
		size_t i = 0;

		gather(v, d, &off, plus, s);
		while (i < s->n && more) {
			more = fn(arg, s->at[i].name, &s->at[i].attr,
				  s->at[i].next);
			i += more;
		}
		take_back(v, s, i, plus);
		if (s->n == 0)
			break;
	}
	pthread_mutex_unlock(&d->lock);
	arena_free(&s->names);
	free(s);
	return rc;
}
