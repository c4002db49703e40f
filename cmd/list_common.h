#ifndef CMD_LIST_COMMON_H
#define CMD_LIST_COMMON_H

#include "cmd/cmd.h"
#include "cmd/filter_opts.h"
#include "lib/json_write.h"
#include "sync/tree.h"

/*
 * A place whose entries a command goes through, and what could not be read or
 * changed there.  Each such failure is logged at once, the rest goes on, and
 * the command then ends with ERR_PARTIAL.
 */
struct list {
	struct cmd_ctx *cx;
	const char *place; /* as it was given */
	struct backend *be;
	const char *file; /* the place is this file; NULL: a folder */
	struct filter *filter;
	int max_depth;

	/* Told of each folder that could not be listed, with list_walk()'s
	   `arg`; or NULL. */
	void (*unreadable)(void *arg, const char *dir);
	bool named; /* those were named before, in another walk */

	/*
	 * list_walk() shows older contents of each file, too, after it: under
	 * rclone's names for them, "a-v2024-05-06-070809-000.txt".
	 */
	bool versions;

	pthread_mutex_t lock; /* guards what follows */
	size_t failed;
	struct err fatal; /* of a folder, but no other would fare better */
};

/* For the flags of a command that only reads; `st` has a `bool copy_links`, to
   be given to the remotes before list_open(). */
#define LIST_COPY_LINKS(st)                                       \
	OPT_AT(OPT_BOOL, 'L', "copy-links", NULL, st, copy_links, \
	       "follow symbolic links (only on local disks)")

/* The same, with a `bool versions`, to be put into the list. */
#define LIST_VERSIONS(st)                                   \
	OPT_AT(OPT_BOOL, 0, "versions", NULL, st, versions, \
	       "older versions, too, where the service keeps them")

/* `filter` may be NULL.  list_end() is due even if this fails. */
int list_open(struct list *l, struct cmd_ctx *cx, const char *place,
	      const struct filter_opts *filter) MUST_CHECK;

/* ERR_NOT_DIR if the place is a file. */
int list_needs_dir(struct list *l) MUST_CHECK;

/*
 * All entries that the filter selects; of a place that is a file, that file.
 * `threads` as for tree_walk().
 */
int list_walk(struct list *l, unsigned threads, tree_fn *fn,
	      void *arg) MUST_CHECK;

/*
 * Something failed with the error in `op`: 0, with op->err clear again, if
 * there is a rest that should go on, else -1.
 */
int list_failed(struct list *l, struct op *op) MUST_CHECK;

/* Close, free, and return how the command ends if `rc` is how it went. */
int list_end(struct list *l, int rc) MUST_CHECK;

/* How many calls at once suit the backend. */
unsigned list_threads(const struct backend *be);

/* Depth for lsd, lsf and lsjson: one folder unless told otherwise. */
int list_depth(int max_depth, bool recursive);

/* "key":"2024-..." in UTC, "" if it is not known. */
void json_time(struct json *j, const char *key, int64_t ns);

/* What only some backends know of an entry: texts under rclone's names. */
void json_metadata(struct json *j, const char *key, const struct entry *e);

/* Write one result, the JSON text in `b`, as a line, and empty it. */
int out_line(struct op *op, struct buf *b) MUST_CHECK;

#endif
