/* ferry backup: a snapshot of files. */

#include <inttypes.h>
#include <stdlib.h>
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
#include "repo/forget.h"

static const struct backup_opts backup_defaults = { .group_by = "host,paths" };

#define BACKUP(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct backup_opts, field, help)

static const struct opt backup_flags[] = {
	BACKUP(OPT_LIST, 0, "tag", "TAG[,TAG...]", tags,
	       "give the snapshot these tags; may come several times"),
	BACKUP(OPT_STR, 'H', "host", "NAME", host,
	       "the machine's name in the snapshot [$RESTIC_HOST]"),
	BACKUP(OPT_STR, 0, "time", "TIME", time,
	       "the snapshot's time, \"2024-05-06 07:08:09\" or \"now\""),
	BACKUP(OPT_STR, 0, "parent", "SNAPSHOT", parent,
	       "compare with this one (default: the last of this host and "
	       "these paths)"),
	BACKUP(OPT_BOOL, 'f', "force", NULL, force,
	       "read every file again, whatever the last snapshot says"),
	BACKUP(OPT_STR, 'g', "group-by", "WHAT", group_by,
	       "what the snapshot to compare with must share: host, paths, "
	       "tags (default host,paths)"),
	BACKUP(OPT_BOOL, 0, "ignore-inode", NULL, ignore_inode,
	       "a file with another inode number may be unchanged"),
	BACKUP(OPT_BOOL, 0, "ignore-ctime", NULL, ignore_ctime,
	       "a file with another change time may be unchanged"),
	BACKUP(OPT_BOOL, 0, "with-atime", NULL, with_atime,
	       "keep access times"),
	BACKUP(OPT_BOOL, 0, "skip-if-unchanged", NULL, skip_if_unchanged,
	       "make no snapshot that equals the last one"),
	BACKUP(OPT_BOOL, 'n', "dry-run", NULL, dry_run,
	       "say what would be stored, and store nothing"),
	BACKUP(OPT_BOOL, 0, "no-scan", NULL, no_scan,
	       "do not count the files beforehand, for the progress"),
	BACKUP(OPT_INT, 0, "read-concurrency", "N", readers,
	       "files read at once [$RESTIC_READ_CONCURRENCY]"),
	BACKUP(OPT_STR, 0, "chunk-size", "SIZE", chunk_size,
	       "default, as restic cuts; or small, 16 KiB to 256 KiB: images "
	       "with scattered changes add less, at ten times the index"),
	BACKUP(OPT_BOOL, 0, "stdin", NULL, from_stdin,
	       "read one file from standard input"),
	BACKUP(OPT_STR, 0, "stdin-filename", "NAME", stdin_name,
	       "its name in the snapshot (default stdin)"),
	{ .type = OPT_END }
};

static const struct opt select_flags[] = {
	BACKUP(OPT_LIST, 'e', "exclude", "PATTERN", patterns,
	       "leave out what matches; may come several times"),
	BACKUP(OPT_LIST, 0, "iexclude", "PATTERN", patterns,
	       "the same, upper and lower case being equal"),
	BACKUP(OPT_LIST, 0, "exclude-file", "FILE", patterns,
	       "patterns from a file, one a line"),
	BACKUP(OPT_LIST, 0, "iexclude-file", "FILE", patterns,
	       "the same, upper and lower case being equal"),
	BACKUP(OPT_BOOL, 0, "exclude-caches", NULL, exclude_caches,
	       "leave out what is in a folder with a CACHEDIR.TAG"),
	BACKUP(OPT_LIST, 0, "exclude-if-present", "NAME[:HEADER]", if_present,
	       "leave out what is in a folder with such a file (that begins "
	       "with HEADER)"),
	BACKUP(OPT_STR, 0, "exclude-larger-than", "SIZE", larger_than,
	       "leave out larger files"),
	BACKUP(OPT_BOOL, 'x', "one-file-system", NULL, one_file_system,
	       "do not go into other file systems"),
	BACKUP(OPT_LIST, 0, "files-from", "FILE", files_from,
	       "paths, or patterns of such, to save; one a line, # begins a "
	       "comment"),
	BACKUP(OPT_LIST, 0, "files-from-verbatim", "FILE", files_from,
	       "paths to save, one a line, taken as they are"),
	BACKUP(OPT_LIST, 0, "files-from-raw", "FILE", files_from,
	       "paths to save, each ended by a NUL byte"),
	{ .type = OPT_END }
};

