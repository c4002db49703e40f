#ifndef REPO_PRUNE_H
#define REPO_PRUNE_H

#include "repo/lock.h"
#include "repo/progress.h"
#include "repo/saver.h"
#include "repo/snapshot.h"
#include "repo/walk.h"

/*
 * Remove what no snapshot needs.  New packs are durable before the index names
 * them, the new index before the old one goes, and that before any pack goes:
 * so it may be killed at any point.
 */
struct prune_opt {
	int64_t max_unused;     /* bytes that may stay unused, or -1: */
	double max_unused_part; /* share of the repository; 0.05 = 5% */
	bool unlimited_unused;  /* only whole packs go */
	int64_t max_repack;     /* bytes, -1: any */
	bool repack_small;
	bool repack_uncompressed;
	bool repack_cacheable_only;
	bool dry_run;
	struct repo_progress *progress;
};

struct prune_stats {
	uint64_t blobs_used, bytes_used;
	uint64_t blobs_duplicate, bytes_duplicate;
	uint64_t blobs_unused, bytes_unused;
	uint64_t packs_total, packs_kept, packs_repacked, packs_removed;
	uint64_t packs_unreferenced, bytes_unreferenced;
	uint64_t blobs_repacked, bytes_repacked; /* moved */
	uint64_t blobs_removed, bytes_removed;   /* freed in the end */
	uint64_t bytes_total, bytes_remaining;
	uint64_t bytes_unused_after;
};

/*
 * Under an exclusive lock; loads snapshots and index itself, leaving out those
 * snapshots in `forgotten` (for forget --prune --dry-run).  A tree or a blob
 * that a snapshot needs and nobody has: ERR_CORRUPT, and nothing is changed.
 */
int prune_run(struct repo *r, struct op *op, struct lock *lock,
	      const struct prune_opt *opt, const struct id *forgotten, size_t n,
	      struct prune_stats *out) MUST_CHECK;

/*
 * Replace the index: every pack of `r->index` but those in `gone` (numbers, a
 * bitmap of index_packs() bits), and the packs that `extra` has saved
 * (saver_opt.no_index); only index files that change are written anew.  The
 * old ones are removed last.
 */
int index_replace(struct repo *r, struct op *op, struct lock *lock,
		  const uint8_t *gone, struct saver *extra) MUST_CHECK;

#endif
