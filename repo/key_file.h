#ifndef REPO_KEY_FILE_H
#define REPO_KEY_FILE_H

#include "crypt/envelope.h"
#include "crypt/scrypt.h"
#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/err.h"

/*
 * One key file: who made it, and the master key under a password.
 */
enum { KEY_FILE_MAX = 128 << 10, KEY_SALT_MAX = 4096, KEY_DATA_MAX = 64 << 10 };

struct key_file {
	const char *hostname, *username, *created; /* "" unknown */
	struct scrypt_cost cost;
	const uint8_t *salt, *data;
	size_t salt_len, data_len;
};

/* ERR_CORRUPT. In `a`. */
int key_file_parse(struct arena *a, const char *json, size_t n,
		   struct key_file *out, struct err *e) MUST_CHECK;
void key_file_write(struct buf *b, const struct key_file *k);

/*
 * The master key inside: 1, or 0 if the password is not this key's; -1: its
 * cost is absurd, or what the password opens is no master key.
 */
int key_file_open(const struct key_file *k, const char *password,
		  struct envelope_key *out, struct err *e) MUST_CHECK;

/* Fill in cost, salt and data (in `a`) anew. */
int key_file_seal(struct arena *a, struct key_file *k, const char *password,
		  const struct envelope_key *master, struct err *e) MUST_CHECK;

/* The text of a master key, as it lies in a key file. */
int master_key_parse(const char *json, size_t n, struct envelope_key *out,
		     struct err *e) MUST_CHECK;

/* Random, with r clamped. */
void master_key_new(struct envelope_key *out);

#endif
