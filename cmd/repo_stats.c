/* ferry repo stats: how much snapshots hold. */

#include "repo/stats.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_query.h"
#include "lib/parse.h"

struct stats_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	const char *mode;
};

static const struct stats_opts stats_defaults = { .mode = "restore-size" };

static const struct opt stats_flags[] = {
	OPT_AT(OPT_STR, 0, "mode", "MODE", struct stats_opts, mode,
	       "restore-size, files-by-contents, blobs-per-file or raw-data"),
	{ .type = OPT_END }
};

static const struct opt_group stats_groups[] = {
	{ "Flags", stats_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct stats_opts, filter),
	REPO_GROUP(struct stats_opts, repo),
	{ 0 }
};

static const char *const modes[STATS_MODES] = {
	[STATS_RESTORE_SIZE] = "restore-size",
	[STATS_FILES_BY_CONTENTS] = "files-by-contents",
	[STATS_BLOBS_PER_FILE] = "blobs-per-file",
	[STATS_RAW_DATA] = "raw-data",
};

/* What compression has done, as restic counts it; 0 where nothing is told. */
struct ratios {
	double ratio, progress, saving;
};

static struct ratios ratios_of(const struct stats_result *r)
{
	struct ratios out = { 0 };

	if (r->packed)
		out.ratio = (double)r->packed_text / (double)r->packed;
	if (r->uncompressed) {
		out.progress =
			(double)r->packed_text / (double)r->uncompressed * 100;
		out.saving =
			(1 - (double)r->size / (double)r->uncompressed) * 100;
	}
	return out;
}

static void add_json(struct buf *b, const struct stats_result *r)
{
	struct ratios ratios = ratios_of(r);
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_int(&j, "total_size", (int64_t)r->size);
	if (r->uncompressed)
		json_int(&j, "total_uncompressed_size",
			 (int64_t)r->uncompressed);
	if (ratios.ratio != 0)
		json_float(&j, "compression_ratio", ratios.ratio);
	if (ratios.progress != 0)
		json_float(&j, "compression_progress", ratios.progress);
	if (ratios.saving != 0)
		json_float(&j, "compression_space_saving", ratios.saving);
	if (r->files)
		json_int(&j, "total_file_count", (int64_t)r->files);
	if (r->blobs)
		json_int(&j, "total_blob_count", (int64_t)r->blobs);
	json_int(&j, "snapshots_count", (int64_t)r->snapshots);
	json_end(&j);
	buf_adds(b, "\n");
}

static void add_size(struct buf *b, const char *what, uint64_t n)
{
	buf_addf(b, "%24s:  ", what);
	show_size(b, (int64_t)n);
	buf_adds(b, "\n");
}

static void add_count(struct buf *b, const char *what, uint64_t n)
{
	if (n)
		buf_addf(b, "%24s:  %" PRIu64 "\n", what, n);
}

static void add_text(struct buf *b, const struct stats_result *r,
		     enum stats_mode mode)
{
	struct ratios ratios = ratios_of(r);

	buf_addf(b, "Stats in %s mode:\n", modes[mode]);
	buf_addf(b, "%24s:  %" PRIu64 "\n", "Snapshots processed",
		 r->snapshots);
	add_count(b, "Total Blob Count", r->blobs);
	add_count(b, "Total File Count", r->files);
	if (r->uncompressed)
		add_size(b, "Total Uncompressed Size", r->uncompressed);
	add_size(b, "Total Size", r->size);
	if (ratios.progress > 0)
		buf_addf(b, "%24s:  %.2f%%\n", "Compression Progress",
			 ratios.progress);
	if (ratios.ratio > 0)
		buf_addf(b, "%24s:  %.2fx\n", "Compression Ratio",
			 ratios.ratio);
	if (ratios.saving > 0)
		buf_addf(b, "%24s:  %.2f%%\n", "Compression Space Saving",
			 ratios.saving);
}

static int count(struct query *q, enum stats_mode mode)
{
	struct cmd_ctx *cx = q->cx;
	const struct stats_opts *o = cx->opts;
	struct snapshots v = { 0 };
	struct stats_result r;
	struct buf b = BUF_INIT;
	int rc = query_snapshots(q, &o->filter, cx->argv, cx->argc, &v);

	if (rc == 0)
		rc = query_index(q);
	if (rc == 0)
		rc = stats_run(q->s.repo, &cx->op, &v, mode, &q->report.errors,
			       &r);
	if (rc == 0) {
		if (cx->globals->json)
			add_json(&b, &r);
		else
			add_text(&b, &r, mode);
		rc = out_write(&cx->op, b.data, b.len);
	}
	buf_free(&b);
	snapshots_free(&v);
	return rc;
}

static int stats_run_command(struct cmd_ctx *cx)
{
	const struct stats_opts *o = cx->opts;
	struct query q;
	int mode = 0, rc;

	while (mode < STATS_MODES && strcmp(modes[mode], o->mode) != 0)
		mode++;
	if (mode == STATS_MODES)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--mode: \"%s\" is not restore-size, "
			       "files-by-contents, blobs-per-file or raw-data",
			       o->mode);
	rc = query_begin(&q, cx, &o->repo);
	if (rc == 0)
		rc = count(&q, (enum stats_mode)mode);
	return query_end(&q, rc);
}

static const struct cmd_example stats_examples[] = {
	{ "ferry repo stats -r /srv/backup latest",
	  "what a restore would write" },
	{ "ferry repo stats -r nas:backup --mode raw-data",
	  "what all snapshots take in the repository" },
	{ 0 }
};

const struct cmd cmd_repo_stats = {
	.name = "repo stats",
	.args = "[SNAPSHOT]...",
	.summary = "count what snapshots hold",
	.about = "Of the snapshots that are named, or of all. Modes:\n\n"
		 "  restore-size       what a restore of each would write\n"
		 "  files-by-contents  files that differ, each once\n"
		 "  blobs-per-file     their pieces, each once a path\n"
		 "  raw-data           what they take in the repository",
	.max_args = -1,
	.groups = stats_groups,
	.opts_size = sizeof(struct stats_opts),
	.defaults = &stats_defaults,
	.examples = stats_examples,
	.run = stats_run_command,
};
