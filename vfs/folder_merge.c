#include "vfs/folder.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/fnv.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "vfs/sending.h"

/*
 * What the place has, into what is known.  A name that the place has is looked
 * for among what is at the place, wherever it is here by now; so what was
 * renamed or deleted here meanwhile does not come back.
 */

/* Somebody may believe something else: `name` is NULL, or `ino` is 0. */
static void tell(struct merge *m, const struct node *parent, const char *name,
		 uint64_t ino)
{
	if (!m->v->opt.stale ||
	    (parent && !parent->lookups && parent->ino != VFS_ROOT))
		return;
	*stales_add(&m->stale) = (struct stale){
		.parent = parent ? parent->ino : 0,
		.name = name ? xstrdup(name) : NULL,
		.ino = ino,
	};
}

void merge_tell(struct merge *m)
{
	struct vfs *v = m->v;

	for (size_t i = 0; i < m->stale.n; i++) {
		struct stale *s = &m->stale.at[i];

		v->opt.stale(v->opt.arg, s->parent, s->name, s->ino);
		free(s->name);
	}
	stales_free(&m->stale);
}

/* ---- what is at the place no longer -------------------------------------- */

static void make_again(struct vfs *v, struct node *n)
{
	if (n->kind == ENTRY_FILE)
		n->flags |= NODE_DIRTY;
	node_set_new(v, n);
	queue_changed(v, n);
}

static void drop(struct merge *m, struct node *n)
{
	if (n->parent)
		tell(m, n->parent, n->name, n->lookups ? n->ino : 0);
	node_drop(m->v, n);
}

static bool is_at_place(const struct node *n)
{
	return !(n->flags & (NODE_NEW | NODE_AWAY));
}

static void vanish(struct merge *m, struct node *n);

/* With a folder, all that was in it there. */
static void vanish_inside(struct merge *m, struct node *dir)
{
	struct nodes in = { 0 };
	struct folder *f = dir->dir;

	for (struct node *n = NULL; (n = node_away(dir, n));)
		*nodes_add(&in) = n;
	for (size_t b = 0; b < f->buckets; b++)
		for (struct node *n = f->names[b]; n; n = n->next)
			if (is_at_place(n))
				*nodes_add(&in) = n;
	for (size_t i = 0; i < in.n; i++)
		node_hold(in.at[i]);
	for (size_t i = 0; i < in.n; i++) {
		if (node_rparent(in.at[i]) == dir)
			vanish(m, in.at[i]);
		node_release(m->v, in.at[i]);
	}
	nodes_free(&in);
}

/*
 * What was to be moved is left to the queue: before a kill it may have moved
 * it, so it looks whether it is at its new place.
 */
static void leave_to_queue(struct vfs *v, struct node *n)
{
	queue_changed(v, n);
}

static void vanish_dir(struct merge *m, struct node *n)
{
	struct vfs *v = m->v;

	if (n->dir)
		vanish_inside(m, n);
	if (n->dir && n->dir->n && !(n->flags & NODE_GONE)) {
		make_again(v, n);
	} else if (n->dir && n->dir->n_away) {
		/* it lasts until the queue is done with what was in it */
		if (n->parent)
			tell(m, n->parent, n->name, n->lookups ? n->ino : 0);
		if (!(n->flags & NODE_GONE))
			node_set_gone(v, n);
		leave_to_queue(v, n);
	} else {
		drop(m, n);
	}
}

/*
 * A node whose place is known to be no more.  What is here alone, or was
 * changed here, is to be made again; all else goes.
 */
static void vanish(struct merge *m, struct node *n)
{
	if (n->flags & (NODE_SENDING | NODE_DROPPED))
		return; /* who is at it will see */
	if (n->flags & NODE_AWAY)
		leave_to_queue(m->v, n);
	else if (n->kind == ENTRY_DIR)
		vanish_dir(m, n);
	else if (n->flags & NODE_DIRTY && all_here(n) &&
		 !(n->flags & NODE_GONE))
		make_again(m->v, n);
	else if (!(n->flags & NODE_DIRTY) || n->flags & NODE_GONE)
		drop(m, n);
	/* else what was written here stays, and the queue tells the user */
}

/* Its name there is another's: a move that was done, or somebody else. */
static void vanish_for_good(struct merge *m, struct node *n)
{
	if (n->flags & (NODE_SENDING | NODE_DROPPED) || !(n->flags & NODE_AWAY))
		vanish(m, n);
	else if (n->kind == ENTRY_DIR || all_here(n))
		make_again(m->v, n);
	else if (!(n->flags & NODE_DIRTY))
		drop(m, n);
}

