/* ferry prune: remove what no snapshot needs. */

#include "cmd/prune.h"

#include <inttypes.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_report.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"

#define PRUNE(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct prune_flags, field, help)

const struct opt prune_opts[] = {
	PRUNE(OPT_STR, 0, "max-unused", "LIMIT", max_unused,
	      "leave so much unused where it is: a size, a share of the "
	      "repository, or \"unlimited\" (default 5%)"),
	PRUNE(OPT_STR, 0, "max-repack-size", "SIZE", max_repack,
	      "pack at most so much anew"),
	PRUNE(OPT_BOOL, 0, "repack-cacheable-only", NULL, cacheable_only,
	      "pack only folders anew, of which there are copies on this "
	      "machine"),
	PRUNE(OPT_BOOL, 0, "repack-small", NULL, small,
	      "pack anew what is below four fifths of a pack's size"),
	PRUNE(OPT_STR, 0, "repack-smaller-than", "SIZE", smaller_than,
	      "pack anew what is below this size"),
	PRUNE(OPT_BOOL, 0, "repack-uncompressed", NULL, uncompressed,
	      "compress what is not"),
	{ .type = OPT_END }
};

struct prune_cmd_opts {
	struct repo_flags repo;
	struct prune_flags prune;
	bool dry_run;
};

static const struct prune_cmd_opts prune_defaults = { 0 };

static const struct opt prune_own[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct prune_cmd_opts, dry_run,
	       "print what would be done, change nothing"),
	{ .type = OPT_END }
};

static const struct opt_group prune_groups[] = {
	{ "Flags", prune_own, 0 },
	PRUNE_GROUP(struct prune_cmd_opts, prune),
	REPO_GROUP(struct prune_cmd_opts, repo),
	{ 0 }
};

static int parse_unused(const char *s, struct prune_opt *out, struct err *e)
{
	size_t n = s ? strlen(s) : 0;
	char number[32];

	out->max_unused = -1;
	out->max_unused_part = 0.05;
	out->unlimited_unused = s && strcmp(s, "unlimited") == 0;
	if (!s || out->unlimited_unused)
		return 0;
	if (n > 1 && n < sizeof(number) && s[n - 1] == '%') {
		memcpy(number, s, n - 1);
		number[n - 1] = '\0';
		if (parse_decimal(number, &out->max_unused_part) &&
		    out->max_unused_part < 100) {
			out->max_unused_part /= 100;
			return 0;
		}
	} else if (parse_size(s, false, &out->max_unused) &&
		   out->max_unused >= 0) {
		return 0;
	}
	return err_set(e, ERR_INVALID,
		       "--max-unused: \"%s\" is not like 200M, 5%% (below "
		       "100%%) or unlimited",
		       s);
}

static int parse_bytes(const char *flag, const char *s, int64_t *out,
		       struct err *e)
{
	if (!s || (parse_size(s, false, out) && *out >= 0))
		return 0;
	return err_set(e, ERR_INVALID, "--%s: \"%s\" is no size", flag, s);
}

int prune_opt_of(const struct prune_flags *f, const struct repo_flags *r,
		 struct prune_opt *out, struct err *e)
{
	enum compression c;

	*out = (struct prune_opt){
		.max_repack = -1,
		.pack_size = (uint32_t)r->pack_size,
		.repack_small = f->small,
		.repack_uncompressed = f->uncompressed,
		.repack_cacheable_only = f->cacheable_only,
	};
	if (parse_unused(f->max_unused, out, e) < 0 ||
	    parse_bytes("max-repack-size", f->max_repack, &out->max_repack, e) <
		    0 ||
	    parse_bytes("repack-smaller-than", f->smaller_than, &out->small,
			e) < 0 ||
	    parse_compression(r, &c, e) < 0)
		return -1;
	if (f->uncompressed && c == COMPRESS_OFF)
		return err_set(e, ERR_INVALID,
			       "--repack-uncompressed and --compression off");
	if (out->small > PACK_SIZE_MAX)
		return err_set(e, ERR_INVALID,
			       "--repack-smaller-than: at most 128M");
	return 0;
}

