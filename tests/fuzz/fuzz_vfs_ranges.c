#include "tests/fuzz/fuzz.h"

#include "vfs/ranges.h"

/* What is accepted is sound, and packs to the same bytes again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT;
	struct ranges r;
	struct err e;

	if (ranges_parse(data, size, &r, &e) < 0) {
		CHECK(e.kind == ERR_CORRUPT && r.n == 0);
		return 0;
	}
	for (size_t i = 0; i < r.n; i++) {
		CHECK(r.at[i].off >= 0 && r.at[i].off < r.at[i].end);
		CHECK(i == 0 || r.at[i - 1].end < r.at[i].off);
	}
	ranges_pack(&r, &b);
	CHECK(b.len == size && (size == 0 || !memcmp(b.data, data, size)));
	buf_free(&b);
	ranges_free(&r);
	return 0;
}
