#ifndef LIB_HASH_H
#define LIB_HASH_H

#include "lib/buf.h"

enum hash_type { HASH_MD5, HASH_SHA1, HASH_SHA256, HASH_TYPES };
enum { HASH_LONGEST = 32 };

struct digests {
	unsigned have; /* bit 1u << HASH_x for each one that is set */
	uint8_t md5[16];
	uint8_t sha1[20];
	uint8_t sha256[32];
};

/* "md5", "sha1", "sha256" */
const char *hash_name(enum hash_type t);
size_t hash_len(enum hash_type t);

/* By name, upper or lower case, with or without '-': false if unknown. */
bool hash_find(const char *name, enum hash_type *out);

uint8_t *digest_of(struct digests *d, enum hash_type t);
const uint8_t *digest_in(const struct digests *d, enum hash_type t);

/* Append the digest in lower-case hexadecimal. */
void digest_hex(struct buf *b, const struct digests *d, enum hash_type t);

/* Whether a hash that both have is equal: 1 yes, 0 no, -1 none in common. */
int digests_compare(const struct digests *a, const struct digests *b);

/* Several digests in one pass over the bytes. */
struct hasher;
struct hasher *hasher_new(unsigned want); /* bits 1u << HASH_x */
void hasher_add(struct hasher *h, const void *p, size_t n);
void hasher_end(struct hasher *h, struct digests *out); /* then reset */
void hasher_free(struct hasher *h);

#endif
