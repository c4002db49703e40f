/* ferry rmdirs PLACE: remove the empty folders below a folder. */

#include "cmd/cmd.h"

#include "cmd/change.h"

struct rmdirs_opts {
	struct filter_opts filter;
	bool leave_root, dry_run;
};

static const struct rmdirs_opts defaults = { .filter = FILTER_OPTS_INIT };

#define FLAG(type, letter, name, field, help) \
	OPT_AT(type, letter, name, NULL, struct rmdirs_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_BOOL, 0, "leave-root", leave_root,
	     "keep PLACE itself, even if it is empty"),
	FLAG(OPT_BOOL, 'n', "dry-run", dry_run,
	     "print what would be removed, and remove nothing"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct rmdirs_opts, filter) },
	{ 0 }
};

static int rmdirs_run(struct cmd_ctx *cx)
{
	const struct rmdirs_opts *o = cx->opts;
	struct empty_dirs empty = { .root = !o->leave_root,
				    .dry_run = o->dry_run };
	struct list l;
	int rc = list_open(&l, cx, cx->argv[0], &o->filter);

	if (rc == 0)
		rc = list_needs_dir(&l);
	if (rc == 0)
		rc = change_remove_empty(&l, &empty);
	return list_end(&l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry rmdirs -n nas:Photos", "which folders are empty" },
	{ "ferry rmdirs --leave-root nas:Photos", "remove them, tidy up" },
	{ 0 }
};

const struct cmd cmd_rmdirs = {
	.name = "rmdirs",
	.args = "PLACE",
	.summary = "remove all empty folders below a folder",
	.about = "Removes every folder below PLACE that has nothing in it but "
		 "empty folders, and then PLACE itself if nothing is left, "
		 "unless --leave-root is given. Files are never removed: a "
		 "folder with a file that the filters leave out is not empty.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct rmdirs_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = rmdirs_run,
};
