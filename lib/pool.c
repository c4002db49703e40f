#include "lib/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct task {
	struct group *group;
	task_fn *fn;
	void *arg;
};

struct group {
	struct pool *pool;
	size_t open; /* tasks not done yet */
	size_t failed;
	struct err first;
};

struct pool {
	pthread_mutex_t lock; /* guards all that follows, and the groups */
	pthread_cond_t todo, room, done;
	struct cancel *cancel;
	struct task *queue; /* a ring */
	size_t cap, head, n;
	bool stop;
	unsigned threads;
	pthread_t thread[];
};

static void record(struct group *g, const struct err *e)
{
	bool fatal = err_info(e->kind)->fatal;

	if (g->failed++ == 0 || (fatal && !err_info(g->first.kind)->fatal))
		g->first = *e;
}

static void *work(void *arg)
{
	struct pool *p = arg;
	struct op op = op_begin(p->cancel);

	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct task t;
		int rc;

		while (p->n == 0 && !p->stop)
			pthread_cond_wait(&p->todo, &p->lock);
		if (p->n == 0)
			break;
		t = p->queue[p->head];
		p->head = (p->head + 1) % p->cap;
		p->n--;
		pthread_cond_signal(&p->room);
		pthread_mutex_unlock(&p->lock);

		op.acct = NULL;
		rc = t.fn(&op, t.arg);
		arena_reset(&op.arena);

		pthread_mutex_lock(&p->lock);
		if (rc < 0)
			record(t.group, &op.err);
		if (--t.group->open == 0)
			pthread_cond_broadcast(&p->done);
	}
	pthread_mutex_unlock(&p->lock);
	op_end(&op);
	return NULL;
}

struct pool *pool_new(unsigned threads, unsigned queue, struct cancel *c)
{
	struct pool *p =
		xcalloc(1, sizeof(*p) + threads * sizeof(p->thread[0]));
	pthread_attr_t attr;

	if (threads == 0 || queue == 0)
		BUG("pool of %u threads and %u tasks", threads, queue);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->todo, NULL);
	pthread_cond_init(&p->room, NULL);
	pthread_cond_init(&p->done, NULL);
	p->cancel = c;
	p->cap = queue;
	p->queue = xcalloc(queue, sizeof(*p->queue));
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	for (; p->threads < threads; p->threads++)
		if (pthread_create(&p->thread[p->threads], &attr, work, p)) {
			if (p->threads == 0)
				BUG("cannot start a thread");
			break; /* fewer will do */
		}
	pthread_attr_destroy(&attr);
	return p;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_broadcast(&p->todo);
	pthread_mutex_unlock(&p->lock);
	for (unsigned i = 0; i < p->threads; i++)
		pthread_join(p->thread[i], NULL);
	pthread_cond_destroy(&p->todo);
	pthread_cond_destroy(&p->room);
	pthread_cond_destroy(&p->done);
	pthread_mutex_destroy(&p->lock);
	free(p->queue);
	free(p);
}

unsigned pool_fitting(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 2 ? 4 : cpus > 8 ? 16 : (unsigned)cpus * 2;
}

struct group *group_new(struct pool *p)
{
	struct group *g = xcalloc(1, sizeof(*g));

	g->pool = p;
	return g;
}

int group_add(struct group *g, struct op *op, task_fn *fn, void *arg)
{
	struct pool *p = g->pool;

	if (op_check(op) < 0)
		return -1;
	pthread_mutex_lock(&p->lock);
	while (p->n == p->cap)
		pthread_cond_wait(&p->room, &p->lock);
	p->queue[(p->head + p->n) % p->cap] =
		(struct task){ .group = g, .fn = fn, .arg = arg };
	p->n++;
	g->open++;
	pthread_cond_signal(&p->todo);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int group_wait(struct group *g, struct op *op)
{
	struct pool *p = g->pool;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (g->open)
		pthread_cond_wait(&p->done, &p->lock);
	pthread_mutex_unlock(&p->lock);
	if (g->failed) {
		op->err = g->first;
		if (g->failed > 1) {
			size_t used = strlen(op->err.msg);

			snprintf(op->err.msg + used, sizeof(op->err.msg) - used,
				 " (and %zu more)", g->failed - 1);
		}
		rc = -1;
	}
	free(g);
	return rc;
}
