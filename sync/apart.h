#ifndef SYNC_APART_H
#define SYNC_APART_H

#include "sync/run.h"

/*
 * Whether source and destination are places apart from each other: what is
 * copied into itself never ends, and what is moved onto itself is gone.
 */

/* -1 if one of the two, or the backup folder, lies in another of them. */
int check_apart(struct sync_run *r, struct op *op) MUST_CHECK;

/* SAME_FILE: the names differ in upper and lower case alone, and that is one */
enum same { SAME_NOT, SAME_NAME, SAME_FILE };
enum same same_file(const struct sync_run *r, const char *src, const char *dst);

/*
 * Two remotes of a kind may lead to one place under names that do not show it
 * (two addresses of a server, two sections for an account), and a service may
 * take two names for one that we do not.  So before a move a mark is put at the
 * source, whose name ends with `src`, and looked for at the destination under
 * one that ends with `dst`: the names of a file, or "" for whole folders.
 * 1 if it is seen there, 0 if not or if nothing is moved, or -1.
 */
int check_by_mark(struct sync_run *r, struct op *op, const char *src,
		  const char *dst) MUST_CHECK;

/* ERR_INVALID: they are the same place. */
int refuse_same(struct op *op, const struct backend *a,
		const struct backend *b);

#endif
