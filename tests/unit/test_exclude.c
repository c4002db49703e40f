#include "repo/exclude.h"

#include <stdlib.h>

#include "lib/buf.h"
#include "tests/harness.h"

static bool one(const char *pattern, const char *path, bool ignore_case)
{
	struct patterns *p = patterns_new();
	struct err e = { 0 };
	bool matched = patterns_add(p, pattern, ignore_case, &e) == 0 &&
		       patterns_match(p, path);

	patterns_free(p);
	return matched;
}

static const struct {
	const char *pattern, *path;
	bool match;
} cases[] = {
	{ "*.c", "/home/a.c", true },
	{ "*.c", "/home/a.c/below", true },
	{ "*.c", "/home/a.cc", false },
	{ "home", "/home/x/y", true },
	{ "/home", "/home/x", true },
	{ "/home", "/x/home", false },
	{ "a/b", "/x/a/b/c", true },
	{ "a/b", "/x/a/c/b", false },
	{ "a/**/b", "/x/a/b", true },
	{ "a/**/b", "/x/a/1/2/b", true },
	{ "/a/**/b/**/c", "/a/1/b/2/3/c/d", true },
	{ "/a/**", "/a/b", true },
	{ "/a/*/c", "/a/b/c", true },
	{ "/a/*/c", "/a/b/d/c", false },
	{ "[a-c]x", "/bx", true },
	{ "[^a-c]x", "/bx", false },
	{ "[^a-c]x", "/dx", true },
	{ "[!a]", "/!", true },
	{ "?", "/\xc3\xa9", true },
	{ "??", "/\xc3\xa9", false },
	{ "\\*", "/*", true },
	{ "\\*", "/a", false },
	{ "a*b*c", "/aXbYbZc", true },
	{ "a*b*c", "/aXbYbZ", false },
	{ "*", "/anything/at/all", true },
	{ "./a", "/x/a", true },
	{ "a//b/", "/a/b", true },
	{ "a/../b", "/x/b", true },
	{ "/../a/b/../../c", "/c", true },
	{ "../b", "/x/b", false },
};

static void each_pattern_matches_what_restic_says(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK(one(cases[i].pattern, cases[i].path, false) ==
		      cases[i].match);
	}
}

static void the_last_pattern_that_matches_decides(void)
{
	static const char lines[] = "# a comment\n *.c \n\n!keep.c\n$HOMEX/z\n";
	struct patterns *p = patterns_new();
	struct err e = { 0 };

	setenv("HOMEX", "/root", 1);
	CHECK(patterns_add_lines(p, lines, sizeof(lines) - 1, false, &e) == 0);
	CHECK(patterns_match(p, "/a/x.c"));
	CHECK(!patterns_match(p, "/a/keep.c"));
	CHECK(patterns_match(p, "/root/z"));
	patterns_free(p);
}

static void case_is_ignored_where_that_is_said(void)
{
	CHECK(one("*.JPG", "/a/x.jpg", true));
	CHECK(one("*.jpg", "/a/\xc3\x89.JPG", true));
	CHECK(!one("*.JPG", "/a/x.jpg", false));
}

static void a_folder_is_left_out_only_if_nothing_below_it_can_match(void)
{
	struct patterns *p = patterns_new();
	struct err e = { 0 };

	CHECK(patterns_add(p, "/a/b*/c", false, &e) == 0);
	CHECK(patterns_may_match_below(p, "/a"));
	CHECK(patterns_may_match_below(p, "/a/bx"));
	CHECK(!patterns_may_match_below(p, "/a/x"));
	CHECK(!patterns_may_match_below(p, "/z"));
	CHECK(patterns_add(p, "x", false, &e) == 0);
	CHECK(patterns_may_match_below(p, "/z"));
	patterns_free(p);
}

/* Each "**" more used to take fifty times as long. */
static void many_double_asterisks_take_no_time(void)
{
	struct buf pattern = BUF_INIT, path = BUF_INIT;

	for (int i = 0; i < 20; i++)
		buf_adds(&pattern, "a/**/");
	buf_adds(&pattern, "b");
	for (int i = 0; i < 300; i++)
		buf_adds(&path, "/a");
	CHECK(!one(pattern.data, path.data, false));
	buf_adds(&path, "/b/c");
	CHECK(one(pattern.data, path.data, false));
	buf_free(&pattern);
	buf_free(&path);
}

static void what_is_no_pattern_is_refused(void)
{
	static const char *const bad[] = { "[a", "a\\", "[]", "[a-]", "" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct patterns *p = patterns_new();
		struct err e = { 0 };

		CHECK(patterns_add(p, bad[i], false, &e) < 0);
		CHECK(e.kind == ERR_INVALID);
		patterns_free(p);
	}
}

int main(void)
{
	RUN(each_pattern_matches_what_restic_says);
	RUN(the_last_pattern_that_matches_decides);
	RUN(case_is_ignored_where_that_is_said);
	RUN(a_folder_is_left_out_only_if_nothing_below_it_can_match);
	RUN(many_double_asterisks_take_no_time);
	RUN(what_is_no_pattern_is_refused);
	return 0;
}
