/* ferry restore: a snapshot's files back onto this machine. */

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cmd/backup.h"
#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "lib/clock.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "repo/restore.h"

struct restore_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	struct opt_list include, exclude;
	const char *target, *overwrite;
	bool remove_others, sparse, verify, dry_run;
};

static const struct restore_opts restore_defaults = { .overwrite = "always" };

#define RESTORE(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct restore_opts, field, help)

static const struct opt restore_flags[] = {
	RESTORE(OPT_STR, 't', "target", "DIR", target,
		"the folder to restore into, made if it is missing"),
	RESTORE(OPT_STR, 0, "overwrite", "WHEN", overwrite,
		"always (what differs), if-changed (what differs in size or "
		"time), if-newer or never (default always)"),
	RESTORE(OPT_BOOL, 0, "delete", NULL, remove_others,
		"remove from the target what the snapshot does not have"),
	RESTORE(OPT_BOOL, 0, "sparse", NULL, sparse,
		"do not store runs of zeros"),
	RESTORE(OPT_BOOL, 0, "verify", NULL, verify,
		"read all files back afterwards"),
	RESTORE(OPT_BOOL, 0, "dry-run", NULL, dry_run,
		"say what would be done, and write nothing"),
	{ .type = OPT_END }
};

static const struct opt select_flags[] = {
	RESTORE(OPT_LIST, 'i', "include", "PATTERN", include,
		"only what matches; may come several times"),
	RESTORE(OPT_LIST, 0, "iinclude", "PATTERN", include,
		"the same, upper and lower case being equal"),
	RESTORE(OPT_LIST, 0, "include-file", "FILE", include,
		"patterns from a file, one a line"),
	RESTORE(OPT_LIST, 0, "iinclude-file", "FILE", include,
		"the same, upper and lower case being equal"),
	RESTORE(OPT_LIST, 'e', "exclude", "PATTERN", exclude,
		"leave out what matches; may come several times"),
	RESTORE(OPT_LIST, 0, "iexclude", "PATTERN", exclude,
		"the same, upper and lower case being equal"),
	RESTORE(OPT_LIST, 0, "exclude-file", "FILE", exclude,
		"patterns from a file, one a line"),
	RESTORE(OPT_LIST, 0, "iexclude-file", "FILE", exclude,
		"the same, upper and lower case being equal"),
	{ .type = OPT_END }
};

static const struct opt_group restore_groups[] = {
	{ "Flags", restore_flags, 0 },
	{ "What is restored", select_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct restore_opts, filter),
	REPO_GROUP(struct restore_opts, repo),
	{ 0 }
};

/* One restore under way. */
struct job {
	struct cmd_ctx *cx;
	const struct restore_opts *o;
	struct repo_session s;
	struct repo_report report;
	struct patterns *include, *exclude;
	struct restore_opt opt;
	struct snapshot snapshot;
	const char *path;  /* within it */
	struct op item_op; /* of item(), under the lock */
	pthread_mutex_t lock;
	int item_failed;
	bool reported;
};

static const char *action_name(enum restore_action a)
{
	static const char *const names[] = {
		[RESTORE_RESTORED] = "restored",
		[RESTORE_UPDATED] = "updated",
		[RESTORE_UNCHANGED] = "unchanged",
		[RESTORE_DELETED] = "deleted",
	};

	return names[a];
}

static void add_item_json(struct buf *b, enum restore_action a,
			  const char *path, uint64_t size)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "message_type", "verbose_status");
	json_str(&j, "action", action_name(a));
	json_path(&j, "item", path);
	json_int(&j, "size", (int64_t)size);
	json_end(&j);
	buf_adds(b, "\n");
}

/* With -v what is changed here, with -vv everything. */
static void item(void *arg, enum restore_action a, const char *path, bool dir,
		 uint64_t size)
{
	struct job *job = arg;
	struct buf b = BUF_INIT;

	if (a == RESTORE_UNCHANGED && job->cx->globals->verbose < 2)
		return;
	if (job->cx->globals->json) {
		add_item_json(&b, a, path, size);
	} else {
		buf_addf(&b, "%-10s", action_name(a));
		out_add_name(&b, path);
		buf_adds(&b, dir && path[1] ? "/" : "");
		if (size) {
			buf_adds(&b, "  ");
			show_size(&b, (int64_t)size);
		}
		buf_adds(&b, "\n");
	}
	pthread_mutex_lock(&job->lock);
	if (result_put(job->cx, &job->item_op, &b, false) < 0)
		job->item_failed = -1;
	pthread_mutex_unlock(&job->lock);
	buf_free(&b);
}

