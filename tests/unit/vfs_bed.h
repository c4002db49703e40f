#ifndef TESTS_UNIT_VFS_BED_H
#define TESTS_UNIT_VFS_BED_H

#include "tests/unit/places.h"

#include <errno.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tests/unit/scratch.h"
#include "vfs/vfs.h"

/*
 * A vfs on a place in memory, which the test changes through a backend of its
 * own.  Nothing is sent before bed_flush(), unless opt.write_back says so.
 */
struct bed {
	struct places p;
	struct scratch s;
	struct backend *be;
	struct vfs_opt opt;
	struct vfs *v;
};

#define BED_HOUR (3600 * NS_PER_SEC)

static inline void bed_open(struct bed *b)
{
	if (vfs_open(&b->p.op, b->be, &b->opt, &b->v) < 0) {
		fprintf(stderr, "%s\n", b->p.op.err.msg);
		abort();
	}
}

static inline void bed_begin(struct bed *b, const char *place)
{
	places_begin(&b->p);
	scratch_begin(&b->s);
	b->be = opened(&b->p, place);
	b->opt = (struct vfs_opt){
		.dir = scratch_path(&b->s, "vfs"),
		.cache_mode = VFS_CACHE_FULL,
		.cache_size = -1,
		.dir_time = BED_HOUR,
		.write_back = BED_HOUR,
		.read_ahead = 1 << 20,
		.umask = 022,
		.local_modes = true,
	};
	bed_open(b);
}

static inline void bed_close(struct bed *b)
{
	vfs_close(b->v);
	b->v = NULL;
}

static inline void bed_reopen(struct bed *b)
{
	bed_close(b);
	bed_open(b);
}

static inline void bed_end(struct bed *b)
{
	bed_close(b);
	be_close(b->be);
	scratch_end(&b->s);
	places_end(&b->p);
}

/* 0, or the errno. */
static inline int bed_rc(struct bed *b, int rc)
{
	int os = rc < 0 ? vfs_errno(&b->p.op.err) : 0;

	err_clear(&b->p.op.err);
	return os;
}

/* The node's number for a path, as one who looks up each name; or 0. */
static inline uint64_t bed_ino(struct bed *b, const char *path)
{
	uint64_t at = VFS_ROOT;
	char *copy = xstrdup(path), *save = NULL;

	for (char *name = strtok_r(copy, "/", &save); name && at;
	     name = strtok_r(NULL, "/", &save)) {
		struct vfs_attr a;
		int rc = vfs_lookup(b->v, &b->p.op, at, name, &a);
		int os = rc < 0 ? vfs_errno(&b->p.op.err) : 0;

		if (os && os != ENOENT && os != ENOTDIR) {
			fprintf(stderr, "%s\n", b->p.op.err.msg);
			abort();
		}
		at = rc < 0 ? 0 : a.ino;
		if (at)
			vfs_forget(b->v, at, 1);
	}
	free(copy);
	return at;
}

static inline struct vfs_attr bed_attr(struct bed *b, const char *path)
{
	struct vfs_attr a = { 0 };

	CHECK(vfs_getattr(b->v, &b->p.op, bed_ino(b, path), &a) == 0);
	return a;
}

/* The folder of a path, and its last name. */
static inline uint64_t bed_dir(struct bed *b, const char *path,
			       const char **name)
{
	const char *slash = strrchr(path, '/');
	uint64_t ino;
	char *dir;

	*name = slash ? slash + 1 : path;
	if (!slash)
		return VFS_ROOT;
	dir = xstrdup(path);
	dir[slash - path] = '\0';
	ino = bed_ino(b, dir);
	free(dir);
	return ino;
}

static inline int bed_mkdir(struct bed *b, const char *path)
{
	const char *name;
	uint64_t dir = bed_dir(b, path, &name);
	struct vfs_attr a;
	int rc = bed_rc(b, vfs_mkdir(b->v, &b->p.op, dir, name, 0755, &a));

	if (rc == 0)
		vfs_forget(b->v, a.ino, 1);
	return rc;
}

static inline int bed_symlink(struct bed *b, const char *path, const char *to)
{
	const char *name;
	uint64_t dir = bed_dir(b, path, &name);
	struct vfs_attr a;
	int rc = bed_rc(b, vfs_symlink(b->v, &b->p.op, dir, name, to, &a));

	if (rc == 0)
		vfs_forget(b->v, a.ino, 1);
	return rc;
}

static inline int bed_unlink(struct bed *b, const char *path)
{
	const char *name;
	uint64_t dir = bed_dir(b, path, &name);

	return bed_rc(b, vfs_unlink(b->v, &b->p.op, dir, name));
}

static inline int bed_rmdir(struct bed *b, const char *path)
{
	const char *name;
	uint64_t dir = bed_dir(b, path, &name);

	return bed_rc(b, vfs_rmdir(b->v, &b->p.op, dir, name));
}

static inline int bed_rename(struct bed *b, const char *from, const char *to,
			     unsigned flags)
{
	const char *name, *new_name;
	uint64_t dir = bed_dir(b, from, &name);
	uint64_t new_dir = bed_dir(b, to, &new_name);

	return bed_rc(b, vfs_rename(b->v, &b->p.op, dir, name, new_dir,
				    new_name, flags));
}

struct bed_names {
	char *at[4096];
	size_t n;
};

static inline bool bed_take_name(void *arg, const char *name,
				 const struct vfs_attr *attr, int64_t next)
{
	struct bed_names *to = arg;

	(void)attr;
	(void)next;
	if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
		CHECK(to->n < ARRAY_LEN(to->at));
		to->at[to->n++] = xstrdup(name);
	}
	return true;
}

static inline int bed_by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "a b c ", sorted: what readdir shows, into `out`. */
static inline void bed_list(struct bed *b, const char *path, struct buf *out)
{
	struct bed_names *names = xcalloc(1, sizeof(*names));
	struct vfs_dir *d;

	CHECK(vfs_opendir(b->v, &b->p.op, bed_ino(b, path), &d) == 0);
	CHECK(vfs_readdir(b->v, &b->p.op, d, 0, false, bed_take_name, names) ==
	      0);
	vfs_closedir(b->v, d);
	if (names->n)
		qsort(names->at, names->n, sizeof(char *), bed_by_name);
	buf_reset(out);
	for (size_t i = 0; i < names->n; i++) {
		buf_addf(out, "%s ", names->at[i]);
		free(names->at[i]);
	}
	free(names);
}

/* What readdir shows is just that; names end with a blank. */
#define CHECK_NAMES(b, path, want)           \
	do {                                 \
		struct buf got = BUF_INIT;   \
                                             \
		bed_list((b), (path), &got); \
		CHECK_STR(got.data, (want)); \
		buf_free(&got);              \
	} while (0)

static inline void bed_flush(struct bed *b)
{
	if (vfs_flush(b->v, &b->p.op, "") < 0) {
		fprintf(stderr, "%s\n", b->p.op.err.msg);
		abort();
	}
}

#endif
