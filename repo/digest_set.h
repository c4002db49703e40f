#ifndef REPO_DIGEST_SET_H
#define REPO_DIGEST_SET_H

#include "repo/id.h"

/*
 * Which things were seen, by 16 bytes of the SHA-256 of what tells them apart:
 * at most 44 bytes for each, whatever they are.  Not for several threads.
 */
struct digest_set {
	struct digest {
		uint64_t a, b; /* both 0: none */
	} * at;
	size_t n, cap; /* cap: a power of two, or 0 */
};

void digest_set_free(struct digest_set *s);

/* True if it was not there. */
bool digest_set_add(struct digest_set *s, const struct id *id);
bool digest_set_has(const struct digest_set *s, const struct id *id);

/* One id that tells a pair of an id and some bytes apart. */
void digest_of_pair(const struct id *id, const void *p, size_t n,
		    struct id *out);

#endif
