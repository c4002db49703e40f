#ifndef NET_OAUTH_TOKEN_H
#define NET_OAUTH_TOKEN_H

#include "net/oauth.h"

/*
 * Between oauth.c, oauth_ask.c and oauth_token.c.
 *
 * What a token endpoint answers (RFC 6749, 5.1 and 5.2).  ERR_CORRUPT if there
 * is no access token in it.  `asked` is when it was asked, from which the
 * token's life counts.
 */
int oauth_answer_parse(struct arena *a, const char *body, size_t n,
		       int64_t asked, struct oauth_token *out,
		       struct err *e) MUST_CHECK;

/*
 * Why it refused: the error's name ("invalid_grant"; "" if it gives none), and
 * a text for people or NULL.
 */
void oauth_refusal_parse(struct arena *a, const char *body, size_t n,
			 const char **error, const char **text);

struct oauth_endpoint {
	struct http *http;
	const char *token_url, *client_id, *client_secret;
};

/*
 * Exchange a refresh token for new ones; `*lost` if that was refused for good.
 * Once it is sent the answer must be had, since the server has spent the old
 * token by then: a cancel of `op` does not reach this request at once, and it
 * is given up only after minutes.
 */
int oauth_ask_surely(const struct oauth_endpoint *at, struct op *op,
		     const char *refresh, struct oauth_token *out,
		     bool *lost) MUST_CHECK;

#endif
