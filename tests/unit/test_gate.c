#include "tests/harness.h"

#include "lib/clock.h"
#include "net/width.h"

#define MS INT64_C(1000000)

/*
 * A service without a clock: each request takes `delay`, and no more than
 * `at_once` get on at the same time; the others queue up there.
 */
struct service {
	struct width width;
	int64_t now, delay;
	unsigned at_once;
	int64_t free_at[256]; /* when each of those places is free again */
	int64_t ends[256];    /* of the requests inside */
	unsigned inside;
	unsigned changes;     /* of the width */
	unsigned connections; /* opened so far */
	int64_t handshake;    /* what the first request on each takes more */
	int64_t bytes;        /* of each request */
	unsigned busy_above;  /* 503 with more than so many inside; 0: never */
};

static void begin(struct service *s, int64_t delay, unsigned at_once)
{
	*s = (struct service){ .now = MS, .delay = delay, .at_once = at_once };
	width_init(&s->width, 0);
	width_idle(&s->width, s->now);
}

static void send(struct service *s)
{
	unsigned place = 0;
	int64_t start;

	for (unsigned i = 1; i < s->at_once; i++)
		if (s->free_at[i] < s->free_at[place])
			place = i;
	start = s->free_at[place] > s->now ? s->free_at[place] : s->now;
	s->free_at[place] = s->ends[s->inside++] = start + s->delay;
	if (s->inside > s->connections) {
		s->connections = s->inside;
		s->free_at[place] += s->handshake;
		s->ends[s->inside - 1] += s->handshake;
	}
}

/* Always as many requests as may be, until `until` or `most` have ended. */
static unsigned run(struct service *s, int64_t until, unsigned most)
{
	unsigned done = 0;

	while (s->now < until && done < most) {
		enum gate_end how = GATE_DONE;
		unsigned first = 0, before = s->width.now;

		while (s->inside < s->width.now)
			send(s);
		for (unsigned i = 1; i < s->inside; i++)
			if (s->ends[i] < s->ends[first])
				first = i;
		s->now = s->ends[first];
		if (s->busy_above && s->inside > s->busy_above)
			how = GATE_SLOW_DOWN;
		s->ends[first] = s->ends[--s->inside];
		width_ended(&s->width, s->now, s->inside,
			    s->inside + 1 >= before, how, s->bytes);
		s->changes += s->width.now != before;
		done++;
	}
	return done;
}

static void a_far_service_soon_gets_many_requests_at_once(void)
{
	struct service s;

	begin(&s, 60 * MS, 200);
	run(&s, 500 * MS, 1000);
	CHECK(s.width.now >= 32);
	run(&s, 1000 * MS, 10000);
	CHECK(s.width.now == WIDTH_MAX);
	/* a thousand of them in less time than it takes with 16 at once */
	begin(&s, 60 * MS, 200);
	CHECK(run(&s, 3000 * MS, 1000) == 1000);
	CHECK(s.now < 2000 * MS);
}

static void opening_connections_does_not_count_against_it(void)
{
	struct service s;

	begin(&s, 60 * MS, 200);
	s.handshake = 120 * MS;
	CHECK(run(&s, 10000 * MS, 1000) == 1000);
	CHECK(s.width.now == WIDTH_MAX);
	CHECK(s.now < 2500 * MS);
}

static void a_service_at_its_limit_is_left_in_peace(void)
{
	struct service s;
	unsigned done;

	begin(&s, MS / 5, 2);
	done = run(&s, 60 * NS_PER_SEC, UINT32_MAX);
	CHECK(done > 590000); /* of 600000 */
	/* up and down again, each time after a longer rest */
	CHECK(s.changes <= 12);
	CHECK(s.width.now <= 2 * WIDTH_FIRST);
}

static void what_brings_nothing_is_taken_back(void)
{
	struct service s;

	begin(&s, 20 * MS, 20);
	run(&s, 3 * NS_PER_SEC, UINT32_MAX);
	CHECK(s.width.now >= 16 && s.width.now <= 32);
}

static void a_service_that_grows_is_noticed(void)
{
	struct service s;

	begin(&s, 20 * MS, 8);
	run(&s, 3 * NS_PER_SEC, UINT32_MAX);
	CHECK(s.width.now == WIDTH_FIRST);
	s.at_once = 200;
	run(&s, 30 * NS_PER_SEC, UINT32_MAX);
	CHECK(s.width.now == WIDTH_MAX);
}

static void more_bytes_a_second_count_as_well(void)
{
	struct width w;
	int64_t now = MS;

	width_init(&w, 0);
	width_idle(&w, now);
	/* a request each 10 ms as before, but of twice the size */
	for (int64_t bytes = 1000; bytes <= 2000; bytes += 1000) {
		unsigned before = w.now, warm_up = w.warm_up;

		for (unsigned i = 0; i < before * 3 / 2 + warm_up; i++)
			width_ended(&w, now += 10 * MS, w.now, true, GATE_DONE,
				    bytes);
		CHECK(w.now == before * 2);
	}
	CHECK(w.now == WIDTH_FIRST * 4);
}

