#ifndef CMD_BACKUP_DIR_H
#define CMD_BACKUP_DIR_H

#include "lib/op.h"

/*
 * The place `dir` of --backup-dir as a path below the place `dest`, in
 * op->arena.  ERR_INVALID if it is not below it: only a folder there is
 * certain to be on the same disk or account, where moving a file is one step.
 */
int backup_dir_find(struct op *op, const char *dest, const char *dir,
		    const char **out) MUST_CHECK;

#endif
