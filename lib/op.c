#include "lib/op.h"

#include <errno.h>
#include <time.h>

#include "lib/clock.h"

void cancel_init(struct cancel *c)
{
	pthread_condattr_t attr;

	atomic_init(&c->set, false);
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
}

void cancel_set(struct cancel *c)
{
	pthread_mutex_lock(&c->lock);
	atomic_store(&c->set, true);
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
}

void cancel_free(struct cancel *c)
{
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
}

static bool is_in_grace(struct op *op)
{
	int64_t now;

	if (!op->grace)
		return false;
	now = clock_mono();
	if (!op->called_off)
		op->called_off = now;
	return now - op->called_off < op->grace;
}

int op_check(struct op *op)
{
	if (atomic_load(&op->cancel->set) && !is_in_grace(op))
		return err_set(&op->err, ERR_CANCELED, "canceled");
	return 0;
}

int op_sleep(struct op *op, unsigned ms)
{
	struct cancel *c = op->cancel;
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&c->lock);
	while ((!atomic_load(&c->set) || op->grace) && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&c->wake, &c->lock, &until);
	pthread_mutex_unlock(&c->lock);
	return op_check(op);
}
