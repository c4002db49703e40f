#ifndef LIB_RATE_H
#define LIB_RATE_H

#include "lib/op.h"

/*
 * A limit on bytes (or requests) a second, shared by threads.  Takers that
 * come too early sleep; a quarter of a second's worth may go in one burst.
 */
struct rate {
	pthread_mutex_t lock; /* guards next */
	double per_second;    /* 0: no limit */
	int64_t next;         /* monotonic ns when the account is even again */
};

void rate_init(struct rate *r, double per_second);
void rate_free(struct rate *r);

/* Take `n` and sleep until they are due. -1 once the work was called off. */
int rate_take(struct rate *r, struct op *op, int64_t n) MUST_CHECK;

#endif