/* ---- what is there ------------------------------------------------------- */

static bool same_time(const struct vfs *v, int64_t a, int64_t b)
{
	int64_t step = v->be->mtime_step > 0 ? v->be->mtime_step : 1, gap;

	if (a == MTIME_UNKNOWN || b == MTIME_UNKNOWN)
		return true;
	return !__builtin_sub_overflow(a, b, &gap) && gap < step && gap > -step;
}

/* Whether the content is another than it was. */
static bool other_content(const struct vfs *v, const struct entry *was,
			  const struct entry *is)
{
	if (is->kind != ENTRY_FILE)
		return false;
	if (was->size != is->size)
		return true;
	switch (digests_compare(&was->hash, &is->hash)) {
	case 0: return true;
	case 1: return false;
	default: break;
	}
	if (was->tag && is->tag && strcmp(was->tag, is->tag) != 0)
		return true;
	return !same_time(v, was->mtime, is->mtime);
}

static bool same_rights(const struct entry *a, const struct entry *b)
{
	if (!a->posix || !b->posix)
		return a->posix == b->posix;
	return a->posix->mode == b->posix->mode &&
	       a->posix->uid == b->posix->uid && a->posix->gid == b->posix->gid;
}

static void set_target(struct node *n, const struct entry *e)
{
	const char *target = e->posix ? e->posix->target : NULL;

	if (e->kind != ENTRY_LINK || !target ||
	    (n->target && strcmp(n->target, target) == 0))
		return;
	free(n->target);
	n->target = xstrdup(target);
}

static void set_times(struct node *n, const struct entry *e)
{
	if (e->mtime != MTIME_UNKNOWN)
		n->mtime = e->mtime;
	if (e->posix)
		n->ctime = e->posix->ctime;
	else if (n->ctime < n->mtime)
		n->ctime = n->mtime;
}

/* A clean node: it is what the place has. */
static void refresh(struct merge *m, struct node *n, const struct entry *e)
{
	struct vfs *v = m->v;
	struct posix_meta meta;
	struct entry was;
	bool had = node_seen(n, &was, &meta);
	bool other =
		e->kind == ENTRY_FILE && (!had || other_content(v, &was, e));
	bool rights = had && !same_rights(&was, e);
	bool time = !had || !same_time(v, was.mtime, e->mtime);

	if (other) {
		content_forget(v, n);
		n->size = e->size;
		n->flags |= NODE_NO_KEEP;
	}
	set_target(n, e);
	node_set_seen(v, n, e);
	if (!(n->flags & NODE_META)) {
		/* a folder's own changes here are later than it knows of */
		if (other || (time && (n->kind != ENTRY_DIR || !had ||
				       e->mtime > n->mtime)))
			set_times(n, e);
		if (rights)
			n->has_mode = n->has_owner = false;
	}
	if (other || rights || time)
		tell(m, NULL, NULL, n->lookups ? n->ino : 0);
}

static void add(struct merge *m, const struct entry *e)
{
	struct node *n = node_new(m->v, e->kind, e->name);

	n->size = e->kind == ENTRY_FILE ? e->size : 0;
	n->mtime = n->ctime = e->mtime;
	if (e->mtime == MTIME_UNKNOWN)
		n->mtime = n->ctime = clock_wall();
	set_times(n, e);
	set_target(n, e);
	node_link(m->v, n, m->dir, e->name);
	node_set_seen(m->v, n, e);
	n->flags |= NODE_FOUND;
	if (m->known)
		tell(m, m->dir, e->name, 0);
}

/* The name is taken here, and not by what the place has under it. */
static void meet(struct merge *m, struct node *local, const struct entry *e)
{
	if (local->kind != ENTRY_DIR || e->kind != ENTRY_DIR ||
	    !(local->flags & NODE_NEW) || local->flags & NODE_SENDING)
		return; /* the queue will run into it */
	/*
	 * A folder that both sides have made is one.  It is listed when next
	 * it is looked at; out of reach, what is here is shown.
	 */
	node_set_remote(m->v, local, m->dir, e->name);
	node_set_seen(m->v, local, e);
	local->flags &= ~(uint32_t)NODE_LISTED;
	local->flags |= NODE_MET;
	if (local->dir)
		local->dir->listed_at = 0;
	local->flags |= NODE_FOUND;
	queue_changed(m->v, local);
}

/*
 * The name that the queue gives to what goes out of others' way (send.c).  It
 * did so before a kill, if the node is believed elsewhere.
 */
