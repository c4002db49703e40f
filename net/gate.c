#include "net/gate.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "net/width.h"

struct gate {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct width width;
	unsigned inside, waiting;
};

struct gate *gate_new(unsigned fixed)
{
	struct gate *g = xcalloc(1, sizeof(*g));
	pthread_condattr_t attr;

	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->wake, &attr);
	pthread_condattr_destroy(&attr);
	width_init(&g->width, fixed);
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	if (g->inside)
		BUG("a gate with %u inside", g->inside);
	pthread_cond_destroy(&g->wake);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int gate_enter(struct gate *g, struct op *op)
{
	int rc;

	pthread_mutex_lock(&g->lock);
	while ((rc = op_check(op)) == 0 && g->inside >= g->width.now) {
		/* a cancel does not wake those who wait here */
		struct timespec until =
			timespec_of(clock_mono() + NS_PER_SEC / 4);

		g->waiting++;
		pthread_cond_timedwait(&g->wake, &g->lock, &until);
		g->waiting--;
	}
	if (rc == 0) {
		if (g->inside == 0)
			width_idle(&g->width, clock_mono());
		g->inside++;
	} else if (g->waiting) {
		/* the wake-up may have been meant for another */
		pthread_cond_signal(&g->wake);
	}
	pthread_mutex_unlock(&g->lock);
	return rc;
}

void gate_leave(struct gate *g, enum gate_end how, int64_t bytes)
{
	unsigned room, before;
	bool full;

	pthread_mutex_lock(&g->lock);
	full = g->inside >= g->width.now;
	g->inside--;
	before = g->width.now;
	width_ended(&g->width, clock_mono(), g->inside, full, how, bytes);
	if (g->width.now != before)
		log_debug(NULL, "requests at once: %u", g->width.now);
	room = g->width.now > g->inside ? g->width.now - g->inside : 0;
	if (g->waiting && room > 0) {
		if (g->width.now > before)
			pthread_cond_broadcast(&g->wake);
		else
			pthread_cond_signal(&g->wake);
	}
	pthread_mutex_unlock(&g->lock);
}

unsigned gate_width(struct gate *g)
{
	unsigned width;

	pthread_mutex_lock(&g->lock);
	width = g->width.now;
	pthread_mutex_unlock(&g->lock);
	return width;
}
