/* ferry forget: remove snapshots, by name or by a policy. */

#include <inttypes.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/prune.h"
#include "cmd/repo_report.h"
#include "lib/clock.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "repo/each.h"
#include "repo/forget.h"

struct forget_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	struct prune_flags prune_flags;
	const char *last, *hourly, *daily, *weekly, *monthly, *yearly;
	const char *within, *within_hourly, *within_daily, *within_weekly,
		*within_monthly, *within_yearly;
	struct opt_list keep_tags;
	const char *group_by;
	bool remove_all, compact, dry_run, prune;
};

static const struct forget_opts forget_defaults = { .group_by = "host,paths" };

#define FORGET(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct forget_opts, field, help)

static const struct opt policy_flags[] = {
	FORGET(OPT_STR, 'l', "keep-last", "N", last,
	       "the last N snapshots (each N may be \"unlimited\")"),
	FORGET(OPT_STR, 'H', "keep-hourly", "N", hourly,
	       "the last one of each of the last N hours that have one"),
	FORGET(OPT_STR, 'd', "keep-daily", "N", daily, "of the last N days"),
	FORGET(OPT_STR, 'w', "keep-weekly", "N", weekly, "of the last N weeks"),
	FORGET(OPT_STR, 'm', "keep-monthly", "N", monthly,
	       "of the last N months"),
	FORGET(OPT_STR, 'y', "keep-yearly", "N", yearly, "of the last N years"),
	FORGET(OPT_STR, 0, "keep-within", "DURATION", within,
	       "all that are so much older than the last one, as in "
	       "\"1y5m7d2h\", or less"),
	FORGET(OPT_STR, 0, "keep-within-hourly", "DURATION", within_hourly,
	       "of these the last one of each hour"),
	FORGET(OPT_STR, 0, "keep-within-daily", "DURATION", within_daily,
	       "of each day"),
	FORGET(OPT_STR, 0, "keep-within-weekly", "DURATION", within_weekly,
	       "of each week"),
	FORGET(OPT_STR, 0, "keep-within-monthly", "DURATION", within_monthly,
	       "of each month"),
	FORGET(OPT_STR, 0, "keep-within-yearly", "DURATION", within_yearly,
	       "of each year"),
	FORGET(OPT_LIST, 0, "keep-tag", "TAG[,TAG...]", keep_tags,
	       "all with these tags; may come several times"),
	{ .type = OPT_END }
};

static const struct opt forget_flags[] = {
	FORGET(OPT_STR, 'g', "group-by", "WHAT", group_by,
	       "apply the policy to each group by itself: of host, paths, "
	       "tags, separated by commas (default host,paths)"),
	FORGET(OPT_BOOL, 0, "unsafe-allow-remove-all", NULL, remove_all,
	       "also if no snapshot of a group is left"),
	FORGET(OPT_BOOL, 0, "prune", NULL, prune,
	       "then remove the data that nothing needs any more"),
	FORGET(OPT_BOOL, 'n', "dry-run", NULL, dry_run,
	       "print what would be removed, remove nothing"),
	FORGET(OPT_BOOL, 'c', "compact", NULL, compact,
	       "without reasons and paths"),
	{ .type = OPT_END }
};

#define FILTER(name, arg, field, help) \
	OPT_AT(OPT_LIST, 0, name, arg, struct filter_flags, field, help)

/* As for other commands, but that -H is something else. */
static const struct opt filter_opts[] = {
	FILTER("host", "HOST", hosts,
	       "only snapshots of this host; may come several times "
	       "[$RESTIC_HOST]"),
	FILTER("path", "PATH", paths,
	       "only snapshots that have this path; of several, all"),
	FILTER("tag", "TAG[,TAG...]", tags,
	       "only snapshots with all these tags; may come several times"),
	{ .type = OPT_END }
};