static struct node *out_of_the_way(struct merge *m, const struct entry *e)
{
	struct vfs *v = m->v;
	char prefix[32];
	struct node *n;
	int64_t ino;
	size_t len;

	len = (size_t)snprintf(prefix, sizeof(prefix), ".ferry-away-%08x-",
			       (unsigned)fnv(v->dir, strlen(v->dir)));
	if (strncmp(e->name, prefix, len) != 0 ||
	    !parse_int(e->name + len, &ino) || ino <= VFS_ROOT)
		return NULL;
	n = node_find(v, (uint64_t)ino);
	if (!n || !(n->flags & NODE_AWAY) || n->flags & NODE_SENDING ||
	    n->kind != e->kind)
		return NULL;
	node_set_remote(v, n, m->dir, e->name);
	queue_changed(v, n);
	return n;
}

/* It may be one of ours, on its way to another name: the queue looks first. */
static bool is_unsure(const struct merge *m, const char *name)
{
	return m->v->sending && unsure_at(m->v, m->dir, name, NULL);
}

static void merge_entry(struct merge *m, const struct entry *e)
{
	struct node *n = node_at_remote(m->dir, e->name);

	if (!n)
		n = out_of_the_way(m, e);

	if (n && n->flags & NODE_SENDING) {
		n->flags |= NODE_FOUND;
		return;
	}
	if (n && m->only_new) {
		n->flags |= NODE_FOUND;
		return;
	}
	if (n && n->kind != e->kind) {
		vanish_for_good(m, n);
		n = NULL;
	}
	if (!n) {
		n = node_child(m->dir, e->name);
		if (n)
			meet(m, n, e);
		else if (!is_unsure(m, e->name))
			add(m, e);
		return;
	}
	n->flags |= NODE_FOUND;
	/* of those `seen` stays: the queue compares it with what is there */
	if (!(n->flags & (NODE_GONE | NODE_DIRTY)))
		refresh(m, n, e);
}

/* What was not found is gone; the marks go in any case. */
static void sweep(struct merge *m, bool whole)
{
	struct nodes lost = { 0 };
	struct folder *f = m->dir->dir;

	/* these first: they may be among the names, too, under another */
	for (struct node *n = NULL; (n = node_away(m->dir, n));) {
		if (!(n->flags & NODE_FOUND))
			*nodes_add(&lost) = n;
		n->flags &= ~(uint32_t)NODE_FOUND;
	}
	for (size_t b = 0; b < f->buckets; b++)
		for (struct node *n = f->names[b]; n; n = n->next) {
			if (!(n->flags & NODE_FOUND) && is_at_place(n))
				*nodes_add(&lost) = n;
			n->flags &= ~(uint32_t)NODE_FOUND;
		}
	for (size_t i = 0; i < lost.n; i++)
		node_hold(lost.at[i]);
	for (size_t i = 0; i < lost.n; i++) {
		if (whole && node_rparent(lost.at[i]) == m->dir)
			vanish(m, lost.at[i]);
		node_release(m->v, lost.at[i]);
	}
	nodes_free(&lost);
}

int merge_listing(struct merge *m, struct op *op, struct listing *l)
{
	struct vfs *v = m->v;
	size_t told = m->stale.n;
	struct posix_meta meta;
	struct entry e;
	unsigned too_long = 0;
	int rc;

	m->known = m->dir->flags & NODE_LISTED;
	while ((rc = listing_next(l, op, &e, &meta)) == 1) {
		if (strlen(e.name) <= NAME_MAX)
			merge_entry(m, &e);
		else
			too_long++;
	}
	if (too_long)
		log_notice(m->dir->name, "%u names are too long for Linux",
			   too_long);
	sweep(m, rc == 0 && !m->only_new);
	if (m->stale.n != told)
		tell(m, NULL, NULL, m->dir->lookups ? m->dir->ino : 0);
	if (rc < 0)
		return -1;
	if (!(m->dir->flags & NODE_LISTED)) {
		m->dir->flags |= NODE_LISTED;
		m->dir->flags &= ~(uint32_t)NODE_MET;
		store_save(v, m->dir);
	}
	return 0;
}

void folder_merge_one(struct vfs *v, struct node *dir, const struct entry *e)
{
	struct merge m = { .v = v, .dir = dir };
	struct node *n;

	if (!dir->dir || strlen(e->name) > NAME_MAX)
		return;
	merge_entry(&m, e);
	n = node_at_remote(dir, e->name);
	if (n)
		n->flags &= ~(uint32_t)NODE_FOUND;
	for (size_t i = 0; i < m.stale.n; i++)
		free(m.stale.at[i].name);
	stales_free(&m.stale);
}
