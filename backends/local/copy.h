#ifndef BACKENDS_LOCAL_COPY_H
#define BACKENDS_LOCAL_COPY_H

#include "backends/local/local.h"

/*
 * The bytes of one open file into another, from one disk to itself or to
 * another one.
 */
struct transfer {
	struct local *local; /* of the destination */
	int from, to;
	int64_t size; /* of the source */
	int64_t have; /* bytes that `to` holds already, perhaps right */
	bool sparse;  /* the source has holes; `to` gets them as well */
	bool verify;  /* read back what was written */
	unsigned threads;
};

/* As much as fits one read(); the whole file is there or it has changed. */
enum { SMALL_MAX = 128 * 1024 };
int transfer_small(struct transfer *t, struct op *op) MUST_CHECK;

/* Any file, in blocks, by several threads if that is worth it. */
int transfer_blocks(struct transfer *t, struct op *op) MUST_CHECK;

#endif
