#include "tests/harness.h"

#include "repo/chunker.h"
#include "repo/polynomial.h"
#include "tests/bytes.h"

enum { WINDOW = 64 };
#define POLYNOMIAL UINT64_C(0x27a13ecdcca40b)

struct model {
	uint64_t polynomial;
	uint64_t out[256];
	uint8_t window[WINDOW];
};

static uint64_t model_push(const struct model *m, uint64_t digest, uint8_t b)
{
	return polynomial_shift(digest, 8, m->polynomial) ^ b;
}

/*
 * Byte by byte, as the documentation has it, with none of the tables of
 * chunker.c: a window that begins with a 1, from min - 64 on.
 */
static size_t model_cuts(struct model *m, struct chunker_size size,
			 const uint8_t *p, size_t n, int64_t *cuts)
{
	uint64_t mask = (UINT64_C(1) << size.bits) - 1, digest = 1;
	size_t start = 0, at = 1, ncuts = 0;

	for (unsigned b = 0; b < 256; b++)
		m->out[b] =
			polynomial_shift(b, 8 * (WINDOW - 1), m->polynomial);
	memset(m->window, 0, WINDOW);
	m->window[0] = 1;
	for (size_t i = size.min - WINDOW; i < n; i++) {
		size_t len = i - start + 1;

		digest ^= m->out[m->window[at]];
		m->window[at] = p[i];
		at = (at + 1) % WINDOW;
		digest = model_push(m, digest, p[i]);
		if (len < size.min || ((digest & mask) && len < size.max))
			continue;
		cuts[ncuts++] = (int64_t)i + 1;
		start = i + 1;
		i += size.min - WINDOW;
		memset(m->window, 0, WINDOW);
		m->window[0] = 1;
		at = 1;
		digest = 1;
	}
	return ncuts;
}

static struct chunker_tables *tables(void)
{
	struct chunker_tables *t;
	struct err e;

	CHECK(chunker_tables_new(POLYNOMIAL, &t, &e) == 0);
	return t;
}

/* `piece` bytes at a time; 0: sizes that change */
static size_t cuts_in_pieces(struct chunker *c, const uint8_t *p, size_t n,
			     size_t piece, int64_t *cuts)
{
	uint8_t *copy = xcalloc(1, n);
	size_t ncuts = 0;

	chunker_reset(c);
	for (size_t at = 0, now; at < n; at += now) {
		now = piece ? piece : (at * 2654435761u >> 7) % 9973;
		if (now > n - at)
			now = n - at;
		if (piece == 0 && now == 0)
			now = 1;
		/* elsewhere, so that it has to remember what was before */
		memcpy(copy, p + at, now);
		ncuts += chunker_add(c, copy, now, cuts + ncuts);
	}
	free(copy);
	return ncuts;
}

static void check_like_model(struct chunker_size size, const uint8_t *p,
			     size_t n)
{
	static const size_t pieces[] = { 0,    1,    7,     63,     64,     65,
					 1000, 4096, 65536, 100001, 1 << 22 };
	struct model m = { .polynomial = POLYNOMIAL };
	int64_t *want = xcalloc(n / size.min + 1, sizeof(*want));
	int64_t *got = xcalloc(n / size.min + 1, sizeof(*got));
	struct chunker_tables *t = tables();
	struct chunker *c = chunker_new(t, size);
	size_t nwant = model_cuts(&m, size, p, n, want);

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		if (n > 1 << 20 && pieces[i] > 0 && pieces[i] < 1000)
			continue; /* slow */
		CHECK(cuts_in_pieces(c, p, n, pieces[i], got) == nwant);
		CHECK(memcmp(got, want, nwant * sizeof(*got)) == 0);
	}
	chunker_free(c);
	chunker_tables_free(t);
	free(got);
	free(want);
}

static uint8_t *random_text(uint64_t seed, size_t n)
{
	uint8_t *p = xcalloc(1, n);

	for (size_t i = 0; i < n; i++)
		p[i] = bytes_at(seed, (int64_t)i);
	return p;
}

