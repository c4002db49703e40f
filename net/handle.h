#ifndef NET_HANDLE_H
#define NET_HANDLE_H

#include <curl/curl.h>

#include "net/dump.h"
#include "net/http.h"

/*
 * libcurl's handles, each with the connections that it has opened.  The one
 * that was put back last is taken first, since its connection is the warmest.
 * They share names looked up and TLS sessions, but no connections.
 */
enum handle_auth { AUTH_NONE, AUTH_BASIC, AUTH_DIGEST };

struct exchange;

struct handle {
	CURL *curl;
	struct handle *next; /* of the idle ones */
	struct exchange *under_way;
	struct arena arena; /* what libcurl is lent for one request */
	struct buf head;    /* the answer's lines */
	struct buf body;    /* its content, where no sink takes it */
	struct buf small;   /* a request's, of a source */
	struct dump dump;
	bool prepared;         /* exchange.c has set its callbacks */
	enum handle_auth auth; /* as it is set up at the moment */
	bool gzip;
	bool fresh;
	char error[CURL_ERROR_SIZE];
};

struct handles;

/* Nothing is copied. */
struct handles *handles_new(const struct http_settings *settings,
			    const struct http_conf *conf);
void handles_free(struct handles *hs);

/* ERR_INVALID if the user's certificates cannot be read. */
int handles_take(struct handles *hs, struct op *op,
		 struct handle **out) MUST_CHECK;
void handles_put(struct handles *hs, struct handle *hd);

/* How the next request proves who asks. */
void handle_set_auth(struct handles *hs, struct handle *hd,
		     enum handle_auth auth);

#endif
