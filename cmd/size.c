/* ferry size PLACE: how many files, how many bytes. */

#include "cmd/cmd.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/out.h"
#include "lib/parse.h"

struct size_opts {
	struct filter_opts filter;
	bool copy_links;
};

static const struct size_opts defaults = { .filter = FILTER_OPTS_INIT };

static const struct opt flags[] = { LIST_COPY_LINKS(struct size_opts),
				    { .type = OPT_END } };

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct size_opts, filter) },
	{ 0 }
};

struct totals {
	_Atomic int64_t count, bytes, sizeless;
};

static int add(void *arg, struct op *op, const char *path,
	       const struct entry *e)
{
	struct totals *t = arg;

	(void)op;
	(void)path;
	if (e->kind == ENTRY_DIR)
		return 0;
	atomic_fetch_add(&t->count, 1);
	if (e->size == SIZE_UNKNOWN)
		atomic_fetch_add(&t->sizeless, 1);
	else
		atomic_fetch_add(&t->bytes, e->size);
	return 0;
}

/* "1.234k": rclone counts in thousands. */
static void add_count(struct buf *b, int64_t n)
{
	static const char units[] = "kMGTPE";
	double scaled = (double)n;
	size_t unit = 0;

	for (; scaled >= 1000; unit++)
		scaled /= 1000;
	if (unit == 0)
		buf_addf(b, "%" PRId64, n);
	else if (n % 1000 == 0 && scaled == (double)(int64_t)scaled)
		buf_addf(b, "%.0f%c", scaled, units[unit - 1]);
	else
		buf_addf(b, "%.3f%c", scaled, units[unit - 1]);
}

static void add_text(struct buf *b, struct totals *t)
{
	buf_adds(b, "Total objects: ");
	add_count(b, t->count);
	buf_addf(b, " (%" PRId64 ")\nTotal size: ", t->count);
	show_size(b, t->bytes);
	buf_addf(b, " (%" PRId64 " Byte)", t->bytes);
	if (t->sizeless) {
		buf_adds(b, "\nTotal objects with unknown size: ");
		add_count(b, t->sizeless);
		buf_addf(b, " (%" PRId64 ")", t->sizeless);
	}
}

static int size_run(struct cmd_ctx *cx)
{
	const struct size_opts *o = cx->opts;
	struct totals t = { 0 };
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	struct list l;
	int rc;

	cx->remotes->copy_links = o->copy_links;
	rc = list_open(&l, cx, cx->argv[0], &o->filter);
	if (rc == 0)
		rc = list_walk(&l, list_threads(l.be), add, &t);
	if (rc == 0 && cx->globals->json) {
		json_object(&j, NULL);
		json_int(&j, "count", t.count);
		json_int(&j, "bytes", t.bytes);
		json_int(&j, "sizeless", t.sizeless);
		json_end(&j);
	} else if (rc == 0) {
		add_text(&b, &t);
	}
	if (rc == 0)
		rc = out_line(&cx->op, &b);
	buf_free(&b);
	return list_end(&l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry size nas:Photos", "how much is there" },
	{ "ferry size ~ --exclude '/.cache/**' --json",
	  "the same for a script, without one folder" },
	{ 0 }
};

const struct cmd cmd_size = {
	.name = "size",
	.args = "PLACE",
	.summary = "count files and bytes",
	.about = "Counts the files below PLACE and adds up their sizes. "
		 "Symbolic links and special files count as files; a file "
		 "with several names counts once for each.\n\n"
		 "With --json: {\"count\":...,\"bytes\":...,\"sizeless\":...}, "
		 "the last being the number of files of unknown size.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct size_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = size_run,
};
