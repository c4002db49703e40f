/* ferry repo check: is everything there and whole? */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/repo_report.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "repo/check.h"
#include "repo/each.h"

struct check_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	const char *subset;
	bool read_data, with_cache;
};

static const struct check_opts check_defaults = { 0 };

#define CHECK(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct check_opts, field, help)

static const struct opt check_flags[] = {
	CHECK(OPT_BOOL, 0, "read-data", NULL, read_data,
	      "read and compare every byte of every pack"),
	CHECK(OPT_STR, 0, "read-data-subset", "N/T|X%|SIZE", subset,
	      "read the N-th of T parts of the packs, or a random share of "
	      "them, or as many as have this size"),
	{ .type = OPT_BOOL,
	  .name = "with-cache",
	  .help = "as restic has it; whole files in the cache are always used",
	  .at = offsetof(struct check_opts, with_cache),
	  .hidden = true },
	{ .type = OPT_END }
};

static const struct opt_group check_groups[] = {
	{ "Flags", check_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct check_opts, filter),
	REPO_GROUP(struct check_opts, repo),
	{ 0 }
};

/* What was found, as far as the end has to know. */
struct findings {
	struct cmd_ctx *cx;
	struct ids packs; /* to be repaired */
	bool trees, keys, snapshots;
};

static const char *const kinds[] = {
	[DAMAGE_KEY] = "key",      [DAMAGE_SNAPSHOT] = "snapshot",
	[DAMAGE_INDEX] = "index",  [DAMAGE_GONE] = "pack",
	[DAMAGE_PACK] = "pack",    [DAMAGE_HEADER] = "pack",
	[DAMAGE_BLOB] = "blob",    [DAMAGE_TREE] = "tree",
	[DAMAGE_MISSING] = "blob", [DAMAGE_FILE] = "file",
	[HINT_ORPHAN] = "pack",    [HINT_DUPLICATE] = "pack",
};

static const char *const names[] = {
	[DAMAGE_KEY] = "key-damaged",
	[DAMAGE_SNAPSHOT] = "snapshot-damaged",
	[DAMAGE_INDEX] = "index-damaged",
	[DAMAGE_GONE] = "pack-missing",
	[DAMAGE_PACK] = "pack-damaged",
	[DAMAGE_HEADER] = "header-differs",
	[DAMAGE_BLOB] = "blob-damaged",
	[DAMAGE_TREE] = "tree-damaged",
	[DAMAGE_MISSING] = "blob-missing",
	[DAMAGE_FILE] = "file-touched",
	[HINT_ORPHAN] = "pack-unused",
	[HINT_DUPLICATE] = "pack-indexed-twice",
};

/* "snapshot 01234567: /home/a: a part of its content is lost (blob ...)" */
static void add_text(struct buf *b, const struct damage *d)
{
	char hex[ID_HEX + 1], brief[9];

	if (d->kind == DAMAGE_FILE && d->snapshot) {
		buf_addf(b, "snapshot %s: ", id_short(d->snapshot, brief));
		out_add_name(b, d->path);
		buf_addf(b, ": %s (%s)", d->text, id_short(d->id, brief));
	} else if (d->kind == DAMAGE_FILE) {
		buf_addf(b, "files touched by %s: %s", id_short(d->id, brief),
			 d->text);
	} else if (strstr(d->text, id_hex(d->id, hex))) {
		buf_adds(b, d->text); /* it names the thing itself */
	} else {
		buf_addf(b, "%s %s: %s", kinds[d->kind], hex, d->text);
	}
}

static void tell_json(struct findings *f, const struct damage *d,
		      const char *text)
{
	bool hint = d->kind == HINT_ORPHAN || d->kind == HINT_DUPLICATE;
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	char hex[ID_HEX + 1];

	json_object(&j, NULL);
	json_str(&j, "message_type", hint ? "hint" : "error");
	json_text_valid(&j, "message", text);
	json_str(&j, "kind", names[d->kind]);
	json_str(&j, "id", id_hex(d->id, hex));
	if (d->snapshot)
		json_str(&j, "snapshot", id_hex(d->snapshot, hex));
	if (d->path)
		json_path(&j, "path", d->path);
	json_end(&j);
	buf_adds(&b, "\n");
	term_print(f->cx->term, b.data);
	buf_free(&b);
}

