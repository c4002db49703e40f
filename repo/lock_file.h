#ifndef REPO_LOCK_FILE_H
#define REPO_LOCK_FILE_H

#include "lib/arena.h"
#include "lib/buf.h"
#include "lib/clock.h"
#include "lib/err.h"

/*
 * One lock as it lies in the repository.
 */
#define LOCK_STALE_NS (30 * 60 * NS_PER_SEC)

enum { LOCK_FILE_MAX = 1 << 20 };

struct lock_file {
	int64_t time; /* ns since 1970 */
	bool exclusive;
	const char *hostname, *username; /* "" unknown */
	int64_t pid;
	uint32_t uid, gid;
};

/* ERR_CORRUPT. In `a`. */
int lock_file_parse(struct arena *a, const char *json, size_t n,
		    struct lock_file *out, struct err *e) MUST_CHECK;
void lock_file_write(struct buf *b, const struct lock_file *l);

/* At `now`, for a process on `host`: old, or of a process here that is gone. */
bool lock_file_is_stale(const struct lock_file *l, int64_t now,
			const char *host);

#endif
