#include "backends/backend.h"

#include <string.h>

#include "backends/call.h"

/* What comes, on its way to the caller; over all tries. */
struct counting_sink {
	struct sink base;
	struct sink *next;
	struct hasher *hasher; /* or NULL */
	int64_t done;
};

static int counting_write(struct sink *s, struct op *op, const void *p,
			  size_t n)
{
	struct counting_sink *c = container_of(s, struct counting_sink, base);

	if (acct_add(op, (int64_t)n) < 0 || c->next->write(c->next, op, p, n))
		return -1;
	if (c->hasher)
		hasher_add(c->hasher, p, n);
	c->done += (int64_t)n;
	return 0;
}

/* The digest to compare with, as a bit: one is enough; 0 if there is none. */
static unsigned wanted(const struct get_opt *opt)
{
	if (opt->off || opt->len >= 0 || opt->version || !opt->want)
		return 0;
	return opt->want->have & (0u - opt->want->have);
}

/*
 * Parts of several answers may each have been right for its try, and yet not
 * fit together, or a bit has turned over: no transport tells.
 */
static int check(struct backend *be, struct op *op, const char *path,
		 const struct get_opt *opt, struct hasher *hasher)
{
	struct digests came = { 0 };
	struct entry now;

	if (!hasher)
		return 0;
	hasher_end(hasher, &came);
	if (digests_compare(&came, opt->want) != 0)
		return 0;
	if (opt->tag && be->ops->stat(be, op, path, &now) == 0 && now.tag &&
	    strcmp(now.tag, opt->tag) != 0)
		return err_set(&op->err, ERR_CONFLICT,
			       "it has changed since it was listed");
	return err_set(&op->err, ERR_CORRUPT,
		       "what came does not match the %s of the listing",
		       came.have & 1u << HASH_MD5    ? "MD5"
		       : came.have & 1u << HASH_SHA1 ? "SHA-1"
						     : "SHA-256");
}

static int get(struct backend *be, struct op *op, const char *path,
	       const struct get_opt *opt, struct counting_sink *count)
{
	struct get_opt rest = *opt;

	for (unsigned n = 1;
	     be->ops->get(be, op, path, &rest, &count->base) < 0; n++) {
		bool resumable =
			count->done == 0 || (opt->tag && be_can(be, BE_RANGE));

		if (!resumable || !call_again(be, op, n))
			return -1;
		rest.off = opt->off + count->done;
		if (opt->len >= 0)
			rest.len = opt->len - count->done;
	}
	return check(be, op, path, opt, count->hasher);
}

int be_get(struct backend *be, struct op *op, const char *path,
	   const struct get_opt *opt, struct sink *dst)
{
	struct counting_sink count = { .base.write = counting_write,
				       .next = dst };
	unsigned want = wanted(opt);
	int rc;

	if (call_enter(be, op, path, opt->off ? BE_RANGE : 0u) < 0)
		return -1;
	if (want)
		count.hasher = hasher_new(want);
	rc = get(be, op, path, opt, &count);
	hasher_free(count.hasher);
	return rc < 0 ? call_fail(be, op, "get", path) : 0;
}
