/* ferry copyto SOURCE DEST: see cmd/transfer.h. */

#include "cmd/transfer.h"

static int copyto_run(struct cmd_ctx *cx)
{
	return transfer_run(cx, SYNC_COPY, true);
}

static const struct cmd_example examples[] = {
	{ "ferry copyto notes.txt nas:old/notes-2024.txt",
	  "copy one file to a name of its own" },
	{ NULL, NULL }
};

const struct cmd cmd_copyto = {
	.name = "copyto",
	.args = "SOURCE DEST",
	.summary = "copy a file under another name",
	.about =
		"As copy, but if SOURCE is a file then DEST is the new file and not the "
		"folder it goes to. Folders are copied as by copy.",
	.min_args = 2,
	.max_args = 2,
	.groups = transfer_copy_groups,
	.opts_size = sizeof(struct transfer_flags),
	.defaults = &transfer_default,
	.examples = examples,
	.run = copyto_run,
};