static void many_that_are_told_to_slow_down_halve_it_once(void)
{
	struct width w;

	width_init(&w, 0);
	w.now = 32;
	for (unsigned i = 0; i < 32; i++)
		width_ended(&w, (10 + i) * MS, 31 - i, true, GATE_SLOW_DOWN, 0);
	CHECK(w.now == 16);
	/* those were all; who is told so now has been sent since */
	width_ended(&w, 50 * MS, 3, true, GATE_SLOW_DOWN, 0);
	CHECK(w.now == 8);
}

static void it_never_closes(void)
{
	struct width w;

	width_init(&w, 0);
	for (unsigned i = 0; i < 100; i++)
		width_ended(&w, (10 + i) * MS, 0, true, GATE_SLOW_DOWN, 0);
	CHECK(w.now == 1);
}

static void a_service_that_wants_few_gets_few(void)
{
	struct service s;
	unsigned before;

	begin(&s, 10 * MS, 200);
	s.busy_above = 10;
	run(&s, 10 * NS_PER_SEC, UINT32_MAX);
	CHECK(s.width.now <= 16);
	before = s.changes;
	run(&s, 70 * NS_PER_SEC, UINT32_MAX);
	CHECK(s.width.now <= 16);
	CHECK(s.changes - before < 30);
}

static void failures_do_not_open_it(void)
{
	struct width w;

	width_init(&w, 0);
	for (unsigned i = 1; i < 1000; i++) {
		width_ended(&w, i * MS, w.now, true, GATE_FAILED, 0);
		CHECK(w.now == WIDTH_FIRST);
	}
}

static void a_fixed_width_stays(void)
{
	struct width w;

	width_init(&w, 3);
	for (unsigned i = 1; i < 1000; i++)
		width_ended(&w, i * MS, 3, true,
			    i % 2 ? GATE_DONE : GATE_SLOW_DOWN, 1);
	CHECK(w.now == 3);
}

static void who_is_alone_changes_nothing(void)
{
	struct width w;

	width_init(&w, 0);
	for (unsigned i = 1; i < 1000; i++) {
		width_ended(&w, i * MS, 0, false, GATE_DONE, 1);
		CHECK(w.now == WIDTH_FIRST);
	}
}

struct crowd {
	struct gate *gate;
	struct cancel cancel;
	atomic_uint inside, most, done;
};

static void *come_and_go(void *arg)
{
	struct crowd *c = arg;
	struct op op = op_begin(&c->cancel);

	for (int i = 0; i < 200; i++) {
		unsigned n;

		CHECK(gate_enter(c->gate, &op) == 0);
		n = atomic_fetch_add(&c->inside, 1) + 1;
		if (n > atomic_load(&c->most))
			atomic_store(&c->most, n);
		CHECK(n <= 3);
		atomic_fetch_sub(&c->inside, 1);
		gate_leave(c->gate, GATE_DONE, 1);
		atomic_fetch_add(&c->done, 1);
	}
	op_end(&op);
	return NULL;
}

static void no_more_are_inside_than_it_is_wide(void)
{
	struct crowd c = { .gate = gate_new(3) };
	pthread_t threads[8];

	cancel_init(&c.cancel);
	CHECK(gate_width(c.gate) == 3);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK(!pthread_create(&threads[i], NULL, come_and_go, &c));
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK(atomic_load(&c.done) == 1600);
	gate_free(c.gate);
	cancel_free(&c.cancel);
}

static void *cancel_soon(void *arg)
{
	struct op op;
	struct cancel never;

	cancel_init(&never);
	op = op_begin(&never);
	CHECK(op_sleep(&op, 20) == 0);
	cancel_set(arg);
	op_end(&op);
	cancel_free(&never);
	return NULL;
}

static void who_waits_in_vain_can_be_called_off(void)
{
	struct gate *g = gate_new(1);
	struct cancel cancel;
	struct op op;
	pthread_t thread;

	cancel_init(&cancel);
	op = op_begin(&cancel);
	CHECK(gate_enter(g, &op) == 0);
	CHECK(!pthread_create(&thread, NULL, cancel_soon, &cancel));
	CHECK(gate_enter(g, &op) == -1);
	CHECK(op.err.kind == ERR_CANCELED);
	pthread_join(thread, NULL);
	gate_leave(g, GATE_FAILED, 0);
	gate_free(g);
	op_end(&op);
	cancel_free(&cancel);
}

int main(void)
{
	RUN(a_far_service_soon_gets_many_requests_at_once);
	RUN(opening_connections_does_not_count_against_it);
	RUN(a_service_at_its_limit_is_left_in_peace);
	RUN(what_brings_nothing_is_taken_back);
	RUN(a_service_that_grows_is_noticed);
	RUN(more_bytes_a_second_count_as_well);
	RUN(many_that_are_told_to_slow_down_halve_it_once);
	RUN(it_never_closes);
	RUN(a_service_that_wants_few_gets_few);
	RUN(failures_do_not_open_it);
	RUN(a_fixed_width_stays);
	RUN(who_is_alone_changes_nothing);
	RUN(no_more_are_inside_than_it_is_wide);
	RUN(who_waits_in_vain_can_be_called_off);
	return 0;
}
