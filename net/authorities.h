#ifndef NET_AUTHORITIES_H
#define NET_AUTHORITIES_H

#include "lib/op.h"

/*
 * Whom to trust: the system's authorities and those of the user's files.  The
 * system has them in a folder, where one is looked up when it is needed, or
 * in one file, which takes long to read at each connection.
 */
struct authorities {
	const char *folder; /* or NULL */
	const char *file;   /* or NULL; not with `pem` */
	struct buf pem;     /* in memory; empty if there are none to add */
};

/* `files`: paths, NULL ones are skipped.  ERR_INVALID names the bad one. */
int authorities_load(struct op *op, const char *const *files, size_t n,
		     struct authorities *out) MUST_CHECK;
void authorities_free(struct authorities *a);

#endif