static const struct opt_group forget_groups[] = {
	{ "What to keep", policy_flags, 0 },
	{ "Flags", forget_flags, 0 },
	{ "Which snapshots", filter_opts,
	  offsetof(struct forget_opts, filter) },
	PRUNE_GROUP(struct forget_opts, prune_flags),
	REPO_GROUP(struct forget_opts, repo),
	{ 0 }
};

struct forgetting {
	struct cmd_ctx *cx;
	const struct forget_opts *o;
	struct forget_policy policy;
	struct snapshot_filter filter;
	unsigned by;
	struct prune_opt prune;
	struct repo_session s;
	struct repo_report report;
	struct ids remove;
};

static int parse_count(const char *flag, const char *s, int *out, struct err *e)
{
	int64_t n = 0;

	if (s && strcmp(s, "unlimited") == 0)
		n = -1;
	else if (s && (!parse_int(s, &n) || n < 0 || n > INT32_MAX))
		return err_set(e, ERR_INVALID,
			       "--keep-%s: \"%s\" is not a number of 0 or "
			       "more, or unlimited",
			       flag, s);
	*out = (int)n;
	return 0;
}

static int parse_within(const char *flag, const char *s,
			struct forget_within *out, struct err *e)
{
	if (!s || forget_within_parse(s, out))
		return 0;
	return err_set(e, ERR_INVALID,
		       "--keep-within%s: \"%s\" is not like 1y5m7d2h", flag, s);
}

static int parse_policy(const struct forget_opts *o, struct arena *a,
			struct forget_policy *p, struct err *e)
{
	p->tags = strings_of(a, &o->keep_tags);
	if (parse_count("last", o->last, &p->last, e) < 0 ||
	    parse_count("hourly", o->hourly, &p->hourly, e) < 0 ||
	    parse_count("daily", o->daily, &p->daily, e) < 0 ||
	    parse_count("weekly", o->weekly, &p->weekly, e) < 0 ||
	    parse_count("monthly", o->monthly, &p->monthly, e) < 0 ||
	    parse_count("yearly", o->yearly, &p->yearly, e) < 0 ||
	    parse_within("", o->within, &p->within, e) < 0 ||
	    parse_within("-hourly", o->within_hourly, &p->within_hourly, e) <
		    0 ||
	    parse_within("-daily", o->within_daily, &p->within_daily, e) < 0 ||
	    parse_within("-weekly", o->within_weekly, &p->within_weekly, e) <
		    0 ||
	    parse_within("-monthly", o->within_monthly, &p->within_monthly, e) <
		    0 ||
	    parse_within("-yearly", o->within_yearly, &p->within_yearly, e) < 0)
		return -1;
	return 0;
}

/* What is asked for has to be clear before anything is opened. */
static int parse_flags(struct forgetting *f)
{
	const struct forget_opts *o = f->o;
	struct err *e = &f->cx->op.err;
	bool filtered, empty;

	if (parse_policy(o, &f->cx->op.arena, &f->policy, e) < 0 ||
	    snapshot_filter_of(f->cx, &o->filter, &f->filter) < 0 ||
	    prune_opt_of(&o->prune_flags, &o->repo, &f->prune, e) < 0)
		return -1;
	f->prune.dry_run = o->dry_run;
	if (!group_by_parse(o->group_by, &f->by))
		return err_set(e, ERR_INVALID,
			       "--group-by: \"%s\" is not host, paths or tags",
			       o->group_by);
	empty = forget_policy_empty(&f->policy);
	filtered = f->filter.hosts.n || f->filter.paths.n || f->filter.tags.n;
	if (f->cx->argc && !empty)
		return err_set(e, ERR_INVALID,
			       "snapshots and a policy: only one of them");
	if (f->cx->argc || !empty)
		return 0;
	if (!o->remove_all)
		return err_set(e, ERR_INVALID,
			       "what is to be kept? Without --keep-... "
			       "nothing is removed");
	if (!filtered)
		return err_set(e, ERR_INVALID,
			       "--unsafe-allow-remove-all without --keep-... "
			       "needs --host, --path or --tag");
	return 0;
}

