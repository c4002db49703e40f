#include "lib/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/buf.h"
#include "lib/utf8.h"

enum log_level log_max = LOG_NOTICE;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the sink */
static log_sink_fn *sink;
static void *sink_arg;

void log_set_sink(log_sink_fn *fn, void *arg)
{
	pthread_mutex_lock(&lock);
	sink = fn;
	sink_arg = arg;
	pthread_mutex_unlock(&lock);
}

void log_line(enum log_level level, const char *about, const char *fmt, ...)
{
	struct buf text = BUF_INIT, safe = BUF_INIT;
	va_list ap;

	if (about && *about)
		buf_addf(&text, "%s: ", about);
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	utf8_add_printable(&safe, text.data, text.len);
	pthread_mutex_lock(&lock);
	if (sink)
		sink(sink_arg, level, safe.data);
	pthread_mutex_unlock(&lock);
	buf_free(&text);
	buf_free(&safe);
}
