/* ferry lsjson PLACE: what is in a folder as JSON, in rclone's form. */

#include "cmd/cmd.h"

#include <string.h>

#include "cmd/hash_many.h"
#include "cmd/list_common.h"
#include "cmd/mime.h"
#include "cmd/out.h"

struct lsjson_opts {
	struct filter_opts filter;
	bool copy_links, versions;
	struct opt_list hash_types;
	bool recursive, files_only, dirs_only, hash, stat, metadata;
	bool no_modtime, no_mimetype;
};

static const struct lsjson_opts defaults = { .filter = FILTER_OPTS_INIT };

#define FLAG(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct lsjson_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_BOOL, 'R', "recursive", NULL, recursive,
	     "go into all folders"),
	FLAG(OPT_BOOL, 0, "files-only", NULL, files_only, "no folders"),
	FLAG(OPT_BOOL, 0, "dirs-only", NULL, dirs_only, "folders only"),
	FLAG(OPT_BOOL, 0, "hash", NULL, hash,
	     "with all hashes that the place can tell"),
	FLAG(OPT_LIST, 0, "hash-type", "TYPE", hash_types,
	     "with this hash only: md5, sha1 or sha256"),
	FLAG(OPT_BOOL, 'M', "metadata", NULL, metadata,
	     "with mode, owner and the like"),
	FLAG(OPT_BOOL, 0, "no-modtime", NULL, no_modtime,
	     "leave ModTime empty"),
	FLAG(OPT_BOOL, 0, "no-mimetype", NULL, no_mimetype, "no MimeType"),
	FLAG(OPT_BOOL, 0, "stat", NULL, stat,
	     "one object: PLACE itself, not what is in it"),
	LIST_COPY_LINKS(struct lsjson_opts),
	LIST_VERSIONS(struct lsjson_opts),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct lsjson_opts, filter) },
	{ 0 }
};

struct lsjson {
	const struct lsjson_opts *opts;
	struct list list;
	unsigned hashes;
	bool begun; /* "[" has been written */
	struct buf line;
};

static int add_hashes(struct lsjson *ls, struct op *op, struct json *j,
		      const char *path, const struct entry *e)
{
	struct buf hex = BUF_INIT;
	struct digests d;

	if (hash_one(ls->list.be, op, path, e, ls->hashes, HASH_TOLD, &d) < 0)
		return list_failed(&ls->list, op);
	json_object(j, "Hashes");
	for (enum hash_type t = 0; t < HASH_TYPES; t++) {
		if (!(d.have & 1u << t))
			continue;
		buf_reset(&hex);
		digest_hex(&hex, &d, t);
		json_str(j, hash_name(t), hex.data);
	}
	json_end(j);
	buf_free(&hex);
	return 0;
}

/* Append the object of one entry to the line. */
static int add_entry(struct lsjson *ls, struct op *op, const char *path,
		     const struct entry *e)
{
	const struct lsjson_opts *o = ls->opts;
	const char *slash = strrchr(path, '/');
	struct json j = JSON_INIT(&ls->line);

	json_object(&j, NULL);
	json_path(&j, "Path", path);
	json_path(&j, "Name", slash ? slash + 1 : path);
	json_int(&j, "Size", e->kind == ENTRY_DIR ? -1 : e->size);
	if (!o->no_mimetype)
		json_str(&j, "MimeType", mime_type(path, e));
	json_time(&j, "ModTime", o->no_modtime ? MTIME_UNKNOWN : e->mtime);
	json_bool(&j, "IsDir", e->kind == ENTRY_DIR);
	if (e->kind == ENTRY_LINK || e->kind == ENTRY_SPECIAL)
		json_str(&j, "Kind", entry_kind_name(e->kind));
	if (e->id)
		json_path(&j, "ID", e->id);
	if (ls->hashes && e->kind == ENTRY_FILE &&
	    add_hashes(ls, op, &j, path, e) < 0)
		return -1;
	if (o->metadata)
		json_metadata(&j, "Metadata", e);
	json_end(&j);
	return 0;
}

