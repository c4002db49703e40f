#ifndef VFS_JOURNAL_H
#define VFS_JOURNAL_H

#include "lib/buf.h"
#include "lib/op.h"

/*
 * What was changed since the last transaction of the store, appended to a
 * file: quicker than a transaction, and as safe once it is synced.
 *
 * A frame is what one commit adds: records, with a number and a checksum.
 * Numbers go up by one, and a frame is only believed behind the one before it,
 * so what is replayed is the state of one instant.  There are two files that
 * take turns, FOLDER/journal.0 and .1; each is written from its start again,
 * over what is there, once the store has all that is in it.  The salt, another
 * one each time, tells its frames from those that lie behind them.
 */
struct journal;

enum journal_kind {
	JOURNAL_ROW = 1, /* store_row.c's */
	JOURNAL_SIDE,    /* store_side.c's */
	JOURNAL_DROP,    /* a number: no such node any more */
	JOURNAL_CONTENT, /* a number, and all bytes of that file */
	JOURNAL_SYNCED   /* a number: its data file is newer than such bytes */
};

/* Append a record that has these two parts. */
void journal_record(struct buf *to, enum journal_kind kind, const void *head,
		    size_t head_len, const void *rest, size_t rest_len);
/* The same around what is appended to `to` from here to journal_end(). */
size_t journal_begin(struct buf *to, enum journal_kind kind);
void journal_end(struct buf *to, size_t begun);

/*
 * With records in `p`: 1 and the next one, which is taken off; 0 at the end;
 * -1: they are not sound.  `kind` may be one that nobody knows.
 */
struct record {
	unsigned kind;
	const char *p;
	size_t n;
};
int journal_next(const char **p, size_t *n, struct record *out) MUST_CHECK;

/* The frames of one file: 1 and the records of the next one, or 0. */
struct frames {
	const char *p;
	size_t n, at;
	uint64_t number, salt; /* of the last one; 0: there was none */
};
int frames_next(struct frames *f, const char **records, size_t *len) MUST_CHECK;
/* A frame as it is in the file. `salt` is not 0. */
void frame_pack(struct buf *out, uint64_t number, uint64_t salt,
		const struct buf *a, const struct buf *b);

/* Nothing is made before the first frame. */
int journal_open(struct op *op, const char *folder,
		 struct journal **out) MUST_CHECK;
/* `over`: nothing in it is needed any more; the files are removed. */
void journal_close(struct journal *j, bool over);

/*
 * Each record of the frames behind the number `after`; `*last` is that of the
 * last frame.  ERR_UNSUPPORTED for frames of another version.
 */
typedef int journal_fn(void *arg, struct op *op, const struct record *r);
int journal_replay(struct journal *j, struct op *op, uint64_t after,
		   journal_fn *fn, void *arg, uint64_t *last) MUST_CHECK;

/*
 * Append a frame, whose number is one more than the last one's.  After a
 * failure nothing may be appended before journal_covered() of that number.
 * One thread at a time, as journal_sync(): all that was appended is then on
 * stable storage.
 */
int journal_append(struct journal *j, struct op *op, uint64_t number,
		   const struct buf *a, const struct buf *b) MUST_CHECK;
int journal_sync(struct journal *j, struct op *op) MUST_CHECK;

/* From any thread: a transaction begins that will have all up to now; one that
   has all up to that number is on stable storage; bytes in use. */
void journal_turn(struct journal *j);
void journal_covered(struct journal *j, uint64_t number);
int64_t journal_bytes(const struct journal *j);

#endif
