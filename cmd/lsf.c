/* ferry lsf PLACE: what is in a folder, in columns for scripts. */

#include "cmd/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/globals.h"
#include "cmd/hash_many.h"
#include "cmd/list_common.h"
#include "cmd/mime.h"
#include "cmd/out.h"
#include "lib/parse.h"

struct lsf_opts {
	struct filter_opts filter;
	bool copy_links, versions;
	const char *format;
	const char *separator; /* NULL: ";", with --csv "," */
	const char *hash;
	bool recursive, files_only, dirs_only;
	bool dir_slash, absolute, csv;
};

static const struct lsf_opts defaults = { .filter = FILTER_OPTS_INIT,
					  .format = "p",
					  .hash = "md5",
					  .dir_slash = true };

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct lsf_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_STR, 'F', "format", "LETTERS", format,
	     "the columns, see above"),
	FLAG(OPT_STR, 's', "separator", "TEXT", separator,
	     "between columns, by default \";\""),
	FLAG(OPT_BOOL, 0, "csv", NULL, csv, "quote columns as CSV does"),
	FLAG(OPT_BOOL, 'd', "dir-slash", NULL, dir_slash,
	     "a slash after names of folders (--no-dir-slash: none)"),
	FLAG(OPT_STR, 0, "hash", "TYPE", hash,
	     "for column h: md5 (the default), sha1 or sha256"),
	FLAG(OPT_BOOL, 0, "absolute", NULL, absolute, "a slash before paths"),
	FLAG(OPT_BOOL, 'R', "recursive", NULL, recursive,
	     "go into all folders"),
	FLAG(OPT_BOOL, 0, "files-only", NULL, files_only, "no folders"),
	FLAG(OPT_BOOL, 0, "dirs-only", NULL, dirs_only, "folders only"),
	LIST_COPY_LINKS(struct lsf_opts),
	LIST_VERSIONS(struct lsf_opts),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct lsf_opts, filter) },
	{ 0 }
};

struct lsf {
	const struct lsf_opts *opts;
	struct list list;
	const char *separator;
	enum hash_type hash;
	bool json;
	int rc; /* -1 once a column failed so that no other entry would do */
	struct buf line, field;
};

/* One column of one line. */
struct column {
	struct lsf *lsf;
	struct op *op;
	const char *path;
	const struct entry *e;
	struct buf *out;
};

static void add_path(const struct column *c)
{
	const struct lsf_opts *o = c->lsf->opts;

	if (o->absolute)
		buf_adds(c->out, "/");
	out_add_name(c->out, c->path);
	if (c->e->kind == ENTRY_DIR && o->dir_slash)
		buf_adds(c->out, "/");
}

static void add_size(const struct column *c)
{
	buf_addf(c->out, "%" PRId64, c->e->kind == ENTRY_DIR ? -1 : c->e->size);
}

static void add_time(const struct column *c)
{
	if (c->e->mtime != MTIME_UNKNOWN)
		show_time(c->out, c->e->mtime, 0);
}

/* A hash that cannot be had is no reason to stop: rclone's words for it. */
static void add_hash(const struct column *c)
{
	enum hash_type t = c->lsf->hash;
	struct digests d;

	if (c->e->kind != ENTRY_FILE)
		return;
	if (hash_one(c->lsf->list.be, c->op, c->path, c->e, 1u << t, HASH_TOLD,
		     &d) < 0) {
		buf_adds(c->out, "ERROR");
		c->lsf->rc = list_failed(&c->lsf->list, c->op);
	} else if (d.have & 1u << t) {
		digest_hex(c->out, &d, t);
	} else {
		buf_adds(c->out, "UNSUPPORTED");
	}
}

static void add_id(const struct column *c)
{
	if (c->e->id)
		out_add_name(c->out, c->e->id);
}

static void add_mime(const struct column *c)
{
	buf_adds(c->out, mime_type(c->path, c->e));
}

static void add_metadata(const struct column *c)
{
	struct json j = JSON_INIT(c->out);

	json_metadata(&j, NULL, c->e);
}

/* No driver has tiers of storage. */
static void add_nothing(const struct column *c)
{
	(void)c;
}

static const struct {
	char letter;
	void (*add)(const struct column *c);
} columns[] = {
	{ 'p', add_path }, { 's', add_size },     { 't', add_time },
	{ 'h', add_hash }, { 'i', add_id },       { 'o', add_id },
	{ 'm', add_mime }, { 'M', add_metadata }, { 'T', add_nothing },
};

static size_t column_find(char letter)
{
	size_t i = 0;

	while (i < ARRAY_LEN(columns) && columns[i].letter != letter)
		i++;
	return i;
}

