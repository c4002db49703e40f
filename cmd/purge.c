/* ferry purge PLACE: remove a folder and all below it. */

#include "cmd/cmd.h"

#include "cmd/change.h"

struct purge_opts {
	struct opt_list filters; /* to be refused */
	bool dry_run;
};

static const struct purge_opts defaults = { 0 };

/* Not "unknown": who filters a purge must hear that nobody would filter. */
#define REFUSED(name_)                                                     \
	{                                                                  \
		.type = OPT_LIST, .name = (name_), .arg = "VALUE",         \
		.at = offsetof(struct purge_opts, filters), .hidden = true \
	}

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct purge_opts, dry_run,
	       "print what would be removed, and remove nothing"),
	REFUSED("include"),
	REFUSED("exclude"),
	REFUSED("filter"),
	REFUSED("include-from"),
	REFUSED("exclude-from"),
	REFUSED("filter-from"),
	REFUSED("min-size"),
	REFUSED("max-size"),
	REFUSED("min-age"),
	REFUSED("max-age"),
	REFUSED("max-depth"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

static int purge_run(struct cmd_ctx *cx)
{
	const struct purge_opts *o = cx->opts;
	struct op *op = &cx->op;
	struct change c = { .verb = CHANGE_PURGE,
			    .path = cx->argv[0],
			    .dry_run = o->dry_run };
	struct list l;
	int rc;

	if (o->filters.n)
		return err_set(&op->err, ERR_INVALID,
			       "purge removes everything, whatever --%s says; "
			       "\"ferry delete\" takes filters",
			       o->filters.at[0].flag);
	rc = change_open_dir(&l, cx, cx->argv[0]);
	if (rc == 0)
		rc = o->dry_run ? list_walk(&l, 1, change_would_remove, cx)
				: be_purge(l.be, op, "");
	if (rc == 0)
		rc = change_say(cx, op, &c);
	return list_end(&l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry purge -n nas:old", "what would go" },
	{ "ferry purge nas:old", "remove the folder and all in it" },
	{ 0 }
};

const struct cmd cmd_purge = {
	.name = "purge",
	.args = "PLACE",
	.summary = "remove a folder and everything in it",
	.about = "Removes PLACE, a folder, with all files and folders in it. "
		 "There is no filter: delete takes those. Symbolic links are "
		 "removed, never what they point to. Try it with --dry-run "
		 "first.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct purge_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = purge_run,
};
