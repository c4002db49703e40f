#ifndef REPO_CODER_H
#define REPO_CODER_H

#include "repo/pack.h"

/*
 * One thread's means to turn text into what lies in a repository and back:
 * zstd (RFC 8878), then the envelope.
 */
enum compression {
	COMPRESS_AUTO, /* what does not gain by it is stored as it is */
	COMPRESS_OFF,  /* data is not; trees and files are, as with restic */
	COMPRESS_MAX
};

struct coder;
struct coder *coder_new(const struct envelope_key *k, unsigned version,
			enum compression c);
void coder_free(struct coder *c);
struct envelope *coder_envelope(struct coder *c);

/*
 * A blob's text (at most BLOB_LEN_MAX bytes) into `out` (reset first), sealed.
 * `*raw_len` is `n` if it was compressed, else 0.  In version 2 trees always
 * are: restic's prune packs those anew that are not.
 */
void coder_seal_blob(struct coder *c, enum blob_type t, const void *text,
		     size_t n, struct buf *out, uint32_t *raw_len);

/*
 * The same in two steps, for who seals with coder_envelope() where the blob
 * shall be: `*out` is the text itself, or it compressed in memory of the
 * coder's, which lasts until the next call.
 */
void coder_pack_blob(struct coder *c, enum blob_type t, const void *text,
		     size_t n, const void **out, size_t *out_len,
		     uint32_t *raw_len);

/*
 * The text of a sealed blob into `out` (reset first).  `raw_len` as the index
 * has it, 0: not compressed.  ERR_CORRUPT: MAC, frame or size wrong.  Does not
 * compare the id.
 */
int coder_open_blob(struct coder *c, const uint8_t *p, size_t n,
		    uint32_t raw_len, struct buf *out,
		    struct err *e) MUST_CHECK;

/*
 * A file that is no pack ("Unpacked Data Format"): JSON, in version 2
 * compressed and with a byte 2 before it.  Opening takes any form; the JSON
 * may have `max` bytes.
 */
void coder_seal_file(struct coder *c, const void *json, size_t n,
		     struct buf *out);
int coder_open_file(struct coder *c, const uint8_t *p, size_t n, size_t max,
		    struct buf *out, struct err *e) MUST_CHECK;

#endif
