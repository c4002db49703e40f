/* ferry touch PLACE...: set modification times. */

#include "cmd/cmd.h"

#include <string.h>
#include <time.h>

#include "cmd/change.h"
#include "lib/clock.h"

struct touch_opts {
	struct filter_opts filter;
	const char *timestamp;
	bool local_time, no_create, recursive, dry_run;
};

static const struct touch_opts defaults = { .filter = FILTER_OPTS_INIT };

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct touch_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_STR, 't', "timestamp", "TIME", timestamp,
	     "this time instead of now, in UTC"),
	FLAG(OPT_BOOL, 0, "localtime", NULL, local_time,
	     "the time given is local time"),
	FLAG(OPT_BOOL, 'C', "no-create", NULL, no_create,
	     "do not make a file that is not there"),
	FLAG(OPT_BOOL, 'R', "recursive", NULL, recursive,
	     "of a folder, the files in all folders below it"),
	FLAG(OPT_BOOL, 'n', "dry-run", NULL, dry_run,
	     "print what would be touched, and touch nothing"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct touch_opts, filter) },
	{ 0 }
};

struct touch {
	const struct touch_opts *opts;
	struct list list;
	int64_t mtime;
};

static int digits_after_dot(const char *s, int64_t *ns)
{
	int64_t unit = NS_PER_SEC;

	*ns = 0;
	if (*s++ != '.' || !*s)
		return -1;
	for (; *s >= '0' && *s <= '9' && unit > 1; s++) {
		unit /= 10;
		*ns += (*s - '0') * unit;
	}
	return *s ? -1 : 0;
}

/* rclone's forms: 171030, 2017-10-30T15:04:05, 2017-10-30T15:04:05.123. */
static int parse_time(const char *s, bool local, int64_t *out, struct err *e)
{
	static const char *const forms[] = { "%Y-%m-%dT%H:%M:%S", "%y%m%d" };

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(s, forms[i], &tm);
		int64_t ns = 0;

		if (!end || (*end && (i > 0 || digits_after_dot(end, &ns) < 0)))
			continue;
		*out = ns_of(local ? mktime(&tm) : timegm(&tm), (uint32_t)ns);
		return 0;
	}
	return err_set(e, ERR_INVALID,
		       "--timestamp: \"%s\" is neither YYMMDD nor "
		       "YYYY-MM-DDTHH:MM:SS[.SSS]",
		       s);
}

/* From several threads at once. */
static int touch_file(void *arg, struct op *op, const char *path,
		      const struct entry *e)
{
	struct touch *t = arg;
	struct change c = { .verb = CHANGE_TOUCH,
			    .path = path,
			    .dry_run = t->opts->dry_run };

	if (e->kind != ENTRY_FILE)
		return 0;
	if (!c.dry_run && be_touch(t->list.be, op, path, t->mtime) < 0)
		return list_failed(&t->list, op);
	return change_say(t->list.cx, op, &c);
}

static ssize_t read_nothing(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	(void)src;
	(void)op;
	(void)buf;
	(void)n;
	return 0;
}

static int seek_nothing(struct source *src, struct op *op, int64_t off)
{
	(void)src;
	(void)op;
	(void)off;
	return 0;
}

static int create(struct touch *t, struct cmd_ctx *cx, const char *place)
{
	struct op *op = &cx->op;
	struct change c = { .verb = CHANGE_TOUCH,
			    .path = place,
			    .dry_run = t->opts->dry_run };
	struct source empty = { .stable = true,
				.read = read_nothing,
				.seek = seek_nothing };
	struct put_opt opt = { .mtime = t->mtime, .mode = PUT_CREATE };
	struct backend *be = NULL;
	const char *name;
	int rc = remote_open_parent(cx->remotes, place, op, &be, &name);

	if (rc == 0 && !c.dry_run)
		rc = be_put(be, op, name, &empty, &opt, NULL);
	if (rc == 0)
		rc = change_say(cx, op, &c);
	be_close(be);
	return rc;
}

static int touch_place(struct touch *t, struct cmd_ctx *cx, const char *place)
{
	const struct touch_opts *o = t->opts;
	struct list *l = &t->list;
	size_t n = strlen(place);
	bool missing;
	int rc = list_open(l, cx, place, &o->filter);

	l->max_depth = list_depth(l->max_depth, o->recursive);
	missing = rc < 0 && !l->be && cx->op.err.kind == ERR_NOT_FOUND;
	if (missing && n && place[n - 1] != '/' && place[n - 1] != ':' &&
	    !o->recursive) {
		err_clear(&cx->op.err);
		rc = o->no_create ? 0 : create(t, cx, place);
	} else if (rc == 0) {
		rc = list_walk(l, o->dry_run ? 1 : list_threads(l->be),
			       touch_file, t);
	}
	return list_end(l, rc);
}

static int touch_run(struct cmd_ctx *cx)
{
	const struct touch_opts *o = cx->opts;
	struct touch t = { .opts = o, .mtime = clock_wall() };
	int rc = 0;

	if (o->timestamp &&
	    parse_time(o->timestamp, o->local_time, &t.mtime, &cx->op.err) < 0)
		return -1;
	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = touch_place(&t, cx, cx->argv[i]);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry touch nas:done",
	  "make an empty file, or set its time to now" },
	{ "ferry touch -R -t 2024-05-06T07:08:09 nas:Photos --include '*.jpg'",
	  "one time for many files" },
	{ 0 }
};

const struct cmd cmd_touch = {
	.name = "touch",
	.args = "PLACE...",
	.summary = "set modification times",
	.about = "Sets the modification time of each file given to now, or to "
		 "--timestamp. A file that is not there is made, empty. Of a "
		 "folder it is the files in it that the filters select, with "
		 "-R also those in all folders below.\n\n"
		 "TIME is YYMMDD, YYYY-MM-DDTHH:MM:SS or the same with a "
		 "fraction of a second, in UTC unless --localtime is given.",
	.min_args = 1,
	.max_args = -1,
	.groups = groups,
	.opts_size = sizeof(struct touch_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = touch_run,
};
