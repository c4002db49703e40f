#ifndef REPO_SAVER_PARTS_H
#define REPO_SAVER_PARTS_H

#include <pthread.h>

#include "repo/index_file.h"
#include "repo/saver.h"
#include "repo/saver_pending.h"

/*
 * Within repo/saver*.c.  A pack is filled by any number of threads at once:
 * each takes its place under the lock and copies its blob without it.  A pack
 * that is full, and into which nobody copies any more, waits for one of the
 * uploading threads.
 */
struct saver_pack {
	struct saver_pack *next; /* in `full` or `spare` */
	enum blob_type type;
	uint8_t *data; /* mapped while it is open or stored, else NULL */
	size_t cap, used;
	struct pack_blobs blobs;
	size_t header; /* bytes it will have */
	unsigned writers;
	bool closed;
};

VEC(pack_nos, uint32_t);

struct saver {
	struct repo *r;
	struct saver_opt opt;
	struct cancel *cancel;

	/* Guards all that follows; before the index's own. */
	pthread_mutex_t lock;
	pthread_cond_t room; /* a pack is spare again */
	pthread_cond_t work; /* one is full, or the threads shall end */
	pthread_cond_t done; /* one was stored */
	struct saver_pack *open[BLOB_TYPES];
	struct saver_pack *full, **full_end;
	struct saver_pack *spare;
	unsigned packs[BLOB_TYPES]; /* that are open, full or being stored */
	unsigned busy;              /* packs full or being stored */
	struct pending pending;
	struct saver_totals totals;

	/* What is stored, and in no index file yet. */
	struct buf json;
	struct index_writer index;
	int64_t index_due; /* monotonic ns */

	struct pack_nos stored; /* with no_index */
	bool failed, stop;
	struct err err; /* of the first failure */
	unsigned n_threads;
	pthread_t *threads;
};

/* saver_store.c: what an uploading thread does. */
void *saver_upload(void *saver);

/* Write the index file of what was stored since the last one, if anything. */
int saver_write_index(struct saver *s, struct op *op,
		      struct coder *c) MUST_CHECK;

void saver_unmap(struct saver_pack *p);

/* With the lock held: remember the first failure, and wake who waits. */
void saver_fail(struct saver *s, const struct err *e);

#endif
