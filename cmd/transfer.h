#ifndef CMD_TRANSFER_H
#define CMD_TRANSFER_H

#include "cmd/filter_opts.h"
#include "cmd/sync_flags.h"

/* What copy, copyto, move, moveto and sync have in common: nearly all. */
struct transfer_flags {
	struct sync_flags sync;
	struct filter_opts filter;
};

extern const struct transfer_flags transfer_default;

extern const struct opt_group transfer_copy_groups[];
extern const struct opt_group transfer_move_groups[];
extern const struct opt_group transfer_sync_groups[];

/*
 * Run the command on its two places.  A source that is a file goes into the
 * folder DEST under its name; with `to`, DEST is the new file itself.
 */
int transfer_run(struct cmd_ctx *cx, enum sync_mode mode, bool to) MUST_CHECK;

#endif
