/* ferry check SOURCE DEST: compare two trees, change nothing. */

#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#include "cmd/events.h"
#include "cmd/filter_opts.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/progress.h"
#include "cmd/text.h"
#include "lib/clock.h"
#include "lib/parse.h"
#include "sync/check.h"

enum { CHECKERS_MAX = 1024 };

struct check_flags {
	bool one_way, size_only, download, checksum, metadata;
	bool one_file_system, copy_links;
	int64_t checkers;
	const char *combined, *match, *differ, *error;
	const char *missing_on_src, *missing_on_dst;
	struct filter_opts filter;
};

static const struct check_flags defaults = { .filter = FILTER_OPTS_INIT };

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct check_flags, field, help)

static const struct opt flags[] = {
	FLAG(OPT_BOOL, 0, "one-way", NULL, one_way,
	     "what only DEST has is no difference"),
	FLAG(OPT_BOOL, 0, "size-only", NULL, size_only,
	     "compare sizes, do not read contents"),
	FLAG(OPT_BOOL, 0, "download", NULL, download,
	     "compare all bytes, even where both sides know a hash"),
	FLAG(OPT_BOOL, 'M', "metadata", NULL, metadata,
	     "compare mode, owner, time, attributes and link targets, too"),
	FLAG(OPT_BOOL, 'L', "copy-links", NULL, copy_links,
	     "compare what a symbolic link names, not the link"),
	FLAG(OPT_BOOL, 'x', "one-file-system", NULL, one_file_system,
	     "do not cross into other file systems"),
	FLAG(OPT_INT, 0, "checkers", "N", checkers,
	     "files compared at once (default: as fits the machine)"),
	{ .type = OPT_BOOL,
	  .letter = 'c',
	  .name = "checksum",
	  .help = "always so",
	  .at = offsetof(struct check_flags, checksum),
	  .hidden = true },
	{ .type = OPT_END }
};

static const struct opt report_flags[] = {
	FLAG(OPT_STR, 0, "combined", "FILE", combined,
	     "write all names with a sign in front of each: = same, * "
	     "differs, + only in SOURCE, - only in DEST, ! error"),
	FLAG(OPT_STR, 0, "match", "FILE", match, "write names of equal files"),
	FLAG(OPT_STR, 0, "differ", "FILE", differ,
	     "write names of files that differ"),
	FLAG(OPT_STR, 0, "missing-on-dst", "FILE", missing_on_dst,
	     "write names that only SOURCE has"),
	FLAG(OPT_STR, 0, "missing-on-src", "FILE", missing_on_src,
	     "write names that only DEST has"),
	FLAG(OPT_STR, 0, "error", "FILE", error,
	     "write names of what could not be read"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Lists of names (FILE may be - for standard output)", report_flags,
	  0 },
	{ "Filter flags", filter_flags, offsetof(struct check_flags, filter) },
	{ NULL, NULL, 0 }
};

/* clang-format off */
static const struct {
	const char *said;  /* "path: missing at the destination" */
	const char *count; /* "3 only in SOURCE" */
	const char *json;
} results[CHECK_RESULTS] = {
	[CHECK_SAME]           = { "the same",           "the same",       "same" },
	[CHECK_DIFFERS]        = { "differs",            "different",      "differs" },
	[CHECK_MISSING_ON_DST] = { "missing in DEST",    "only in SOURCE", "missing_on_destination" },
	[CHECK_MISSING_ON_SRC] = { "missing in SOURCE",  "only in DEST",   "missing_on_source" },
	[CHECK_ERROR]          = { "could not be read",  "not compared",   "errors" },
};
/* clang-format on */

/* Where the names of one kind of result go. */
struct names {
	const char *flag, *path; /* path NULL: nowhere */
	FILE *file;              /* NULL: standard output */
};

enum { NAMES_COMBINED = CHECK_RESULTS, NAMES_ALL };

struct check {
	struct cmd_ctx *cx;
	const struct check_flags *flags;
	struct check_opts opts;
	struct filter *filter;
	struct backend *src, *dst;
	const char *file; /* the source is this one; NULL: a folder */
	struct names names[NAMES_ALL];
	bool plain; /* differences are told on standard output */
	struct check_stats stats;
	struct op out; /* for results, of whichever thread */
	int64_t started;
};

