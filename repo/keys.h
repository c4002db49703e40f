#ifndef REPO_KEYS_H
#define REPO_KEYS_H

#include "repo/repo.h"

/* Key files (doc/design.rst, "Keys, Encryption and MAC"). */
struct key_info {
	struct id id;
	const char *hostname, *username;
	const char *created; /* RFC 3339 */
};

/* Each key file, in the op's arena; unreadable ones are logged. */
typedef int key_fn(void *arg, struct op *op, const struct key_info *k);
int keys_each(struct store *s, struct op *op, key_fn *fn, void *arg) MUST_CHECK;

/*
 * Find the key that `password` opens; ERR_PASSWORD if none does.  `hint` (the
 * beginning of an id, or NULL) is tried first; then those of this host and
 * user.
 */
int keys_open(struct store *s, struct op *op, const char *password,
	      const char *hint, struct envelope_key *out,
	      struct id *id) MUST_CHECK;

/* A new key file for the master key.  NULL host or user: this one's. */
int keys_add(struct store *s, struct op *op, const struct envelope_key *master,
	     const char *password, const char *hostname, const char *username,
	     struct id *id) MUST_CHECK;

#endif
