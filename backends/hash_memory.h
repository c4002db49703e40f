#ifndef BACKENDS_HASH_MEMORY_H
#define BACKENDS_HASH_MEMORY_H

#include "backends/entry.h"

/*
 * What local files hashed to, remembered between runs by device, inode, size,
 * mtime and ctime: any change of the content changes one of them.  A file that
 * was touched less than two seconds before it was hashed is not remembered,
 * since a second change within the clock's tick would not show.
 *
 * For any thread; a lost memory costs time, never correctness, so failures of
 * the database are logged at debug level and otherwise ignored.  Writes are
 * gathered and stored in one transaction, at the latest by close().  The
 * database is a file of its own.
 */
struct hash_memory;

/* Fails only once the work was called off. */
int hash_memory_open(struct op *op, const char *path,
		     struct hash_memory **out) MUST_CHECK;
void hash_memory_close(struct hash_memory *m);

/* Add the digests known of this very state of the file to `*out`. */
void hash_memory_get(struct hash_memory *m, const struct entry *e,
		     struct digests *out);

/* `read_at`: wall clock, ns, when the reading began. */
void hash_memory_put(struct hash_memory *m, const struct entry *e,
		     const struct digests *d, int64_t read_at);

/*
 * Small facts that are kept beside the hashes: a text under a key.
 * get: 1 and the value (in op->arena), or 0.  put: NULL forgets the key.
 */
int hash_memory_note_get(struct hash_memory *m, struct op *op, const char *key,
			 const char **value);
void hash_memory_note_put(struct hash_memory *m, const char *key,
			  const char *value);

#endif
