#ifndef BACKENDS_JOTTA_WALK_H
#define BACKENDS_JOTTA_WALK_H

#include "backends/jotta/jotta.h"

/* Between trash.c and share.c. */

/*
 * Append the name that is shown for a raw one: false, with a line at debug
 * level, for what can be none.
 */
bool jotta_shown(struct buf *b, const char *raw);

/* All folders from one on, a request each, parents first. */
struct jotta_walk {
	bool deleted; /* go into those in the trash, too */

	/* For each thing in a folder; what is in a trashed folder is shown as
	   deleted, whatever the service says of it. */
	int (*each)(void *arg, struct op *op, const char *path,
		    const struct jfs_node *n);

	/* After the last one of a folder, `self`; or NULL. */
	int (*left)(void *arg, struct op *op, const char *dir,
		    const struct jfs_node *self);
	void *arg;
};

int jotta_walk(struct jotta *j, struct op *op, const char *dir,
	       const struct jotta_walk *w) MUST_CHECK;

#endif
