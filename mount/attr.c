#include <errno.h>
#include <string.h>

#include "lib/clock.h"
#include "mount/control.h"
#include "mount/parts.h"

static void reply_attr(struct worker *w, fuse_req_t req, int rc,
		       const struct vfs_attr *a)
{
	struct stat st;

	if (rc < 0) {
		reply_result(w, req, rc);
		return;
	}
	end_request(w, req);
	stat_of(a, &st);
	fuse_reply_attr(req, &st, seconds_of(a->valid));
	reply_over(w);
}

static void do_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct vfs_attr a;

	(void)fi;
	reply_attr(w, req, vfs_getattr(m->vfs, &w->op, ino, &a), &a);
}

static unsigned set_of(const struct stat *st, int what, struct vfs_attr *a)
{
	unsigned set = 0;

	if (what & FUSE_SET_ATTR_MODE) {
		a->mode = st->st_mode & 07777;
		set |= VFS_SET_MODE;
	}
	if (what & FUSE_SET_ATTR_UID) {
		a->uid = st->st_uid;
		set |= VFS_SET_UID;
	}
	if (what & FUSE_SET_ATTR_GID) {
		a->gid = st->st_gid;
		set |= VFS_SET_GID;
	}
	if (what & FUSE_SET_ATTR_SIZE) {
		a->size = st->st_size;
		set |= VFS_SET_SIZE;
	}
	if (what & FUSE_SET_ATTR_MTIME_NOW) {
		a->mtime = clock_wall();
		set |= VFS_SET_MTIME;
	} else if (what & FUSE_SET_ATTR_MTIME) {
		a->mtime = ns_of(st->st_mtim.tv_sec,
				 (uint32_t)st->st_mtim.tv_nsec);
		set |= VFS_SET_MTIME;
	}
	return set;
}

/* Access times are not kept: to set one alone changes nothing. */
static void do_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st,
		       int what, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct vfs_attr in = { 0 }, a;
	unsigned set = set_of(st, what, &in);
	int rc;

	(void)fi;
	if (set)
		rc = vfs_setattr(m->vfs, &w->op, ino, set, &in, &a);
	else
		rc = vfs_getattr(m->vfs, &w->op, ino, &a);
	reply_attr(w, req, rc, &a);
}

static uint64_t blocks_of(int64_t bytes, uint64_t unknown)
{
	return bytes < 0 ? unknown : (uint64_t)bytes / 4096;
}

/* What is not known is plenty, so that no program gives up beforehand. */
static void do_statfs(fuse_req_t req, fuse_ino_t ino)
{
	const uint64_t plenty = UINT64_C(1) << 38; /* blocks: a PiB */
	struct mount *m = mount_of(req);
	struct quota q;
	struct statvfs s = { .f_bsize = 4096,
			     .f_frsize = 4096,
			     .f_namemax = 255 };

	(void)ino;
	vfs_statfs(m->vfs, &q);
	if (q.free < 0 && q.total >= 0 && q.used >= 0)
		q.free = q.total > q.used ? q.total - q.used : 0;
	if (q.total < 0 && q.free >= 0 && q.used >= 0 &&
	    __builtin_add_overflow(q.free, q.used, &q.total))
		q.total = -1;
	s.f_bavail = s.f_bfree = blocks_of(q.free, plenty);
	s.f_blocks = blocks_of(q.total, plenty);
	/* a disk keeps some for root: neither used nor free */
	if (q.total >= 0 && q.used >= 0 && q.total - q.used > q.free)
		s.f_bfree = blocks_of(q.total - q.used, plenty);
	if (s.f_blocks < s.f_bfree)
		s.f_blocks = s.f_bfree;
	s.f_ffree = s.f_favail = UINT64_C(1) << 30;
	s.f_files = s.f_ffree + (q.objects > 0 ? (uint64_t)q.objects : 0);
	fuse_reply_statfs(req, &s);
}

/* ---- extended attributes ------------------------------------------------- */

static bool is_ours(const char *name)
{
	return strncmp(name, "user.", 5) == 0;
}

/* `size` 0 asks for the length alone. */
static void send_value(fuse_req_t req, const void *value, size_t len,
		       size_t size)
{
	if (size == 0)
		fuse_reply_xattr(req, len);
	else if (len > size)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, value, len);
}

static void reply_value(struct worker *w, fuse_req_t req, int rc,
			const void *value, size_t len, size_t size)
{
	if (rc < 0) {
		reply_result(w, req, rc);
		return;
	}
	end_request(w, req);
	send_value(req, value, len, size);
	reply_over(w);
}

static void do_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			size_t size)
{
	struct mount *m = mount_of(req);
	struct worker *w;
	const void *value = NULL;
	size_t len = 0;
	int rc;

	if (ino == FUSE_ROOT_ID && strcmp(name, CONTROL_XATTR) == 0) {
		send_value(req, m->opt.folder, strlen(m->opt.folder), size);
		return;
	}
	/* the kernel asks for security.capability at each write */
	if (!is_ours(name)) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	w = begin_request(m, req);
	rc = vfs_getxattr(m->vfs, &w->op, ino, name, &value, &len);
	reply_value(w, req, rc, value, len, size);
}

static void do_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	const char *names = NULL;
	size_t len = 0;
	int rc = vfs_listxattr(m->vfs, &w->op, ino, &names, &len);

	reply_value(w, req, rc, names, len, size);
}

static void do_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name,
			const char *value, size_t size, int flags)
{
	struct mount *m = mount_of(req);
	struct worker *w;

	if (!is_ours(name)) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	w = begin_request(m, req);
	reply_result(
		w, req,
		vfs_setxattr(m->vfs, &w->op, ino, name, value, size, flags));
}

static void do_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct mount *m = mount_of(req);
	struct worker *w;

	if (!is_ours(name)) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	w = begin_request(m, req);
	reply_result(w, req, vfs_removexattr(m->vfs, &w->op, ino, name));
}

void attr_ops(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = do_getattr;
	ops->setattr = do_setattr;
	ops->statfs = do_statfs;
	ops->getxattr = do_getxattr;
	ops->listxattr = do_listxattr;
	ops->setxattr = do_setxattr;
	ops->removexattr = do_removexattr;
}
