#ifndef BACKENDS_WEBDAV_MULTISTATUS_H
#define BACKENDS_WEBDAV_MULTISTATUS_H

#include "backends/entry.h"

/*
 * The answer 207 (RFC 4918, 13), while it arrives.  Only what stands under a
 * status of success counts.
 */

/* One resource; texts are "" where the property was not told. */
struct multistatus_item {
	const char *name; /* "" for the one that was asked about */
	bool dir;
	int64_t size; /* SIZE_UNKNOWN */
	const char *tag, *modified;
	const char *own; /* WEBDAV_OWN_MTIME */
	struct digests hash;
	int64_t used, available; /* RFC 4331; -1 unknown */
};

/* It is gone when this returns; -1 ends the parsing. */
typedef int multistatus_fn(void *arg, struct op *op,
			   const struct multistatus_item *item);

struct multistatus;

/*
 * `base`: the path that is asked about, as it stands in the URL.  children:
 * what lies directly in it may be there, too.
 */
struct multistatus *multistatus_new(const char *base, bool children,
				    multistatus_fn *fn, void *arg);
struct sink *multistatus_sink(struct multistatus *m);

/* The document must be complete now, and have told of `base` itself. */
int multistatus_end(struct multistatus *m, struct op *op) MUST_CHECK;
void multistatus_free(struct multistatus *m);

/*
 * The answer to something else than PROPFIND: the first status in it that is
 * no success (424 if there is none but those), or 0; -1 if it is no 207 at all.
 * `body` ends with a NUL.
 */
int multistatus_failure(struct op *op, const char *body, size_t n) MUST_CHECK;

#endif
