#ifndef NET_GATE_H
#define NET_GATE_H

#include "lib/op.h"

/*
 * How many requests a service likes to have at once.  It begins with a few,
 * adds more while the throughput (requests and bytes a second) grows with
 * them, takes the last step back when it does not, and halves when told to
 * slow down (429, 503).  Those who come too early wait.  For any thread.
 */
struct gate;

/* `fixed`: always just so many; 0: as it finds. */
struct gate *gate_new(unsigned fixed);
void gate_free(struct gate *g);

/* Wait for a place. -1 once the work was called off. */
int gate_enter(struct gate *g, struct op *op) MUST_CHECK;

enum gate_end { GATE_DONE, GATE_SLOW_DOWN, GATE_FAILED };

/* Give it back, having moved `bytes`. */
void gate_leave(struct gate *g, enum gate_end how, int64_t bytes);

/* The number allowed at this moment: for tests and --dump. */
unsigned gate_width(struct gate *g);

#endif
