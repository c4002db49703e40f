#ifndef REPO_POLYNOMIAL_H
#define REPO_POLYNOMIAL_H

#include "lib/base.h"

/*
 * Polynomials over GF(2): bit i is the coefficient of x^i, and adding is XOR.
 * Those to divide by are of degree 53, so that nothing overflows.
 */
enum { POLYNOMIAL_DEGREE = 53 };

/* a * x^shift mod m, for any `a`. */
uint64_t polynomial_shift(uint64_t a, unsigned shift, uint64_t m);

/* Of degree 53, and with no factor but itself and 1. */
bool polynomial_irreducible(uint64_t p);

/* One of these, at random. */
uint64_t polynomial_random(void);

#endif
