#include "net/width.h"

#include "lib/clock.h"

enum { ROUND_MIN = 8 }; /* requests */

#define ROUND_NS    (NS_PER_SEC / 25)
#define REST_MIN_NS (4 * NS_PER_SEC)
#define REST_MAX_NS (60 * NS_PER_SEC)

/* More, or less, than what chance does. */
#define MORE 1.08
#define LESS 0.92

#define MUCH_MORE 1.4

void width_init(struct width *w, unsigned fixed)
{
	*w = (struct width){ .now = fixed ? fixed : WIDTH_FIRST,
			     .fixed = fixed > 0,
			     .rest = REST_MIN_NS };
}

static void begin_round(struct width *w, int64_t now)
{
	w->start = now;
	w->ended = w->done = w->failed = w->full = 0;
	w->bytes = 0;
}

void width_idle(struct width *w, int64_t now)
{
	begin_round(w, now);
}

static void rest(struct width *w, int64_t now)
{
	w->before = 0;
	w->rest_until = now + w->rest;
	w->rest = w->rest * 2 < REST_MAX_NS ? w->rest * 2 : REST_MAX_NS;
}

static void step(struct width *w)
{
	w->flat = 0;
	w->before = w->now;
	w->now = w->now < WIDTH_MAX / 2 ? w->now * 2 : WIDTH_MAX;
	/* The first ones of those that are new open connections as well. */
	w->warm_up = w->now;
}

/*
 * More of the one, and not less of the other; or so much more that other
 * requests must have come, small ones after large ones.
 */
static bool is_better(const struct width *w, double requests, double moved)
{
	return requests > w->requests * MUCH_MORE ||
	       moved > w->moved * MUCH_MORE ||
	       (requests > w->requests * MORE && moved >= w->moved * LESS) ||
	       (moved > w->moved * MORE && requests >= w->requests * LESS);
}

static void end_round(struct width *w, int64_t now)
{
	double seconds = (double)(now - w->start) / 1e9;
	double requests = w->done / seconds;
	double moved = (double)w->bytes / seconds;
	bool failing = w->failed > w->ended / 8;

	if (w->full < w->ended / 2)
		return;
	if (w->before && (failing || !is_better(w, requests, moved))) {
		if (++w->flat < 2 && !failing)
			return;
		w->now = w->before;
		rest(w, now);
		return;
	}
	if (w->before)
		w->rest = REST_MIN_NS;
	w->requests = requests;
	w->moved = moved;
	w->before = 0;
	if (w->now < WIDTH_MAX && now >= w->rest_until && !w->failed)
		step(w);
}

static void slow_down(struct width *w, int64_t now, unsigned inside)
{
	if (w->under_way) /* said about the width before */
		return;
	w->under_way = inside;
	w->now = w->now > 1 ? w->now / 2 : 1;
	w->warm_up = 0;
	rest(w, now);
	begin_round(w, now);
}

void width_ended(struct width *w, int64_t now, unsigned inside, bool full,
		 enum gate_end how, int64_t bytes)
{
	bool old = w->under_way > 0;

	if (w->fixed)
		return;
	if (how == GATE_SLOW_DOWN)
		slow_down(w, now, inside);
	if (old)
		w->under_way--;
	if (w->warm_up) {
		if (--w->warm_up == 0)
			begin_round(w, now);
		return;
	}
	w->ended++;
	w->done += how == GATE_DONE;
	w->failed += how == GATE_FAILED;
	w->full += full;
	if (bytes > 0)
		w->bytes += bytes;
	if (w->ended < ROUND_MIN || w->ended < w->now * 3 / 2 ||
	    now - w->start < ROUND_NS)
		return;
	end_round(w, now);
	begin_round(w, now);
}
