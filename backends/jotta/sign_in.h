#ifndef BACKENDS_JOTTA_SIGN_IN_H
#define BACKENDS_JOTTA_SIGN_IN_H

#include "backends/driver.h"
#include "net/oauth.h"

/* Between setup.c and sign_in.c: how a login is had. */
struct sign_in {
	const struct oauth_token *token;
	const char *token_url, *client_id;
};

/* The value that was given, or is stored; NULL if it is neither or empty. */
const char *setup_given(const struct setup *s, const char *key);

/*
 * By a personal login token, or with a browser.  `www_url`, with its '/', is
 * where the page for such tokens is.
 */
int sign_in(struct setup *s, struct op *op, struct http *http,
	    const char *www_url, struct sign_in *out) MUST_CHECK;

#endif
