/* ferry copy SOURCE DEST: see cmd/transfer.h. */

#include "cmd/transfer.h"

static int copy_run(struct cmd_ctx *cx)
{
	return transfer_run(cx, SYNC_COPY, false);
}

static const struct cmd_example examples[] = {
	{ "ferry copy ~/Photos nas:Photos",
	  "copy what nas:Photos does not have" },
	{ "ferry copy -n --include '*.jpg' ~/Photos /mnt/disk",
	  "show which pictures would be copied" },
	{ "ferry copy --max-age 1d --log-file ~/copy.log ~/Docs nas:Docs",
	  "only what changed since yesterday, with a log" },
	{ NULL, NULL }
};

const struct cmd cmd_copy = {
	.name = "copy",
	.args = "SOURCE DEST",
	.summary = "copy new and changed files",
	.about =
		"Copy what is new or has changed from SOURCE to DEST. Nothing is deleted, "
		"and files that are the same already are left alone. A SOURCE "
		"that is a file is put into the folder DEST under its name.\n"
		"\n"
		"A file is written aside, verified and renamed, so that at DEST "
		"there is the old file or the new one at any time. A run that was "
		"broken off is simply started again; it goes on where it was.",
	.min_args = 2,
	.max_args = 2,
	.groups = transfer_copy_groups,
	.opts_size = sizeof(struct transfer_flags),
	.defaults = &transfer_default,
	.examples = examples,
	.run = copy_run,
};