static int names_open(struct check *c)
{
	const struct check_flags *f = c->flags;
	const struct names names[NAMES_ALL] = {
		[CHECK_SAME] = { "match", f->match, NULL },
		[CHECK_DIFFERS] = { "differ", f->differ, NULL },
		[CHECK_MISSING_ON_DST] = { "missing-on-dst", f->missing_on_dst,
					   NULL },
		[CHECK_MISSING_ON_SRC] = { "missing-on-src", f->missing_on_src,
					   NULL },
		[CHECK_ERROR] = { "error", f->error, NULL },
		[NAMES_COMBINED] = { "combined", f->combined, NULL },
	};

	memcpy(c->names, names, sizeof(names));
	c->plain = !c->cx->globals->json;
	for (size_t i = 0; i < NAMES_ALL; i++) {
		struct names *n = &c->names[i];

		if (n->path && strcmp(n->path, "-") == 0) {
			c->plain = false;
		} else if (n->path) {
			n->file = fopen(n->path, "we");
			if (!n->file)
				return err_sys(&c->cx->op.err, "--%s \"%s\"",
					       n->flag, n->path);
		}
	}
	return 0;
}

/* Close the lists; one that was not written is a failure. */
static int names_close(struct check *c, int rc)
{
	struct err *e = &c->cx->op.err;

	for (size_t i = 0; i < NAMES_ALL; i++) {
		struct names *n = &c->names[i];
		struct err bad;
		bool failed;

		if (!n->file)
			continue;
		failed = ferror(n->file);
		if (fclose(n->file) == 0 && !failed)
			continue;
		err_sys(&bad, "--%s \"%s\"", n->flag, n->path);
		if (rc < 0 && e->kind != ERR_CONFLICT) {
			log_error(NULL, "%s", bad.msg);
			continue;
		}
		*e = bad;
		rc = -1;
	}
	return rc;
}

/* Who no longer listens ends the command. */
static void put_result(struct check *c, const struct buf *b)
{
	bool flush = c->cx->globals->json;

	if (result_put(c->cx, &c->out, b, flush) < 0)
		cancel_set(c->cx->op.cancel);
}

static void put_name(struct check *c, const struct names *n, char sign,
		     const char *path)
{
	struct buf b = BUF_INIT;

	if (!n->path)
		return;
	if (sign)
		buf_addf(&b, "%c ", sign);
	if (n->file)
		buf_adds(&b, path);
	else
		out_add_name(&b, path);
	buf_adds(&b, "\n");
	if (!n->file)
		put_result(c, &b);
	else
		fwrite(b.data, 1, b.len, n->file); /* see names_close() */
	buf_free(&b);
}

static void put_json(struct check *c, const struct check_event *e)
{
	struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);

	json_object(&j, NULL);
	json_str(&j, "event", e->err ? "error" : "check");
	json_str(&j, "result", check_result_name(e->result));
	json_path(&j, "path", e->path);
	if (e->reason)
		json_text_valid(&j, "reason", e->reason);
	if (e->err)
		json_error(&j, e->err);
	json_end(&j);
	buf_adds(&text, "\n");
	put_result(c, &text);
	buf_free(&text);
}

static void put_plain(struct check *c, const struct check_event *e)
{
	const char *said = results[e->result].said;
	struct buf b = BUF_INIT;

	out_add_name(&b, e->path);
	buf_addf(&b, ": %s\n",
		 e->result == CHECK_DIFFERS && e->reason ? e->reason : said);
	put_result(c, &b);
	buf_free(&b);
}

static void on_event(void *arg, const struct check_event *e)
{
	struct check *c = arg;

	put_name(c, &c->names[e->result], '\0', e->path);
	put_name(c, &c->names[NAMES_COMBINED], check_result_sign(e->result),
		 e->path);
	if (e->err)
		log_error(err_names(e->err, e->path) ? NULL : e->path, "%s",
			  e->err->msg);
	if (c->cx->globals->json)
		put_json(c, e);
	else if (e->result == CHECK_SAME)
		log_info(e->path, "%s", results[e->result].said);
	else if (c->plain && e->result != CHECK_ERROR)
		put_plain(c, e);
}

static void view(void *arg, struct progress_view *v)
{
	struct check *c = arg;

	v->files_total = -1;
	for (int i = 0; i < CHECK_RESULTS; i++)
		v->files_done += atomic_load(&c->stats.files[i]);
	v->failed = atomic_load(&c->stats.files[CHECK_ERROR]);
	v->differ = v->files_done - v->failed -
		    atomic_load(&c->stats.files[CHECK_SAME]);
	v->bytes_done = v->moved = atomic_load(&c->stats.bytes);
}

