#ifndef CMD_REPO_REPORT_H
#define CMD_REPO_REPORT_H

#include "cmd/progress.h"
#include "repo/progress.h"

/*
 * What a command on a repository tells while it works: the display, and each
 * item that failed at once, as a message or (--json) as restic's
 * {"message_type":"error",...} on standard error.
 */
struct repo_report {
	struct cmd_ctx *cx;
	struct repo_errors errors; /* to be given to repo/ */
	struct repo_progress progress;
	struct progress display;
	int64_t started;  /* monotonic ns */
	pthread_t ticker; /* --json: a "status" line every second */
	bool ticks;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	bool over;
	bool restoring; /* "files_restored" instead of "files_done" */
};

/* `results`: as for progress_start(). */
void repo_report_begin(struct repo_report *r, struct cmd_ctx *cx, bool results);

/* From now on a status line has the names that restic's restore gives. */
void repo_report_restoring(struct repo_report *r);

/* Take the display away; counts stay. */
void repo_report_stop(struct repo_report *r);
void repo_report_free(struct repo_report *r);

/* How the command ends when `rc` is how it went: ERR_PARTIAL if items failed.
 */
int repo_report_end(struct repo_report *r, int rc) MUST_CHECK;

#endif
