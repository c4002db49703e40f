/* ferry repo repair index, packs, snapshots. */

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "cmd/repo_rewrite.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/vec.h"
#include "repo/each.h"
#include "repo/repair.h"

enum { COPY_MAX = 1 << 30 };

struct repair_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	bool read_all, no_copies;
	bool forget, dry_run;
};

static const struct repair_opts repair_defaults = { 0 };

#define REPAIR(letter, name, field, help) \
	OPT_AT(OPT_BOOL, letter, name, NULL, struct repair_opts, field, help)

static const struct opt index_flags[] = {
	REPO_DRY_RUN(struct repair_opts),
	REPAIR(0, "read-all-packs", read_all,
	       "believe no index file: read the header of every pack"),
	{ .type = OPT_END }
};

static const struct opt_group index_groups[] = {
	{ "Flags", index_flags, 0 }, REPO_GROUP(struct repair_opts, repo), { 0 }
};

static const struct opt packs_flags[] = {
	REPO_DRY_RUN(struct repair_opts),
	REPAIR(0, "no-copies", no_copies,
	       "keep no copies of the damaged packs in the current folder"),
	{ .type = OPT_END }
};

static const struct opt_group packs_groups[] = {
	{ "Flags", packs_flags, 0 }, REPO_GROUP(struct repair_opts, repo), { 0 }
};

static const struct opt snapshots_flags[] = {
	REPAIR(0, "forget", forget,
	       "remove the damaged snapshots once their successors are there"),
	REPAIR('n', "dry-run", dry_run,
	       "print what would change, change "
	       "nothing"),
	{ .type = OPT_END }
};

static const struct opt_group snapshots_groups[] = {
	{ "Flags", snapshots_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct repair_opts, filter),
	REPO_GROUP(struct repair_opts, repo),
	{ 0 }
};

static void tell(void *arg, const char *line)
{
	(void)arg;
	log_notice(NULL, "%s", line);
}

static int print_sums(struct cmd_ctx *cx, const struct repair_result *r,
		      bool packs)
{
	if (packs)
		return out_printf(&cx->op,
				  "%" PRIu64 " of %" PRIu64
				  " packs replaced: %" PRIu64
				  " blobs saved, %" PRIu64 " lost\n",
				  r->gone, r->packs, r->saved, r->lost);
	if (!r->changed)
		return out_printf(&cx->op,
				  "the index is right: %" PRIu64 " packs\n",
				  r->packs);
	return out_printf(&cx->op,
			  "index written anew: %" PRIu64 " packs, %" PRIu64
			  " read, %" PRIu64 " forgotten, %" PRIu64 " damaged\n",
			  r->packs, r->read, r->gone, r->damaged);
}

static int index_run(struct cmd_ctx *cx)
{
	const struct repair_opts *o = cx->opts;
	struct repair_opt opt = { .read_all = o->read_all, .tell = tell };
	struct repair_result result;
	struct repo_report report;
	struct repo_session s;
	int rc;

	repo_report_begin(&report, cx, cx->globals->json);
	opt.progress = &report.progress;
	rc = repo_begin(cx, &o->repo, REPO_EXCLUSIVE, &s);
	if (rc == 0)
		rc = repair_index(s.repo, &cx->op, s.lock, &opt, &result);
	repo_report_stop(&report);
	if (rc == 0)
		rc = print_sums(cx, &result, false);
	repo_end(&s);
	repo_report_free(&report);
	return rc;
}

static const struct cmd_example index_examples[] = {
	{ "ferry repo repair index", "after packs were lost, or came back" },
	{ 0 }
};

static const struct cmd cmd_repo_repair_index = {
	.name = "repo repair index",
	.summary = "make the index say what packs there are",
	.about = "Packs that the index does not describe rightly have their "
		 "headers read; those that\nare gone are forgotten.",
	.groups = index_groups,
	.opts_size = sizeof(struct repair_opts),
	.defaults = &repair_defaults,
	.examples = index_examples,
	.run = index_run,
};

/* Who can do more with a damaged pack than we shall have it still. */
static int keep_copy(struct cmd_ctx *cx, struct repo_session *s,
		     const struct id *id)
{
	struct buf b = BUF_INIT;
	char hex[ID_HEX + 1];
	const char *name =
		arena_printf(&cx->op.arena, "pack-%s", id_hex(id, hex));
	int64_t size;
	int rc = store_size(s->repo->store, &cx->op, FILE_PACK, id, &size);

	if (rc < 0 && cx->op.err.kind == ERR_NOT_FOUND)
		return 0;
	if (rc == 0 && size > COPY_MAX)
		rc = err_set(&cx->op.err, ERR_LIMIT,
			     "pack %s is too large to be copied aside: "
			     "--no-copies",
			     hex);
	if (rc == 0)
		rc = store_read_part(s->repo->store, &cx->op, id, 0,
				     (size_t)size, false, &b);
	if (rc < 0 && cx->op.err.kind == ERR_IO) {
		log_notice(NULL, "no copy of pack %s: %s", hex, cx->op.err.msg);
		rc = 0;
	} else if (rc == 0) {
		rc = file_write(&cx->op, name, b.data, b.len);
	}
	buf_free(&b);
	return rc;
}

