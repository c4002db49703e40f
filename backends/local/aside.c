#include "backends/local/aside.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/clock.h"

static const char prefix[] = ".ferry-tmp.";

bool aside_is_name(const char *name)
{
	const size_t n = sizeof(prefix) - 1;

	if (name[0] != '.' || strncmp(name, prefix, n) != 0 ||
	    strlen(name) != n + 16)
		return false;
	return strspn(name + n, "0123456789abcdef") == 16;
}

/* splitmix64 (Steele, Lea, Flood 2014): spreads any number well. */
static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void put_name(char name[ASIDE_NAME], uint64_t x)
{
	static const char digits[] = "0123456789abcdef";
	char *p = name + sizeof(prefix) - 1;

	memcpy(name, prefix, sizeof(prefix) - 1);
	for (unsigned i = 0; i < 16; i++)
		p[i] = digits[x >> (60 - 4 * i) & 15];
	p[16] = '\0';
}

void aside_draw(struct local *l, char name[ASIDE_NAME])
{
	put_name(name, mix(atomic_fetch_add(&l->counter, 1)));
}

uint64_t aside_seed(void)
{
	return mix((uint64_t)clock_wall() ^ (uint64_t)getpid() << 40);
}

/* Two files that would become the same share the name, and only one gets it. */
static void name_for(char name[ASIDE_NAME], const char *final,
		     const struct entry *e)
{
	uint64_t h = mix((uint64_t)e->size ^ mix((uint64_t)e->mtime));

	for (; *final; final++)
		h = mix(h ^ (unsigned char)*final);
	put_name(name, h);
}

/*
 * Open the part that a killed run may have left.  1 if the descriptor is ours
 * to write, 0 if this name is not to be used.
 */
