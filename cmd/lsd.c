/* ferry lsd PLACE: the folders in a folder. */

#include "cmd/cmd.h"

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/out.h"
#include "lib/parse.h"

struct lsd_opts {
	struct filter_opts filter;
	bool copy_links;
	bool recursive;
};

static const struct lsd_opts defaults = { .filter = FILTER_OPTS_INIT };

static const struct opt flags[] = { OPT_AT(OPT_BOOL, 'R', "recursive", NULL,
					   struct lsd_opts, recursive,
					   "go into all folders"),
				    LIST_COPY_LINKS(struct lsd_opts),
				    { .type = OPT_END } };

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct lsd_opts, filter) },
	{ 0 }
};

struct lsd {
	bool json;
	struct buf line;
};

/* rclone's columns; size and number of entries are never known here. */
static void add_text(struct buf *b, const char *path, const struct entry *e)
{
	struct buf time = BUF_INIT;

	if (e->mtime == MTIME_UNKNOWN)
		buf_adds(&time, "-");
	else
		show_time(&time, e->mtime, 0);
	buf_addf(b, "%12d %19s %9d ", -1, time.data, -1);
	out_add_name(b, path);
	buf_free(&time);
}

static int show(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct lsd *lsd = arg;
	struct json j = JSON_INIT(&lsd->line);

	if (e->kind != ENTRY_DIR)
		return 0;
	if (lsd->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_time(&j, "mtime", e->mtime);
		json_end(&j);
	} else {
		add_text(&lsd->line, path, e);
	}
	return out_line(op, &lsd->line);
}

static int lsd_run(struct cmd_ctx *cx)
{
	const struct lsd_opts *o = cx->opts;
	struct lsd lsd = { .json = cx->globals->json, .line = BUF_INIT };
	struct list l;
	int rc;

	cx->remotes->copy_links = o->copy_links;
	rc = list_open(&l, cx, cx->argv[0], &o->filter);
	l.max_depth = list_depth(l.max_depth, o->recursive);
	if (rc == 0)
		rc = list_walk(&l, 1, show, &lsd);
	buf_free(&lsd.line);
	return list_end(&l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry lsd nas:", "the folders at the top of the remote" },
	{ "ferry lsd -R --max-depth 2 ~/Photos", "two levels of folders" },
	{ 0 }
};

const struct cmd cmd_lsd = {
	.name = "lsd",
	.args = "PLACE",
	.summary = "list folders",
	.about = "Prints a line for each folder in PLACE: its size and the "
		 "number of its entries (both -1, as in rclone where they are "
		 "not known), and between them its modification time in local "
		 "time; then its path.\n\n"
		 "Only PLACE itself is read, unless -R or --max-depth asks for "
		 "more.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct lsd_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = lsd_run,
};
