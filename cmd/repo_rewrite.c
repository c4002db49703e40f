/* ferry repo rewrite: snapshots without what should not be in them. */

#include "cmd/repo_rewrite.h"

#include <inttypes.h>

#include "cmd/backup.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_report.h"
#include "lib/parse.h"

struct rewrite_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	struct opt_list patterns;
	const char *new_host, *new_time;
	bool forget, dry_run, summary;
};

static const struct rewrite_opts rewrite_defaults = { 0 };

#define REWRITE(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct rewrite_opts, field, help)

static const struct opt rewrite_flags[] = {
	REWRITE(OPT_LIST, 'e', "exclude", "PATTERN", patterns,
		"leave out what matches; may come several times"),
	REWRITE(OPT_LIST, 0, "iexclude", "PATTERN", patterns,
		"the same, ignoring case"),
	REWRITE(OPT_LIST, 0, "exclude-file", "FILE", patterns,
		"patterns from a file, one a line"),
	REWRITE(OPT_LIST, 0, "iexclude-file", "FILE", patterns,
		"the same, ignoring case"),
	REWRITE(OPT_STR, 0, "new-host", "HOST", new_host, "another host name"),
	REWRITE(OPT_STR, 0, "new-time", "TIME", new_time, "another time"),
	REWRITE(OPT_BOOL, 's', "snapshot-summary", NULL, summary,
		"count files and bytes where a snapshot does not say them"),
	REWRITE(OPT_BOOL, 0, "forget", NULL, forget,
		"remove the old snapshots once the new ones are there"),
	REWRITE(OPT_BOOL, 'n', "dry-run", NULL, dry_run,
		"print what would change, change nothing"),
	{ .type = OPT_END }
};

static const struct opt_group rewrite_groups[] = {
	{ "Flags", rewrite_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct rewrite_opts, filter),
	REPO_GROUP(struct rewrite_opts, repo),
	{ 0 }
};

/* What is printed, and whether that failed. */
struct printing {
	struct cmd_ctx *cx;
	struct op op; /* the work's own is in use */
	const struct rewrite_opt *opt;
	const struct snapshot *shown; /* whose line was printed */
	int rc;
};

static void add_title(struct buf *b, const struct snapshot *s)
{
	char brief[9];

	buf_addf(b, "snapshot %s of ", id_short(&s->id, brief));
	for (size_t i = 0; i < s->paths.n; i++) {
		buf_adds(b, i ? ", " : "");
		out_add_name(b, s->paths.at[i]);
	}
	buf_adds(b, " at ");
	show_time(b, node_time_ns(s->time), 0);
	buf_adds(b, " by ");
	out_add_name(b, s->username);
	buf_adds(b, "@");
	out_add_name(b, s->hostname);
	buf_adds(b, "\n");
}

static void add_news(struct buf *b, const struct rewrite_opt *o,
		     const struct rewrite_news *n)
{
	char brief[9];

	switch (n->event) {
	case REWRITE_ITEM:
		buf_adds(b, "  ");
		out_add_name(b, n->path);
		buf_addf(b, ": %s\n", n->text);
		break;
	case REWRITE_SAVED:
		if (n->id)
			buf_addf(b, "saved as %s\n", id_short(n->id, brief));
		else
			buf_adds(b, "would be saved anew\n");
		break;
	case REWRITE_REMOVED:
		buf_addf(b, "%s %s\n", o->dry_run ? "would remove" : "removing",
			 id_short(&n->old->id, brief));
		break;
	case REWRITE_LOST: buf_adds(b, "nothing of it can be read\n"); break;
	case REWRITE_BEGIN:
	case REWRITE_SAME: break;
	}
}

static void print_news(void *arg, const struct rewrite_news *n)
{
	struct printing *p = arg;
	struct buf b = BUF_INIT;

	add_news(&b, p->opt, n);
	if (b.len && p->rc == 0 && !p->cx->globals->quiet) {
		struct buf title = BUF_INIT;

		if (p->shown != n->old)
			add_title(&title, n->old);
		p->shown = n->old;
		buf_add(&title, b.data, b.len);
		p->rc = out_write(&p->op, title.data, title.len);
		buf_free(&title);
	}
	buf_free(&b);
}

