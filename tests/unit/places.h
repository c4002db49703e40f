#ifndef TESTS_UNIT_PLACES_H
#define TESTS_UNIT_PLACES_H

#include "tests/harness.h"

#include "backends/listing.h"
#include "backends/remote.h"
#include "tests/bytes.h"

/*
 * What tests of remotes start from: no configuration, nothing on any disk.
 */
struct places {
	struct remotes remotes;
	struct cancel cancel;
	struct op op;
};

static inline void places_begin(struct places *p)
{
	*p = (struct places){ .remotes = { .lock = PTHREAD_MUTEX_INITIALIZER,
					   .no_memory = true } };
	cancel_init(&p->cancel);
	p->op = op_begin(&p->cancel);
}

static inline void places_end(struct places *p)
{
	remotes_free(&p->remotes);
	op_end(&p->op);
	cancel_free(&p->cancel);
}

static inline struct backend *opened(struct places *p, const char *spec)
{
	struct backend *be = NULL;

	if (remote_open(&p->remotes, spec, &p->op, &be) < 0)
		fprintf(stderr, "%s\n", p->op.err.msg);
	CHECK(be);
	return be;
}

static inline int put_bytes(struct places *p, struct backend *be,
			    const char *path, uint64_t seed, int64_t size)
{
	struct bytes_source src = bytes_source(seed, size);
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };

	return be_put(be, &p->op, path, &src.base, &opt, NULL);
}

/* Whether just these bytes come. */
static inline bool gets_bytes(struct places *p, struct backend *be,
			      const char *path, uint64_t seed, int64_t size)
{
	struct bytes_sink dst = bytes_sink(seed, 0);
	const struct get_opt all = { .len = -1 };

	return be_get(be, &p->op, path, &all, &dst.base) == 0 &&
	       dst.n == size && dst.wrong == 0;
}

#endif
