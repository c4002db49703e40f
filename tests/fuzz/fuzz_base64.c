#include "tests/fuzz/fuzz.h"

#include "lib/base64.h"

static void check_encoded(const uint8_t *data, size_t size, bool url)
{
	struct buf text = BUF_INIT, back = BUF_INIT;

	base64_encode(&text, data, size, url);
	CHECK(base64_decode(&back, text.data, text.len));
	CHECK(back.len == size && memcmp(back.data, data, size) == 0);
	buf_free(&text);
	buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf b = BUF_INIT;

	buf_adds(&b, "kept");
	if (base64_decode(&b, (const char *)data, size))
		CHECK(b.len - 4 <= size / 4 * 3 + 2);
	else
		CHECK(b.len == 4);
	CHECK(memcmp(b.data, "kept", 4) == 0);
	buf_free(&b);
	if (size) {
		check_encoded(data, size, false);
		check_encoded(data, size, true);
	}
	return 0;
}
