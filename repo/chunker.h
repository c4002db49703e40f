#ifndef REPO_CHUNKER_H
#define REPO_CHUNKER_H

#include "lib/base.h"
#include "lib/err.h"

/*
 * Content defined chunking with Rabin fingerprints over GF(2), as restic cuts
 * (Rabin, "Fingerprinting by Random Polynomials", 1981): a window of 64 bytes,
 * a polynomial of degree 53, a cut behind each byte where the low `bits` bits
 * of the fingerprint are 0 and the chunk has at least `min` bytes, and where
 * it has `max`.
 *
 * For a chunk of at least 64 bytes the fingerprint depends on the last 64
 * bytes alone: so all places where a cut could be are found first, in
 * interleaved lanes, and what is cut is chosen from them.
 */
struct chunker_size {
	uint32_t min, max; /* bytes; min at least 64 */
	unsigned bits;     /* 20: 1 MiB on average beyond min */
};

#define CHUNKS_RESTIC ((struct chunker_size){ 512 << 10, 8 << 20, 20 })
#define CHUNKS_SMALL  ((struct chunker_size){ 16 << 10, 256 << 10, 15 })

struct chunker_tables; /* of one polynomial; read by any thread */

/* ERR_CORRUPT if `polynomial` is not of degree 53 or is reducible. */
int chunker_tables_new(uint64_t polynomial, struct chunker_tables **out,
		       struct err *e) MUST_CHECK;
void chunker_tables_free(struct chunker_tables *t);

/* A random irreducible one. */
uint64_t chunker_polynomial(void);

/* One file's chunking; one thread's. */
struct chunker;
struct chunker *chunker_new(const struct chunker_tables *t,
			    struct chunker_size size);
void chunker_free(struct chunker *c);

/* Begin a new file. */
void chunker_reset(struct chunker *c);

/*
 * The next `n` bytes of the file, in order, any number at a time; large runs
 * (some MiB) are fastest.  `cuts` receives the offsets, from the file's
 * beginning and in rising order, behind which a chunk ends and that are now
 * certain; returns how many (at most n / size.min + 1; there must be room).
 * What is left at the end of the file is the last chunk.
 */
size_t chunker_add(struct chunker *c, const void *p, size_t n, int64_t *cuts);

#endif
