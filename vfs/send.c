/*
 * What a node needs, and what must come first.
 *
 * All that is pending is the difference between two trees, so there is always
 * an order in which it can be done one action after the other.  A node waits
 *
 *	- for the folder that it shall be in, if that has to be made;
 *	- for what has its name at the place: a folder that is deleted here, or
 *	  something that itself has to be moved away first (a deleted file is
 *	  simply replaced);
 *	- a folder that is deleted, for all that is still in it;
 *	- a folder that goes into what was in it, for that to be taken out.
 *
 * These can form a circle (two names that were exchanged); then something in
 * it is moved to a name of ours first, from where it goes on.
 *
 * Actions under way are not to get into each other's way, either: while a
 * folder is moved or deleted nothing is done below it, and one name has one
 * action at a time.
 */
#include "vfs/sending.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/fnv.h"
#include "lib/log.h"

/* plan(): what next */
enum { PLAN_NOTHING, PLAN_WAIT, PLAN_GO };

/* A circle of more nodes than that is found from another of them. */
enum { CIRCLE_MAX = 4096, WAY_OUT = 64 };

/* How fresh a listing is to be believed when something is to be made. */
#define LISTED_LATELY (60 * NS_PER_SEC)

/* ---- who waits for whom -------------------------------------------------- */

/* At the place. */
static bool is_below(const struct node *n, const struct node *top)
{
	for (; n; n = node_rparent(n))
		if (n == top)
			return true;
	return false;
}

/* The file that is to take the place of `n`, which is deleted; or NULL. */
static struct node *heir_of(const struct node *n)
{
	struct node *dir = node_rparent(n), *heir;

	if (n->kind == ENTRY_DIR || !dir || dir->flags & (NODE_GONE | NODE_NEW))
		return NULL;
	heir = node_child(dir, node_rname(n));
	if (!heir || heir->kind == ENTRY_DIR || heir->flags & NODE_LOCAL)
		return NULL;
	return heir->flags & (NODE_NEW | NODE_AWAY) ? heir : NULL;
}

/* On the way from `dir` up to `top`, at the place: the first that moves. */
static struct node *first_away(struct node *dir, const struct node *top)
{
	for (; dir && dir != top; dir = node_rparent(dir))
		if (dir->flags & NODE_AWAY)
			return dir;
	return NULL;
}

static struct node *occupier(struct vfs *v, struct node *n)
{
	struct node *t = node_at_remote(n->parent, n->name);

	if (!t || t == n)
		return NULL;
	if (unsure_elsewhere(v, t))
		return t; /* where is it? */
	if (t->flags & NODE_GONE && t->kind != ENTRY_DIR &&
	    n->kind != ENTRY_DIR)
		return NULL; /* it is replaced */
	return t;
}

/* A folder's mode is last: who may not write to it could not fill it. */
static struct node *unsent_in(const struct node *dir)
{
	const struct folder *f = dir->dir;

	if (!f)
		return NULL;
	for (size_t b = 0; b < f->buckets; b++)
		for (struct node *n = f->names[b]; n; n = n->next)
			if (n->flags & (NODE_NEW | NODE_AWAY | NODE_DIRTY) &&
			    queue_wants(n) && n->tries == 0)
				return n;
	return NULL;
}

static struct node *blocker(struct vfs *v, struct node *n)
{
	struct node *b;

	if (unsure_elsewhere(v, n))
		return NULL; /* to look for it comes first */
	if (n->flags & NODE_GONE && n->kind == ENTRY_DIR) {
		b = node_away(n, NULL);
		return b ? b : unsure_at(v, n, NULL, n);
	}
	if (n->flags & NODE_GONE) {
		/* or what may have taken its place: that is to be found first
		 */
		b = heir_of(n);
		return b ? b : unsure_at(v, node_rparent(n), node_rname(n), n);
	}
	if (n->parent && n->parent->flags & NODE_NEW)
		return n->parent;
	if (n->flags & (NODE_NEW | NODE_AWAY)) {
		b = occupier(v, n);
		if (b)
			return b;
	}
	if (n->flags & NODE_AWAY && n->kind == ENTRY_DIR &&
	    is_below(n->parent, n))
		return first_away(n->parent, n);
	if ((n->flags & NODE_PENDING) == NODE_META && n->kind == ENTRY_DIR)
		return unsent_in(n);
	return NULL;
}

