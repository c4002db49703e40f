#ifndef NET_DUMP_H
#define NET_DUMP_H

#include <curl/curl.h>

#include "lib/buf.h"

/*
 * --dump: what is sent and received, to the log, without what is secret.
 */
struct dump {
	const char *name; /* the remote's */
	unsigned what;    /* HTTP_DUMP_* */
	struct buf sent, received;
	int64_t n_sent, n_received;
};

/* Has `curl` tell what it does, if `what` says so. */
void dump_init(struct dump *d, CURL *curl, const char *name, unsigned what);

/* After a request: its bodies. */
void dump_bodies(struct dump *d);
void dump_free(struct dump *d);

#endif
