#ifndef REPO_PRUNE_PARTS_H
#define REPO_PRUNE_PARTS_H

#include "repo/each.h"
#include "repo/prune.h"
#include "repo/saver.h"
#include "repo/walk.h"

/*
 * Within repo/prune*.c: what is there and what becomes of it (prune_plan.c),
 * then the moving of blobs (prune_move.c); files go by prune_remove.c.
 */
enum pack_fate {
	FATE_KEEP,
	FATE_REPACK, /* what is needed of it moves to a new pack */
	FATE_REMOVE,
	FATE_FORGET /* there is no such file, and none is needed */
};

struct prune_pack {
	int64_t size;                      /* of the file; -1: not there */
	uint64_t header;                   /* bytes that are no blob's */
	uint64_t used_bytes, unused_bytes; /* of blobs */
	uint32_t used, unused;             /* blobs */
	uint32_t duplicates; /* of `unused`: needed, and there again */
	bool data, trees;    /* it has such blobs; */
	bool plain;          /* and some that are not compressed */
	bool compress;       /* which is to be done */
	enum pack_fate fate;
};

VEC(numbers, uint32_t);

/* A bit for each of some numbered things. */
static inline bool bit_is_set(const uint8_t *bits, uint32_t i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

static inline void bit_set(uint8_t *bits, uint32_t i)
{
	bits[i / 8] |= (uint8_t)(1u << (i % 8));
}

static inline uint8_t *bits_new(uint32_t n)
{
	return xcalloc(n / 8 + 1, 1);
}

struct prune {
	struct repo *r;
	const struct prune_opt *opt;
	struct prune_stats *stats;
	struct blob_set *seen;   /* what snapshots need */
	uint32_t entries, packs; /* of the index before anything is moved */
	struct prune_pack *pack;
	uint8_t *chosen; /* entries: the place of a blob that counts */
	struct ids strays;
	struct numbers repack; /* packs */
};

/* Of a blob that an error is about. */
struct blob_name {
	bool set;
	enum blob_type type;
	struct id id;
};

/*
 * Look at all that there is, and decide; p->seen is complete.  ERR_CORRUPT: a
 * file that is needed is not there, or not as long as it should be; `about` is
 * then a blob in it.
 */
int prune_plan(struct prune *p, struct op *op,
	       struct blob_name *about) MUST_CHECK;

/* The number of bytes below which a pack is small. */
int64_t prune_small(const struct prune_opt *opt);

/*
 * What is chosen in the packs of p->repack into new ones.  ERR_CORRUPT: a blob
 * is damaged, and there is no other copy.
 */
int prune_move(struct prune *p, struct op *op, struct saver *s,
	       struct blob_name *about) MUST_CHECK;

#endif
