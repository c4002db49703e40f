#include "crypt/secret.h"

#include <sodium.h>

#include "lib/base.h"

static void library_ready(void)
{
	/* once for the process, from any thread */
	if (sodium_init() < 0)
		BUG("libsodium cannot start");
}

void *secret_alloc(size_t n)
{
	/* It ends at the end of a page: its beginning is aligned by this. */
	size_t whole = (n + 15) & ~(size_t)15;
	void *p;

	if (whole < n)
		BUG("a secret of %zu bytes", n);
	library_ready();
	/*
	 * Where RLIMIT_MEMLOCK is used up, this gives memory that is not locked
	 * but still wiped and out of core dumps: no reason to stop.
	 */
	p = sodium_malloc(whole ? whole : 16);
	if (!p)
		BUG("no memory for a secret");
	sodium_memzero(p, whole ? whole : 16);
	return p;
}

void secret_free(void *p)
{
	sodium_free(p);
}

void random_bytes(void *p, size_t n)
{
	library_ready();
	randombytes_buf(p, n);
}
