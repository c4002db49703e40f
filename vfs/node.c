#include "vfs/parts.h"

#include <stdlib.h>
#include <string.h>

#include "vfs/store.h"

/* ---- names and what is away: hash tables in a folder --------------------- */

/*
 * FNV-1a from a start of the folder's own, so that a server cannot choose
 * names that all fall into one bucket.
 */
static size_t bucket(const struct folder *f, const char *name, size_t buckets)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ ((uintptr_t)f >> 4);

	while (*name)
		h = (h ^ (unsigned char)*name++) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32) & (buckets - 1);
}

static void grow_names(struct folder *f)
{
	size_t want = f->buckets ? f->buckets * 2 : 4;
	struct node **to;

	if (f->n < f->buckets)
		return;
	to = xcalloc(want, sizeof(struct node *));
	for (size_t i = 0; i < f->buckets; i++) {
		for (struct node *n = f->names[i], *next; n; n = next) {
			size_t b = bucket(f, n->name, want);

			next = n->next;
			n->next = to[b];
			to[b] = n;
		}
	}
	free(f->names);
	f->names = to;
	f->buckets = want;
}

static void grow_away(struct folder *f)
{
	size_t want = f->away_buckets ? f->away_buckets * 2 : 4;
	struct node **to;

	if (f->n_away < f->away_buckets)
		return;
	to = xcalloc(want, sizeof(struct node *));
	for (size_t i = 0; i < f->away_buckets; i++) {
		for (struct node *n = f->away[i], *next; n; n = next) {
			size_t b = bucket(f, n->rname, want);

			next = n->away_next;
			n->away_next = to[b];
			to[b] = n;
		}
	}
	free(f->away);
	f->away = to;
	f->away_buckets = want;
}

static void away_add(struct node *n, struct node *rparent, const char *rname)
{
	struct folder *f = rparent->dir;
	size_t b;

	if (!f)
		BUG("\"%s\" at a folder that is not loaded", rname);
	grow_away(f);
	n->rparent = rparent;
	n->rname = xstrdup(rname);
	b = bucket(f, rname, f->away_buckets);
	n->away_next = f->away[b];
	f->away[b] = n;
	f->n_away++;
}

static void away_remove(struct node *n)
{
	struct folder *f;
	struct node **at;

	if (!n->rparent)
		return;
	f = n->rparent->dir;
	at = &f->away[bucket(f, n->rname, f->away_buckets)];
	while (*at != n)
		at = &(*at)->away_next;
	*at = n->away_next;
	f->n_away--;
	free(n->rname);
	n->rname = NULL;
	n->rparent = n->away_next = NULL;
}

struct node *node_away(const struct node *dir, const struct node *after)
{
	const struct folder *f = dir->dir;
	size_t b = 0;

	if (!f || f->n_away == 0)
		return NULL;
	if (after) {
		if (after->away_next)
			return after->away_next;
		b = bucket(f, after->rname, f->away_buckets) + 1;
	}
	for (; b < f->away_buckets; b++)
		if (f->away[b])
			return f->away[b];
	return NULL;
}

struct node *node_child(struct node *dir, const char *name)
{
	const struct folder *f = dir->dir;

	if (!f || f->n == 0)
		return NULL;
	for (struct node *n = f->names[bucket(f, name, f->buckets)]; n;
	     n = n->next)
		if (strcmp(n->name, name) == 0)
			return n;
	return NULL;
}

void node_link(struct vfs *v, struct node *n, struct node *parent,
	       const char *name)
{
	struct folder *f = parent->dir;
	size_t b;

	(void)v;
	if (!f)
		BUG("\"%s\" in a folder that is not loaded", name);
	if (strcmp(n->name, name) != 0) {
		char *copy = xstrdup(name);

		free(n->name);
		n->name = copy;
	}
	grow_names(f);
	b = bucket(f, n->name, f->buckets);
	n->parent = parent;
	n->next = f->names[b];
	f->names[b] = n;
	f->n++;
	f->dirs += n->kind == ENTRY_DIR;
}

void node_unlink(struct vfs *v, struct node *n)
{
	struct folder *f;
	struct node **at;

	(void)v;
	if (!n->parent)
		return;
	f = n->parent->dir;
	at = &f->names[bucket(f, n->name, f->buckets)];
	while (*at != n)
		at = &(*at)->next;
	*at = n->next;
	n->next = n->parent = NULL;
	f->n--;
	f->dirs -= n->kind == ENTRY_DIR;
}

