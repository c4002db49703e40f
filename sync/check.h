#ifndef SYNC_CHECK_H
#define SYNC_CHECK_H

#include <stdatomic.h>

#include "backends/backend.h"
#include "sync/filter.h"

/*
 * Compare two trees and change nothing.
 */
struct check_opts {
	const struct filter *filter;
	int max_depth;     /* -1 no limit */
	unsigned checkers; /* 0: as fits */
	bool one_way;      /* what only the destination has is no difference */
	bool size_only;    /* do not read contents */
	bool download;     /* compare bytes even where both know a hash */
	bool metadata;     /* mode, owner, mtime, xattrs, link targets too */
	bool one_file_system;
};

enum check_result {
	CHECK_SAME,
	CHECK_DIFFERS, /* `reason` says in what */
	CHECK_MISSING_ON_DST,
	CHECK_MISSING_ON_SRC,
	CHECK_ERROR, /* could not be read; `err` says why */
	CHECK_RESULTS
};

/* '=', '*', '+', '-', '!' as in rclone's --combined; and a name for --json. */
char check_result_sign(enum check_result r);
const char *check_result_name(enum check_result r);

struct check_event {
	enum check_result result;
	const char *path;
	const char *reason;
	const struct err *err;
};

struct check_stats {
	_Atomic int64_t files[CHECK_RESULTS];
	_Atomic int64_t bytes; /* read from one side and compared */
};

/* `event` may come from any thread, but one at a time. */
struct check_report {
	void (*event)(void *arg, const struct check_event *e);
	void *arg;
	bool same; /* CHECK_SAME is wanted, too */
};

/*
 * 0 if all is equal; -1 with ERR_CONFLICT if there are differences, with
 * ERR_PARTIAL if something could not be compared; else the run was stopped.
 */
int check_tree(struct backend *src, struct backend *dst, struct op *op,
	       const struct check_opts *opts, struct check_stats *stats,
	       const struct check_report *report) MUST_CHECK;

/* One file below each. */
int check_file(struct backend *src, const char *src_name, struct backend *dst,
	       const char *dst_name, struct op *op,
	       const struct check_opts *opts, struct check_stats *stats,
	       const struct check_report *report) MUST_CHECK;

#endif
