/* ferry about REMOTE: how much room there is. */

#include "cmd/cmd.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/out.h"
#include "lib/parse.h"

struct about_opts {
	bool full;
};

static const struct about_opts defaults = { 0 };

static const struct opt flags[] = {
	OPT_AT(OPT_BOOL, 0, "full", NULL, struct about_opts, full,
	       "bytes instead of MiB, GiB and so on"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

static void add_bytes(struct buf *b, const char *what, int64_t n, bool full)
{
	if (n < 0)
		return;
	buf_addf(b, "%-9s", what);
	if (full)
		buf_addf(b, "%" PRId64, n);
	else
		show_size(b, n);
	buf_adds(b, "\n");
}

static void add_text(struct buf *b, const struct quota *q, bool full)
{
	add_bytes(b, "Total:", q->total, full);
	add_bytes(b, "Used:", q->used, full);
	add_bytes(b, "Free:", q->free, full);
	add_bytes(b, "Trashed:", q->trashed, full);
	if (q->objects >= 0)
		buf_addf(b, "%-9s%" PRId64 "\n", "Objects:", q->objects);
}

static void add_json(struct buf *b, const struct quota *q)
{
	const struct {
		const char *key;
		int64_t n;
	} all[] = {
		{ "total", q->total },     { "used", q->used },
		{ "free", q->free },       { "trashed", q->trashed },
		{ "objects", q->objects },
	};
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].n >= 0)
			json_int(&j, all[i].key, all[i].n);
	json_end(&j);
	buf_adds(b, "\n");
}

static int about_run(struct cmd_ctx *cx)
{
	const struct about_opts *o = cx->opts;
	struct op *op = &cx->op;
	struct backend *be = NULL;
	struct buf b = BUF_INIT;
	struct quota q;
	int rc = remote_open(cx->remotes, cx->argv[0], op, &be);

	if (rc == 0)
		rc = be_quota(be, op, &q);
	if (rc == 0 && cx->globals->json)
		add_json(&b, &q);
	else if (rc == 0)
		add_text(&b, &q, o->full);
	if (rc == 0)
		rc = out_write(op, b.data, b.len);
	buf_free(&b);
	be_close(be);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry about photos:", "how much is used, and how much is left" },
	{ "ferry about photos: --full", "the same in bytes" },
	{ 0 }
};

const struct cmd cmd_about = {
	.name = "about",
	.args = "PLACE",
	.summary = "show how much room there is",
	.about = "Prints how much can be stored where PLACE is, how much is "
		 "used and how much is free; also what lies in the trash and "
		 "how many files there are, where the service tells. What it "
		 "does not know, or has no limit for, is left out.\n\n"
		 "With --json: an object with those of total, used, free, "
		 "trashed (bytes) and objects (files) that are known.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct about_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = about_run,
};
