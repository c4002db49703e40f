/* ferry moveto SOURCE DEST: see cmd/transfer.h. */

#include "cmd/transfer.h"

static int moveto_run(struct cmd_ctx *cx)
{
	return transfer_run(cx, SYNC_MOVE, true);
}

static const struct cmd_example examples[] = {
	{ "ferry moveto nas:a.txt nas:b.txt", "rename a file" }, { NULL, NULL }
};

const struct cmd cmd_moveto = {
	.name = "moveto",
	.args = "SOURCE DEST",
	.summary = "move a file to another name",
	.about =
		"As move, but if SOURCE is a file then DEST is the new file and not the "
		"folder it goes to.",
	.min_args = 2,
	.max_args = 2,
	.groups = transfer_move_groups,
	.opts_size = sizeof(struct transfer_flags),
	.defaults = &transfer_default,
	.examples = examples,
	.run = moveto_run,
};
