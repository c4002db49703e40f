#ifndef MOUNT_WHERE_H
#define MOUNT_WHERE_H

#include "lib/op.h"

/* What is mounted where, by the system's list; texts in the op's arena. */
struct mounted {
	const char *dir, *type, *source;
	unsigned minor; /* of the device number: FUSE's connection */
	unsigned owner; /* FUSE's user_id=: whose process serves it */
};

#define WHERE_TYPE "fuse.ferry"

/* What lies uppermost at the absolute path `dir`: 1, 0 for nothing, or -1. */
int where_find(struct op *op, const char *dir, struct mounted *out) MUST_CHECK;

/* The folder `top`, or something in it; `*rest`: the path from there. */
bool where_is_below(const char *dir, const char *top, const char **rest);

/* A ferry's mount that `dir` is, or lies in: the innermost. As above. */
int where_find_ours(struct op *op, const char *dir,
		    struct mounted *out) MUST_CHECK;

/*
 * `dir` as an absolute path without symbolic links, in the op's arena, also
 * where what is mounted there no longer answers.
 */
int where_resolve(struct op *op, const char *dir, const char **out) MUST_CHECK;

/* Whether what was mounted there has lost the process that served it. */
bool where_is_dead(const char *dir);

/*
 * ERR_CONFLICT if it is in use, unless `lazy`: then it is out of sight at once
 * and is gone when nobody uses it any more.
 */
int where_unmount(struct op *op, const char *dir, bool lazy) MUST_CHECK;

/*
 * Whether something can be mounted at `dir` (resolved).  What a crashed ferry
 * has left there is unmounted.
 */
int where_prepare(struct op *op, const char *dir,
		  bool allow_non_empty) MUST_CHECK;

#endif
