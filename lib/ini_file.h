#ifndef LIB_INI_FILE_H
#define LIB_INI_FILE_H

#include "lib/ini.h"

/* An INI file that several processes read and change. */

/* Read it into `ini`; a missing file is an empty one. */
int ini_load(struct op *op, const char *path, struct ini *ini) MUST_CHECK;

typedef int ini_change_fn(void *arg, struct op *op, struct ini *ini);

/*
 * Change the file as it is now, with all others who come this way locked out
 * (waited for at most `wait_ms`, then ERR_BUSY): one that changed something
 * else meanwhile loses nothing.  If `fn` fails nothing is written.
 */
int ini_change(struct op *op, const char *path, unsigned wait_ms,
	       ini_change_fn *fn, void *arg) MUST_CHECK;

#endif