/* ---- numbers ------------------------------------------------------------- */

struct node *node_find(struct vfs *v, uint64_t ino)
{
	if (v->ino_buckets == 0)
		return NULL;
	for (struct node *n = v->inos[ino & (v->ino_buckets - 1)]; n;
	     n = n->ino_next)
		if (n->ino == ino)
			return n;
	return NULL;
}

static void grow_inos(struct vfs *v)
{
	size_t want = v->ino_buckets ? v->ino_buckets * 2 : 256;
	struct node **to;

	if (v->n_nodes < v->ino_buckets)
		return;
	to = xcalloc(want, sizeof(struct node *));
	for (size_t i = 0; i < v->ino_buckets; i++) {
		for (struct node *n = v->inos[i], *next; n; n = next) {
			struct node **at = &to[n->ino & (want - 1)];

			next = n->ino_next;
			n->ino_next = *at;
			*at = n;
		}
	}
	free(v->inos);
	v->inos = to;
	v->ino_buckets = want;
}

static int64_t *counter(struct vfs *v, const struct node *n)
{
	return n->kind == ENTRY_DIR ? &v->count.dirs : &v->count.files;
}

struct node *node_put_back(struct vfs *v, uint64_t ino, enum entry_kind kind,
			   const char *name)
{
	struct node *n = xcalloc(1, sizeof(*n)), **at;

	grow_inos(v);
	n->ino = ino;
	n->kind = (uint8_t)kind;
	n->name = xstrdup(name);
	at = &v->inos[ino & (v->ino_buckets - 1)];
	n->ino_next = *at;
	*at = n;
	v->n_nodes++;
	++*counter(v, n);
	return n;
}

struct node *node_new(struct vfs *v, enum entry_kind kind, const char *name)
{
	if (v->next_ino >= v->last_ino)
		store_reserve(v);
	return node_put_back(v, v->next_ino++, kind, name);
}

void folder_delete(struct folder *f)
{
	if (!f)
		return;
	free(f->names);
	free(f->away);
	free(f);
}

void node_free(struct vfs *v, struct node *n)
{
	struct node **at = &v->inos[n->ino & (v->ino_buckets - 1)];

	while (*at != n)
		at = &(*at)->ino_next;
	*at = n->ino_next;
	v->n_nodes--;
	--*counter(v, n);
	folder_delete(n->dir);
	free(n->name);
	free(n->rname);
	free(n->seen);
	free(n->target);
	free(n->error);
	free(n);
}

/* Free what nothing leads to any more. */
void node_tidy(struct vfs *v, struct node *n)
{
	enum { BUSY = NODE_SAVE | NODE_SENDING | NODE_QUEUED };

	if (n == v->root || n->parent || n->rparent || n->lookups || n->opens ||
	    n->holds || n->content || n->flags & BUSY)
		return;
	if (n->flags & NODE_DROPPED && n->kind == ENTRY_FILE)
		*inos_add(&v->no_content) = n->ino;
	node_free(v, n);
}

void node_hold(struct node *n)
{
	n->holds++;
}

void node_release(struct vfs *v, struct node *n)
{
	if (n->holds == 0)
		BUG("node %llu is not held", (unsigned long long)n->ino);
	n->holds--;
	node_tidy(v, n);
}

/* What was in a folder that is no more. */
static void drop_inside(struct vfs *v, struct node *dir)
{
	struct folder *f = dir->dir;
	struct node *n;

	while ((n = node_away(dir, NULL))) {
		if (n->parent)
			node_set_new(v, n);
		else
			node_drop(v, n);
	}
	for (size_t b = 0; b < f->buckets; b++)
		while (f->names[b])
			node_drop(v, f->names[b]);
}

void node_drop(struct vfs *v, struct node *n)
{
	enum { QUEUED = NODE_PENDING | NODE_QUEUED | NODE_SENDING };
	bool queued = n->flags & QUEUED;

	if (n == v->root || n->flags & NODE_DROPPED)
		return;
	v->dir_moves += n->kind == ENTRY_DIR;
	node_unlink(v, n);
	away_remove(n);
	node_hold(n);
	if (n->dir)
		drop_inside(v, n);
	n->flags &= ~(uint32_t)NODE_PENDING;
	n->flags |= NODE_DROPPED;
	if (queued)
		queue_changed(v, n);
	if (n->flags & (NODE_SAVED_ONCE | NODE_SAVE))
		store_drop(v, n->ino);
	node_release(v, n);
}

/* ---- where it is at the place -------------------------------------------- */