static bool in_circle(struct vfs *v, struct node *n)
{
	struct node *b = blocker(v, n);

	for (unsigned i = 0; b && i < CIRCLE_MAX; i++) {
		if (b == n)
			return true;
		b = blocker(v, b);
	}
	return false;
}

/* ---- actions under way --------------------------------------------------- */

static bool takes_along(const struct job *j)
{
	return j->n->kind == ENTRY_DIR &&
	       (j->action == ACT_MOVE || j->action == ACT_DELETE);
}

static bool touches_below(const struct job *j, const struct node *top)
{
	return is_below(j->to, top) || is_below(j->from, top);
}

static bool is_spot(const struct node *dir, const char *name,
		    const struct job *j)
{
	return (dir == j->to && strcmp(name, j->to_name) == 0) ||
	       (dir == j->from && strcmp(name, j->from_name) == 0);
}

static bool same_spot(const struct job *a, const struct job *b)
{
	return (a->to && is_spot(a->to, a->to_name, b)) ||
	       (a->from && is_spot(a->from, a->from_name, b));
}

/* A folder above that may have been moved: who knows where this is. */
static struct node *unsure_above(const struct node *n, struct node *dir)
{
	for (; dir; dir = node_rparent(dir))
		if (dir != n && dir->flags & NODE_UNSURE)
			return dir;
	return NULL;
}

/* The node of an action that must be over before this one; or NULL. */
static struct node *in_the_way(const struct job *j)
{
	struct node *dir = NULL;

	/* of what was under way when killed, no two were below each other */
	if (!j->opened)
		dir = unsure_above(j->n, j->to);
	if (!dir && !j->opened)
		dir = unsure_above(j->n, j->from);
	if (dir)
		return dir;
	for (struct job *k = j->v->sending->jobs; k; k = k->next)
		if (same_spot(j, k) ||
		    (takes_along(k) && touches_below(j, k->n)) ||
		    (takes_along(j) && touches_below(k, j->n)))
			return k->n;
	return NULL;
}

void act_on(struct node *dir, int more)
{
	if (!dir || !dir->dir)
		return;
	dir->dir->acted++;
	dir->dir->acting += (unsigned)more;
}

static void begin(struct job *j)
{
	struct node *all[] = { j->n, j->over, j->to, j->from };

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i])
			node_hold(all[i]);
	act_on(j->to, 1);
	act_on(j->from, 1);
	j->next = j->v->sending->jobs;
	j->v->sending->jobs = j;
}

static void end(struct job *j)
{
	struct node *all[] = { j->n, j->over, j->to, j->from };
	struct job **at = &j->v->sending->jobs;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	act_on(j->to, -1);
	act_on(j->from, -1);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i])
			node_release(j->v, all[i]);
}

/* ---- planning: with the lock --------------------------------------------- */

static enum action action_for(const struct node *n)
{
	if (n->flags & NODE_GONE)
		return ACT_DELETE;
	if (n->flags & NODE_NEW)
		return n->kind == ENTRY_DIR    ? ACT_MKDIR
		       : n->kind == ENTRY_LINK ? ACT_LINK
					       : ACT_PUT;
	if (n->flags & NODE_AWAY)
		return ACT_MOVE;
	if (n->flags & NODE_DIRTY && n->kind == ENTRY_FILE)
		return ACT_PUT;
	return ACT_META;
}

static const struct entry *seen_of(struct op *op, const struct node *n)
{
	struct posix_meta m;
	struct entry e;

	if (!n || !node_seen(n, &e, &m))
		return NULL;
	e = entry_copy(&op->arena, &e);
	return arena_memdup(&op->arena, &e, sizeof(e));
}

static uint32_t type_of(const struct node *n)
{
	return n->kind == ENTRY_DIR    ? S_IFDIR
	       : n->kind == ENTRY_LINK ? S_IFLNK
				       : S_IFREG;
}

/* What the place is to keep of it, as far as it is known here. */
static void fill_want(struct job *j)
{
	const struct node *n = j->n;
	const struct posix_meta *old = j->seen ? j->seen->posix : NULL;

	j->want = (struct entry){ .kind = (enum entry_kind)n->kind,
				  .name = j->to_name,
				  .size = n->size,
				  .mtime = n->mtime };
	if (!be_can(j->v->be, BE_POSIX) || (!n->has_mode && !old))
		return;
	j->meta = old ? *old : (struct posix_meta){ 0 };
	j->meta.target = NULL;
	if (n->has_mode)
		j->meta.mode = (n->mode & 07777) | type_of(n);
	if (n->has_owner) {
		j->meta.uid = n->uid;
		j->meta.gid = n->gid;
	} else if (!old) {
		j->meta.uid = geteuid();
		j->meta.gid = getegid();
	}
	if (n->target)
		j->meta.target = arena_strdup(&j->op->arena, n->target);
	j->want.posix = &j->meta;
}

