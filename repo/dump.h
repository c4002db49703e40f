#ifndef REPO_DUMP_H
#define REPO_DUMP_H

#include "lib/stream.h"
#include "repo/snapshot.h"

/*
 * Bytes and blobs into a sink, in the order in which they are given; the blobs
 * are had by several threads, some of them ahead of the writing (in bounded
 * memory).  One thread gives, and writes what is ready when it has to wait.
 */
struct flow;
struct flow *flow_new(struct repo *r, struct op *op, struct sink *to);
void flow_free(struct flow *d); /* NULL is fine */

int flow_bytes(struct flow *d, struct op *op, const void *p,
	       size_t n) MUST_CHECK;
int flow_blob(struct flow *d, struct op *op, const struct id *id) MUST_CHECK;

/* Write all that was given. */
int flow_drain(struct flow *d, struct op *op) MUST_CHECK;

/* A file's content; ERR_CORRUPT if it is not as long as the node says. */
int flow_file(struct flow *d, struct op *op, const struct node *n) MUST_CHECK;

/*
 * The tree as a tar archive (POSIX.1-2001, "pax"): what ustar headers cannot
 * hold (long names, fractions of seconds, extended attributes, ACLs) is in
 * extended ones.  Names are "PATH/a/b" below the folder `top`, which is "PATH/"
 * itself; or "a/b" if `path` is "", and `top` is not in it.  What tar cannot
 * hold (sockets) is logged and left out.
 */
int dump_tar(struct repo *r, struct op *op, const struct id *tree,
	     const char *path, const struct node *top,
	     struct sink *to) MUST_CHECK;

/* One header for the node, with the extended one that it may need. */
void tar_header(struct buf *b, const char *path, const struct node *n);

/* The text of an ACL as Linux has it in an attribute; false: it is none. */
bool acl_text(struct buf *b, const void *value, size_t n);

#endif
