#ifndef CRYPT_SECRET_H
#define CRYPT_SECRET_H

#include <stddef.h>

/*
 * Memory for keys and passwords: locked where the system allows it, not in
 * core dumps, wiped when freed.  Zeroed.  Never NULL.
 */
void *secret_alloc(size_t n);
void secret_free(void *p); /* NULL is fine */

/* From the system's source of randomness. */
void random_bytes(void *p, size_t n);

#endif
