/* What makes, moves and removes names. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/local/aside.h"
#include "backends/local/local.h"
#include "backends/local/meta.h"

int local_mkdir(struct backend *be, struct op *op, const char *path)
{
	return dirs_make(&local_of(be)->dirs, op, path, strlen(path));
}

static int remove_root(struct local *l, struct op *op)
{
	if (rmdir(l->dirs.path) == 0) {
		dirs_forget(&l->dirs, "");
		return 0;
	}
	if (errno == ENOENT)
		return err_set(&op->err, ERR_NO_DIR, "no such folder");
	return err_sys(&op->err, "remove folder");
}

int local_rmdir(struct backend *be, struct op *op, const char *path)
{
	struct local *l = local_of(be);
	struct dir *dir;
	const char *name;
	unsigned swept = 0;
	int rc;

	if (*path == '\0')
		return remove_root(l, op);
	if (dir_of(&l->dirs, op, path, &dir, &name) < 0)
		return -1;
	rc = unlinkat(dir->fd, name, AT_REMOVEDIR);
	if (rc < 0 && (errno == ENOTEMPTY || errno == EEXIST)) {
		/* Left-overs of a killed run do not count as content. */
		errno = ENOTEMPTY;
		if (local_sweep(l, op, path, &swept) == 0 && swept)
			rc = unlinkat(dir->fd, name, AT_REMOVEDIR);
		else
			errno = ENOTEMPTY;
	}
	if (rc < 0)
		err_sys(&op->err, "remove folder");
	if (rc < 0 && op->err.kind == ERR_NOT_FOUND)
		op->err.kind = ERR_NO_DIR;
	dir_put(&l->dirs, dir);
	if (rc == 0)
		dirs_forget(&l->dirs, path);
	return rc;
}

int local_unlink(struct backend *be, struct op *op, const char *path)
{
	struct local *l = local_of(be);
	struct dir *dir;
	const char *name;
	struct stat st;
	int rc;

	if (*path == '\0')
		return err_set(&op->err, ERR_IS_DIR, "a folder");
	if (dir_of(&l->dirs, op, path, &dir, &name) < 0) {
		if (op->err.kind == ERR_NO_DIR)
			op->err.kind = ERR_NOT_FOUND;
		return -1;
	}
	rc = unlinkat(dir->fd, name, 0);
	if (rc < 0) {
		bool is_dir =
			(errno == EISDIR || errno == EPERM) &&
			fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISDIR(st.st_mode);

		if (is_dir)
			err_set(&op->err, ERR_IS_DIR, "a folder");
		else
			err_sys(&op->err, "unlink");
	}
	dir_put(&l->dirs, dir);
	return rc;
}

int local_move(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out)
{
	struct local *l = local_of(be), *f;
	struct dir *src_dir, *dst_dir;
	const char *src_name, *dst_name;
	struct posix_meta m;
	struct entry now;
	struct stat st;
	int rc = -1;

	if (!local_is(from))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "not on the same service");
	f = local_of(from);
	if (dir_of(&f->dirs, op, src, &src_dir, &src_name) < 0)
		return -1;
	if (dir_of_made(&l->dirs, op, dst, &dst_dir, &dst_name) < 0) {
		dir_put(&f->dirs, src_dir);
		return -1;
	}
	if (fstatat(src_dir->fd, src_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		err_sys(&op->err, "stat");
		goto out;
	}
	local_entry(&now, &m, src_name, &st);
	if (now.kind == ENTRY_DIR) {
		err_set(&op->err, ERR_IS_DIR, "a folder");
		goto out;
	}
	if (now.kind == ENTRY_LINK && f->follow) {
		err_set(&op->err, ERR_UNSUPPORTED,
			"what a link leads to is copied");
		goto out;
	}
	if (seen && (now.kind != seen->kind || now.mtime != seen->mtime ||
		     now.size != seen->size)) {
		err_set(&op->err, ERR_CONFLICT, "changed since it was listed");
		goto out;
	}
	rc = aside_rename(l, op, src_dir->fd, src_name, dst_dir->fd, dst_name,
			  opt);
	/* Two names of one file: rename() leaves both, and one must go. */
	if (rc == 0 && m.nlink > 1 && opt->mode != PUT_CREATE &&
	    fstatat(src_dir->fd, src_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == m.ino && st.st_dev == m.dev &&
	    unlinkat(src_dir->fd, src_name, 0) < 0 && errno != ENOENT)
		rc = err_sys(&op->err, "unlink");
out:
	dir_put(&f->dirs, src_dir);
	dir_put(&l->dirs, dst_dir);
	if (rc == 0 && out)
		rc = local_stat(be, op, dst, out);
	return rc;
}

int local_move_dir(struct backend *be, struct op *op, struct backend *from,
		   const char *src, const char *dst)
{
	static const struct put_opt create = { .mode = PUT_CREATE };
	struct local *l = local_of(be), *f;
	struct dir *src_dir, *dst_dir;
	const char *src_name, *dst_name;
	int rc;

	if (!local_is(from))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "not on the same service");
	if (*src == '\0' || *dst == '\0')
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "a root cannot be moved");
	f = local_of(from);
	if (f->follow)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "what the links in it lead to is copied");
	if (dir_of(&f->dirs, op, src, &src_dir, &src_name) < 0)
		return -1;
	rc = dir_of_made(&l->dirs, op, dst, &dst_dir, &dst_name);
	if (rc == 0) {
		rc = aside_rename(l, op, src_dir->fd, src_name, dst_dir->fd,
				  dst_name, &create);
		dir_put(&l->dirs, dst_dir);
	}
	dir_put(&f->dirs, src_dir);
	if (rc == 0)
		dirs_forget(&f->dirs, src);
	else if (op->err.kind == ERR_NOT_FOUND)
		op->err.kind = ERR_NO_DIR;
	else if (op->err.code == EINVAL)
		err_set(&op->err, ERR_INVALID,
			"a folder cannot be moved into itself");
	return rc;
}

