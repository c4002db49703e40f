#ifndef REPO_PACK_H
#define REPO_PACK_H

#include "crypt/envelope.h"
#include "lib/buf.h"
#include "lib/err.h"
#include "lib/vec.h"
#include "repo/id.h"

/*
 * doc/design.rst, "Pack Format": sealed blobs one after the other, the sealed
 * header, and its length in four bytes, little-endian.
 */
enum blob_type { BLOB_DATA, BLOB_TREE, BLOB_TYPES };

const char *blob_type_name(enum blob_type t); /* "data", "tree" */

/* Where in a pack a blob lies. */
struct pack_blob {
	struct id id;
	enum blob_type type;
	uint32_t off, len; /* sealed */
	uint32_t raw_len;  /* of the text, if compressed; else 0 */
};

VEC(pack_blobs, struct pack_blob);

/* The length of a blob's text. */
static inline uint32_t pack_blob_text_len(const struct pack_blob *b)
{
	return b->raw_len ? b->raw_len : b->len - ENVELOPE_EXTRA;
}

enum {
	PACK_SIZE = 16 << 20,      /* when one is closed */
	PACK_SIZE_MAX = 128 << 20, /* what is accepted; files, 4 GiB - 1 */
	BLOB_LEN_MAX = 1 << 30 /* text of one blob that is accepted: a folder
				  of three million files */
};

/* Append header and length to `b`, for these blobs, which lie in order. */
void pack_header_add(struct buf *b, struct envelope *v,
		     const struct pack_blob *blobs, size_t n);

/* How many bytes that would be. */
size_t pack_header_len(const struct pack_blob *blobs, size_t n);

/*
 * What the last four bytes of a pack of `size` bytes say its sealed header's
 * length is (without those four); ERR_CORRUPT if that cannot be.
 */
int pack_header_size(const uint8_t tail[4], int64_t size, size_t *out,
		     struct err *e) MUST_CHECK;

/*
 * Add the blobs that a sealed header of `n` bytes lists to `out`; their
 * offsets must end where it begins, in a pack of `size` bytes.
 */
int pack_header_parse(struct envelope *v, const uint8_t *p, size_t n,
		      int64_t size, struct pack_blobs *out,
		      struct err *e) MUST_CHECK;

#endif
