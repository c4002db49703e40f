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

void rate_follow(struct rate *r, const struct timetable *t)
{
	r->timetable = t;
}

/* Look into the timetable, once a second. */
static void follow(struct rate *r, int64_t now)
{
	double limit;

	if (!r->timetable || now < r->look_at)
		return;
	r->look_at = now + NS_PER_SEC;
	limit = (double)timetable_at(r->timetable,
				     timetable_minute(clock_wall()));
	if (limit == r->per_second)
		return;
	/* what was to be waited for under the old limit is forgiven */
	r->per_second = limit;
	r->next = now;
	r->changes++;
}

static int64_t enter(struct rate *r, int64_t n, int64_t now)
{
	double cost;

	if (r->per_second <= 0)
		return 0;
	cost = (double)n * 1e9 / r->per_second;
	if (r->next < now - BURST_NS)
		r->next = now - BURST_NS;
	r->next += cost < LONGEST_NS ? (int64_t)cost : LONGEST_NS;
	if (r->next > now + LONGEST_NS)
		r->next = now + LONGEST_NS;
	return r->next - now;
}

/* Whether the limit is another than at the time of `changes`. */
static bool has_changed(struct rate *r, unsigned changes)
{
	bool changed;

	if (!r->timetable)
		return false;
	pthread_mutex_lock(&r->lock);
	follow(r, clock_mono());
	changed = r->changes != changes;
	pthread_mutex_unlock(&r->lock);
	return changed;
}

int rate_take(struct rate *r, struct op *op, int64_t n)
{
	int64_t now, wait;
	unsigned changes;

	if (!r->timetable && r->per_second <= 0)
		return op_check(op);
	now = clock_mono();
	pthread_mutex_lock(&r->lock);
	follow(r, now);
	wait = enter(r, n, now);
	changes = r->changes;
	pthread_mutex_unlock(&r->lock);
	while (wait > 0) {
		int64_t step = wait < NS_PER_SEC ? wait : NS_PER_SEC;

		if (op_sleep(op, (unsigned)(step / 1000000 + 1)) < 0)
			return -1;
		if (has_changed(r, changes))
			break;
		wait -= step;
	}
	return op_check(op);
}
