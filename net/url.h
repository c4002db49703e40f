#ifndef NET_URL_H
#define NET_URL_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

/*
 * http and https URLs (RFC 3986).  A URL with anything else for a scheme, with
 * control characters or blanks, or with a user in it is refused: what goes to
 * a server is chosen by the configuration, not by what a server writes.
 */
struct url {
	bool tls;
	const char *host;  /* lower case; an IPv6 address without its [] */
	unsigned port;     /* filled in if the text has none */
	const char *path;  /* begins with '/'; still encoded */
	const char *query; /* without '?', or NULL; a fragment is dropped */
};

int url_parse(struct arena *a, const char *text, struct url *out,
	      struct err *e) MUST_CHECK;

/*
 * What `ref` (a Location, an href) means when it stands in the document at
 * `base`: absolute, "//host/path", "/path" or "path".
 */
int url_resolve(struct arena *a, const struct url *base, const char *ref,
		struct url *out, struct err *e) MUST_CHECK;

/* Scheme, host and port are the same. */
bool url_same_origin(const struct url *a, const struct url *b);

/* The whole again, as it is sent. */
void url_text(struct buf *b, const struct url *u);

/*
 * Append `path`, percent-encoded: all but letters, digits and "-_.~" (and '/',
 * which stays between components).
 */
void url_encode_path(struct buf *b, const char *path);

/* The same with '/' encoded, too: one component, a form's field. */
void url_encode(struct buf *b, const char *text);

/*
 * Append the bytes that `text` stands for.  Strict: false, and `b` as it was,
 * if a '%' is not followed by two hexadecimal digits, or for a NUL.
 */
bool url_decode(struct buf *b, const char *text, size_t n);

#endif
