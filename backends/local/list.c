#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "backends/local/aside.h"
#include "backends/local/local.h"
#include "lib/clock.h"

enum { STRAY_DIRS_MAX = 10000 };

void local_entry(struct entry *e, struct posix_meta *m, const char *name,
		 const struct stat *st)
{
	*m = (struct posix_meta){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = (uint32_t)st->st_nlink,
		.rdev = st->st_rdev,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.ctime = ns_of(st->st_ctim.tv_sec,
			       (uint32_t)st->st_ctim.tv_nsec),
		.atime = ns_of(st->st_atim.tv_sec,
			       (uint32_t)st->st_atim.tv_nsec),
	};
	*e = (struct entry){
		.kind = S_ISREG(st->st_mode)   ? ENTRY_FILE
			: S_ISDIR(st->st_mode) ? ENTRY_DIR
			: S_ISLNK(st->st_mode) ? ENTRY_LINK
					       : ENTRY_SPECIAL,
		.name = name,
		.size = S_ISREG(st->st_mode) ? st->st_size : 0,
		.mtime = ns_of(st->st_mtim.tv_sec,
			       (uint32_t)st->st_mtim.tv_nsec),
		.posix = m,
	};
}

/* The target of a link, in the arena; `size` is what stat() said. */
static int read_target(struct op *op, int dir, const char *name, int64_t size,
		       const char **out)
{
	size_t cap = size > 0 && size < 65536 ? (size_t)size + 1 : 4096;

	for (;; cap *= 2) {
		char *p = arena_alloc(&op->arena, cap + 1);
		ssize_t n = readlinkat(dir, name, p, cap);

		if (n < 0)
			return err_sys(&op->err, "read link");
		if ((size_t)n < cap) {
			*out = p;
			return 0;
		}
	}
}

/*
 * What is called `name` in an open folder: 1, or 0 if it is not there.  With
 * --copy-links what a link leads to; a link that leads nowhere is itself.
 */
static int look(struct local *l, struct op *op, int dir, const char *name,
		struct entry *e, struct posix_meta *m)
{
	struct stat st;
	int64_t size;

	if (l->follow && fstatat(dir, name, &st, 0) == 0) {
		local_entry(e, m, name, &st);
		return 1;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return 0;
		return err_sys(&op->err, "stat \"%s\"", name);
	}
	size = st.st_size;
	local_entry(e, m, name, &st);
	if (e->kind == ENTRY_LINK &&
	    read_target(op, dir, name, size, &m->target) < 0) {
		if (op->err.kind == ERR_NOT_FOUND)
			return 0;
		return -1;
	}
	return 1;
}

static void note_stray(struct local *l, const char *dir)
{
	pthread_mutex_lock(&l->lock);
	if (l->stray_dirs.n < STRAY_DIRS_MAX &&
	    (l->stray_dirs.n == 0 ||
	     strcmp(l->stray_dirs.at[l->stray_dirs.n - 1], dir) != 0))
		*names_add(&l->stray_dirs) = xstrdup(dir);
	pthread_mutex_unlock(&l->lock);
}

/* A descriptor to read the folder's names from. */
static int open_to_list(struct local *l, struct op *op, const char *path)
{
	struct dir *dir;
	int fd;

	if (dir_get_anew(&l->dirs, op, path, &dir) < 0)
		return -1;
	fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir_put(&l->dirs, dir);
	if (fd < 0)
		return err_sys(&op->err, "open folder");
	return fd;
}

