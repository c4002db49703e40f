#include "tests/harness.h"

#include "lib/ini.h"

static const char text[] = "# top\n"
			   "[first]\n"
			   "type = webdav\n"
			   "url=https://host:1/a=b\n"
			   "\n"
			   "; about the second\n"
			   "[two words]\n"
			   "  key :  value  \n"
			   "empty =\n";

static struct ini *parsed(const char *s)
{
	struct ini *ini = ini_new();
	struct err e;

	if (ini_parse(ini, s, strlen(s), &e) < 0)
		check_str(__FILE__, __LINE__, e.msg, "");
	return ini;
}

static void check_written(const struct ini *ini, const char *want)
{
	struct buf b = BUF_INIT;

	ini_write(ini, &b);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

static void values_are_found_by_section_and_key(void)
{
	struct ini *ini = parsed(text);

	CHECK(ini_sections(ini) == 2);
	CHECK_STR(ini_section(ini, 0), "first");
	CHECK_STR(ini_section(ini, 1), "two words");
	CHECK(!ini_section(ini, 2));
	CHECK(ini_has(ini, "first") && !ini_has(ini, "First"));
	CHECK_STR(ini_get(ini, "first", "type"), "webdav");
	CHECK_STR(ini_get(ini, "first", "url"), "https://host:1/a=b");
	CHECK_STR(ini_get(ini, "two words", "key"), "value");
	CHECK_STR(ini_get(ini, "two words", "empty"), "");
	CHECK(!ini_get(ini, "first", "key"));
	CHECK(!ini_get(ini, "third", "type"));
	ini_free(ini);
	ini_free(NULL);
}

static void items_come_in_their_order(void)
{
	struct ini *ini = parsed("[a]\nx = 1\ny = 2\nx = 3\n[b]\nz = 4\n");
	const char *key, *value;

	CHECK(ini_item(ini, "a", 0, &key, &value));
	CHECK_STR(key, "y");
	CHECK(ini_item(ini, "a", 1, &key, &value));
	CHECK_STR(key, "x"); /* twice: the last one counts */
	CHECK_STR(value, "3");
	CHECK(!ini_item(ini, "a", 2, &key, &value));
	CHECK(!ini_item(ini, "c", 0, &key, &value));
	CHECK_STR(ini_get(ini, "a", "x"), "3");
	ini_free(ini);
}

static void what_nobody_changed_is_written_as_it_was(void)
{
	struct ini *ini = parsed(text);
	struct err e;

	check_written(ini, text);
	CHECK(ini_set(ini, "first", "type", "s3", &e) == 0);
	CHECK(ini_set(ini, "first", "new", "x", &e) == 0);
	CHECK(ini_set(ini, "two words", "key", NULL, &e) == 0);
	CHECK(ini_set(ini, "two words", "absent", NULL, &e) == 0);
	check_written(ini, "# top\n"
			   "[first]\n"
			   "type = s3\n"
			   "url=https://host:1/a=b\n"
			   "new = x\n"
			   "\n"
			   "; about the second\n"
			   "[two words]\n"
			   "empty =\n");
	ini_free(ini);
}

static void sections_come_and_go(void)
{
	struct ini *ini = parsed(text);
	struct err e;

	CHECK(ini_delete(ini, "first"));
	CHECK(!ini_delete(ini, "first"));
	CHECK(ini_set(ini, "third", "k", "v", &e) == 0);
	check_written(ini, "# top\n"
			   "; about the second\n"
			   "[two words]\n"
			   "  key :  value  \n"
			   "empty =\n"
			   "\n"
			   "[third]\n"
			   "k = v\n");
	CHECK(ini_delete(ini, "two words") && ini_delete(ini, "third"));
	CHECK(ini_sections(ini) == 0);
	ini_free(ini);
}

static void an_absent_section_is_not_made_to_take_a_key_out(void)
{
	struct ini *ini = ini_new();
	struct err e;

	CHECK(ini_set(ini, "a", "k", NULL, &e) == 0);
	CHECK(!ini_has(ini, "a"));
	check_written(ini, "");
	ini_free(ini);
}

static void any_line_of_text_is_a_value(void)
{
	static const char *const values[] = {
		"",       "x",        " x ",      "\t",
		"`",      "`x`",      "``",       "\"\"\"x\"\"\"",
		"\"x\"",  "=:[#;",    " `x` ",    "\"\"\"",
		"a\rb\r", "\xff\xfe", "`\"\"\"`", " \"\"\" ` ",
	};

	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct ini *ini = ini_new(), *again;
		struct buf b = BUF_INIT;
		struct err e;

		CHECK(ini_set(ini, "s", "k", values[i], &e) == 0);
		CHECK_STR(ini_get(ini, "s", "k"), values[i]);
		ini_write(ini, &b);
		again = parsed(b.data);
		CHECK_STR(ini_get(again, "s", "k"), values[i]);
		buf_free(&b);
		ini_free(ini);
		ini_free(again);
	}
}

