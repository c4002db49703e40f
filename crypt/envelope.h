#ifndef CRYPT_ENVELOPE_H
#define CRYPT_ENVELOPE_H

#include "lib/base.h"

/*
 * restic's envelope (doc/design.rst, "Keys, Encryption and MAC"):
 *
 *	IV (16) || AES-256-CTR(text) || Poly1305-AES(IV, ciphertext) (16)
 *
 * Bernstein, "The Poly1305-AES message-authentication code", 2005.
 */
enum { ENVELOPE_EXTRA = 32 };

struct envelope_key {
	uint8_t encrypt[32]; /* AES-256 */
	uint8_t mac_k[16];   /* AES-128 */
	uint8_t mac_r[16];   /* clamped when it is used */
};

/*
 * The key, prepared.  One thread's at a time: each worker makes its own.  Its
 * bytes lie in locked memory; what libcrypto expands them to lies on the heap,
 * and is wiped when freed.
 */
struct envelope;
struct envelope *envelope_new(const struct envelope_key *k);
void envelope_free(struct envelope *v); /* NULL is fine */

/*
 * `n` bytes of `text` into n + ENVELOPE_EXTRA of `out`, with a random IV.
 * `text` may be out + 16, else they do not overlap.
 */
void envelope_seal(struct envelope *v, const void *text, size_t n,
		   uint8_t *out);

/* Whether the MAC of the `n` bytes at `p` is right; in constant time. */
bool envelope_check(struct envelope *v, const uint8_t *p, size_t n);

/*
 * envelope_check(), then the n - ENVELOPE_EXTRA bytes of text into `out`, which
 * may be p + 16 (or else not overlap).  On false nothing is written.
 */
bool envelope_open(struct envelope *v, const uint8_t *p, size_t n, void *out);

#endif
