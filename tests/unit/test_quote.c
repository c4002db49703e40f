#include "tests/harness.h"

#include "repo/printable.h"
#include "repo/tree.h"

/* Lengths are those of literals, which may hold a NUL. */
static const struct {
	const char *plain;
	size_t len;
	const char *quoted;
} pairs[] = {
#define PAIR(plain, quoted)                           \
	{                                             \
		(plain), sizeof(plain) - 1, (quoted), \
	}
	PAIR("", ""),
	PAIR("plain name.txt", "plain name.txt"),
	PAIR("q\"\\'", "q\\\"\\\\'"),
	PAIR("\a\b\f\n\r\t\v", "\\a\\b\\f\\n\\r\\t\\v"),
	PAIR("\x01\x1b\x7f\0z", "\\x01\\x1b\\x7f\\x00z"),
	PAIR("<&>", "<&>"),
	PAIR("bad\xff\xfe", "bad\\xff\\xfe"),
	PAIR("\xc3", "\\xc3"),
	PAIR("\xed\xa0\x80", "\\xed\\xa0\\x80"),
	PAIR("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"),
	PAIR("\xc0\xaf", "\\xc0\\xaf"),
	PAIR("\xc3\xa9\xe6\x97\xa5", "\xc3\xa9\xe6\x97\xa5"),
	PAIR("\xef\xbf\xbd", "\xef\xbf\xbd"),         /* U+FFFD itself */
	PAIR("\xe2\x80\xa8", "\\u2028"),              /* a separator */
	PAIR("\xc2\xa0\xc2\xad", "\\u00a0\\u00ad"),   /* unlike ' ' */
	PAIR("\xc2\x85", "\\u0085"),                  /* C1 */
	PAIR("\xee\x80\x80", "\\ue000"),              /* private use */
	PAIR("\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"), /* a face */
	PAIR("\xf4\x8f\xbf\xbf", "\\U0010ffff"),
	PAIR("\xf3\xa0\x80\x81", "\\U000e0001"),
	PAIR("\xd8\x9d", "\xd8\x9d"), /* U+061D: new in Unicode 14 */
	PAIR("\xf0\x9f\xab\xa8", "\xf0\x9f\xab\xa8"), /* U+1FAE8: in 15.0 */
	PAIR("\xe2\xbf\xbf", "\\u2fff"),              /* U+2FFF: in 15.1 */
#undef PAIR
};

static void names_are_quoted_as_go_does(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct buf b = BUF_INIT;

		quote_add(&b, pairs[i].plain, pairs[i].len);
		CHECK_STR(b.data, pairs[i].quoted);
		buf_free(&b);
	}
}

static void quoted_names_come_back(void)
{
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		struct buf b = BUF_INIT;
		const char *q = pairs[i].quoted;

		CHECK(quote_parse(&b, q, strlen(q)));
		CHECK(b.len == pairs[i].len);
		CHECK(memcmp(b.data, pairs[i].plain, b.len) == 0);
		buf_free(&b);
	}
}

static void any_byte_comes_back(void)
{
	struct buf all = BUF_INIT, quoted = BUF_INIT, back = BUF_INIT;

	for (int i = 0; i < 256; i++)
		for (int j = 0; j < 256; j++) {
			char two[2] = { (char)i, (char)j };

			buf_add(&all, two, 2);
		}
	quote_add(&quoted, all.data, all.len);
	CHECK(quote_parse(&back, quoted.data, quoted.len));
	CHECK(back.len == all.len);
	CHECK(memcmp(back.data, all.data, all.len) == 0);
	buf_free(&all);
	buf_free(&quoted);
	buf_free(&back);
}

static void octal_is_understood_though_never_written(void)
{
	struct buf b = BUF_INIT;

	CHECK(quote_parse(&b, "\\101\\377\\xFf", 12));
	CHECK_STR(b.data, "A\xff\xff");
	buf_free(&b);
}

static void what_go_does_not_take_is_refused(void)
{
	static const char *const bad[] = {
		"\\",          "a\\",     "\\q",     "\\'",
		"\\x",         "\\x1",    "\\xg0",   "\\400",
		"\\12",        "\\18",    "\\u12",   "\\u123g",
		"\\ud800",     "\\udfff", "\\U0011", "\\U00110000",
		"\\Uffffffff", "a\"b",    "a\nb",    "\\u\x10\x11\x12\x13",
		"\\x\x80\x80",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf b = BUF_INIT;

		buf_adds(&b, "kept");
		CHECK(!quote_parse(&b, bad[i], strlen(bad[i])));
		CHECK_STR(b.data, "kept");
		buf_free(&b);
	}
	CHECK(!quote_parse(&(struct buf)BUF_INIT, "\\\0", 2));
}

static void escapes_do_not_reach_behind_the_end(void)
{
	struct buf b = BUF_INIT;

	CHECK(!quote_parse(&b, "\\x41", 3));
	CHECK(!quote_parse(&b, "\\u0041", 5));
	CHECK(!quote_parse(&b, "\\", 1));
	quote_add(&b, "\xc3\xa9", 1);
	CHECK_STR(b.data, "\\xc3");
	buf_free(&b);
}

static void the_table_has_its_ends(void)
{
	CHECK(!printable(0x1f) && printable(' ') && printable('~'));
	CHECK(!printable(0x7f) && !printable(0xa0) && printable(0xa1));
	CHECK(!printable(0xfffe) && printable(0xfffd));
	CHECK(printable(0xe01ef) && !printable(0xe01f0));
	CHECK(!printable(0x10ffff) && !printable(UINT32_MAX));
}

static void json_is_escaped_for_html(void)
{
	static const char text[] = "a\"\\/<>&\b\f\n\r\t\x01\x1f\x7f\0"
				   "\xff\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"
				   "\xed\xa0\x80\xc3";
	struct buf b = BUF_INIT;

	json_go_string(&b, text, sizeof(text) - 1);
	CHECK_STR(b.data,
		  "\"a\\\"\\\\/\\u003c\\u003e\\u0026\\b\\f\\n\\r\\t\\u0001"
		  "\\u001f\x7f\\u0000\\ufffd\\u2028\\u2029\xe2\x80\xaa"
		  "\\ufffd\\ufffd\\ufffd\\ufffd\"");
	buf_free(&b);
}

int main(void)
{
	RUN(names_are_quoted_as_go_does);
	RUN(quoted_names_come_back);
	RUN(any_byte_comes_back);
	RUN(octal_is_understood_though_never_written);
	RUN(what_go_does_not_take_is_refused);
	RUN(escapes_do_not_reach_behind_the_end);
	RUN(the_table_has_its_ends);
	RUN(json_is_escaped_for_html);
	return 0;
}
