/* Folders of the target: made, opened without following links, finished. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "repo/restore_parts.h"

enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

struct dest *dest_new(struct dest *parent, const char *name, size_t n)
{
	struct dest *f = xcalloc(1, sizeof(*f) + n + 1);

	f->parent = parent;
	f->fd = -1;
	f->name_len = n;
	memcpy(f->name, name, n);
	atomic_init(&f->refs, 1);
	if (parent)
		dest_hold(parent);
	return f;
}

void dest_hold(struct dest *f)
{
	atomic_fetch_add(&f->refs, 1);
}

static void dest_free(struct dest *f)
{
	if (f->fd >= 0)
		close(f->fd);
	arena_free(&f->arena);
	free(f->keep.at);
	free(f->last);
	free(f);
}

void dest_path(const struct dest *f, const char *name, struct buf *out)
{
	size_t n = name ? strlen(name) + 1 : 0;
	char *end;

	for (const struct dest *d = f; d->parent; d = d->parent)
		n += d->name_len + 1;
	end = buf_room(out, n) + n;
	out->len += n;
	out->data[out->len] = '\0';
	if (name) {
		end -= strlen(name);
		memcpy(end, name, strlen(name));
		*--end = '/';
	}
	for (const struct dest *d = f; d->parent; d = d->parent) {
		end -= d->name_len;
		memcpy(end, d->name, d->name_len);
		*--end = '/';
	}
	if (n == 0)
		buf_adds(out, "/");
}

void dest_close(int fd, bool own)
{
	if (own)
		close(fd);
}

static int open_beneath(int at, const char *path)
{
	struct open_how how = { .flags = FOLDER_FLAGS,
				.resolve =
					RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH };

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

/* Where there is no openat2(). */
static int open_by_steps(int at, char *path)
{
	int fd = at;

	for (char *name; (name = strsep(&path, "/"));) {
		int next = openat(fd, name, FOLDER_FLAGS), os = errno;

		if (fd != at)
			close(fd);
		errno = os;
		if (next < 0)
			return -1;
		fd = next;
	}
	return fd;
}

/* The kernel takes at most PATH_MAX bytes at once. */
static int open_long(int at, char *path)
{
	int fd = at;

	for (;;) {
		char *cut = NULL;
		int next, os;

		if (strlen(path) >= PATH_MAX) {
			cut = memrchr(path, '/', PATH_MAX - 1);
			if (cut)
				*cut = '\0';
		}
		next = open_beneath(fd, path);
		if (next < 0 && (errno == ENOSYS || errno == EPERM))
			next = open_by_steps(fd, path);
		os = errno;
		if (fd != at)
			close(fd);
		errno = os;
		if (next < 0 || !cut)
			return next;
		fd = next;
		path = cut + 1;
	}
}

int dest_open(struct op *op, const struct dest *f, bool *own)
{
	const struct dest *from = f;
	struct buf path = BUF_INIT;
	char *end;
	size_t n = 0;
	int fd;

	*own = f->fd < 0;
	if (!*own)
		return f->fd;
	for (; from->fd < 0; from = from->parent)
		n += from->name_len + 1;
	end = buf_room(&path, n) + n;
	for (const struct dest *d = f; d != from; d = d->parent) {
		*--end = d == f ? '\0' : '/';
		end -= d->name_len;
		memcpy(end, d->name, d->name_len);
	}
	fd = open_long(from->fd, end);
	if (fd < 0) {
		*own = false;
		err_sys(&op->err, "open folder \"%s\"", f->name);
	}
	buf_free(&path);
	return fd;
}

static int put_meta(struct restore *rs, struct op *op, struct dest *f)
{
	struct stat st;
	bool own;
	int fd = dest_open(op, f, &own), rc;

	if (fd < 0)
		return -1;
	rc = fstat(fd, &st) < 0 ? err_sys(&op->err, "stat")
				: meta_put(rs, op, fd, false, &st, &f->meta,
					   f->fresh && !f->gives_acl);
	dest_close(fd, own);
	return rc;
}

