#ifndef NET_DUMP_H
#define NET_DUMP_H

#include <curl/curl.h>

#include "lib/buf.h"
#include "net/http.h"

/*
 * --dump: what is sent and received, to the log, without what is secret.
 */
struct dump {
	const char *name;              /* the remote's */
	unsigned what;                 /* HTTP_DUMP_* */
	const struct http_header *own; /* the user's, all secret; or NULL */
	struct buf sent, received;
	int64_t n_sent, n_received;
};

/* Has `curl` tell what it does, if `what` says so. Nothing is copied. */
void dump_init(struct dump *d, CURL *curl, const struct http_conf *conf,
	       unsigned what);

/* After a request: its bodies. */
void dump_bodies(struct dump *d);
void dump_free(struct dump *d);

#endif
