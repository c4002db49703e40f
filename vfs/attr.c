#include "vfs/parts.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>

#include "lib/clock.h"

static struct node *find(struct vfs *v, struct op *op, uint64_t ino)
{
	struct node *n = node_find(v, ino);

	if (!n)
		vfs_fail(op, ENOENT, "node %llu", (unsigned long long)ino);
	return n;
}

int vfs_getattr(struct vfs *v, struct op *op, uint64_t ino,
		struct vfs_attr *out)
{
	const struct node *n;

	vfs_lock(v);
	n = find(v, op, ino);
	if (n)
		node_attr(v, n, out);
	vfs_unlock(v);
	return n ? 0 : -1;
}

/* What the place can be told of its modes; else only this mount knows. */
static bool set_mode(const struct vfs *v, struct node *n, uint32_t mode)
{
	bool sent = be_can(v->be, BE_POSIX | BE_SET_META);

	if (!sent && !v->opt.local_modes)
		return false; /* accepted, and without any effect */
	n->has_mode = true;
	n->mode = mode & 07777;
	return sent;
}

static bool set_owner(const struct vfs *v, struct node *n, unsigned set,
		      const struct vfs_attr *in)
{
	bool sent = be_can(v->be, BE_POSIX | BE_SET_META | BE_OWNER);
	struct vfs_attr now;

	if (v->opt.own_ids || (!sent && !v->opt.local_modes))
		return false;
	node_attr((struct vfs *)(uintptr_t)v, n, &now);
	n->uid = set & VFS_SET_UID ? in->uid : now.uid;
	n->gid = set & VFS_SET_GID ? in->gid : now.gid;
	n->has_owner = true;
	return sent;
}

static bool set_mtime(const struct vfs *v, struct node *n, int64_t mtime)
{
	n->mtime = mtime;
	return be_can(v->be, BE_SET_META) ||
	       (n->kind == ENTRY_FILE && be_can(v->be, BE_TOUCH));
}

static void set_meta(struct vfs *v, struct node *n, unsigned set,
		     const struct vfs_attr *in)
{
	bool send = false;

	if (set & VFS_SET_MODE)
		send |= set_mode(v, n, in->mode);
	if (set & (VFS_SET_UID | VFS_SET_GID))
		send |= set_owner(v, n, set, in);
	if (set & VFS_SET_MTIME)
		send |= set_mtime(v, n, in->mtime);
	n->ctime = clock_wall();
	/* a deleted file takes what is set along; so does one that is local */
	if (send && n->parent && !(n->flags & NODE_LOCAL)) {
		n->flags |= NODE_META;
		queue_changed(v, n);
	}
	if (n->parent || n == v->root)
		store_save(v, n);
}

/* With `n` held; without the lock. */
static int set_size(struct vfs *v, struct op *op, struct node *n, int64_t size)
{
	unsigned tries = 0;
	struct content *c;
	int rc;

	if (n->kind == ENTRY_DIR)
		return vfs_fail(op, EISDIR, "the size of a folder");
	if (n->kind != ENTRY_FILE || size < 0)
		return vfs_fail(op, EINVAL, "the size of what is no file");
	do {
		if (content_get(v, op, n, &c) < 0)
			return -1;
		rc = content_truncate(v, op, c, size);
		content_put(v, c);
		/* another version, or none, since it was had */
	} while (rc < 0 && op->err.kind == ERR_CONFLICT && ++tries < 10);
	return rc;
}

int vfs_setattr(struct vfs *v, struct op *op, uint64_t ino, unsigned set,
		const struct vfs_attr *in, struct vfs_attr *out)
{
	enum {
		META = VFS_SET_MODE | VFS_SET_UID | VFS_SET_GID | VFS_SET_MTIME
	};
	struct node *n;
	int rc = 0;

	if (v->opt.read_only)
		return vfs_fail(op, EROFS, "change attributes");
	vfs_lock(v);
	n = find(v, op, ino);
	if (!n) {
		vfs_unlock(v);
		return -1;
	}
	node_hold(n);
	if (set & VFS_SET_SIZE) {
		vfs_unlock(v);
		rc = set_size(v, op, n, in->size);
		vfs_lock(v);
	}
	if (rc == 0 && set & META)
		set_meta(v, n, set, in);
	if (rc == 0)
		node_attr(v, n, out);
	node_release(v, n);
	vfs_unlock(v);
	return rc;
}

