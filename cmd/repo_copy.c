/* ferry repo copy: snapshots from one repository into another. */

#include "repo/copy.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/vec.h"
#include "repo/each.h"

struct copy_opts {
	struct repo_flags repo, from; /* of `from` only place and password */
	struct filter_flags filter;
};

static const struct copy_opts copy_defaults = { 0 };

#define COPY(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct copy_opts, field, help)

static const struct opt copy_flags[] = {
	REPO_DRY_RUN(struct copy_opts),
	COPY(OPT_STR, 0, "from-repo", "PLACE", from.repo,
	     "the repository to copy from [$FERRY_FROM_REPOSITORY, "
	     "$RESTIC_FROM_REPOSITORY]"),
	COPY(OPT_STR, 0, "from-repository-file", "FILE", from.repo_file,
	     "read its place from a file [$RESTIC_FROM_REPOSITORY_FILE]"),
	COPY(OPT_STR, 0, "from-password-file", "FILE", from.password_file,
	     "a file with its password [$RESTIC_FROM_PASSWORD_FILE]"),
	COPY(OPT_STR, 0, "from-password-command", "COMMAND",
	     from.password_command,
	     "a command that prints its password "
	     "[$RESTIC_FROM_PASSWORD_COMMAND]"),
	COPY(OPT_BOOL, 0, "from-insecure-no-password", NULL, from.no_password,
	     "its password is empty"),
	COPY(OPT_STR, 0, "from-key-hint", "ID", from.key_hint,
	     "the key to try first [$RESTIC_FROM_KEY_HINT]"),
	{ .type = OPT_END }
};

static const struct opt_group copy_groups[] = {
	{ "Flags", copy_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct copy_opts, filter),
	REPO_GROUP(struct copy_opts, repo),
	{ 0 }
};

struct job {
	struct cmd_ctx *cx;
	const struct copy_opts *o;
	struct repo_report report;
	struct repo_session from, to;
	struct snapshots all, there; /* to be copied; those of the target */
	struct ids trees;
	uint64_t copied, skipped;
};

/* What the flags leave open is said by variables. */
static int complete(struct cmd_ctx *cx, struct repo_flags *f)
{
	if (!f->repo && !f->repo_file) {
		f->repo = repo_env("FROM_REPOSITORY");
		if (!f->repo)
			f->repo_file = repo_env("FROM_REPOSITORY_FILE");
	}
	if (!f->repo && !f->repo_file)
		return err_set(&cx->op.err, ERR_INVALID,
			       "copy from which repository? Give --from-repo "
			       "PLACE or set FERRY_FROM_REPOSITORY");
	if (!f->password_file && !f->password_command && !f->no_password) {
		f->password_file = repo_env("FROM_PASSWORD_FILE");
		if (!f->password_file)
			f->password_command = repo_env("FROM_PASSWORD_COMMAND");
		if (!f->password_file && !f->password_command)
			f->password = repo_env("FROM_PASSWORD");
	}
	if (!f->key_hint)
		f->key_hint = repo_env("FROM_KEY_HINT");
	return 0;
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	struct repo_report *r = arg;
	char hex[ID_HEX + 1];

	r->errors.tell(&r->errors, op, id_hex(id, hex), "load");
	return 0;
}

/* Which ones, before the index is read that has what they need. */
static int find_snapshots(struct job *job)
{
	static const struct snapshot_filter everything;
	struct cmd_ctx *cx = job->cx;
	struct op *op = &cx->op;
	struct snapshot_filter f;

	if (snapshot_filter_of(cx, &job->o->filter, &f) < 0 ||
	    snapshots_load(job->to.repo, op, &op->arena, &everything,
			   bad_snapshot, &job->report, &job->there) < 0)
		return -1;
	if (cx->argc == 0)
		return snapshots_load(job->from.repo, op, &op->arena, &f,
				      bad_snapshot, &job->report, &job->all);
	for (int i = 0; i < cx->argc; i++) {
		const char *path;

		if (snapshot_find(job->from.repo, op, &op->arena, &f,
				  cx->argv[i], snapshots_add(&job->all),
				  &path) < 0)
			return -1;
		if (*path)
			return err_set(&op->err, ERR_INVALID,
				       "%s: snapshots are copied whole",
				       cx->argv[i]);
	}
	return 0;
}

static int show(struct job *job, const struct snapshot *s,
		const struct snapshot *copy, bool skipped)
{
	struct cmd_ctx *cx = job->cx;
	struct buf b = BUF_INIT;
	char id[2][ID_HEX + 1];
	int rc;

	if (cx->globals->json) {
		struct json j = JSON_INIT(&b);

		json_object(&j, NULL);
		json_str(&j, "message_type", skipped ? "skipped" : "copied");
		json_str(&j, "source_snapshot", id_hex(&s->id, id[0]));
		json_str(&j, "snapshot_id", id_hex(&copy->id, id[1]));
		json_end(&j);
	} else if (!cx->globals->quiet) {
		buf_addf(&b, "snapshot %s of ", id_short(&s->id, id[0]));
		show_time(&b, node_time_ns(s->time), 0);
		buf_addf(&b,
			 skipped ? " is there already, as %s"
				 : " copied, to %s",
			 id_short(&copy->id, id[1]));
	}
	buf_adds(&b, b.len ? "\n" : "");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

/* Those that are to be copied stay in job->all. */
static int skip_known(struct job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->all.n; i++) {
		const struct snapshot *s = &job->all.at[i];
		const struct snapshot *t = copy_find(&job->there, s);

		if (!t) {
			*ids_add(&job->trees) = s->tree;
			job->all.at[n++] = *s;
			continue;
		}
		job->skipped++;
		if (show(job, s, t, true) < 0)
			return -1;
	}
	job->all.n = n;
	return 0;
}

