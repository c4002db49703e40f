#ifndef SYNC_COMPARE_H
#define SYNC_COMPARE_H

#include "sync/run.h"

enum verdict {
	VERDICT_SAME,
	VERDICT_COPY,    /* the content differs for certain */
	VERDICT_COMPARE, /* the times differ: the contents will tell */
	VERDICT_HASH,    /* --checksum: the hashes will tell */
	VERDICT_LEAVE    /* told to leave what is there */
};

/* Whether two known mtimes are the same to what both sides can store. */
bool times_equal(const struct sync_run *r, int64_t a, int64_t b);

/* Of two files of one name; `*reason` says why, in words for the user. */
enum verdict compare_files(const struct sync_run *r, const struct entry *from,
			   const struct entry *to, const char **reason);

/*
 * Read what must be read to know whether the contents are equal: by `hash`,
 * where both sides have a common one, or byte by byte.  0 with the answer, or
 * -1.  Where there is no way to tell, they are not equal.
 */
int contents_equal(struct sync_run *r, struct op *op, const struct item *it,
		   bool *equal) MUST_CHECK;

/* A hash that both can tell, the cheapest one: false if there is none. */
bool common_hash(const struct backend *a, const struct backend *b,
		 enum hash_type *out);

/* The digest of one file: from its listing, or else by asking for it. */
int digest_get(struct backend *be, struct op *op, const char *path,
	       const struct entry *e, enum hash_type t,
	       struct digests *out) MUST_CHECK;

#endif
