#ifndef REPO_MIGRATE_H
#define REPO_MIGRATE_H

#include "repo/lock.h"

/*
 * From version 1 of the format to 2, under an exclusive lock: the config alone
 * changes.  What is there stays as it is; what comes is compressed.
 */
int migrate_to_v2(struct repo *r, struct op *op, struct lock *lock) MUST_CHECK;

#endif
