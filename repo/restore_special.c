/* Symbolic links, devices and pipes. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "repo/restore_parts.h"

static mode_t type_of(const struct node *n)
{
	switch (n->type) {
	case NODE_SYMLINK: return S_IFLNK;
	case NODE_DEV: return S_IFBLK;
	case NODE_CHARDEV: return S_IFCHR;
	case NODE_FIFO: return S_IFIFO;
	default: return 0;
	}
}

static bool same_link(int at, const struct node *n)
{
	char *now = xcalloc(1, n->target_len + 1);
	ssize_t got = readlinkat(at, n->name, now, n->target_len + 1);
	bool same = got == (ssize_t)n->target_len &&
		    memcmp(now, n->target, n->target_len) == 0;

	free(now);
	return same;
}

static bool is_there(int at, const struct node *n, const struct stat *st)
{
	if ((st->st_mode & S_IFMT) != type_of(n))
		return false;
	if (n->type == NODE_SYMLINK)
		return same_link(at, n);
	return n->type == NODE_FIFO || st->st_rdev == n->device;
}

static int make(struct op *op, int at, const char *temp, const struct node *n)
{
	int rc = -1;

	for (int tries = 0; tries < 3; tries++) {
		rc = n->type == NODE_SYMLINK
			     ? symlinkat(n->target, at, temp)
			     : mknodat(at, temp, type_of(n) | 0600,
				       (dev_t)n->device);
		if (rc == 0)
			return 0;
		if (errno != EEXIST || dest_clear(op, at, temp, false) < 0)
			break;
	}
	return err_sys(&op->err, "make %s", node_type_name(n));
}

static int make_new(struct restore *rs, struct op *op, struct dest *dir, int at,
		    const struct node *n, const struct meta *m)
{
	bool fresh = dir->fresh && !dir->gives_acl;
	char temp[TEMP_NAME];
	int rc;

	temp_name(dir, n->name, temp);
	if (make(op, at, temp, n) < 0)
		return restore_tell(rs, op, dir, n->name);
	if (meta_put_at(rs, op, at, temp, m, fresh) < 0)
		(void)!restore_tell(rs, op, dir, n->name);
	rc = put_in_place(rs, op, at, temp, n->name);
	if (rc < 0) {
		(void)!unlinkat(at, temp, 0);
		return restore_tell(rs, op, dir, n->name);
	}
	restore_done(rs, RESTORE_RESTORED, dir, n->name, false, 0);
	return 0;
}

static int restore_at(struct restore *rs, struct op *op, struct dest *dir,
		      int at, const struct node *n, const struct meta *m)
{
	struct stat st;

	if (dir->fresh || fstatat(at, n->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (!rs->opt->dry_run)
			return make_new(rs, op, dir, at, n, m);
	} else if (!may_replace(rs, m, &st)) {
		restore_done(rs, RESTORE_UNCHANGED, dir, n->name, false, 0);
		return 0;
	} else if (is_there(at, n, &st)) {
		if (!rs->opt->dry_run &&
		    meta_put_at(rs, op, at, n->name, m, false) < 0)
			return restore_tell(rs, op, dir, n->name);
		restore_done(rs, RESTORE_UNCHANGED, dir, n->name, false, 0);
		return 0;
	} else if (!rs->opt->dry_run) {
		return make_new(rs, op, dir, at, n, m);
	}
	restore_done(rs, RESTORE_RESTORED, dir, n->name, false, 0);
	return 0;
}

static int check_node(struct op *op, const struct node *n)
{
	if (!type_of(n))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "a node of type \"%s\" cannot be restored",
			       node_type_name(n));
	if (n->type == NODE_SYMLINK && (!n->target || n->target_len == 0 ||
					memchr(n->target, '\0', n->target_len)))
		return err_set(&op->err, ERR_CORRUPT,
			       "a symbolic link without a target");
	return 0;
}

int special_restore(struct restore *rs, struct op *op, struct dest *dir,
		    const struct node *n)
{
	struct arena a = { 0 };
	struct meta m;
	bool own = false;
	int at = -1, rc;

	if (check_node(op, n) < 0)
		return restore_tell(rs, op, dir, n->name);
	if (!dir->fresh || !rs->opt->dry_run) {
		at = dest_open(op, dir, &own);
		if (at < 0)
			return restore_tell(rs, op, dir, n->name);
	}
	meta_of(&m, n, &a);
	rc = restore_at(rs, op, dir, at, n, &m);
	arena_free(&a);
	dest_close(at, own);
	return rc;
}
