#ifndef BACKENDS_LOCAL_META_H
#define BACKENDS_LOCAL_META_H

#include "backends/local/local.h"

/*
 * Mode, owner, times and extended attributes.  ACLs are the attributes
 * system.posix_acl_access and system.posix_acl_default.  Those that only root
 * may set (trusted.*, security.*) are looked at by root alone.
 */

/* An open inode: a file opened to read or write, or anything with O_PATH. */
struct inode {
	int fd;
	bool path_only;
};

/* The list lies in op->arena. */
int meta_read_xattrs(struct local *l, struct op *op, struct inode i,
		     struct xattrs *out) MUST_CHECK;

/*
 * All that `want` says to the inode that is now as in `st`; and if `x` is not
 * NULL, exactly those attributes, instead of `has`.  Times last.  A file
 * system that keeps no attributes is ERR_UNSUPPORTED if there are any to set.
 */
int meta_apply(struct local *l, struct op *op, struct inode i,
	       const struct stat *st, const struct entry *want,
	       const struct xattrs *x, const struct xattrs *has) MUST_CHECK;

int local_get_xattrs(struct backend *be, struct op *op, const char *path,
		     struct xattrs *out);
int local_all_xattrs(struct backend *be, struct op *op, const char *path,
		     struct xattrs *out);
int local_set_meta(struct backend *be, struct op *op, const char *path,
		   const struct entry *want, const struct xattrs *x);
int local_touch(struct backend *be, struct op *op, const char *path,
		int64_t mtime);

/* As local_set_meta(), below an open folder. */
int meta_set_at(struct local *l, struct op *op, int dir, const char *name,
		const struct entry *want, const struct xattrs *x) MUST_CHECK;

#endif
