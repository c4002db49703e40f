#include "cmd/cmd.h"

const struct cmd *const commands[] = {
	&cmd_copy,    &cmd_copyto,      &cmd_move,
	&cmd_moveto,  &cmd_sync,        &cmd_check,
	&cmd_ls,      &cmd_lsd,         &cmd_lsf,
	&cmd_lsjson,  &cmd_size,        &cmd_cat,
	&cmd_hashsum, &cmd_mkdir,       &cmd_rmdir,
	&cmd_delete,  &cmd_deletefile,  &cmd_purge,
	&cmd_config,  &cmd_listremotes, &cmd_completion,
	&cmd_man,     &cmd_help,        &cmd_version,
	NULL
};
