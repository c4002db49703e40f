#include "vfs/content.h"
#include "vfs/sending.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"

/*
 * What is pinned is written down twice: as a flag of its node, which those
 * below it are asked about, and in the fact "pins", which a start begins with.
 * A thread goes through all of it from time to time, and fetches what is not
 * here.  It also tidies the place.
 */
#define LOOK_EVERY (60 * NS_PER_SEC)
#define FACT       "pins"

bool pin_covers(const struct node *n)
{
	for (; n; n = n->parent)
		if (n->flags & NODE_PINNED)
			return true;
	return false;
}

/* ---- the list ------------------------------------------------------------ */

static int save_list(struct vfs *v, struct op *op)
{
	struct contents *t = v->contents;
	struct buf b = BUF_INIT;
	int rc;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->pins.n; i++)
		buf_addf(&b, "%s%" PRIu64, i ? " " : "", t->pins.at[i]);
	t->pins_at = clock_mono();
	pthread_cond_signal(&t->pin_wake);
	pthread_mutex_unlock(&t->lock);
	rc = store_set_fact(v, op, FACT, b.data);
	buf_free(&b);
	return rc;
}

static int load_list(struct vfs *v, struct op *op)
{
	struct contents *t = v->contents;
	struct buf b = BUF_INIT;
	int rc = store_fact(v, op, FACT, &b);
	char *rest = b.data, *word;

	while (rc == 1 && (word = strtok_r(rest, " ", &rest))) {
		int64_t ino;

		if (parse_int(word, &ino) && ino > 0)
			*inos_add(&t->pins) = (uint64_t)ino;
	}
	t->pins_at = clock_mono() + (t->pins.n ? 0 : LOOK_EVERY);
	buf_free(&b);
	return rc < 0 ? -1 : 0;
}

static void change_list(struct vfs *v, uint64_t ino, bool add)
{
	struct contents *t = v->contents;
	size_t i = 0;

	pthread_mutex_lock(&t->lock);
	while (i < t->pins.n && t->pins.at[i] != ino)
		i++;
	if (add && i == t->pins.n)
		*inos_add(&t->pins) = ino;
	else if (!add && i < t->pins.n)
		t->pins.at[i] = t->pins.at[--t->pins.n];
	pthread_mutex_unlock(&t->lock);
}

/* A copy; the caller frees it. */
static struct inos list(struct vfs *v)
{
	struct contents *t = v->contents;
	struct inos all = { 0 };

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->pins.n; i++)
		*inos_add(&all) = t->pins.at[i];
	pthread_mutex_unlock(&t->lock);
	return all;
}

/* ---- going through ------------------------------------------------------- */

/* What is done with each file that is pinned; -1 ends it. */
typedef int file_fn(void *arg, struct op *op, struct node *n);

struct walk {
	struct vfs *v;
	struct inos todo;
	file_fn *fn;
	void *arg;
	size_t failed; /* folders that could not be looked into */
};

/* With v->lock, which is let go of. */
static void walk_folder(struct walk *w, struct op *op, struct node *dir)
{
	const struct folder *f;

	if (folder_ready(w->v, op, dir) < 0) {
		w->failed++;
		return;
	}
	f = dir->dir;
	for (size_t b = 0; f && b < f->buckets; b++)
		for (struct node *n = f->names[b]; n; n = n->next)
			if (n->kind == ENTRY_DIR || n->kind == ENTRY_FILE)
				*inos_add(&w->todo) = n->ino;
}

static int walk_one(struct walk *w, struct op *op, uint64_t ino)
{
	struct vfs *v = w->v;
	struct node *n;
	int rc = 0;

	vfs_lock(v);
	n = store_node(v, op, ino);
	if (n && n->flags & (NODE_GONE | NODE_DROPPED))
		n = NULL;
	if (n)
		node_hold(n);
	if (n && n->kind == ENTRY_DIR)
		walk_folder(w, op, n);
	vfs_unlock(v);
	if (!n)
		return 0;
	if (n->kind == ENTRY_FILE)
		rc = w->fn(w->arg, op, n);
	vfs_lock(v);
	node_release(v, n);
	vfs_unlock(v);
	return rc;
}

