#include "repo/chunker.h"

#include <stdlib.h>
#include <string.h>

#include "repo/polynomial.h"

enum {
	WINDOW = 64,
	/* the digest's 8 highest bits are what the next byte pushes out */
	TOP = POLYNOMIAL_DEGREE - 8,
	/*
	 * One step needs the result of the one before it, which takes eight
	 * cycles, of which the processor could use most for other steps.  More
	 * lanes do not fit the registers and are slower.
	 */
	LANES = 4,
	/*
	 * How far a lane runs.  A long one wastes what lies behind a cut, a
	 * short one what it takes to fill its window.
	 */
	LANE_LEAST = 256,
	LANE_MOST = 4096,
};

/*
 * The window's polynomial times x^8, plus the next byte, minus what left the
 * window, modulo the polynomial.
 */
struct chunker_tables {
	uint64_t push[256]; /* by the 8 bits that are above the degree then */
	uint64_t drop[256]; /* by the byte that leaves */
};

struct chunker {
	const struct chunker_tables *tables;
	struct chunker_size size;
	int64_t at;           /* how much of the file we have seen */
	int64_t start;        /* of the chunk */
	uint8_t tail[WINDOW]; /* what we saw last, at its end */
};

int chunker_tables_new(uint64_t polynomial, struct chunker_tables **out,
		       struct err *e)
{
	struct chunker_tables *t;

	if (!polynomial_irreducible(polynomial))
		return err_set(e, ERR_CORRUPT,
			       "%llx is no irreducible polynomial of degree %d",
			       (unsigned long long)polynomial,
			       POLYNOMIAL_DEGREE);
	t = xcalloc(1, sizeof(*t));
	for (uint64_t b = 0; b < 256; b++) {
		t->push[b] =
			polynomial_shift(b, POLYNOMIAL_DEGREE, polynomial) |
			b << POLYNOMIAL_DEGREE;
		t->drop[b] = polynomial_shift(b, 8 * WINDOW, polynomial);
	}
	*out = t;
	return 0;
}

void chunker_tables_free(struct chunker_tables *t)
{
	free(t);
}

uint64_t chunker_polynomial(void)
{
	return polynomial_random();
}

struct chunker *chunker_new(const struct chunker_tables *t,
			    struct chunker_size size)
{
	struct chunker *c = xcalloc(1, sizeof(*c));

	if (size.min < WINDOW || size.max < size.min || size.bits == 0 ||
	    size.bits >= POLYNOMIAL_DEGREE)
		BUG("chunks of %u to %u bytes, %u bits", size.min, size.max,
		    size.bits);
	c->tables = t;
	c->size = size;
	return c;
}

void chunker_free(struct chunker *c)
{
	free(c);
}

void chunker_reset(struct chunker *c)
{
	/* no need to clear the tail: no cut is so early that it matters */
	c->at = 0;
	c->start = 0;
}

/* The digest of a full window, from that of the one a byte earlier. */
static inline uint64_t step(const struct chunker_tables *t, uint64_t digest,
			    const uint8_t *p)
{
	return (digest << 8 | p[0]) ^ t->push[digest >> TOP] ^
	       t->drop[p[-WINDOW]];
}

/* The digest of the window before `p`. */
static uint64_t window(const struct chunker_tables *t, const uint8_t *p)
{
	uint64_t digest = 0;

	for (int i = -WINDOW; i < 0; i++)
		digest = (digest << 8 | p[i]) ^ t->push[digest >> TOP];
	return digest;
}

/*
 * The first i < n such that the window that ends with p[i] has a digest where
 * `mask` has no bit, n if there is none.  The window before p[0] is there.
 */
static size_t find(const struct chunker_tables *t, uint64_t mask,
		   const uint8_t *p, size_t n)
{
	uint64_t digest = window(t, p);

	for (size_t i = 0; i < n; i++) {
		digest = step(t, digest, p + i);
		if ((digest & mask) == 0)
			return i;
	}
	return n;
}

/* find() in LANES * n bytes, a lane for each n. */
static size_t find_in_lanes(const struct chunker_tables *t, uint64_t mask,
			    const uint8_t *p, size_t n)
{
	uint64_t digest[LANES];
	size_t found = LANES * n;

	for (size_t l = 0; l < LANES; l++)
		digest[l] = window(t, p + l * n);
	for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 16
		for (size_t l = 0; l < LANES; l++) {
			digest[l] = step(t, digest[l], p + l * n + i);
			if (__builtin_expect((digest[l] & mask) == 0, 0) &&
			    l * n + i < found)
				found = l * n + i;
		}
		/* the first lane's first is the first of all */
		if (__builtin_expect(found < n, 0))
			break;
	}
	return found;
}

/* find() in as many lanes as there are bytes for. */
static size_t find_fast(const struct chunker_tables *t, uint64_t mask,
			const uint8_t *p, size_t n)
{
	size_t at = 0;

	while ((n - at) / LANES >= LANE_LEAST) {
		size_t lane = (n - at) / LANES;
		size_t found;

		if (lane > LANE_MOST)
			lane = LANE_MOST;
		found = find_in_lanes(t, mask, p + at, lane);
		at += found;
		if (found < LANES * lane)
			return at;
	}
	return at + find(t, mask, p + at, n - at);
}

/* Keep the last bytes for the windows that reach into the next call's. */
static void keep_tail(struct chunker *c, const uint8_t *p, size_t n)
{
	if (n >= WINDOW) {
		memcpy(c->tail, p + n - WINDOW, WINDOW);
		return;
	}
	memmove(c->tail, c->tail + n, WINDOW - n);
	memcpy(c->tail + WINDOW - n, p, n);
}

/* find() from p[from] until p[to], where windows may begin in the tail. */
static size_t find_in(const struct chunker *c, const uint8_t *p, size_t from,
		      size_t to)
{
	uint64_t mask = (UINT64_C(1) << c->size.bits) - 1;
	uint8_t joined[2 * WINDOW];

	if (from < WINDOW) {
		size_t end = to < WINDOW ? to : WINDOW;
		size_t found;

		memcpy(joined, c->tail, WINDOW);
		memcpy(joined + WINDOW, p, end);
		found = from + find(c->tables, mask, joined + WINDOW + from,
				    end - from);
		if (found < end || end == to)
			return found;
		from = end;
	}
	return from + find_fast(c->tables, mask, p + from, to - from);
}

size_t chunker_add(struct chunker *c, const void *bytes, size_t n,
		   int64_t *cuts)
{
	const uint8_t *p = bytes;
	size_t ncuts = 0;

	for (;;) {
		/*
		 * The chunk's last byte is from its min-th, or the first we
		 * have not seen, to its max-th.
		 */
		int64_t first = c->start + c->size.min - 1 - c->at;
		int64_t last = c->start + c->size.max - 1 - c->at;
		size_t from = first > 0 ? (size_t)first : 0;
		size_t to = (uint64_t)last < n ? (size_t)last : n;
		size_t found;

		if (from >= n)
			break;
		found = find_in(c, p, from, to);
		if (found == n)
			break;
		c->start = c->at + (int64_t)found + 1;
		cuts[ncuts++] = c->start;
	}
	if (n > 0)
		keep_tail(c, p, n);
	c->at += (int64_t)n;
	return ncuts;
}
