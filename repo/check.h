#ifndef REPO_CHECK_H
#define REPO_CHECK_H

#include "repo/progress.h"
#include "repo/snapshot.h"

/*
 * Is everything there and whole?
 */
enum damage_kind {
	DAMAGE_KEY,      /* cannot be read */
	DAMAGE_SNAPSHOT, /* cannot be read */
	DAMAGE_INDEX,    /* cannot be read */
	DAMAGE_GONE,     /* a pack that is not there */
	DAMAGE_PACK,     /* cut, or its bytes are not its name's, or a blob's */
	DAMAGE_HEADER,   /* a pack's header is not what the index says */
	DAMAGE_BLOB,     /* cannot be opened, or is another */
	DAMAGE_TREE,     /* a tree that a snapshot needs, or its form */
	DAMAGE_MISSING,  /* a blob that a node names and no index has */
	DAMAGE_FILE,     /* a file of a snapshot that is touched by these */
	HINT_ORPHAN,     /* a pack that no index names: no damage */
	HINT_DUPLICATE   /* packs named by several indexes: no damage */
};

enum { CHECK_FILES = 20 };

struct damage {
	enum damage_kind kind;
	const struct id *id;       /* of what is damaged, or NULL */
	const struct id *snapshot; /* DAMAGE_FILE: the snapshot, and */
	const char *path;          /* which file or folder of it; of more than
				      CHECK_FILES for one damage, no more
				      than their number is told, in `text` */
	const char *text;          /* one sentence */
};

struct check_opt {
	bool read_data;
	unsigned subset, of; /* --read-data-subset=n/of; of 0: all */
	double part;         /* "5%": 0.05; 0: not given */
	int64_t bytes;       /* "10G"; 0: not given */
	const struct snapshot_filter *filter; /* NULL: all */
	struct repo_progress *progress;
	/* From any thread, one at a time. */
	void (*tell)(void *arg, struct op *op, const struct damage *d);
	void *arg;
};

struct check_result {
	uint64_t errors, orphans;
	uint64_t packs, packs_read, blobs, snapshots;
	bool suggest_repair_index, suggest_prune;
};

/*
 * Loads index and snapshots itself; errors are told, not returned.  -1: it
 * could not be finished.
 */
int check_run(struct repo *r, struct op *op, const struct check_opt *opt,
	      struct check_result *out) MUST_CHECK;

/*
 * Whether these blobs (by offset) lie one behind the other in a pack of `size`
 * bytes, and behind them nothing but a header that lists them.
 */
bool check_shape(const struct pack_blobs *blobs, int64_t size);

#endif
