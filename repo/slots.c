#include "repo/slots.h"

#include <string.h>
#include <sys/mman.h>

enum { SLOT = 5 };

/*
 * Pages of our own: what is given back after growing is the system's again,
 * and not a hole that is too small for the next table.
 */
static uint8_t *pages_new(uint32_t cap)
{
	void *p = mmap(NULL, (size_t)cap * SLOT, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		BUG("out of memory for %u slots", cap);
	return p;
}

void slots_init(struct slots *s, uint32_t first)
{
	*s = (struct slots){ .at = pages_new(first), .cap = first };
}

void slots_free(struct slots *s)
{
	if (s->at)
		munmap(s->at, (size_t)s->cap * SLOT);
	*s = (struct slots){ 0 };
}

/* 0: empty, else one more than the number. */
static uint32_t get(const uint8_t *slot)
{
	uint32_t v;

	memcpy(&v, slot + 1, sizeof(v));
	return v;
}

static void set(uint8_t *slot, uint8_t mark, uint32_t number)
{
	uint32_t v = number + 1;

	slot[0] = mark;
	memcpy(slot + 1, &v, sizeof(v));
}

/* Bits 24 to 55 say where, the low 8 are the mark. */
struct probe slots_probe(const struct slots *s, uint64_t hash)
{
	return (struct probe){
		.at = (uint32_t)((hash >> 24 & UINT32_MAX) * s->cap >> 32),
		.mark = (uint8_t)hash,
	};
}

void slots_fetch(const struct slots *s, uint64_t hash)
{
	__builtin_prefetch(s->at + (size_t)slots_probe(s, hash).at * SLOT);
}

static void step(const struct slots *s, struct probe *p)
{
	if (++p->at == s->cap)
		p->at = 0;
}

bool slots_next(const struct slots *s, struct probe *p, uint32_t *number)
{
	for (;;) {
		const uint8_t *slot = s->at + (size_t)p->at * SLOT;
		uint32_t v = get(slot);

		if (!v)
			return false;
		step(s, p);
		if (slot[0] == p->mark) {
			*number = v - 1;
			return true;
		}
	}
}

static void to_end(const struct slots *s, struct probe *p)
{
	while (get(s->at + (size_t)p->at * SLOT))
		step(s, p);
}

/*
 * Hashes are asked for several at a time, so that the waits for the memory
 * that they are made of go side by side.
 */
static void move_all(struct slots *to, const struct slots *from,
		     slots_hash_fn *hash, const void *arg)
{
	enum { BATCH = 32 };
	uint32_t numbers[BATCH], i = 0;
	uint64_t hashes[BATCH];

	while (i < from->cap) {
		size_t n = 0;

		for (; i < from->cap && n < BATCH; i++) {
			uint32_t v = get(from->at + (size_t)i * SLOT);

			if (v)
				numbers[n++] = v - 1;
		}
		for (size_t j = 0; j < n; j++)
			hashes[j] = hash(arg, numbers[j]);
		for (size_t j = 0; j < n; j++) {
			struct probe p = slots_probe(to, hashes[j]);

			to_end(to, &p);
			set(to->at + (size_t)p.at * SLOT, p.mark, numbers[j]);
		}
	}
	to->n = from->n;
}

static void grow(struct slots *s, slots_hash_fn *hash, const void *arg)
{
	struct slots old = *s;

	if (old.cap > UINT32_MAX / 4 * 3)
		BUG("%u slots are all there can be", old.cap);
	slots_init(s, old.cap + old.cap / 3);
	move_all(s, &old, hash, arg);
	slots_free(&old);
}

void slots_put(struct slots *s, struct probe *p, uint32_t number,
	       slots_hash_fn *hash, const void *arg)
{
	set(s->at + (size_t)p->at * SLOT, p->mark, number);
	s->n++;
	if (s->n > s->cap / 5 * 4)
		grow(s, hash, arg);
}

size_t slots_memory(const struct slots *s)
{
	return (size_t)s->cap * SLOT;
}
