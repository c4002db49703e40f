#include "backends/local/dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/clock.h"

/*
 * A folder's path is looked up anew after this time, so that a process which
 * runs for days sees that it was replaced.
 */
#define FRESH_NS (2 * NS_PER_SEC)

void dirs_init(struct dirs *d, const char *root, bool follow)
{
	*d = (struct dirs){ .follow = follow, .root = -1 };
	d->path = xstrdup(*root ? root : ".");
	pthread_mutex_init(&d->lock, NULL);
}

static void dir_free(struct dir *dir)
{
	close(dir->fd);
	free(dir);
}

void dirs_free(struct dirs *d)
{
	for (size_t i = 0; i < DIRS_SLOTS; i++)
		if (d->slot[i])
			dir_free(d->slot[i]);
	if (d->root >= 0)
		close(d->root);
	pthread_mutex_destroy(&d->lock);
	free(d->path);
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t hash_path(const char *p, size_t n)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)p[i]) * 16777619u;
	return h;
}

static int open_beneath(int at, const char *path, bool follow)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = follow ? 0 : RESOLVE_NO_SYMLINKS,
	};

	return (int)syscall(SYS_openat2, at, path, &how, sizeof(how));
}

/* Without openat2(): one component after the other. */
static int open_by_steps(int at, const char *path, bool follow)
{
	int flags =
		O_PATH | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
	char name[NAME_MAX + 1];
	int fd = at;

	while (*path) {
		size_t n = strcspn(path, "/");
		int next;

		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			next = -1;
		} else {
			memcpy(name, path, n);
			name[n] = '\0';
			next = openat(fd, name, flags);
		}
		if (fd != at) {
			int os = errno;

			close(fd);
			errno = os;
		}
		if (next < 0)
			return -1;
		fd = next;
		path += n + (path[n] == '/');
	}
	return fd;
}

/*
 * `path` below `at`.  The kernel takes at most PATH_MAX bytes at once, a
 * longer path goes in pieces.
 */
static int open_long(int at, char *path, bool follow)
{
	int fd = at;

	for (;;) {
		size_t n = strlen(path);
		char *cut = NULL;
		int next;

		if (n >= PATH_MAX) {
			cut = memrchr(path, '/', PATH_MAX - 1);
			if (cut)
				*cut = '\0';
		}
		next = open_beneath(fd, path, follow);
		if (next < 0 && (errno == ENOSYS || errno == EPERM))
			next = open_by_steps(fd, path, follow);
		if (fd != at) {
			int os = errno;

			close(fd);
			errno = os;
		}
		if (next < 0 || !cut)
			return next;
		fd = next;
		*cut = '/';
		path = cut + 1;
	}
}

static int dir_error(struct op *op)
{
	switch (errno) {
	case ENOENT: return err_set(&op->err, ERR_NO_DIR, "no such folder");
	case ENOTDIR: return err_set(&op->err, ERR_NOT_DIR, "not a folder");
	case ELOOP:
		return err_set(&op->err, ERR_CONFLICT,
			       "a symbolic link is in the place of a folder");
	}
	return err_sys(&op->err, "open folder");
}

