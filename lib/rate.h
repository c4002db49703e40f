#ifndef LIB_RATE_H
#define LIB_RATE_H

#include "lib/op.h"
#include "lib/timetable.h"

/*
 * A limit on bytes (or requests) a second, shared by threads.  Takers that
 * come too early sleep; a quarter of a second's worth may go in one burst.
 */
struct rate {
	pthread_mutex_t lock; /* guards what follows, but timetable */
	double per_second;    /* 0: no limit */
	int64_t next;         /* monotonic ns when the account is even again */
	const struct timetable *timetable; /* or NULL */
	int64_t look_at;                   /* into it again, monotonic ns */
	unsigned changes;                  /* that it made */
};

void rate_init(struct rate *r, double per_second);
/* Before any taker: from now on the limit is what `t` says at the time. */
void rate_follow(struct rate *r, const struct timetable *t);
void rate_free(struct rate *r);

/* Take `n` and sleep until they are due. -1 once the work was called off. */
int rate_take(struct rate *r, struct op *op, int64_t n) MUST_CHECK;

#endif
