/* ferry move SOURCE DEST: see cmd/transfer.h. */

#include "cmd/transfer.h"

static int move_run(struct cmd_ctx *cx)
{
	return transfer_run(cx, SYNC_MOVE, false);
}

static const struct cmd_example examples[] = {
	{ "ferry move --min-age 30d ~/Downloads nas:Downloads",
	  "move what has not changed for a month" },
	{ "ferry move --delete-empty-src-dirs /mnt/card ~/Photos",
	  "empty a memory card" },
	{ NULL, NULL }
};

const struct cmd cmd_move = {
	.name = "move",
	.args = "SOURCE DEST",
	.summary = "move files",
	.about =
		"Copy as copy does, then delete from SOURCE what has arrived; where both "
		"are on one disk or account, files are renamed. Files that are at "
		"DEST already and the same are deleted from SOURCE as well.",
	.min_args = 2,
	.max_args = 2,
	.groups = transfer_move_groups,
	.opts_size = sizeof(struct transfer_flags),
	.defaults = &transfer_default,
	.examples = examples,
	.run = move_run,
};
