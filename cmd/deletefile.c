/* ferry deletefile PLACE...: remove single files. */

#include "cmd/cmd.h"

#include "cmd/change.h"

struct deletefile_opts {
	bool dry_run;
};

static const struct deletefile_opts defaults = { 0 };

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct deletefile_opts, dry_run,
	       "print what would be deleted, and delete nothing"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

/* Look first: what unlink says of a folder differs from service to service. */
static int check_file(struct backend *be, struct op *op, const char *name,
		      const char *place)
{
	struct entry e;

	if (be_stat(be, op, name, &e) < 0)
		return -1;
	if (e.kind == ENTRY_DIR)
		return err_set(&op->err, ERR_IS_DIR,
			       "\"%s\" is a folder; \"ferry purge\" removes "
			       "folders",
			       place);
	return 0;
}

static int delete_file(struct cmd_ctx *cx, const char *place)
{
	const struct deletefile_opts *o = cx->opts;
	struct change c = { .verb = CHANGE_DELETE,
			    .path = place,
			    .dry_run = o->dry_run };
	struct backend *be = NULL;
	const char *name;
	int rc = remote_open_parent(cx->remotes, place, &cx->op, &be, &name);

	if (rc == 0)
		rc = check_file(be, &cx->op, name, place);
	if (rc == 0 && !o->dry_run)
		rc = be_unlink(be, &cx->op, name);
	if (rc == 0)
		rc = change_say(cx, &cx->op, &c);
	be_close(be);
	return rc;
}

static int deletefile_run(struct cmd_ctx *cx)
{
	int rc = 0;

	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = delete_file(cx, cx->argv[i]);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry deletefile nas:notes/old.txt", "delete one file" },
	{ "ferry deletefile -n a.txt b.txt", "whether both are there" },
	{ 0 }
};

const struct cmd cmd_deletefile = {
	.name = "deletefile",
	.args = "PLACE...",
	.summary = "delete single files",
	.about = "Deletes each file given. A folder is an error, a symbolic "
		 "link is itself deleted.",
	.min_args = 1,
	.max_args = -1,
	.groups = groups,
	.opts_size = sizeof(struct deletefile_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = deletefile_run,
};