/* All its work is done: what is last of it. */
static void finish(struct restore *rs, struct op *op, struct dest *f)
{
	if (!f->has_meta || !f->made || rs->verifying || atomic_load(&rs->stop))
		return;
	if (!f->counted) /* only something in it was chosen */
		restore_count(rs, 0);
	if (!rs->opt->dry_run && put_meta(rs, op, f) < 0)
		(void)!restore_tell(rs, op, f, NULL);
	else
		restore_done(rs, RESTORE_RESTORED, f, NULL, true, 0);
}

void dest_drop(struct restore *rs, struct op *op, struct dest *f)
{
	while (f && atomic_fetch_sub(&f->refs, 1) == 1) {
		struct dest *parent = f->parent;

		finish(rs, op, f);
		if (f->fd >= 0)
			atomic_fetch_add(&rs->fds, 1);
		dest_free(f);
		f = parent;
	}
}

static bool is_empty_place(int err)
{
	return err == ENOENT;
}

int dest_clear(struct op *op, int dirfd, const char *name, bool all)
{
	if (unlinkat(dirfd, name, 0) == 0 || is_empty_place(errno))
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return err_sys(&op->err, "remove \"%s\"", name);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || is_empty_place(errno))
		return 0;
	if (all && (errno == ENOTEMPTY || errno == EEXIST))
		return tree_remove(op, dirfd, name);
	return err_sys(&op->err, "a folder is in its place");
}

/* A folder of ours that we may not look into: its mode will be set anyway. */
static int open_closed(int at, const char *name)
{
	int fd =
		openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char proc[32];

	if (fd < 0)
		return -1;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
	(void)!chmod(proc, 0700);
	close(fd);
	return openat(at, name, FOLDER_FLAGS);
}

/* In an existing one files are to be made, too. */
static void make_writable(struct restore *rs, int fd)
{
	struct stat st;

	if (rs->uid != 0 && fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		(void)!fchmod(fd, (st.st_mode | 0700) & 07777);
}

static bool may_give_way(const struct restore *rs, const struct dest *f, int at)
{
	struct stat st;

	return fstatat(at, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	       may_replace(rs, &f->meta, &st);
}

/* Find or make one whose parent is there, and open it. */
static int make_at(struct restore *rs, struct op *op, struct dest *f, int at)
{
	bool dry = rs->opt->dry_run || rs->verifying;
	int fd;

	for (int tries = 0; tries < 3; tries++) {
		if (!dry && mkdirat(at, f->name, 0700) == 0)
			f->fresh = true;
		else if (!dry && errno != EEXIST)
			break;
		fd = openat(at, f->name, FOLDER_FLAGS);
		if (fd < 0 && errno == EACCES && !dry)
			fd = open_closed(at, f->name);
		if (fd >= 0 && !f->fresh && !dry)
			make_writable(rs, fd);
		if (fd >= 0)
			return fd;
		if (dry || (errno != ENOTDIR && errno != ELOOP))
			break;
		if (!may_give_way(rs, f, at))
			return err_set(&op->err, ERR_CONFLICT,
				       "what is there is no folder, and not to "
				       "be overwritten");
		/* A link that led elsewhere is not followed but replaced. */
		if (dest_clear(op, at, f->name, false) < 0)
			return -1;
	}
	return err_sys(&op->err, "make folder");
}

static int make_one(struct restore *rs, struct op *op, struct dest *f)
{
	bool own;
	int at, fd;

	if (f->parent->fresh && rs->opt->dry_run) {
		f->fresh = f->made = true;
		return 0;
	}
	at = dest_open(op, f->parent, &own);
	if (at < 0)
		return -1;
	fd = make_at(rs, op, f, at);
	dest_close(at, own);
	if (fd < 0 && !rs->opt->dry_run)
		return -1;
	f->made = true;
	if (fd < 0) {
		err_clear(&op->err);
		f->fresh = true; /* it would be */
		return 0;
	}
	f->gives_acl = fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
	if (atomic_fetch_sub(&rs->fds, 1) > 0) {
		f->fd = fd;
		return 0;
	}
	atomic_fetch_add(&rs->fds, 1);
	close(fd);
	return 0;
}

int dest_make(struct restore *rs, struct op *op, struct dest *f)
{
	while (!f->made) {
		struct dest *top = f;

		while (!top->parent->made)
			top = top->parent;
		if (make_one(rs, op, top) < 0)
			return -1;
	}
	return 0;
}
