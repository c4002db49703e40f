#ifndef REPO_CHECK_PARTS_H
#define REPO_CHECK_PARTS_H

#include <pthread.h>
#include <stdatomic.h>

#include "repo/check.h"
#include "repo/each.h"
#include "repo/saver_pending.h"

/*
 * Within repo/check*.c.
 */
struct check {
	struct repo *r;
	const struct check_opt *opt;
	struct check_result *out;
	struct snapshots snapshots;
	struct ids
		*again; /* while the index is loaded: packs that came twice */

	/* Of the packs of r->index, by number. */
	uint32_t packs;
	int64_t *sizes; /* -1: it is missing */

	pthread_mutex_t lock; /* guards what follows, and `out` */
	struct pending told;  /* blobs and trees that were named */
	uint8_t *broken;      /* by number of the pack: that it is, was told */
	uint8_t *bad;         /* a bit for each entry of the index */
	uint32_t entries;
	bool lost; /* a snapshot may be touched by something */
};

/*
 * Tell one damage; NULL for `id` if it has none.  check_tell_err(): with the
 * text of op->err, which is cleared.
 */
void check_tell(struct check *c, struct op *op, enum damage_kind kind,
		const struct id *id, const char *fmt, ...) PRINTF(5, 6);
void check_tell_err(struct check *c, struct op *op, enum damage_kind kind,
		    const struct id *id);
void check_tell_file(struct check *c, struct op *op, const struct damage *d);

/* The pack is not whole; told once for each. */
void check_tell_pack(struct check *c, struct op *op, uint32_t pack_no,
		     const char *fmt, ...) PRINTF(4, 5);

/* Whether op->err is of one file, and not the end of all. */
bool check_is_damage(const struct op *op);

/* The copy of a blob in this pack is not to be had. */
void check_mark(struct check *c, uint32_t pack_no, const struct pack_blob *b);

/* Whether there is no copy of the blob that could be. */
bool check_is_lost(struct check *c, enum blob_type t, const struct id *id);

/* The passes, in this order. */
int check_packs(struct check *c, struct op *op) MUST_CHECK;
int check_trees(struct check *c, struct op *op) MUST_CHECK;
int check_data(struct check *c, struct op *op) MUST_CHECK;
int check_files(struct check *c, struct op *op) MUST_CHECK;

#endif
