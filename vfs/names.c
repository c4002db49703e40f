#include "vfs/parts.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "vfs/store.h"

static const char temp_prefix[] = ".ferry-tmp.";

/*
 * Names of the drivers' own temporary files are refused: a listing leaves them
 * out, so such a file would be gone once it is sent.
 */
static int check_name(struct op *op, const char *name)
{
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strchr(name, '/') ||
	    strncmp(name, temp_prefix, sizeof(temp_prefix) - 1) == 0)
		return vfs_fail(op, EINVAL, "name \"%s\"", name);
	if (strlen(name) > NAME_MAX)
		return vfs_fail(op, ENAMETOOLONG, "name \"%.40s...\"", name);
	return 0;
}

/* The folder, held; with the lock. NULL: op->err. */
static struct node *hold_folder(struct vfs *v, struct op *op, uint64_t ino)
{
	struct node *dir = node_find(v, ino);

	if (!dir || dir->flags & (NODE_GONE | NODE_DROPPED)) {
		vfs_fail(op, ENOENT, "folder %llu", (unsigned long long)ino);
		return NULL;
	}
	if (dir->kind != ENTRY_DIR) {
		vfs_fail(op, ENOTDIR, "\"%s\"", dir->name);
		return NULL;
	}
	node_hold(dir);
	return dir;
}

/* It may have gone while it was listed. */
static int ready(struct vfs *v, struct op *op, struct node *dir)
{
	if (folder_ready(v, op, dir) < 0)
		return -1;
	if (dir->flags & (NODE_GONE | NODE_DROPPED))
		return vfs_fail(op, ENOENT, "folder \"%s\"", dir->name);
	return 0;
}

int names_begin(struct vfs *v, struct op *op, uint64_t parent, const char *name,
		struct node **dir, struct node **old)
{
	if (check_name(op, name) < 0)
		return -1;
	if (v->opt.read_only)
		return vfs_fail(op, EROFS, "\"%s\"", name);
	vfs_lock(v);
	*dir = hold_folder(v, op, parent);
	if (*dir && ready(v, op, *dir) == 0) {
		*old = node_child(*dir, name);
		return 0;
	}
	if (*dir)
		node_release(v, *dir);
	vfs_unlock(v);
	return -1;
}

void names_end(struct vfs *v, struct node *dir)
{
	node_release(v, dir);
	vfs_unlock(v);
}

static void touch(struct vfs *v, struct node *n)
{
	n->mtime = n->ctime = clock_wall();
	store_save(v, n);
}

static bool keeps_modes(const struct vfs *v)
{
	return v->opt.local_modes || be_can(v->be, BE_POSIX);
}

struct node *names_add(struct vfs *v, struct node *dir, const char *name,
		       enum entry_kind kind, uint32_t mode)
{
	struct node *n = node_new(v, kind, name);

	n->flags |= NODE_NEW;
	if (kind == ENTRY_DIR) {
		n->flags |= NODE_LISTED;
		n->dir = xcalloc(1, sizeof(*n->dir));
	}
	if (keeps_modes(v) && kind != ENTRY_LINK) {
		n->has_mode = true;
		n->mode = mode & 07777;
	}
	node_link(v, n, dir, name);
	touch(v, n);
	touch(v, dir);
	return n;
}

int vfs_lookup(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	       struct vfs_attr *out)
{
	struct node *dir, *n;
	int rc = -1;

	if (strlen(name) > NAME_MAX)
		return vfs_fail(op, ENAMETOOLONG, "name \"%.40s...\"", name);
	vfs_lock(v);
	dir = hold_folder(v, op, parent);
	if (!dir)
		goto out;
	if (folder_ready(v, op, dir) == 0) {
		n = node_child(dir, name);
		if (n) {
			n->lookups++;
			node_attr(v, n, out);
			rc = 0;
		} else {
			vfs_fail(op, ENOENT, "\"%s\"", name);
		}
	}
	node_release(v, dir);
out:
	vfs_unlock(v);
	return rc;
}

void vfs_forget(struct vfs *v, uint64_t ino, uint64_t lookups)
{
	struct node *n;

	vfs_lock(v);
	n = node_find(v, ino);
	if (n) {
		n->lookups -= lookups < n->lookups ? lookups : n->lookups;
		node_tidy(v, n);
	}
	vfs_unlock(v);
}

