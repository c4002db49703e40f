#ifndef LIB_LOG_H
#define LIB_LOG_H

#include "lib/base.h"

enum log_level { LOG_ERROR, LOG_NOTICE, LOG_INFO, LOG_DEBUG };

/* Set once at the start, before there are threads. */
extern enum log_level log_max;

/* `about` is the path or remote the line is about, or NULL. */
#define log_at(level, about, ...) \
	((level) <= log_max ? log_line((level), (about), __VA_ARGS__) : (void)0)
#define log_error(about, ...)  log_at(LOG_ERROR, (about), __VA_ARGS__)
#define log_notice(about, ...) log_at(LOG_NOTICE, (about), __VA_ARGS__)
#define log_info(about, ...)   log_at(LOG_INFO, (about), __VA_ARGS__)
#define log_debug(about, ...)  log_at(LOG_DEBUG, (about), __VA_ARGS__)

void log_line(enum log_level level, const char *about, const char *fmt, ...)
	PRINTF(3, 4);

/*
 * Where lines go: `text` is one line without its newline, control characters
 * already made harmless.  Called under a lock, one line at a time.  Until
 * cmd/ sets one, lines are dropped.
 */
typedef void log_sink_fn(void *arg, enum log_level level, const char *text);
void log_set_sink(log_sink_fn *fn, void *arg);

#endif
