#include "backends/local/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/clock.h"

/*
 * An O_PATH descriptor names one inode, a symbolic link too, and cannot be
 * led astray; what the f*() calls do not take goes by its name in /proc.
 */
struct proc_name {
	char text[32];
};

static struct proc_name proc_name(struct inode i)
{
	struct proc_name p;

	snprintf(p.text, sizeof(p.text), "/proc/self/fd/%d", i.fd);
	return p;
}

static ssize_t list_of(struct inode i, char *out, size_t n)
{
	return i.path_only ? listxattr(proc_name(i).text, out, n)
			   : flistxattr(i.fd, out, n);
}

static ssize_t value_of(struct inode i, const char *name, void *out, size_t n)
{
	return i.path_only ? getxattr(proc_name(i).text, name, out, n)
			   : fgetxattr(i.fd, name, out, n);
}

static int set_value(struct inode i, const struct xattr *x)
{
	return i.path_only ? setxattr(proc_name(i).text, x->name, x->value,
				      x->len, 0)
			   : fsetxattr(i.fd, x->name, x->value, x->len, 0);
}

static int remove_value(struct inode i, const char *name)
{
	return i.path_only ? removexattr(proc_name(i).text, name)
			   : fremovexattr(i.fd, name);
}

static int set_mode(struct inode i, mode_t mode)
{
	return i.path_only ? chmod(proc_name(i).text, mode)
			   : fchmod(i.fd, mode);
}

static bool wanted(const struct local *l, const char *name)
{
	if (strncmp(name, "user.", 5) == 0)
		return true;
	if (strncmp(name, "system.", 7) == 0)
		return strcmp(name + 7, "posix_acl_access") == 0 ||
		       strcmp(name + 7, "posix_acl_default") == 0;
	return l->owner;
}

