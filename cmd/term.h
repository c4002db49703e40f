#ifndef CMD_TERM_H
#define CMD_TERM_H

#include <pthread.h>

#include "cmd/globals.h"
#include "lib/buf.h"
#include "lib/log.h"

/*
 * Standard error, as people see it: lines of text and, below them on a
 * terminal, a picture that is drawn again and again (the progress).  A line
 * that is printed meanwhile goes above the picture.  For any thread.
 */
struct term {
	pthread_mutex_t lock; /* guards all that follows, and the screen */
	bool is_terminal, color;
	bool draws;         /* it is one that knows how to move the cursor */
	int log_fd;         /* --log-file; -1: lines go to standard error */
	struct buf picture; /* what is on the screen now */
};

void term_init(struct term *t);

/* --color and --log-file. */
int term_setup(struct term *t, const struct globals *g,
	       struct err *e) MUST_CHECK;
void term_free(struct term *t);

/* Lines of text, each with its newline; they are not changed. */
void term_print(struct term *t, const char *text);
void term_printf(struct term *t, const char *fmt, ...) PRINTF(2, 3);

/*
 * A line for people, without its newline: into the log file where there is
 * one, else wrapped to the terminal's width.
 */
void term_say(struct term *t, const char *line);

/* As term_print(), but into the log file where there is one. */
void term_log(struct term *t, enum log_level level, const char *text);
log_sink_fn term_sink; /* `arg` is the term */

/* Show these lines, without a newline after the last; "" shows none. */
void term_draw(struct term *t, const struct buf *picture);

/*
 * Around writing to standard output, which may be the same terminal.  Nothing
 * else is printed in between.
 */
void term_hide(struct term *t);
void term_show(struct term *t);

/* Take the picture away for good, if that can be done without waiting. */
void term_abandon(struct term *t);

/* The terminal's size now; 80 by 24 if it does not say. */
void term_size(unsigned *columns, unsigned *lines);

#endif
