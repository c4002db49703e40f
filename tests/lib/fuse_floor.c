/*
 * A folder shown again through FUSE, with nothing in between: what a mount of
 * ours is held against, since no program in user space can be faster.
 *
 *	fuse_floor FOLDER MOUNTPOINT
 *
 * Stays in the foreground until it is unmounted.  The kernel may keep all that
 * it has heard for a day, so nobody else should change the folder.
 */
#define FUSE_USE_VERSION 34

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { BUCKETS = 1 << 17 };

static const double FOREVER = 86400;

struct inode {
	struct inode *next;
	dev_t dev;
	ino_t ino;
	int fd; /* O_PATH */
	uint64_t lookups;
};

struct floor {
	pthread_mutex_t lock; /* guards the inodes */
	struct inode root;
	struct inode *buckets[BUCKETS];
};

static struct floor *floor_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static struct inode *inode_of(fuse_req_t req, fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &floor_of(req)->root
				   : (struct inode *)(uintptr_t)ino;
}

static int fd_of(fuse_req_t req, fuse_ino_t ino)
{
	return inode_of(req, ino)->fd;
}

static void proc_path(char out[40], int fd)
{
	snprintf(out, 40, "/proc/self/fd/%d", fd);
}

static int error(fuse_req_t req)
{
	return fuse_reply_err(req, errno);
}

static void done(fuse_req_t req, int rc)
{
	fuse_reply_err(req, rc < 0 ? errno : 0);
}

/* ---- names --------------------------------------------------------------- */

static int find(fuse_req_t req, fuse_ino_t parent, const char *name,
		struct fuse_entry_param *e)
{
	struct floor *f = floor_of(req);
	int fd = openat(fd_of(req, parent), name, O_PATH | O_NOFOLLOW);
	struct inode **at, *i;

	memset(e, 0, sizeof(*e));
	e->attr_timeout = e->entry_timeout = FOREVER;
	if (fd < 0)
		return -1;
	if (fstatat(fd, "", &e->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) <
	    0) {
		close(fd);
		return -1;
	}
	pthread_mutex_lock(&f->lock);
	at = &f->buckets[e->attr.st_ino % BUCKETS];
	for (i = *at; i; i = i->next)
		if (i->ino == e->attr.st_ino && i->dev == e->attr.st_dev)
			break;
	if (i) {
		close(fd);
	} else {
		i = calloc(1, sizeof(*i));
		if (!i)
			abort();
		*i = (struct inode){ *at, e->attr.st_dev, e->attr.st_ino, fd,
				     0 };
		*at = i;
	}
	i->lookups++;
	pthread_mutex_unlock(&f->lock);
	e->ino = (uintptr_t)i;
	return 0;
}

static void reply_entry(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;

	if (find(req, parent, name, &e) < 0)
		error(req);
	else
		fuse_reply_entry(req, &e);
}

static void floor_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;

	if (find(req, parent, name, &e) == 0 || errno == ENOENT)
		fuse_reply_entry(req, &e); /* ino 0: known not to be there */
	else
		error(req);
}

static void forget_one(struct floor *f, fuse_ino_t ino, uint64_t n)
{
	struct inode *i = (struct inode *)(uintptr_t)ino, **at;

	if (ino == FUSE_ROOT_ID)
		return;
	pthread_mutex_lock(&f->lock);
	i->lookups -= n;
	if (i->lookups == 0) {
		for (at = &f->buckets[i->ino % BUCKETS]; *at != i;)
			at = &(*at)->next;
		*at = i->next;
		close(i->fd);
		free(i);
	}
	pthread_mutex_unlock(&f->lock);
}

static void floor_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n)
{
	forget_one(floor_of(req), ino, n);
	fuse_reply_none(req);
}

static void floor_forget_multi(fuse_req_t req, size_t count,
			       struct fuse_forget_data *d)
{
	for (size_t i = 0; i < count; i++)
		forget_one(floor_of(req), d[i].ino, d[i].nlookup);
	fuse_reply_none(req);
}

