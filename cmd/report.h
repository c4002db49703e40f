#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include "cmd/progress.h"
#include "lib/vec.h"
#include "sync/sync.h"

enum { REPORT_FAILURES = 100 }; /* named again in the summary */

VEC(report_lines, char *);

/* What a run of sync tells, while it goes on and at its end. */
struct report {
	struct cmd_ctx *cx;
	bool dry_run;
	struct op out;                /* for results, of whichever thread */
	struct sync_stats stats;      /* the run's */
	int64_t done[ACTION_COUNT];   /* events */
	int64_t bytes;                /* of files copied, or to be copied */
	struct report_lines failures; /* the first ones */
	int64_t started;
};

void report_init(struct report *r, struct cmd_ctx *cx, bool dry_run);
void report_free(struct report *r);

/* The functions of sync_report, with the report as their `arg`. */
void report_event(void *arg, const struct sync_event *e);

/* Counts of the run for the progress display. */
void report_view(const struct report *r, struct progress_view *v);

/*
 * Print the summary of a run that returned `rc` with cx->op.err.  Returns how
 * the command ends.
 */
int report_end(struct report *r, int rc) MUST_CHECK;

#endif
