/* ferry cleanup REMOTE: what the service keeps besides the files. */

#include "cmd/cmd.h"

#include "cmd/change.h"
#include "cmd/tidied.h"

struct cleanup_opts {
	bool dry_run;
};

static const struct cleanup_opts defaults = { 0 };

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct cleanup_opts, dry_run,
	       "do nothing but see whether the remote can be opened"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

static int cleanup_run(struct cmd_ctx *cx)
{
	const struct cleanup_opts *o = cx->opts;
	struct op *op = &cx->op;
	struct change c = { .verb = CHANGE_CLEANUP,
			    .path = cx->argv[0],
			    .dry_run = o->dry_run };
	struct tidied done = { 0 };
	struct backend *be = NULL;
	int rc = tidied_check_whole(cx, cx->argv[0],
				    "the whole account would be cleaned up");

	if (rc == 0)
		rc = remote_open(cx->remotes, cx->argv[0], op, &be);
	if (rc == 0 && !o->dry_run)
		rc = be_cleanup(be, op, &done);
	if (rc == 0)
		rc = o->dry_run ? change_say(cx, op, &c)
				: tidied_say(cx, "cleanup", "removed", &done);
	be_close(be);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry cleanup photos:", "empty the trash of that account" }, { 0 }
};

const struct cmd cmd_cleanup = {
	.name = "cleanup",
	.args = "REMOTE:",
	.summary = "remove for good what the service keeps besides the files",
	.about = "What that is depends on the service; on Jottacloud it is the "
		 "trash of the whole account, as with rclone, and so a path "
		 "is refused. Nothing is asked first.\n\n"
		 "With --json: an object with event \"summary\" and what of "
		 "files, dirs and bytes the service has counted.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct cleanup_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = cleanup_run,
};
