#ifndef LIB_OP_H
#define LIB_OP_H

#include <pthread.h>
#include <stdatomic.h>

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

/* Shared by everything one command starts; set once, never cleared. */
struct cancel {
	atomic_bool set;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

void cancel_init(struct cancel *c);
void cancel_set(struct cancel *c);
void cancel_free(struct cancel *c);

/*
 * One unit of work on one thread: a listing, a transfer, a FUSE request.
 * Every function that may block takes one, and only those do; a function that
 * merely computes takes a `struct err *` as its last argument instead.
 */
struct op {
	struct cancel *cancel;
	struct acct *acct;  /* what the bytes are counted under, or NULL */
	struct arena arena; /* results last until its owner resets it */
	struct buf scratch; /* for bytes within one call: op_scratch() */
	struct err err;

	/*
	 * For what has to be put in order after a cancel, too: it goes on for
	 * so long (ns) once that has been noticed.
	 */
	int64_t grace;
	int64_t called_off; /* when it was noticed; monotonic ns, or 0 */
};

static inline struct op op_begin(struct cancel *c)
{
	return (struct op){ .cancel = c, .scratch = BUF_INIT };
}

static inline void op_end(struct op *op)
{
	arena_free(&op->arena);
	buf_free(&op->scratch);
}

/*
 * At least `n` bytes to work with until the next call of anything that takes
 * this op: so that what is done a million times allocates once.
 */
static inline void *op_scratch(struct op *op, size_t n)
{
	return buf_room(&op->scratch, n);
}

/* -1 with ERR_CANCELED once the work was called off for good, else 0. */
int op_check(struct op *op) MUST_CHECK;

/* Sleep `ms`, or until the work is called off: then as op_check(). */
int op_sleep(struct op *op, unsigned ms) MUST_CHECK;

#endif
