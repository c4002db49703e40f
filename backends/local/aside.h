#ifndef BACKENDS_LOCAL_ASIDE_H
#define BACKENDS_LOCAL_ASIDE_H

#include "backends/local/local.h"

/*
 * A file written aside: in the folder where it will be, under a name that the
 * next run knows, ".ferry-tmp." and sixteen hexadecimal digits.  For a large
 * file the digits say what it will become (name, size and mtime), so that a
 * killed run's part is found and gone on with; for others they are drawn.  The
 * writer holds a lock (flock) on it: what nobody holds was left by a killed
 * run, see local_sweep().
 */
enum { ASIDE_NAME = 28 };
enum { RESUME_MIN = 1024 * 1024 }; /* bytes; smaller ones start anew */

struct aside {
	struct local *local;
	struct dir *dir;
	const char *name; /* in the path that it was opened with */
	char temp[ASIDE_NAME];
	int fd;       /* -1: not open */
	int64_t have; /* bytes that a killed run left in it, or 0 */
	bool named;   /* the temporary name is still there */
};

/* Whether `name` is that of a temporary file of ours. */
bool aside_is_name(const char *name);

/* Where local.counter starts, unlike that of any other process. */
uint64_t aside_seed(void);

/* A drawn name, unlike that of any other file of this process. */
void aside_draw(struct local *l, char name[ASIDE_NAME]);

/*
 * Begin.  `becomes` is what the file will be if its part may be gone on with,
 * else NULL; `mode` as open() takes it.  Missing folders are made.
 */
int aside_open(struct local *l, struct op *op, const char *path,
	       const struct entry *becomes, mode_t mode,
	       struct aside *out) MUST_CHECK;

/*
 * Learn of writes that have failed since: a network file system may tell only
 * when the file is closed.  With `durable` all of it is on the disk.
 */
int aside_settle(struct aside *a, struct op *op, bool durable) MUST_CHECK;

/*
 * Give the written file (or link, or node) its name, as `opt` says of what was
 * there before: mode, over and keep_old.  The aside is closed, whatever
 * happens; on failure the temporary file is removed.
 */
int aside_commit(struct aside *a, struct op *op,
		 const struct put_opt *opt) MUST_CHECK;

/* Close; the temporary file stays for the next run only if `keep`. */
void aside_abandon(struct aside *a, bool keep);

/* The last step by itself: `temp` in `dir` becomes `name` there. */
int aside_rename(struct local *l, struct op *op, int from, const char *temp,
		 int to, const char *name,
		 const struct put_opt *opt) MUST_CHECK;

#endif
