#ifndef BACKENDS_LISTER_H
#define BACKENDS_LISTER_H

#include "backends/backend.h"
#include "backends/listing.h"

/*
 * The folders below a backend's root, listed one by one or, where the service
 * can tell of all of them at once (BE_LIST_TREE), out of one listing.  That is
 * kept in a temporary file, folder by folder; in memory there are 32 bytes a
 * folder.  For any number of threads.
 */
enum lister_mode {
	LISTER_EACH,  /* never at once */
	LISTER_WHOLE, /* everything will be asked for */
	LISTER_LATER  /* at once when a good many have been asked for */
};

struct lister;

/* For a driver that cannot list at once every mode is LISTER_EACH. */
struct lister *lister_new(struct backend *be, enum lister_mode mode);
void lister_free(struct lister *l);

/*
 * How many folders are worth listing at once; 0: as fits the machine.  Each
 * takes memory, so no more than keep a network busy.
 */
unsigned lister_calls(const struct lister *l);

/*
 * Where all will be listed at once anyway, do it now, instead of a look at the
 * root: 1, it is there; -1 with ERR_NO_DIR or ERR_NOT_DIR, as be_list() has
 * them, or called off; 0, not known: ask be_stat().
 */
int lister_look(struct lister *l, struct op *op) MUST_CHECK;

/* As be_list(). */
int lister_list(struct lister *l, struct op *op, const char *dir,
		struct listing *out) MUST_CHECK;

#endif
