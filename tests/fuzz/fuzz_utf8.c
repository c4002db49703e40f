#include "tests/fuzz/fuzz.h"

#include "lib/utf8.h"

static bool is_harmless(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		unsigned char c = (unsigned char)b->data[i];

		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == 0xc2 && (unsigned char)b->data[i + 1] < 0xa0)
			return false; /* C1 */
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf valid = BUF_INIT, shown = BUF_INIT;
	const char *s = (const char *)data;

	utf8_add_valid(&valid, s, size);
	CHECK(utf8_valid(valid.data, valid.len));
	CHECK(utf8_valid(s, size) ==
	      (valid.len == size && memcmp(valid.data, s, size) == 0));
	utf8_add_printable(&shown, s, size);
	CHECK(utf8_valid(shown.data, shown.len));
	CHECK(is_harmless(&shown));
	buf_free(&valid);
	buf_free(&shown);
	return 0;
}
