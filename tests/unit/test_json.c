#include "tests/harness.h"

#include "lib/clock.h"
#include "lib/json.h"

static const struct json_node *parse(struct arena *a, const char *text)
{
	const struct json_node *root = NULL;
	struct err e;

	if (json_parse(a, text, strlen(text), &root, &e) < 0)
		check_str(__FILE__, __LINE__, e.msg, "");
	return root;
}

static void values_are_found_by_their_key(void)
{
	struct arena a = { 0 };
	const struct json_node *root, *list;

	root = parse(&a, " { \"s\" : \"text\" , \"n\":-12,\"t\":true,"
			 "\"f\":false,\"z\":null,\"a\":[1,[],{}],\"\":7}\n");
	CHECK(root->type == JSON_OBJECT && !root->key);
	CHECK_STR(json_text(json_get(root, "s"), "?"), "text");
	CHECK(json_number(json_get(root, "n"), 0) == -12);
	CHECK(json_truth(json_get(root, "t"), false));
	CHECK(!json_truth(json_get(root, "f"), true));
	CHECK(json_get(root, "z")->type == JSON_NULL);
	CHECK(json_number(json_get(root, ""), 0) == 7);
	list = json_get(root, "a");
	CHECK(list->type == JSON_ARRAY);
	CHECK(list->child->type == JSON_NUMBER && !list->child->key);
	CHECK(list->child->next->type == JSON_ARRAY);
	CHECK(!list->child->next->child);
	CHECK(list->child->next->next->type == JSON_OBJECT);
	CHECK(!list->child->next->next->next);
	arena_free(&a);
}

static void what_is_missing_or_of_another_type_is_the_fallback(void)
{
	struct arena a = { 0 };
	const struct json_node *root = parse(
		&a, "{\"s\":\"1\",\"n\":1.5,\"big\":9223372036854775808}");

	CHECK(!json_get(root, "x") && !json_get(NULL, "x"));
	CHECK(!json_get(json_get(root, "s"), "x"));
	CHECK(json_number(json_get(root, "s"), 5) == 5);
	CHECK(json_number(json_get(root, "n"), 5) == 5);
	CHECK(json_number(json_get(root, "big"), 5) == 5);
	CHECK_STR(json_get(root, "big")->text, "9223372036854775808");
	CHECK(json_number(NULL, 5) == 5 && json_truth(NULL, true));
	CHECK(json_truth(json_get(root, "n"), true));
	CHECK(!json_text(json_get(root, "n"), NULL));
	arena_free(&a);
}

static void any_value_may_stand_alone(void)
{
	struct arena a = { 0 };

	CHECK(json_number(parse(&a, "42"), 0) == 42);
	CHECK(json_number(parse(&a, "-9223372036854775808 "), 0) == INT64_MIN);
	CHECK_STR(json_text(parse(&a, "\"x\""), ""), "x");
	CHECK(parse(&a, "null")->type == JSON_NULL);
	CHECK(json_truth(parse(&a, "\ttrue\r\n"), false));
	arena_free(&a);
}

static void escapes_are_decoded(void)
{
	struct arena a = { 0 };
	const struct json_node *n;

	n = parse(&a, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"");
	CHECK_STR(n->text, "\"\\/\b\f\n\r\t");
	n = parse(&a, "\"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00\"");
	CHECK_STR(n->text, "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	n = parse(&a, "\"a\\u0000b\"");
	CHECK(n->len == 3 && memcmp(n->text, "a\0b", 4) == 0);
	n = parse(&a, "\"\\uffff\\ud7ff\\ue000\\udbff\\udfff\"");
	CHECK_STR(n->text, "\xef\xbf\xbf\xed\x9f\xbf\xee\x80\x80"
			   "\xf4\x8f\xbf\xbf");
	CHECK_STR(parse(&a, "\"\xc3\xa9\x7f\"")->text, "\xc3\xa9\x7f");
	CHECK(json_get(parse(&a, "{\"\\u0061\":1}"), "a"));
	arena_free(&a);
}

static void of_a_key_twice_the_last_counts(void)
{
	struct arena a = { 0 };

	CHECK(json_number(json_get(parse(&a, "{\"a\":1,\"a\":2}"), "a"), 0) ==
	      2);
	arena_free(&a);
}

static void check_refused(const char *text, size_t n)
{
	struct arena a = { 0 };
	const struct json_node *root;
	struct err e;

	if (json_parse(&a, text, n, &root, &e) == 0)
		check_str(__FILE__, __LINE__, text, "refused");
	CHECK(!root && e.kind == ERR_CORRUPT && strstr(e.msg, "JSON"));
	arena_free(&a);
}

