#ifndef LIB_COMMAND_H
#define LIB_COMMAND_H

#include "lib/op.h"

/*
 * A command of the user's that prints a secret.
 */

/*
 * A command as rclone writes it: words between blanks, "" around one that
 * holds some, a doubled quote for a quote.  NULL-terminated, in `a`;
 * ERR_INVALID if a quote is left open or there is no word; `name` is the
 * option that has it.
 */
int command_split(struct arena *a, const char *name, const char *command,
		  char ***words, struct err *e) MUST_CHECK;

/*
 * Run it without a shell, its standard input empty, and add what it prints to
 * `out`, at most COMMAND_OUTPUT bytes, for which there is room beforehand: so
 * growing leaves no copies of the secret behind.  ERR_AUTH if it fails.
 */
enum { COMMAND_OUTPUT = 64 * 1024 };
int command_run(struct op *op, const char *name, const char *command,
		struct buf *out) MUST_CHECK;

#endif
