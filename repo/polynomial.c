#include "repo/polynomial.h"

#include "crypt/secret.h"

#define TOP_BIT (UINT64_C(1) << POLYNOMIAL_DEGREE)

/* a must not be 0 */
static unsigned degree(uint64_t a)
{
	return 63 - (unsigned)__builtin_clzll(a);
}

/* m must not be 0 */
static uint64_t mod(uint64_t a, uint64_t m)
{
	unsigned d = degree(m);

	while (a != 0 && degree(a) >= d)
		a ^= m << (degree(a) - d);
	return a;
}

static uint64_t greatest_common_divisor(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = mod(a, b);

		a = b;
		b = rest;
	}
	return a;
}

uint64_t polynomial_shift(uint64_t a, unsigned shift, uint64_t m)
{
	a = mod(a, m);
	while (shift-- > 0) {
		a <<= 1;
		if (a & TOP_BIT)
			a ^= m;
	}
	return a;
}

/* a * a mod m; `a` is below m */
static uint64_t square(uint64_t a, uint64_t m)
{
	uint64_t product = 0;

	for (unsigned i = POLYNOMIAL_DEGREE; i-- > 0;) {
		product = polynomial_shift(product, 1, m);
		if (a >> i & 1)
			product ^= a;
	}
	return product;
}

/*
 * Ben-Or, "Probabilistic algorithms in finite fields", 1981: x^(2^i) - x is the
 * product of all irreducible polynomials whose degree divides i, so that a
 * factor of degree i shows as a common divisor; and a reducible one has a
 * factor of at most half its degree.
 */
bool polynomial_irreducible(uint64_t p)
{
	uint64_t power = 2; /* x^(2^i) */

	if (p < TOP_BIT || p >= 2 * TOP_BIT)
		return false;
	for (unsigned i = 1; i <= POLYNOMIAL_DEGREE / 2; i++) {
		power = square(power, p);
		if (greatest_common_divisor(p, power ^ 2) != 1)
			return false;
	}
	return true;
}

uint64_t polynomial_random(void)
{
	uint64_t p;

	/* one in 27 of those that x does not divide is irreducible */
	do {
		random_bytes(&p, sizeof(p));
		p = (p & (2 * TOP_BIT - 1)) | TOP_BIT | 1;
	} while (!polynomial_irreducible(p));
	return p;
}