/* Packs of a run that was killed are used, not sent again. */
static int adopt(struct job *job)
{
	unsigned packs = 0;

	if (job->to.stale == 0)
		return 0;
	if (saver_adopt(job->to.repo, &job->cx->op, &packs) < 0)
		return -1;
	if (packs)
		log_notice(NULL,
			   "%u packs of a run that was broken off are used "
			   "again",
			   packs);
	return 0;
}

static int save_snapshots(struct job *job)
{
	struct op *op = &job->cx->op;

	for (size_t i = 0; i < job->all.n; i++) {
		const struct snapshot *s = &job->all.at[i];
		const struct snapshot *t = copy_find(&job->there, s);
		struct snapshot copy;

		if (t) { /* named twice, or itself a copy of another */
			job->skipped++;
			if (show(job, s, t, true) < 0)
				return -1;
			continue;
		}
		if ((job->to.lock && lock_check(job->to.lock, op) < 0) ||
		    copy_snapshot(job->to.repo, op, job->to.coder, s, &copy) <
			    0 ||
		    show(job, s, &copy, false) < 0)
			return -1;
		*snapshots_add(&job->there) = copy;
		job->copied++;
	}
	return 0;
}

static int show_summary(struct job *job, const struct saver_totals *t)
{
	struct cmd_ctx *cx = job->cx;
	struct buf b = BUF_INIT;
	uint64_t raw = t->raw[BLOB_DATA] + t->raw[BLOB_TREE];
	uint64_t stored = t->stored[BLOB_DATA] + t->stored[BLOB_TREE];
	int rc;

	if (cx->globals->json) {
		struct json j = JSON_INIT(&b);

		json_object(&j, NULL);
		json_str(&j, "message_type", "summary");
		json_int(&j, "snapshots_copied", (int64_t)job->copied);
		json_int(&j, "snapshots_skipped", (int64_t)job->skipped);
		json_int(&j, "data_blobs", (int64_t)t->blobs[BLOB_DATA]);
		json_int(&j, "tree_blobs", (int64_t)t->blobs[BLOB_TREE]);
		json_int(&j, "data_added", (int64_t)raw);
		json_int(&j, "data_added_packed", (int64_t)stored);
		json_end(&j);
		buf_adds(&b, "\n");
	} else if (!cx->globals->quiet) {
		buf_addf(&b, "%" PRIu64 " copied, %" PRIu64 " skipped; added ",
			 job->copied, job->skipped);
		show_size(&b, (int64_t)raw);
		buf_adds(&b, " (");
		show_size(&b, (int64_t)stored);
		buf_adds(&b, " stored)\n");
	}
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int copy(struct job *job)
{
	struct op *op = &job->cx->op;
	const struct copy_opt opt = {
		.pack_size = (uint32_t)job->o->repo.pack_size,
		.lock = job->to.lock,
		.progress = &job->report.progress,
	};
	struct saver_totals totals = { 0 };

	if (id_equal(&job->from.repo->id, &job->to.repo->id))
		return err_set(&op->err, ERR_INVALID,
			       "both places are the same repository");
	if (find_snapshots(job) < 0 || skip_known(job) < 0)
		return -1;
	if (job->all.n &&
	    (repo_load_index(job->from.repo, op, NULL, NULL) < 0 ||
	     repo_load_index(job->to.repo, op, NULL, NULL) < 0 ||
	     adopt(job) < 0 ||
	     copy_trees(job->from.repo, job->to.repo, op, job->trees.at,
			job->trees.n, &opt, &totals) < 0))
		return -1;
	repo_report_stop(&job->report);
	return save_snapshots(job) < 0 ? -1 : show_summary(job, &totals);
}

static int copy_run(struct cmd_ctx *cx)
{
	const struct copy_opts *o = cx->opts;
	struct job job = { .cx = cx, .o = o };
	struct repo_flags from = o->from;
	int rc;

	if (complete(cx, &from) < 0)
		return -1;
	from.no_cache = o->repo.no_cache;
	from.no_lock = o->repo.no_lock;
	from.retry_lock = o->repo.retry_lock;
	repo_report_begin(&job.report, cx, true);
	rc = repo_begin(cx, &from, REPO_SHARED, &job.from);
	if (rc == 0)
		rc = repo_begin(cx, &o->repo, REPO_SHARED, &job.to);
	if (rc == 0)
		rc = copy(&job);
	repo_end(&job.to);
	repo_end(&job.from);
	snapshots_free(&job.all);
	snapshots_free(&job.there);
	ids_free(&job.trees);
	repo_report_stop(&job.report);
	rc = repo_report_end(&job.report, rc);
	repo_report_free(&job.report);
	return rc;
}

static const struct cmd_example copy_examples[] = {
	{ "ferry repo copy -r nas:backup --from-repo /srv/backup",
	  "all snapshots that are not there yet" },
	{ "ferry repo copy -r nas:backup --from-repo /srv/backup latest",
	  "the newest one" },
	{ 0 }
};

const struct cmd cmd_repo_copy = {
	.name = "repo copy",
	.args = "[SNAPSHOT]...",
	.summary = "copy snapshots from another repository",
	.about = "Copies the snapshots that are named, or all that the filters "
		 "leave, from --from-repo\ninto the repository. What is there "
		 "already is not copied again: a run that was\nbroken off is "
		 "continued by the next one.\n\nFor the two to share data with "
		 "later backups, make the target by `ferry init\n"
		 "--copy-chunker-params`. If no password of the source is "
		 "given, it is tried with\nthe target's.",
	.max_args = -1,
	.groups = copy_groups,
	.opts_size = sizeof(struct copy_opts),
	.defaults = &copy_defaults,
	.examples = copy_examples,
	.run = copy_run,
};
