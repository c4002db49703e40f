#ifndef REPO_STATS_H
#define REPO_STATS_H

#include "repo/progress.h"
#include "repo/snapshot.h"

/* What snapshots hold, counted as restic does. */
enum stats_mode {
	STATS_RESTORE_SIZE,      /* all entries; names of one file once */
	STATS_FILES_BY_CONTENTS, /* files that differ in content */
	STATS_BLOBS_PER_FILE,    /* their blobs, each once a path */
	STATS_RAW_DATA,          /* blobs as they lie in the repository */
	STATS_MODES
};

struct stats_result {
	uint64_t snapshots;
	uint64_t files, blobs;
	uint64_t size;
	/* RAW_DATA of version 2: as if nothing were compressed; and of what
	   is, both. */
	uint64_t uncompressed;
	uint64_t packed, packed_text;
};

/*
 * r->index must be loaded.  Trees and blobs that are missing are told to
 * `errors`, and the rest is counted.
 */
int stats_run(struct repo *r, struct op *op, const struct snapshots *snapshots,
	      enum stats_mode mode, struct repo_errors *errors,
	      struct stats_result *out) MUST_CHECK;

#endif
