#ifndef REPO_STORE_H
#define REPO_STORE_H

#include "backends/backend.h"
#include "repo/id.h"

/*
 * The files of a repository as they lie on a backend (doc/design.rst,
 * "Repository Layout"): config, data/21/2159dd48..., index/..., keys/...,
 * locks/..., snapshots/...  Bytes only: what is in them is for others.
 */
enum file_type {
	FILE_CONFIG, /* one, without an id */
	FILE_KEY,
	FILE_LOCK,
	FILE_SNAPSHOT,
	FILE_INDEX,
	FILE_PACK,
	FILE_TYPES
};

/* "config", "key", "lock", "snapshot", "index", "pack": for messages. */
const char *file_type_name(enum file_type t);

/*
 * For any number of threads.  The backend is the caller's.  `cache` is a
 * folder of this machine (made when first needed), or NULL: snapshots, index
 * files and packs of trees are kept there as they lie in the repository, and
 * believed only if their SHA-256 is their name.
 */
struct store;
struct store *store_new(struct backend *be, const char *cache);
void store_free(struct store *s);

/* What `acct` says of rates is kept on all threads; before there are some. */
void store_count_for(struct store *s, struct acct *acct);
struct backend *store_backend(struct store *s);

/* From now on cached below DIR/ID (hex, of the repository); before threads. */
void store_cache_in(struct store *s, const char *dir, const struct id *repo);

/*
 * Every file of a type, in any order, from one thread.  What has no name of 64
 * hexadecimal digits is passed over (and logged).  Packs: the folders of data/
 * are listed several at once.  A missing folder is empty.
 */
typedef int store_fn(void *arg, struct op *op, const struct id *id,
		     int64_t size);
int store_list(struct store *s, struct op *op, enum file_type t, store_fn *fn,
	       void *arg) MUST_CHECK;

/*
 * The one file whose id begins with the hexadecimal `prefix`: ERR_NOT_FOUND,
 * or ERR_INVALID if several do.
 */
int store_find(struct store *s, struct op *op, enum file_type t,
	       const char *prefix, struct id *out) MUST_CHECK;

/*
 * Append a whole file (at most `max` bytes, else ERR_CORRUPT) to `out`; from
 * the cache where it may be, and kept there.  What does not hash to its name
 * is read once more from the repository, then ERR_CORRUPT.  FILE_CONFIG: `id`
 * is NULL and nothing is compared.
 */
int store_read(struct store *s, struct op *op, enum file_type t,
	       const struct id *id, size_t max, struct buf *out) MUST_CHECK;

/*
 * Append bytes [off, off+len) of a pack, unverified; ERR_CORRUPT if it ends
 * before that.  `trees`: it is a pack of trees: read whole into the cache, if
 * there is one, and served from there.
 */
int store_read_part(struct store *s, struct op *op, const struct id *pack,
		    int64_t off, size_t len, bool trees,
		    struct buf *out) MUST_CHECK;

/* Whether store_read_part() of trees would read all of this pack first. */
bool store_would_fetch(struct store *s, const struct id *pack);

/*
 * Write a file, whose id is the SHA-256 of its bytes: durable, and whole or not
 * at all.  One that is there already is left as it is.  `id` NULL for config:
 * ERR_EXISTS if there is one.
 */
int store_write(struct store *s, struct op *op, enum file_type t,
		const struct id *id, const void *p, size_t n) MUST_CHECK;

/*
 * A pack whose bytes lie in a mapping of their own: where they are written but
 * once, the pages are given back as that goes on (and read as zeros then).
 */
int store_write_mapped(struct store *s, struct op *op, const struct id *pack,
		       uint8_t *p, size_t n) MUST_CHECK;

/*
 * Put another config in the place of the one there is, which stays if that
 * fails; ERR_UNSUPPORTED where it might not.
 */
int store_replace_config(struct store *s, struct op *op, const void *p,
			 size_t n) MUST_CHECK;

/* Gone is as good. */
int store_remove(struct store *s, struct op *op, enum file_type t,
		 const struct id *id) MUST_CHECK;

/* What was removed is gone on stable storage, too. */
int store_flush(struct store *s, struct op *op) MUST_CHECK;

/*
 * Remove the temporary files of killed runs that listing packs has come across
 * on a local disk (not those of running ones).  One that stays is no failure.
 */
void store_sweep(struct store *s, struct op *op);

/* The size of one file, ERR_NOT_FOUND if it is not there. */
int store_size(struct store *s, struct op *op, enum file_type t,
	       const struct id *id, int64_t *size) MUST_CHECK;

/*
 * From now on nothing but locks is written or removed, and all calls that
 * would succeed: for a dry run of what does not read back what it wrote.
 */
void store_dry_run(struct store *s);

/* Make the folders of a new repository. */
int store_init(struct store *s, struct op *op) MUST_CHECK;

/*
 * Drop from the cache what the repository does not have: `have` is asked for
 * each cached file of the type.
 */
int store_cache_sweep(struct store *s, struct op *op, enum file_type t,
		      bool (*have)(void *arg, const struct id *id), void *arg);

#endif
