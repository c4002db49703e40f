/* ferry ls PLACE: the files below a folder, with their sizes. */

#include "cmd/cmd.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/out.h"

struct ls_opts {
	struct filter_opts filter;
	bool copy_links, versions;
};

static const struct ls_opts defaults = { .filter = FILTER_OPTS_INIT };

static const struct opt flags[] = { LIST_COPY_LINKS(struct ls_opts),
				    LIST_VERSIONS(struct ls_opts),
				    { .type = OPT_END } };

static const struct opt_group groups[] = { { "Flags", flags, 0 },
					   { "Filter flags", filter_flags,
					     offsetof(struct ls_opts, filter) },
					   { 0 } };

struct ls {
	bool json;
	struct buf line;
};

static int show(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct ls *ls = arg;
	struct json j = JSON_INIT(&ls->line);

	if (e->kind == ENTRY_DIR)
		return 0;
	if (ls->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_str(&j, "kind", entry_kind_name(e->kind));
		json_int(&j, "size", e->size);
		json_end(&j);
	} else {
		buf_addf(&ls->line, "%9" PRId64 " ", e->size);
		out_add_name(&ls->line, path);
	}
	return out_line(op, &ls->line);
}

static int ls_run(struct cmd_ctx *cx)
{
	const struct ls_opts *o = cx->opts;
	struct ls ls = { .json = cx->globals->json, .line = BUF_INIT };
	struct list l;
	int rc;

	cx->remotes->copy_links = o->copy_links;
	rc = list_open(&l, cx, cx->argv[0], &o->filter);
	l.versions = o->versions;
	if (rc == 0)
		rc = list_walk(&l, 1, show, &ls);
	buf_free(&ls.line);
	return list_end(&l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry ls ~/Photos", "all photos with their sizes" },
	{ "ferry ls nas:docs --include '*.pdf' --max-depth 1",
	  "the PDF files of one folder" },
	{ 0 }
};

const struct cmd cmd_ls = {
	.name = "ls",
	.args = "PLACE",
	.summary = "list files with their sizes",
	.about = "Prints a line with the size in bytes and the path of each "
		 "file below PLACE, in the order of the paths. Symbolic links "
		 "and special files are listed like files, or with -L what "
		 "the links lead to.\n\n"
		 "It goes into all folders; --max-depth 1 stays in the first. "
		 "A folder that cannot be read is named, the others are "
		 "listed, and the exit status is 3.\n\n"
		 "lsf and lsjson are made for scripts.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct ls_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = ls_run,
};
