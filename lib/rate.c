#include "lib/rate.h"

#include "lib/clock.h"

enum { BURST_NS = 250 * 1000 * 1000 };

/* Ten years: what takes longer is as good as never, and nothing overflows. */
#define LONGEST_NS (10 * 365 * 86400 * NS_PER_SEC)

void rate_init(struct rate *r, double per_second)
{
	*r = (struct rate){ .per_second = per_second };
	pthread_mutex_init(&r->lock, NULL);
}

void rate_free(struct rate *r)
{
	pthread_mutex_destroy(&r->lock);
}

int rate_take(struct rate *r, struct op *op, int64_t n)
{
	int64_t now, wait;
	double cost;

	if (r->per_second <= 0)
		return op_check(op);
	cost = (double)n * 1e9 / r->per_second;
	now = clock_mono();
	pthread_mutex_lock(&r->lock);
	if (r->next < now - BURST_NS)
		r->next = now - BURST_NS;
	r->next += cost < LONGEST_NS ? (int64_t)cost : LONGEST_NS;
	if (r->next > now + LONGEST_NS)
		r->next = now + LONGEST_NS;
	wait = r->next - now;
	pthread_mutex_unlock(&r->lock);
	while (wait > 0) {
		int64_t step = wait < NS_PER_SEC ? wait : NS_PER_SEC;

		if (op_sleep(op, (unsigned)(step / 1000000 + 1)) < 0)
			return -1;
		wait -= step;
	}
	return op_check(op);
}
