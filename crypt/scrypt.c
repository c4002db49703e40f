#include "crypt/scrypt.h"

#include <sodium.h>

#include "lib/clock.h"

/* In blocks of 128 bytes: of memory, of input to mix, and mixed in all. */
#define MEMORY_MAX (UINT64_C(1) << 23)
#define INPUT_MAX  (UINT64_C(1) << 18)
#define WORK_MAX   (UINT64_C(1) << 26)

/* Each product stays below 2^64, since the one before it is bounded. */
static bool sane(struct scrypt_cost c)
{
	return c.n >= 2 && (c.n & (c.n - 1)) == 0 && c.n <= MEMORY_MAX &&
	       c.r > 0 && c.p > 0 && c.n * c.r <= MEMORY_MAX &&
	       (uint64_t)c.r * c.p <= INPUT_MAX && c.n * c.r * c.p <= WORK_MAX;
}

int scrypt_derive(const char *password, size_t password_len,
		  const uint8_t *salt, size_t salt_len, struct scrypt_cost cost,
		  uint8_t *out, size_t len, struct err *e)
{
	if (!sane(cost))
		return err_set(e, ERR_CORRUPT,
			       "a cost of scrypt that is absurd: N=%llu, r=%u, "
			       "p=%u",
			       (unsigned long long)cost.n, cost.r, cost.p);
	/* the faster code for this machine is chosen when the library starts */
	if (sodium_init() < 0)
		BUG("libsodium cannot start");
	if (crypto_pwhash_scryptsalsa208sha256_ll(
		    (const uint8_t *)password, password_len, salt, salt_len,
		    cost.n, cost.r, cost.p, out, len) != 0)
		return err_sys(e, "scrypt");
	return 0;
}

struct scrypt_cost scrypt_calibrate(unsigned ms)
{
	struct scrypt_cost cost = { .n = 32768, .r = 8, .p = 1 };
	static const uint8_t salt[16];
	uint8_t key[32];
	struct err e;
	int64_t began = clock_mono(), took;
	uint64_t p;

	if (scrypt_derive("", 0, salt, sizeof(salt), cost, key, sizeof(key),
			  &e) < 0)
		return cost; /* no memory: who derives the key says so */
	took = clock_mono() - began;
	p = (uint64_t)ms * 1000000 / (uint64_t)(took > 0 ? took : 1);
	if (p > WORK_MAX / (cost.n * cost.r))
		p = WORK_MAX / (cost.n * cost.r);
	if (p > 1)
		cost.p = (uint32_t)p;
	return cost;
}
