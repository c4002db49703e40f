#ifndef REPO_REPAIR_PARTS_H
#define REPO_REPAIR_PARTS_H

#include "repo/repair.h"

/* Within repo/repair*.c. */
void repair_tell(const struct repair_opt *opt, const char *fmt, ...)
	PRINTF(2, 3);

/*
 * Whether op->err is about one file, so that the others may fare better: it is
 * damaged or lost, and what cannot be had of it may be given up.  For
 * rewrite_tree.c as well.
 */
bool repair_goes_on(const struct op *op);

#endif
