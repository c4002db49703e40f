#ifndef BACKENDS_JOTTA_JFS_H
#define BACKENDS_JOTTA_JFS_H

#include "backends/jotta/jotta.h"

/* Between jfs.c and liststream.c. */

/*
 * Put what the element `name` says (size, number, modified, created, md5) into
 * `n`; false for a number that is none.
 */
bool jfs_fact(struct jfs_node *n, const char *name, const char *text);

/*
 * The parser of a liststream alone: what comes into `sink` is handed out, by
 * names below `top`, a raw path that begins with the mountpoint.  The folder
 * itself comes with the name "", each other one once, before what is in it or
 * after.  Impossible names are reported under `about` and left out.
 */
struct liststream;
struct liststream *liststream_new(const char *top, const char *about,
				  jfs_fn *fn, void *arg);
struct sink *liststream_sink(struct liststream *s);

/* It must be complete now, its counts right: else ERR_NETWORK. */
int liststream_end(struct liststream *s, struct op *op) MUST_CHECK;
void liststream_free(struct liststream *s);

#endif
