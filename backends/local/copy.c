#include "backends/local/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "backends/local/aside.h"
#include "backends/local/meta.h"
#include "lib/acct.h"

/*
 * Let the file system share the blocks of both files (btrfs, XFS, ...).  A
 * pair of devices that cannot is not asked again.
 */
static bool clone_file(const struct transfer *t, const struct stat *from,
		       const struct stat *to)
{
	uint64_t pair =
		((uint64_t)from->st_dev << 32 ^ (uint64_t)to->st_dev) + 1;

	if (t->size == 0 || atomic_load(&t->local->no_clone) == pair)
		return false;
	if (ioctl(t->to, FICLONE, t->from) == 0)
		return true;
	if (errno == EOPNOTSUPP || errno == ENOTTY || errno == EXDEV ||
	    errno == ENOSYS || errno == EINVAL)
		atomic_store(&t->local->no_clone, pair);
	return false;
}

bool local_fs_is_remote(const struct statfs *s)
{
	switch ((unsigned long)s->f_type) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CEPH_SUPER_MAGIC:
	case AFS_SUPER_MAGIC:
	case V9FS_MAGIC:
	case FUSE_SUPER_MAGIC:
	case 0xff534d42: /* CIFS */
	case 0xfe534d42: /* SMB2 */ return true;
	default: return false;
	}
}

static bool on_network(int fd)
{
	struct statfs s;

	return fstatfs(fd, &s) == 0 && local_fs_is_remote(&s);
}

/*
 * Let the server of a network file system copy by itself.  On a local disk
 * copy_file_range() moves the bytes through memory as well, but on one thread
 * and unverified, so it is used only where reads and writes cross a wire.
 * How far it came; the rest is copied the plain way.
 */
static int64_t copy_on_server(struct op *op, const struct transfer *t)
{
	int64_t done = 0;

	while (done < t->size) {
		loff_t in = done, out = done;
		ssize_t n = copy_file_range(t->from, &in, t->to, &out,
					    64 * 1024 * 1024, 0);

		if (n <= 0 || acct_add(op, n) < 0)
			break;
		done += n;
	}
	return done;
}

static int copy_bytes(struct transfer *t, struct op *op, const struct stat *st,
		      const struct stat *temp)
{
	if (t->have == 0 && clone_file(t, st, temp))
		return acct_add(op, t->size);
	if (t->size <= SMALL_MAX && !t->sparse)
		return transfer_small(t, op);
	if (t->have == 0 && !t->sparse && on_network(t->from) &&
	    on_network(t->to) && copy_on_server(op, t) == t->size)
		return op_check(op);
	return transfer_blocks(t, op);
}