static int by_name(const void *a, const void *b)
{
	const struct xattr *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The list (`name` NULL) or a value, however long. */
static ssize_t read_value(struct op *op, struct inode i, const char *name,
			  const void **out)
{
	for (;;) {
		ssize_t n =
			name ? value_of(i, name, NULL, 0) : list_of(i, NULL, 0);
		char *p;

		if (n <= 0)
			return n;
		p = arena_alloc(&op->arena, (size_t)n);
		n = name ? value_of(i, name, p, (size_t)n)
			 : list_of(i, p, (size_t)n);
		if (n < 0 && errno == ERANGE)
			continue; /* it has grown meanwhile */
		*out = p;
		return n;
	}
}

static bool no_xattrs(int os)
{
	return os == EOPNOTSUPP || os == ENOSYS;
}

/* With `all` nothing is left out, and the order is the system's. */
static int gather(struct local *l, struct op *op, struct inode i, bool all,
		  const char *names, size_t len, struct xattrs *out)
{
	struct xattr *list;
	size_t n = 0;

	for (size_t k = 0; k < len; k += strlen(names + k) + 1)
		n++;
	list = arena_alloc(&op->arena, n * sizeof(*list));
	n = 0;
	for (size_t k = 0; k < len; k += strlen(names + k) + 1) {
		const void *value = "";
		ssize_t size;

		if (!all && !wanted(l, names + k))
			continue;
		size = read_value(op, i, names + k, &value);
		if (size < 0) {
			if (errno == ENODATA || no_xattrs(errno) ||
			    (all && (errno == EPERM || errno == EACCES)))
				continue; /* gone since it was listed */
			return err_sys(&op->err, "read attribute %s",
				       names + k);
		}
		list[n++] = (struct xattr){ names + k, value, (size_t)size };
	}
	if (!all)
		qsort(list, n, sizeof(*list), by_name);
	*out = (struct xattrs){ list, n };
	return 0;
}

static int read_xattrs(struct local *l, struct op *op, struct inode i, bool all,
		       struct xattrs *out)
{
	char few[256];
	const void *names = few;
	ssize_t n;

	*out = (struct xattrs){ 0 };
	/* Most files have none: this one call is then all. */
	n = list_of(i, few, sizeof(few));
	if (n < 0 && errno == ERANGE)
		n = read_value(op, i, NULL, &names);
	else if (n > 0)
		names = arena_memdup(&op->arena, few, (size_t)n);
	if (n < 0)
		return no_xattrs(errno) ? 0
					: err_sys(&op->err, "list attributes");
	return n ? gather(l, op, i, all, names, (size_t)n, out) : 0;
}

int meta_read_xattrs(struct local *l, struct op *op, struct inode i,
		     struct xattrs *out)
{
	return read_xattrs(l, op, i, false, out);
}

static const struct xattr *find(const struct xattrs *x, const char *name)
{
	for (size_t i = 0; i < x->n; i++)
		if (strcmp(x->at[i].name, name) == 0)
			return &x->at[i];
	return NULL;
}

/*
 * Not a failure of this file: the file system keeps none, or none of that
 * kind.  The run says so once.
 */
static bool is_lost(const struct xattr *x)
{
	return no_xattrs(errno) ||
	       (errno == EPERM && strncmp(x->name, "user.", 5) != 0 &&
		strncmp(x->name, "system.", 7) != 0);
}

static int write_xattrs(struct local *l, struct op *op, struct inode i,
			const struct xattrs *want, const struct xattrs *has)
{
	bool lost = false;

	for (size_t k = 0; k < has->n; k++) {
		const char *name = has->at[k].name;

		if (!find(want, name) && remove_value(i, name) < 0 &&
		    errno != ENODATA)
			return err_sys(&op->err, "remove attribute %s", name);
	}
	for (size_t k = 0; k < want->n; k++) {
		const struct xattr *x = &want->at[k];
		const struct xattr *old = find(has, x->name);

		if (old && old->len == x->len &&
		    memcmp(old->value, x->value, x->len) == 0)
			continue;
		if (set_value(i, x) == 0)
			continue;
		if (!is_lost(x)) {
			err_sys(&op->err, "set attribute %s", x->name);
			/* Too long a value, mostly: others will fit. */
			if (op->err.kind == ERR_NO_SPACE)
				op->err.kind = ERR_UNSUPPORTED;
			return -1;
		}
		lost = true;
	}
	if (lost)
		atomic_fetch_add(&l->base.lost_xattrs, 1);
	return 0;
}

static int set_times(struct op *op, struct inode i, bool link, int64_t mtime)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
				     timespec_of(mtime) };

	if (!i.path_only) {
		if (futimens(i.fd, times) < 0)
			return err_sys(&op->err, "set time");
		return 0;
	}
	if (utimensat(i.fd, "", times, AT_EMPTY_PATH) == 0)
		return 0;
	/* Before Linux 5.8 that needs a name. */
	if (errno == EINVAL && !link &&
	    utimensat(AT_FDCWD, proc_name(i).text, times, 0) == 0)
		return 0;
	return err_sys(&op->err, "set time");
}

int meta_apply(struct local *l, struct op *op, struct inode i,
	       const struct stat *st, const struct entry *want,
	       const struct xattrs *x, const struct xattrs *has)
{
	const struct posix_meta *m = want->posix;
	bool link = S_ISLNK(st->st_mode), reset = false;

	if (m && l->owner && (st->st_uid != m->uid || st->st_gid != m->gid)) {
		if (fchownat(i.fd, "", m->uid, m->gid, AT_EMPTY_PATH) < 0)
			return err_sys(&op->err, "set owner");
		reset = true; /* which clears set-id bits */
	}
	if (x && (x->n || has->n)) {
		/* Who is not root cannot change those of a read-only file. */
		if (m && !l->owner && !link && !(st->st_mode & 0200) &&
		    !xattrs_equal(x, has) &&
		    set_mode(i, (st->st_mode | 0200) & 07777) < 0)
			return err_sys(&op->err, "set mode");
		if (write_xattrs(l, op, i, x, has) < 0)
			return -1;
		reset = true; /* an ACL changes the mode as well */
	}
	if (m && !link && (reset || ((st->st_mode ^ m->mode) & 07777)) &&
	    set_mode(i, m->mode & 07777) < 0)
		return err_sys(&op->err, "set mode");
	if (want->mtime == MTIME_UNKNOWN)
		return 0;
	return set_times(op, i, link, want->mtime);
}

