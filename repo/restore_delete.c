/* Removing what the snapshot does not have. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fnv.h"
#include "repo/restore_parts.h"

/*
 * A folder deeper than this below the one that is removed is first moved up
 * into that, so that no depth takes more descriptors.
 */
enum { DEEPEST = 40 };

/* A folder whose entries are being removed. */
struct emptied {
	DIR *dir;
	char *name; /* in the one around it */
};

VEC(emptied_list, struct emptied);

static int enter(struct op *op, struct emptied_list *v, int at,
		 const char *name)
{
	int fd = openat(at, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	DIR *dir;

	if (fd < 0)
		return err_sys(&op->err, "open folder \"%s\"", name);
	if (geteuid() != 0 && fstat(fd, &st) == 0 &&
	    (st.st_mode & 0700) != 0700)
		(void)!fchmod(fd, 0700); /* it is going away */
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return err_sys(&op->err, "read folder \"%s\"", name);
	}
	*emptied_list_add(v) =
		(struct emptied){ .dir = dir, .name = xstrdup(name) };
	return 0;
}

static int move_up(struct op *op, struct emptied_list *v, int at,
		   const char *name, unsigned *moved)
{
	int top = dirfd(v->at[0].dir);
	char temp[64];

	for (int tries = 0; tries < 1000; tries++) {
		snprintf(temp, sizeof(temp), ".ferry-tmp.deep%u", (*moved)++);
		if (renameat2(at, name, top, temp, RENAME_NOREPLACE) == 0) {
			rewinddir(v->at[0].dir);
			return 0;
		}
		if (errno != EEXIST)
			break;
	}
	return err_sys(&op->err, "move \"%s\"", name);
}

/* The next entry of the innermost folder; at its end out of it. */
static int step(struct op *op, struct emptied_list *v, int from,
		unsigned *moved)
{
	struct emptied *in = &v->at[v->n - 1];
	int fd = dirfd(in->dir), rc = 0;
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(in->dir);
	} while (e &&
		 (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	if (e) {
		if (unlinkat(fd, e->d_name, 0) == 0 || errno == ENOENT)
			return 0;
		if (errno != EISDIR && errno != EPERM)
			return err_sys(&op->err, "remove \"%s\"", e->d_name);
		if (unlinkat(fd, e->d_name, AT_REMOVEDIR) == 0)
			return 0;
		return v->n > DEEPEST ? move_up(op, v, fd, e->d_name, moved)
				      : enter(op, v, fd, e->d_name);
	}
	if (errno)
		return err_sys(&op->err, "read folder \"%s\"", in->name);
	closedir(in->dir);
	v->n--;
	if (unlinkat(v->n ? dirfd(v->at[v->n - 1].dir) : from, in->name,
		     AT_REMOVEDIR) < 0 &&
	    errno != ENOENT)
		rc = err_sys(&op->err, "remove folder \"%s\"", in->name);
	free(in->name);
	return rc;
}

int tree_remove(struct op *op, int dirfd, const char *name)
{
	struct emptied_list v = { 0 };
	unsigned moved = 0;
	int rc = enter(op, &v, dirfd, name);

	while (rc == 0 && v.n) {
		rc = op_check(op);
		if (rc == 0)
			rc = step(op, &v, dirfd, &moved);
	}
	while (v.n) {
		struct emptied *e = &v.at[--v.n];

		closedir(e->dir);
		free(e->name);
	}
	emptied_list_free(&v);
	return rc;
}

/* Excluded things stay, and with --include what is not included. */
static bool may_go(const struct restore_opt *o, const char *path)
{
	if (o->exclude && patterns_match(o->exclude, path))
		return false;
	return !o->include || patterns_match(o->include, path);
}

static int remove_one(struct restore *rs, struct op *op, struct dest *f, int fd,
		      const char *name)
{
	struct buf path = BUF_INIT;
	struct stat st;
	int rc = 0;

	dest_path(f, name, &path);
	if (!may_go(rs->opt, path.data) ||
	    fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		goto out;
	if (!rs->opt->dry_run)
		rc = S_ISDIR(st.st_mode) ? tree_remove(op, fd, name)
					 : dest_clear(op, fd, name, false);
	if (rc < 0)
		rc = restore_tell(rs, op, f, name);
	else
		restore_done(rs, RESTORE_DELETED, f, name, S_ISDIR(st.st_mode),
			     S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0);
out:
	buf_free(&path);
	return rc;
}

static int remove_others(struct restore *rs, struct op *op, struct dest *f,
			 DIR *dir)
{
	int rc = 0;

	for (const struct dirent *e; rc == 0 && (e = readdir(dir));) {
		const char *n = e->d_name;

		if (strcmp(n, ".") != 0 && strcmp(n, "..") != 0 &&
		    !hashes_have(&f->keep, fnv(n, strlen(n))))
			rc = remove_one(rs, op, f, dirfd(dir), n);
	}
	return rc;
}

int dest_delete_others(struct restore *rs, struct op *op, struct dest *f)
{
	bool own;
	int fd, copy, rc;
	DIR *dir;

	if (f->fresh || !f->made)
		return 0;
	fd = dest_open(op, f, &own);
	if (fd < 0)
		return restore_tell(rs, op, f, NULL);
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dest_close(fd, own);
	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		err_sys(&op->err, "read folder");
		if (copy >= 0)
			close(copy);
		return restore_tell(rs, op, f, NULL);
	}
	hashes_sort(&f->keep);
	rc = remove_others(rs, op, f, dir);
	closedir(dir);
	return rc;
}
