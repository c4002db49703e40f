#ifndef TESTS_BYTES_H
#define TESTS_BYTES_H

#include "lib/stream.h"

/*
 * Files of any size that need no memory: byte `off` of file `seed` is a
 * function of both, so that a byte from another file or place shows.
 */
static inline uint8_t bytes_at(uint64_t seed, int64_t off)
{
	uint64_t x = ((uint64_t)off + 1) * UINT64_C(0x9e3779b97f4a7c15);

	x ^= (seed + 1) * UINT64_C(0xd1b54a32d192ed03);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return (uint8_t)(x >> 56);
}

struct bytes_source {
	struct source base;
	uint64_t seed;
	int64_t at, end;       /* `end` may be less than base.size */
	enum err_kind error;   /* what comes at `end`; ERR_OK: just the end */
	struct cancel *cancel; /* set at `cancel_at`, if not NULL */
	int64_t cancel_at;
	unsigned seeks;
};

static inline ssize_t bytes_read(struct source *src, struct op *op, void *buf,
				 size_t n)
{
	struct bytes_source *s = container_of(src, struct bytes_source, base);
	uint8_t *p = buf;
	size_t i = 0;

	if (s->at == s->end && s->error)
		return err_set(&op->err, s->error, "the source failed");
	if (s->cancel && s->at >= s->cancel_at)
		cancel_set(s->cancel);
	while (i < n && s->at < s->end)
		p[i++] = bytes_at(s->seed, s->at++);
	return (ssize_t)i;
}

static inline int bytes_seek(struct source *src, struct op *op, int64_t off)
{
	struct bytes_source *s = container_of(src, struct bytes_source, base);

	(void)op;
	s->at = off;
	s->seeks++;
	return 0;
}

static inline struct bytes_source bytes_source(uint64_t seed, int64_t size)
{
	return (struct bytes_source){
		.base = { .size = size,
			  .stable = true,
			  .read = bytes_read,
			  .seek = bytes_seek },
		.seed = seed,
		.end = size,
	};
}

/* Compares what comes with file `seed` from `at` on. */
struct bytes_sink {
	struct sink base;
	uint64_t seed;
	int64_t at;
	int64_t n;             /* bytes that came */
	int64_t wrong;         /* bytes of them that differ */
	struct cancel *cancel; /* set after the first write, if not NULL */
};

static inline int bytes_write(struct sink *dst, struct op *op, const void *buf,
			      size_t n)
{
	struct bytes_sink *s = container_of(dst, struct bytes_sink, base);
	const uint8_t *p = buf;

	(void)op;
	for (size_t i = 0; i < n; i++)
		s->wrong += p[i] != bytes_at(s->seed, s->at++);
	s->n += (int64_t)n;
	if (s->cancel)
		cancel_set(s->cancel);
	return 0;
}

static inline struct bytes_sink bytes_sink(uint64_t seed, int64_t at)
{
	return (struct bytes_sink){ .base.write = bytes_write,
				    .seed = seed,
				    .at = at };
}

#endif
