#ifndef REPO_STORE_CACHE_H
#define REPO_STORE_CACHE_H

#include "repo/store.h"

/*
 * A folder of this machine with files of one repository, as they lie there,
 * so encrypted: CACHEDIR.TAG, index/HEX, packs/HEX, snapshots/HEX.  For any
 * number of threads and processes.  Nothing here fails: what goes wrong is
 * logged, and the repository is asked instead.
 */
struct cache;
struct cache *cache_new(const char *dir); /* made when first written to */
void cache_free(struct cache *c);

/* Whether files of this type are kept. */
bool cache_takes(enum file_type t);

/* Whether it is there, right or wrong. */
bool cache_has(struct cache *c, enum file_type t, const struct id *id);

/*
 * Append a file, or bytes [off, off+len) of it, to `out`; false if it is not
 * there, or not what its name says (then it is dropped).  The SHA-256 of one
 * that is read in parts is computed when this process first does so.
 */
bool cache_read(struct cache *c, struct op *op, enum file_type t,
		const struct id *id, size_t max, struct buf *out);
bool cache_read_part(struct cache *c, enum file_type t, const struct id *id,
		     int64_t off, size_t len, struct buf *out);

/*
 * A file on its way into the cache: what is written to the sink, which fails
 * where that cannot be stored; kept by cache_close() if it hashes to its name
 * (true).
 */
struct cache_sink {
	struct sink base;
	struct cache *cache;
	enum file_type type;
	struct id id;
	struct hasher *hasher;
	int fd;     /* -1: it goes nowhere */
	char *temp; /* its name until then */
	int64_t size;
};
void cache_open(struct cache *c, struct op *op, enum file_type t,
		const struct id *id, struct cache_sink *out);
bool cache_close(struct cache_sink *s, bool keep);

void cache_write(struct cache *c, struct op *op, enum file_type t,
		 const struct id *id, const void *p, size_t n);
void cache_drop(struct cache *c, enum file_type t, const struct id *id);

/* Drop the files of a type that `have` does not know. */
void cache_sweep(struct cache *c, enum file_type t,
		 bool (*have)(void *arg, const struct id *id), void *arg);

#endif
