#include "vfs/parts.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

struct rename {
	struct node *from, *to; /* the folders */
	const char *name, *new_name;
	struct node *n, *old; /* what has the names; old may be NULL */
	unsigned flags;
};

static bool is_within(const struct node *n, const struct node *dir)
{
	for (; n; n = n->parent)
		if (n == dir)
			return true;
	return false;
}

/*
 * What is at the place has to be moved there.  mv(1) copies where that cannot
 * be.  A link is made anew.
 */
static int check_movable(const struct vfs *v, struct op *op,
			 const struct node *n)
{
	unsigned need = n->kind == ENTRY_DIR ? BE_MOVE_DIR : BE_MOVE;

	if (n->flags & NODE_NEW || n->kind == ENTRY_LINK || be_can(v->be, need))
		return 0;
	return vfs_fail(op, EXDEV, "%s cannot move \"%s\"", v->be->name,
			n->name);
}

static int check_replace(struct op *op, const struct rename *r)
{
	bool dir = r->n->kind == ENTRY_DIR, old_dir;

	if (!r->old)
		return 0;
	old_dir = r->old->kind == ENTRY_DIR;
	if (dir && !old_dir)
		return vfs_fail(op, ENOTDIR, "\"%s\"", r->new_name);
	if (!dir && old_dir)
		return vfs_fail(op, EISDIR, "\"%s\"", r->new_name);
	if (old_dir && r->old->dir && r->old->dir->n)
		return vfs_fail(op, ENOTEMPTY, "\"%s\"", r->new_name);
	return 0;
}

static int check(const struct vfs *v, struct op *op, const struct rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (!r->n || (exchange && !r->old))
		return vfs_fail(op, ENOENT, "\"%s\"",
				r->n ? r->new_name : r->name);
	if (r->flags & RENAME_NOREPLACE && r->old)
		return vfs_fail(op, EEXIST, "\"%s\"", r->new_name);
	if (r->n == r->old)
		return 0;
	if (is_within(r->to, r->n) || (exchange && is_within(r->from, r->old)))
		return vfs_fail(op, EINVAL, "\"%s\" into itself", r->name);
	/* the kernel has seen to that; a folder that holds `n` is not empty */
	if (r->old && is_within(r->from, r->old))
		return vfs_fail(op, ENOTEMPTY, "\"%s\"", r->new_name);
	if (check_movable(v, op, r->n) < 0)
		return -1;
	return exchange ? check_movable(v, op, r->old) : check_replace(op, r);
}

/* A link at the place goes; the one here is made anew under its new name. */
static void leave_behind(struct vfs *v, struct node *n)
{
	struct node *rparent = node_rparent(n), *left;
	char *rname;

	if (n->kind != ENTRY_LINK || n->flags & NODE_NEW || !n->target)
		return;
	rname = xstrdup(node_rname(n));
	left = node_new(v, ENTRY_LINK, rname);
	left->seen = n->seen;
	n->seen = NULL;
	node_set_new(v, n);
	node_set_remote(v, left, rparent, rname);
	queue_changed(v, left);
	free(rname);
}

static void move(struct vfs *v, struct node *n, struct node *dir,
		 const char *name)
{
	leave_behind(v, n);
	node_move(v, n, dir, name);
	n->ctime = clock_wall();
	queue_changed(v, n);
}

static void touch(struct vfs *v, struct node *dir)
{
	dir->mtime = dir->ctime = clock_wall();
	store_save(v, dir);
}

static void do_rename(struct vfs *v, struct rename *r)
{
	if (r->n == r->old)
		return;
	node_hold(r->n);
	if (r->flags & RENAME_EXCHANGE) {
		move(v, r->old, r->from, r->name);
	} else if (r->old) {
		node_hold(r->old);
		node_set_gone(v, r->old);
		r->old->ctime = clock_wall();
		if (!(r->old->flags & NODE_DROPPED))
			queue_changed(v, r->old);
		node_release(v, r->old);
	}
	move(v, r->n, r->to, r->new_name);
	node_release(v, r->n);
	touch(v, r->from);
	touch(v, r->to);
}

/* With both folders held and the lock, which is let go of meanwhile. */
static int rename_in(struct vfs *v, struct op *op, struct rename *r)
{
	const struct node *looked_into = NULL;

	if (folder_ready(v, op, r->from) < 0 || folder_ready(v, op, r->to) < 0)
		return -1;
	for (;;) {
		if ((r->from->flags | r->to->flags) &
		    (NODE_GONE | NODE_DROPPED))
			return vfs_fail(op, ENOENT, "folder of \"%s\"",
					r->name);
		r->n = node_child(r->from, r->name);
		r->old = node_child(r->to, r->new_name);
		if (check(v, op, r) < 0)
			return -1;
		if (!r->old || r->old->kind != ENTRY_DIR ||
		    r->flags & RENAME_EXCHANGE || r->old == looked_into ||
		    r->old == r->n)
			break;
		/* is it empty? */
		looked_into = r->old;
		node_hold(r->old);
		if (folder_ready(v, op, r->old) < 0) {
			node_release(v, r->old);
			return -1;
		}
		node_release(v, r->old);
	}
	do_rename(v, r);
	return 0;
}

int vfs_rename(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	       uint64_t new_parent, const char *new_name, unsigned flags)
{
	struct rename r = { .name = name,
			    .new_name = new_name,
			    .flags = flags };
	struct node *old;
	int rc = -1;

	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return vfs_fail(op, EINVAL, "rename with flags %x", flags);
	if (names_begin(v, op, new_parent, new_name, &r.to, &old) < 0)
		return -1;
	r.from = node_find(v, parent);
	if (!r.from || r.from->kind != ENTRY_DIR) {
		vfs_fail(op, ENOENT, "folder %llu", (unsigned long long)parent);
	} else {
		node_hold(r.from);
		rc = rename_in(v, op, &r);
		node_release(v, r.from);
	}
	names_end(v, r.to);
	return rc;
}
