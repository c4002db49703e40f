#ifndef REPO_PROGRESS_H
#define REPO_PROGRESS_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/op.h"

/*
 * How far a long piece of work is, counted where it happens and read by
 * whoever shows it.  All zero is a good beginning, but for the lock.
 */
enum { PROGRESS_CURRENT = 4, PROGRESS_NAME = 512 };

struct repo_progress {
	_Atomic int64_t files_total, bytes_total; /* known so far */
	_Atomic bool total_known;                 /* they will not grow */
	_Atomic int64_t files_done, bytes_done;
	_Atomic int64_t errors;

	pthread_mutex_t lock;                          /* guards what follows */
	char current[PROGRESS_CURRENT][PROGRESS_NAME]; /* "" none; cut */
};

void progress_init(struct repo_progress *p);
void progress_free(struct repo_progress *p);

/* A file is being worked on, in the slot returned; and no longer. */
int progress_enter(struct repo_progress *p, const char *name);
void progress_leave(struct repo_progress *p, int slot);

/*
 * What went wrong with one item, while the whole goes on: the failure is in
 * op->err.  Called from any thread, several at once.  `during`: "archival",
 * "scan", "restore", ...
 */
struct repo_errors {
	void (*tell)(struct repo_errors *e, struct op *op, const char *item,
		     const char *during);
};

#endif
