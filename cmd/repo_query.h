#ifndef CMD_REPO_QUERY_H
#define CMD_REPO_QUERY_H

#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "lib/json_write.h"

/*
 * What the commands share that ask a repository something: ls, find, diff,
 * dump, stats.
 */
struct query {
	struct cmd_ctx *cx;
	struct repo_report report;
	struct repo_session s;
};

/*
 * Open and lock (shared).  query_end() is due in any case, and gives how the
 * command ends if `rc` is how it went.
 */
int query_begin(struct query *q, struct cmd_ctx *cx,
		const struct repo_flags *flags) MUST_CHECK;
int query_end(struct query *q, int rc) MUST_CHECK;

/*
 * The snapshots that are named, or (n 0) all that the filter leaves, by time;
 * to be freed by the caller in any case.
 */
int query_snapshots(struct query *q, const struct filter_flags *filter,
		    char *const *names, int n,
		    struct snapshots *out) MUST_CHECK;

/* One, and the path behind its ":". */
int query_snapshot(struct query *q, const struct filter_flags *filter,
		   const char *spec, struct snapshot *out,
		   const char **path) MUST_CHECK;

/* When all snapshots are known: what was saved since then may not be in it. */
int query_index(struct query *q) MUST_CHECK;

/* The folder at a path of a snapshot. */
int query_folder(struct query *q, const struct snapshot *s, const char *path,
		 struct id *tree) MUST_CHECK;

/* "drwxr-xr-x     0     0      0 2024-05-06 07:08:09 /a", or (not `full`) the
   path alone; with a newline. */
void row_add(struct buf *b, const char *path, const struct node *n, bool full,
	     bool human);

/* "key":"2024-...", as restic writes it. */
void json_node_time(struct json *j, const char *key, struct node_time t);

/* "drwxr-xr-x" */
void json_mode(struct json *j, const char *key, uint32_t mode);

/* A number as Go's encoding/json writes a float64. */
void json_float(struct json *j, const char *key, double v);

#endif
