#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "mount/parts.h"

enum {
	ACCESS_FLAGS = O_ACCMODE | O_TRUNC | O_EXCL | O_APPEND,
	COPY_MAX = 32 * 1024
};

static struct vfs_file *file_of(const struct fuse_file_info *fi)
{
	return handle_of(fi)->file;
}

/*
 * With its own cache of writes the kernel reads what is around them, too, and
 * appends by itself.
 */
static int flags_of(const struct mount *m, int flags)
{
	flags &= ACCESS_FLAGS;
	if (!m->opt.write_back)
		return flags;
	if ((flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	return flags & ~O_APPEND;
}

static void do_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct fuse_entry_param e;
	struct vfs_file *f;
	struct vfs_attr a;

	if (vfs_create(m->vfs, &w->op, parent, name, mode & 07777,
		       flags_of(m, fi->flags), &a, &f) < 0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	entry_of(&a, &e);
	fi->fh = handle_new(m, f, NULL);
	fi->keep_cache = vfs_file_unchanged(f);
	if (fuse_reply_create(req, &e, fi) < 0) {
		handle_drop(m, handle_of(fi));
		vfs_forget(m->vfs, a.ino, 1);
	}
	reply_over(w);
}

static void do_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct vfs_file *f;

	if (vfs_open_file(m->vfs, &w->op, ino, flags_of(m, fi->flags), &f) <
	    0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	fi->fh = handle_new(m, f, NULL);
	fi->keep_cache = vfs_file_unchanged(f);
	if (fuse_reply_open(req, fi) < 0)
		handle_drop(m, handle_of(fi));
	reply_over(w);
}

/* A little is copied: that is quicker than to move its pages. */
static void reply_bytes(struct worker *w, fuse_req_t req, int fd, size_t n,
			off_t off)
{
	struct fuse_bufvec b = FUSE_BUFVEC_INIT(n);
	char *bytes;
	ssize_t got;

	if (n > COPY_MAX) {
		b.buf[0].flags =
			FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK | FUSE_BUF_FD_RETRY;
		b.buf[0].fd = fd;
		b.buf[0].pos = off;
		fuse_reply_data(req, &b, 0);
		return;
	}
	bytes = op_scratch(&w->op, n);
	got = n ? pread(fd, bytes, n, off) : 0;
	if (got < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, bytes, (size_t)got);
}

static void do_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct handle *h = handle_of(fi);
	size_t got;
	int fd;

	(void)ino;
	if (vfs_read_begin(m->vfs, &w->op, h->file, off, size, &fd, &got) < 0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	atomic_fetch_add(&h->users, 1);
	reply_bytes(w, req, fd, got, off);
	vfs_read_end(m->vfs, h->file);
	handle_drop(m, h);
	reply_over(w);
}

static void do_write(fuse_req_t req, fuse_ino_t ino, const char *bytes,
		     size_t size, off_t off, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	(void)ino;
	if (vfs_write(m->vfs, &w->op, file_of(fi), bytes, size, off) < 0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	fuse_reply_write(req, size);
	reply_over(w);
}

static void do_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	(void)ino;
	reply_result(w, req, vfs_flush_file(m->vfs, &w->op, file_of(fi)));
}

static void do_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		     struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	(void)ino;
	(void)datasync;
	reply_result(w, req, vfs_fsync(m->vfs, &w->op, file_of(fi)));
}

static void do_release(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)ino;
	handle_drop(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

static void do_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
			 off_t len, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	(void)ino;
	reply_result(
		w, req,
		vfs_fallocate(m->vfs, &w->op, file_of(fi), mode, off, len));
}

static void do_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	int64_t found;

	(void)ino;
	if (vfs_seek(m->vfs, &w->op, file_of(fi), off, whence, &found) < 0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	fuse_reply_lseek(req, found);
	reply_over(w);
}

void file_ops(struct fuse_lowlevel_ops *ops)
{
	ops->create = do_create;
	ops->open = do_open;
	ops->read = do_read;
	ops->write = do_write;
	ops->flush = do_flush;
	ops->fsync = do_fsync;
	ops->release = do_release;
	ops->fallocate = do_fallocate;
	ops->lseek = do_lseek;
}
