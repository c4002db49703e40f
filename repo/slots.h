#ifndef REPO_SLOTS_H
#define REPO_SLOTS_H

#include "lib/base.h"

/*
 * A hash table of numbers (of things that lie elsewhere), open addressing with
 * linear probing.  A slot is five bytes, four for the number and one of the
 * hash, so that of the things themselves hardly any but the right one is
 * looked at: with millions of them, each look is a wait for memory.
 *
 * It grows by a third: with many tables whose first sizes are spread over a
 * third, as in the index, what all take together grows evenly.
 */
struct slots {
	uint8_t *at;
	uint32_t cap, n;
};

/* `first`: how many slots there are at first. */
void slots_init(struct slots *s, uint32_t first);
void slots_free(struct slots *s);

struct probe {
	uint32_t at;
	uint8_t mark;
};

/* Have the memory fetched that a probe of this hash will look at. */
void slots_fetch(const struct slots *s, uint64_t hash);

struct probe slots_probe(const struct slots *s, uint64_t hash);

/*
 * The next number that may be the one; false if there are no more: then
 * slots_put() may put a new one here.
 */
bool slots_next(const struct slots *s, struct probe *p, uint32_t *number);

/*
 * `hash` tells the hash of a number, for when the table grows.  Numbers are
 * below UINT32_MAX.
 */
typedef uint64_t slots_hash_fn(const void *arg, uint32_t number);
void slots_put(struct slots *s, struct probe *p, uint32_t number,
	       slots_hash_fn *hash, const void *arg);

size_t slots_memory(const struct slots *s);

#endif
