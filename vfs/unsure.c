/*
 * An action that has failed may have been carried out all the same, with only
 * its answer lost.  To do it again is harmless; but if the node is renamed or
 * deleted here before that, something would be left behind at the place.  So
 * it is remembered where a node may be, as long as the process lives, and that
 * is looked at before anything else is done with it.
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

void unsure_forget(struct vfs *v, struct node *n)
{
	struct unsures *all = &v->sending->unsure;
	struct unsure *u;

	node_hold(n);
	while ((u = find(v, n))) {
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
	n->flags &= ~(uint32_t)NODE_UNSURE;
	node_release(v, n);
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

static char *packed(const struct entry *e)
{
	struct buf b = BUF_INIT;
	struct entry lean = *e;
	char *p;

	lean.name = "";
	lean.posix = NULL;
	entry_pack(&b, &lean);
	p = xrealloc(NULL, b.len, 1);
	memcpy(p, b.data, b.len);
	buf_free(&b);
	return p;
}

/* Of several tries at one spot any may have arrived. */
static void remember(struct vfs *v, struct node *n, struct node *from,
		     struct node *to, const char *name, const struct entry *e)
{
	node_hold(n);
	node_hold(to);
	if (from)
		node_hold(from);
	act_on(to, 1);
	act_on(from, 1);
	*unsures_add(&v->sending->unsure) = (struct unsure){
		.n = n,
		.to = to,
		.from = from,
		.name = xstrdup(name),
		.seen = e ? packed(e) : NULL,
	};
	n->flags |= NODE_UNSURE;
}

void unsure_opened(struct vfs *v, struct node *n)
{
	struct unsures *all = &v->sending->unsure;

	if (n->kind != ENTRY_DIR || !(n->flags & NODE_AWAY))
		return;
	remember(v, n, node_rparent(n), n->parent, n->name, NULL);
	all->at[all->n - 1].opened = true;
}

