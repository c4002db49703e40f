#ifndef NET_HTTP_H
#define NET_HTTP_H

#include "lib/rate.h"
#include "lib/stream.h"

/*
 * HTTP requests, each on the thread that asks for it.
 *
 * A `struct http` is one service: its connections, which are kept and used
 * again, its credentials, and a gate (gate.h) that finds out how many requests
 * it likes to have at once.  For any number of threads.
 *
 * A request is sent once; who may try again is the caller's caller (be_*()).
 * Only these are repeated here: one that only asks (GET, HEAD, OPTIONS,
 * PROPFIND), on a kept connection that turned out to be closed; one answered
 * 401 where new credentials can be had; one that was redirected to the same
 * origin (or from http to https on the same host). A redirect to anywhere else
 * is ERR_DENIED and names the place.
 *
 * Certificates are always verified.  Proxies come from the environment as
 * with curl (https_proxy, no_proxy, ...).
 */

enum { HTTP_DUMP_HEADERS = 1, HTTP_DUMP_BODIES = 2 };

/* What holds for all services; the user's flags. */
struct http_settings {
	const char *ca_cert;     /* PEM file of authorities to add, or NULL */
	const char *user_agent;  /* NULL: ferry and its version */
	int64_t connect_timeout; /* ns; 0: a minute */
	int64_t timeout;         /* ns without a byte moved; 0: five minutes */
				 /* both: negative for never */
	unsigned dump;           /* HTTP_DUMP_*: to the log, without secrets */
	struct rate *requests;   /* --tpslimit, or NULL */
	unsigned in_flight;      /* requests at once; 0: as the gate finds */
};

struct http_header {
	const char *name, *value;
};

struct http_conf {
	const char *name;    /* the remote's, for messages */
	const char *ca_cert; /* as in http_settings, of this service alone */

	/* Sent with each request; ended by one without name. May be NULL. */
	const struct http_header *headers;

	/* Basic or Digest, as the server asks; NULL: neither. */
	const char *user, *pass;

	/*
	 * Or: the value of the Authorization header, into the op's arena.
	 * `stale` is the value that was answered with 401 just now, or NULL;
	 * the request is repeated if it returns 0 with another one, three
	 * times at most: a token may be too old again when the server decides.
	 */
	int (*authorize)(void *arg, struct op *op, const char *stale,
			 const char **value);
	void *arg;
};

struct http;

/* All is copied but `arg`.  `settings` must outlive it. */
struct http *http_new(const struct http_settings *settings,
		      const struct http_conf *conf);
void http_free(struct http *h);

/* How many requests have been sent so far. */
int64_t http_requests(const struct http *h);

struct http_answer {
	int status;
	const struct http_header *headers; /* as sent; ended by no name */
	const char *body; /* in the op's arena, NUL-terminated; never NULL */
	size_t body_len;
};

/* The header's value, its name in any case, or NULL; of several the last. */
const char *http_header(const struct http_answer *a, const char *name);

struct http_request {
	const char *method;
	const char *url;

	/* Ended by one without name; may be NULL. */
	const struct http_header *headers;

	/*
	 * What is sent: `source`'s next `size` bytes (it may be sought back
	 * to `source_at` for a repetition; one that ends early is
	 * ERR_CONFLICT), or else `body`.  Neither: nothing.
	 */
	struct source *source;
	int64_t source_at, size;
	const char *body;
	size_t body_len;

	/*
	 * Where the content of a 2xx answer goes, or NULL: into answer.body
	 * like that of any other status, up to `max_body` bytes (0: 1 MiB);
	 * beyond that it is ERR_CORRUPT, or, for an error's text, cut.
	 */
	struct sink *sink;
	size_t max_body;

	/*
	 * Called before the first byte of a 2xx answer goes to `sink`, also
	 * if there is none: -1 with op->err ends the request.  May be NULL.
	 */
	int (*head)(void *arg, struct op *op, const struct http_answer *a);
	void *head_arg;

	bool no_auth; /* to a place that must not see the credentials */
	bool gzip;    /* the answer may come compressed; not with ranges */
	bool unasked; /* all is sent at once, however much: no 100 awaited */
};

/*
 * Neither a source nor a sink nor `head` may ask the same service: it would
 * hold one place at the gate and wait for another.
 *
 * 0 once an answer is there whole, whatever its status; -1 with ERR_NETWORK,
 * ERR_TIMEOUT, what a source, sink or `head` failed with, and so on.
 */
int http_do(struct http *h, struct op *op, const struct http_request *rq,
	    struct http_answer *out) MUST_CHECK;

/*
 * What a status that is no success stands for; always returns -1.  401
 * ERR_AUTH, 403 ERR_DENIED, 404 and 410 ERR_NOT_FOUND, 405 and 501
 * ERR_UNSUPPORTED, 408 ERR_TIMEOUT, 409 ERR_CONFLICT, 412 ERR_CONFLICT, 413
 * and 507 ERR_NO_SPACE, 416 ERR_CONFLICT, 423, 425, 429 and 503 ERR_BUSY (with
 * retry_after from Retry-After), other 5xx ERR_SERVER, the rest ERR_DENIED.
 * err.code is the status.  The text says so in words and, where the server
 * has added a line of plain text, in the server's.
 */
int http_fail(struct op *op, const struct http_answer *a);

#endif
