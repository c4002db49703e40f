/* Regular files: written aside, then put in place. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "repo/restore_parts.h"

enum { HOLE = 4096 };

/*
 * The same for each run, so that what a killed one left is found again; and
 * not to be had by choosing names, for the folder's tree is in it: no tree can
 * hold a name that is made of the tree's own hash.
 */
void temp_name(const struct dest *dir, const char *name, char out[TEMP_NAME])
{
	struct buf b = BUF_INIT;
	char hex[ID_HEX + 1];
	struct id id;

	buf_add(&b, dir->tree.b, sizeof(dir->tree.b));
	buf_adds(&b, name);
	id_of(b.data, b.len, &id);
	buf_free(&b);
	snprintf(out, TEMP_NAME, ".ferry-tmp.%.16s", id_hex(&id, hex));
}

bool may_replace(const struct restore *rs, const struct meta *m,
		 const struct stat *st)
{
	const struct timespec *mine = &m->times[1], *its = &st->st_mtim;

	switch (rs->opt->overwrite) {
	case OVERWRITE_NEVER: return false;
	case OVERWRITE_IF_NEWER:
		return mine->tv_sec > its->tv_sec ||
		       (mine->tv_sec == its->tv_sec &&
			mine->tv_nsec > its->tv_nsec);
	default: return true;
	}
}

int put_in_place(struct restore *rs, struct op *op, int dirfd, const char *temp,
		 const char *name)
{
	if (renameat(dirfd, temp, dirfd, name) == 0)
		return 0;
	if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
		return err_sys(&op->err, "rename");
	if (dest_clear(op, dirfd, name, rs->opt->remove_others) < 0)
		return -1;
	return renameat(dirfd, temp, dirfd, name) == 0
		       ? 0
		       : err_sys(&op->err, "rename");
}

void item_fail(struct op *op, struct item *it)
{
	struct err *why = xcalloc(1, sizeof(*why)), *none = NULL;

	*why = op->err;
	if (!atomic_compare_exchange_strong(&it->why, &none, why))
		free(why);
	if (it->group)
		atomic_store(&it->group->bad, true);
	err_clear(&op->err);
}

static int create(struct op *op, int dirfd, const char *temp)
{
	for (int tries = 0; tries < 3; tries++) {
		int fd = openat(dirfd, temp,
				O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
					O_CLOEXEC,
				0600);

		if (fd >= 0)
			return fd;
		if (errno != EEXIST || dest_clear(op, dirfd, temp, false) < 0)
			break;
	}
	return err_sys(&op->err, "make a temporary file");
}

