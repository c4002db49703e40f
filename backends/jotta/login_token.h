#ifndef BACKENDS_JOTTA_LOGIN_TOKEN_H
#define BACKENDS_JOTTA_LOGIN_TOKEN_H

#include "lib/arena.h"
#include "lib/err.h"

/*
 * What the service's web page gives for signing in once: base64url of a JSON
 * object.
 */
struct login_token {
	const char *username;
	const char *well_known; /* https, or on this machine */
	char *secret;           /* to be wiped by whoever has used it */
};

/* ERR_INVALID for what is none; strings go to `a`. */
int login_token_parse(struct arena *a, const char *text,
		      struct login_token *out, struct err *e) MUST_CHECK;

/* An address that secrets may be sent to: https, or of this machine. */
int login_token_check_url(struct arena *a, const char *text,
			  struct err *e) MUST_CHECK;

#endif
