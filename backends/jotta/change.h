#ifndef BACKENDS_JOTTA_CHANGE_H
#define BACKENDS_JOTTA_CHANGE_H

#include "backends/jotta/jotta.h"

/* Between change.c and move.c; and what a put() needs, too. */

/* POST to JFS without content. */
int jotta_post(struct jotta *j, struct op *op, const char *path,
	       const char *query, struct http_answer *out) MUST_CHECK;

/* A time as the service keeps it: whole seconds, the one before a fraction. */
int64_t jotta_kept_time(int64_t ns);

/* Whether it is still what the caller saw, as far as both can tell. */
bool jotta_is_same(struct op *op, const struct jfs_node *n,
		   const struct entry *seen);

/* A file that was just looked at: into the trash, or past it. */
int jotta_delete(struct jotta *j, struct op *op, const char *path) MUST_CHECK;

/* As jotta_node(): 1, or 0 if there is nothing, not even in the trash. */
int jotta_find(struct jotta *j, struct op *op, const char *path,
	       struct jfs_node *out) MUST_CHECK;

/* The path's folder, "" at the top; in the op's arena. */
const char *jotta_parent(struct op *op, const char *path);

/* Whether the path is the mountpoint itself, which always stays. */
bool jotta_is_mountpoint(const struct jotta *j, const char *path);

/*
 * Make the mountpoint, and its device, if it is missing; ERR_NO_DIR on "Jotta",
 * where that cannot be done.
 */
int jotta_make_mountpoint(struct jotta *j, struct op *op) MUST_CHECK;

/*
 * Make a folder, as mkdir() does, unless this process has made it before: what
 * needs it then and does not find it makes it again.
 */
int jotta_need_dir(struct jotta *j, struct op *op, const char *path) MUST_CHECK;

/* Some folder is going: none is known to be there any more. */
void jotta_forget_dirs(struct jotta *j);

/*
 * upload.c: the file at `path` after a request that has changed it, by its
 * answer, or else by a look.  Its texts are not kept.
 */
int jotta_file_after(struct jotta *j, struct op *op, const char *path,
		     const struct http_answer *answer,
		     struct jfs_node *out) MUST_CHECK;

#endif
