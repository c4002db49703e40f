#ifndef CRYPT_SCRYPT_H
#define CRYPT_SCRYPT_H

#include "lib/err.h"

/* RFC 7914. */
struct scrypt_cost {
	uint64_t n;
	uint32_t r, p;
};

/*
 * `len` bytes of key from a password.  ERR_CORRUPT if the cost, which comes
 * from a file, is absurd:
 *
 *	n	not a power of two, or less than 2
 *	n * r	more than 2^23: 1 GiB of memory
 *	r * p	more than 2^18: another 32 MiB
 *	n * r * p
 *		more than 2^26: 20 to 60 seconds on machines of 2015 to 2025,
 *		256 times what a p of 1 below costs
 */
int scrypt_derive(const char *password, size_t password_len,
		  const uint8_t *salt, size_t salt_len, struct scrypt_cost cost,
		  uint8_t *out, size_t len, struct err *e) MUST_CHECK;

/*
 * What takes about `ms` on this machine and at most 32 MiB: n = 32768, r = 8,
 * and p as large as that takes, at least 1.
 */
struct scrypt_cost scrypt_calibrate(unsigned ms);

#endif
