#ifndef BACKENDS_LISTING_H
#define BACKENDS_LISTING_H

#include "backends/entry.h"
#include "lib/spool.h"

/*
 * A sorted list of entries.  It is filled, sorted once, then read from the
 * front.  Beyond LISTING_MEMORY bytes it lies in sorted runs in a temporary
 * file (of $TMPDIR, already unlinked), which are merged as it is read: so a
 * directory with a million names needs no more memory than one with a few
 * thousand.  Not for several threads at once.
 */
enum { LISTING_MEMORY = 1024 * 1024 };

struct listing_ref; /* listing.c */
struct listing_runs;

/* LISTING_INIT is the empty one. */
struct listing {
	struct listing_runs *runs; /* on disk; NULL while all is in memory */
	struct buf data;           /* packed entries, one after the other */
	struct listing_ref *refs;  /* one for each, in order once sorted */
	size_t n, cap;
	size_t at;        /* the next one to read */
	const char *last; /* name of the last one that was read */
	size_t total;     /* entries added so far */

	/*
	 * Set before the first listing_add(): sort by the names as a service
	 * that ignores case takes them (lib/fold.h).  An entry's name is then
	 * given as FOLDED "//" NAME.
	 */
	bool fold;
	struct listing_folds {
		uint64_t *at; /* a hash of each; once sorted, of twins only.
				   A collision makes a false twin. */
		size_t n, cap;
	} folds;
};

#define LISTING_INIT             \
	{                        \
		.data = BUF_INIT \
	}

int listing_add(struct listing *l, struct op *op,
		const struct entry *e) MUST_CHECK;

/* To be called once, after the last listing_add(). */
int listing_sort(struct listing *l, struct op *op) MUST_CHECK;

/*
 * The next entry into `*e` and its posix part into `*meta`; they last until
 * the next call.  1, or 0 at the end, or -1.  Of several entries with one name
 * only the first is given.
 */
int listing_next(struct listing *l, struct op *op, struct entry *e,
		 struct posix_meta *meta) MUST_CHECK;

/*
 * Whether another entry has the same name but for case; `folded` need not end
 * after its `n` bytes.  After listing_sort().
 */
bool listing_has_twin(const struct listing *l, const char *folded, size_t n);

/* Forget the entries, keep the memory. */
void listing_reset(struct listing *l);
void listing_free(struct listing *l);

#endif
