#ifndef CMD_TIDIED_H
#define CMD_TIDIED_H

#include "cmd/cmd.h"

/*
 * What a command has tidied up, all in all: with --json an object with event
 * "summary", else a line with -v ("3 files and 1 folder removed"), and a
 * notice if something was left.
 */
int tidied_say(struct cmd_ctx *cx, const char *command, const char *done,
	       const struct tidied *t) MUST_CHECK;

/*
 * Before what a service does to a whole account at once ("the trash of the
 * whole account is emptied"): ERR_INVALID for a place with a path, by which
 * only a part of it was meant.
 */
int tidied_check_whole(struct cmd_ctx *cx, const char *spec,
		       const char *what) MUST_CHECK;

#endif