static int walk(struct walk *w, struct op *op, uint64_t ino)
{
	int rc = 0;

	*inos_add(&w->todo) = ino;
	while (rc == 0 && w->todo.n && op_check(op) == 0)
		rc = walk_one(w, op, w->todo.at[--w->todo.n]);
	inos_free(&w->todo);
	return rc < 0 || op_check(op) < 0 ? -1 : 0;
}

/* ---- fetching ------------------------------------------------------------ */

enum { AT_ONCE = 8 };

/* Files that are being fetched, the first begun at `first`. */
struct batch {
	struct vfs *v;
	struct content *at[AT_ONCE];
	size_t first, n;
};

static int finish_first(struct batch *b, struct op *op)
{
	struct content *c = b->at[b->first];
	int rc = content_need(b->v, op, c, 0, INT64_MAX);

	content_put(b->v, c);
	b->first = (b->first + 1) % AT_ONCE;
	b->n--;
	return rc;
}

static bool is_here(struct vfs *v, const struct node *n)
{
	bool is;

	vfs_lock(v);
	is = n->flags & (NODE_WHOLE | NODE_NEW | NODE_GONE);
	vfs_unlock(v);
	return is;
}

static int fetch_one(void *arg, struct op *op, struct node *n)
{
	struct batch *b = arg;
	struct content *c;
	int rc = 0;

	if (is_here(b->v, n))
		return 0;
	if (b->n == AT_ONCE)
		rc = finish_first(b, op);
	if (rc == 0 && content_get(b->v, op, n, &c) == 0) {
		fetch_begin(b->v, c);
		b->at[(b->first + b->n++) % AT_ONCE] = c;
	}
	if (rc < 0 && op->err.kind == ERR_CONFLICT)
		rc = 0; /* it has changed: the next time round */
	return rc;
}

/* -1: something is still missing. */
static int fetch_pinned(struct vfs *v, struct op *op)
{
	struct inos all = list(v);
	struct batch b = { .v = v };
	int rc = 0;

	for (size_t i = 0; i < all.n && rc == 0; i++) {
		struct walk w = { .v = v, .fn = fetch_one, .arg = &b };

		rc = walk(&w, op, all.at[i]);
		if (w.failed)
			rc = -1;
	}
	while (b.n)
		if (finish_first(&b, op) < 0)
			rc = -1;
	inos_free(&all);
	return rc;
}

/* What uploads that were broken off have left where listings came across it. */
static void remove_strays(struct vfs *v, struct op *op)
{
	unsigned removed = 0;
	bool offline;
	int rc;

	if (v->opt.read_only || !be_can(v->be, BE_STRAYS))
		return;
	vfs_lock(v);
	offline = v->offline_until;
	vfs_unlock(v);
	if (offline)
		return;
	rc = be_strays(v->be, op, &removed);
	if (removed)
		log_info(v->be->name, "removed %u left-overs of broken runs",
			 removed);
	if (rc < 0 && op->err.kind != ERR_CANCELED)
		log_info(v->be->name, "%s", op->err.msg);
	err_clear(&op->err);
}

static void *keep_pinned(void *arg)
{
	struct vfs *v = arg;
	struct contents *t = v->contents;
	struct op op = op_begin(&v->cancel);

	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		struct timespec at = timespec_of(t->pins_at);
		int rc;

		if (clock_mono() < t->pins_at) {
			pthread_cond_timedwait(&t->pin_wake, &t->lock, &at);
			continue;
		}
		t->pins_at = clock_mono() + LOOK_EVERY;
		pthread_mutex_unlock(&t->lock);
		rc = fetch_pinned(v, &op);
		if (rc < 0 && op.err.kind != ERR_CANCELED)
			log_info(v->be->name, "%s", op.err.msg);
		remove_strays(v, &op);
		arena_reset(&op.arena);
		pthread_mutex_lock(&t->lock);
	}
	pthread_mutex_unlock(&t->lock);
	op_end(&op);
	return NULL;
}