static void floor_getattr(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (fstatat(fd_of(req, ino), "", &st,
		    AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		error(req);
	else
		fuse_reply_attr(req, &st, FOREVER);
}

static int set(int fd, const struct stat *st, int what)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT },
				 { .tv_nsec = UTIME_OMIT } };
	char path[40];

	proc_path(path, fd);
	if (what & FUSE_SET_ATTR_MODE && chmod(path, st->st_mode) < 0)
		return -1;
	if (what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID) &&
	    fchownat(fd, "", what & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1,
		     what & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1,
		     AT_EMPTY_PATH) < 0)
		return -1;
	if (what & FUSE_SET_ATTR_SIZE && truncate(path, st->st_size) < 0)
		return -1;
	if (what & FUSE_SET_ATTR_ATIME)
		t[0] = st->st_atim;
	if (what & FUSE_SET_ATTR_ATIME_NOW)
		t[0].tv_nsec = UTIME_NOW;
	if (what & FUSE_SET_ATTR_MTIME)
		t[1] = st->st_mtim;
	if (what & FUSE_SET_ATTR_MTIME_NOW)
		t[1].tv_nsec = UTIME_NOW;
	if (t[0].tv_nsec != UTIME_OMIT || t[1].tv_nsec != UTIME_OMIT)
		return utimensat(AT_FDCWD, path, t, 0);
	return 0;
}

static void floor_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st,
			  int what, struct fuse_file_info *fi)
{
	if (set(fd_of(req, ino), st, what) < 0)
		error(req);
	else
		floor_getattr(req, ino, fi);
}

static void floor_readlink(fuse_req_t req, fuse_ino_t ino)
{
	char target[4096];
	ssize_t n = readlinkat(fd_of(req, ino), "", target, sizeof(target) - 1);

	if (n < 0) {
		error(req);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

static void floor_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
			mode_t mode)
{
	if (mkdirat(fd_of(req, parent), name, mode) < 0)
		error(req);
	else
		reply_entry(req, parent, name);
}

static void floor_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
			  const char *name)
{
	if (symlinkat(target, fd_of(req, parent), name) < 0)
		error(req);
	else
		reply_entry(req, parent, name);
}

static void floor_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	done(req, unlinkat(fd_of(req, parent), name, 0));
}

static void floor_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	done(req, unlinkat(fd_of(req, parent), name, AT_REMOVEDIR));
}

static void floor_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
			 fuse_ino_t to, const char *to_name, unsigned flags)
{
	done(req, renameat2(fd_of(req, parent), name, fd_of(req, to), to_name,
			    flags));
}

/* ---- files --------------------------------------------------------------- */

static int handle(const struct fuse_file_info *fi)
{
	return (int)fi->fh;
}

/* The kernel's own writing back reads what it writes to, and never appends. */
static int open_flags(int flags)
{
	if ((flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	return flags & ~(O_APPEND | O_NOFOLLOW | O_CREAT | O_EXCL);
}

static void opened(struct fuse_file_info *fi, int fd)
{
	fi->fh = (uint64_t)fd;
	fi->keep_cache = 1;
}

static void floor_open(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	char path[40];
	int fd;

	proc_path(path, fd_of(req, ino));
	fd = open(path, open_flags(fi->flags) | O_CLOEXEC);
	if (fd < 0) {
		error(req);
		return;
	}
	opened(fi, fd);
	fuse_reply_open(req, fi);
}

static void floor_create(fuse_req_t req, fuse_ino_t parent, const char *name,
			 mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e;
	int fd = openat(fd_of(req, parent), name,
			open_flags(fi->flags) | O_CREAT | O_CLOEXEC |
				(fi->flags & O_EXCL),
			mode);

	if (fd < 0 || find(req, parent, name, &e) < 0) {
		error(req);
		return;
	}
	opened(fi, fd);
	fuse_reply_create(req, &e, fi);
}

static void floor_read(fuse_req_t req, fuse_ino_t ino, size_t n, off_t off,
		       struct fuse_file_info *fi)
{
	struct fuse_bufvec v = FUSE_BUFVEC_INIT(n);

	(void)ino;
	v.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	v.buf[0].fd = handle(fi);
	v.buf[0].pos = off;
	fuse_reply_data(req, &v, FUSE_BUF_SPLICE_MOVE);
}

static void floor_write(fuse_req_t req, fuse_ino_t ino, struct fuse_bufvec *in,
			off_t off, struct fuse_file_info *fi)
{
	struct fuse_bufvec out = FUSE_BUFVEC_INIT(fuse_buf_size(in));
	ssize_t n;

	(void)ino;
	out.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
	out.buf[0].fd = handle(fi);
	out.buf[0].pos = off;
	n = fuse_buf_copy(&out, in, 0);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
}

static void floor_release(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	(void)ino;
	close(handle(fi));
	fuse_reply_err(req, 0);
}

static void floor_fsync(fuse_req_t req, fuse_ino_t ino, int data,
			struct fuse_file_info *fi)
{
	(void)ino;
	done(req, data ? fdatasync(handle(fi)) : fsync(handle(fi)));
}

static void floor_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			    off_t len, struct fuse_file_info *fi)
{
	(void)ino;
	done(req, fallocate(handle(fi), mode, off, len));
}

static void floor_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;

	if (fstatvfs(fd_of(req, ino), &st) < 0)
		error(req);
	else
		fuse_reply_statfs(req, &st);
}

