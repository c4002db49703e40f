#ifndef CMD_MOUNT_ASK_H
#define CMD_MOUNT_ASK_H

#include "cmd/cmd.h"

/* What may be asked of a running mount: "mount queue" and so on. */
extern const struct cmd cmd_mount_queue, cmd_mount_flush, cmd_mount_status,
	cmd_mount_pin, cmd_mount_unpin, cmd_mount_pins;

#endif
