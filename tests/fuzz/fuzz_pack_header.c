#include "tests/fuzz/fuzz.h"

#include "repo/pack.h"

/*
 * The header's text, sealed here: so that the fuzzer gets past the MAC.  What
 * is accepted must give the same text again.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct envelope_key key = { .encrypt = { 1 } };
	struct envelope *v = envelope_new(&key);
	uint8_t *sealed = xcalloc(size + ENVELOPE_EXTRA, 1);
	size_t n = size + ENVELOPE_EXTRA, len;
	struct buf again = BUF_INIT;
	struct pack_blobs blobs = { 0 };
	int64_t blobs_len = 0;
	struct err e;

	/* The pack is as long as its first entries say, as far as they do. */
	for (const uint8_t *p = data, *end = data + size; end - p >= 37;
	     p += *p & 2 ? 41 : 37)
		blobs_len +=
			p[1] | p[2] << 8 | p[3] << 16 | (int64_t)p[4] << 24;
	envelope_seal(v, data, size, sealed);
	if (size >= 4)
		(void)!pack_header_size(data, (int64_t)size * 9, &len, &e);
	if (pack_header_parse(v, sealed, n, blobs_len + (int64_t)n + 4, &blobs,
			      &e) == 0) {
		CHECK(blobs.n > 0 &&
		      pack_header_len(blobs.at, blobs.n) == n + 4);
		pack_header_add(&again, v, blobs.at, blobs.n);
		CHECK(again.len == n + 4);
		CHECK(envelope_open(v, (uint8_t *)again.data, n, again.data));
		CHECK(memcmp(again.data, data, size) == 0);
		for (size_t i = 1; i < blobs.n; i++)
			CHECK(blobs.at[i].off ==
			      blobs.at[i - 1].off + blobs.at[i - 1].len);
	} else {
		CHECK(blobs.n == 0 && e.kind == ERR_CORRUPT);
	}
	pack_blobs_free(&blobs);
	buf_free(&again);
	free(sealed);
	envelope_free(v);
	return 0;
}
