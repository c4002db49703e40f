#include "net/gate.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/clock.h"

enum { FIRST = 8 };

struct gate {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	unsigned width, inside, waiting;
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
	g->width = fixed ? fixed : FIRST;
	return g;
}

void gate_free(struct gate *g)
{
	if (!g)
		return;
	pthread_cond_destroy(&g->wake);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

int gate_enter(struct gate *g, struct op *op)
{
	int rc;

	if (op_check(op) < 0)
		return -1;
	pthread_mutex_lock(&g->lock);
	while (g->inside >= g->width && op_check(op) == 0) {
		struct timespec until =
			timespec_of(clock_mono() + NS_PER_SEC / 4);

		g->waiting++;
		pthread_cond_timedwait(&g->wake, &g->lock, &until);
		g->waiting--;
	}
	rc = op_check(op);
	if (rc == 0)
		g->inside++;
	pthread_mutex_unlock(&g->lock);
	return rc;
}

void gate_leave(struct gate *g, enum gate_end how, int64_t bytes)
{
	(void)how;
	(void)bytes;
	pthread_mutex_lock(&g->lock);
	g->inside--;
	if (g->waiting)
		pthread_cond_signal(&g->wake);
	pthread_mutex_unlock(&g->lock);
}

unsigned gate_width(struct gate *g)
{
	unsigned width;

	pthread_mutex_lock(&g->lock);
	width = g->width;
	pthread_mutex_unlock(&g->lock);
	return width;
}