/* ---- extended attributes ------------------------------------------------- */

enum { XATTR_MAX = 64 * 1024, XATTR_NAME_LONGEST = 255 };

static int check_xattr(struct op *op, const char *name)
{
	/* the others mean something to the kernel, or are root's */
	if (strncmp(name, "user.", 5) != 0 || !name[5])
		return vfs_fail(op, ENOTSUP, "attribute \"%s\"", name);
	if (strlen(name) > XATTR_NAME_LONGEST)
		return vfs_fail(op, ERANGE, "attribute \"%.40s...\"", name);
	return 0;
}

/* 1 if the node has any, 0 if not, -1. */
static int has_any(struct vfs *v, struct op *op, uint64_t ino)
{
	const struct node *n;
	int rc = -1;

	vfs_lock(v);
	n = find(v, op, ino);
	if (n)
		rc = n->flags & NODE_XATTRS ? 1 : 0;
	vfs_unlock(v);
	return rc;
}

int vfs_getxattr(struct vfs *v, struct op *op, uint64_t ino, const char *name,
		 const void **value, size_t *len)
{
	struct buf b = BUF_INIT;
	int rc;

	if (check_xattr(op, name) < 0)
		return -1;
	rc = has_any(v, op, ino);
	if (rc == 1)
		rc = store_get_xattr(v, op, ino, name, &b);
	if (rc == 1) {
		*value = arena_memdup(&op->arena, b.data, b.len);
		*len = b.len;
	} else if (rc == 0) {
		vfs_fail(op, ENODATA, "attribute \"%s\"", name);
	}
	buf_free(&b);
	return rc == 1 ? 0 : -1;
}

int vfs_listxattr(struct vfs *v, struct op *op, uint64_t ino,
		  const char **names, size_t *len)
{
	struct buf b = BUF_INIT;
	int rc = has_any(v, op, ino);

	if (rc == 1)
		rc = store_list_xattrs(v, op, ino, &b);
	if (rc >= 0) {
		*names = arena_memdup(&op->arena, b.data, b.len);
		*len = b.len;
	}
	buf_free(&b);
	return rc < 0 ? -1 : 0;
}

static int change_xattr(struct vfs *v, struct op *op, uint64_t ino,
			const char *name, const void *value, size_t len)
{
	struct node *n;

	vfs_lock(v);
	n = find(v, op, ino);
	if (n) {
		/* with the lock, so that no row of a dropped node is left */
		store_set_xattr(v, ino, name, value, len);
		n->flags |= NODE_XATTRS;
		n->ctime = clock_wall();
		store_save(v, n);
	}
	vfs_unlock(v);
	return n ? 0 : -1;
}

int vfs_setxattr(struct vfs *v, struct op *op, uint64_t ino, const char *name,
		 const void *value, size_t len, int flags)
{
	struct buf b = BUF_INIT;
	int had;

	if (v->opt.read_only)
		return vfs_fail(op, EROFS, "attribute \"%s\"", name);
	if (check_xattr(op, name) < 0)
		return -1;
	if (len > XATTR_MAX)
		return vfs_fail(op, E2BIG, "attribute \"%s\"", name);
	had = has_any(v, op, ino);
	if (had == 1 && flags & (XATTR_CREATE | XATTR_REPLACE))
		had = store_get_xattr(v, op, ino, name, &b);
	buf_free(&b);
	if (had < 0)
		return -1;
	if (flags & XATTR_CREATE && had)
		return vfs_fail(op, EEXIST, "attribute \"%s\"", name);
	if (flags & XATTR_REPLACE && !had)
		return vfs_fail(op, ENODATA, "attribute \"%s\"", name);
	return change_xattr(v, op, ino, name, len ? value : "", len);
}

int vfs_removexattr(struct vfs *v, struct op *op, uint64_t ino,
		    const char *name)
{
	const void *value;
	size_t len;

	if (v->opt.read_only)
		return vfs_fail(op, EROFS, "attribute \"%s\"", name);
	if (vfs_getxattr(v, op, ino, name, &value, &len) < 0)
		return -1;
	return change_xattr(v, op, ino, name, NULL, 0);
}
