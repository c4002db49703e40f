/* ferry repo: what there is to do with a repository of snapshots. */

#include "cmd/cmd.h"

/* clang-format off */
static const struct cmd *const subs[] = {
	&cmd_repo_init,
	&cmd_repo_backup,
	&cmd_repo_snapshots,
	&cmd_repo_restore,
	&cmd_repo_forget,
	&cmd_repo_prune,
	&cmd_repo_tag,
	&cmd_repo_check,
	&cmd_repo_repair,
	&cmd_repo_recover,
	&cmd_repo_rewrite,
	&cmd_repo_migrate,
	&cmd_repo_ls,
	&cmd_repo_find,
	&cmd_repo_diff,
	&cmd_repo_stats,
	&cmd_repo_dump,
	&cmd_repo_copy,
	&cmd_repo_key,
	&cmd_repo_list,
	&cmd_repo_cat,
	&cmd_repo_unlock,
	NULL
};
/* clang-format on */

static const struct cmd_example repo_examples[] = {
	{ "ferry repo check --read-data", "is all of it whole?" },
	{ "ferry repo ls latest", "what the last snapshot has" },
	{ 0 }
};

const struct cmd cmd_repo = {
	.name = "repo",
	.args = "COMMAND ...",
	.summary = "work with a repository of snapshots",
	.about = "The repository is given by -r PLACE or FERRY_REPOSITORY, its "
		 "password by\n--password-file, --password-command or "
		 "FERRY_PASSWORD, or it is asked for.  restic's\nnames of "
		 "these variables are understood, too.\n\nThe commands, their "
		 "flags and what they print with --json are restic's.",
	.examples = repo_examples,
	.subs = subs,
};