static const struct opt_group backup_groups[] = {
	{ "Flags", backup_flags, 0 },
	{ "What is saved", select_flags, 0 },
	REPO_GROUP(struct backup_opts, repo),
	{ 0 }
};

/* One backup under way. */
struct job {
	struct cmd_ctx *cx;
	const struct backup_opts *o;
	struct repo_session s;
	struct repo_report report;
	struct backup_sources sources;
	struct archive_opt opt;
	struct snapshot parent;
	struct op item_op; /* of item(), under the lock */
	pthread_mutex_t lock;
	int item_failed;
	bool reported;
};

static const char *action_name(enum archive_action a)
{
	static const char *const names[] = {
		[ARCHIVE_NEW] = "new",
		[ARCHIVE_CHANGED] = "modified",
		[ARCHIVE_UNCHANGED] = "unchanged",
	};

	return names[a];
}

static uint64_t raw_of(const struct saved *s, uint64_t size)
{
	return s && s->added ? size : 0;
}

static void add_item_json(struct buf *b, enum archive_action a,
			  const char *path, uint64_t size,
			  const struct saved *data, const struct saved *meta,
			  int64_t took)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "message_type", "verbose_status");
	json_str(&j, "action", action_name(a));
	json_path(&j, "item", path);
	buf_addf(b, ",\"duration\":%.6g", (double)took / 1e9);
	json_int(&j, "data_size", (int64_t)raw_of(data, size));
	json_int(&j, "data_size_in_repo", data ? data->stored : 0);
	json_int(&j, "metadata_size", 0);
	json_int(&j, "metadata_size_in_repo", meta ? meta->stored : 0);
	json_end(&j);
	buf_adds(b, "\n");
}

/* With -v what is new or changed, with -vv everything. */
static void item(void *arg, enum archive_action a, const char *path, bool dir,
		 uint64_t size, const struct saved *data,
		 const struct saved *meta, int64_t took)
{
	struct job *job = arg;
	struct buf b = BUF_INIT;

	if (a == ARCHIVE_UNCHANGED && job->cx->globals->verbose < 2)
		return;
	if (job->cx->globals->json) {
		add_item_json(&b, a, path, size, data, meta, took);
	} else {
		buf_addf(&b, "%-10s", action_name(a));
		out_add_name(&b, path);
		buf_adds(&b, dir && path[1] ? "/" : "");
		if (data && data->stored) {
			buf_adds(&b, "  ");
			show_size(&b, data->stored);
		}
		buf_adds(&b, "\n");
	}
	pthread_mutex_lock(&job->lock);
	if (result_put(job->cx, &job->item_op, &b, false) < 0)
		job->item_failed = -1;
	pthread_mutex_unlock(&job->lock);
	buf_free(&b);
}

static void add_summary_json(struct buf *b, const struct job *job,
			     const struct archive_result *r, int64_t took)
{
	const struct snapshot_summary *s = &r->summary;
	struct json j = JSON_INIT(b);
	char hex[ID_HEX + 1];

	json_object(&j, NULL);
	json_str(&j, "message_type", "summary");
	if (job->o->dry_run)
		json_bool(&j, "dry_run", true);
	json_int(&j, "files_new", (int64_t)s->files_new);
	json_int(&j, "files_changed", (int64_t)s->files_changed);
	json_int(&j, "files_unmodified", (int64_t)s->files_unmodified);
	json_int(&j, "dirs_new", (int64_t)s->dirs_new);
	json_int(&j, "dirs_changed", (int64_t)s->dirs_changed);
	json_int(&j, "dirs_unmodified", (int64_t)s->dirs_unmodified);
	json_int(&j, "data_blobs", s->data_blobs);
	json_int(&j, "tree_blobs", s->tree_blobs);
	json_int(&j, "data_added", (int64_t)s->data_added);
	json_int(&j, "data_added_packed", (int64_t)s->data_added_packed);
	json_int(&j, "total_files_processed",
		 (int64_t)s->total_files_processed);
	json_int(&j, "total_bytes_processed",
		 (int64_t)s->total_bytes_processed);
	buf_addf(b, ",\"total_duration\":%.6f", (double)took / 1e9);
	if (s->backup_start)
		json_str(&j, "backup_start", s->backup_start);
	if (s->backup_end)
		json_str(&j, "backup_end", s->backup_end);
	if (r->stored)
		json_str(&j, "snapshot_id", id_hex(&r->snapshot, hex));
	json_end(&j);
	buf_adds(b, "\n");
}

