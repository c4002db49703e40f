/* ferry repo diff: what has changed between two snapshots. */

#include "repo/diff.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_query.h"
#include "lib/parse.h"

struct diff_opts {
	struct repo_flags repo;
	bool metadata;
};

static const struct diff_opts diff_defaults = { 0 };

static const struct opt diff_flags[] = {
	OPT_AT(OPT_BOOL, 0, "metadata", NULL, struct diff_opts, metadata,
	       "also what differs only in mode, owner, times and the like"),
	{ .type = OPT_END }
};

static const struct opt_group diff_groups[] = {
	{ "Flags", diff_flags, 0 }, REPO_GROUP(struct diff_opts, repo), { 0 }
};

static int show_change(void *arg, struct op *op, const char *marks,
		       const char *path)
{
	const struct cmd_ctx *cx = arg;
	struct buf b = BUF_INIT;
	int rc;

	if (cx->globals->quiet)
		return 0;
	if (cx->globals->json) {
		struct json j = JSON_INIT(&b);

		json_object(&j, NULL);
		json_str(&j, "message_type", "change");
		json_path(&j, "path", path);
		json_str(&j, "modifier", marks);
		json_end(&j);
	} else {
		buf_addf(&b, "%-5s", marks);
		out_add_name(&b, path);
	}
	buf_adds(&b, "\n");
	rc = out_write(op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static void add_side(struct json *j, const char *key, const struct diff_side *s)
{
	json_object(j, key);
	json_int(j, "files", (int64_t)s->files);
	json_int(j, "dirs", (int64_t)s->dirs);
	json_int(j, "others", (int64_t)s->others);
	json_int(j, "data_blobs", (int64_t)s->data_blobs);
	json_int(j, "tree_blobs", (int64_t)s->tree_blobs);
	json_int(j, "bytes", (int64_t)s->bytes);
	json_end(j);
}

static void add_json(struct buf *b, const struct cmd_ctx *cx,
		     const struct diff_result *r)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "message_type", "statistics");
	json_str(&j, "source_snapshot", cx->argv[0]);
	json_str(&j, "target_snapshot", cx->argv[1]);
	json_int(&j, "changed_files", (int64_t)r->changed);
	add_side(&j, "added", &r->added);
	add_side(&j, "removed", &r->removed);
	json_end(&j);
	buf_adds(b, "\n");
}

static void add_text(struct buf *b, const struct diff_result *r)
{
	const struct diff_side *to = &r->added, *from = &r->removed;

	buf_addf(b,
		 "\nFiles:       %5" PRIu64 " new, %5" PRIu64
		 " removed, %5" PRIu64 " changed\n",
		 to->files, from->files, r->changed);
	buf_addf(b, "Dirs:        %5" PRIu64 " new, %5" PRIu64 " removed\n",
		 to->dirs, from->dirs);
	buf_addf(b, "Others:      %5" PRIu64 " new, %5" PRIu64 " removed\n",
		 to->others, from->others);
	buf_addf(b, "Data Blobs:  %5" PRIu64 " new, %5" PRIu64 " removed\n",
		 to->data_blobs, from->data_blobs);
	buf_addf(b, "Tree Blobs:  %5" PRIu64 " new, %5" PRIu64 " removed\n",
		 to->tree_blobs, from->tree_blobs);
	buf_adds(b, "  Added:   ");
	show_size(b, (int64_t)to->bytes);
	buf_adds(b, "\n  Removed: ");
	show_size(b, (int64_t)from->bytes);
	buf_adds(b, "\n");
}

static int compare(struct query *q)
{
	static const struct filter_flags everything;
	struct cmd_ctx *cx = q->cx;
	const struct diff_opts *o = cx->opts;
	const struct diff_opt opt = { .metadata = o->metadata,
				      .errors = &q->report.errors,
				      .change = show_change,
				      .arg = cx };
	struct snapshot from, to;
	struct id from_tree, to_tree;
	const char *from_path, *to_path;
	struct diff_result r;
	struct buf b = BUF_INIT;
	char brief[2][9];
	int rc;

	if (query_snapshot(q, &everything, cx->argv[0], &from, &from_path) <
		    0 ||
	    query_snapshot(q, &everything, cx->argv[1], &to, &to_path) < 0 ||
	    query_index(q) < 0 ||
	    query_folder(q, &from, from_path, &from_tree) < 0 ||
	    query_folder(q, &to, to_path, &to_tree) < 0)
		return -1;
	if (!cx->globals->json && !cx->globals->quiet &&
	    out_printf(&cx->op, "comparing snapshot %s to %s:\n\n",
		       id_short(&from.id, brief[0]),
		       id_short(&to.id, brief[1])) < 0)
		return -1;
	if (diff_run(q->s.repo, &cx->op, &from_tree, &to_tree, &opt, &r) < 0)
		return -1;
	if (cx->globals->json)
		add_json(&b, cx, &r);
	else
		add_text(&b, &r);
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int diff_run_command(struct cmd_ctx *cx)
{
	const struct diff_opts *o = cx->opts;
	struct query q;
	int rc = query_begin(&q, cx, &o->repo);

	if (rc == 0)
		rc = compare(&q);
	return query_end(&q, rc);
}

static const struct cmd_example diff_examples[] = {
	{ "ferry repo diff -r /srv/backup latest~1 latest",
	  "what the last backup has seen change" },
	{ "ferry repo diff -r nas:backup 1a2b3c4d:/home/me latest:/home/me",
	  "one folder" },
	{ 0 }
};

const struct cmd cmd_repo_diff = {
	.name = "repo diff",
	.args = "SNAPSHOT[:PATH] SNAPSHOT[:PATH]",
	.summary = "show what differs between two snapshots",
	.about = "Before each path: + new, - removed, M other content, T "
		 "another type, U other\nmetadata (--metadata), ? other "
		 "content though nothing else says so: the file may\nhave "
		 "decayed on its disk.",
	.min_args = 2,
	.max_args = 2,
	.groups = diff_groups,
	.opts_size = sizeof(struct diff_opts),
	.defaults = &diff_defaults,
	.examples = diff_examples,
	.run = diff_run_command,
};
