#ifndef NET_EXCHANGE_H
#define NET_EXCHANGE_H

#include "net/handle.h"
#include "net/url.h"

/*
 * One request and its answer over one handle: what libcurl is told, and what
 * it is given and takes while it works.
 */
struct exchange {
	struct op *op;
	const struct http_settings *settings;
	const struct http_request *rq;
	const struct url *url;
	const struct http_header *headers; /* of the service, or NULL */
	const char *authorization;         /* the header's value, or NULL */
	bool fresh;                        /* on a new connection */

	/* What came of it. */
	struct http_answer answer;
	int64_t bytes;  /* moved in both directions */
	bool pulled;    /* the source is no longer where it was */
	bool lost_kept; /* a kept connection was closed: nothing came back */

	/* While it is under way. */
	struct handle *handle;
	bool failed;       /* op->err is set: it wins over libcurl's errors */
	bool cut;          /* enough of an error's text has come */
	bool connected;    /* the request is being sent */
	bool repeated;     /* libcurl wanted to send it once more by itself */
	bool head_ended;   /* the blank line after the headers has come */
	bool head_known;   /* `answer` has status and headers */
	unsigned lines;    /* headers of this answer */
	size_t head_bytes; /* of this one and those before it (100, 401) */
	int64_t sent;      /* of the request's body */
	int64_t dropped;   /* of an error's text */
	int64_t up, down, moved_at;
};

/* 0 once the answer is there; else -1 with op->err. */
int exchange_run(struct exchange *x, struct handle *hd) MUST_CHECK;

/* What libcurl's failure means: sets op->err. Always -1. */
int exchange_fail(struct exchange *x, CURLcode code);

#endif