void job_outcome(struct job *j, int rc)
{
	bool brings = j->action == ACT_MKDIR || j->action == ACT_MOVE ||
		      j->action == ACT_LINK || j->action == ACT_PUT;

	if (!brings)
		return;
	if (rc < 0 && is_unsure(&j->op->err))
		remember(j->v, j->n, j->from, j->to, j->to_name,
			 j->action == ACT_MOVE ? j->seen : &j->want);
	if (j->n->flags & NODE_DROPPED)
		unsure_dropped(j->v, j->n);
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

/* What was deleted there has the name: then the one or the other is there. */
static void hand_over(struct unsure *u, struct vfs *v, struct node *heir)
{
	struct node *n = u->n;

	node_hold(heir);
	heir->flags |= NODE_UNSURE;
	u->n = heir;
	node_release(v, n);
}

static void leave_to_delete(struct vfs *v, const struct unsure *u,
			    enum entry_kind kind)
{
	struct node *left = node_new(v, kind, u->name);
	struct posix_meta m;
	struct entry e;

	node_set_remote(v, left, u->to, u->name);
	if (u->seen) {
		entry_unpack(u->seen, &e, &m);
		node_set_seen(v, left, &e);
	}
	queue_changed(v, left);
}

void unsure_dropped(struct vfs *v, struct node *n)
{
	struct unsure *u;

	node_hold(n);
	while ((u = find(v, n))) {
		struct node *there;

		if (u->to->flags & NODE_DROPPED || !u->to->dir ||
		    (!u->seen && n->kind != ENTRY_DIR))
			break;
		there = node_at_remote(u->to, u->name);
		if (!there) {
			leave_to_delete(v, u, (enum entry_kind)n->kind);
			there = node_at_remote(u->to, u->name);
		}
		if (there->kind == n->kind && there->flags & NODE_GONE)
			hand_over(find(v, n), v, there);
		else
			break;
	}
	unsure_forget(v, n);
	node_release(v, n);
}

/* ---- looking ------------------------------------------------------------- */

/* -1, 0 not there, 1 there. */
static int look(struct job *j, const char *path, struct entry *out)
{
	int rc = job_heard(j, be_stat(j->v->be, j->op, path, out));

	if (rc == 0)
		return 1;
	if (!is_missing(&j->op->err))
		return -1;
	err_clear(&j->op->err);
	return 0;
}

static bool is_ours(const struct vfs *v, const struct unsure *u,
		    const struct entry *now)
{
	struct posix_meta m;
	struct entry e;

	if (now->kind == ENTRY_DIR)
		return u->n->kind == ENTRY_DIR;
	if (!u->seen)
		return false;
	entry_unpack(u->seen, &e, &m);
	return same_seen(v, &e, now);
}

/* With the lock. */
static bool arrived(const struct vfs *v, const struct node *dir,
		    const char *name, const struct entry *now)
{
	const struct unsures *all = &v->sending->unsure;

	for (size_t i = 0; i < all->n; i++) {
		const struct unsure *u = &all->at[i];

		if (u->to == dir && strcmp(u->name, name) == 0 &&
		    is_ours(v, u, now))
			return true;
	}
	return false;
}

bool unsure_arrived(struct vfs *v, const struct node *dir, const char *name,
		    const struct entry *now)
{
	bool is;

	vfs_lock(v);
	is = arrived(v, dir, name, now);
	vfs_unlock(v);
	return is;
}

bool unsure_is(struct job *j, const struct entry *now)
{
	struct node *n = j->n;
	bool is;

	vfs_lock(j->v);
	is = !(n->flags & NODE_DROPPED) &&
	     arrived(j->v, j->to, j->to_name, now);
	if (is && n->flags & NODE_NEW) {
		job_consume(j);
		node_set_remote(j->v, n, j->to, j->to_name);
	}
	if (is) {
		node_set_seen(j->v, n, now);
		unsure_forget(j->v, n);
	}
	vfs_unlock(j->v);
	return is;
}

/* With the lock: it is there, perhaps over something that was deleted. */
static void found(struct job *j, struct node *to, const char *name,
		  const struct entry *now)
{
	struct node *t = node_at_remote(to, name);
	struct vfs *v = j->v;

	if (t && t != j->n) {
		if (!(t->flags & NODE_GONE) || t->flags & NODE_SENDING ||
		    t->kind == ENTRY_DIR)
			return;
		unsure_forget(v, t);
		node_drop(v, t);
	}
	node_set_remote(v, j->n, to, name);
	if (now->kind != ENTRY_DIR)
		node_set_seen(v, j->n, now);
}

/* Where it is in any case: which of its contents is there? */
static int look_again(struct job *j)
{
	struct node *n = j->n;
	struct entry now;
	int there = look(j, j->to_path.data, &now);

	if (there < 0)
		return -1;
	vfs_lock(j->v);
	if (there && arrived(j->v, j->to, j->to_name, &now) &&
	    !(n->flags & (NODE_NEW | NODE_DROPPED)))
		node_set_seen(j->v, n, &now);
	unsure_forget(j->v, n);
	vfs_unlock(j->v);
	return 0;
}

int send_look(struct job *j)
{
	struct entry now, old;
	struct vfs *v = j->v;
	int there, stayed = 0;

	if (j->from == j->to && strcmp(j->from_name, j->to_name) == 0)
		return look_again(j);
	there = look(j, j->to_path.data, &now);
	if (there == 1 && j->from)
		stayed = look(j, j->from_path.data, &old);
	if (there < 0 || stayed < 0)
		return -1;
	vfs_lock(v);
	if (there && !stayed && arrived(v, j->to, j->to_name, &now) &&
	    !((j->n->flags | j->to->flags) & NODE_DROPPED))
		found(j, j->to, j->to_name, &now);
	if (j->n->flags & NODE_DROPPED)
		unsure_dropped(v, j->n);
	unsure_forget(v, j->n);
	vfs_unlock(v);
	return 0;
}
