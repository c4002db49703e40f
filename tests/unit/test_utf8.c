#include "tests/harness.h"

#include "lib/utf8.h"

static bool valid(const char *s)
{
	return utf8_valid(s, strlen(s));
}

static void first_and_last_of_each_length_are_valid(void)
{
	CHECK(valid("") && valid("\x01") && valid("\x7f"));
	CHECK(valid("\xc2\x80") && valid("\xdf\xbf"));
	CHECK(valid("\xe0\xa0\x80") && valid("\xef\xbf\xbf"));
	CHECK(valid("\xf0\x90\x80\x80") && valid("\xf4\x8f\xbf\xbf"));
	CHECK(valid("\xed\x9f\xbf") && valid("\xee\x80\x80"));
	CHECK(utf8_valid("a\0b", 3));
}

static void overlong_and_out_of_range_is_not(void)
{
	CHECK(!valid("\xc0\x80") && !valid("\xc1\xbf"));
	CHECK(!valid("\xe0\x9f\xbf") && !valid("\xf0\x8f\xbf\xbf"));
	CHECK(!valid("\xf4\x90\x80\x80") && !valid("\xf5\x80\x80\x80"));
	CHECK(!valid("\xed\xa0\x80") && !valid("\xed\xbf\xbf"));
	CHECK(!valid("\xff") && !valid("\xfe") && !valid("\x80"));
}

static void a_cut_character_is_not(void)
{
	const char *c = "\xf0\x9f\x98\x80";

	for (size_t n = 1; n < 4; n++)
		CHECK(!utf8_valid(c, n));
	CHECK(utf8_valid(c, 4));
	CHECK(!valid("\xc3(") && !valid("\xe2\x82(") && !valid("\xe2("));
}

static void a_terminal_is_not_commanded(void)
{
	struct buf b = BUF_INIT;
	const char *s =
		"a\x1b[2J\n\r\t\x7f\xc2\x9b\xff\xc3\xa9\xf0\x9f\x98\x80";

	utf8_add_printable(&b, s, strlen(s));
	CHECK_STR(b.data, "a\\x1b[2J\\n\\r\\t\\x7f\\xc2\\x9b\\xff"
			  "\xc3\xa9\xf0\x9f\x98\x80");
	buf_free(&b);
}

static void each_wrong_byte_becomes_one_replacement(void)
{
	struct buf b = BUF_INIT;

	utf8_add_valid(&b, "a\xff\xc3\xa9\xe2\x82z", 7);
	CHECK_STR(b.data, "a\xef\xbf\xbd\xc3\xa9\xef\xbf\xbd\xef\xbf\xbdz");
	buf_free(&b);
}

int main(void)
{
	RUN(first_and_last_of_each_length_are_valid);
	RUN(overlong_and_out_of_range_is_not);
	RUN(a_cut_character_is_not);
	RUN(a_terminal_is_not_commanded);
	RUN(each_wrong_byte_becomes_one_replacement);
	return 0;
}
