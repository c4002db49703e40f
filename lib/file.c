#include "lib/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40, LOCK_POLL_MS = 20 };

int write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n) {
		ssize_t done = write(fd, at, n);

		if (done < 0 && errno != EINTR)
			return -1;
		if (done > 0) {
			at += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

int file_read(struct op *op, const char *path, size_t max, struct buf *out)
{
	int rc = -1, fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t start = out->len;
	ssize_t n;

	if (fd < 0)
		return err_sys(&op->err, "open \"%s\"", path);
	do {
		const size_t step = 16 * 1024;

		n = read(fd, buf_room(out, step), step);
		if (n < 0 && errno != EINTR) {
			err_sys(&op->err, "read \"%s\"", path);
			goto out;
		}
		out->len += n > 0 ? (size_t)n : 0;
		if (out->len - start > max) {
			err_set(&op->err, ERR_CORRUPT,
				"\"%s\" is longer than %zu bytes", path, max);
			goto out;
		}
	} while (n != 0);
	rc = 0;
out:
	buf_cut(out, rc < 0 ? start : out->len);
	close(fd);
	return rc;
}

/* The folder that holds `path`. */
static char *folder_of(struct arena *a, const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return arena_strdup(a, ".");
	if (slash == path)
		return arena_strdup(a, "/");
	return arena_printf(a, "%.*s", (int)(slash - path), path);
}

/*
 * Where `path` leads if it is a symbolic link.  Not realpath(): what the link
 * names need not exist yet.
 */
static const char *follow(struct op *op, const char *path)
{
	char to[PATH_MAX];

	for (int i = 0; i < LINKS_MAX; i++) {
		ssize_t n = readlink(path, to, sizeof(to) - 1);

		if (n < 0)
			return path; /* no link; what else, open() will tell */
		to[n] = '\0';
		if (to[0] == '/')
			path = arena_strdup(&op->arena, to);
		else
			path = arena_printf(&op->arena, "%s/%s",
					    folder_of(&op->arena, path), to);
	}
	err_set(&op->err, ERR_CONFLICT, "\"%s\": too many symbolic links",
		path);
	return NULL;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int file_make_dirs(struct op *op, const char *path)
{
	char *copy = arena_strdup(&op->arena, path), *p = copy;

	if (is_folder(path))
		return 0;
	for (;;) {
		char had;
		int os;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		had = *p;
		*p = '\0';
		os = mkdir(copy, 0700) < 0 ? errno : 0;
		if (os && !is_folder(copy)) {
			errno = os == EEXIST ? ENOTDIR : os;
			return err_sys(&op->err, "make folder \"%s\"", copy);
		}
		if (!had)
			return 0;
		*p = had;
	}
}

/* After a rename, so that the new name is there after a power cut as well. */
static int sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (fd >= 0)
		close(fd);
	/* some network file systems cannot, and there is nothing to be done */
	return rc < 0 && errno != EINVAL && errno != EACCES ? -1 : 0;
}

int file_write(struct op *op, const char *path, const void *p, size_t n)
{
	const char *to = follow(op, path);
	char *folder, *aside;
	int fd, rc = -1;

	if (!to)
		return -1;
	folder = folder_of(&op->arena, to);
	if (file_make_dirs(op, folder) < 0)
		return -1;
	aside = arena_printf(&op->arena, "%s.XXXXXX", to);
	fd = mkostemp(aside, O_CLOEXEC); /* its mode is 0600 */
	if (fd < 0)
		return err_sys(&op->err, "write \"%s\"", to);
	if (write_all(fd, p, n) < 0 || fsync(fd) < 0) {
		err_sys(&op->err, "write \"%s\"", to);
		close(fd);
		goto out;
	}
	if (close(fd) < 0 || rename(aside, to) < 0) {
		err_sys(&op->err, "write \"%s\"", to);
		goto out;
	}
	aside = NULL;
	if (sync_folder(folder) < 0) {
		err_sys(&op->err, "sync \"%s\"", folder);
		goto out;
	}
	rc = 0;
out:
	if (aside)
		unlink(aside);
	return rc;
}

int file_lock(struct op *op, const char *path, unsigned wait_ms)
{
	const char *to = follow(op, path);
	unsigned waited = 0;
	int fd;

	if (!to || file_make_dirs(op, folder_of(&op->arena, to)) < 0)
		return -1;
	to = arena_printf(&op->arena, "%s.lock", to);
	fd = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(&op->err, "lock \"%s\"", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		unsigned step = wait_ms - waited;

		if (errno != EWOULDBLOCK && errno != EINTR) {
			err_sys(&op->err, "lock \"%s\"", path);
			goto fail;
		}
		if (step == 0) {
			err_set(&op->err, ERR_LOCKED,
				"\"%s\" is locked by another process", path);
			goto fail;
		}
		step = step < LOCK_POLL_MS ? step : LOCK_POLL_MS;
		if (op_sleep(op, step) < 0)
			goto fail;
		waited += step;
	}
	return fd;
fail:
	close(fd);
	return -1;
}
