#ifndef NET_OAUTH_H
#define NET_OAUTH_H

#include "net/http.h"

/*
 * OAuth 2 (RFC 6749) with refresh tokens that are good for one use.
 *
 * The tokens of a remote lie in its section of the configuration file, as
 * rclone keeps them: `token = {"access_token":...,"refresh_token":...,
 * "expiry":...}`.  Any number of processes and threads use them at once: who
 * finds that the access token has expired (or was refused) takes the remote's
 * token lock, reads the file again, and refreshes only if it still holds the
 * token that he saw.  What the server answers is on disk (written aside,
 * fsync, rename) before anyone uses it, also after a cancel.  The
 * configuration's own lock is held only to read and write, never across a
 * request.
 */
struct oauth_token {
	const char *access, *refresh, *type;
	int64_t expiry; /* wall clock, ns; 0: unknown */
	int64_t life;   /* ns, of a whole one; 0: unknown */
};

/* rclone's JSON. ERR_CORRUPT; strings go to `a`. */
int oauth_token_parse(struct arena *a, const char *json,
		      struct oauth_token *out, struct err *e) MUST_CHECK;
void oauth_token_write(struct buf *b, const struct oauth_token *t);

/*
 * Ask a token endpoint with the fields of a form (ended by one without name),
 * all percent-encoded.  A refusal ("invalid_grant", any 4xx) is ERR_AUTH with
 * the server's description; err.code is its status.
 */
int oauth_ask(struct http *h, struct op *op, const char *token_url,
	      const struct http_header *form,
	      struct oauth_token *out) MUST_CHECK;

struct oauth_conf {
	const char *name;        /* the remote's section */
	const char *config_path; /* the file that it is in */
	const char *token_url;
	const char *client_id, *client_secret; /* the latter may be NULL */
	const char *remedy; /* "run: ferry config reconnect NAME" */
};

struct oauth;

/* All is copied. `h`, for the token endpoint, must outlive it. */
struct oauth *oauth_new(struct http *h, const struct oauth_conf *conf);
void oauth_free(struct oauth *o);

/*
 * For http_conf.authorize (`arg` is the struct oauth): "Bearer ..." of a token
 * that is good for a minute more by its expiry, or for half the life of a
 * short-lived one, and is not `stale`.
 * ERR_AUTH with the remedy if the login is lost.
 */
int oauth_authorize(void *arg, struct op *op, const char *stale,
		    const char **value) MUST_CHECK;

/*
 * The remote's token lock, to be closed when it has served; -1 with ERR_LOCKED
 * if somebody holds it for minutes.  A new login is written with it, so that no
 * refresh of the old one is stored on top.
 */
int oauth_lock(struct op *op, const char *config_path,
	       const char *name) MUST_CHECK;

/* Put a token into the file, as above. */
int oauth_store(struct op *op, const char *config_path, const char *name,
		const struct oauth_token *t) MUST_CHECK;

#endif
