/* ferry repo recover: folders that no snapshot leads to any more. */

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "repo/recover.h"

struct recover_opts {
	struct repo_flags repo;
};

static const struct recover_opts recover_defaults = { 0 };

static const struct opt recover_flags[] = { REPO_DRY_RUN(struct recover_opts),
					    { .type = OPT_END } };

static const struct opt_group recover_groups[] = {
	{ "Flags", recover_flags, 0 },
	REPO_GROUP(struct recover_opts, repo),
	{ 0 }
};

static void bad(void *arg, struct op *op, const struct id *id)
{
	struct repo_report *r = arg;
	char hex[ID_HEX + 1];

	r->errors.tell(&r->errors, op, id_hex(id, hex), "recover");
}

static int bad_index(void *arg, struct op *op, const struct id *id)
{
	bad(arg, op, id);
	err_clear(&op->err);
	return 0;
}

static int print_sum(struct cmd_ctx *cx, const struct recover_result *r)
{
	char brief[9];

	if (r->roots == 0)
		return out_printf(&cx->op,
				  "%" PRIu64 " folders, and a snapshot leads "
				  "to each of them\n",
				  r->trees);
	return out_printf(&cx->op,
			  "%" PRIu64 " folder%s found: saved as snapshot %s\n",
			  r->roots, r->roots == 1 ? "" : "s",
			  id_short(&r->snapshot, brief));
}

static int recover_cmd_run(struct cmd_ctx *cx)
{
	const struct recover_opts *o = cx->opts;
	struct recover_opt opt = { .bad = bad };
	struct recover_result result;
	struct repo_report report;
	struct repo_session s;
	int rc;

	repo_report_begin(&report, cx, cx->globals->json);
	opt.progress = &report.progress;
	opt.arg = &report;
	/* that of a prune must not come in between */
	rc = repo_begin(cx, &o->repo, REPO_EXCLUSIVE, &s);
	if (rc == 0)
		rc = repo_load_index(s.repo, &cx->op, bad_index, &report);
	if (rc == 0)
		rc = recover_run(s.repo, &cx->op, s.lock, &opt, &result);
	repo_report_stop(&report);
	if (rc == 0)
		rc = print_sum(cx, &result);
	rc = repo_report_end(&report, rc);
	repo_end(&s);
	repo_report_free(&report);
	return rc;
}

static const struct cmd_example recover_examples[] = {
	{ "ferry repo recover", "then look with: ferry repo ls latest" }, { 0 }
};

const struct cmd cmd_repo_recover = {
	.name = "repo recover",
	.summary = "make a snapshot of the folders that no snapshot has",
	.about =
		"Each stands in it under the beginning of its tree's ID.  For "
		"snapshots that were\nforgotten by mistake and not yet pruned, "
		"or whose files are damaged.",
	.groups = recover_groups,
	.opts_size = sizeof(struct recover_opts),
	.defaults = &recover_defaults,
	.examples = recover_examples,
	.run = recover_cmd_run,
};
