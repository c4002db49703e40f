/* ferry mkdir PLACE...: make folders. */

#include "cmd/cmd.h"

#include "cmd/change.h"

struct mkdir_opts {
	bool dry_run;
};

static const struct mkdir_opts defaults = { 0 };

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct mkdir_opts, dry_run,
	       "print what would be made, and make nothing"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

/* 1 if the folder is there, 0 if nothing is, else -1. */
static int is_there(struct backend *be, struct op *op)
{
	struct entry e;

	if (be_stat(be, op, "", &e) == 0)
		return e.kind == ENTRY_DIR
			       ? 1
			       : err_set(&op->err, ERR_NOT_DIR,
					 "\"%s\" is there, but it is no folder",
					 be->name);
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	return 0;
}

static int make(struct cmd_ctx *cx, const char *place)
{
	const struct mkdir_opts *o = cx->opts;
	struct change c = { .verb = CHANGE_MKDIR,
			    .path = place,
			    .dry_run = o->dry_run };
	struct backend *be = NULL;
	int rc = remote_open(cx->remotes, place, &cx->op, &be);

	if (rc == 0)
		rc = is_there(be, &cx->op);
	if (rc == 0 && !o->dry_run)
		rc = be_mkdir(be, &cx->op, "");
	if (rc == 0)
		rc = change_say(cx, &cx->op, &c);
	be_close(be);
	return rc < 0 ? -1 : 0;
}

static int mkdir_run(struct cmd_ctx *cx)
{
	int rc = 0;

	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = make(cx, cx->argv[i]);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry mkdir nas:Photos/2024/05", "with all folders above it" },
	{ "ferry mkdir -n a b c", "what would be made" },
	{ 0 }
};

const struct cmd cmd_mkdir = {
	.name = "mkdir",
	.args = "PLACE...",
	.summary = "make folders",
	.about = "Makes each folder and those above it that are missing. One "
		 "that is there already is no error.",
	.min_args = 1,
	.max_args = -1,
	.groups = groups,
	.opts_size = sizeof(struct mkdir_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = mkdir_run,
};
