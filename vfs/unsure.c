/*
 * An action that has failed may have been carried out all the same, with only
 * its answer lost; and so may one that a kill came upon.  To do it again is
 * harmless; but if the node is renamed or deleted here before that, something
 * would be left behind at the place, and if it is changed here, what is there
 * would look like somebody else's.  So it is remembered where a node may be,
 * and as what, and that is looked at before anything else is done with it.
 */
#include "vfs/sending.h"

#include <stdlib.h>
#include <string.h>

static struct unsure *find(struct vfs *v, const struct node *n)
{
	struct unsures *all = &v->sending->unsure;

	if (!(n->flags & NODE_UNSURE))
		return NULL;
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i].n == n)
			return &all->at[i];
	return NULL;
}

static void let_go(struct vfs *v, struct unsure *u)
{
	struct unsures *all = &v->sending->unsure;
	struct unsure gone = *u;

	*u = all->at[--all->n];
	free(gone.name);
	free(gone.seen);
	act_on(gone.to, -1);
	act_on(gone.from, -1);
	node_release(v, gone.to);
	if (gone.from)
		node_release(v, gone.from);
	node_release(v, gone.n);
}

void unsure_forget(struct vfs *v, struct node *n)
{
	struct unsure *u;

	if (!(n->flags & NODE_UNSURE))
		return;
	node_hold(n);
	while ((u = find(v, n)))
		let_go(v, u);
	n->flags &= ~(uint32_t)NODE_UNSURE;
	unsure_keep(v, n);
	node_release(v, n);
}

void unsure_close(struct vfs *v)
{
	struct unsures *all = &v->sending->unsure;

	while (all->n)
		let_go(v, &all->at[all->n - 1]);
}

static bool is_unsure(const struct err *e)
{
	switch (e->kind) {
	case ERR_NETWORK:
	case ERR_TIMEOUT:
	case ERR_SERVER:
	case ERR_BUSY:
	case ERR_CANCELED:
	case ERR_CORRUPT:
	case ERR_IO: return true;
	default: return false;
	}
}

static char *packed(const struct entry *e, size_t *len)
{
	struct buf b = BUF_INIT;
	struct entry lean = *e;
	char *p;

	lean.name = "";
	lean.posix = NULL;
	entry_pack(&b, &lean);
	p = xrealloc(NULL, b.len, 1);
	memcpy(p, b.data, b.len);
	*len = b.len;
	buf_free(&b);
	return p;
}

/* A try that was repeated in vain is one. */
static bool has(const struct vfs *v, const struct unsure *one, size_t len)
{
	const struct unsures *all = &v->sending->unsure;

	for (size_t i = 0; i < all->n; i++) {
		const struct unsure *u = &all->at[i];

		if (u->n == one->n && u->to == one->to &&
		    u->from == one->from && strcmp(u->name, one->name) == 0 &&
		    !u->seen == !one->seen &&
		    (!u->seen || (entry_packed_len(u->seen) == len &&
				  memcmp(u->seen, one->seen, len) == 0)))
			return true;
	}
	return false;
}

void unsure_remember(struct vfs *v, struct node *n, struct node *from,
		     struct node *to, const char *name, const struct entry *e,
		     bool opened)
{
	size_t len = 0;
	struct unsure u = {
		.n = n,
		.to = to,
		.from = from,
		.name = xstrdup(name),
		.seen = e ? packed(e, &len) : NULL,
		.opened = opened,
	};

	if (n->flags & NODE_UNSURE && has(v, &u, len)) {
		free(u.name);
		free(u.seen);
		return;
	}
	node_hold(n);
	node_hold(to);
	if (from)
		node_hold(from);
	act_on(to, 1);
	act_on(from, 1);
	*unsures_add(&v->sending->unsure) = u;
	n->flags |= NODE_UNSURE;
}

void job_outcome(struct job *j, int rc)
{
	struct node *n = j->n;

	if (j->promised && (j->doubt || (rc < 0 && is_unsure(&j->op->err))))
		unsure_remember(j->v, n, j->from, j->to, j->to_name, j->sent,
				false);
	j->promised = false;
	if (n->flags & NODE_DROPPED)
		unsure_dropped(j->v, n);
	unsure_keep(j->v, n);
}