static int open_part(struct aside *a, struct op *op, mode_t mode)
{
	struct stat st, now;

	a->fd = openat(a->dir->fd, a->temp,
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		       mode);
	if (a->fd < 0) {
		if (errno == ELOOP || errno == EISDIR || errno == ENXIO ||
		    errno == EACCES)
			return 0; /* somebody else's */
		return err_sys(&op->err, "create");
	}
	/*
	 * Another ferry at work on the same file holds the lock.  And what has
	 * another owner or a second name was not left by us.
	 */
	if (flock(a->fd, LOCK_EX | LOCK_NB) == 0 && fstat(a->fd, &st) == 0 &&
	    fstatat(a->dir->fd, a->temp, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_ino == now.st_ino && st.st_dev == now.st_dev &&
	    S_ISREG(st.st_mode) && st.st_nlink == 1 &&
	    st.st_uid == a->local->uid) {
		a->have = st.st_size;
		return 1;
	}
	close(a->fd);
	a->fd = -1;
	return 0;
}

/*
 * Who sweeps here may have met the new file before it was locked.  Where there
 * are no locks, none is needed.
 */
static bool is_kept(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return false;
	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static int open_new(struct aside *a, struct op *op, mode_t mode)
{
	for (unsigned tries = 0; tries < 100; tries++) {
		aside_draw(a->local, a->temp);
		a->fd = openat(a->dir->fd, a->temp,
			       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW |
				       O_CLOEXEC,
			       mode);
		if (a->fd >= 0) {
			if (is_kept(a->fd))
				return 0;
			close(a->fd);
			a->fd = -1;
			continue;
		}
		if (errno != EEXIST)
			return err_sys(&op->err, "create");
	}
	return err_set(&op->err, ERR_IO, "no free temporary name");
}

int aside_open(struct local *l, struct op *op, const char *path,
	       const struct entry *becomes, mode_t mode, struct aside *out)
{
	int rc = 0;

	*out = (struct aside){ .local = l, .fd = -1 };
	if (dir_of_made(&l->dirs, op, path, &out->dir, &out->name) < 0)
		return -1;
	if (becomes && becomes->size >= RESUME_MIN) {
		name_for(out->temp, out->name, becomes);
		rc = open_part(out, op, mode);
	}
	if (rc == 0)
		rc = open_new(out, op, mode);
	if (rc < 0) {
		dir_put(&l->dirs, out->dir);
		return -1;
	}
	out->named = true;
	return 0;
}

static void drop(struct aside *a)
{
	if (a->fd >= 0)
		close(a->fd);
	dir_put(&a->local->dirs, a->dir);
	a->fd = -1;
	a->dir = NULL;
}

void aside_abandon(struct aside *a, bool keep)
{
	if (a->named && !keep)
		unlinkat(a->dir->fd, a->temp, 0);
	drop(a);
}

/* ERR_CONFLICT unless `name` is still what it was when it was listed. */
static int check_over(struct op *op, int dir, const char *name,
		      const struct entry *over)
{
	struct posix_meta m;
	struct entry now;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0; /* nothing there can be lost */
		return err_sys(&op->err, "stat");
	}
	local_entry(&now, &m, name, &st);
	if (now.kind == ENTRY_DIR && over->kind != ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR,
			       "a folder is in its place");
	if (now.kind != over->kind || now.mtime != over->mtime ||
	    (now.kind == ENTRY_FILE && now.size != over->size))
		return err_set(&op->err, ERR_CONFLICT,
			       "the destination changed meanwhile");
	return 0;
}

static int replace_kept(struct local *l, int dir, const char *name, int to,
			const char *last)
{
	char temp[ASIDE_NAME];
	int rc;

	aside_draw(l, temp);
	if (linkat(dir, name, to, temp, 0) < 0)
		return -1;
	rc = renameat(to, temp, to, last);
	unlinkat(to, temp, 0); /* two names of one file: rename() left it */
	return rc;
}

/* So that neither name is ever missing; where links cannot be, by renaming. */
static int keep_old(struct local *l, struct op *op, int dir, const char *name,
		    const struct put_opt *opt)
{
	const char *keep = opt->keep_old, *last;
	struct stat st;
	struct dir *to;
	int rc;

	if (opt->keep_in && !local_is(opt->keep_in))
		return err_set(
			&op->err, ERR_UNSUPPORTED,
			"the old file cannot be kept on another service");
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(&op->err, "stat");
	if (S_ISDIR(st.st_mode))
		return err_set(&op->err, ERR_IS_DIR,
			       "a folder is in its place");
	if (opt->keep_in)
		l = local_of(opt->keep_in);
	if (dir_of_made(&l->dirs, op, keep, &to, &last) < 0)
		return -1;
	rc = linkat(dir, name, to->fd, last, 0);
	if (rc < 0 && errno == EEXIST)
		rc = replace_kept(l, dir, name, to->fd, last);
	else if (rc < 0)
		rc = renameat(dir, name, to->fd, last);
	if (rc < 0)
		err_sys(&op->err, "keep the old file as \"%s\"", keep);
	dir_put(&l->dirs, to);
	return rc;
}

int aside_rename(struct local *l, struct op *op, int from, const char *temp,
		 int to, const char *name, const struct put_opt *opt)
{
	if (opt->mode == PUT_CREATE) {
		if (renameat2(from, temp, to, name, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno == EEXIST)
			return err_set(&op->err, ERR_EXISTS,
				       "the destination has it meanwhile");
		if (errno != EINVAL && errno != ENOSYS)
			return err_sys(&op->err, "rename");
		/* A file system without that flag: the next best thing. */
		if (faccessat(to, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return err_set(&op->err, ERR_EXISTS,
				       "the destination has it meanwhile");
	} else if (opt->mode == PUT_OVER) {
		if (check_over(op, to, name, opt->over) < 0)
			return -1;
	}
	if (opt->keep_old && keep_old(l, op, to, name, opt) < 0)
		return -1;
	if (renameat(from, temp, to, name) < 0) {
		if (errno == EISDIR || errno == ENOTEMPTY)
			return err_set(&op->err, ERR_IS_DIR,
				       "a folder is in its place");
		return err_sys(&op->err, "rename");
	}
	return 0;
}

/*
 * Many network and FUSE file systems cannot do that with a folder (EINVAL), a
 * few not even with a file; that is no reason to store nothing there.
 */
static bool cannot_sync(void)
{
	return errno == EINVAL || errno == ENOTSUP || errno == ENOSYS;
}

static int sync_dir(struct op *op, int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : fsync(fd);

	if (rc < 0 && fd >= 0 && cannot_sync())
		rc = 0;
	if (rc < 0)
		err_sys(&op->err, "fsync of the folder");
	if (fd >= 0)
		close(fd);
	return rc;
}

int aside_settle(struct aside *a, struct op *op, bool durable)
{
	int fd;

	if (durable && fsync(a->fd) < 0 && !cannot_sync())
		return err_sys(&op->err, "fsync");
	if (durable || be_can(&a->local->base, BE_OWN_CLOCK))
		return 0;
	/* Of another descriptor, so that the lock is kept. */
	fd = fcntl(a->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0 || close(fd) < 0)
		return err_sys(&op->err, "close");
	return 0;
}

int aside_commit(struct aside *a, struct op *op, const struct put_opt *opt)
{
	int rc = aside_settle(a, op, opt->durable);

	if (rc == 0)
		rc = aside_rename(a->local, op, a->dir->fd, a->temp, a->dir->fd,
				  a->name, opt);
	if (rc < 0) {
		aside_abandon(a, false);
		return -1;
	}
	if (opt->durable)
		rc = sync_dir(op, a->dir->fd);
	drop(a);
	return rc;
}