static void add_joined(struct buf *b, const struct strings *l, const char *sep)
{
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(b, i ? sep : "");
		out_add_name(b, l->at[i]);
	}
}

static void add_row(struct buf *b, const struct snapshot *s,
		    const struct strings *why, bool compact)
{
	char brief[9];

	buf_addf(b, "%s  ", id_short(&s->id, brief));
	show_time(b, node_time_ns(s->time), 0);
	buf_addf(b, "  %-12s", s->hostname);
	if (s->tags.n) {
		buf_adds(b, "  [");
		add_joined(b, &s->tags, ",");
		buf_adds(b, "]");
	}
	if (!compact) {
		if (why->n) {
			buf_adds(b, "  (");
			add_joined(b, why, ", ");
			buf_adds(b, ")");
		}
		buf_adds(b, "  ");
		add_joined(b, &s->paths, ",");
	}
	buf_adds(b, "\n");
}

static void add_group_name(struct buf *b, const struct snapshot_group *g,
			   unsigned by)
{
	const char *sep = "snapshots of ";

	if (by & GROUP_HOST) {
		buf_addf(b, "%shost ", sep);
		out_add_name(b, g->host);
		sep = ", ";
	}
	if (by & GROUP_PATHS) {
		buf_addf(b, "%spaths ", sep);
		add_joined(b, &g->paths, ",");
		sep = ", ";
	}
	if (by & GROUP_TAGS) {
		buf_addf(b, "%stags ", sep);
		add_joined(b, &g->tags, ",");
	}
	buf_adds(b, by ? ":\n" : "");
}

static size_t count_kept(const struct forget_reason *r, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		kept += r[i].keep;
	return kept;
}

static void add_rows(struct buf *b, const struct forgetting *f,
		     const struct snapshots *v, const struct forget_reason *r,
		     bool kept)
{
	size_t n = count_kept(r, v->n);

	if (!kept)
		n = v->n - n;
	if (n == 0)
		return;
	buf_addf(b, "%s %zu snapshot%s:\n", kept ? "keep" : "remove", n,
		 n == 1 ? "" : "s");
	for (size_t i = 0; i < v->n; i++)
		if (r[i].keep == kept)
			add_row(b, &v->at[i], &r[i].matches, f->o->compact);
	buf_adds(b, "\n");
}

/* Go's null where there are none. */
static void add_list(struct buf *b, const struct strings *l)
{
	struct json j = JSON_INIT(b);

	if (l->n == 0) {
		buf_adds(b, "null");
		return;
	}
	json_array(&j, NULL);
	for (size_t i = 0; i < l->n; i++)
		json_text_valid(&j, NULL, l->at[i]);
	json_end(&j);
}

/* Newest first, as restic has it. */
static void add_snapshots_json(struct buf *b, const struct snapshots *v,
			       const struct forget_reason *r, bool kept)
{
	const char *sep = "[";

	for (size_t i = v->n; i-- > 0;) {
		if (r[i].keep != kept)
			continue;
		buf_adds(b, sep);
		snapshot_show(b, &v->at[i]);
		sep = ",";
	}
	buf_adds(b, *sep == ',' ? "]" : "null");
}

static void add_reasons_json(struct buf *b, const struct snapshots *v,
			     const struct forget_reason *r)
{
	const char *sep = "[";

	for (size_t i = v->n; i-- > 0;) {
		if (!r[i].keep)
			continue;
		buf_addf(b, "%s{\"snapshot\":", sep);
		snapshot_show(b, &v->at[i]);
		buf_adds(b, ",\"matches\":");
		add_list(b, &r[i].matches);
		buf_adds(b, "}");
		sep = ",";
	}
	buf_adds(b, *sep == ',' ? "]" : "null");
}