/* RFC 4180, and a quote around what starts with a blank as rclone does. */
static void add_csv(struct buf *b, const struct buf *field, const char *sep)
{
	bool plain = field->len == 0 ||
		     (strcspn(field->data, "\"\r\n") == field->len &&
		      field->data[0] != ' ' && field->data[0] != '\t' &&
		      !(*sep && strstr(field->data, sep)));

	if (plain) {
		buf_add(b, field->data, field->len);
		return;
	}
	buf_adds(b, "\"");
	for (size_t i = 0; i < field->len; i++) {
		if (field->data[i] == '"')
			buf_adds(b, "\"");
		buf_add(b, field->data + i, 1);
	}
	buf_adds(b, "\"");
}

static void add_json(struct lsf *lsf, const char *path, const struct entry *e)
{
	struct json j = JSON_INIT(&lsf->line);

	json_object(&j, NULL);
	json_path(&j, "path", path);
	json_str(&j, "kind", entry_kind_name(e->kind));
	json_int(&j, "size", e->kind == ENTRY_DIR ? -1 : e->size);
	json_time(&j, "mtime", e->mtime);
	json_end(&j);
}

static int show(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct lsf *lsf = arg;
	const struct lsf_opts *o = lsf->opts;
	struct column c = { lsf, op, path, e, &lsf->field };

	if (e->kind == ENTRY_DIR ? o->files_only : o->dirs_only)
		return 0;
	if (lsf->json) {
		add_json(lsf, path, e);
		return out_line(op, &lsf->line);
	}
	for (const char *f = o->format; *f; f++) {
		if (f > o->format)
			buf_adds(&lsf->line, lsf->separator);
		buf_reset(&lsf->field);
		columns[column_find(*f)].add(&c);
		if (lsf->rc < 0)
			return -1;
		if (o->csv)
			add_csv(&lsf->line, &lsf->field, lsf->separator);
		else
			buf_add(&lsf->line, lsf->field.data, lsf->field.len);
	}
	return out_line(op, &lsf->line);
}

static int check_flags(struct lsf *lsf, struct err *e)
{
	const struct lsf_opts *o = lsf->opts;

	for (const char *f = o->format; *f; f++)
		if (column_find(*f) == ARRAY_LEN(columns))
			return err_set(e, ERR_INVALID,
				       "--format: there is no column '%c'; "
				       "those known are p s t h i o m M T",
				       *f);
	if (!hash_find(o->hash, &lsf->hash))
		return err_set(e, ERR_INVALID,
			       "--hash: \"%s\" is none of md5, sha1, sha256",
			       o->hash);
	lsf->separator = o->separator ? o->separator : o->csv ? "," : ";";
	return 0;
}

static int lsf_run(struct cmd_ctx *cx)
{
	const struct lsf_opts *o = cx->opts;
	struct lsf lsf = { .opts = o,
			   .json = cx->globals->json,
			   .line = BUF_INIT,
			   .field = BUF_INIT };
	struct list *l = &lsf.list;
	int rc;

	if (check_flags(&lsf, &cx->op.err) < 0)
		return -1;
	cx->remotes->copy_links = o->copy_links;
	rc = list_open(l, cx, cx->argv[0], &o->filter);
	l->versions = o->versions;
	l->max_depth = list_depth(l->max_depth, o->recursive);
	if (rc == 0)
		rc = list_walk(l, 1, show, &lsf);
	buf_free(&lsf.line);
	buf_free(&lsf.field);
	return list_end(l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry lsf nas:Photos", "the names in one folder" },
	{ "ferry lsf -R --files-only -F tsp nas:Photos | sort | tail",
	  "the newest files" },
	{ "ferry lsf -R --csv -F phs --hash sha256 ~/Documents",
	  "a table with hashes" },
	{ 0 }
};

const struct cmd cmd_lsf = {
	.name = "lsf",
	.args = "PLACE",
	.summary = "list files and folders in columns for scripts",
	.about = "Prints a line for each entry of PLACE; names of folders "
		 "end in a slash. --format says what is in the line, a letter "
		 "a column:\n\n"
		 "  p  path\n"
		 "  s  size in bytes, -1 if it is not known\n"
		 "  t  modification time, local time\n"
		 "  h  hash, see --hash\n"
		 "  i  the service's name for it (o: the same)\n"
		 "  m  MIME type\n"
		 "  M  metadata as JSON\n"
		 "  T  tier of storage\n\n"
		 "Separators in paths are not escaped without --csv: put the "
		 "path last. A hash that the place does not have is "
		 "UNSUPPORTED, one that could not be read is ERROR. For names "
		 "with line breaks there are --csv and lsjson.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct lsf_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = lsf_run,
};
