#ifndef REPO_INDEX_H
#define REPO_INDEX_H

#include "repo/pack.h"

/*
 * Where each blob lies: all index files of a repository in one table of at
 * most 60 bytes a blob, growing without a copy.  For any number of threads.
 */
struct index;
struct index *index_new(void);
void index_free(struct index *ix);

/* A place of a blob. */
struct blob_at {
	struct id pack;
	struct pack_blob blob;
	uint32_t pack_no; /* 0..index_packs()-1 */
	uint32_t entry;   /* 0..index_entries()-1 */
};

/*
 * The pack's number; added if it was not there.  Several index files may name
 * one pack; a blob at the same place of it counts once.  Of a blob with more
 * than 512 places, which no sane program makes, the others are left out.
 */
uint32_t index_add_pack(struct index *ix, const struct id *pack,
			const struct pack_blob *blobs, size_t n);

/* The first place of a blob, false if there is none; then the others. */
bool index_find(const struct index *ix, enum blob_type t, const struct id *id,
		struct blob_at *out);
bool index_find_next(const struct index *ix, struct blob_at *at);

bool index_has(const struct index *ix, enum blob_type t, const struct id *id);

uint32_t index_packs(const struct index *ix);
uint32_t index_entries(const struct index *ix);
void index_pack_id(const struct index *ix, uint32_t pack_no, struct id *out);
bool index_find_pack(const struct index *ix, const struct id *pack,
		     uint32_t *pack_no);
void index_entry(const struct index *ix, uint32_t entry, struct blob_at *out);

/* The blobs of one pack, in order of offset, into `out` (emptied first). */
void index_pack_blobs(struct index *ix, uint32_t pack_no,
		      struct pack_blobs *out);

/* Bytes of memory that it takes. */
size_t index_memory(const struct index *ix);

#endif