struct node *node_rparent(const struct node *n)
{
	return n->rparent ? n->rparent : n->parent;
}

const char *node_rname(const struct node *n)
{
	return n->rname ? n->rname : n->name;
}

static void undrop(struct vfs *v, struct node *n)
{
	n->flags &= ~(uint32_t)NODE_DROPPED;
	store_undrop(v, n->ino);
}

void node_set_remote(struct vfs *v, struct node *n, struct node *rparent,
		     const char *rname)
{
	char *name = xstrdup(rname); /* it may be n's own */

	v->dir_moves += n->kind == ENTRY_DIR;
	away_remove(n);
	if (n->flags & NODE_DROPPED)
		undrop(v, n); /* made at the place while it was dropped here */
	n->flags &= ~(uint32_t)(NODE_NEW | NODE_AWAY | NODE_GONE);
	if (!n->parent)
		n->flags |= NODE_GONE;
	else if (n->parent != rparent || strcmp(n->name, name) != 0)
		n->flags |= NODE_AWAY;
	if (n->flags & (NODE_GONE | NODE_AWAY))
		away_add(n, rparent, name);
	free(name);
	store_save(v, n);
}

void node_set_new(struct vfs *v, struct node *n)
{
	v->dir_moves += n->kind == ENTRY_DIR;
	away_remove(n);
	n->flags &= ~(uint32_t)(NODE_AWAY | NODE_GONE | NODE_MET);
	n->flags |= NODE_NEW;
	if (n->kind == ENTRY_DIR)
		n->flags |= NODE_LISTED; /* nothing that is not here */
	free(n->seen);
	n->seen = NULL;
	if (n->parent)
		store_save(v, n);
	else
		node_drop(v, n);
}

void node_set_gone(struct vfs *v, struct node *n)
{
	struct node *rparent = node_rparent(n);
	char *rname;

	if (n->flags & NODE_NEW || !rparent) {
		node_drop(v, n);
		return;
	}
	rname = xstrdup(node_rname(n));
	node_unlink(v, n);
	/* who has it open still reads what was written */
	n->flags &= ~(uint32_t)(n->opens ? NODE_META : NODE_META | NODE_DIRTY);
	node_set_remote(v, n, rparent, rname);
	free(rname);
}

void node_move(struct vfs *v, struct node *n, struct node *dir,
	       const char *name)
{
	struct node *rparent = node_rparent(n);
	char *rname = xstrdup(node_rname(n));

	node_unlink(v, n);
	node_link(v, n, dir, name);
	if (n->flags & NODE_NEW)
		store_save(v, n);
	else
		node_set_remote(v, n, rparent, rname);
	free(rname);
}

struct node *node_at_remote(struct node *rparent, const char *rname)
{
	const struct folder *f = rparent->dir;
	struct node *n;

	if (!f)
		return NULL;
	if (f->n_away) {
		n = f->away[bucket(f, rname, f->away_buckets)];
		for (; n; n = n->away_next)
			if (strcmp(n->rname, rname) == 0)
				return n;
	}
	n = node_child(rparent, rname);
	return n && !(n->flags & (NODE_NEW | NODE_AWAY)) ? n : NULL;
}

/* ---- paths --------------------------------------------------------------- */

static const struct node *above(const struct node *n, bool remote)
{
	return remote || !n->parent ? node_rparent(n) : n->parent;
}

static const char *name_there(const struct node *n, bool remote)
{
	return remote || !n->parent ? node_rname(n) : n->name;
}

/* From its end to its front, since that is how nodes are linked. */
static void add_path(const struct node *n, bool remote, struct buf *out)
{
	size_t len = 0;
	char *end;

	for (const struct node *a = n; above(a, remote); a = above(a, remote))
		len += strlen(name_there(a, remote)) + 1;
	if (len == 0)
		return;
	end = buf_room(out, len) + len - 1;
	out->len += len - 1;
	*end = '\0';
	for (const struct node *a = n; above(a, remote); a = above(a, remote)) {
		size_t k = strlen(name_there(a, remote));

		end -= k;
		memcpy(end, name_there(a, remote), k);
		if (above(above(a, remote), remote))
			*--end = '/';
	}
}

void node_path(const struct node *n, struct buf *out)
{
	add_path(n, false, out);
}

bool node_remote_path(const struct node *n, struct buf *out)
{
	for (const struct node *a = n; a; a = node_rparent(a))
		if (a->flags & NODE_NEW)
			return false;
	add_path(n, true, out);
	return true;
}
