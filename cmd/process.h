#ifndef CMD_PROCESS_H
#define CMD_PROCESS_H

#include <pthread.h>
#include <signal.h>

#include "cmd/term.h"
#include "lib/op.h"

/*
 * What this process asks of the system before anything else: no core dumps,
 * which would hold keys; all the descriptors it may have; no death by a closed
 * pipe; no file of ours under the numbers 0, 1 and 2.
 */
void process_prepare(void);

/*
 * A thread that takes SIGINT, SIGTERM and SIGHUP (unless the process was
 * started with them ignored): the first one calls the work off, the second one
 * ends the process with status 130.
 */
struct signals {
	pthread_t thread;
	bool running;
	sigset_t set;
	struct cancel *cancel;
	struct term *term;
};

/* Before any other thread is started, since those inherit the mask. */
void signals_start(struct signals *s, struct cancel *cancel, struct term *term);
void signals_stop(struct signals *s);

#endif
