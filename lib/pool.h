#ifndef LIB_POOL_H
#define LIB_POOL_H

#include "lib/op.h"

/*
 * Worker threads for calls that block.  A command has two pools: one that
 * lists and compares, one that moves bytes.  A task may add to another pool's
 * group but never waits for one, so pools cannot lock each other up.
 */
struct pool;
struct group;

/*
 * One task.  Its op is the worker's own: the arena is reset after the task,
 * and a failure left in op->err is recorded in the group.
 */
typedef int task_fn(struct op *op, void *arg);

/* `queue`: how many tasks may wait; group_add() blocks beyond that. */
struct pool *pool_new(unsigned threads, unsigned queue, struct cancel *c);

/* Ends the threads; every group must have been waited for. */
void pool_free(struct pool *p);

/*
 * How many threads fit this machine for work that waits for disks as well as
 * for processors: two for each of these, within 4 and 16.
 */
unsigned pool_fitting(void);

struct group *group_new(struct pool *p);

/*
 * Blocks while the queue is full.  -1 once the work was called off: the task
 * was then not taken, and `arg` is still the caller's.  A task that was taken
 * always runs, also after a cancel, so that it can free what it was given.
 */
int group_add(struct group *g, struct op *op, task_fn *fn,
	      void *arg) MUST_CHECK;

/*
 * Wait for every task and free the group.  -1 if any failed: op->err is then
 * the first fatal error, else the first of all, with "(and N more)".
 */
int group_wait(struct group *g, struct op *op) MUST_CHECK;

#endif
