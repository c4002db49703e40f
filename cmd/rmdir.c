/* ferry rmdir PLACE...: remove empty folders. */

#include "cmd/cmd.h"

#include "backends/listing.h"
#include "cmd/change.h"

struct rmdir_opts {
	bool dry_run;
};

static const struct rmdir_opts defaults = { 0 };

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct rmdir_opts, dry_run,
	       "print what would be removed, and remove nothing"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

/* What rmdir would answer. */
static int would_remove(const struct list *l)
{
	struct op *op = &l->cx->op;
	struct listing in = LISTING_INIT;
	int rc = be_list(l->be, op, "", &in);

	if (rc == 0 && in.total)
		rc = err_set(&op->err, ERR_NOT_EMPTY,
			     "rmdir \"%s\": the folder is not empty", l->place);
	listing_free(&in);
	return rc;
}

static int remove_dir(struct cmd_ctx *cx, const char *place)
{
	const struct rmdir_opts *o = cx->opts;
	struct change c = { .verb = CHANGE_RMDIR,
			    .path = place,
			    .dry_run = o->dry_run };
	struct list l;
	int rc = change_open_dir(&l, cx, place);

	if (rc == 0)
		rc = o->dry_run ? would_remove(&l)
				: be_rmdir(l.be, &cx->op, "");
	if (rc == 0)
		rc = change_say(cx, &cx->op, &c);
	return list_end(&l, rc);
}

static int rmdir_run(struct cmd_ctx *cx)
{
	int rc = 0;

	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = remove_dir(cx, cx->argv[i]);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry rmdir nas:old", "remove a folder that must be empty" },
	{ "ferry rmdir -n a b", "whether that would work" },
	{ 0 }
};

const struct cmd cmd_rmdir = {
	.name = "rmdir",
	.args = "PLACE...",
	.summary = "remove empty folders",
	.about = "Removes each folder, which must be empty. rmdirs removes "
		 "empty folders in folders, too; purge removes a folder with "
		 "all that is in it.",
	.min_args = 1,
	.max_args = -1,
	.groups = groups,
	.opts_size = sizeof(struct rmdir_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = rmdir_run,
};