int vfs_mkdir(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	      uint32_t mode, struct vfs_attr *out)
{
	struct node *dir, *old, *n;
	int rc = -1;

	if (names_begin(v, op, parent, name, &dir, &old) < 0)
		return -1;
	if (old) {
		vfs_fail(op, EEXIST, "\"%s\"", name);
	} else {
		n = names_add(v, dir, name, ENTRY_DIR, mode);
		queue_changed(v, n);
		n->lookups++;
		node_attr(v, n, out);
		rc = 0;
	}
	names_end(v, dir);
	return rc;
}

int vfs_symlink(struct vfs *v, struct op *op, uint64_t parent, const char *name,
		const char *target, struct vfs_attr *out)
{
	struct node *dir, *old, *n;
	int rc = -1;

	if (!*target)
		return vfs_fail(op, ENOENT, "an empty symbolic link");
	if (strlen(target) >= PATH_MAX)
		return vfs_fail(op, ENAMETOOLONG, "symbolic link \"%s\"", name);
	if (names_begin(v, op, parent, name, &dir, &old) < 0)
		return -1;
	if (old) {
		vfs_fail(op, EEXIST, "\"%s\"", name);
	} else {
		n = names_add(v, dir, name, ENTRY_LINK, 0777);
		n->target = xstrdup(target);
		if (!be_can(v->be, BE_MKNODE))
			n->flags |= NODE_LOCAL;
		queue_changed(v, n);
		n->lookups++;
		node_attr(v, n, out);
		rc = 0;
	}
	names_end(v, dir);
	return rc;
}

int vfs_readlink(struct vfs *v, struct op *op, uint64_t ino, const char **out)
{
	const struct node *n;
	int rc = -1;

	vfs_lock(v);
	n = node_find(v, ino);
	if (!n) {
		vfs_fail(op, ENOENT, "link %llu", (unsigned long long)ino);
	} else if (n->kind != ENTRY_LINK || !n->target) {
		vfs_fail(op, EINVAL, "\"%s\" is no symbolic link", n->name);
	} else {
		*out = arena_strdup(&op->arena, n->target);
		rc = 0;
	}
	vfs_unlock(v);
	return rc;
}

/* It is no longer in `dir`. */
static void take_away(struct vfs *v, struct node *dir, struct node *n)
{
	node_hold(n);
	node_set_gone(v, n);
	n->ctime = clock_wall();
	if (!(n->flags & NODE_DROPPED))
		queue_changed(v, n);
	node_release(v, n);
	touch(v, dir);
}

int vfs_unlink(struct vfs *v, struct op *op, uint64_t parent, const char *name)
{
	struct node *dir, *n;
	int rc = -1;

	if (names_begin(v, op, parent, name, &dir, &n) < 0)
		return -1;
	if (!n) {
		vfs_fail(op, ENOENT, "\"%s\"", name);
	} else if (n->kind == ENTRY_DIR) {
		vfs_fail(op, EISDIR, "\"%s\"", name);
	} else {
		take_away(v, dir, n);
		rc = 0;
	}
	names_end(v, dir);
	return rc;
}

/*
 * Whether a folder is known to be empty, as of now; the lock is let go of, so
 * that the caller looks again whether it still has that name.
 */
static int check_empty(struct vfs *v, struct op *op, struct node *n)
{
	int rc;

	node_hold(n);
	rc = folder_ready(v, op, n);
	if (rc == 0 && n->dir->n)
		rc = vfs_fail(op, ENOTEMPTY, "\"%s\"", n->name);
	node_release(v, n);
	return rc;
}

int vfs_rmdir(struct vfs *v, struct op *op, uint64_t parent, const char *name)
{
	struct node *dir, *n;
	int rc = -1;

	if (names_begin(v, op, parent, name, &dir, &n) < 0)
		return -1;
	for (;;) {
		const struct node *before = n;

		if (!n) {
			vfs_fail(op, ENOENT, "\"%s\"", name);
			break;
		}
		if (n->kind != ENTRY_DIR) {
			vfs_fail(op, ENOTDIR, "\"%s\"", name);
			break;
		}
		if (check_empty(v, op, n) < 0)
			break;
		n = node_child(dir, name);
		if (n == before && n->dir->n == 0) {
			take_away(v, dir, n);
			rc = 0;
			break;
		}
	}
	names_end(v, dir);
	return rc;
}
