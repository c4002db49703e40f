#ifndef BACKENDS_CALL_H
#define BACKENDS_CALL_H

#include "backends/backend.h"

/*
 * What every be_*() call does around the driver's: for backend.c, get.c and
 * extra.c.
 */

/* A path must be clean, the backend able; -1 once the work was called off. */
int call_enter(struct backend *be, struct op *op, const char *path,
	       unsigned caps) MUST_CHECK;

/* After the n-th failure: whether to try once more, having waited. */
bool call_again(struct backend *be, struct op *op, unsigned n);

/* Say what was being done to what: "get photos:2024/a.jpg: ..."; -1. */
int call_fail(struct backend *be, struct op *op, const char *what,
	      const char *path);

#endif
