/* ferry delete PLACE: remove the files that the filters select. */

#include "cmd/cmd.h"

#include "cmd/change.h"

struct delete_opts {
	struct filter_opts filter;
	bool rmdirs, dry_run;
};

static const struct delete_opts defaults = { .filter = FILTER_OPTS_INIT };

#define FLAG(type, letter, name, field, help) \
	OPT_AT(type, letter, name, NULL, struct delete_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_BOOL, 0, "rmdirs", rmdirs,
	     "then remove the empty folders, but not PLACE"),
	FLAG(OPT_BOOL, 'n', "dry-run", dry_run,
	     "print what would be removed, and remove nothing"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = {
	{ "Flags", flags, 0 },
	{ "Filter flags", filter_flags, offsetof(struct delete_opts, filter) },
	{ 0 }
};

struct delete
{
	struct list list;
	bool dry_run;
};

/* From several threads at once. */
static int delete_file(void *arg, struct op *op, const char *path,
		       const struct entry *e)
{
	struct delete *d = arg;
	struct change c = { .verb = CHANGE_DELETE,
			    .path = path,
			    .dry_run = d->dry_run };

	if (e->kind == ENTRY_DIR)
		return 0;
	if (!d->dry_run && be_unlink(d->list.be, op, path) < 0) {
		if (op->err.kind == ERR_NOT_FOUND) { /* gone by itself */
			err_clear(&op->err);
			return 0;
		}
		return list_failed(&d->list, op);
	}
	return change_say(d->list.cx, op, &c);
}

static int delete_run(struct cmd_ctx *cx)
{
	const struct delete_opts *o = cx->opts;
	struct delete d = { .dry_run = o->dry_run };
	struct empty_dirs empty = { .dry_run = o->dry_run,
				    .files_gone = o->dry_run };
	struct list *l = &d.list;
	int rc = list_open(l, cx, cx->argv[0], &o->filter);

	if (rc == 0) /* the plan of a dry run is in order */
		rc = list_walk(l, o->dry_run ? 1 : list_threads(l->be),
			       delete_file, &d);
	l->named = true;
	if (rc == 0 && o->rmdirs && !l->file)
		rc = change_remove_empty(l, &empty);
	return list_end(l, rc);
}

static const struct cmd_example examples[] = {
	{ "ferry delete -n nas:Photos --include '*.tmp'",
	  "what would be deleted" },
	{ "ferry delete nas:Photos --include '*.tmp' --rmdirs",
	  "delete it, and the folders that are empty then" },
	{ "ferry delete nas:backup --min-age 1y", "what is older than a year" },
	{ 0 }
};

const struct cmd cmd_delete = {
	.name = "delete",
	.args = "PLACE",
	.summary = "delete the files in a folder",
	.about = "Deletes the files below PLACE that the filters select; "
		 "without filters, all of them. Folders stay, unless --rmdirs "
		 "is given. Symbolic links are deleted, never what they point "
		 "to.\n\n"
		 "A file that cannot be deleted is named, the others go, and "
		 "the exit status is 3. Try it with --dry-run first.",
	.min_args = 1,
	.max_args = 1,
	.groups = groups,
	.opts_size = sizeof(struct delete_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = delete_run,
};
