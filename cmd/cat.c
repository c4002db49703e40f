/* ferry cat PLACE...: the content of files. */

#include "cmd/cmd.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/out.h"

struct cat_opts {
	struct filter_opts filter;
	bool copy_links;
	int64_t head, tail, count; /* -1: not given */
	int64_t offset;
	bool discard;
};

static const struct cat_opts defaults = {
	.filter = FILTER_OPTS_INIT, .head = -1, .tail = -1, .count = -1
};

#define FLAG(type, name, arg, field, help) \
	OPT_AT(type, 0, name, arg, struct cat_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_INT, "head", "N", head, "only the first N bytes of each"),
	FLAG(OPT_INT, "tail", "N", tail, "only the last N bytes of each"),
	FLAG(OPT_INT, "offset", "N", offset,
	     "from byte N on; a negative one counts from the end"),
	FLAG(OPT_INT, "count", "N", count, "N bytes at most"),
	FLAG(OPT_BOOL, "discard", NULL, discard,
	     "read everything, print nothing"),
	LIST_COPY_LINKS(struct cat_opts),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct cat_opts, filter) },
	{ 0 }
};

struct cat {
	struct list list;
	struct sink sink;
	int64_t offset, count; /* which part of each file; count -1: the rest */
	int64_t skip, rest;    /* of what comes for this one, the same */
	int64_t got;           /* of this one, so far */
	bool discard;
};

static int print(struct sink *dst, struct op *op, const void *buf, size_t n)
{
	struct cat *cat = container_of(dst, struct cat, sink);
	const char *p = buf;

	if (cat->skip >= (int64_t)n) {
		cat->skip -= (int64_t)n;
		return 0;
	}
	p += cat->skip;
	n -= (size_t)cat->skip;
	cat->skip = 0;
	if (cat->rest >= 0) {
		if ((int64_t)n > cat->rest)
			n = (size_t)cat->rest;
		cat->rest -= (int64_t)n;
	}
	cat->got += (int64_t)n;
	return cat->discard ? 0 : out_write(op, p, n);
}

/* Where to begin in this file, or -1. */
static int64_t begin_of(const struct cat *cat, struct op *op, const char *path,
			const struct entry *e)
{
	if (cat->offset >= 0)
		return cat->offset;
	if (e->size == SIZE_UNKNOWN)
		return err_set(
			&op->err, ERR_UNSUPPORTED,
			"\"%s\": its end cannot be found, since its size "
			"is not known",
			path);
	return cat->offset + e->size > 0 ? cat->offset + e->size : 0;
}

/* Less than was there is no success, whatever the service says. */
static int check_complete(const struct cat *cat, struct op *op,
			  const char *path, int64_t want)
{
	if (cat->count >= 0 && want > cat->count)
		want = cat->count;
	if (cat->got >= want)
		return 0;
	return err_set(&op->err, ERR_CONFLICT,
		       "\"%s\": only %" PRId64 " of %" PRId64 " bytes came",
		       path, cat->got, want);
}

static int cat_file(struct cat *cat, struct op *op, const char *path,
		    const struct entry *e)
{
	struct backend *be = cat->list.be;
	struct get_opt part = { .len = -1, .tag = e->tag, .want = &e->hash };
	int64_t begin;

	if (e->kind != ENTRY_FILE)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "\"%s\" is a %s and has no content", path,
			       e->kind == ENTRY_LINK ? "symbolic link"
						     : "special file");
	begin = begin_of(cat, op, path, e);
	if (begin < 0)
		return -1;
	if (cat->count == 0 || (e->size != SIZE_UNKNOWN && begin > e->size))
		return 0;
	cat->skip = begin;
	cat->rest = cat->count;
	cat->got = 0;
	if (be_can(be, BE_RANGE)) {
		part.off = begin;
		part.len = cat->count;
		cat->skip = 0;
	}
	if (be_get(be, op, path, &part, &cat->sink) < 0)
		return -1;
	if (e->size == SIZE_UNKNOWN)
		return 0;
	return check_complete(cat, op, path, e->size - begin);
}

/* In a folder: what has no content is passed over, as in rclone. */
static int each(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct cat *cat = arg;

	if (e->kind != ENTRY_FILE && !cat->list.file)
		return 0;
	if (cat_file(cat, op, path, e) < 0)
		return list_failed(&cat->list, op);
	return 0;
}

static int cat_place(struct cat *cat, struct cmd_ctx *cx, const char *place)
{
	const struct cat_opts *o = cx->opts;
	int rc = list_open(&cat->list, cx, place, &o->filter);

	if (rc == 0)
		rc = list_walk(&cat->list, 1, each, cat);
	return list_end(&cat->list, rc);
}

static int choose_part(struct cat *cat, const struct cat_opts *o, struct err *e)
{
	bool section = o->offset != 0 || o->count >= 0;

	if ((o->head >= 0) + (o->tail >= 0) + section > 1)
		return err_set(e, ERR_INVALID,
			       "only one of --head, --tail, or --offset with "
			       "--count can be used");
	if (o->head < -1 || o->tail < -1 || o->count < -1)
		return err_set(e, ERR_INVALID,
			       "--head, --tail and --count take no negative "
			       "number");
	cat->offset = o->tail >= 0 ? -o->tail : o->offset;
	cat->count = o->head >= 0 ? o->head : o->tail == 0 ? 0 : o->count;
	return 0;
}

static int cat_run(struct cmd_ctx *cx)
{
	const struct cat_opts *o = cx->opts;
	struct cat cat = { .sink = { .write = print }, .discard = o->discard };
	int rc = 0;

	if (cx->globals->json)
		return err_set(&cx->op.err, ERR_INVALID,
			       "cat prints the files themselves, which --json "
			       "has no form for");
	if (choose_part(&cat, o, &cx->op.err) < 0)
		return -1;
	cx->remotes->copy_links = o->copy_links;
	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = cat_place(&cat, cx, cx->argv[i]);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry cat nas:notes.txt", "one file" },
	{ "ferry cat nas:logs --include '*.log' --tail 200",
	  "the end of each log" },
	{ "ferry cat nas:disk.img --offset 512 --count 16 | xxd",
	  "a few bytes from the middle, without reading the rest" },
	{ 0 }
};

const struct cmd cmd_cat = {
	.name = "cat",
	.args = "PLACE...",
	.summary = "print files",
	.about = "Prints the content of each file given; of a folder, that of "
		 "all files below it that the filters select, in the order of "
		 "their paths.\n\n"
		 "--head, --tail, or --offset with --count take a part of "
		 "each file; only that part is read.",
	.min_args = 1,
	.max_args = -1,
	.groups = groups,
	.opts_size = sizeof(struct cat_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = cat_run,
};
