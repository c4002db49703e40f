/* ferry sync SOURCE DEST: see cmd/transfer.h. */

#include "cmd/transfer.h"

static int sync_run(struct cmd_ctx *cx)
{
	return transfer_run(cx, SYNC_SYNC, false);
}

static const struct cmd_example examples[] = {
	{ "ferry sync -n ~/Photos nas:Photos",
	  "show what would be copied and deleted" },
	{ "ferry sync ~/Photos nas:Photos", "make nas:Photos like ~/Photos" },
	{ "ferry sync --backup-dir /mnt/disk/old ~/Docs /mnt/disk/Docs",
	  "keep what is replaced or deleted in a folder" },
	{ "ferry sync --checksum --max-delete 100 nas:Music ~/Music",
	  "compare contents, and stop if too much is to go" },
	{ NULL, NULL }
};

const struct cmd cmd_sync = {
	.name = "sync",
	.args = "SOURCE DEST",
	.summary = "make DEST the same as SOURCE",
	.about =
		"Make DEST like SOURCE: copy what is new or has changed and delete what "
		"SOURCE does not have. SOURCE is not changed. Try it with --dry-run "
		"first.\n"
		"\n"
		"Deletions come last, and only if all of SOURCE and DEST could be "
		"listed. A SOURCE that is empty or gone does not empty DEST without "
		"--force, and --max-delete limits the deletions.",
	.min_args = 2,
	.max_args = 2,
	.groups = transfer_sync_groups,
	.opts_size = sizeof(struct transfer_flags),
	.defaults = &transfer_default,
	.examples = examples,
	.run = sync_run,
};
