#ifndef CMD_CONFIG_H
#define CMD_CONFIG_H

#include "cmd/cmd.h"

/* The commands below `ferry config`. */
extern const struct cmd cmd_config_create, cmd_config_delete, cmd_config_list,
	cmd_config_path, cmd_config_reconnect, cmd_config_show,
	cmd_config_userinfo;

/*
 * Whether a value must not be shown: what the driver's table says or, for a
 * key that it does not have, what the key's name suggests.
 */
struct driver;
bool config_is_secret(const struct driver *d, const char *key);

#endif