/* What the callback needs. */
struct printing {
	struct cmd_ctx *cx;
	bool dry_run;
};

static void add_row(struct buf *b, const char *what, uint64_t blobs,
		    uint64_t bytes)
{
	buf_addf(b, "%-16s %9" PRIu64 " blobs / ", what, blobs);
	show_size(b, (int64_t)bytes);
	buf_adds(b, "\n");
}

static void add_packs(struct buf *b, const char *what, uint64_t n)
{
	buf_addf(b, "%-24s %6" PRIu64 " packs\n", what, n);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void add_what_is(struct buf *b, const struct prune_stats *s)
{
	uint64_t blobs = s->blobs_used + s->blobs_duplicate + s->blobs_unused;
	uint64_t bytes = s->bytes_used + s->bytes_duplicate + s->bytes_unused +
			 s->bytes_unreferenced;

	add_row(b, "used:", s->blobs_used, s->bytes_used);
	if (s->blobs_duplicate)
		add_row(b, "duplicates:", s->blobs_duplicate,
			s->bytes_duplicate);
	add_row(b, "unused:", s->blobs_unused, s->bytes_unused);
	if (s->packs_unreferenced) {
		buf_adds(b, "unreferenced:                      ");
		show_size(b, (int64_t)s->bytes_unreferenced);
		buf_adds(b, "\n");
	}
	add_row(b, "total:", blobs, bytes);
	buf_addf(b, "unused size: %.2f%% of total size\n\n",
		 percent(bytes - s->bytes_used, bytes));
}

static void add_plan(struct buf *b, const struct prune_stats *s)
{
	uint64_t go = s->bytes_removed + s->bytes_unreferenced;

	add_row(b, "to repack:", s->blobs_repacked, s->bytes_repacked);
	add_row(b, "this removes:", s->blobs_dropped, s->bytes_dropped);
	add_row(b, "to delete:", s->blobs_removed, go);
	add_row(b, "total prune:", s->blobs_removed + s->blobs_dropped,
		go + s->bytes_dropped);
	add_row(b, "remaining:", s->blobs_remaining, s->bytes_remaining);
	buf_adds(b, "unused size after prune: ");
	show_size(b, (int64_t)s->bytes_unused_after);
	buf_addf(b, " (%.2f%% of remaining size)\n",
		 percent(s->bytes_unused_after, s->bytes_remaining));
}

static void add_pack_counts(struct buf *b, const struct prune_stats *s)
{
	buf_adds(b, "\n");
	add_packs(b, "totally used packs:", s->packs_used);
	add_packs(b, "partly used packs:", s->packs_partly_used);
	add_packs(b, "unused packs:", s->packs_unused);
	buf_adds(b, "\n");
	add_packs(b, "to keep:", s->packs_kept);
	add_packs(b, "to repack:", s->packs_repacked);
	add_packs(b, "to delete:", s->packs_removed);
	if (s->packs_unreferenced)
		add_packs(b, "to delete, in no index:", s->packs_unreferenced);
}

static int print_plan(void *arg, struct op *op, const struct prune_stats *s)
{
	const struct printing *p = arg;
	struct buf b = BUF_INIT;
	int rc;

	if (s->packs_missing)
		log_notice(NULL,
			   "the index names %" PRIu64 " packs that are not "
			   "there, and not needed: this is put right",
			   s->packs_missing);
	if (p->cx->globals->json || p->cx->globals->quiet)
		return 0;
	if (p->dry_run)
		buf_adds(&b, "Would have made the following changes:\n\n");
	if (p->cx->globals->verbose)
		add_what_is(&b, s);
	add_plan(&b, s);
	if (p->cx->globals->verbose)
		add_pack_counts(&b, s);
	rc = result_put(p->cx, op, &b, true);
	buf_free(&b);
	return rc;
}

#define COUNT(member)                                         \
	{                                                     \
#member, offsetof(struct prune_stats, member) \
	}

static const struct {
	const char *name;
	size_t at;
} counts[] = {
	COUNT(blobs_used),         COUNT(bytes_used),
	COUNT(blobs_duplicate),    COUNT(bytes_duplicate),
	COUNT(blobs_unused),       COUNT(bytes_unused),
	COUNT(packs_used),         COUNT(packs_partly_used),
	COUNT(packs_unused),       COUNT(packs_unreferenced),
	COUNT(bytes_unreferenced), COUNT(packs_missing),
	COUNT(packs_kept),         COUNT(packs_repacked),
	COUNT(packs_removed),      COUNT(blobs_repacked),
	COUNT(bytes_repacked),     COUNT(blobs_dropped),
	COUNT(bytes_dropped),      COUNT(blobs_removed),
	COUNT(bytes_removed),      COUNT(blobs_remaining),
	COUNT(bytes_remaining),    COUNT(bytes_unused_after),
};

static int print_json(struct cmd_ctx *cx, const struct prune_stats *s,
		      bool dry_run)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int rc;

	json_object(&j, NULL);
	json_str(&j, "message_type", "summary");
	if (dry_run)
		json_bool(&j, "dry_run", true);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t v;

		memcpy(&v, (const char *)s + counts[i].at, sizeof(v));
		json_int(&j, counts[i].name, v);
	}
	json_end(&j);
	buf_adds(&b, "\n");
	rc = out_write(&cx->op, b.data, b.len);
	buf_free(&b);
	return rc;
}

