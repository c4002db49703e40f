#ifndef REPO_REPO_H
#define REPO_REPO_H

#include "repo/coder.h"
#include "repo/index.h"
#include "repo/store.h"

/*
 * One opened repository.  All functions may be called from any thread, each
 * with its own coder; what is in the structure does not change after opening.
 */
struct repo {
	struct store *store;
	struct envelope_key *key; /* the master key, in locked memory */
	struct id key_id;         /* of the key file that fitted */
	struct id id;
	unsigned version; /* 1 or 2 */
	uint64_t polynomial;
	enum compression compression; /* for coders made by repo_coder() */
	struct index *index;          /* NULL before repo_load_index() */
};

/*
 * Asks for the password: in secret memory, freed by repo_open(); NULL in *out
 * ends the trying.
 */
struct repo_password {
	int (*ask)(struct repo_password *p, struct op *op, unsigned attempt,
		   char **out);
};

/*
 * Open the repository at the root of `be`, which stays the caller's.  Config
 * is read and the password tried on every key (those of this host and user
 * first, as many as 20).  ERR_NO_REPO: there is no config; ERR_PASSWORD: no
 * key fits; ERR_CORRUPT: version or polynomial cannot be.  `key_hint`: the id
 * (or its beginning) of the key to try first, or NULL.  `cache_dir` NULL: no
 * cache; used only with a BE_REMOTE backend or if `cache_always`.
 */
struct repo_open_opt {
	struct repo_password *password;
	const char *key_hint;

	/*
	 * The master key of an earlier opening, and what its key_id was: then
	 * no password is asked for; or NULL.
	 */
	const struct envelope_key *known;
	struct id known_id;
	const char *cache_dir;
	bool cache_always;
	enum compression compression;
};
int repo_open(struct op *op, struct backend *be,
	      const struct repo_open_opt *opt, struct repo **out) MUST_CHECK;
void repo_close(struct repo *r); /* NULL is fine */

/*
 * Make a repository; ERR_EXISTS if there is one.  `like`: take its chunker's
 * polynomial, so that `copy` between the two finds equal blobs; or NULL.
 */
int repo_init(struct op *op, struct backend *be, const char *password,
	      unsigned version, const struct repo *like,
	      struct repo **out) MUST_CHECK;

struct coder *repo_coder(const struct repo *r);

/* The JSON of a file that is no pack, appended to nothing: `out` is reset. */
int repo_load_file(struct repo *r, struct op *op, struct coder *c,
		   enum file_type t, const struct id *id, size_t max,
		   struct buf *out) MUST_CHECK;
int repo_save_file(struct repo *r, struct op *op, struct coder *c,
		   enum file_type t, const void *json, size_t n,
		   struct id *id) MUST_CHECK;

/*
 * Read every index file into r->index; several at once.  Snapshots that are
 * to be found in it must have been listed before.  One that is damaged is told
 * to `bad` (with op->err) and passed over if that returns 0; NULL: it fails.
 */
typedef int repo_bad_fn(void *arg, struct op *op, const struct id *id);
int repo_load_index(struct repo *r, struct op *op, repo_bad_fn *bad,
		    void *arg) MUST_CHECK;

/*
 * The same for the index files that have come since: those not in `known`
 * (each.h; sorted), where what is there now is put.
 */
struct ids;
int repo_load_new_index(struct repo *r, struct op *op, struct ids *known,
			repo_bad_fn *bad, void *arg) MUST_CHECK;

/* The blobs that a pack's own header lists; `size` -1: ask. */
int repo_pack_blobs(struct repo *r, struct op *op, struct coder *c,
		    const struct id *pack, int64_t size,
		    struct pack_blobs *out) MUST_CHECK;

/*
 * The text of a blob into `out` (reset), verified against its id.  Every place
 * that the index knows is tried.  ERR_NOT_FOUND: none; ERR_CORRUPT names pack
 * and blob.
 */
int repo_load_blob(struct repo *r, struct op *op, struct coder *c,
		   enum blob_type t, const struct id *id,
		   struct buf *out) MUST_CHECK;

#endif
