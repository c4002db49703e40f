#ifndef BACKENDS_JOTTA_READ_H
#define BACKENDS_JOTTA_READ_H

#include "backends/jotta/jotta.h"

/* Between read.c and list.c. */

/*
 * An entry as it is shown, pointing at what `n`, `name` and `tag` hold.  The
 * tag is the MD5 and the size, so that get() knows both.
 */
enum { JOTTA_TAG_MAX = 64 };
void jotta_fill(const struct jfs_node *n, const char *name,
		char tag[JOTTA_TAG_MAX], struct entry *out);

/* List a folder for its odd names alone, so that they can be reached. */
int jotta_learn(struct jotta *j, struct op *op, const char *dir) MUST_CHECK;

#endif
