#ifndef REPO_EXCLUDE_H
#define REPO_EXCLUDE_H

#include "lib/err.h"

/*
 * restic's patterns (doc/040_backup.rst, "Excluding Files"; Go's
 * filepath.Match for each component): `*`, `?`, `[...]`, `\`, and `**` for any
 * number of folders.  A pattern that begins with '/' is matched from the root,
 * any other at any depth; what is below a match matches.  "!PATTERN" takes
 * back what an earlier one has matched.  The last that matches decides.
 */
struct patterns;
struct patterns *patterns_new(void);
void patterns_free(struct patterns *p);

/* `$VAR` and `${VAR}` are not expanded here.  ERR_INVALID names it. */
int patterns_add(struct patterns *p, const char *text, bool ignore_case,
		 struct err *e) MUST_CHECK;

/*
 * The lines of a file: white space trimmed, empty lines and those with '#' at
 * their beginning left out, $VAR expanded from the environment, `$$` a '$'.
 */
int patterns_add_lines(struct patterns *p, const char *text, size_t n,
		       bool ignore_case, struct err *e) MUST_CHECK;

bool patterns_empty(const struct patterns *p);

/* Whether the absolute path is matched. */
bool patterns_match(const struct patterns *p, const char *path);

/*
 * For includes: whether something below the folder `path` might be matched, so
 * that it has to be looked into.
 */
bool patterns_may_match_below(const struct patterns *p, const char *path);

#endif