static void add_summary_json(struct buf *b, const struct restore_result *r,
			     int64_t took)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "message_type", "summary");
	json_int(&j, "seconds_elapsed", took / NS_PER_SEC);
	json_int(&j, "total_files", (int64_t)r->files_total);
	json_int(&j, "files_restored", (int64_t)r->files_restored);
	json_int(&j, "files_skipped", (int64_t)r->files_skipped);
	json_int(&j, "files_deleted", (int64_t)r->files_deleted);
	json_int(&j, "total_bytes", (int64_t)r->bytes_total);
	json_int(&j, "bytes_restored", (int64_t)r->bytes_restored);
	json_int(&j, "bytes_skipped", (int64_t)r->bytes_skipped);
	json_end(&j);
	buf_adds(b, "\n");
}

static void add_summary(struct buf *b, const struct job *job,
			const struct restore_result *r, int64_t took)
{
	buf_addf(b, "%s: %" PRIu64 " of %" PRIu64 " files and folders, ",
		 job->o->dry_run ? "Would restore" : "Restored",
		 r->files_restored, r->files_total);
	show_size(b, (int64_t)r->bytes_restored);
	buf_adds(b, " of ");
	show_size(b, (int64_t)r->bytes_total);
	buf_adds(b, ", in ");
	show_duration(b, took);
	if (r->files_skipped) {
		buf_addf(b, "\nLeft as they were: %" PRIu64 ", ",
			 r->files_skipped);
		show_size(b, (int64_t)r->bytes_skipped);
	}
	if (r->files_deleted)
		buf_addf(b, "\n%s: %" PRIu64,
			 job->o->dry_run ? "Would delete" : "Deleted",
			 r->files_deleted);
	if (job->o->verify)
		buf_addf(b, "\nRead back and found right: %" PRIu64 " files",
			 r->verified);
	buf_adds(b, "\n");
}

