/*
 * Looking for what an action has done whose end was not heard, and telling it
 * from what is somebody else's.
 */
#include <string.h>

#include "vfs/sending.h"

/* What may be at a spot, copied. */
struct guess {
	enum entry_kind kind;
	const struct entry *seen; /* or NULL */
	const char *target;       /* of a link; or NULL */
};

/* With the lock: `*out` in j->op's arena; how many there are. */
static size_t guesses_at(struct job *j, const struct node *who,
			 const struct node *dir, const char *name,
			 struct guess **out)
{
	const struct unsures *all = &j->v->sending->unsure;
	struct arena *a = &j->op->arena;
	size_t n = 0;

	*out = arena_alloc(a, (all->n + 1) * sizeof(**out));
	for (size_t i = 0; i < all->n; i++) {
		const struct unsure *u = &all->at[i];
		struct guess *g = &(*out)[n];
		struct posix_meta m;
		struct entry e;

		if ((who && u->n != who) || u->to != dir ||
		    strcmp(u->name, name) != 0)
			continue;
		*g = (struct guess){ .kind = (enum entry_kind)u->n->kind };
		if (u->n->target)
			g->target = arena_strdup(a, u->n->target);
		if (u->seen) {
			entry_unpack(u->seen, &e, &m);
			e = entry_copy(a, &e);
			g->seen = arena_memdup(a, &e, sizeof(e));
		}
		n++;
	}
	return n;
}

/*
 * What was sent is known by its hash, where that is known, even if the file has
 * to be read for it: of the place's time nobody can be sure before it has been
 * heard.  1, 0, -1.
 */
static int is_that(struct job *j, const struct guess *g, const char *path,
		   const struct entry *now, struct digests *there)
{
	const struct entry *e = g->seen;

	if (now->kind != g->kind)
		return 0;
	if (now->kind == ENTRY_DIR)
		return 1;
	if (now->kind == ENTRY_LINK)
		return now->posix && now->posix->target && g->target &&
		       strcmp(now->posix->target, g->target) == 0;
	if (!e || (e->size != now->size && e->size != SIZE_UNKNOWN &&
		   now->size != SIZE_UNKNOWN))
		return 0;
	if (!e->hash.have || digests_compare(&e->hash, &now->hash) >= 0)
		return same_seen(j->v, e, now);
	if (!(there->have & e->hash.have) &&
	    place_hash(j, path, now, e->hash.have, there) < 0)
		return -1;
	return digests_compare(&e->hash, there) == 1;
}

int unsure_arrived(struct job *j, const struct node *who,
		   const struct node *dir, const char *name, const char *path,
		   const struct entry *now)
{
	struct digests there = { 0 };
	struct guess *g;
	int rc = 0;
	size_t n;

	vfs_lock(j->v);
	n = guesses_at(j, who, dir, name, &g);
	vfs_unlock(j->v);
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = is_that(j, &g[i], path, now, &there);
	return rc;
}

int unsure_is(struct job *j, const struct entry *now)
{
	struct node *n = j->n;
	int rc = unsure_arrived(j, NULL, j->to, j->to_name, j->to_path.data,
				now);

	if (rc <= 0)
		return rc;
	vfs_lock(j->v);
	rc = !(n->flags & NODE_DROPPED);
	if (rc && n->flags & NODE_NEW) {
		job_consume(j);
		node_set_remote(j->v, n, j->to, j->to_name);
	}
	if (rc) {
		node_set_seen(j->v, n, now);
		unsure_forget(j->v, n);
	}
	vfs_unlock(j->v);
	return rc;
}

/*
 * Whether an action on it has begun.  (NODE_SENDING alone may be a sender that
 * has yet to find that it waits for this one.)
 */
static bool is_at_work(const struct vfs *v, const struct node *n)
{
	for (const struct job *k = v->sending->jobs; k; k = k->next)
		if (k->n == n)
			return true;
	return false;
}

/* With the lock: it is there, perhaps over something that was deleted. */
static bool found(struct job *j, const struct entry *now)
{
	struct node *t = node_at_remote(j->to, j->to_name);
	struct vfs *v = j->v;

	if (t && t != j->n) {
		if (!(t->flags & NODE_GONE) || is_at_work(v, t) ||
		    t->kind == ENTRY_DIR)
			return false;
		unsure_forget(v, t);
		node_drop(v, t);
	}
	node_set_remote(v, j->n, j->to, j->to_name);
	if (now->kind != ENTRY_DIR)
		node_set_seen(v, j->n, now);
	return true;
}

/* A link is not moved, but made anew. */
static void found_link(struct job *j, const struct entry *now)
{
	struct buf seen = BUF_INIT;
	struct entry lean = *now;

	if (j->n->flags & NODE_NEW) {
		lean.name = "";
		lean.posix = NULL;
		entry_pack(&seen, &lean);
		unsure_left(j->v, j->to, j->to_name, ENTRY_LINK, seen.data);
	} else {
		found(j, now);
	}
	buf_free(&seen);
}

/* With the lock; `old`: it is where it was, too, or NULL. */
static void arrived(struct job *j, const struct entry *now,
		    const struct entry *old)
{
	if (now->kind == ENTRY_LINK)
		found_link(j, now);
	else if (found(j, now) && old)
		job_leave_source(j, old);
}

/* Where it is in any case: which of its contents is there? */
static int look_again(struct job *j)
{
	struct node *n = j->n;
	struct entry now;
	int rc = job_look(j, j->to_path.data, &now);

	if (rc > 0)
		rc = unsure_arrived(j, n, j->to, j->to_name, j->to_path.data,
				    &now);
	if (rc < 0)
		return -1;
	vfs_lock(j->v);
	if (rc && !(n->flags & (NODE_NEW | NODE_DROPPED)))
		node_set_seen(j->v, n, &now);
	unsure_forget(j->v, n);
	vfs_unlock(j->v);
	return 0;
}

int send_look(struct job *j)
{
	struct entry now, old;
	struct vfs *v = j->v;
	int rc, stayed = 0;

	if (j->from == j->to && strcmp(j->from_name, j->to_name) == 0)
		return look_again(j);
	rc = job_look(j, j->to_path.data, &now);
	if (rc > 0 && j->from)
		stayed = job_look(j, j->from_path.data, &old);
	if (rc < 0 || stayed < 0)
		return -1;
	if (rc > 0)
		rc = unsure_arrived(j, j->n, j->to, j->to_name, j->to_path.data,
				    &now);
	/*
	 * Both are there.  Either it was copied and not deleted yet, or nothing
	 * has happened, and what it was to replace only looks like it: as old,
	 * as large, so with Apache's ETag.
	 */
	if (rc > 0 && stayed)
		rc = same_at_place(j, j->to_path.data, &now, j->from_path.data,
				   &old);
	if (rc < 0)
		return -1;
	if (stayed && now.kind == ENTRY_DIR && old.kind == ENTRY_DIR &&
	    rest_is_ours(j))
		return send_rest(j);
	vfs_lock(v);
	if (rc > 0 && !((j->n->flags | j->to->flags) & NODE_DROPPED))
		arrived(j, &now, stayed ? &old : NULL);
	if (j->n->flags & NODE_DROPPED)
		unsure_dropped(v, j->n);
	unsure_forget(v, j->n);
	vfs_unlock(v);
	return 0;
}
