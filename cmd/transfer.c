#include "cmd/transfer.h"

#include "cmd/globals.h"
#include "cmd/report.h"

const struct transfer_flags transfer_default = {
	.sync = SYNC_FLAGS_INIT,
	.filter = FILTER_OPTS_INIT,
};

#define AT(field) offsetof(struct transfer_flags, field)
#define COMMON                                                               \
	{ "Flags", sync_run_flags, AT(sync) },                               \
		{ "Flags of the comparison", sync_compare_flags, AT(sync) }, \
	{                                                                    \
		"Filter flags", filter_flags, AT(filter)                     \
	}

const struct opt_group transfer_copy_groups[] = { COMMON, { NULL, NULL, 0 } };

const struct opt_group transfer_move_groups[] = { COMMON,
						  { "Flags of a move",
						    sync_move_flags, AT(sync) },
						  { NULL, NULL, 0 } };

const struct opt_group transfer_sync_groups[] = {
	COMMON,
	{ "Flags of a sync", sync_delete_flags, AT(sync) },
	{ NULL, NULL, 0 }
};

/* All that one run has open. */
struct transfer {
	struct cmd_ctx *cx;
	struct sync_opts opts;
	struct filter *filter;
	struct backend *src, *dst, *backup;
	const char *file; /* the source is this one; NULL: a folder */
	const char *name; /* what it will be called */
	struct report report;
	struct sync_run *run;
};

static void view(void *arg, struct progress_view *v)
{
	struct transfer *t = arg;

	v->n_flights = sync_flights(t->run, v->flights, PROGRESS_FLIGHTS);
	report_view(&t->report, v);
}

static int read_flags(struct transfer *t, enum sync_mode mode)
{
	const struct transfer_flags *f = t->cx->opts;
	struct op *op = &t->cx->op;

	if (sync_flags_apply(&f->sync, &t->opts, &op->err) < 0 ||
	    filter_opts_make(&f->filter, op, &t->filter) < 0)
		return -1;
	t->opts.mode = mode;
	t->opts.filter = t->filter;
	t->opts.max_depth = (int)f->filter.max_depth;
	t->cx->remotes->metadata = f->sync.metadata;
	t->cx->remotes->copy_links = f->sync.copy_links;
	return 0;
}

static int open_places(struct transfer *t, bool to)
{
	const struct transfer_flags *f = t->cx->opts;
	struct remotes *remotes = t->cx->remotes;
	struct op *op = &t->cx->op;
	char **argv = t->cx->argv;

	if (remote_open_source(remotes, argv[0], op, &t->src, &t->file) < 0)
		return -1;
	t->name = t->file;
	/* A link at the destination is replaced, not written through. */
	remotes->copy_links = false;
	if (f->sync.backup_dir &&
	    remote_open(remotes, f->sync.backup_dir, op, &t->backup) < 0)
		return -1;
	t->opts.backup = t->backup;
	if (t->file && to)
		return remote_open_parent(remotes, argv[1], op, &t->dst,
					  &t->name);
	return remote_open(remotes, argv[1], op, &t->dst);
}

static int run(struct transfer *t)
{
	struct sync_report to = { .event = report_event,
				  .arg = &t->report,
				  .skips = log_max >= LOG_DEBUG };
	struct op *op = &t->cx->op;
	struct progress progress;
	int rc;

	report_init(&t->report, t->cx, t->opts.dry_run);
	t->run = sync_new(t->src, t->dst, &t->opts, &t->report.stats, &to,
			  remotes_memory(t->cx->remotes, op));
	progress_start(&progress, t->cx, view, t, t->opts.dry_run);
	rc = t->file ? sync_file(t->run, op, t->file, t->name)
		     : sync_tree(t->run, op);
	progress_stop(&progress);
	sync_free(t->run);
	rc = report_end(&t->report, rc);
	report_free(&t->report);
	return rc;
}

int transfer_run(struct cmd_ctx *cx, enum sync_mode mode, bool to)
{
	struct transfer t = { .cx = cx };
	int rc = -1;

	if (read_flags(&t, mode) == 0 && open_places(&t, to) == 0)
		rc = run(&t);
	be_close(t.src);
	be_close(t.dst);
	be_close(t.backup);
	filter_free(t.filter);
	return rc;
}
