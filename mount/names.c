#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/clock.h"
#include "mount/parts.h"

/* How long the kernel may believe that a name is not there. */
#define NOTHING_VALID 1.0

static void forget(struct mount *m, uint64_t ino, uint64_t lookups)
{
	if (ino != FUSE_ROOT_ID)
		vfs_forget(m->vfs, ino, lookups);
}

/* The answer to what makes the kernel know a node, which may not want it. */
static void reply_entry(struct worker *w, fuse_req_t req, int rc,
			const struct vfs_attr *a)
{
	struct mount *m = mount_of(req);
	struct fuse_entry_param e;

	if (rc < 0) {
		reply_result(w, req, rc);
		return;
	}
	end_request(w, req);
	entry_of(a, &e);
	if (fuse_reply_entry(req, &e) < 0)
		forget(m, a->ino, 1);
	reply_over(w);
}

static void do_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct fuse_entry_param none = { .entry_timeout = NOTHING_VALID };
	struct vfs_attr a;
	int rc = vfs_lookup(m->vfs, &w->op, parent, name, &a);

	if (rc < 0 && vfs_errno(&w->op.err) == ENOENT) {
		end_request(w, req);
		fuse_reply_entry(req, &none);
		reply_over(w);
		return;
	}
	reply_entry(w, req, rc, &a);
}

static void do_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	forget(mount_of(req), ino, lookups);
	fuse_reply_none(req);
}

static void do_forget_multi(fuse_req_t req, size_t n,
			    struct fuse_forget_data *all)
{
	struct mount *m = mount_of(req);

	for (size_t i = 0; i < n; i++)
		forget(m, all[i].ino, all[i].nlookup);
	fuse_reply_none(req);
}

static void do_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct vfs_attr a;

	reply_entry(w, req,
		    vfs_mkdir(m->vfs, &w->op, parent, name, mode & 07777, &a),
		    &a);
}

static void do_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		       const char *name)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	struct vfs_attr a;

	reply_entry(w, req,
		    vfs_symlink(m->vfs, &w->op, parent, name, target, &a), &a);
}

/* Files are all that a place has room for; mknod() may make one, too. */
static void do_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode, dev_t dev)
{
	struct mount *m = mount_of(req);
	struct worker *w;
	struct vfs_file *f;
	struct vfs_attr a;
	int rc;

	(void)dev;
	if (!S_ISREG(mode) && (mode & S_IFMT) != 0) {
		fuse_reply_err(req, EPERM);
		return;
	}
	w = begin_request(m, req);
	rc = vfs_create(m->vfs, &w->op, parent, name, mode & 07777,
			O_WRONLY | O_EXCL, &a, &f);
	if (rc == 0) {
		rc = vfs_flush_file(m->vfs, &w->op, f);
		vfs_release(m->vfs, f);
		if (rc < 0)
			forget(m, a.ino, 1);
	}
	reply_entry(w, req, rc, &a);
}

static void do_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);
	const char *target;

	if (vfs_readlink(m->vfs, &w->op, ino, &target) < 0) {
		reply_result(w, req, -1);
		return;
	}
	end_request(w, req);
	fuse_reply_readlink(req, target);
	reply_over(w);
}

static void do_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	reply_result(w, req, vfs_unlink(m->vfs, &w->op, parent, name));
}

static void do_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	reply_result(w, req, vfs_rmdir(m->vfs, &w->op, parent, name));
}

static void do_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t new_parent, const char *new_name,
		      unsigned flags)
{
	struct mount *m = mount_of(req);
	struct worker *w = begin_request(m, req);

	reply_result(w, req,
		     vfs_rename(m->vfs, &w->op, parent, name, new_parent,
				new_name, flags));
}

/* Two names of one file: no place but the local disk knows that. */
static void do_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		    const char *name)
{
	(void)ino;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EPERM);
}

void names_ops(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = do_lookup;
	ops->forget = do_forget;
	ops->forget_multi = do_forget_multi;
	ops->mkdir = do_mkdir;
	ops->symlink = do_symlink;
	ops->mknod = do_mknod;
	ops->readlink = do_readlink;
	ops->unlink = do_unlink;
	ops->rmdir = do_rmdir;
	ops->rename = do_rename;
	ops->link = do_link;
}
