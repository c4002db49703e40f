#include "tests/harness.h"

#include "lib/buf.h"

static void empty_buffer_is_a_string(void)
{
	struct buf b = BUF_INIT;

	CHECK_STR(b.data, "");
	buf_reset(&b);
	buf_cut(&b, 0);
	buf_adds(&b, "");
	CHECK_STR(b.data, "");
	buf_free(&b);
	CHECK_STR(b.data, "");
}

static void content_is_kept_while_it_grows(void)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 100000; i++)
		buf_addf(&b, "%d,", i % 10);
	CHECK(b.len == 200000);
	CHECK(b.data[b.len] == '\0');
	for (size_t i = 0; i < b.len; i += 2)
		CHECK(b.data[i] == '0' + (char)(i / 2 % 10));
	buf_free(&b);
}

static void there_is_always_room_for_the_nul(void)
{
	for (size_t n = 1; n < 5; n++) {
		struct buf b = BUF_INIT;

		for (int i = 0; i < 1000; i++) {
			buf_add(&b, "abcd", n); /* the sanitizer looks */
			CHECK(b.data[b.len] == '\0');
		}
		buf_free(&b);
	}
}

static void nul_bytes_are_content(void)
{
	struct buf b = BUF_INIT;

	buf_add(&b, "a\0b", 3);
	buf_add(&b, "c", 1);
	CHECK(b.len == 4 && memcmp(b.data, "a\0bc", 5) == 0);
	buf_free(&b);
}

static void format_fits_at_every_length(void)
{
	for (int n = 0; n < 300; n++) {
		struct buf b = BUF_INIT;

		buf_addf(&b, "%*s", n, n ? "x" : "");
		CHECK(b.len == (size_t)n);
		CHECK(b.data[n] == '\0');
		CHECK(n == 0 || b.data[n - 1] == 'x');
		buf_free(&b);
	}
}

static void room_is_filled_by_the_caller(void)
{
	struct buf b = BUF_INIT;

	memset(buf_room(&b, 64), 'x', 64);
	b.len += 64;
	buf_adds(&b, "y");
	CHECK(b.len == 65 && b.data[63] == 'x' && b.data[64] == 'y');
	buf_cut(&b, 2);
	CHECK_STR(b.data, "xx");
	buf_reset(&b);
	CHECK_STR(b.data, "");
	buf_adds(&b, "again");
	CHECK_STR(b.data, "again");
	buf_free(&b);
}

int main(void)
{
	RUN(empty_buffer_is_a_string);
	RUN(content_is_kept_while_it_grows);
	RUN(there_is_always_room_for_the_nul);
	RUN(nul_bytes_are_content);
	RUN(format_fits_at_every_length);
	RUN(room_is_filled_by_the_caller);
	return 0;
}