int meta_set_at(struct local *l, struct op *op, int dir, const char *name,
		const struct entry *want, const struct xattrs *x)
{
	struct inode i = { .path_only = true };
	struct xattrs has = { 0 };
	struct stat st;
	int rc = -1;

	i.fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (i.fd < 0)
		return err_sys(&op->err, "open");
	if (fstat(i.fd, &st) < 0) {
		err_sys(&op->err, "stat");
		goto out;
	}
	if (want->posix && ((st.st_mode ^ want->posix->mode) & S_IFMT)) {
		err_set(&op->err, ERR_CONFLICT,
			"something else has taken its place");
		goto out;
	}
	if (x && meta_read_xattrs(l, op, i, &has) < 0)
		goto out;
	rc = meta_apply(l, op, i, &st, want, x, &has);
out:
	close(i.fd);
	return rc;
}

/* As dir_of(), for the root too, which is "." in itself. */
static int place_of(struct local *l, struct op *op, const char *path,
		    struct dir **dir, const char **name)
{
	if (*path)
		return dir_of(&l->dirs, op, path, dir, name);
	*name = ".";
	return dir_get(&l->dirs, op, path, 0, dir);
}

int local_set_meta(struct backend *be, struct op *op, const char *path,
		   const struct entry *want, const struct xattrs *x)
{
	struct local *l = local_of(be);
	struct dir *dir;
	const char *name;
	int rc;

	if (place_of(l, op, path, &dir, &name) < 0)
		return -1;
	rc = meta_set_at(l, op, dir->fd, name, want, x);
	dir_put(&l->dirs, dir);
	return rc;
}

int local_touch(struct backend *be, struct op *op, const char *path,
		int64_t mtime)
{
	struct entry want = { .mtime = mtime };

	return local_set_meta(be, op, path, &want, NULL);
}

/*
 * Linux 6.13 can list the attributes of a name in a folder, which spares
 * opening it; most entries have none, and that is then known at once.
 */
static bool has_none(const struct local *l, const struct dir *dir,
		     const char *name)
{
	enum { LISTXATTRAT = 465 };
	char few[1];

	return syscall(LISTXATTRAT, dir->fd, name,
		       l->follow ? 0 : AT_SYMLINK_NOFOLLOW, few,
		       (size_t)0) == 0;
}

static int get_xattrs(struct backend *be, struct op *op, const char *path,
		      bool all, struct xattrs *out)
{
	struct local *l = local_of(be);
	struct inode i = { .path_only = true };
	struct dir *dir;
	const char *name;
	int rc;

	if (place_of(l, op, path, &dir, &name) < 0)
		return -1;
	if (has_none(l, dir, name)) {
		dir_put(&l->dirs, dir);
		*out = (struct xattrs){ 0 };
		return 0;
	}
	/* As stat(): with --copy-links of what a link leads to, if anything. */
	i.fd = l->follow ? openat(dir->fd, name, O_PATH | O_CLOEXEC) : -1;
	if (i.fd < 0)
		i.fd = openat(dir->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	dir_put(&l->dirs, dir);
	if (i.fd < 0)
		return err_sys(&op->err, "open");
	rc = read_xattrs(l, op, i, all, out);
	close(i.fd);
	return rc;
}

int local_get_xattrs(struct backend *be, struct op *op, const char *path,
		     struct xattrs *out)
{
	return get_xattrs(be, op, path, false, out);
}

int local_all_xattrs(struct backend *be, struct op *op, const char *path,
		     struct xattrs *out)
{
	return get_xattrs(be, op, path, true, out);
}