static int set_metadata(struct local *l, struct op *op, struct local *from,
			const struct aside *a, int from_fd,
			const struct stat *temp, const struct entry *want)
{
	struct inode in = { .fd = from_fd }, out = { .fd = a->fd };
	struct xattrs x, has = { 0 };

	if (!want->posix)
		return meta_apply(l, op, out, temp, want, NULL, NULL);
	if (meta_read_xattrs(from, op, in, &x) < 0)
		return -1;
	if ((a->have || !a->named || dir_gives_acl(a->dir)) &&
	    meta_read_xattrs(l, op, out, &has) < 0)
		return -1;
	return meta_apply(l, op, out, temp, want, &x, &has);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* From the open source to the open aside; `*want` is what it becomes. */
static int fill(struct local *l, struct op *op, struct local *from, int fd,
		const struct stat *st, const struct aside *a,
		const struct entry *want, const struct put_opt *opt)
{
	struct transfer t = {
		.local = l,
		.from = fd,
		.to = a->fd,
		.size = st->st_size,
		.have = a->have,
		.sparse = st->st_blocks * 512 < st->st_size,
		.verify = !opt->no_verify,
		.threads = opt->threads,
	};
	struct stat temp, now;

	if (fstat(a->fd, &temp) < 0)
		return err_sys(&op->err, "stat");
	if (copy_bytes(&t, op, st, &temp) < 0)
		return -1;
	if (fstat(fd, &now) < 0)
		return err_sys(&op->err, "stat");
	if (!same_file(st, &now))
		return err_set(&op->err, ERR_CONFLICT,
			       "changed while it was copied");
	return set_metadata(l, op, from, a, fd, &temp, want);
}

/* Whether --inplace can be done: there is nothing that must be kept. */
static bool may_be_inplace(const struct put_opt *opt)
{
	return opt->inplace && !opt->keep_old &&
	       !(opt->over && opt->over->kind != ENTRY_FILE);
}

/*
 * Write into the file itself: --inplace.  1, or 0 if it is another name of the
 * source: then it must not be cut.
 */
static int open_inplace(struct local *l, struct op *op, const char *path,
			const struct stat *src, mode_t mode, bool create,
			struct aside *a)
{
	struct stat st;

	*a = (struct aside){ .local = l, .fd = -1 };
	if (dir_of_made(&l->dirs, op, path, &a->dir, &a->name) < 0)
		return -1;
	a->fd = openat(a->dir->fd, a->name,
		       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC |
			       (create ? O_EXCL : 0),
		       mode);
	if (a->fd < 0) {
		err_sys(&op->err, "open");
		dir_put(&l->dirs, a->dir);
		return -1;
	}
	if (fstat(a->fd, &st) < 0) {
		err_sys(&op->err, "stat");
	} else if (st.st_ino == src->st_ino && st.st_dev == src->st_dev) {
		aside_abandon(a, false);
		return 0;
	} else if (ftruncate(a->fd, 0) < 0) {
		err_sys(&op->err, "truncate");
	} else {
		return 1;
	}
	aside_abandon(a, false);
	return -1;
}

/*
 * What to create the file with: its own mode where nobody could read more by
 * that than he will when it is done, which saves a chmod() a file.
 */
static mode_t first_mode(const struct local *l, const struct stat *st,
			 const struct put_opt *opt)
{
	if (!opt->meta)
		return 0666;
	if (st->st_uid == l->uid && st->st_gid == l->gid &&
	    (st->st_mode & 07600) == 0600)
		return st->st_mode & 0777;
	return 0600;
}

static int copy_to(struct local *l, struct op *op, struct local *from, int fd,
		   const struct stat *st, const char *dst,
		   const struct put_opt *opt)
{
	struct posix_meta m;
	struct entry want;
	mode_t mode = first_mode(l, st, opt);
	struct aside a;
	int rc = 0;

	local_entry(&want, &m, "", st);
	if (!opt->meta)
		want.posix = NULL;
	if (may_be_inplace(opt))
		rc = open_inplace(l, op, dst, st, mode, opt->mode == PUT_CREATE,
				  &a);
	if (rc == 0)
		rc = aside_open(l, op, dst, &want, mode, &a);
	if (rc < 0)
		return -1;
	if (fill(l, op, from, fd, st, &a, &want, opt) < 0) {
		/* What a later run can go on with stays. */
		aside_abandon(&a, op->err.kind == ERR_CANCELED &&
					  want.size >= RESUME_MIN);
		return -1;
	}
	if (!a.named) {
		rc = aside_settle(&a, op, opt->durable);
		aside_abandon(&a, false);
		return rc;
	}
	return aside_commit(&a, op, opt);
}

int local_copy(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out)
{
	struct stat st;
	int fd, rc;

	(void)seen; /* the source is copied as it is now */
	if (!local_is(from))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "not on the same service");
	fd = local_open_file(local_of(from), op, src, &st);
	if (fd < 0)
		return -1;
	rc = copy_to(local_of(be), op, local_of(from), fd, &st, dst, opt);
	close(fd);
	if (rc == 0 && out)
		rc = local_stat(be, op, dst, out);
	return rc;
}
