/* Mode, owner, times and extended attributes of what is restored. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/log.h"
#include "repo/restore_parts.h"

/* As much as the kernel lists of one file. */
enum { LIST_MAX = 64 << 10 };

/* What the f*() calls do not take with O_PATH goes by its name in /proc. */
struct inode_name {
	char text[32];
};

static struct inode_name name_of(int fd)
{
	struct inode_name n;

	snprintf(n.text, sizeof(n.text), "/proc/self/fd/%d", fd);
	return n;
}

void meta_of(struct meta *m, const struct node *n, struct arena *a)
{
	*m = (struct meta){
		.mode = node_mode_to_unix(n->mode) & 07777,
		.uid = n->uid,
		.gid = n->gid,
		.times = { { n->atime.sec, n->atime.ns },
			   { n->mtime.sec, n->mtime.ns } },
		.nxattrs = n->nxattrs,
	};
	if (n->nxattrs) {
		struct node_xattr *x = arena_memdup(
			a, n->xattrs, n->nxattrs * sizeof(*n->xattrs));

		for (size_t i = 0; i < n->nxattrs; i++) {
			x[i].name = arena_strdup(a, x[i].name);
			x[i].value = arena_memdup(a, x[i].value, x[i].len);
		}
		m->xattrs = x;
	}
}

static bool has_xattr(const struct meta *m, const char *name)
{
	for (size_t i = 0; i < m->nxattrs; i++)
		if (strcmp(m->xattrs[i].name, name) == 0)
			return true;
	return false;
}

/*
 * Those that the snapshot's file does not have; an inherited ACL is one.  What
 * cannot be removed is the system's business (a security label).
 */
static void strip(int fd, bool path_only, const struct meta *m)
{
	char few[256], *names = few;
	ssize_t n;

	n = path_only ? listxattr(name_of(fd).text, names, sizeof(few))
		      : flistxattr(fd, names, sizeof(few));
	if (n < 0 && errno == ERANGE) {
		names = xcalloc(1, LIST_MAX);
		n = path_only ? listxattr(name_of(fd).text, names, LIST_MAX)
			      : flistxattr(fd, names, LIST_MAX);
	}
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		if (has_xattr(m, names + i))
			continue;
		(void)!(path_only ? removexattr(name_of(fd).text, names + i)
				  : fremovexattr(fd, names + i));
	}
	if (names != few)
		free(names);
}

/* No failure of this file: the file system, or this user, cannot have it. */
static bool is_lost(const char *name)
{
	return errno == EOPNOTSUPP || errno == ENOSYS ||
	       (errno == EPERM && strncmp(name, "user.", 5) != 0 &&
		strncmp(name, "system.", 7) != 0);
}

static int put_xattrs(struct restore *rs, struct op *op, int fd, bool path_only,
		      const struct meta *m)
{
	for (size_t i = 0; i < m->nxattrs; i++) {
		const struct node_xattr *x = &m->xattrs[i];
		const void *value = x->value ? x->value : "";

		if ((path_only ? setxattr(name_of(fd).text, x->name, value,
					  x->len, 0)
			       : fsetxattr(fd, x->name, value, x->len, 0)) == 0)
			continue;
		if (!is_lost(x->name)) {
			err_sys(&op->err, "set attribute %s", x->name);
			/* too long a value, mostly: others will fit */
			if (op->err.kind == ERR_NO_SPACE)
				op->err.kind = ERR_UNSUPPORTED;
			return -1;
		}
		if (!atomic_exchange(&rs->no_xattrs_told, true))
			log_notice(NULL,
				   "extended attributes like %s cannot be kept "
				   "here",
				   x->name);
	}
	return 0;
}

/*
 * Who is not root gives nothing away; the group can be had if he is in it.  A
 * set-id bit would say something else with another owner.
 */
static int put_owner(struct restore *rs, struct op *op, int fd,
		     const struct stat *st, const struct meta *m,
		     uint32_t *mode)
{
	*mode = m->mode;
	if (st->st_uid == m->uid && st->st_gid == m->gid)
		return 0;
	if (!rs->opt->no_owner) {
		if (fchownat(fd, "", m->uid, m->gid, AT_EMPTY_PATH) < 0)
			return err_sys(&op->err, "set owner");
		return 0;
	}
	if (st->st_uid != m->uid)
		*mode &= ~(uint32_t)S_ISUID;
	if (st->st_gid != m->gid &&
	    fchownat(fd, "", (uid_t)-1, m->gid, AT_EMPTY_PATH) < 0)
		*mode &= ~(uint32_t)S_ISGID;
	return 0;
}

static int put_times(struct op *op, int fd, bool path_only,
		     const struct timespec times[2])
{
	if (!path_only) {
		if (futimens(fd, times) == 0)
			return 0;
	} else if (utimensat(fd, "", times, AT_EMPTY_PATH) == 0 ||
		   (errno == EINVAL && /* before Linux 5.8 */
		    utimensat(AT_FDCWD, name_of(fd).text, times, 0) == 0)) {
		return 0;
	}
	return err_sys(&op->err, "set time");
}

int meta_put(struct restore *rs, struct op *op, int fd, bool path_only,
	     const struct stat *st, const struct meta *m, bool fresh)
{
	bool link = S_ISLNK(st->st_mode), bad = false;
	struct err why = { 0 };
	uint32_t mode;

	/* one that fails is no reason to leave out the others */
	if (put_owner(rs, op, fd, st, m, &mode) < 0) {
		mode &= ~(uint32_t)(S_ISUID | S_ISGID);
		why = op->err;
		bad = true;
	}
	if (!fresh)
		strip(fd, path_only, m);
	if (m->nxattrs && put_xattrs(rs, op, fd, path_only, m) < 0) {
		why = op->err;
		bad = true;
	}
	if (!link && (path_only ? chmod(name_of(fd).text, mode)
				: fchmod(fd, mode)) < 0) {
		err_sys(&op->err, "set mode");
		why = op->err;
		bad = true;
	}
	if (put_times(op, fd, path_only, m->times) < 0) {
		why = op->err;
		bad = true;
	}
	if (!bad)
		return 0;
	op->err = why;
	return -1;
}

int meta_put_at(struct restore *rs, struct op *op, int dirfd, const char *name,
		const struct meta *m, bool fresh)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0)
		return err_sys(&op->err, "open");
	rc = fstat(fd, &st) < 0 ? err_sys(&op->err, "stat")
				: meta_put(rs, op, fd, true, &st, m, fresh);
	close(fd);
	return rc;
}
