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
 * the end of it after a '/' or from the start.  A character is one of UTF-8;
 * in a path that is not UTF-8 it is a byte, so that such names fit too.
 * Compiled once, used by any thread.
 */
struct pattern;

/* NULL with ERR_INVALID if `glob` is none. */
struct pattern *pattern_new(const char *glob, bool ignore_case, struct err *e);
void pattern_free(struct pattern *p);

/*
 * `path` is relative to the root, without a leading '/'.  A pattern so
 * contrived that it is still searching after a million steps does not fit.
 */
bool pattern_match(const struct pattern *p, const char *path, size_t n);

#endif
