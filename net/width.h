#ifndef NET_WIDTH_H
#define NET_WIDTH_H

#include "net/gate.h"

/*
 * How wide the gate is: what gate.h says, as a computation on times that it is
 * given.
 *
 * Requests are looked at in rounds, long enough to tell one throughput from
 * another.  A round at a width is followed by one at a larger width, and that
 * is kept if more requests or more bytes went through in a second, without
 * fewer of the other.  If not, and not at a second try, the step is taken back
 * and not tried again for some seconds, each time for longer.  Rounds in which
 * the gate kept nobody waiting prove nothing.
 */
enum { WIDTH_FIRST = 16, WIDTH_MAX = 64 };

struct width {
	unsigned now;
	bool fixed;

	/* The round. */
	int64_t start;   /* ns */
	unsigned ended;  /* requests, however */
	unsigned done;   /* of them: with success */
	unsigned failed; /* of them */
	unsigned full;   /* of them: while no other could have come in */
	int64_t bytes;

	unsigned warm_up;       /* requests not counted after a step */
	unsigned before;        /* the step's start; 0: none is being tried */
	unsigned flat;          /* rounds in which the step brought nothing */
	double requests, moved; /* a second, in the last round before it */
	int64_t rest_until;     /* no step is tried before */
	int64_t rest;           /* the next rest's length */
	unsigned under_way; /* still, of those sent before the last halving */
};

/* `fixed`: 0, or the width for good. */
void width_init(struct width *w, unsigned fixed);

/*
 * A request has ended; `inside` others have not.  `full`: it left a gate that
 * was full.
 */
void width_ended(struct width *w, int64_t now, unsigned inside, bool full,
		 enum gate_end how, int64_t bytes);

/* The gate was empty until now: that says nothing about the service. */
void width_idle(struct width *w, int64_t now);

#endif
