#include "backends/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backends/local/aside.h"
#include "backends/local/meta.h"
#include "lib/clock.h"

static void local_close(struct backend *be)
{
	struct local *l = local_of(be);

	dirs_free(&l->dirs);
	for (size_t i = 0; i < l->stray_dirs.n; i++)
		free(l->stray_dirs.at[i]);
	names_free(&l->stray_dirs);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static int64_t bytes_of(uint64_t blocks, uint64_t size)
{
	uint64_t n;

	if (__builtin_mul_overflow(blocks, size, &n) || n > INT64_MAX)
		return INT64_MAX;
	return (int64_t)n;
}

static int local_quota(struct backend *be, struct op *op, struct quota *out)
{
	struct local *l = local_of(be);
	struct statvfs s;
	struct dir *dir;
	int rc;

	if (dir_get(&l->dirs, op, "", 0, &dir) < 0)
		return -1;
	rc = fstatvfs(dir->fd, &s);
	if (rc < 0)
		err_sys(&op->err, "statvfs");
	dir_put(&l->dirs, dir);
	if (rc < 0)
		return -1;
	*out = (struct quota){
		.total = bytes_of(s.f_blocks, s.f_frsize),
		.free = bytes_of(s.f_bavail, s.f_frsize),
		.used = bytes_of(s.f_blocks - s.f_bfree, s.f_frsize),
		.trashed = -1,
		.objects = -1,
	};
	return 0;
}

static int local_flush(struct backend *be, struct op *op)
{
	struct local *l = local_of(be);
	int fd = open(l->dirs.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -1 : syncfs(fd);

	if (rc < 0)
		err_sys(&op->err, "flush \"%s\" to the disk", l->dirs.path);
	if (fd >= 0)
		close(fd);
	return rc;
}

static const struct backend_ops local_ops = {
	.close = local_close,
	.list = local_list,
	.stat = local_stat,
	.get = local_get,
	.put = local_put,
	.mkdir = local_mkdir,
	.rmdir = local_rmdir,
	.unlink = local_unlink,
	.copy = local_copy,
	.move = local_move,
	.move_dir = local_move_dir,
	.touch = local_touch,
	.hash = local_hash,
	.get_xattrs = local_get_xattrs,
	.all_xattrs = local_all_xattrs,
	.set_meta = local_set_meta,
	.mknode = local_mknode,
	.hardlink = local_hardlink,
	.equal = local_equal,
	.quota = local_quota,
	.flush = local_flush,
	.strays = local_strays,
	.open_reader = local_open_reader,
	.close_reader = local_close_reader,
	.open_writer = local_open_writer,
	.close_writer = local_close_writer,
};

bool local_is(const struct backend *be)
{
	return be->ops == &local_ops;
}

/*
 * The path without links and dots, also of a root that does not exist yet:
 * then of what exists of it, and the rest as it is written.
 */
static char *identity_of(const char *root)
{
	char *head = xstrdup(*root ? root : "."), *real, *out;
	struct buf tail = BUF_INIT, b = BUF_INIT;

	while (!(real = realpath(head, NULL))) {
		char *slash = strrchr(head, '/');
		const char *last = slash ? slash + 1 : head;

		if (*last && strcmp(last, ".") != 0) {
			struct buf t = BUF_INIT;

			buf_addf(&t, "/%s%s", last, tail.data);
			buf_free(&tail);
			tail = t;
		}
		if (!slash) {
			free(head);
			head = xstrdup(".");
			real = realpath(head, NULL);
			break;
		}
		if (slash == head)
			slash[1] = '\0';
		else
			*slash = '\0';
		if (slash == head && *last == '\0')
			break;
	}
	if (real && strcmp(real, "/") == 0 && tail.len)
		real[0] = '\0';
	buf_addf(&b, "local:%s%s", real ? real : "", tail.data);
	out = xstrdup(b.data);
	buf_free(&b);
	buf_free(&tail);
	free(real);
	free(head);
	return out;
}

/* The file system that a path, or what exists of it, lies on. */
static int find_fs(const char *root, struct statfs *out)
{
	char *path = xstrdup(*root ? root : "."), *slash;
	int rc;

	while ((rc = statfs(path, out)) < 0 && errno == ENOENT &&
	       (slash = strrchr(path, '/')) && slash != path)
		*slash = '\0';
	if (rc < 0)
		rc = statfs(*path == '/' ? "/" : ".", out);
	free(path);
	return rc;
}

/* What the file system cannot keep is not asked of it. */
static void fit_to_fs(struct backend *be, const char *root)
{
	struct statfs s;

	if (find_fs(root, &s) < 0)
		return;
	if (!local_fs_is_remote(&s))
		be->caps |= BE_OWN_CLOCK;
	if (s.f_type == MSDOS_SUPER_MAGIC || s.f_type == EXFAT_SUPER_MAGIC) {
		be->mtime_step = 2 * NS_PER_SEC;
		be->caps &= ~(unsigned)(BE_POSIX | BE_OWNER | BE_SET_META |
					BE_XATTRS | BE_MKNODE | BE_HARDLINK);
	}
}

static int local_open(const struct remote_conf *conf, const char *root,
		      struct op *op, struct backend **out)
{
	struct local *l = xcalloc(1, sizeof(*l));
	char *identity = identity_of(root);

	(void)op;
	dirs_init(&l->dirs, root, conf->remotes->copy_links);
	pthread_mutex_init(&l->lock, NULL);
	l->follow = conf->remotes->copy_links;
	l->uid = geteuid();
	l->gid = getegid();
	l->owner = l->uid == 0;
	l->remotes = conf->remotes;
	atomic_init(&l->counter, aside_seed());
	backend_init(&l->base, &local_ops, conf->name, identity,
		     BE_RANGE | BE_PUT_STREAM | BE_PUT_ATOMIC | BE_SET_MTIME |
			     BE_EMPTY_DIR | BE_POSIX | BE_KEEP_OLD |
			     (l->owner ? (unsigned)BE_OWNER : 0u));
	l->base.hashes = (1u << HASH_TYPES) - 1;
	fit_to_fs(&l->base, root);
	free(identity);
	*out = &l->base;
	return 0;
}

static const struct driver_option options[] = { { .name = NULL } };

const struct driver driver_local = {
	.name = "local",
	.summary = "files of this machine",
	.options = options,
	.open = local_open,
};
