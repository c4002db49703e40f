#include "tests/harness.h"

#include "backends/jotta/alias.h"
#include "backends/jotta/jotta.h"

/*
 * What rclone 1.60.1 leaves on a disk with the encoding "Slash,LtGt,
 * DoubleQuote,Colon,Question,Asterisk,Pipe,Percent,Del,Ctl,InvalidUtf8,Dot".
 */
static const struct {
	const char *name, *raw;
} from_rclone[] = {
	{ "a b", "a b" },
	{ "#h", "#h" },
	{ "a&b", "a&b" },
	{ "a+b", "a+b" },
	{ "a;b", "a;b" },
	{ "a\\b", "a\\b" },
	{ ".hidden", ".hidden" },
	{ "dot.", "dot." },
	{ "...", "..." },
	{ "日本😀", "日本😀" },
	{ "\uff5e", "\uff5e" },
	{ "\u2424", "\u2424" },
	{ "\ufffd", "\ufffd" },
	{ "what?", "what？" },
	{ "a:b", "a：b" },
	{ "a*b", "a＊b" },
	{ "a|b", "a｜b" },
	{ "\"q\"", "＂q＂" },
	{ "<tag>", "＜tag＞" },
	{ "%", "％" },
	{ "100%25", "100％25" },
	{ "\x01\x1f\x7f", "␁␟␡" },
	{ "a\nb", "a␊b" },
	{ "：＊", "‛：‛＊" },
	{ "％", "‛％" },
	{ "␁␟␡", "‛␁‛␟‛␡" },
	{ "\xff", "‛FF" },
	{ "a\x80"
	  "b",
	  "a‛80b" },
	{ "\xc3", "‛C3" },
	{ "\xc0\xaf", "‛C0‛AF" },
	{ "\xed\xa0\x80", "‛ED‛A0‛80" },
	{ "／", "／" },
	{ "．", "．" },
	{ "．．", "．．" },
	{ "␀", "␀" },
};

static const char *encoded(struct buf *b, const char *name)
{
	buf_reset(b);
	jotta_encode(b, name);
	return b->data;
}

static const char *decoded(struct buf *b, const char *raw)
{
	buf_reset(b);
	jotta_decode(b, raw);
	return b->data;
}

static void names_are_those_that_rclone_writes(void)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(from_rclone); i++) {
		CHECK_STR(encoded(&b, from_rclone[i].name), from_rclone[i].raw);
		CHECK_STR(decoded(&b, from_rclone[i].raw), from_rclone[i].name);
	}
	buf_free(&b);
}

static void blanks_at_the_ends_are_pictures(void)
{
	struct buf b = BUF_INIT;

	CHECK_STR(encoded(&b, " a b "), "␠a b␠");
	CHECK_STR(encoded(&b, " "), "␠");
	CHECK_STR(encoded(&b, "   "), "␠ ␠");
	CHECK_STR(encoded(&b, "␠a␠b␠"), "‛␠a␠b‛␠");
	CHECK_STR(decoded(&b, "␠a b␠"), " a b ");
	CHECK_STR(decoded(&b, "‛␠a␠b‛␠"), "␠a␠b␠");
	CHECK_STR(decoded(&b, " a "), " a "); /* as rclone writes them */
	buf_free(&b);
}

static void what_no_name_can_hold_is_never_shown(void)
{
	struct buf b = BUF_INIT;

	CHECK_STR(decoded(&b, "‛2F"), "‛2F");
	CHECK_STR(decoded(&b, "‛2f‛00"), "‛2f‛00");
	CHECK_STR(decoded(&b, "‛／"), "‛／");
	buf_free(&b);
}

static void a_quote_that_quotes_nothing_stays(void)
{
	struct buf b = BUF_INIT;

	CHECK_STR(decoded(&b, "a‛"), "a‛");
	CHECK_STR(decoded(&b, "‛x"), "‛x");
	CHECK_STR(decoded(&b, "‛F"), "‛F");
	CHECK_STR(decoded(&b, "‛‛"), "‛");
	CHECK_STR(decoded(&b, "‛‛‛："), "‛：");
	CHECK_STR(decoded(&b, "‛e9"), "\xe9");
	CHECK_STR(encoded(&b, "‛"), "‛‛");
	CHECK_STR(encoded(&b, "‛41"), "‛‛41");
	buf_free(&b);
}

static void every_name_of_three_bytes_comes_back(void)
{
	static const unsigned char bytes[] = {
		' ',  '%',  '.',  '4',  'F',  0x01,
		0x7f, 0x80, 0x9b, 0xa0, 0xe2, 0xff,
	};
	struct buf raw = BUF_INIT, name = BUF_INIT;

	for (size_t i = 0;
	     i < ARRAY_LEN(bytes) * ARRAY_LEN(bytes) * ARRAY_LEN(bytes); i++) {
		const char text[] = {
			(char)bytes[i % ARRAY_LEN(bytes)],
			(char)bytes[i / ARRAY_LEN(bytes) % ARRAY_LEN(bytes)],
			(char)bytes[i / ARRAY_LEN(bytes) / ARRAY_LEN(bytes)],
			'\0',
		};

		CHECK_STR(decoded(&name, encoded(&raw, text)), text);
	}
	buf_free(&raw);
	buf_free(&name);
}

static void an_alias_is_found_until_too_many_are_newer(void)
{
	struct jotta_alias *a = jotta_alias_new();
	char name[32];

	jotta_alias_put(a, "x", "one");
	jotta_alias_put(a, "x", "two");
	CHECK(jotta_alias_count(a) == 1);
	CHECK_STR(jotta_alias_get(a, "x"), "two");
	CHECK(!jotta_alias_get(a, "y"));
	for (unsigned i = 0; i < JOTTA_ALIASES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		jotta_alias_put(a, name, name);
	}
	CHECK(jotta_alias_count(a) == JOTTA_ALIASES_MAX);
	CHECK(!jotta_alias_get(a, "x"));
	CHECK_STR(jotta_alias_get(a, "n0"), "n0");
	CHECK_STR(jotta_alias_get(a, name), name);
	jotta_alias_free(a);
}

int main(void)
{
	RUN(names_are_those_that_rclone_writes);
	RUN(blanks_at_the_ends_are_pictures);
	RUN(what_no_name_can_hold_is_never_shown);
	RUN(a_quote_that_quotes_nothing_stays);
	RUN(every_name_of_three_bytes_comes_back);
	RUN(an_alias_is_found_until_too_many_are_newer);
	return 0;
}
