#ifndef LIB_SPOOL_H
#define LIB_SPOOL_H

#include "lib/buf.h"
#include "lib/op.h"

/*
 * A list of records that grows without growing in memory: at most SPOOL_MEMORY
 * bytes are kept there, the rest goes to an unlinked temporary file in
 * $TMPDIR or /tmp.  Appending is safe from several threads; reading is one
 * thread's and starts when the appending is over.
 */
enum { SPOOL_MEMORY = 256 * 1024 };

struct spool {
	pthread_mutex_t lock; /* guards all that follows while it grows */
	struct buf tail;      /* what is not in the file yet */
	int fd;               /* -1: all is in `tail` */
	int64_t flushed;      /* bytes in the file */
	size_t count;         /* records */
	int64_t at;           /* where the reader is */
	struct buf record;    /* the reader's */
	struct buf window;    /* the part of the file it last read ... */
	int64_t window_at;    /* ... from here */
};

void spool_init(struct spool *s);
void spool_free(struct spool *s);

/* Append one record of `n` bytes; ERR_UNSUPPORTED beyond 1 MiB. */
int spool_add(struct spool *s, struct op *op, const void *p,
	      size_t n) MUST_CHECK;

/*
 * Read forwards from the first record, or backwards from the last: rewind
 * once, then take.  1 with the record at *p (until the next call; aligned for
 * any type), 0 at the end, or -1.
 */
void spool_rewind_first(struct spool *s);
void spool_rewind_last(struct spool *s);
int spool_next(struct spool *s, struct op *op, const char **p,
	       size_t *n) MUST_CHECK;
int spool_prev(struct spool *s, struct op *op, const char **p,
	       size_t *n) MUST_CHECK;

/* An open, already unlinked, close-on-exec file in $TMPDIR or /tmp. */
int temp_file(struct op *op) MUST_CHECK;

#endif