/* The kernel's record, as getdents64(2) describes it. */
struct record {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

/* Called with each name but "." and "..". */
typedef int name_fn(void *arg, struct op *op, int dir, const char *name);

static int each_name(struct op *op, int fd, name_fn *fn, void *arg)
{
	_Alignas(struct record) char records[32 * 1024];

	for (;;) {
		ssize_t n = getdents64(fd, records, sizeof(records));

		if (n < 0)
			return err_sys(&op->err, "read folder");
		if (n == 0)
			return 0;
		if (op_check(op) < 0)
			return -1;
		for (ssize_t at = 0; at < n;) {
			const struct record *r = (const void *)(records + at);
			const char *name = r->name;

			at += r->len;
			if (name[0] == '.' &&
			    (name[1] == '\0' ||
			     (name[1] == '.' && name[2] == '\0')))
				continue;
			if (fn(arg, op, fd, name) < 0)
				return -1;
		}
	}
}

struct lister {
	struct local *l;
	const char *dir;
	entry_fn *fn;
	void *arg;
	struct arena targets; /* of links; not to pile up in the caller's */
};

static int list_name(void *arg, struct op *op, int dir, const char *name)
{
	struct lister *ls = arg;
	struct arena callers;
	struct posix_meta m;
	struct entry e;
	int rc;

	if (aside_is_name(name)) {
		note_stray(ls->l, ls->dir);
		return 0;
	}
	callers = op->arena;
	op->arena = ls->targets;
	rc = look(ls->l, op, dir, name, &e, &m);
	ls->targets = op->arena;
	op->arena = callers;
	if (rc > 0)
		rc = ls->fn(ls->arg, op, &e);
	arena_reset(&ls->targets);
	return rc;
}

int local_list(struct backend *be, struct op *op, const char *dir, entry_fn *fn,
	       void *arg)
{
	struct lister ls = { local_of(be), dir, fn, arg, { 0 } };
	int fd = open_to_list(ls.l, op, dir), rc;

	if (fd < 0)
		return -1;
	rc = each_name(op, fd, list_name, &ls);
	arena_free(&ls.targets);
	close(fd);
	return rc;
}

int local_stat(struct backend *be, struct op *op, const char *path,
	       struct entry *out)
{
	struct local *l = local_of(be);
	struct posix_meta *m = arena_alloc(&op->arena, sizeof(*m));
	const char *name = ".";
	struct entry unwanted;
	struct dir *dir;
	int rc;

	if (!out)
		out = &unwanted;
	rc = *path ? dir_of(&l->dirs, op, path, &dir, &name)
		   : dir_get(&l->dirs, op, path, 0, &dir);
	if (rc < 0) {
		if (op->err.kind == ERR_NO_DIR)
			op->err.kind = ERR_NOT_FOUND;
		return -1;
	}
	rc = look(l, op, dir->fd, name, out, m);
	dir_put(&l->dirs, dir);
	if (rc == 0)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "no such file or folder");
	if (rc < 0)
		return -1;
	out->name = arena_strdup(&op->arena, *path ? name : "");
	return 0;
}

struct sweep {
	struct local *l;
	unsigned removed;
};

static int sweep_name(void *arg, struct op *op, int dir, const char *name)
{
	struct sweep *s = arg;
	struct stat st;
	int fd;

	(void)op;
	if (!aside_is_name(name) ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (st.st_uid != s->l->uid && !s->l->owner) || S_ISDIR(st.st_mode))
		return 0; /* root gives files away before he names them */
	if (!S_ISREG(st.st_mode)) {
		/* A link or a node is there for an instant before its rename.
		 */
		if (clock_wall() - ns_of(st.st_ctim.tv_sec, 0) >
			    60 * NS_PER_SEC &&
		    unlinkat(dir, name, 0) == 0)
			s->removed++;
		return 0;
	}
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && unlinkat(dir, name, 0) == 0)
		s->removed++;
	close(fd);
	return 0;
}

int local_sweep(struct local *l, struct op *op, const char *dir,
		unsigned *removed)
{
	struct sweep s = { .l = l };
	int fd = open_to_list(l, op, dir), rc;
	struct stat before;

	if (fd < 0)
		return -1;
	if (fstat(fd, &before) < 0) {
		close(fd);
		return err_sys(&op->err, "stat");
	}
	rc = each_name(op, fd, sweep_name, &s);
	/* The folder shall look as if they had never been there. */
	if (s.removed) {
		struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					     before.st_mtim };

		(void)!futimens(fd, times);
	}
	close(fd);
	*removed += s.removed;
	return rc;
}

int local_strays(struct backend *be, struct op *op, unsigned *removed)
{
	struct local *l = local_of(be);
	int rc = 0;

	pthread_mutex_lock(&l->lock);
	while (l->stray_dirs.n && rc == 0) {
		char *dir = l->stray_dirs.at[--l->stray_dirs.n];

		pthread_mutex_unlock(&l->lock);
		rc = local_sweep(l, op, dir, removed);
		if (rc < 0 && op->err.kind == ERR_NO_DIR)
			rc = 0; /* it has been deleted meanwhile */
		free(dir);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return rc;
}