static void add_group_json(struct buf *b, const struct snapshot_group *g,
			   const struct forget_reason *r)
{
	buf_adds(b, "{\"tags\":");
	add_list(b, &g->tags);
	buf_adds(b, ",\"host\":");
	json_go_string(b, g->host, strlen(g->host));
	buf_adds(b, ",\"paths\":");
	add_list(b, &g->paths);
	buf_adds(b, ",\"keep\":");
	add_snapshots_json(b, &g->snapshots, r, true);
	buf_adds(b, ",\"remove\":");
	add_snapshots_json(b, &g->snapshots, r, false);
	buf_adds(b, ",\"reasons\":");
	add_reasons_json(b, &g->snapshots, r);
	buf_adds(b, "}");
}

static int apply(struct forgetting *f, const struct snapshot_group *g,
		 struct buf *b)
{
	struct arena *a = &f->cx->op.arena;
	const struct snapshots *v = &g->snapshots;
	struct forget_reason *r = arena_alloc(a, v->n * sizeof(*r));

	if (!forget_policy_empty(&f->policy))
		forget_apply(a, v->at, v->n, &f->policy, clock_wall(), r);
	for (size_t i = 0; i < v->n; i++)
		if (!r[i].keep)
			*ids_add(&f->remove) = v->at[i].id;
	if (f->cx->globals->json) {
		buf_adds(b, b->len ? "," : "[");
		add_group_json(b, g, r);
	} else {
		add_group_name(b, g, f->by);
		add_rows(b, f, v, r, true);
		add_rows(b, f, v, r, false);
	}
	if (count_kept(r, v->n) || f->o->remove_all)
		return 0;
	return err_set(&f->cx->op.err, ERR_LIMIT,
		       "no snapshot of host \"%s\" with paths \"%s\"%s would "
		       "be left: nothing was removed "
		       "(--unsafe-allow-remove-all if that is meant)",
		       v->at[0].hostname,
		       v->at[0].paths.n ? v->at[0].paths.at[0] : "",
		       v->at[0].paths.n > 1 ? " and others" : "");
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	struct forgetting *f = arg;
	char hex[ID_HEX + 1];

	f->report.errors.tell(&f->report.errors, op, id_hex(id, hex), "load");
	return 0;
}

static void add_policy(struct buf *b, const struct forgetting *f)
{
	if (f->cx->globals->json || forget_policy_empty(&f->policy))
		return;
	buf_adds(b, "Applying Policy: ");
	forget_policy_show(b, &f->policy);
	buf_adds(b, "\n");
}

static int by_policy(struct forgetting *f)
{
	struct cmd_ctx *cx = f->cx;
	struct snapshot_group_list groups = { 0 };
	struct snapshots v = { 0 };
	struct buf b = BUF_INIT;
	int rc = snapshots_load(f->s.repo, &cx->op, &cx->op.arena, &f->filter,
				bad_snapshot, f, &v);

	add_policy(&b, f);
	if (rc == 0)
		snapshots_group(&cx->op.arena, &v, f->by, &groups);
	for (size_t i = 0; rc == 0 && i < groups.n; i++)
		rc = apply(f, &groups.at[i], &b);
	if (rc == 0 && cx->globals->json)
		buf_adds(&b, groups.n ? "]\n" : "[]\n");
	if (rc == 0 && (cx->globals->json || !cx->globals->quiet))
		rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	snapshot_groups_free(&groups);
	snapshots_free(&v);
	return rc;
}

/* As with restic, one that is not there is no failure: it is gone. */
static int by_name(struct forgetting *f)
{
	struct cmd_ctx *cx = f->cx;

	for (int i = 0; i < cx->argc; i++) {
		struct snapshot s;
		const char *path;
		bool twice = false;

		if (snapshot_find(f->s.repo, &cx->op, &cx->op.arena, &f->filter,
				  cx->argv[i], &s, &path) < 0) {
			if (cx->op.err.kind != ERR_NOT_FOUND)
				return -1;
			log_notice(NULL, "ignored: %s", cx->op.err.msg);
			err_clear(&cx->op.err);
			continue;
		}
		if (*path)
			return err_set(&cx->op.err, ERR_INVALID,
				       "\"%s\": a part of a snapshot cannot be "
				       "forgotten",
				       cx->argv[i]);
		for (size_t k = 0; k < f->remove.n; k++)
			twice = twice || id_equal(&f->remove.at[k], &s.id);
		if (!twice)
			*ids_add(&f->remove) = s.id;
	}
	return 0;
}

