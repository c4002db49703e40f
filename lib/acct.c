#include "lib/acct.h"

#include "lib/rate.h"

int acct_add(struct op *op, int64_t n)
{
	struct rate *rate = NULL;

	for (struct acct *a = op->acct; a; a = a->parent) {
		atomic_fetch_add_explicit(&a->bytes, n, memory_order_relaxed);
		rate = a->rate;
	}
	return rate ? rate_take(rate, op, n) : op_check(op);
}

void acct_resumed(struct op *op, int64_t n)
{
	for (struct acct *a = op->acct; a; a = a->parent)
		atomic_fetch_add_explicit(&a->resumed, n, memory_order_relaxed);
}
