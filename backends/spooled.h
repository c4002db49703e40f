#ifndef BACKENDS_SPOOLED_H
#define BACKENDS_SPOOLED_H

#include "backends/backend.h"

/*
 * What be_*() calls make up for where a driver lacks it.
 */

/*
 * Read `src` to its end into a temporary file: a stable source of known size,
 * with all digests of its bytes added to `*digests`.
 */
int spooled_open(struct source *src, struct op *op, struct digests *digests,
		 struct source **out) MUST_CHECK;

/* The same of a file of a place. */
int spooled_get(struct backend *be, struct op *op, const char *path,
		const struct get_opt *opt, struct source **out) MUST_CHECK;

void spooled_close(struct source *src);

/* be_purge() for a driver without it. */
int purge_by_entry(struct backend *be, struct op *op,
		   const char *dir) MUST_CHECK;

#endif
