#include <errno.h>
#include <stdlib.h>

#include "mount/parts.h"

static struct vfs_dir *dir_of(const struct fuse_file_info *fi)
{
	return handle_of(fi)->dir;
}

/*
 * The kernel may keep the list, since it is told of each change; but not if
 * this very opendir() has found changes that it has not been told of yet.
 */
static void do_opendir(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct vfs_dir *d;

	if (vfs_opendir(m->vfs, &w->op, ino, &d) < 0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	fi->fh = handle_new(m, NULL, d);
	fi->cache_readdir = 1;
	fi->keep_cache = notify_idle(m->notify);
	if (fuse_reply_open(req, fi) < 0)
		handle_drop(m, handle_of(fi));
	reply_over(w);
}

/* Entries for the kernel, as many as it has room for. */
struct entries {
	fuse_req_t req;
	bool plus;
	char *at;
	size_t len, size;
};

static bool is_dots(const char *name)
{
	return name[0] == '.' &&
	       (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static bool add_entry(void *arg, const char *name, const struct vfs_attr *attr,
		      int64_t next_off)
{
	struct entries *s = arg;
	size_t room = s->size - s->len, n;

	if (s->plus) {
		struct fuse_entry_param e;

		entry_of(attr, &e);
		if (is_dots(name))
			e.ino = 0; /* the kernel takes no reference */
		n = fuse_add_direntry_plus(s->req, s->at + s->len, room, name,
					   &e, next_off);
	} else {
		struct stat st = { .st_ino = attr->ino, .st_mode = attr->mode };

		n = fuse_add_direntry(s->req, s->at + s->len, room, name, &st,
				      next_off);
	}
	if (n > room)
		return false;
	s->len += n;
	return true;
}

static void read_entries(fuse_req_t req, size_t size, off_t off,
			 const struct fuse_file_info *fi, bool plus)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct entries s = { .req = req, .plus = plus, .size = size };
	int rc;

	if (s.size > IO_MAX)
		s.size = IO_MAX;
	s.at = arena_alloc(&w->op.arena, s.size);
	rc = vfs_readdir(m->vfs, &w->op, dir_of(fi), off, plus, add_entry, &s);
	end_request(w, req);
	/* what is already there must be told, or its lookups are lost */
	if (rc < 0 && s.len == 0)
		fuse_reply_err(req, vfs_errno(&w->op.err));
	else
		fuse_reply_buf(req, s.at, s.len);
	reply_over(w);
}

static void do_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)ino;
	read_entries(req, size, off, fi, false);
}

static void do_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size,
			   off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	read_entries(req, size, off, fi, true);
}

static void do_releasedir(fuse_req_t req, fuse_ino_t ino,
			  struct fuse_file_info *fi)
{
	(void)ino;
	handle_drop(mount_of(req), handle_of(fi));
	fuse_reply_err(req, 0);
}

static void do_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync,
			struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	(void)ino;
	(void)datasync;
	(void)fi;
	reply_result(w, req, vfs_fsyncdir(m->vfs, &w->op));
}

void dir_ops(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = do_opendir;
	ops->readdir = do_readdir;
	ops->readdirplus = do_readdirplus;
	ops->releasedir = do_releasedir;
	ops->fsyncdir = do_fsyncdir;
}