static void add_summary(struct buf *b, const struct job *job,
			const struct archive_result *r, int64_t took)
{
	const struct snapshot_summary *s = &r->summary;
	bool dry = job->o->dry_run;
	char brief[9];

	buf_addf(b,
		 "Files:  %8" PRIu64 " new, %8" PRIu64 " changed, %8" PRIu64
		 " unmodified\n",
		 s->files_new, s->files_changed, s->files_unmodified);
	buf_addf(b,
		 "Dirs:   %8" PRIu64 " new, %8" PRIu64 " changed, %8" PRIu64
		 " unmodified\n",
		 s->dirs_new, s->dirs_changed, s->dirs_unmodified);
	buf_addf(b, "%s to the repository: ", dry ? "Would add" : "Added");
	show_size(b, (int64_t)s->data_added);
	buf_adds(b, " (");
	show_size(b, (int64_t)s->data_added_packed);
	buf_adds(b, " stored)\n\nprocessed ");
	buf_addf(b, "%" PRIu64 " files, ", s->total_files_processed);
	show_size(b, (int64_t)s->total_bytes_processed);
	buf_adds(b, " in ");
	show_duration(b, took);
	if (r->stored)
		buf_addf(b, "\nsnapshot %s saved\n",
			 id_short(&r->snapshot, brief));
	else
		buf_addf(b, "\nno snapshot: %s\n",
			 dry ? "it was a dry run" : "nothing has changed");
}

static int print_summary(struct job *job, const struct archive_result *r)
{
	struct buf b = BUF_INIT;
	int64_t took = clock_mono() - job->report.started;
	int rc = 0;

	if (job->cx->globals->json)
		add_summary_json(&b, job, r, took);
	else if (!job->cx->globals->quiet)
		add_summary(&b, job, r, took);
	if (b.len)
		rc = out_write(&job->cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	struct job *job = arg;
	char hex[ID_HEX + 1];

	/* one that cannot be read is no reason not to make another */
	log_notice(id_hex(id, hex), "%s", op->err.msg);
	(void)job;
	return 0;
}

/* The last snapshot of the group, or the one that was asked for. */
static int find_parent(struct job *job)
{
	struct cmd_ctx *cx = job->cx;
	struct snapshot_filter f = { 0 };
	struct snapshots v = { 0 };
	const char *path;
	unsigned by;
	int rc;

	if (!group_by_parse(job->o->group_by, &by))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--group-by: \"%s\" is not host, paths or tags",
			       job->o->group_by);
	if (job->o->force)
		return 0;
	if (job->o->parent) {
		if (snapshot_find(job->s.repo, &cx->op, &cx->op.arena, &f,
				  job->o->parent, &job->parent, &path) < 0)
			return err_wrap(&cx->op.err, "--parent");
		job->opt.parent = &job->parent;
		return 0;
	}
	if (by & GROUP_HOST)
		f.hosts = (struct strings){ .at = &job->opt.hostname, .n = 1 };
	if (by & GROUP_PATHS)
		f.paths = job->opt.show_paths;
	rc = snapshots_load(job->s.repo, &cx->op, &cx->op.arena, &f,
			    bad_snapshot, job, &v);
	for (size_t i = 0; rc == 0 && i < v.n; i++) {
		const struct snapshot *s = &v.at[i];

		if (((by & GROUP_PATHS) &&
		     !strings_equal(&s->paths, &job->opt.show_paths)) ||
		    ((by & GROUP_TAGS) &&
		     !strings_equal(&s->tags, &job->opt.tags)))
			continue;
		job->parent = *s;
		job->opt.parent = &job->parent;
	}
	snapshots_free(&v);
	return rc;
}

static int count_lock(void *arg, struct op *op, const struct id *id,
		      const char *json, size_t n)
{
	unsigned *count = arg;

	(void)op;
	(void)id;
	(void)json;
	(void)n;
	++*count;
	return 0;
}