static int print_removed(struct forgetting *f)
{
	bool dry = f->o->dry_run, prune = f->o->prune && f->remove.n;
	struct buf b = BUF_INIT;
	char brief[9];
	int rc;

	if (f->cx->globals->json || f->cx->globals->quiet)
		return 0;
	for (size_t i = 0; f->cx->argc && i < f->remove.n; i++)
		buf_addf(&b, "%s snapshot %s\n",
			 dry ? "would remove" : "removed",
			 id_short(&f->remove.at[i], brief));
	buf_addf(&b, "%zu snapshot%s %s%s\n", f->remove.n,
		 f->remove.n == 1 ? "" : "s",
		 dry ? "would be removed" : "removed",
		 prune ? ", running prune" : "");
	rc = out_write(&f->cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int forget(struct forgetting *f)
{
	struct op *op = &f->cx->op;
	const struct ids *ids = &f->remove;

	if ((f->cx->argc ? by_name(f) : by_policy(f)) < 0)
		return -1;
	if (!f->o->dry_run && files_remove(f->s.repo, op, FILE_SNAPSHOT,
					   ids->at, ids->n, f->s.lock) < 0)
		return -1;
	return print_removed(f);
}

static int forget_run(struct cmd_ctx *cx)
{
	struct forgetting f = { .cx = cx, .o = cx->opts };
	bool no_lock = f.o->dry_run && f.o->repo.no_lock;
	int rc;

	if (parse_flags(&f) < 0)
		return -1;
	repo_report_begin(&f.report, cx, true);
	rc = repo_begin(cx, &f.o->repo, no_lock ? REPO_NO_LOCK : REPO_EXCLUSIVE,
			&f.s);
	if (rc == 0)
		rc = forget(&f);
	repo_report_stop(&f.report);
	rc = repo_report_end(&f.report, rc);
	if (rc == 0 && f.o->prune && f.remove.n)
		rc = prune_and_print(cx, &f.s, &f.prune, f.remove.at,
				     f.remove.n);
	repo_report_free(&f.report);
	repo_end(&f.s);
	ids_free(&f.remove);
	return rc;
}

static const struct cmd_example forget_examples[] = {
	{ "ferry forget -r nas:backup --keep-daily 7 --keep-weekly 5 "
	  "--keep-monthly 12 --prune",
	  "thin out old snapshots, and make room" },
	{ "ferry forget -r nas:backup --dry-run --keep-within 1m",
	  "see what keeping a month would remove" },
	{ "ferry forget -r nas:backup 79766175", "remove one snapshot" },
	{ 0 }
};

#define FORGET_COMMAND                                                         \
	.args = "[SNAPSHOT]...", .summary = "remove snapshots",                \
	.about =                                                               \
		"By name, or all that the --keep- flags do not keep: one of "  \
		"these is enough to keep a\nsnapshot. Hours, days, weeks and " \
		"so on count only if they have a snapshot, and of\neach the "  \
		"last is kept; as long as a count is not used up, the oldest " \
		"snapshot, too.\n\nOnly the snapshots go: ferry prune (or "    \
		"--prune) removes the data that only they\nneeded. A policy "  \
		"that would leave no snapshot of a group is refused.",         \
	.max_args = -1, .groups = forget_groups,                               \
	.opts_size = sizeof(struct forget_opts), .defaults = &forget_defaults, \
	.examples = forget_examples, .run = forget_run

const struct cmd cmd_forget = { .name = "forget", FORGET_COMMAND };
const struct cmd cmd_repo_forget = { .name = "repo forget", FORGET_COMMAND };