static bool is_its_spot(const struct unsure *u, const struct node *n)
{
	return node_rparent(n) == u->to && strcmp(node_rname(n), u->name) == 0;
}

const struct unsure *unsure_elsewhere(struct vfs *v, const struct node *n)
{
	const struct unsures *all = &v->sending->unsure;

	if (!(n->flags & NODE_UNSURE))
		return NULL;
	for (size_t i = 0; i < all->n; i++) {
		const struct unsure *u = &all->at[i];

		if (u->n != n || u->to->flags & NODE_DROPPED || !u->to->dir)
			continue;
		if (u->opened)
			return u;
		/* what is tried again there will see */
		if (n->parent == u->to && strcmp(n->name, u->name) == 0)
			continue;
		/* and so it is for what stays: before it is moved, look */
		if (!(n->flags & (NODE_NEW | NODE_AWAY)) && is_its_spot(u, n))
			continue;
		return u;
	}
	return NULL;
}

struct node *unsure_at(struct vfs *v, const struct node *dir, const char *name,
		       const struct node *but)
{
	const struct unsures *all = &v->sending->unsure;

	for (size_t i = 0; i < all->n; i++) {
		const struct unsure *u = &all->at[i];

		if (u->n == but || u->to != dir ||
		    (name && strcmp(u->name, name) != 0))
			continue;
		/* a deleted file that is there in any case is replaced */
		if (u->n->flags & NODE_GONE && is_its_spot(u, u->n))
			continue;
		return u->n;
	}
	return NULL;
}

bool unsure_was_opened(struct vfs *v, const struct node *n)
{
	const struct unsures *all = &v->sending->unsure;

	if (!(n->flags & NODE_UNSURE))
		return false;
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i].n == n && all->at[i].opened)
			return true;
	return false;
}

bool unsure_is_move(struct vfs *v, const struct node *n,
		    const struct node *from, const struct node *to,
		    const char *name)
{
	const struct unsures *all = &v->sending->unsure;

	if (!(n->flags & NODE_UNSURE) || !from)
		return false;
	for (size_t i = 0; i < all->n; i++) {
		const struct unsure *u = &all->at[i];

		if (u->n == n && u->from == from && u->to == to &&
		    strcmp(u->name, name) == 0)
			return true;
	}
	return false;
}

/* What was deleted there has the name: then the one or the other is there. */
static void hand_over(struct unsure *u, struct vfs *v, struct node *heir)
{
	struct node *n = u->n;

	node_hold(heir);
	heir->flags |= NODE_UNSURE;
	u->n = heir;
	unsure_keep(v, heir);
	node_release(v, n);
}

static void leave_to_delete(struct vfs *v, struct node *to, const char *name,
			    enum entry_kind kind, const char *seen)
{
	struct node *left = node_new(v, kind, name);
	struct posix_meta m;
	struct entry e;

	node_set_remote(v, left, to, name);
	if (seen) {
		entry_unpack(seen, &e, &m);
		node_set_seen(v, left, &e);
	}
	queue_changed(v, left);
}

struct node *unsure_left(struct vfs *v, struct node *to, const char *name,
			 enum entry_kind kind, const char *seen)
{
	struct node *there;

	if (to->flags & NODE_DROPPED || !to->dir ||
	    (!seen && kind != ENTRY_DIR))
		return NULL;
	there = node_at_remote(to, name);
	if (!there) {
		leave_to_delete(v, to, name, kind, seen);
		there = node_at_remote(to, name);
	}
	if (!there || there->kind != (uint8_t)kind ||
	    !(there->flags & NODE_GONE))
		return NULL;
	return there;
}

void unsure_dropped(struct vfs *v, struct node *n)
{
	struct unsure *u;

	node_hold(n);
	while ((u = find(v, n))) {
		struct node *there = unsure_left(
			v, u->to, u->name, (enum entry_kind)n->kind, u->seen);

		if (!there)
			break;
		hand_over(find(v, n), v, there);
	}
	unsure_forget(v, n);
	node_release(v, n);
}