/*
 * Packs of runs that were killed are taken up again: a lock tells of these.  It
 * may be gone, so a first backup, which has most to gain, looks in any case;
 * but not while others are at work, whose packs look the same.
 */
static int adopt(struct job *job)
{
	unsigned packs = 0, locks = 0;

	if (job->o->dry_run || (job->s.stale == 0 && job->opt.parent))
		return 0;
	if (job->s.stale == 0) {
		if (lock_each(job->s.repo, &job->cx->op, count_lock, &locks) <
		    0)
			return -1;
		if (locks > 1)
			return 0;
	}
	if (saver_adopt(job->s.repo, &job->cx->op, &packs) < 0)
		return -1;
	if (packs)
		log_notice(NULL,
			   "%u packs of a backup that was broken off are used "
			   "again",
			   packs);
	return 0;
}

static int run_archive(struct job *job, struct archive_result *r)
{
	struct op *op = &job->cx->op;

	if (job->o->from_stdin)
		return archive_stream(job->s.repo, op, job->s.lock, &job->opt,
				      job->sources.stream,
				      job->sources.stream_path, r);
	return archive_run(job->s.repo, op, job->s.lock, &job->opt, r);
}

static int backup(struct job *job)
{
	struct archive_result r = { 0 };
	struct cmd_ctx *cx = job->cx;
	int rc;

	repo_report_begin(&job->report, cx, false);
	job->reported = true;
	atomic_fetch_add(&job->report.progress.errors, job->sources.missing);
	job->opt.progress = &job->report.progress;
	/* nobody would see what it finds */
	if (!job->report.display.interval && !job->report.ticks)
		job->opt.no_scan = true;
	job->opt.errors = &job->report.errors;
	if (cx->globals->verbose) {
		job->opt.item = item;
		job->opt.arg = job;
	}
	rc = find_parent(job);
	if (rc == 0)
		rc = repo_load_index(job->s.repo, &cx->op, NULL, NULL);
	if (rc == 0)
		rc = adopt(job);
	if (rc == 0)
		rc = run_archive(job, &r);
	repo_report_stop(&job->report);
	if (rc == 0)
		rc = print_summary(job, &r);
	if (rc == 0 && job->item_failed < 0) {
		cx->op.err = job->item_op.err;
		rc = -1;
	}
	return repo_report_end(&job->report, rc);
}

static int backup_run(struct cmd_ctx *cx)
{
	struct job job = { .cx = cx,
			   .o = cx->opts,
			   .item_op = op_begin(cx->op.cancel),
			   .lock = PTHREAD_MUTEX_INITIALIZER };
	int rc = backup_sources(cx, job.o, &job.sources, &job.opt);

	if (rc == 0)
		rc = repo_begin(cx, &job.o->repo, REPO_SHARED, &job.s);
	if (rc == 0)
		rc = backup(&job);
	if (job.reported)
		repo_report_free(&job.report);
	repo_end(&job.s);
	backup_sources_free(&job.sources);
	op_end(&job.item_op);
	return rc;
}

static const struct cmd_example backup_examples[] = {
	{ "ferry backup -r /srv/backup ~", "save your home folder" },
	{ "ferry backup -r nas:backup --exclude '*.o' --tag work ~/src ~/doc",
	  "two folders, without object files" },
	{ "pg_dump shop | ferry backup -r nas:backup --stdin "
	  "--stdin-filename shop.sql",
	  "the output of a program" },
	{ 0 }
};

#define BACKUP_COMMAND                                                           \
	.args = "PATH...", .summary = "save files into a repository",            \
	.about =                                                                 \
		"Makes a snapshot of files and folders of this machine. Only "   \
		"what the repository\ndoes not have is stored: an unchanged "    \
		"file costs a look at it.\n\nBroken off at any point, the "      \
		"repository stays whole, and the next run uses what\nwas "       \
		"stored.\n\nExit status 3: a snapshot was made, but some files " \
		"could not be read.",                                            \
	.max_args = -1, .groups = backup_groups,                                 \
	.opts_size = sizeof(struct backup_opts), .defaults = &backup_defaults,   \
	.examples = backup_examples, .run = backup_run

const struct cmd cmd_backup = { .name = "backup", BACKUP_COMMAND };
const struct cmd cmd_repo_backup = { .name = "repo backup", BACKUP_COMMAND };