static void what_the_file_could_not_hold_is_refused(void)
{
	static const char *const keys[] = { "",   " k", "k ", "a=b", "a:b",
					    "[k", "#k", ";k", "a\nb" };
	static const char *const sections[] = { "", " s", "s\t", "a\nb" };
	struct ini *ini = ini_new();
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		CHECK(ini_set(ini, "s", keys[i], "v", &e) == -1);
		CHECK(e.kind == ERR_INVALID);
	}
	for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
		CHECK(ini_set(ini, sections[i], "k", "v", &e) == -1);
		CHECK(e.kind == ERR_INVALID);
	}
	CHECK(ini_set(ini, "s", "k", "two\nsecrets", &e) == -1);
	CHECK(!strstr(e.msg, "secret"));
	check_written(ini, "");
	ini_free(ini);
}

static void a_broken_file_names_the_line_and_loads_nothing(void)
{
	static const struct {
		const char *text;
		size_t n; /* 0: strlen() */
		const char *msg;
	} bad[] = {
		{ "[a]\nk = 1", 0, "line 2: cut short, no newline" },
		{ "k = 1\n", 0, "line 1: a key before the first section" },
		{ "[a]\nk\n", 0,
		  "line 2: neither a section nor a key with a value" },
		{ "[a]\n= v\n", 0, "line 2: a value without a key" },
		{ "[a]\n\n[a\n", 0, "line 3: ']' is missing" },
		{ "[]\n", 0, "line 1: a section without a name" },
		{ "[b]\n[a]\n\n[b]\n", 0,
		  "line 4: section \"b\" a second time" },
		{ "[a]\nk = x\0y\n", 12, "line 2: a NUL byte" },
		{ "[a]\nk = `x\n", 0, "line 2: a quote is not closed" },
	};
	struct ini *ini = parsed(text);
	struct err e;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		size_t n = bad[i].n ? bad[i].n : strlen(bad[i].text);

		CHECK(ini_parse(ini, bad[i].text, n, &e) == -1);
		CHECK(e.kind == ERR_CORRUPT);
		CHECK_STR(e.msg, bad[i].msg);
		check_written(ini, text);
	}
	ini_free(ini);
}

static void files_from_windows_are_read(void)
{
	struct ini *ini = parsed("\xef\xbb\xbf[a]\r\nk = v\r\n\r\n[b]\r\n");

	CHECK_STR(ini_get(ini, "a", "k"), "v");
	CHECK(ini_delete(ini, "a"));
	check_written(ini, "[b]\r\n");
	ini_free(ini);
}

static void many_sections_take_no_square_of_time(void)
{
	struct buf b = BUF_INIT;
	struct ini *ini;

	for (int i = 0; i < 100000; i++)
		buf_addf(&b, "[%d]\n", i);
	ini = parsed(b.data);
	CHECK(ini_sections(ini) == 100000);
	ini_free(ini);
	buf_free(&b);
}

int main(void)
{
	RUN(values_are_found_by_section_and_key);
	RUN(items_come_in_their_order);
	RUN(what_nobody_changed_is_written_as_it_was);
	RUN(sections_come_and_go);
	RUN(an_absent_section_is_not_made_to_take_a_key_out);
	RUN(any_line_of_text_is_a_value);
	RUN(what_the_file_could_not_hold_is_refused);
	RUN(a_broken_file_names_the_line_and_loads_nothing);
	RUN(files_from_windows_are_read);
	RUN(many_sections_take_no_square_of_time);
	return 0;
}
