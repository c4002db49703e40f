#ifndef CMD_SUM_FILE_H
#define CMD_SUM_FILE_H

#include "backends/listing.h"

/*
 * Lists of hashes in coreutils' form: "HASH  PATH", and for a path that holds a
 * newline, a carriage return or a backslash "\HASH  PATH" with these as \n, \r
 * and \\.
 */

/* Append one such line, with its newline. */
void sum_line_add(struct buf *b, const char *hash, const char *path);

/*
 * Paths as keys that sort by their bytes in the order in which a tree is
 * walked: append it; and back.
 */
void sum_key_add(struct buf *b, const char *path);
void sum_key_path(struct buf *b, const char *key);

/*
 * Read such a list of hashes of type `t` into `out`, sorted: entries that have
 * the key of the path for a name, and the hash.  "-" is standard input.  Empty
 * lines and those from '#' are passed over; any other that is no such line is
 * ERR_INVALID.
 */
int sum_file_read(struct op *op, const char *file, enum hash_type t,
		  struct listing *out) MUST_CHECK;

#endif
