/* ferry snapshots: what there is in a repository. */

#include <inttypes.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "lib/json_write.h"
#include "lib/parse.h"
#include "repo/forget.h"

struct snapshots_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	const char *group_by;
	bool compact;
	int64_t latest;
};

static const struct snapshots_opts snapshots_defaults = { 0 };

#define SNAP(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct snapshots_opts, field, help)

static const struct opt snapshots_flags[] = {
	SNAP(OPT_INT, 0, "latest", "N", latest,
	     "only the last N of each host and paths"),
	SNAP(OPT_STR, 'g', "group-by", "WHAT", group_by,
	     "in groups: host, paths, tags, separated by commas"),
	SNAP(OPT_BOOL, 'c', "compact", NULL, compact, "without paths and tags"),
	{ .type = OPT_END }
};

static const struct opt_group snapshots_groups[] = {
	{ "Flags", snapshots_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct snapshots_opts, filter),
	REPO_GROUP(struct snapshots_opts, repo),
	{ 0 }
};

static void add_joined(struct buf *b, const struct strings *l)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(b, i ? "," : "");
		out_add_name(b, l->at[i]);
	}
}

static void add_row(struct buf *b, const struct snapshot *s, bool compact)
{
	char brief[9];

	buf_addf(b, "%s  ", id_short(&s->id, brief));
	show_time(b, node_time_ns(s->time), 0);
	buf_addf(b, "  %-12s", s->hostname);
	if (!compact) {
		buf_adds(b, "  ");
		if (s->tags.n)
			buf_adds(b, "[");
		add_joined(b, &s->tags);
		buf_adds(b, s->tags.n ? "]  " : "");
		add_joined(b, &s->paths);
		if (s->summary) {
			buf_adds(b, "  ");
			show_size(b,
				  (int64_t)s->summary->total_bytes_processed);
		}
	}
	buf_adds(b, "\n");
}

static int print_json(struct cmd_ctx *cx, const struct snapshots *v)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_adds(&b, "[");
	for (size_t i = 0; i < v->n; i++) {
		buf_adds(&b, i ? "," : "");
		snapshot_show(&b, &v->at[i]);
	}
	buf_adds(&b, "]\n");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int print_rows(struct cmd_ctx *cx, const struct snapshots *v)
{
	const struct snapshots_opts *o = cx->opts;
	struct buf b = BUF_INIT;
	int rc;

	for (size_t i = 0; i < v->n; i++)
		add_row(&b, &v->at[i], o->compact);
	buf_addf(&b, "%zu snapshot%s\n", v->n, v->n == 1 ? "" : "s");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static void add_group_name(struct buf *b, const struct snapshot_group *g,
			   unsigned by)
{
	if (by & GROUP_HOST) {
		buf_adds(b, "host ");
		out_add_name(b, g->host);
	}
	if (by & GROUP_PATHS) {
		buf_adds(b, b->len ? ", paths " : "paths ");
		add_joined(b, &g->paths);
	}
	if (by & GROUP_TAGS) {
		buf_adds(b, b->len ? ", tags " : "tags ");
		add_joined(b, &g->tags);
	}
	buf_adds(b, ":\n");
}

static void add_list(struct json *j, const char *key, const struct strings *l)
{
	json_array(j, key);
	for (size_t i = 0; i < l->n; i++)
		json_text_valid(j, NULL, l->at[i]);
	json_end(j);
}

/* {"group_key":{"hostname":..,"paths":..,"tags":..},"snapshots":[..]} */
static void add_group_json(struct buf *b, const struct snapshot_group *g)
{
	struct json j = JSON_INIT(b);

	buf_adds(b, "{\"group_key\":");
	json_object(&j, NULL);
	json_text_valid(&j, "hostname", g->host);
	add_list(&j, "paths", &g->paths);
	add_list(&j, "tags", &g->tags);
	json_end(&j);
	buf_adds(b, ",\"snapshots\":[");
	for (size_t i = 0; i < g->snapshots.n; i++) {
		buf_adds(b, i ? "," : "");
		snapshot_show(b, &g->snapshots.at[i]);
	}
	buf_adds(b, "]}");
}

static int print_groups(struct cmd_ctx *cx, const struct snapshots *v,
			unsigned by)
{
	const struct snapshots_opts *o = cx->opts;
	struct snapshot_group_list groups = { 0 };
	struct buf b = BUF_INIT, name = BUF_INIT;
	bool json = cx->globals->json;
	int rc;

	snapshots_group(&cx->op.arena, v, by, &groups);
	buf_adds(&b, json ? "[" : "");
	for (size_t i = 0; i < groups.n; i++) {
		const struct snapshot_group *g = &groups.at[i];

		if (json) {
			buf_adds(&b, i ? "," : "");
			add_group_json(&b, g);
			continue;
		}
		buf_reset(&name);
		add_group_name(&name, g, by);
		buf_adds(&b, i ? "\n" : "");
		buf_add(&b, name.data, name.len);
		for (size_t k = 0; k < g->snapshots.n; k++)
			add_row(&b, &g->snapshots.at[k], o->compact);
	}
	buf_adds(&b, json ? "]\n" : "");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&name);
	buf_free(&b);
	snapshot_groups_free(&groups);
	return rc;
}

