#ifndef REPO_SAVER_H
#define REPO_SAVER_H

#include "repo/lock.h"
#include "repo/repo.h"

/*
 * New blobs on their way into packs, packs into the store, and what is stored
 * into index files: in this order, each durable before the next.  For any
 * number of threads, each with its own coder.  r->index must be loaded; it
 * knows of a new blob once its pack is stored.
 */
struct saver;

struct saver_opt {
	unsigned uploads;    /* packs under way at once; 0: as fits */
	uint32_t pack_size;  /* 0: PACK_SIZE */
	int64_t index_every; /* ns between index files; 0: five minutes */
	bool dry_run;        /* count, store nothing */

	/*
	 * Keep the packs' entries to ourselves instead of writing index files:
	 * for prune and repair, which write the whole index anew.
	 */
	bool no_index;

	/*
	 * Or NULL.  Once it is lost nothing more is stored, and no index names
	 * what was: whoever took it for stale may have removed those packs.
	 */
	struct lock *lock;
};
struct saver *saver_new(struct repo *r, const struct saver_opt *opt,
			struct cancel *cancel);

/* What became of one blob, or of several. */
struct saved {
	bool added;     /* false: it was there (or is under way) already */
	int64_t blobs;  /* that were added, */
	int64_t raw;    /* bytes of their text, and */
	int64_t stored; /* in the pack: sealed, and in its header */
};
void saved_sum(struct saved *to, const struct saved *s);

/*
 * Save a blob with this text, whose id is computed unless `*id` is set.  May
 * wait for uploads.  -1: this or any earlier upload failed; nothing more will
 * be stored.  ERR_LIMIT: longer than BLOB_LEN_MAX.
 */
int saver_add(struct saver *s, struct op *op, struct coder *c, enum blob_type t,
	      const void *text, size_t n, struct id *id,
	      struct saved *out) MUST_CHECK;

/* As saver_add(), even if the index has it: its copies are bad. */
int saver_add_again(struct saver *s, struct op *op, struct coder *c,
		    enum blob_type t, const void *text, size_t n, struct id *id,
		    struct saved *out) MUST_CHECK;

/*
 * Put a sealed blob of this very repository into a new pack, as it is; the
 * caller has checked its MAC.
 */
int saver_add_sealed(struct saver *s, struct op *op, const struct pack_blob *b,
		     const uint8_t *sealed) MUST_CHECK;

/* Store what is open, and the index of it. Then nothing may be added. */
int saver_flush(struct saver *s, struct op *op) MUST_CHECK;

/*
 * After a failure or a cancel, too: what was stored gets its index file, with
 * an op that is not called off; so that the next run need not send it again.
 */
void saver_free(struct saver *s);

struct saver_totals {
	uint64_t blobs[BLOB_TYPES];
	uint64_t raw[BLOB_TYPES];    /* bytes of text */
	uint64_t stored[BLOB_TYPES]; /* sealed, in packs */
	uint64_t packs;
};
void saver_totals(struct saver *s, struct saver_totals *out);

/* With no_index: the numbers in r->index of the packs that were stored. */
const uint32_t *saver_packs(const struct saver *s, size_t *n);

/*
 * Packs in the store that no index names (an earlier run was killed) are
 * named by a new index file, if they are whole; how many.  To be
 * called under a lock, before anything is added.
 */
int saver_adopt(struct repo *r, struct op *op, unsigned *packs) MUST_CHECK;

#endif