/* ---- folders ------------------------------------------------------------- */

static void floor_opendir(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	int fd = openat(fd_of(req, ino), ".", O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		error(req);
		return;
	}
	fi->fh = (uintptr_t)d;
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static size_t add(fuse_req_t req, fuse_ino_t ino, const struct dirent *d,
		  char *out, size_t room, int plus)
{
	struct fuse_entry_param e = { 0 };
	size_t n;

	e.attr.st_ino = d->d_ino;
	e.attr.st_mode = (mode_t)d->d_type << 12;
	if (!plus)
		return fuse_add_direntry(req, out, room, d->d_name, &e.attr,
					 d->d_off);
	if (d->d_name[0] != '.' || (d->d_name[1] && d->d_name[1] != '.'))
		if (find(req, ino, d->d_name, &e) < 0)
			e.attr.st_ino = d->d_ino;
	n = fuse_add_direntry_plus(req, out, room, d->d_name, &e, d->d_off);
	if (n > room && e.ino)
		forget_one(floor_of(req), e.ino, 1);
	return n;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		 struct fuse_file_info *fi, int plus)
{
	DIR *dir = (DIR *)(uintptr_t)fi->fh;
	char *out = malloc(size);
	size_t used = 0, n;
	struct dirent *d;

	if (!out)
		abort();
	if (telldir(dir) != off)
		seekdir(dir, off);
	while ((d = readdir(dir))) {
		n = add(req, ino, d, out + used, size - used, plus);
		if (n > size - used)
			break;
		used += n;
	}
	fuse_reply_buf(req, out, used);
	free(out);
}

static void floor_readdir(fuse_req_t req, fuse_ino_t ino, size_t size,
			  off_t off, struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, 0);
}

static void floor_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			      off_t off, struct fuse_file_info *fi)
{
	list(req, ino, size, off, fi, 1);
}

static void floor_releasedir(fuse_req_t req, fuse_ino_t ino,
			     struct fuse_file_info *fi)
{
	(void)ino;
	closedir((DIR *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void floor_init(void *arg, struct fuse_conn_info *c)
{
	(void)arg;
	c->want |=
		c->capable & (FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_SPLICE_READ |
			      FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
}

static const struct fuse_lowlevel_ops ops = {
	.init = floor_init,
	.lookup = floor_lookup,
	.forget = floor_forget,
	.forget_multi = floor_forget_multi,
	.getattr = floor_getattr,
	.setattr = floor_setattr,
	.readlink = floor_readlink,
	.mkdir = floor_mkdir,
	.symlink = floor_symlink,
	.unlink = floor_unlink,
	.rmdir = floor_rmdir,
	.rename = floor_rename,
	.open = floor_open,
	.create = floor_create,
	.read = floor_read,
	.write_buf = floor_write,
	.release = floor_release,
	.fsync = floor_fsync,
	.fallocate = floor_fallocate,
	.statfs = floor_statfs,
	.opendir = floor_opendir,
	.readdir = floor_readdir,
	.readdirplus = floor_readdirplus,
	.releasedir = floor_releasedir,
};

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(1, argv); /* no options */
	struct fuse_loop_config loop = { .max_idle_threads = 10 };
	struct floor *f = calloc(1, sizeof(*f));
	struct fuse_session *s;
	int rc = 1;

	if (argc != 3 || !f) {
		fprintf(stderr, "usage: fuse_floor FOLDER MOUNTPOINT\n");
		return 2;
	}
	umask(0);
	pthread_mutex_init(&f->lock, NULL);
	f->root.fd = open(argv[1], O_PATH | O_DIRECTORY);
	s = fuse_session_new(&args, &ops, sizeof(ops), f);
	if (f->root.fd < 0 || !s || fuse_set_signal_handlers(s) < 0 ||
	    fuse_session_mount(s, argv[2]) < 0) {
		perror("fuse_floor");
		return 1;
	}
	rc = fuse_session_loop_mt(s, &loop);
	fuse_session_unmount(s);
	fuse_remove_signal_handlers(s);
	fuse_session_destroy(s);
	return rc != 0;
}