/* A folder that only its owner may look into until set_meta() says more. */
static int make_private(struct local *l, struct op *op, const char *path)
{
	struct dir *dir;
	const char *name;
	struct stat st;
	int rc = 0;

	if (*path == '\0')
		return dirs_make(&l->dirs, op, path, 0);
	if (dir_of_made(&l->dirs, op, path, &dir, &name) < 0)
		return -1;
	if (mkdirat(dir->fd, name, 0700) < 0) {
		if (errno != EEXIST)
			rc = err_sys(&op->err, "make folder");
		else if (fstatat(dir->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			rc = err_sys(&op->err, "stat");
		else if (!S_ISDIR(st.st_mode))
			rc = err_set(&op->err, ERR_NOT_DIR,
				     "something else is there");
	}
	dir_put(&l->dirs, dir);
	return rc;
}

static int make_at(struct op *op, int dir, const char *name,
		   const struct entry *e)
{
	const struct posix_meta *m = e->posix;

	if (!m || (e->kind == ENTRY_LINK && !m->target))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "nothing is known of its kind");
	if (e->kind == ENTRY_LINK) {
		if (symlinkat(m->target, dir, name) < 0)
			return err_sys(&op->err, "make symbolic link");
		return 0;
	}
	if (mknodat(dir, name, (m->mode & S_IFMT) | 0600, (dev_t)m->rdev) < 0)
		return err_sys(&op->err, "make special file");
	return 0;
}

int local_mknode(struct backend *be, struct op *op, const char *path,
		 const struct entry *e, const struct put_opt *opt)
{
	struct local *l = local_of(be);
	char temp[ASIDE_NAME];
	struct dir *dir;
	const char *name;
	int rc;

	if (e->kind == ENTRY_FILE)
		return err_set(&op->err, ERR_UNSUPPORTED, "a plain file");
	if (e->kind == ENTRY_DIR)
		return make_private(l, op, path);
	if (dir_of_made(&l->dirs, op, path, &dir, &name) < 0)
		return -1;
	aside_draw(l, temp);
	rc = make_at(op, dir->fd, temp, e);
	if (rc == 0) {
		rc = meta_set_at(l, op, dir->fd, temp, e, opt->xattrs);
		if (rc == 0)
			rc = aside_rename(l, op, dir->fd, temp, dir->fd, name,
					  opt);
		if (rc < 0)
			unlinkat(dir->fd, temp, 0);
	}
	dir_put(&l->dirs, dir);
	return rc;
}

int local_hardlink(struct backend *be, struct op *op, const char *from,
		   const char *to)
{
	struct local *l = local_of(be);
	struct dir *from_dir, *to_dir;
	const char *from_name, *to_name;
	char temp[ASIDE_NAME];
	int rc;

	if (dir_of(&l->dirs, op, from, &from_dir, &from_name) < 0)
		return -1;
	if (dir_of_made(&l->dirs, op, to, &to_dir, &to_name) < 0) {
		dir_put(&l->dirs, from_dir);
		return -1;
	}
	rc = linkat(from_dir->fd, from_name, to_dir->fd, to_name, 0);
	if (rc < 0 && errno == EEXIST) {
		aside_draw(l, temp);
		rc = linkat(from_dir->fd, from_name, to_dir->fd, temp, 0);
		if (rc == 0)
			rc = renameat(to_dir->fd, temp, to_dir->fd, to_name);
		if (rc < 0)
			err_sys(&op->err, "link");
		/* Two names of one file already: rename() left this one. */
		unlinkat(to_dir->fd, temp, 0);
	} else if (rc < 0) {
		err_sys(&op->err, "link");
	}
	dir_put(&l->dirs, from_dir);
	dir_put(&l->dirs, to_dir);
	return rc;
}
