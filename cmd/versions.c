/* ferry versions: older contents of a file. */

#include "cmd/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/change.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "lib/parse.h"

/* The place must be a file. */
static int open_file(struct cmd_ctx *cx, const char *place, struct backend **be,
		     const char **file)
{
	if (remote_open_source(cx->remotes, place, &cx->op, be, file) < 0)
		return -1;
	if (*file)
		return 0;
	return err_set(&cx->op.err, ERR_IS_DIR,
		       "\"%s\" is a folder; only files have versions", place);
}

struct show {
	bool json;
	struct buf line;
};

static void add_json(struct buf *b, const struct version *v)
{
	struct json j = JSON_INIT(b);
	struct buf hex = BUF_INIT;

	json_object(&j, NULL);
	json_str(&j, "id", v->id);
	json_int(&j, "size", v->size);
	json_time(&j, "mtime", v->mtime);
	for (enum hash_type t = 0; t < HASH_TYPES; t++) {
		if (!(v->hash.have & 1u << t))
			continue;
		buf_reset(&hex);
		digest_hex(&hex, &v->hash, t);
		json_str(&j, hash_name(t), hex.data);
	}
	json_end(&j);
	buf_free(&hex);
}

static int show(void *arg, struct op *op, const struct version *v)
{
	struct show *s = arg;

	if (s->json) {
		add_json(&s->line, v);
		return out_line(op, &s->line);
	}
	buf_addf(&s->line, "%9" PRId64 " ", v->size);
	if (v->mtime != MTIME_UNKNOWN)
		show_time(&s->line, v->mtime, 0);
	else
		buf_addf(&s->line, "%19s", "");
	buf_adds(&s->line, " ");
	out_add_name(&s->line, v->id);
	return out_line(op, &s->line);
}

static int list_run(struct cmd_ctx *cx)
{
	struct show s = { .json = cx->globals->json, .line = BUF_INIT };
	struct backend *be = NULL;
	const char *file;
	int rc = open_file(cx, cx->argv[0], &be, &file);

	if (rc == 0)
		rc = be_versions(be, &cx->op, file, show, &s);
	buf_free(&s.line);
	be_close(be);
	return rc;
}

static int print(struct sink *dst, struct op *op, const void *p, size_t n)
{
	(void)dst;
	return out_write(op, p, n);
}

static int cat_run(struct cmd_ctx *cx)
{
	struct get_opt get = { .len = -1, .version = cx->argv[1] };
	struct sink out = { .write = print };
	struct backend *be = NULL;
	const char *file;
	int rc;

	if (cx->globals->json)
		return err_set(&cx->op.err, ERR_INVALID,
			       "versions cat prints the file itself, which "
			       "--json has no form for");
	rc = open_file(cx, cx->argv[0], &be, &file);
	if (rc == 0)
		rc = be_get(be, &cx->op, file, &get, &out);
	be_close(be);
	return rc;
}

struct versions_restore_opts {
	bool dry_run;
};

static const struct versions_restore_opts restore_defaults = { 0 };

static const struct opt restore_flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct versions_restore_opts,
	       dry_run, "see whether it is there, and change nothing"),
	{ .type = OPT_END }
};

static const struct opt_group restore_groups[] = {
	{ "Flags", restore_flags, 0 }, { 0 }
};

/* For a dry run: is there one with that name? */
struct wanted {
	const char *id;
	bool any;
};

static int find(void *arg, struct op *op, const struct version *v)
{
	struct wanted *w = arg;

	(void)op;
	w->any = w->any || strcmp(w->id, v->id) == 0;
	return 0;
}

static int plan(struct backend *be, struct op *op, const char *file,
		const char *id)
{
	struct wanted w = { .id = id };

	if (be_versions(be, op, file, find, &w) < 0)
		return -1;
	return w.any ? 0
		     : err_set(&op->err, ERR_NOT_FOUND,
			       "there is no older version \"%s\" of it", id);
}

static int restore_run(struct cmd_ctx *cx)
{
	const struct versions_restore_opts *o = cx->opts;
	const char *place = cx->argv[0], *id = cx->argv[1];
	struct change c = { .verb = CHANGE_RESTORE,
			    .path = place,
			    .dry_run = o->dry_run };
	struct op *op = &cx->op;
	struct backend *be = NULL;
	const char *file;
	int rc = open_file(cx, place, &be, &file);

	if (rc == 0)
		rc = o->dry_run ? plan(be, op, file, id)
				: be_version_restore(be, op, file, id);
	if (rc == 0)
		rc = change_say(cx, op, &c);
	be_close(be);
	return rc;
}

static const struct cmd_example list_examples[] = {
	{ "ferry versions list photos:letter.odt", "what it was before" }, { 0 }
};

static const struct cmd cmd_versions_list = {
	.name = "versions list",
	.args = "FILE",
	.summary = "list the older versions of a file",
	.about = "Prints a line with size, time of modification and name for "
		 "each older version of FILE that the service keeps, the "
		 "newest first. Jottacloud keeps five.\n\n"
		 "With --json: objects with id, size, mtime and the hashes "
		 "that are known.",
	.min_args = 1,
	.max_args = 1,
	.examples = list_examples,
	.run = list_run,
};

static const struct cmd_example cat_examples[] = {
	{ "ferry versions cat photos:letter.odt 3 >old.odt",
	  "the third one, into a file here" },
	{ 0 }
};

static const struct cmd cmd_versions_cat = {
	.name = "versions cat",
	.args = "FILE ID",
	.summary = "print an older version of a file",
	.about = "Prints the content that FILE had in the version ID, as "
		 "\"versions list\" shows it.",
	.min_args = 2,
	.max_args = 2,
	.examples = cat_examples,
	.run = cat_run,
};

static const struct cmd_example restore_examples[] = {
	{ "ferry versions restore photos:letter.odt 3",
	  "make the third one current again" },
	{ 0 }
};

static const struct cmd cmd_versions_restore = {
	.name = "versions restore",
	.args = "FILE ID",
	.summary = "make an older version of a file the current one",
	.about = "Makes the version ID of FILE, as \"versions list\" shows it, "
		 "the current one. What is current now becomes an older "
		 "version. No content is transferred.",
	.min_args = 2,
	.max_args = 2,
	.groups = restore_groups,
	.opts_size = sizeof(struct versions_restore_opts),
	.defaults = &restore_defaults,
	.examples = restore_examples,
	.run = restore_run,
};

static const struct cmd *const subs[] = { &cmd_versions_list, &cmd_versions_cat,
					  &cmd_versions_restore, NULL };

static const struct cmd_example examples[] = {
	{ "ferry versions list photos:letter.odt", "what it was before" },
	{ "ferry versions restore photos:letter.odt 3", "go back to one" },
	{ 0 }
};

const struct cmd cmd_versions = {
	.name = "versions",
	.summary = "list, print and restore older versions of a file",
	.about = "Some services keep what a file held before it was "
		 "overwritten.",
	.subs = subs,
	.examples = examples,
};