/* The root's descriptor; it is opened when it is first needed. */
static int root_fd(struct dirs *d, struct op *op)
{
	if (d->root < 0)
		d->root = open(d->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (d->root < 0)
		return dir_error(op);
	return d->root;
}

static struct dir *find(struct dirs *d, const char *path, size_t n,
			uint32_t hash, bool anew)
{
	for (size_t i = 0; i < DIRS_SLOTS; i++) {
		struct dir *s = d->slot[i];

		if (!s || s->hash != hash || strncmp(s->path, path, n) != 0 ||
		    s->path[n] != '\0')
			continue;
		if (!anew && clock_mono() - s->opened < FRESH_NS)
			return s;
		d->slot[i] = NULL;
		s->cached = false;
		if (s->refs == 0)
			dir_free(s);
		return NULL;
	}
	return NULL;
}

/* Put it where nothing is, or where the oldest is that nobody uses. */
static void keep(struct dirs *d, struct dir *dir)
{
	size_t best = DIRS_SLOTS;

	for (size_t i = 0; i < DIRS_SLOTS; i++) {
		if (!d->slot[i]) {
			best = i;
			break;
		}
		if (d->slot[i]->refs == 0 &&
		    (best == DIRS_SLOTS ||
		     d->slot[i]->opened < d->slot[best]->opened))
			best = i;
	}
	if (best == DIRS_SLOTS)
		return;
	if (d->slot[best])
		dir_free(d->slot[best]);
	d->slot[best] = dir;
	dir->cached = true;
}

static int get(struct dirs *d, struct op *op, const char *path, size_t n,
	       bool anew, struct dir **out)
{
	uint32_t hash = hash_path(path, n);
	struct dir *dir;
	int root;

	pthread_mutex_lock(&d->lock);
	dir = find(d, path, n, hash, anew);
	if (dir)
		dir->refs++;
	root = dir ? 0 : root_fd(d, op);
	pthread_mutex_unlock(&d->lock);
	*out = dir;
	if (dir || root < 0)
		return root < 0 ? -1 : 0;

	dir = xcalloc(1, sizeof(*dir) + n + 1);
	memcpy(dir->path, path, n);
	dir->hash = hash;
	dir->refs = 1;
	dir->opened = clock_mono();
	dir->fd = n ? open_long(root, dir->path, d->follow)
		    : fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (dir->fd < 0) {
		dir_error(op);
		free(dir);
		return -1;
	}
	pthread_mutex_lock(&d->lock);
	keep(d, dir);
	pthread_mutex_unlock(&d->lock);
	*out = dir;
	return 0;
}

int dir_get(struct dirs *d, struct op *op, const char *path, size_t n,
	    struct dir **out)
{
	return get(d, op, path, n, false, out);
}

int dir_get_anew(struct dirs *d, struct op *op, const char *path,
		 struct dir **out)
{
	return get(d, op, path, strlen(path), true, out);
}

void dir_put(struct dirs *d, struct dir *dir)
{
	bool last;

	if (!dir)
		return;
	pthread_mutex_lock(&d->lock);
	last = --dir->refs == 0 && !dir->cached;
	pthread_mutex_unlock(&d->lock);
	if (last)
		dir_free(dir);
}

int dir_of(struct dirs *d, struct op *op, const char *path, struct dir **out,
	   const char **name)
{
	const char *slash = strrchr(path, '/');

	*name = slash ? slash + 1 : path;
	return dir_get(d, op, path, slash ? (size_t)(slash - path) : 0, out);
}

int dir_of_made(struct dirs *d, struct op *op, const char *path,
		struct dir **out, const char **name)
{
	if (dir_of(d, op, path, out, name) == 0)
		return 0;
	if (op->err.kind != ERR_NO_DIR)
		return -1;
	if (dirs_make(d, op, path,
		      *name > path ? (size_t)(*name - path - 1) : 0) < 0)
		return -1;
	return dir_of(d, op, path, out, name);
}

bool dir_gives_acl(struct dir *dir)
{
	int acl = atomic_load(&dir->acl);
	char path[32];

	if (acl)
		return acl == 2;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir->fd);
	acl = getxattr(path, "system.posix_acl_default", NULL, 0) > 0 ? 2 : 1;
	atomic_store(&dir->acl, acl);
	return acl == 2;
}

/* mkdir -p of the root, which the user named: links in it are followed. */
static int make_root(struct dirs *d, struct op *op)
{
	char *path = xstrdup(d->path);
	struct stat st;
	int rc = -1;

	for (char *p = path + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(path, 0777) < 0 && errno != EEXIST &&
		    stat(path, &st) < 0) {
			err_sys(&op->err, "make \"%s\"", path);
			goto out;
		}
		*p = c;
		if (c == '\0')
			break;
	}
	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
		err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder", path);
		goto out;
	}
	rc = 0;
out:
	free(path);
	return rc;
}

int dirs_make(struct dirs *d, struct op *op, const char *path, size_t n)
{
	const char *slash = memrchr(path, '/', n), *last;
	size_t up = slash ? (size_t)(slash - path) : 0;
	struct dir *parent;
	char name[NAME_MAX + 1];
	struct stat st;
	int rc = -1;

	if (n == 0)
		return make_root(d, op);
	if (dir_get(d, op, path, up, &parent) < 0) {
		if (op->err.kind != ERR_NO_DIR ||
		    dirs_make(d, op, path, up) < 0 ||
		    dir_get(d, op, path, up, &parent) < 0)
			return -1;
	}
	last = slash ? slash + 1 : path;
	n -= (size_t)(last - path);
	if (n > NAME_MAX) {
		errno = ENAMETOOLONG;
		err_sys(&op->err, "make folder");
		goto out;
	}
	memcpy(name, last, n);
	name[n] = '\0';
	if (mkdirat(parent->fd, name, 0777) < 0 && errno != EEXIST) {
		err_sys(&op->err, "make folder");
		goto out;
	}
	if (fstatat(parent->fd, name, &st,
		    d->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
		err_sys(&op->err, "make folder");
		goto out;
	}
	if (!S_ISDIR(st.st_mode)) {
		err_set(&op->err, ERR_NOT_DIR, "something else is there");
		goto out;
	}
	rc = 0;
out:
	dir_put(d, parent);
	return rc;
}

void dirs_forget(struct dirs *d, const char *path)
{
	size_t n = strlen(path);

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < DIRS_SLOTS; i++) {
		struct dir *s = d->slot[i];

		if (!s || strncmp(s->path, path, n) != 0 ||
		    (n && s->path[n] != '\0' && s->path[n] != '/'))
			continue;
		d->slot[i] = NULL;
		s->cached = false;
		if (s->refs == 0)
			dir_free(s);
	}
	if (n == 0 && d->root >= 0) {
		close(d->root);
		d->root = -1;
	}
	pthread_mutex_unlock(&d->lock);
}
