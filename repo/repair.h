#ifndef REPO_REPAIR_H
#define REPO_REPAIR_H

#include "repo/lock.h"
#include "repo/progress.h"
#include "repo/repo.h"

/*
 * A damaged repository, made whole but for what is lost.  Nothing that is good
 * goes before it is somewhere else, durable and indexed: so all of this may be
 * killed at any point, and run again.
 */
struct repair_opt {
	bool read_all; /* repair_index(): believe no index file, unless it is
			  all there is */
	struct repo_progress *progress; /* or NULL */
	/* What was found and done, a line each; from any thread, one by one. */
	void (*tell)(void *arg, const char *line);
	void *arg;
};

struct repair_result {
	uint64_t packs;       /* looked at, */
	uint64_t read;        /* whose headers had to be read, */
	uint64_t gone;        /* that the index forgets, */
	uint64_t damaged;     /* that stay so: see repair_packs() */
	uint64_t bad_files;   /* index files that could not be read */
	uint64_t saved, lost; /* repair_packs(): blobs */
	bool changed;
};

/*
 * Make the index say what there is, under an exclusive lock; r->index must not
 * be loaded, and is right afterwards.  The headers are read of those packs
 * only that the index does not describe as they must be by their size.  A pack
 * whose header is damaged is described as before, if it was.
 */
int repair_index(struct repo *r, struct op *op, struct lock *lock,
		 const struct repair_opt *opt,
		 struct repair_result *out) MUST_CHECK;

/*
 * Put the whole blobs of these packs into new ones, and remove them; under an
 * exclusive lock, with r->index loaded from whole index files.  One that turns
 * out to have no damage is left alone.
 */
int repair_packs(struct repo *r, struct op *op, struct lock *lock,
		 const struct id *packs, size_t n, const struct repair_opt *opt,
		 struct repair_result *out) MUST_CHECK;

#endif