int pins_open(struct vfs *v, struct op *op)
{
	struct contents *t = v->contents;
	int rc;

	if (load_list(v, op) < 0)
		return -1;
	rc = pthread_create(&t->pinner, NULL, keep_pinned, v);
	if (rc) {
		errno = rc;
		return err_sys(&op->err, "start a thread");
	}
	t->pinning = true;
	return 0;
}

void pins_close(struct vfs *v)
{
	struct contents *t = v->contents;

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->pin_wake);
	pthread_mutex_unlock(&t->lock);
	if (t->pinning)
		pthread_join(t->pinner, NULL);
	t->pinning = false;
}

/* ---- what users ask for -------------------------------------------------- */

struct node *path_node(struct vfs *v, struct op *op, const char *path)
{
	struct node *n = v->root, *next;

	node_hold(n);
	while (n && *path) {
		size_t len = strcspn(path, "/");
		char *name = arena_memdup(&op->arena, path, len + 1);

		name[len] = '\0';
		path += len;
		while (*path == '/')
			path++;
		next = NULL;
		if (folder_ready(v, op, n) == 0) {
			next = node_child(n, name);
			if (!next)
				vfs_fail(op, ENOENT, "\"%s\"", name);
		}
		if (next)
			node_hold(next);
		node_release(v, n);
		n = next;
	}
	return n;
}

static int set_pin(struct vfs *v, struct op *op, const char *path, bool on)
{
	struct node *n;
	uint64_t ino;

	vfs_lock(v);
	n = path_node(v, op, path);
	if (!n) {
		vfs_unlock(v);
		return -1;
	}
	ino = n->ino;
	if (!on && !(n->flags & NODE_PINNED)) {
		vfs_fail(op, ENOENT, "\"%s\" is not pinned", path);
		ino = 0;
	} else {
		n->flags &= ~(uint32_t)NODE_PINNED;
		n->flags |= on ? NODE_PINNED : 0;
		store_save(v, n);
	}
	node_release(v, n);
	vfs_unlock(v);
	if (!ino)
		return -1;
	change_list(v, ino, on);
	return save_list(v, op);
}

int vfs_pin(struct vfs *v, struct op *op, const char *path)
{
	return set_pin(v, op, path, true);
}

int vfs_unpin(struct vfs *v, struct op *op, const char *path)
{
	return set_pin(v, op, path, false);
}

struct sums {
	struct vfs *v;
	int64_t bytes, missing;
};

static int add_up(void *arg, struct op *op, struct node *n)
{
	struct sums *s = arg;
	struct ranges have = { 0 };
	uint32_t flags;
	int64_t size;

	vfs_lock(s->v);
	flags = n->flags;
	size = n->size > 0 ? n->size : 0;
	vfs_unlock(s->v);
	s->bytes += size;
	if (flags & (NODE_WHOLE | NODE_NEW))
		return 0;
	if (flags & NODE_PART && store_ranges(s->v, op, n->ino, &have) < 0)
		return -1;
	ranges_remove(&have, size, INT64_MAX);
	s->missing += size - ranges_bytes(&have);
	ranges_free(&have);
	return 0;
}

int vfs_pins(struct vfs *v, struct op *op, vfs_pin_fn *fn, void *arg)
{
	struct inos all = list(v);
	struct buf path = BUF_INIT;
	int rc = 0;

	for (size_t i = 0; i < all.n && rc == 0; i++) {
		struct sums s = { .v = v };
		struct walk w = { .v = v, .fn = add_up, .arg = &s };
		struct node *n;

		buf_reset(&path);
		vfs_lock(v);
		n = store_node(v, op, all.at[i]);
		if (n && !(n->flags & (NODE_GONE | NODE_DROPPED)))
			node_path(n, &path);
		else
			n = NULL;
		vfs_unlock(v);
		if (!n) {
			change_list(v, all.at[i], false);
			continue;
		}
		rc = walk(&w, op, all.at[i]);
		if (rc == 0)
			rc = fn(arg, op, path.data, s.bytes, s.missing);
	}
	inos_free(&all);
	buf_free(&path);
	return rc;
}