static void set_target(struct job *j, struct node *dir, const char *name)
{
	const struct folder *f = dir->dir;
	int64_t age =
		f && f->listed_at ? clock_mono() - f->listed_at : INT64_MAX;

	j->to = dir;
	j->to_name = arena_strdup(&j->op->arena, name);
	j->listed = age < LISTED_LATELY;
	j->known = j->listed || age < j->v->opt.dir_time;
}

/* The same again after a kill, and not that of another mount. */
static void way_out(const struct vfs *v, const struct node *n,
		    char name[WAY_OUT])
{
	snprintf(name, WAY_OUT, ".ferry-away-%08x-%" PRIu64,
		 (unsigned)fnv(v->dir, strlen(v->dir)), n->ino);
}

/* The nearest folder that is there already and does not itself go along. */
static struct node *way_out_dir(const struct node *n)
{
	struct node *dir = n->parent;
	struct buf path = BUF_INIT;

	while (dir->parent &&
	       (is_below(dir, n) || !node_remote_path(dir, &path)))
		dir = dir->parent;
	buf_free(&path);
	return dir;
}

/*
 * Where it would be brought out of a circle.  One that is in another folder,
 * from an earlier circle, is not: that folder may be deleted since.
 */
static bool is_out(const struct vfs *v, const struct node *n)
{
	char name[WAY_OUT];

	way_out(v, n, name);
	return strcmp(node_rname(n), name) == 0 &&
	       node_rparent(n) == way_out_dir(n);
}

/* Out of a circle: to a name that is only ever ours. */
static void set_way_out(struct job *j)
{
	char name[WAY_OUT];

	way_out(j->v, j->n, name);
	set_target(j, way_out_dir(j->n), name);
}

static void set_from(struct job *j)
{
	if (j->n->flags & NODE_NEW)
		return;
	j->from = node_rparent(j->n);
	j->from_name = arena_strdup(&j->op->arena, node_rname(j->n));
}

static void set_places(struct job *j, bool circle)
{
	struct node *n = j->n;

	set_from(j);
	j->circle = circle;
	if (circle)
		set_way_out(j);
	else if (n->parent)
		set_target(j, n->parent, n->name);
	if (!j->to)
		return;
	j->over = node_at_remote(j->to, j->to_name);
	if (j->over == n || (j->over && !(j->over->flags & NODE_GONE)))
		j->over = NULL;
}

/* A folder above, at the place, that is nowhere: it vanished there. */
static struct node *missing_above(struct node *dir)
{
	for (; dir; dir = node_rparent(dir))
		if (dir->flags & NODE_NEW)
			return dir;
	return NULL;
}

/* First what an earlier action may have done. */
static bool set_look(struct job *j)
{
	const struct unsure *u = unsure_elsewhere(j->v, j->n);

	if (!u)
		return false;
	if (missing_above(u->to)) { /* nothing can have come there */
		unsure_forget(j->v, j->n);
		return false;
	}
	j->action = ACT_LOOK;
	j->opened = u->opened;
	set_from(j);
	set_target(j, u->to, u->name);
	return true;
}

static int wait_for(struct job *j, struct node *whom)
{
	queue_wait_for(j->v, j->n, whom);
	return PLAN_WAIT;
}

static void add_name(struct buf *path, const struct node *dir, const char *name)
{
	if (!node_remote_path(dir, path))
		BUG("\"%s\": its folder is nowhere", name);
	if (path->len)
		buf_adds(path, "/");
	buf_adds(path, name);
}

/* Where it was is no more: so it is nowhere, or has gone by itself. */
static int source_is_lost(struct job *j)
{
	struct node *n = j->n;

	if (n->flags & NODE_GONE)
		node_drop(j->v, n);
	else
		node_set_new(j->v, n);
	return PLAN_NOTHING;
}

