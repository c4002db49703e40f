#ifndef REPO_PRUNE_H
#define REPO_PRUNE_H

#include "repo/lock.h"
#include "repo/progress.h"
#include "repo/snapshot.h"

/*
 * Remove what no snapshot needs.  New packs are durable before the index names
 * them, the new index before the old one goes, and that before any pack goes:
 * so it may be killed at any point.
 *
 * What is needed out of packs that go is moved as it is: its MAC is checked,
 * nothing is decrypted.
 */
struct prune_stats;

struct prune_opt {
	int64_t max_unused;     /* bytes that may stay unused, or -1: */
	double max_unused_part; /* share of the repository; 0.05 = 5% */
	bool unlimited_unused;  /* only whole packs go */
	int64_t max_repack;     /* bytes, -1: any */
	int64_t small;          /* packs below so many bytes are packed anew, if
				   there are ten; 0: very small ones */
	uint32_t pack_size;     /* of new packs; 0: the default */
	bool repack_small;      /* those below four fifths of pack_size */
	bool repack_uncompressed;
	bool repack_cacheable_only;
	bool dry_run;

	/* What will be done, before it is; or NULL.  -1 ends it. */
	int (*planned)(void *arg, struct op *op, const struct prune_stats *s);
	void *arg;
	struct repo_progress *progress; /* or NULL */
};

/* Bytes of blobs are as they lie in packs, without the packs' headers. */
struct prune_stats {
	uint64_t blobs_used, bytes_used;           /* one copy of each */
	uint64_t blobs_duplicate, bytes_duplicate; /* the other copies */
	uint64_t blobs_unused, bytes_unused;
	uint64_t packs_used, packs_partly_used, packs_unused;
	uint64_t packs_unreferenced, bytes_unreferenced; /* in no index */
	uint64_t packs_missing; /* named by an index, and not needed */

	/* What becomes of them. */
	uint64_t packs_kept, packs_repacked, packs_removed;
	uint64_t blobs_repacked, bytes_repacked; /* of packs written anew, */
	uint64_t blobs_dropped, bytes_dropped;   /* and what that frees */
	uint64_t blobs_removed, bytes_removed;   /* of packs that just go */
	uint64_t blobs_remaining, bytes_remaining;
	uint64_t bytes_unused_after;
};

/*
 * Under an exclusive lock; loads snapshots and index itself, leaving out those
 * snapshots in `forgotten` (for forget --prune --dry-run).  A tree or a blob
 * that a snapshot needs and nobody has: ERR_CORRUPT, and nothing is changed.
 * `lock` NULL: only for a dry run.
 */
int prune_run(struct repo *r, struct op *op, struct lock *lock,
	      const struct prune_opt *opt, const struct id *forgotten, size_t n,
	      struct prune_stats *out) MUST_CHECK;

/*
 * Make the index files name every pack of `r->index`, but those in `gone` (a
 * bit for each number, index_packs() of them; or NULL: none): also packs that
 * no file named until now.  Only files that change are written anew, or that
 * are many and small; what cannot be read is dropped.  The old ones go last.
 */
int index_replace(struct repo *r, struct op *op, struct lock *lock,
		  const uint8_t *gone) MUST_CHECK;

/*
 * Remove files of a type, several at once where that is faster.  Those that
 * are gone already are fine.  None is removed once `lock` is lost.  Those that
 * are not packs are gone on stable storage, too, when it returns: what they
 * named may follow.
 */
int files_remove(struct repo *r, struct op *op, enum file_type t,
		 const struct id *ids, size_t n, struct lock *lock) MUST_CHECK;

#endif
