#ifndef BACKENDS_LOCAL_LOCAL_H
#define BACKENDS_LOCAL_LOCAL_H

#include <sys/stat.h>

#include "backends/driver.h"
#include "backends/local/dirs.h"
#include "lib/vec.h"

struct hash_memory;

/*
 * The local disk.  Every path is walked from the root's descriptor without
 * following a symbolic link, so that one which is swapped in meanwhile cannot
 * lead a copy or a deletion elsewhere (unless --copy-links asks for that).
 */
VEC(names, char *);

struct local {
	struct backend base;
	struct dirs dirs;
	bool follow; /* --copy-links */
	bool owner;  /* may give files away */
	uid_t uid;   /* of this process */
	gid_t gid;
	struct remotes *remotes;   /* for the memory of hashes */
	_Atomic uint64_t no_clone; /* a device that cannot reflink, +1 */
	_Atomic uint64_t counter;  /* for names of temporary files */
	pthread_mutex_t lock;      /* guards stray_dirs */
	struct names stray_dirs;   /* where list() saw temporary files */
};

static inline struct local *local_of(struct backend *be)
{
	return container_of(be, struct local, base);
}

/* Whether `be` is a local backend. */
bool local_is(const struct backend *be);

/* The entry that `st` describes; the posix part goes to `*m`. */
void local_entry(struct entry *e, struct posix_meta *m, const char *name,
		 const struct stat *st);

/* copy.c: whether another machine stores what is on this file system. */
struct statfs;
bool local_fs_is_remote(const struct statfs *s);

/* list.c */
int local_list(struct backend *be, struct op *op, const char *dir, entry_fn *fn,
	       void *arg);
int local_stat(struct backend *be, struct op *op, const char *path,
	       struct entry *out);
int local_strays(struct backend *be, struct op *op, unsigned *removed);

/* Remove the left-over temporary files of one folder. */
int local_sweep(struct local *l, struct op *op, const char *dir,
		unsigned *removed) MUST_CHECK;

/* copy.c */
int local_copy(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out);

/* stream.c */
int local_get(struct backend *be, struct op *op, const char *path,
	      const struct get_opt *opt, struct sink *dst);
int local_put(struct backend *be, struct op *op, const char *path,
	      struct source *src, const struct put_opt *opt, struct entry *out);
int local_open_reader(struct backend *be, struct op *op, const char *path,
		      const struct entry *seen, struct source **out);
void local_close_reader(struct source *src);
int local_open_writer(struct backend *be, struct op *op, const char *path,
		      int64_t size, const struct put_opt *opt,
		      struct sink **out);
int local_close_writer(struct backend *be, struct op *op, struct sink *sink,
		       bool commit, struct entry *out);

/* Open a regular file for reading; what it is goes to `*st`. */
int local_open_file(struct local *l, struct op *op, const char *path,
		    struct stat *st) MUST_CHECK;

/* contents.c */
int local_hash(struct backend *be, struct op *op, const char *path,
	       unsigned want, struct digests *out);
int local_equal(struct backend *be, struct op *op, const char *path,
		struct backend *other, const char *other_path, bool *equal);

/* tree.c: what changes names */
int local_mkdir(struct backend *be, struct op *op, const char *path);
int local_rmdir(struct backend *be, struct op *op, const char *path);
int local_unlink(struct backend *be, struct op *op, const char *path);
int local_move(struct backend *be, struct op *op, struct backend *from,
	       const char *src, const struct entry *seen, const char *dst,
	       const struct put_opt *opt, struct entry *out);
int local_move_dir(struct backend *be, struct op *op, struct backend *from,
		   const char *src, const char *dst);
int local_mknode(struct backend *be, struct op *op, const char *path,
		 const struct entry *e, const struct put_opt *opt);
int local_hardlink(struct backend *be, struct op *op, const char *from,
		   const char *to);

#endif