static void note(struct findings *f, const struct damage *d)
{
	switch (d->kind) {
	case DAMAGE_PACK: *ids_add(&f->packs) = *d->id; break;
	case DAMAGE_TREE:
	case DAMAGE_MISSING:
	case DAMAGE_GONE: f->trees = true; break;
	case DAMAGE_KEY: f->keys = true; break;
	case DAMAGE_SNAPSHOT: f->snapshots = true; break;
	default: break;
	}
}

static void tell(void *arg, struct op *op, const struct damage *d)
{
	struct findings *f = arg;
	struct buf b = BUF_INIT;

	(void)op;
	note(f, d);
	add_text(&b, d);
	if (f->cx->globals->json)
		tell_json(f, d, b.data);
	else if (d->kind == HINT_ORPHAN || d->kind == HINT_DUPLICATE)
		log_info(NULL, "%s", b.data);
	else
		log_error(NULL, "%s", b.data);
	buf_free(&b);
}

static int bad_subset(struct cmd_ctx *cx, const char *text)
{
	return err_set(&cx->op.err, ERR_INVALID,
		       "--read-data-subset: \"%s\" is not like 1/5, 2.5%% or "
		       "10G",
		       text);
}

/* "3/10" */
static bool parse_part(const char *text, struct check_opt *out)
{
	const char *slash = strchr(text, '/');
	char first[16];
	int64_t n, of;

	if (!slash || (size_t)(slash - text) >= sizeof(first))
		return false;
	memcpy(first, text, (size_t)(slash - text));
	first[slash - text] = '\0';
	if (!parse_int(first, &n) || !parse_int(slash + 1, &of) || n < 1 ||
	    of < n || of > 256)
		return false;
	out->subset = (unsigned)n;
	out->of = (unsigned)of;
	return true;
}

/* "2.5%" */
static bool parse_share(struct arena *a, const char *text, double *out)
{
	size_t n = strlen(text);
	char *number = arena_strdup(a, text);

	if (n < 2 || text[n - 1] != '%')
		return false;
	number[n - 1] = '\0';
	if (!parse_decimal(number, out) || *out <= 0 || *out > 100)
		return false;
	*out /= 100;
	return true;
}

static int parse_subset(struct cmd_ctx *cx, const struct check_opts *o,
			struct check_opt *out)
{
	if (!o->subset)
		return 0;
	if (o->read_data)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--read-data and --read-data-subset: only one "
			       "of them");
	if (parse_part(o->subset, out) ||
	    parse_share(&cx->op.arena, o->subset, &out->part))
		return 0;
	if (strpbrk(o->subset, "/%") ||
	    !parse_size(o->subset, false, &out->bytes) || out->bytes <= 0)
		return bad_subset(cx, o->subset);
	return 0;
}

static int print_summary(struct cmd_ctx *cx, const struct findings *f,
			 const struct check_result *r)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	char hex[ID_HEX + 1];
	int rc;

	json_object(&j, NULL);
	json_str(&j, "message_type", "summary");
	json_int(&j, "num_errors", (int64_t)r->errors);
	if (f->packs.n) {
		json_array(&j, "broken_packs");
		for (size_t i = 0; i < f->packs.n; i++)
			json_str(&j, NULL, id_hex(&f->packs.at[i], hex));
		json_end(&j);
	} else {
		buf_adds(&b, ",\"broken_packs\":null");
	}
	json_bool(&j, "suggest_repair_index", r->suggest_repair_index);
	json_bool(&j, "suggest_prune", r->suggest_prune);
	json_end(&j);
	buf_adds(&b, "\n");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

