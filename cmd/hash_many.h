#ifndef CMD_HASH_MANY_H
#define CMD_HASH_MANY_H

#include "backends/backend.h"

/* Where a digest may come from. */
enum hash_from {
	HASH_TOLD,     /* the listing or the backend, else there is none */
	HASH_CHEAPEST, /* from these, else from the file's bytes */
	HASH_BYTES     /* from its bytes, read now */
};

/*
 * The digests `want` (bits 1u << HASH_x) of one file.  Those that cannot be had
 * are missing in out->have, without an error.
 */
int hash_one(struct backend *be, struct op *op, const char *path,
	     const struct entry *e, unsigned want, enum hash_from from,
	     struct digests *out) MUST_CHECK;

/* The digests of `src`, read to its end. */
int hash_source(struct op *op, struct source *src, unsigned want,
		struct digests *out) MUST_CHECK;

/*
 * hash_one() for many files on several threads.  The results come in the order
 * in which the files were added, on the thread that adds them; only so many
 * are under way that their memory does not count.
 */
struct hash_many;

struct hash_many_opt {
	unsigned want;
	enum hash_from from;
	unsigned threads;

	/* `e` is NULL, or why there is no result. -1 ends the work. */
	int (*done)(void *arg, struct op *op, const char *path,
		    const struct digests *d, const struct err *e);
	void *arg;
};

struct hash_many *hash_many_new(struct backend *be,
				const struct hash_many_opt *opt,
				struct cancel *c);
int hash_many_add(struct hash_many *h, struct op *op, const char *path,
		  const struct entry *e) MUST_CHECK;

/*
 * Free everything; with `rc` 0 only after the results that are still missing.
 * Returns `rc`, or -1 if one of those failed.
 */
int hash_many_end(struct hash_many *h, struct op *op, int rc) MUST_CHECK;

#endif
