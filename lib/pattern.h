#ifndef LIB_PATTERN_H
#define LIB_PATTERN_H

#include "lib/err.h"

/*
 * rclone's globs on paths (https://rclone.org/filtering/):
 *
 *	*	any run of characters but '/'
 *	**	any run of characters
 *	?	one character but '/'
 *	[a-z]	one of these, [^...] or [!...] none of these
 *	{a,b}	one of these alternatives
 *	{{re}}	a regular expression
 *	\x	x itself
 *
 * A pattern that starts with '/' fits the whole path from the root, any other
 * the end of it after a '/' or from the start.  Bytes, not characters, so that
 * names which are not UTF-8 fit too.  Compiled once, used by any thread.
 */
struct pattern;

struct pattern *pattern_new(const char *glob, bool ignore_case,
			    struct err *e);
void pattern_free(struct pattern *p);

/* `path` is relative to the root, without a leading '/'. */
bool pattern_match(const struct pattern *p, const char *path, size_t n);

#endif
