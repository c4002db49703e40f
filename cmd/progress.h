#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "cmd/term.h"
#include "sync/sync.h"

/*
 * What a long command shows while it works: on a terminal a picture with bars,
 * drawn again several times a second; elsewhere a line at the interval that
 * --stats gives.
 */
enum { PROGRESS_FLIGHTS = 32 };

/* One sight of the work, taken by the command's own function. */
struct progress_view {
	int64_t files_done, files_total; /* total -1: is never known */
	int64_t bytes_done, bytes_total;
	int64_t moved; /* bytes that count for the rate */
	int64_t checked, deleted, differ, failed;
	bool more; /* the totals still grow */
	struct sync_flight flights[PROGRESS_FLIGHTS];
	size_t n_flights;

	/* These the display knows itself. */
	int64_t now; /* monotonic ns */
	int64_t elapsed;
	double rate; /* bytes a second, smoothed */
};

struct progress_style {
	size_t width; /* no line is wider */
	size_t lines; /* and there are no more than these */
	bool color, unicode;
};

/* The picture, without a newline after its last line. */
void progress_picture(struct buf *out, const struct progress_view *v,
		      const struct progress_style *style);

/* The same in one line of any length. */
void progress_line(struct buf *out, const struct progress_view *v);

typedef void progress_fn(void *arg, struct progress_view *v);

struct progress {
	struct term *term;
	progress_fn *sample; /* called from the display's thread */
	void *arg;
	int64_t interval; /* ns between two sights; 0: shows nothing */
	bool picture;     /* else lines */
	int64_t started;
	struct progress_view view; /* the display's own */
	int64_t last_moved, last_at;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock; /* guards over */
	pthread_cond_t wake;
	bool over;
};

/*
 * Shows nothing where nobody looks.  `results`: the command prints results of
 * its own to standard output, so that a picture on the same terminal is shown
 * only if it was asked for.
 */
void progress_start(struct progress *p, const struct cmd_ctx *cx,
		    progress_fn *sample, void *arg, bool results);

/* Take the display away.  To be called once after progress_start(). */
void progress_stop(struct progress *p);

#endif
