#ifndef SYNC_FILTER_H
#define SYNC_FILTER_H

#include "backends/entry.h"
#include "lib/buf.h"

/*
 * Which entries a command looks at.  Rules are tried in the order in which
 * they were added and the first that fits decides; what fits none is taken
 * unless there was an include rule (then everything else is left out), as in
 * rclone.  A rule whose pattern ends in '/' or in '/' and two stars is about a
 * directory and all that is in it.  Directories into which no rule can reach
 * are not listed at all.
 */
struct filter;

struct filter *filter_new(bool ignore_case);
void filter_free(struct filter *f);

int filter_include(struct filter *f, const char *glob,
		   struct err *e) MUST_CHECK;
int filter_exclude(struct filter *f, const char *glob,
		   struct err *e) MUST_CHECK;

/* "+ GLOB", "- GLOB" or "!", which forgets the rules so far. */
int filter_rule(struct filter *f, const char *rule, struct err *e) MUST_CHECK;

/* Bytes; -1 for no limit. */
void filter_sizes(struct filter *f, int64_t min, int64_t max);

/* ns since 1970: a file's mtime must be in between; MTIME_UNKNOWN: any. */
void filter_times(struct filter *f, int64_t not_before, int64_t not_after);

/* Whether there is any rule at all; true of NULL. */
bool filter_is_empty(const struct filter *f);

/* All rules as text, the same for the same filter: for keys. */
void filter_describe(const struct filter *f, struct buf *out);

/* NULL takes everything. `path` as everywhere, relative to the root. */
bool filter_file(const struct filter *f, const char *path,
		 const struct entry *e);
bool filter_dir(const struct filter *f, const char *path);

#endif