static const char *const no_json[] = {
	"",
	" ",
	"{",
	"}",
	"[",
	"]",
	"[}",
	"{]",
	"[1,]",
	"[,1]",
	"[1 2]",
	"[1,,2]",
	"{\"a\"}",
	"{\"a\":}",
	"{\"a\":1,}",
	"{\"a\" 1}",
	"{\"a\":1 \"b\":2}",
	"{a:1}",
	"{1:2}",
	"{[]:1}",
	"{\"a\":1:2}",
	"[1:2]",
	"1 2",
	"{} {}",
	"[]x",
	"[]]",
	"tru",
	"True",
	"nul",
	"nulll",
	"NaN",
	"Infinity",
	"'a'",
	"01",
	"-",
	"+1",
	"1.",
	".5",
	"1e",
	"1e+",
	"0x1",
	"--1",
	"1.e1",
	"\"",
	"\"a",
	"\"\\",
	"\"\\\"",
	"\"\\x\"",
	"\"\\u12\"",
	"\"\\u123g\"",
	"\"\\ud800\"",
	"\"\\udc00\"",
	"\"\\ud800\\u0041\"",
	"\"\\ud800x\"",
	"\"\\ud800\\ud800\"",
	"\"\n\"",
	"\"\t\"",
	"\"\x01\"",
	"\"\xff\"",
	"\"\xc3\"",
	"\"\xed\xa0\x80\"",
	"\xef\xbb\xbf{}",
	"{\"a\\u0000b\":1}",
	"// c\n1",
	"[1]//",
	"1\"[\"",
	"[1\"a\"]",
	"\"a\"\"b\"",
};

static void what_is_no_json_is_refused(void)
{
	for (size_t i = 0; i < ARRAY_LEN(no_json); i++)
		check_refused(no_json[i], strlen(no_json[i]));
	check_refused("[1]\0", 4);
	check_refused("\"a\0b\"", 5);
	check_refused("[1,\0]", 5);
}

static void the_text_need_not_end_in_a_nul(void)
{
	static const char text[] = "[\"ab\",12]";

	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		char *exact = malloc(n ? n : 1);

		CHECK(exact);
		memcpy(exact, text, n);
		check_refused(exact, n);
		free(exact);
	}
}

static void an_error_says_where(void)
{
	struct arena a = { 0 };
	const struct json_node *root;
	struct err e;

	CHECK(json_parse(&a, "[1, 2 3]", 8, &root, &e) == -1);
	CHECK_STR(e.msg, "JSON, byte 6: ',' or the end is missing");
	arena_free(&a);
}

static void depth_is_limited_and_costs_no_square(void)
{
	static const char *const units[] = { "[", "{\"a\":", "1:", "[]," };
	struct arena a = { 0 };
	char text[2 * JSON_DEPTH_MAX + 4];
	int64_t start = clock_mono();

	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	text[2 * JSON_DEPTH_MAX] = '\0';
	CHECK(parse(&a, text)->type == JSON_ARRAY);
	arena_free(&a);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	check_refused(text, 2 * JSON_DEPTH_MAX + 2);
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		size_t n = strlen(units[i]), count = 300000;
		char *big = malloc(2 * n * count);

		CHECK(big);
		for (size_t k = 0; k < count; k++)
			memcpy(big + k * n, units[i], n);
		memset(big + n * count, ']', n * count);
		check_refused(big, 2 * n * count);
		free(big);
	}
	CHECK(clock_mono() - start < 60 * NS_PER_SEC);
}

static void a_wide_object_costs_no_square(void)
{
	struct arena a = { 0 };
	size_t count = 0, n = 0, cap = 300000 * 16;
	char *big = malloc(cap);
	const struct json_node *root;

	CHECK(big);
	n += (size_t)snprintf(big, cap, "{\"first\":[]");
	for (int i = 0; i < 300000; i++)
		n += (size_t)snprintf(big + n, cap - n, ",\"%d\":{}", i);
	snprintf(big + n, cap - n, "}");
	root = parse(&a, big);
	for (const struct json_node *c = root->child; c; c = c->next)
		count++;
	CHECK(count == 300001);
	arena_free(&a);
	free(big);
}

int main(void)
{
	RUN(values_are_found_by_their_key);
	RUN(what_is_missing_or_of_another_type_is_the_fallback);
	RUN(any_value_may_stand_alone);
	RUN(escapes_are_decoded);
	RUN(of_a_key_twice_the_last_counts);
	RUN(what_is_no_json_is_refused);
	RUN(the_text_need_not_end_in_a_nul);
	RUN(an_error_says_where);
	RUN(depth_is_limited_and_costs_no_square);
	RUN(a_wide_object_costs_no_square);
	return 0;
}
