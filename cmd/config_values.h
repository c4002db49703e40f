#ifndef CMD_CONFIG_VALUES_H
#define CMD_CONFIG_VALUES_H

#include "cmd/cmd.h"
#include "cmd/dialog.h"

/* How the passwords that are given become obscured ones. */
struct config_obscuring {
	bool always; /* --obscure: also what looks as if it were already */
	bool never;  /* --no-obscure: they are already */
};

/*
 * The arguments from `first` on, KEY=VALUE each, as options of the driver.
 * KEY=- takes one line of standard input, or asks on the terminal.
 */
int config_values(struct cmd_ctx *cx, struct cmd_dialog *d, int first,
		  const struct driver *driver,
		  const struct config_obscuring *how,
		  struct place_option *options) MUST_CHECK;

#endif
