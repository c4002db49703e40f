#ifndef CMD_MOUNT_HELPER_H
#define CMD_MOUNT_HELPER_H

#include "cmd/cmd.h"

/* Whether this program was called as mount(8) calls a helper: mount.ferry. */
bool mount_helper_is(const char *argv0);

/*
 * "mount.ferry PLACE DIR [-sfnv] [-o OPTION,...]" as "ferry mount --daemon":
 * the arguments that are to be parsed instead, in the op's arena.
 */
int mount_helper_args(struct cmd_ctx *cx) MUST_CHECK;

#endif