/* What brings the rest back into order, in the order in which it is done. */
static void add_remedies(struct buf *b, const struct findings *f,
			 const struct check_result *r)
{
	char hex[ID_HEX + 1];

	buf_adds(b, "\nTo save what is whole and remove the rest, once you "
		    "have a copy of the repository\nor know that the disk and "
		    "memory are good:\n");
	if (r->suggest_repair_index)
		buf_adds(b, "  ferry repo repair index   (then check again: "
			    "more may come to light)\n");
	if (f->packs.n) {
		buf_adds(b, "  ferry repo repair packs");
		for (size_t i = 0; i < f->packs.n; i++)
			buf_addf(b, " %s", id_hex(&f->packs.at[i], hex));
		buf_adds(b, "\n");
	}
	if (f->packs.n || f->trees || r->suggest_repair_index)
		buf_adds(b, "  ferry backup ...   (what is still there on the "
			    "machine heals old snapshots, too)\n"
			    "  ferry repo repair snapshots --forget\n");
	if (f->snapshots)
		buf_adds(b, "  ferry repo recover   (finds the folders of "
			    "snapshots that cannot be read;\n"
			    "  remove the damaged files below snapshots/ "
			    "afterwards)\n");
	if (f->keys)
		buf_adds(b, "  ferry repo key add   (and remove the damaged "
			    "file below keys/)\n");
}

static int print_text(struct cmd_ctx *cx, const struct findings *f,
		      const struct check_result *r)
{
	struct buf b = BUF_INIT;
	int rc;

	buf_addf(&b,
		 "%" PRIu64 " snapshot%s, %" PRIu64 " packs, %" PRIu64 " blobs",
		 r->snapshots, r->snapshots == 1 ? "" : "s", r->packs,
		 r->blobs);
	if (r->packs_read)
		buf_addf(&b, "; %" PRIu64 " packs read", r->packs_read);
	buf_adds(&b, "\n");
	if (r->orphans)
		buf_addf(&b,
			 "%" PRIu64 " packs are named by no index: no damage; "
			 "prune removes them\n",
			 r->orphans);
	if (r->errors)
		add_remedies(&b, f, r);
	else
		buf_adds(&b, "no errors were found\n");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

static int check_session(struct cmd_ctx *cx, struct repo_session *s,
			 struct repo_report *report, struct check_opt *opt)
{
	const struct check_opts *o = cx->opts;
	struct findings f = { .cx = cx };
	struct snapshot_filter filter;
	struct check_result result;
	int rc = snapshot_filter_of(cx, &o->filter, &filter);

	opt->filter = &filter;
	opt->progress = &report->progress;
	opt->tell = tell;
	opt->arg = &f;
	if (rc == 0)
		rc = check_run(s->repo, &cx->op, opt, &result);
	repo_report_stop(report);
	if (rc == 0 && cx->globals->json)
		rc = print_summary(cx, &f, &result);
	else if (rc == 0)
		rc = print_text(cx, &f, &result);
	if (rc == 0 && result.errors)
		rc = err_set(&cx->op.err, ERR_CORRUPT,
			     "the repository has %" PRIu64 " error%s",
			     result.errors, result.errors == 1 ? "" : "s");
	ids_free(&f.packs);
	return rc;
}

static int check_cmd_run(struct cmd_ctx *cx)
{
	const struct check_opts *o = cx->opts;
	struct check_opt opt = { .read_data = o->read_data };
	struct repo_report report;
	struct repo_session s;
	int rc;

	if (parse_subset(cx, o, &opt) < 0)
		return -1;
	repo_report_begin(&report, cx, cx->globals->json);
	rc = repo_begin(cx, &o->repo, REPO_SHARED, &s);
	if (rc == 0)
		rc = check_session(cx, &s, &report, &opt);
	repo_end(&s);
	repo_report_free(&report);
	return rc;
}

static const struct cmd_example check_examples[] = {
	{ "ferry repo check -r /srv/backup", "everything is there" },
	{ "ferry repo check -r nas:backup --read-data-subset 1/7",
	  "and a seventh of it is whole: another one every day" },
	{ 0 }
};

const struct cmd cmd_repo_check = {
	.name = "repo check",
	.summary = "look for damage in a repository",
	.about = "Keys, snapshots and index are read, the packs' sizes "
		 "compared, and every folder of\nevery snapshot read; with "
		 "--read-data also every byte of the files' content.  Each\n"
		 "damage is named, and the files of each snapshot that it "
		 "touches; in the end, what\nrepairs it.  The exit status is "
		 "1 if there is any.",
	.groups = check_groups,
	.opts_size = sizeof(struct check_opts),
	.defaults = &check_defaults,
	.examples = check_examples,
	.run = check_cmd_run,
};