static const struct chunker_size sizes[] = {
	{ 64, 64, 4 },       { 64, 300, 6 },      { 65, 1000, 1 },
	{ 100, 5000, 12 },   { 1000, 20000, 10 }, { 16 << 10, 256 << 10, 15 },
	{ 4096, 40000, 40 },
};

static void random_text_is_cut_as_byte_by_byte(void)
{
	const size_t n = 600000;
	uint8_t *p = random_text(3, n);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t less = 0; less < 3; less++)
			check_like_model(sizes[i], p + less, n - 1000 * less);
	free(p);
}

static void large_chunks_are_cut_as_byte_by_byte(void)
{
	const size_t n = 20 << 20;
	uint8_t *p = random_text(5, n);

	check_like_model(CHUNKS_RESTIC, p, n);
	check_like_model(CHUNKS_SMALL, p, n);
	memset(p + (6 << 20), 'x', 10 << 20); /* no cut but at max */
	check_like_model(CHUNKS_RESTIC, p, n);
	free(p);
}

/* Zeros have the digest 0: a cut at each min. */
static void zeros_and_periods_are_cut_as_byte_by_byte(void)
{
	static const size_t periods[] = { 1, 2, 63, 64, 65, 4096, 5000 };
	const size_t n = 300000;
	uint8_t *p = xcalloc(1, n);

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		check_like_model(sizes[i], p, n);
	for (size_t k = 0; k < ARRAY_LEN(periods); k++) {
		for (size_t i = 0; i < n; i++)
			p[i] = bytes_at(9, (int64_t)(i % periods[k]));
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
			check_like_model(sizes[i], p, n);
	}
	free(p);
}

static void lengths_around_min_and_max(void)
{
	uint8_t *zeros = xcalloc(1, 5000), *text = random_text(4, 5000);
	struct chunker_size size = { 100, 1000, 40 };

	for (size_t n = 95; n < 105; n++)
		check_like_model(size, zeros, n);
	for (size_t n = 995; n < 1005; n++)
		check_like_model(size, text, n);
	for (size_t n = 1995; n < 2005; n++)
		check_like_model(size, text, n);
	free(zeros);
	free(text);
}

/* What restic 0.18 made of the same bytes in a repository of POLYNOMIAL. */
static void chunks_are_those_of_restic(void)
{
	static const int64_t want[] = { 2663291, 3848473, 4702553,  7159400,
					8428322, 9166420, 11095871, 14928803 };
	const size_t n = 16 << 20;
	uint8_t *p = random_text(7, n);
	int64_t got[40];
	struct chunker_tables *t = tables();
	struct chunker *c = chunker_new(t, CHUNKS_RESTIC);

	CHECK(cuts_in_pieces(c, p, n, 1 << 22, got) == ARRAY_LEN(want));
	CHECK(memcmp(got, want, sizeof(want)) == 0);
	chunker_free(c);
	chunker_tables_free(t);
	free(p);
}

static void only_irreducible_polynomials_of_degree_53_are_taken(void)
{
	static const uint64_t bad[] = { 0,
					1,
					2,
					POLYNOMIAL ^ 1,
					POLYNOMIAL | UINT64_C(1) << 54,
					POLYNOMIAL & ~(UINT64_C(1) << 53),
					UINT64_C(1) << 53,
					(UINT64_C(1) << 53) + 1,
					UINT64_MAX };
	struct chunker_tables *t = NULL;
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(chunker_tables_new(bad[i], &t, &e) < 0);
		CHECK(e.kind == ERR_CORRUPT);
	}
	for (int i = 0; i < 5; i++) {
		uint64_t p = chunker_polynomial();

		CHECK(p >> 53 == 1 && (p & 1));
		CHECK(chunker_tables_new(p, &t, &e) == 0);
		chunker_tables_free(t);
	}
}

int main(void)
{
	RUN(random_text_is_cut_as_byte_by_byte);
	RUN(large_chunks_are_cut_as_byte_by_byte);
	RUN(zeros_and_periods_are_cut_as_byte_by_byte);
	RUN(lengths_around_min_and_max);
	RUN(chunks_are_those_of_restic);
	RUN(only_irreducible_polynomials_of_degree_53_are_taken);
	return 0;
}