static int read_flags(struct check *c)
{
	const struct check_flags *f = c->flags;
	struct op *op = &c->cx->op;

	if (f->checkers < 0 || f->checkers > CHECKERS_MAX)
		return err_set(&op->err, ERR_INVALID,
			       "--checkers: %lld is not from 1 to %d",
			       (long long)f->checkers, CHECKERS_MAX);
	if (f->size_only && f->download)
		return err_set(&op->err, ERR_INVALID,
			       "--size-only and --download contradict each "
			       "other");
	if (filter_opts_make(&f->filter, op, &c->filter) < 0)
		return -1;
	c->opts = (struct check_opts){
		.filter = c->filter,
		.max_depth = (int)f->filter.max_depth,
		.checkers = (unsigned)f->checkers,
		.one_way = f->one_way,
		.size_only = f->size_only,
		.download = f->download,
		.metadata = f->metadata,
		.one_file_system = f->one_file_system,
	};
	c->cx->remotes->copy_links = f->copy_links;
	return names_open(c);
}

static void add_summary(struct buf *b, const struct check *c, int64_t ns)
{
	int64_t bytes = atomic_load(&c->stats.bytes);

	for (size_t i = 0; i < CHECK_RESULTS; i++) {
		int64_t n = atomic_load(&c->stats.files[i]);

		if (n == 0 && i != CHECK_SAME)
			continue;
		buf_adds(b, b->len ? ", " : "");
		text_add_count(b, n);
		buf_addf(b, " %s", results[i].count);
	}
	buf_adds(b, "; ");
	if (bytes) {
		show_size(b, bytes);
		buf_adds(b, " in ");
	}
	show_duration(b, ns);
}

static void json_summary(struct check *c, int rc, int64_t ns)
{
	const struct err *e = &c->cx->op.err;
	struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);

	json_object(&j, NULL);
	json_str(&j, "event", "summary");
	json_str(&j, "command", c->cx->cmd->name);
	json_str(&j, "result", rc == 0 ? "ok" : err_info(e->kind)->name);
	for (size_t i = 0; i < CHECK_RESULTS; i++)
		json_int(&j, results[i].json, atomic_load(&c->stats.files[i]));
	json_int(&j, "bytes", atomic_load(&c->stats.bytes));
	json_int(&j, "elapsed_ms", ns / 1000000);
	json_end(&j);
	buf_adds(&text, "\n");
	put_result(c, &text);
	buf_free(&text);
}

static int finish(struct check *c, int rc)
{
	int64_t ns = clock_mono() - c->started;
	struct buf b = BUF_INIT;

	if (c->cx->globals->json) {
		json_summary(c, rc, ns);
	} else if (!c->cx->globals->quiet) {
		add_summary(&b, c, ns);
		term_say(c->cx->term, b.data);
	}
	buf_free(&b);
	if (c->out.err.kind != ERR_OK) {
		c->cx->op.err = c->out.err;
		return -1;
	}
	return rc;
}

static int compare(struct check *c)
{
	struct op *op = &c->cx->op;
	struct check_report to = { .event = on_event, .arg = c };
	struct progress progress;
	int rc;

	to.same = c->names[CHECK_SAME].path || c->names[NAMES_COMBINED].path ||
		  log_max >= LOG_INFO;
	c->started = clock_mono();
	progress_start(&progress, c->cx, view, c, false);
	rc = c->file ? check_file(c->src, c->file, c->dst, c->file, op,
				  &c->opts, &c->stats, &to)
		     : check_tree(c->src, c->dst, op, &c->opts, &c->stats, &to);
	progress_stop(&progress);
	return finish(c, rc);
}

static int check_run(struct cmd_ctx *cx)
{
	struct check c = { .cx = cx,
			   .flags = cx->opts,
			   .out = op_begin(cx->op.cancel) };
	struct op *op = &cx->op;
	int rc = -1;

	if (read_flags(&c) == 0 &&
	    remote_open_source(cx->remotes, cx->argv[0], op, &c.src, &c.file) ==
		    0 &&
	    remote_open(cx->remotes, cx->argv[1], op, &c.dst) == 0)
		rc = compare(&c);
	rc = names_close(&c, rc);
	be_close(c.src);
	be_close(c.dst);
	filter_free(c.filter);
	op_end(&c.out);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry check ~/Photos nas:Photos",
	  "compare by size and hash, or by content where there is no hash" },
	{ "ferry check --one-way --size-only ~/Photos nas:Photos",
	  "is everything there? A quick look" },
	{ "ferry check --download --combined - /data /mnt/copy",
	  "compare all bytes and list every name with its sign" },
	{ NULL, NULL }
};

const struct cmd cmd_check = {
	.name = "check",
	.args = "SOURCE DEST",
	.summary = "compare the files of two places",
	.about =
		"Compare the files in SOURCE and DEST and change nothing. What "
		"is different is named on standard output. The exit status is "
		"0 if all is equal, 1 if there are differences and 3 if "
		"something could not be compared.",
	.min_args = 2,
	.max_args = 2,
	.groups = groups,
	.opts_size = sizeof(struct check_flags),
	.defaults = &defaults,
	.examples = examples,
	.run = check_run,
};
