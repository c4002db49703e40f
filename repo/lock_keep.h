#ifndef REPO_LOCK_KEEP_H
#define REPO_LOCK_KEEP_H

#include <pthread.h>

#include "lib/clock.h"
#include "repo/lock.h"
#include "repo/who.h"

/*
 * A lock that is held: between lock.c (taking) and lock_keep.c (keeping).
 *
 * Others take it for stale after 30 minutes by their clocks, which need not be
 * ours.  So it is trusted for less, counted on a clock that goes on while the
 * machine sleeps.
 */
#define LOCK_REFRESH_NS (5 * 60 * NS_PER_SEC)
#define LOCK_TRUST_NS   (22 * 60 * NS_PER_SEC)

struct lock {
	struct repo *repo;
	struct who me;
	bool exclusive;
	struct cancel cancel; /* the thread's */
	pthread_t thread;

	pthread_mutex_t lock; /* guards what follows; not held in be_*() */
	pthread_cond_t wake;  /* monotonic; stop or busy has changed */
	bool stop;
	bool busy;        /* somebody refreshes it */
	bool lost;        /* somebody has removed it */
	struct id id;     /* its file now */
	struct id unsure; /* one that may have been written; or null */
	int64_t written;  /* boot time just before the file was */
};

/* ns since the machine was started, asleep or not. */
int64_t lock_clock(void);

/* Write a lock's file; `*id` is set also by a failure. */
int lock_write(struct repo *r, struct op *op, const struct who *me,
	       bool exclusive, struct id *id) MUST_CHECK;

/* Take over the file that was written at `written`, and keep it. */
struct lock *lock_keep(struct repo *r, const struct who *me, bool exclusive,
		       const struct id *id, int64_t written);

/* A new file in place of the old one. ERR_LOCKED if that was removed. */
int lock_refresh(struct lock *l, struct op *op) MUST_CHECK;

#endif
