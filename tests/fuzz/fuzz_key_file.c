#include "tests/fuzz/fuzz.h"

#include "lib/buf.h"
#include "repo/key_file.h"

/* A key file, and what might be inside of one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT, twice = BUF_INIT;
	struct arena a = { 0 };
	struct envelope_key master;
	struct key_file k;
	struct err e;

	if (key_file_parse(&a, (const char *)data, size, &k, &e) == 0) {
		CHECK(k.salt_len && k.salt_len <= KEY_SALT_MAX);
		CHECK(k.data_len > ENVELOPE_EXTRA);
		CHECK(k.data_len <= KEY_DATA_MAX);
		key_file_write(&b, &k);
		CHECK(key_file_parse(&a, b.data, b.len, &k, &e) == 0);
		key_file_write(&twice, &k);
		CHECK_STR(twice.data, b.data);
	} else {
		CHECK(e.kind == ERR_CORRUPT);
	}
	if (master_key_parse((const char *)data, size, &master, &e) < 0)
		CHECK(e.kind == ERR_CORRUPT);
	buf_free(&b);
	buf_free(&twice);
	arena_free(&a);
	return 0;
}
