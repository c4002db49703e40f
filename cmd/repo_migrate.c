/* ferry repo migrate: to a newer version of the format. */

#include <string.h>

#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "repo/migrate.h"

struct migrate_opts {
	struct repo_flags repo;
	bool force;
};

static const struct migrate_opts migrate_defaults = { 0 };

static const struct opt migrate_flags[] = {
	REPO_DRY_RUN(struct migrate_opts),
	OPT_AT(OPT_BOOL, 'f', "force", NULL, struct migrate_opts, force,
	       "it is no error if that was done already"),
	{ .type = OPT_END }
};

static const struct opt_group migrate_groups[] = {
	{ "Flags", migrate_flags, 0 },
	REPO_GROUP(struct migrate_opts, repo),
	{ 0 }
};

static const char upgrade[] = "upgrade_repo_v2";

static int print_list(struct cmd_ctx *cx, struct repo_session *s)
{
	if (s->repo->version != 1)
		return out_str(&cx->op, "there is nothing to migrate\n");
	return out_printf(&cx->op,
			  "%s: to version 2 of the format, which compresses\n",
			  upgrade);
}

static int migrate(struct cmd_ctx *cx, struct repo_session *s)
{
	const struct migrate_opts *o = cx->opts;

	for (int i = 0; i < cx->argc; i++) {
		if (strcmp(cx->argv[i], upgrade) != 0)
			return err_set(&cx->op.err, ERR_INVALID,
				       "there is no migration \"%s\", only %s",
				       cx->argv[i], upgrade);
		if (s->repo->version == 1) {
			if (migrate_to_v2(s->repo, &cx->op, s->lock) < 0)
				return -1;
		} else if (!o->force) {
			return err_set(&cx->op.err, ERR_INVALID,
				       "the repository has version %u already",
				       s->repo->version);
		}
	}
	return out_str(&cx->op, "the repository has version 2 now: what is "
				"saved from now on is compressed;\n\"ferry "
				"prune --repack-uncompressed\" does it for the "
				"rest\n");
}

static int migrate_run(struct cmd_ctx *cx)
{
	const struct migrate_opts *o = cx->opts;
	struct repo_session s;
	int rc = repo_begin(cx, &o->repo,
			    cx->argc ? REPO_EXCLUSIVE : REPO_SHARED, &s);

	if (rc == 0)
		rc = cx->argc ? migrate(cx, &s) : print_list(cx, &s);
	repo_end(&s);
	return rc;
}

static const struct cmd_example migrate_examples[] = {
	{ "ferry repo migrate", "what there is to do" },
	{ "ferry repo migrate upgrade_repo_v2",
	  "from now on it is compressed" },
	{ 0 }
};

const struct cmd cmd_repo_migrate = {
	.name = "repo migrate",
	.args = "[upgrade_repo_v2]",
	.summary = "change a repository to a newer version of the format",
	.about = "Without an argument, lists what there is to do.  Before you "
		 "upgrade: \"ferry repo check\".",
	.max_args = 1,
	.groups = migrate_groups,
	.opts_size = sizeof(struct migrate_opts),
	.defaults = &migrate_defaults,
	.examples = migrate_examples,
	.run = migrate_run,
};