int prune_and_print(struct cmd_ctx *cx, struct repo_session *s,
		    const struct prune_opt *opt, const struct id *forgotten,
		    size_t n)
{
	struct printing p = { .cx = cx, .dry_run = opt->dry_run };
	struct prune_opt own = *opt;
	struct prune_stats stats;
	struct repo_report report;
	int rc;

	repo_report_begin(&report, cx, false);
	own.planned = print_plan;
	own.arg = &p;
	own.progress = &report.progress;
	rc = prune_run(s->repo, &cx->op, s->lock, &own, forgotten, n, &stats);
	repo_report_stop(&report);
	if (rc == 0 && cx->globals->json)
		rc = print_json(cx, &stats, opt->dry_run);
	rc = repo_report_end(&report, rc);
	repo_report_free(&report);
	return rc;
}

static int prune_cmd_run(struct cmd_ctx *cx)
{
	const struct prune_cmd_opts *o = cx->opts;
	struct repo_session s = { 0 };
	struct prune_opt opt;
	int rc = prune_opt_of(&o->prune, &o->repo, &opt, &cx->op.err);

	opt.dry_run = o->dry_run;
	if (rc == 0)
		rc = repo_begin(cx, &o->repo,
				o->dry_run && o->repo.no_lock ? REPO_NO_LOCK
							      : REPO_EXCLUSIVE,
				&s);
	if (rc == 0)
		rc = prune_and_print(cx, &s, &opt, NULL, 0);
	repo_end(&s);
	return rc;
}

static const struct cmd_example prune_examples[] = {
	{ "ferry prune -r nas:backup", "make room after ferry forget" },
	{ "ferry prune -r nas:backup --max-unused unlimited",
	  "only remove packs that nobody needs, move nothing" },
	{ 0 }
};

#define PRUNE_COMMAND                                                          \
	.summary = "remove data that no snapshot needs",                       \
	.about =                                                               \
		"Packs of which nothing is needed are removed. Of those of "   \
		"which little is needed,\nthat is moved to new ones, as it "   \
		"is: it is neither decrypted nor compressed again.\n\nMay be " \
		"broken off at any point: new packs and the new index are "    \
		"stored before\nanything is removed. Nothing is done if data " \
		"that a snapshot needs is missing.",                           \
	.groups = prune_groups, .opts_size = sizeof(struct prune_cmd_opts),    \
	.defaults = &prune_defaults, .examples = prune_examples,               \
	.run = prune_cmd_run

const struct cmd cmd_prune = { .name = "prune", PRUNE_COMMAND };
const struct cmd cmd_repo_prune = { .name = "repo prune", PRUNE_COMMAND };