/* Those that are named, else those that the filter leaves. */
static int load(struct cmd_ctx *cx, struct repo_session *s,
		const struct filter_flags *filter, struct snapshots *out)
{
	struct op *op = &cx->op;
	struct snapshot_filter f;

	if (snapshot_filter_of(cx, filter, &f) < 0)
		return -1;
	if (cx->argc == 0)
		return snapshots_load(s->repo, op, &op->arena, &f, NULL, NULL,
				      out);
	for (int i = 0; i < cx->argc; i++) {
		struct snapshot snap;
		const char *path;
		bool twice = false;

		if (snapshot_find(s->repo, op, &op->arena, &f, cx->argv[i],
				  &snap, &path) < 0)
			return -1;
		for (size_t k = 0; k < out->n; k++)
			twice = twice || id_equal(&out->at[k].id, &snap.id);
		if (!twice)
			*snapshots_add(out) = snap;
	}
	return 0;
}

static int print_sum(struct cmd_ctx *cx, const struct rewrite_opt *opt,
		     const struct rewrite_result *r)
{
	const char *would = opt->dry_run ? "would be " : "";
	uint64_t n = r->changed + r->lost;

	if (n == 0)
		return out_str(&cx->op, "no snapshots were modified\n");
	return out_printf(&cx->op, "%" PRIu64 " snapshot%s %smodified\n",
			  r->changed, r->changed == 1 ? "" : "s", would);
}

int rewrite_command(struct cmd_ctx *cx, const struct repo_flags *repo,
		    const struct filter_flags *filter, struct rewrite_opt *opt)
{
	struct printing p = { .cx = cx,
			      .op = op_begin(cx->op.cancel),
			      .opt = opt };
	struct rewrite_result result;
	struct snapshots v = { 0 };
	struct repo_session s;
	int rc;

	opt->tell = print_news;
	opt->arg = &p;
	rc = repo_begin(cx, repo,
			opt->forget && !opt->dry_run ? REPO_EXCLUSIVE
						     : REPO_SHARED,
			&s);
	if (rc == 0)
		rc = load(cx, &s, filter, &v);
	if (rc == 0)
		rc = repo_load_index(s.repo, &cx->op, NULL, NULL);
	if (rc == 0)
		rc = rewrite_snapshots(s.repo, &cx->op, s.lock, &v, opt,
				       &result);
	if (rc == 0 && p.rc < 0) {
		cx->op.err = p.op.err;
		rc = -1;
	}
	if (rc == 0)
		rc = print_sum(cx, opt, &result);
	snapshots_free(&v);
	repo_end(&s);
	op_end(&p.op);
	return rc;
}

static int rewrite_run(struct cmd_ctx *cx)
{
	const struct rewrite_opts *o = cx->opts;
	struct rewrite_opt opt = {
		.summary = o->summary,
		.forget = o->forget,
		.tag = "rewrite",
		.new_host = o->new_host,
		.dry_run = o->dry_run,
	};
	struct patterns *exclude = NULL;
	struct node_time time;
	int rc = 0;

	if (!o->patterns.n && !o->new_host && !o->new_time && !o->summary)
		return err_set(&cx->op.err, ERR_INVALID,
			       "nothing to do: give --exclude, --new-host, "
			       "--new-time or the like");
	if (o->new_time) {
		rc = repo_parse_time(o->new_time, &time, &cx->op.err);
		opt.new_time = &time;
	}
	if (rc == 0 && o->patterns.n) {
		rc = repo_patterns(cx, &o->patterns, &exclude);
		opt.exclude = exclude;
	}
	if (rc == 0)
		rc = rewrite_command(cx, &o->repo, &o->filter, &opt);
	patterns_free(exclude);
	return rc;
}

static const struct cmd_example rewrite_examples[] = {
	{ "ferry repo rewrite --exclude '*.iso' --dry-run",
	  "what would go from all snapshots" },
	{ "ferry repo rewrite --forget --exclude /home/me/secret latest",
	  "take something out of the last snapshot; then prune" },
	{ 0 }
};

const struct cmd cmd_repo_rewrite = {
	.name = "repo rewrite",
	.args = "[SNAPSHOT]...",
	.summary = "take files out of snapshots",
	.about = "Makes new snapshots, with the tag \"rewrite\" and the "
		 "\"original\" that they come from.\nWith --forget these are "
		 "removed, and there is no tag.  What is in no snapshot any\n"
		 "more goes with the next prune.",
	.max_args = -1,
	.groups = rewrite_groups,
	.opts_size = sizeof(struct rewrite_opts),
	.defaults = &rewrite_defaults,
	.examples = rewrite_examples,
	.run = rewrite_run,
};
