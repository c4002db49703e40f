#include "vfs/content.h"

#include "lib/clock.h"

/*
 * Programs that read many small files go through a folder in its order, which
 * is that of the nodes' numbers.  Each of them alone waits for one answer of
 * the place; so once two were read one shortly after the other, the next ones
 * are fetched in parallel, more of them the longer it goes on.
 */
enum {
	SMALL = 256 * 1024,      /* so large is what is fetched ahead */
	FILES = 32,              /* at once, */
	BYTES = 8 * 1024 * 1024, /* of together so much */
	NUMBERS = 256,           /* that are looked at for them */
	STEP = 8,                /* from one that is read to the next */
};

#define SHORTLY (2 * NS_PER_SEC)

/* How many files from `ino` on shall be here or on their way. */
static unsigned note_read(struct vfs *v, uint64_t parent, uint64_t ino)
{
	struct contents *t = v->contents;
	struct neighbour *s = &t->neighbour;
	int64_t now = clock_mono();
	unsigned n = 0;

	pthread_mutex_lock(&t->lock);
	if (s->parent == parent && now - s->when < SHORTLY && ino > s->ino &&
	    ino - s->ino <= STEP)
		s->read++;
	else if (s->parent != parent || ino != s->ino)
		*s = (struct neighbour){ .parent = parent };
	s->ino = ino;
	s->when = now;
	if (s->read > 0)
		n = s->read < FILES / 4 ? 4 * s->read : FILES;
	/* not one by one, but when half of them are used up */
	if (s->till > ino && s->till - ino > n / 2)
		n = 0;
	pthread_mutex_unlock(&t->lock);
	return n;
}

struct found {
	struct node *at[FILES]; /* held */
	unsigned n;
	uint64_t till;
};

/* With v->lock. */
static bool is_wanted(const struct node *n, const struct node *dir)
{
	return n && n->parent == dir && n->kind == ENTRY_FILE && n->size > 0 &&
	       n->size <= SMALL && !n->content &&
	       !(n->flags & (NODE_WHOLE | NODE_PART | NODE_PENDING));
}

static void find(struct vfs *v, const struct node *after, unsigned most,
		 struct found *f)
{
	int64_t bytes = 0;

	vfs_lock(v);
	for (uint64_t i = 1; i <= NUMBERS && f->n < most && bytes < BYTES;
	     i++) {
		struct node *n = node_find(v, after->ino + i);

		if (n && n->parent == after->parent)
			f->till = n->ino;
		if (!after->parent || !is_wanted(n, after->parent))
			continue;
		node_hold(n);
		f->at[f->n++] = n;
		bytes += n->size;
	}
	vfs_unlock(v);
}

void neighbours_hint(struct vfs *v, struct node *n)
{
	struct op op = op_begin(&v->cancel);
	struct found f = { .n = 0 };
	struct content *c;
	uint64_t parent;
	unsigned most;
	bool small;

	vfs_lock(v);
	parent = n->parent ? n->parent->ino : 0;
	small = n->size <= SMALL;
	vfs_unlock(v);
	/* in the other modes it would be gone before it is read */
	if (!parent || !small || v->opt.cache_mode != VFS_CACHE_FULL)
		return;
	most = note_read(v, parent, n->ino);
	if (most)
		find(v, n, most, &f);
	for (unsigned i = 0; i < f.n; i++) {
		if (content_get(v, &op, f.at[i], &c) == 0) {
			fetch_begin(v, c);
			content_put(v, c);
		}
		vfs_lock(v);
		node_release(v, f.at[i]);
		vfs_unlock(v);
	}
	if (f.till) {
		pthread_mutex_lock(&v->contents->lock);
		v->contents->neighbour.till = f.till;
		pthread_mutex_unlock(&v->contents->lock);
	}
	op_end(&op);
}
