#ifndef LIB_FNV_H
#define LIB_FNV_H

#include <stddef.h>
#include <stdint.h>

/*
 * FNV-1a with 64 bits, for tables in memory.  Who chooses the bytes can make
 * two collide: compare them as well, or live with it.
 */
static inline uint64_t fnv(const char *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	while (n--)
		h = (h ^ (unsigned char)*p++) * UINT64_C(0x100000001b3);
	return h;
}

#endif