/* Whole ids, since the file need not be there any more; or their beginnings. */
static int find_packs(struct cmd_ctx *cx, struct repo_session *s,
		      struct ids *out)
{
	for (int i = 0; i < cx->argc; i++) {
		const char *hex = cx->argv[i];
		struct id id;
		bool twice = false;

		if (!id_parse(hex, strlen(hex), &id) &&
		    store_find(s->repo->store, &cx->op, FILE_PACK, hex, &id) <
			    0)
			return -1;
		for (size_t k = 0; k < out->n; k++)
			twice = twice || id_equal(&out->at[k], &id);
		if (!twice)
			*ids_add(out) = id;
	}
	return 0;
}

static int packs_session(struct cmd_ctx *cx, struct repo_session *s,
			 struct repair_opt *opt, struct ids *packs,
			 struct repair_result *result)
{
	const struct repair_opts *o = cx->opts;
	bool copies = !o->no_copies && !o->repo.dry_run;
	int rc = find_packs(cx, s, packs);

	if (rc == 0 && repo_load_index(s->repo, &cx->op, NULL, NULL) < 0)
		rc = err_wrap(&cx->op.err, "\"ferry repo repair index\" first");
	for (size_t i = 0; rc == 0 && copies && i < packs->n; i++)
		rc = keep_copy(cx, s, &packs->at[i]);
	if (rc == 0)
		rc = repair_packs(s->repo, &cx->op, s->lock, packs->at,
				  packs->n, opt, result);
	return rc;
}

static int packs_run(struct cmd_ctx *cx)
{
	const struct repair_opts *o = cx->opts;
	struct repair_opt opt = { .tell = tell };
	struct repair_result result;
	struct repo_report report;
	struct ids packs = { 0 };
	struct repo_session s;
	int rc;

	repo_report_begin(&report, cx, cx->globals->json);
	opt.progress = &report.progress;
	rc = repo_begin(cx, &o->repo, REPO_EXCLUSIVE, &s);
	if (rc == 0)
		rc = packs_session(cx, &s, &opt, &packs, &result);
	repo_report_stop(&report);
	if (rc == 0)
		rc = print_sums(cx, &result, true);
	ids_free(&packs);
	repo_end(&s);
	repo_report_free(&report);
	return rc;
}

static const struct cmd_example packs_examples[] = {
	{ "ferry repo repair packs 5f2e91c3",
	  "then: ferry repo repair snapshots" },
	{ 0 }
};

static const struct cmd cmd_repo_repair_packs = {
	.name = "repo repair packs",
	.args = "PACK...",
	.summary = "save the whole blobs of damaged packs",
	.about = "They go into new packs, then the damaged ones are removed; a "
		 "copy of each is left in\nthe current folder as \"pack-ID\". "
		 " \"ferry repo check --read-data\" tells which ones.",
	.min_args = 1,
	.max_args = -1,
	.groups = packs_groups,
	.opts_size = sizeof(struct repair_opts),
	.defaults = &repair_defaults,
	.examples = packs_examples,
	.run = packs_run,
};

static int snapshots_run(struct cmd_ctx *cx)
{
	const struct repair_opts *o = cx->opts;
	struct rewrite_opt opt = {
		.repair = true,
		.forget = o->forget,
		.dry_run = o->dry_run,
		.tag = "repaired",
	};

	return rewrite_command(cx, &o->repo, &o->filter, &opt);
}

static const struct cmd_example snapshots_examples[] = {
	{ "ferry repo repair snapshots --dry-run", "what would be lost" },
	{ "ferry repo repair snapshots --forget",
	  "all snapshots, without what cannot be had any more" },
	{ 0 }
};

static const struct cmd cmd_repo_repair_snapshots = {
	.name = "repo repair snapshots",
	.args = "[SNAPSHOT]...",
	.summary = "make snapshots without what is lost",
	.about = "Folders that cannot be read become empty, files lose the "
		 "parts of their content that\nno index has.  The index must "
		 "be right: \"ferry repo repair index\" first; and a new\n"
		 "backup brings back what is still there on the machine.",
	.max_args = -1,
	.groups = snapshots_groups,
	.opts_size = sizeof(struct repair_opts),
	.defaults = &repair_defaults,
	.examples = snapshots_examples,
	.run = snapshots_run,
};

static const struct cmd *const subs[] = { &cmd_repo_repair_index,
					  &cmd_repo_repair_packs,
					  &cmd_repo_repair_snapshots, NULL };

static const struct cmd_example repair_examples[] = {
	{ "ferry repo repair snapshots --forget",
	  "without what is lost, after index and packs" },
	{ 0 }
};

const struct cmd cmd_repo_repair = {
	.name = "repo repair",
	.args = "index|packs|snapshots ...",
	.summary = "make a damaged repository whole but for what is lost",
	.about = "\"ferry repo check\" tells which of these is needed.",
	.examples = repair_examples,
	.subs = subs,
};