static int print_summary(struct job *job, const struct restore_result *r)
{
	struct buf b = BUF_INIT;
	int64_t took = clock_mono() - job->report.started;
	int rc = 0;

	if (job->cx->globals->json)
		add_summary_json(&b, r, took);
	else if (!job->cx->globals->quiet)
		add_summary(&b, job, r, took);
	if (b.len)
		rc = out_write(&job->cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int check_flags(struct job *job)
{
	static const char *const names[] = {
		[OVERWRITE_ALWAYS] = "always",
		[OVERWRITE_IF_CHANGED] = "if-changed",
		[OVERWRITE_IF_NEWER] = "if-newer",
		[OVERWRITE_NEVER] = "never",
	};
	const struct restore_opts *o = job->o;
	struct err *e = &job->cx->op.err;
	size_t i = 0;

	if (!o->target || !*o->target)
		return err_set(e, ERR_INVALID, "where to? Give --target DIR");
	if (o->include.n && o->exclude.n)
		return err_set(e, ERR_INVALID,
			       "--include and --exclude: only one of them");
	if (o->dry_run && o->verify)
		return err_set(e, ERR_INVALID,
			       "--dry-run and --verify: only one of them");
	if (o->remove_others && !o->include.n &&
	    strspn(o->target, "/.") == strlen(o->target) && *o->target == '/')
		return err_set(e, ERR_INVALID,
			       "--delete with --target / would empty this "
			       "machine: say with --include what it is about");
	while (i < ARRAY_LEN(names) && strcmp(names[i], o->overwrite) != 0)
		i++;
	if (i == ARRAY_LEN(names))
		return err_set(e, ERR_INVALID,
			       "--overwrite: \"%s\" is not always, if-changed, "
			       "if-newer or never",
			       o->overwrite);
	job->opt = (struct restore_opt){
		.target = o->target,
		.overwrite = (enum restore_overwrite)i,
		.remove_others = o->remove_others,
		.sparse = o->sparse,
		.verify = o->verify,
		.dry_run = o->dry_run,
		.no_owner = geteuid() != 0,
	};
	return 0;
}

static int find_snapshot(struct job *job)
{
	struct cmd_ctx *cx = job->cx;
	struct snapshot_filter filter;

	if (snapshot_filter_of(cx, &job->o->filter, &filter) < 0)
		return -1;
	return snapshot_find(job->s.repo, &cx->op, &cx->op.arena, &filter,
			     cx->argv[0], &job->snapshot, &job->path);
}

static int bad_index(void *arg, struct op *op, const struct id *id)
{
	struct job *job = arg;
	char hex[ID_HEX + 1];

	/* what only it knows will be missing, and be named */
	job->report.errors.tell(&job->report.errors, op, id_hex(id, hex),
				"load");
	err_clear(&op->err);
	return 0;
}

static void say_what(const struct job *job)
{
	char brief[9];

	log_info(NULL, "restoring snapshot %s of host %s to \"%s\"",
		 id_short(&job->snapshot.id, brief), job->snapshot.hostname,
		 job->o->target);
}

static int restore(struct job *job)
{
	struct restore_result r = { 0 };
	struct cmd_ctx *cx = job->cx;
	int rc;

	repo_report_begin(&job->report, cx, false);
	repo_report_restoring(&job->report);
	job->reported = true;
	job->opt.progress = &job->report.progress;
	job->opt.errors = &job->report.errors;
	if (cx->globals->verbose) {
		job->opt.item = item;
		job->opt.arg = job;
	}
	rc = find_snapshot(job);
	if (rc == 0)
		rc = repo_load_index(job->s.repo, &cx->op, bad_index, job);
	if (rc == 0) {
		say_what(job);
		rc = restore_run(job->s.repo, &cx->op, &job->snapshot,
				 job->path, &job->opt, &r);
	}
	repo_report_stop(&job->report);
	if (rc == 0)
		rc = print_summary(job, &r);
	if (rc == 0 && job->item_failed < 0) {
		cx->op.err = job->item_op.err;
		rc = -1;
	}
	return repo_report_end(&job->report, rc);
}

static int restore_cmd(struct cmd_ctx *cx)
{
	struct job job = { .cx = cx,
			   .o = cx->opts,
			   .item_op = op_begin(cx->op.cancel),
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	int rc = check_flags(&job);

	if (rc == 0)
		rc = repo_patterns(cx, &job.o->include, &job.include);
	if (rc == 0)
		rc = repo_patterns(cx, &job.o->exclude, &job.exclude);
	if (job.o->include.n)
		job.opt.include = job.include;
	if (job.o->exclude.n)
		job.opt.exclude = job.exclude;
	if (rc == 0)
		rc = repo_begin(cx, &job.o->repo, REPO_SHARED, &job.s);
	if (rc == 0)
		rc = restore(&job);
	if (job.reported)
		repo_report_free(&job.report);
	repo_end(&job.s);
	patterns_free(job.include);
	patterns_free(job.exclude);
	op_end(&job.item_op);
	return rc;
}

static const struct cmd_example restore_examples[] = {
	{ "ferry restore -r /srv/backup latest --target /tmp/back",
	  "all of the last snapshot" },
	{ "ferry restore -r nas:backup latest:/home/me/doc --target ~/doc "
	  "--delete",
	  "make a folder again what it was" },
	{ "ferry restore -r nas:backup 1a2b3c4d -t / -i /etc/fstab",
	  "one file at its old place" },
	{ 0 }
};

#define RESTORE_COMMAND                                                         \
	.args = "SNAPSHOT[:PATH]", .summary = "restore files of a snapshot",    \
	.about =                                                                \
		"Restores a snapshot (its id or the beginning of it, or "       \
		"\"latest\") below the\nfolder DIR, each file at its full "     \
		"path. With :PATH that folder of the snapshot\nbecomes DIR "    \
		"itself; a PATH that is a file is put into it.\n\nA file that " \
		"is there already is compared, and replaced if it differs "     \
		"(see\n--overwrite); metadata is put right in any case but "    \
		"for files that --overwrite\nleaves alone. Files are written "  \
		"aside and then renamed, so at any instant there\nis the old "  \
		"one or the new. Broken off, run it again: what is there is "   \
		"not fetched\nagain.\n\nWhat is damaged in the repository is "  \
		"named and everything else is restored. Of a\nfile of which "   \
		"a part is lost, what is whole is kept as NAME.damaged, with "  \
		"zeros in\nthe gaps; NAME itself is not touched.\n\nNothing "   \
		"is written outside DIR, and no symbolic link in it is "        \
		"followed: where a\nfolder belongs, it is replaced by one. "    \
		"Without root, owners are left out, and\nset-id bits with "     \
		"them. Sockets are not restored.\n\nExit status 3: some "       \
		"files could not be restored, and were named.",                 \
	.min_args = 1, .max_args = 1, .groups = restore_groups,                 \
	.opts_size = sizeof(struct restore_opts),                               \
	.defaults = &restore_defaults, .examples = restore_examples,            \
	.run = restore_cmd

const struct cmd cmd_restore = { .name = "restore", RESTORE_COMMAND };
const struct cmd cmd_repo_restore = { .name = "repo restore", RESTORE_COMMAND };
