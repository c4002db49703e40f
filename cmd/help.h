#ifndef CMD_HELP_H
#define CMD_HELP_H

#include "backends/driver.h"
#include "cmd/cmd.h"

/* All commands, one a line; `full` adds the flags that all of them have. */
void help_overview(struct buf *out, bool full);

/* Usage, what it does, its flags and examples. */
void help_command(struct buf *out, const struct cmd *c);
void help_driver(struct buf *out, const struct driver *d);

/* "ferry copy [FLAG]... SOURCE DEST" */
void help_usage(struct buf *out, const struct cmd *c);

#endif