static int plan(struct job *j)
{
	struct node *n = j->n, *b;
	bool circle = false;

	if (!queue_wants(n))
		return PLAN_NOTHING;
	if (!set_look(j)) {
		if (!(n->flags & NODE_PENDING)) {
			unsure_forget(j->v, n);
			return PLAN_NOTHING;
		}
		b = n->parent ? unsure_at(j->v, n->parent, n->name, n) : NULL;
		if (!b && (b = blocker(j->v, n))) {
			circle = n->flags & NODE_AWAY && !is_out(j->v, n) &&
				 in_circle(j->v, n);
			b = circle ? NULL : b;
		}
		if (b)
			return wait_for(j, b);
		j->action = action_for(n);
		set_places(j, circle);
	}
	if (j->to && (b = missing_above(j->to)))
		return wait_for(j, b);
	if (j->from && missing_above(j->from))
		return source_is_lost(j);
	b = in_the_way(j);
	if (b)
		return wait_for(j, b);
	if (!may_ask_locked(j->v))
		return err_set(&j->op->err, ERR_NETWORK, "out of reach");
	j->seen = seen_of(j->op, n);
	j->over_seen = seen_of(j->op, j->over);
	fill_want(j);
	j->killed = unsure_was_opened(j->v, n);
	if (j->to)
		add_name(&j->to_path, j->to, j->to_name);
	if (j->from)
		add_name(&j->from_path, j->from, j->from_name);
	begin(j);
	return PLAN_GO;
}

/* -------------------------------------------------------------------------- */

/*
 * Who has a file open reads it to its end, though its name was given up: what
 * the place is about to lose is fetched first.
 */
static int fetch_for_readers(struct job *j, struct node *n)
{
	const struct err *e = &j->op->err;
	struct content *c;
	bool wanted;
	int rc;

	vfs_lock(j->v);
	wanted = n && n->flags & NODE_GONE && n->opens && !all_here(n);
	vfs_unlock(j->v);
	if (!wanted)
		return 0;
	rc = content_get(j->v, j->op, n, &c);
	if (rc == 0) {
		rc = content_need(j->v, j->op, c, 0, INT64_MAX);
		content_put(j->v, c);
	}
	if (rc < 0 && (err_info(e->kind)->retry || e->kind == ERR_CANCELED))
		return -1;
	err_clear(&j->op->err); /* it has gone, or there is no room */
	return 0;
}

static int act(struct job *j)
{
	if (fetch_for_readers(j, j->n) < 0 || fetch_for_readers(j, j->over) < 0)
		return -1;
	switch (j->action) {
	case ACT_MKDIR: return send_mkdir(j);
	case ACT_PUT: return send_put(j);
	case ACT_LINK: return send_link(j);
	case ACT_MOVE: return send_move(j);
	case ACT_DELETE: return send_delete(j);
	case ACT_META: return send_meta(j);
	case ACT_LOOK: return send_look(j);
	case ACT_NOTHING: break;
	}
	BUG("no action for \"%s\"", j->n->name);
}

/*
 * So that a kill does not have it done again: that would do no harm, unless
 * more is changed before.
 */
static void note(struct job *j)
{
	struct op op = op_begin(&j->v->cancel);

	if (store_commit(j->v, &op, false) < 0)
		log_info(NULL, "%s", op.err.msg); /* the keeper tries again */
	op_end(&op);
}

/*
 * What was under way when an earlier run was killed may arrive a little later:
 * the server has yet to come to its end.
 */
#define SETTLED_AFTER NS_PER_SEC

static int settle(struct job *j)
{
	int64_t left = j->v->sending->opened + SETTLED_AFTER - clock_mono();

	if (!j->killed || left <= 0 || !be_can(j->v->be, BE_REMOTE))
		return 0;
	return op_sleep(j->op, (unsigned)(left / (NS_PER_SEC / 1000)) + 1);
}

int send_node(struct vfs *v, struct op *op, struct node *n)
{
	struct job j = { .v = v,
			 .op = op,
			 .n = n,
			 .to_path = BUF_INIT,
			 .from_path = BUF_INIT };
	int what, rc;

	vfs_lock(v);
	what = plan(&j);
	vfs_unlock(v);
	if (what != PLAN_GO)
		return what == PLAN_WAIT ? 2 : what < 0 ? -1 : 0;
	rc = settle(&j) < 0 ? -1 : act(&j);
	vfs_lock(v);
	job_outcome(&j, rc);
	end(&j);
	vfs_unlock(v);
	if (rc == 0)
		note(&j);
	buf_free(&j.to_path);
	buf_free(&j.from_path);
	return rc;
}
