#ifndef REPO_INDEX_FILE_H
#define REPO_INDEX_FILE_H

#include "repo/pack.h"

/*
 * An index file's JSON (doc/design.rst, "Indexing").
 */
enum {
	INDEX_FILE_BLOBS = 50000, /* a file is closed at so many */
	INDEX_JSON_MAX = 512 << 20
};

/*
 * Calls `fn` for each pack, with its blobs in the file's order; what it is
 * given lasts until it returns; -1 ends the parsing.  `superseded` (or NULL) is
 * called for each member of "supersedes".  The parser is of its own: nothing
 * but one pack's blobs is in memory beside the text.  ERR_CORRUPT: bad JSON,
 * an id that is none, a blob of no known type, offsets and lengths that cannot
 * be (a length below the envelope's, an end beyond 4 GiB, overlapping ones).
 */
typedef int index_pack_fn(void *arg, const struct id *pack,
			  const struct pack_blob *blobs, size_t n);
typedef int index_old_fn(void *arg, const struct id *index);
int index_file_parse(const char *json, size_t n, index_pack_fn *fn,
		     index_old_fn *superseded, void *arg,
		     struct err *e) MUST_CHECK;

/* Writing: begin, each pack, end; then the buffer has the JSON. */
struct index_writer {
	struct buf *out;
	size_t packs, blobs;
};
void index_write_begin(struct index_writer *w, struct buf *out);
void index_write_pack(struct index_writer *w, const struct id *pack,
		      const struct pack_blob *blobs, size_t n);
void index_write_end(struct index_writer *w);

#endif
