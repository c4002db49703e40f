#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/cmd.h"

/*
 * The command of this name in a NULL-ended list; the commands below another
 * one go by their last word.  ERR_INVALID names the nearest one.
 */
int command_find(const struct cmd *const *list, const char *name,
		 const struct cmd **out, struct err *e) MUST_CHECK;

/* "create" of "config create" */
const char *command_word(const struct cmd *c);

#endif