int item_open(struct op *op, int dirfd, const struct item *it)
{
	char temp[TEMP_NAME];
	int fd;

	temp_name(it->dir, it->name, temp);
	fd = openat(dirfd, temp, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(&op->err, "open the temporary file") : fd;
}

static int write_at(struct op *op, int fd, const char *p, size_t n, int64_t at)
{
	while (n) {
		ssize_t done = pwrite(fd, p, n, at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_sys(&op->err, "write");
		p += done;
		n -= (size_t)done;
		at += done;
	}
	return 0;
}

static bool all_zero(const char *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

int item_write(struct restore *rs, struct op *op, int fd, const void *p,
	       size_t n, int64_t at)
{
	const char *from = p;
	size_t begin = 0, i = 0;

	if (!rs->opt->sparse)
		return write_at(op, fd, p, n, at);
	while (i < n) {
		size_t len = HOLE - (size_t)((uint64_t)at + i) % HOLE;

		if (len > n - i)
			len = n - i;
		if (len == HOLE && all_zero(from + i, len)) {
			if (write_at(op, fd, from + begin, i - begin,
				     at + (int64_t)begin) < 0)
				return -1;
			begin = i + len;
		}
		i += len;
	}
	return write_at(op, fd, from + begin, n - begin, at + (int64_t)begin);
}

/* Metadata and the name; what fails of the former is told but no reason. */
static int commit(struct restore *rs, struct op *op, int dirfd, int fd,
		  struct item *it, const char *temp)
{
	bool fresh = !it->aside && !it->dir->gives_acl;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(&op->err, "stat");
	if (meta_put(rs, op, fd, false, &st, &it->meta, fresh) < 0 &&
	    restore_tell(rs, op, it->dir, it->name) < 0)
		return -1;
	return put_in_place(rs, op, dirfd, temp, it->name);
}

void item_whole(struct restore *rs, struct op *op, int dirfd, struct item *it,
		const void *p, size_t n)
{
	char temp[TEMP_NAME];
	int fd, rc;

	temp_name(it->dir, it->name, temp);
	fd = create(op, dirfd, temp);
	if (fd < 0) {
		item_fail(op, it);
		return;
	}
	rc = item_write(rs, op, fd, p, n, 0);
	if (rc == 0 && rs->opt->sparse && ftruncate(fd, (off_t)n) < 0)
		rc = err_sys(&op->err, "set size");
	if (rc == 0)
		rc = commit(rs, op, dirfd, fd, it, temp);
	if (close(fd) < 0 && rc == 0)
		rc = err_sys(&op->err, "close");
	if (rc == 0)
		return;
	(void)!unlinkat(dirfd, temp, 0);
	item_fail(op, it);
}

/* Blobs that are in `from` at their places are marked in it->have. */
static int find_there(struct restore *rs, struct op *op, struct kit *k,
		      struct item *it, int from, int to)
{
	int64_t at = 0;
	size_t len;

	for (uint32_t i = 0; i < it->ncontent; i++, at += (int64_t)len) {
		if (op_check(op) < 0 ||
		    blob_length(rs, op, &it->content[i], &len) < 0)
			return -1;
		if (it->have && it->have[i])
			continue;
		if (!blob_is_there(k, from, &it->content[i], len, at))
			continue;
		if (to >= 0 &&
		    item_write(rs, op, to, k->text.data, len, at) < 0)
			return -1;
		if (!it->have)
			it->have = xcalloc(1, it->ncontent);
		it->have[i] = 1;
	}
	return 0;
}

static uint32_t count_have(const struct item *it)
{
	uint32_t n = 0;

	for (uint32_t i = 0; it->have && i < it->ncontent; i++)
		n += it->have[i];
	return n;
}

static void drop_have(struct item *it)
{
	free(it->have);
	it->have = NULL;
}

/* A killed run's temporary file, if it is nobody else's; else a new one. */
static int open_aside(struct restore *rs, struct op *op, int dirfd,
		      const char *temp, bool *old)
{
	int fd = rs->opt->sparse || rs->verifying
			 ? -1
			 : openat(dirfd, temp,
				  O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	*old = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	       st.st_nlink == 1 && st.st_uid == rs->uid;
	if (*old)
		return fd;
	if (fd >= 0)
		close(fd);
	return create(op, dirfd, temp);
}

/*
 * The temporary file of one with several blobs, with those that a killed run,
 * or the file that is to be replaced (`now`, or -1), has already.
 */
static int begin_aside(struct restore *rs, struct op *op, struct kit *k,
		       int dirfd, struct item *it, int now)
{
	char temp[TEMP_NAME];
	int fd, rc = 0;
	bool old;

	drop_have(it);
	temp_name(it->dir, it->name, temp);
	fd = open_aside(rs, op, dirfd, temp, &old);
	if (fd < 0)
		return -1;
	it->aside = true;
	if (ftruncate(fd, (off_t)it->size) < 0)
		rc = err_sys(&op->err, "set size");
	if (rc == 0 && old)
		rc = find_there(rs, op, k, it, fd, -1);
	if (rc == 0 && now >= 0)
		rc = find_there(rs, op, k, it, now, fd);
	close(fd);
	return rc;
}

static void left_alone(struct restore *rs, struct item *it)
{
	it->finished = true;
	drop_have(it);
	restore_progress(rs, (int64_t)it->size);
	restore_done(rs, RESTORE_UNCHANGED, it->dir, it->name, false, it->size);
}

static bool looks_same(const struct item *it, const struct stat *st)
{
	return (uint64_t)st->st_size == it->size &&
	       st->st_mtim.tv_sec == it->meta.times[1].tv_sec &&
	       st->st_mtim.tv_nsec == it->meta.times[1].tv_nsec;
}

/* Only the metadata is put right. */
static int refresh(struct restore *rs, struct op *op, int dirfd,
		   struct item *it)
{
	if (!rs->opt->dry_run &&
	    meta_put_at(rs, op, dirfd, it->name, &it->meta, false) < 0 &&
	    restore_tell(rs, op, it->dir, it->name) < 0)
		return -1;
	left_alone(rs, it);
	return 0;
}

/* A regular file is there already, `now` opened if it may be read. */
static int compare(struct restore *rs, struct op *op, struct kit *k, int dirfd,
		   struct item *it, const struct stat *st, int now)
{
	bool alone = st->st_nlink == 1 || it->shared;
	uint32_t same;

	if (alone && rs->opt->overwrite == OVERWRITE_IF_CHANGED &&
	    looks_same(it, st))
		return refresh(rs, op, dirfd, it);
	if (now >= 0 && find_there(rs, op, k, it, now, -1) < 0)
		return -1;
	same = count_have(it);
	if (alone && now >= 0 && same == it->ncontent &&
	    (uint64_t)st->st_size == it->size)
		return refresh(rs, op, dirfd, it);
	if (rs->opt->dry_run || (same == 0 && it->ncontent < 2)) {
		drop_have(it);
		return 0;
	}
	return begin_aside(rs, op, k, dirfd, it, same ? now : -1);
}

static int prepare_at(struct restore *rs, struct op *op, struct kit *k,
		      int dirfd, struct item *it)
{
	struct stat st;
	int now, rc;

	if (!it->dir->fresh &&
	    fstatat(dirfd, it->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		it->over = true;
		if (!may_replace(rs, &it->meta, &st)) {
			restore_unverified(rs, it->dir, it->name);
			left_alone(rs, it);
			return 0;
		}
	}
	if (it->over && S_ISREG(st.st_mode)) {
		now = openat(dirfd, it->name,
			     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		rc = compare(rs, op, k, dirfd, it, &st, now);
		if (now >= 0)
			close(now);
		return rc;
	}
	if (it->ncontent < 2 || rs->opt->dry_run)
		return 0;
	return begin_aside(rs, op, k, dirfd, it, -1);
}

int item_prepare(struct restore *rs, struct op *op, struct kit *k,
		 struct item *it)
{
	bool own = false;
	int dirfd = -1, rc;

	if (!it->dir->fresh || !rs->opt->dry_run)
		dirfd = dest_open(op, it->dir, &own);
	rc = dirfd < 0 && !rs->opt->dry_run ? -1
					    : prepare_at(rs, op, k, dirfd, it);
	dest_close(dirfd, own);
	if (rc == 0 && rs->opt->dry_run && !it->finished) {
		it->finished = true;
		restore_done(rs, it->over ? RESTORE_UPDATED : RESTORE_RESTORED,
			     it->dir, it->name, false, it->size);
	}
	if (rc == 0)
		return 0;
	if (err_info(op->err.kind)->fatal) {
		atomic_store(&rs->stop, true);
		return -1;
	}
	item_fail(op, it);
	return 0;
}

/*
 * What is whole of a file is kept beside, under a name that says what it is;
 * where there is something already, that stays.
 */
static bool keep_damaged(struct restore *rs, struct op *op, int dirfd,
			 const struct item *it, const char *temp,
			 const char *name)
{
	int fd = openat(dirfd, temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool kept;

	if (fd < 0)
		return false;
	kept = fstat(fd, &st) == 0;
	if (kept)
		(void)!meta_put(rs, op, fd, false, &st, &it->meta, false);
	kept = kept &&
	       renameat2(dirfd, temp, dirfd, name, RENAME_NOREPLACE) == 0;
	close(fd);
	return kept;
}

static int tell_why(struct restore *rs, struct op *op, int dirfd,
		    struct item *it)
{
	struct err *why = atomic_load(&it->why);
	char temp[TEMP_NAME];
	struct buf name = BUF_INIT;
	bool kept = false;
	int rc;

	if (err_info(why->kind)->fatal) { /* it will be gone on with */
		atomic_store(&rs->stop, true);
		op->err = *why;
		return -1;
	}
	buf_addf(&name, "%s.damaged", it->name);
	temp_name(it->dir, it->name, temp);
	if (it->aside && dirfd >= 0 && atomic_load(&it->good))
		kept = keep_damaged(rs, op, dirfd, it, temp, name.data);
	if (it->aside && dirfd >= 0 && !kept)
		(void)!unlinkat(dirfd, temp, 0);
	op->err = *why;
	if (kept)
		err_wrap(&op->err,
			 "not restored (what is whole of it is in "
			 "\"%s\")",
			 name.data);
	else
		err_wrap(&op->err, "not restored");
	buf_free(&name);
	restore_unverified(rs, it->dir, it->name);
	rc = restore_tell(rs, op, it->dir, it->name);
	return rc;
}

static void finish_aside(struct restore *rs, struct op *op, int dirfd,
			 struct item *it)
{
	char temp[TEMP_NAME];
	int fd, rc;

	temp_name(it->dir, it->name, temp);
	fd = openat(dirfd, temp, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	rc = fd < 0 ? err_sys(&op->err, "open the temporary file")
		    : commit(rs, op, dirfd, fd, it, temp);
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = err_sys(&op->err, "close");
	if (rc < 0)
		item_fail(op, it);
}

int item_end(struct restore *rs, struct op *op, struct item *it)
{
	bool own = false;
	int dirfd = -1, rc = 0;

	if (it->aside || atomic_load(&it->why))
		dirfd = dest_open(op, it->dir, &own);
	if (dirfd < 0 && it->aside)
		item_fail(op, it);
	if (it->aside && !atomic_load(&it->why))
		finish_aside(rs, op, dirfd, it);
	if (atomic_load(&it->why))
		rc = tell_why(rs, op, dirfd, it);
	else
		restore_done(rs, it->over ? RESTORE_UPDATED : RESTORE_RESTORED,
			     it->dir, it->name, false, it->size);
	if (!it->aside)
		restore_progress(rs, (int64_t)it->size);
	dest_close(dirfd, own);
	it->finished = true;
	return rc;
}