/* Of each host and paths only the last ones; `v` stays sorted by time. */
static void keep_latest(struct cmd_ctx *cx, struct snapshots *v, int64_t last)
{
	struct snapshot_group_list groups = { 0 };
	size_t n = 0;

	snapshots_group(&cx->op.arena, v, GROUP_HOST | GROUP_PATHS, &groups);
	for (size_t i = 0; i < v->n; i++) {
		for (size_t g = 0; g < groups.n; g++) {
			const struct snapshots *s = &groups.at[g].snapshots;
			size_t from =
				s->n > (size_t)last ? s->n - (size_t)last : 0;

			for (size_t k = from; k < s->n; k++)
				if (id_equal(&s->at[k].id, &v->at[i].id))
					v->at[n++] = v->at[i];
		}
	}
	v->n = n;
	snapshot_groups_free(&groups);
}

/* The snapshots whose ids are the arguments. */
static int load_named(struct cmd_ctx *cx, struct repo_session *s,
		      const struct snapshot_filter *f, struct snapshots *out)
{
	for (int i = 0; i < cx->argc; i++) {
		const char *path;

		if (snapshot_find(s->repo, &cx->op, &cx->op.arena, f,
				  cx->argv[i], snapshots_add(out), &path) < 0)
			return -1;
	}
	return 0;
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	struct repo_report *r = arg;
	char hex[ID_HEX + 1];

	r->errors.tell(&r->errors, op, id_hex(id, hex), "load");
	return 0;
}

static int show_all(struct cmd_ctx *cx, struct repo_session *s,
		    struct repo_report *report, unsigned by)
{
	const struct snapshots_opts *o = cx->opts;
	struct snapshot_filter filter;
	struct snapshots v = { 0 };
	int rc = snapshot_filter_of(cx, &o->filter, &filter);

	if (rc == 0 && cx->argc)
		rc = load_named(cx, s, &filter, &v);
	else if (rc == 0)
		rc = snapshots_load(s->repo, &cx->op, &cx->op.arena, &filter,
				    bad_snapshot, report, &v);
	if (rc == 0 && o->latest)
		keep_latest(cx, &v, o->latest);
	if (rc == 0 && o->group_by)
		rc = print_groups(cx, &v, by);
	else if (rc == 0 && cx->globals->json)
		rc = print_json(cx, &v);
	else if (rc == 0)
		rc = print_rows(cx, &v);
	snapshots_free(&v);
	return rc;
}

static int snapshots_run(struct cmd_ctx *cx)
{
	const struct snapshots_opts *o = cx->opts;
	struct repo_report report;
	struct repo_session s;
	unsigned by = 0;
	int rc;

	if (o->latest < 0)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--latest: a number above 0");
	if (o->group_by && !group_by_parse(o->group_by, &by))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--group-by: \"%s\" is not host, paths or tags",
			       o->group_by);
	repo_report_begin(&report, cx, true);
	rc = repo_begin(cx, &o->repo, REPO_SHARED, &s);
	if (rc == 0)
		rc = show_all(cx, &s, &report, by);
	repo_end(&s);
	repo_report_stop(&report);
	rc = repo_report_end(&report, rc);
	repo_report_free(&report);
	return rc;
}

static const struct cmd_example snapshots_examples[] = {
	{ "ferry snapshots -r /srv/backup", "all, the newest last" },
	{ "ferry snapshots -r nas:backup --host laptop --latest 3",
	  "the last three of one machine" },
	{ 0 }
};

#define SNAPSHOTS_COMMAND                                                     \
	.args = "[SNAPSHOT]...", .summary = "list a repository's snapshots",  \
	.about = "The newest is the last. With --json as restic shows them.", \
	.max_args = -1, .groups = snapshots_groups,                           \
	.opts_size = sizeof(struct snapshots_opts),                           \
	.defaults = &snapshots_defaults, .examples = snapshots_examples,      \
	.run = snapshots_run

const struct cmd cmd_snapshots = { .name = "snapshots", SNAPSHOTS_COMMAND };
const struct cmd cmd_repo_snapshots = { .name = "repo snapshots",
					SNAPSHOTS_COMMAND };
