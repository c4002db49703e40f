#include "tests/fuzz/fuzz.h"

#include "repo/snapshot.h"

/* What is read is written so that it is read as the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct arena a = { 0 };
	struct snapshot s;
	struct err e;

	if (snapshot_parse(&a, (const char *)data, size, &s, &e) == 0) {
		snapshot_write(&once, &s);
		CHECK(snapshot_parse(&a, once.data, once.len, &s, &e) == 0);
		snapshot_write(&twice, &s);
		CHECK_STR(twice.data, once.data);
	} else {
		CHECK(e.kind == ERR_CORRUPT);
	}
	buf_free(&once);
	buf_free(&twice);
	arena_free(&a);
	return 0;
}