/* An array with an object a line, so that it can be read line by line too. */
static int show(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct lsjson *ls = arg;
	const struct lsjson_opts *o = ls->opts;
	int rc;

	if (e->kind == ENTRY_DIR ? o->files_only : o->dirs_only)
		return 0;
	buf_adds(&ls->line, ls->begun ? ",\n" : "[\n");
	rc = add_entry(ls, op, path, e);
	if (rc == 0)
		rc = out_write(op, ls->line.data, ls->line.len);
	if (rc == 0)
		ls->begun = true;
	buf_reset(&ls->line);
	return rc;
}

/* The end is written also after a failure: what was found is then readable. */
static int list_all(struct lsjson *ls, struct op *op)
{
	int rc = list_walk(&ls->list, 1, show, ls);
	struct err why = op->err;

	if (rc < 0 && !ls->begun)
		return rc;
	if (out_str(op, ls->begun ? "\n]\n" : "[\n]\n") < 0)
		return -1;
	if (rc < 0)
		op->err = why;
	return rc;
}

static int show_itself(struct lsjson *ls, struct op *op)
{
	const char *path = ls->list.file ? ls->list.file : "";
	struct entry e;

	if (be_stat(ls->list.be, op, path, &e) < 0 ||
	    add_entry(ls, op, path, &e) < 0)
		return -1;
	return out_line(op, &ls->line);
}

static int find_hashes(struct lsjson *ls, struct err *e)
{
	const struct opt_list *types = &ls->opts->hash_types;

	for (size_t i = 0; i < types->n; i++) {
		enum hash_type t;

		if (!hash_find(types->at[i].value, &t))
			return err_set(e, ERR_INVALID,
				       "--hash-type: \"%s\" is none of md5, "
				       "sha1, sha256",
				       types->at[i].value);
		ls->hashes |= 1u << t;
	}
	if (ls->opts->hash && !ls->hashes)
		ls->hashes = (1u << HASH_TYPES) - 1;
	return 0;
}

static int lsjson_run(struct cmd_ctx *cx)
{
	const struct lsjson_opts *o = cx->opts;
	struct lsjson ls = { .opts = o, .line = BUF_INIT };
	struct list *l = &ls.list;
	int rc;

	if (find_hashes(&ls, &cx->op.err) < 0)
		return -1;
	if (o->stat && o->versions)
		return err_set(&cx->op.err, ERR_INVALID,
			       "only one of --stat and --versions can be used");
	cx->remotes->copy_links = o->copy_links;
	rc = list_open(l, cx, cx->argv[0], &o->filter);
	l->versions = o->versions;
	l->max_depth = list_depth(l->max_depth, o->recursive);
	if (rc == 0)
		rc = o->stat ? show_itself(&ls, &cx->op)
			     : list_all(&ls, &cx->op);
	buf_free(&ls.line);
	return list_end(l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry lsjson -R nas:docs", "everything, for a program" },
	{ "ferry lsjson --stat ~/a.txt --hash", "one file with its hashes" },
	{ "ferry lsjson -R --files-only ~ | jq -r '.[] | .Path'",
	  "only the paths" },
	{ 0 }
};

const struct cmd cmd_lsjson = {
	.name = "lsjson",
	.args = "PLACE",
	.summary = "list files and folders as JSON",
	.about = "Prints an array with an object for each entry of PLACE, one "
		 "a line, with rclone's keys: Path, Name, Size (-1 for "
		 "folders), MimeType, ModTime (UTC), IsDir, and where they are "
		 "known or asked for ID, Hashes and Metadata. What is neither "
		 "file nor folder has a Kind, \"link\" or \"special\".\n\n"
		 "A name that is not UTF-8 has U+FFFD in Path and Name for "
		 "each byte that does not fit, and its very bytes in "
		 "hexadecimal in Path_hex and Name_hex.\n\n"
		 "Only PLACE itself is read, unless -R or --max-depth asks for "
		 "more.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct lsjson_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = lsjson_run,
};
