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

#endif
