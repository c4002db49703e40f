#include "tests/harness.h"

#include "lib/clock.h"
#include "lib/rate.h"

struct fixture {
	struct cancel cancel;
	struct op op;
	struct rate rate;
};

static void begin(struct fixture *t, double per_second)
{
	cancel_init(&t->cancel);
	t->op = op_begin(&t->cancel);
	rate_init(&t->rate, per_second);
}

static void end(struct fixture *t)
{
	rate_free(&t->rate);
	op_end(&t->op);
	cancel_free(&t->cancel);
}

/* A slow machine is no failure: times are only checked from below. */
static void the_rate_is_kept_but_for_a_burst(void)
{
	struct fixture t;
	int64_t start;

	begin(&t, 10000);
	start = clock_mono();
	for (int i = 0; i < 50; i++)
		CHECK(rate_take(&t.rate, &t.op, 100) == 0);
	/* half a second's worth, less the quarter that goes at once */
	CHECK(clock_mono() - start >= NS_PER_SEC / 4);
	end(&t);
}

static void *take_some(void *arg)
{
	struct fixture *t = arg;
	struct op op = op_begin(&t->cancel);

	for (int i = 0; i < 25; i++)
		CHECK(rate_take(&t->rate, &op, 100) == 0);
	op_end(&op);
	return NULL;
}

static void threads_share_the_rate(void)
{
	struct fixture t;
	pthread_t threads[2];
	int64_t start;

	begin(&t, 10000);
	start = clock_mono();
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, take_some, &t));
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	CHECK(clock_mono() - start >= NS_PER_SEC / 4);
	end(&t);
}

static void without_a_rate_nobody_waits(void)
{
	struct fixture t;

	begin(&t, 0);
	for (int i = 0; i < 1000; i++)
		CHECK(rate_take(&t.rate, &t.op, INT64_MAX) == 0);
	end(&t);
}

static void *cancel_soon(void *arg)
{
	cancel_set(arg);
	return NULL;
}

static void a_wait_of_years_ends_with_a_cancel(void)
{
	struct fixture t;
	pthread_t thread;

	begin(&t, 0.001);
	CHECK(!pthread_create(&thread, NULL, cancel_soon, &t.cancel));
	CHECK(rate_take(&t.rate, &t.op, INT64_MAX) == -1);
	CHECK(t.op.err.kind == ERR_CANCELED);
	/* the account of the takers that gave up does not overflow */
	for (int i = 0; i < 1000; i++)
		CHECK(rate_take(&t.rate, &t.op, INT64_MAX) == -1);
	pthread_join(thread, NULL);
	end(&t);
}

static void a_timetable_sets_the_limit(void)
{
	static struct timetable_slot slot;
	const struct timetable table = { .slots = &slot, .n = 1 };
	struct fixture t;
	int64_t start;

	begin(&t, 0.001); /* which it replaces */
	rate_follow(&t.rate, &table);
	for (int i = 0; i < 1000; i++)
		CHECK(rate_take(&t.rate, &t.op, INT64_MAX) == 0);
	t.rate.look_at = 0;
	slot.per_second = 10000;
	start = clock_mono();
	for (int i = 0; i < 50; i++)
		CHECK(rate_take(&t.rate, &t.op, 100) == 0);
	CHECK(clock_mono() - start >= NS_PER_SEC / 4);
	end(&t);
}

static void who_waits_notices_that_the_limit_has_gone(void)
{
	struct timetable_slot slot = { .per_second = 1 };
	const struct timetable table = { .slots = &slot, .n = 1 };
	struct fixture t;

	begin(&t, 0);
	rate_follow(&t.rate, &table);
	t.rate.per_second = 1; /* as if the table had said so a while ago */
	t.rate.look_at = clock_mono() + NS_PER_SEC / 2;
	slot.per_second = 0;
	CHECK(rate_take(&t.rate, &t.op, 1000000) == 0);
	CHECK(t.rate.per_second == 0);
	end(&t);
}

int main(void)
{
	RUN(the_rate_is_kept_but_for_a_burst);
	RUN(threads_share_the_rate);
	RUN(without_a_rate_nobody_waits);
	RUN(a_wait_of_years_ends_with_a_cancel);
	RUN(a_timetable_sets_the_limit);
	RUN(who_waits_notices_that_the_limit_has_gone);
	return 0;
}
