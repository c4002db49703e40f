#ifndef VFS_RANGES_H
#define VFS_RANGES_H

#include "lib/buf.h"
#include "lib/err.h"

/*
 * A set of bytes of a file, as sorted ranges that do not touch.  Offsets are
 * not negative, off + len does not exceed INT64_MAX.
 */
struct range {
	int64_t off, end;
};

struct ranges {
	struct range *at;
	size_t n, cap;
};

void ranges_add(struct ranges *r, int64_t off, int64_t end);
void ranges_remove(struct ranges *r, int64_t off, int64_t end);
bool ranges_has(const struct ranges *r, int64_t off, int64_t end);
/* The end of what is there from `off` on; `off` if nothing is. */
int64_t ranges_until(const struct ranges *r, int64_t off);
/* The first stretch of [off, end) that is missing; false if none. */
bool ranges_missing(const struct ranges *r, int64_t off, int64_t end,
		    struct range *out);
int64_t ranges_bytes(const struct ranges *r);
void ranges_free(struct ranges *r);

/* As bytes, for the store; parse: ERR_CORRUPT for what pack never makes. */
void ranges_pack(const struct ranges *r, struct buf *out);
int ranges_parse(const void *p, size_t n, struct ranges *out,
		 struct err *e) MUST_CHECK;

#endif
