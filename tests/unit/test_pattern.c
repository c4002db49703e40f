#include "tests/harness.h"

#include <pthread.h>

#include "lib/clock.h"
#include "lib/pattern.h"

static bool fits(const char *glob, const char *path, bool ignore_case)
{
	struct err e;
	struct pattern *p = pattern_new(glob, ignore_case, &e);
	bool yes;

	if (!p)
		check_str(__FILE__, __LINE__, e.msg, "");
	yes = pattern_match(p, path, strlen(path));
	pattern_free(p);
	return yes;
}

struct example {
	const char *glob;
	const char *fits; /* separated by '|' */
	const char *no;
};

static void check_each(const char *glob, const char *list, bool want)
{
	char *copy = strdup(list), *rest = copy, *path;

	CHECK(copy);
	while ((path = strsep(&rest, "|")))
		if (fits(glob, path, false) != want) {
			fprintf(stderr, "\"%s\" on \"%s\"\n", glob, path);
			abort();
		}
	free(copy);
}

static void check_examples(const struct example *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_each(at[i].glob, at[i].fits, true);
		check_each(at[i].glob, at[i].no, false);
	}
}

static void the_examples_of_rclone_hold(void)
{
	static const struct example examples[] = {
		{ "file.jpg", "file.jpg|directory/file.jpg",
		  "afile.jpg|directory/afile.jpg|file.jpgx|fileXjpg" },
		{ "/file.jpg", "file.jpg", "afile.jpg|directory/file.jpg" },
		{ "*.jpg", "file.jpg|directory/file.jpg|.jpg",
		  "file.jpg/something" },
		{ "/*", "a", "a/b" },
		{ "dir/**", "dir/a|dir/a/b|x/dir/a", "a/xdir/b|dir" },
		{ "/dir/**", "dir/a|dir/a/b", "x/dir/a" },
		{ "**.jpg", "a.jpg|x/a.jpg", "a.jpgx" },
		{ "file.???", "file.jpg|d/file.png",
		  "file.jp|file.jpeg|file./pg" },
		{ "l?ss", "less|lass", "floss|l/ss" },
		{ "h[ae]llo", "hello|hallo", "hullo|haello" },
		{ "{one,two}_potato", "one_potato|two_potato",
		  "three_potato|_potato" },
		{ "\\*.jpg", "*.jpg", "a.jpg" },
		{ "\\\\.jpg", "\\.jpg", "a.jpg" },
		{ "\\[one\\].jpg", "[one].jpg", "o.jpg" },
		{ "{{.+\\.j(pg|peg)}}", "a.jpg|a.jpeg|x/b.jpg", "a.jpe" },
		{ "/{{[a-z]{2}}}.c", "ab.c", "abc.c|a.c" },
	};

	check_examples(examples, ARRAY_LEN(examples));
}

static void sets_hold_what_they_say(void)
{
	static const struct example examples[] = {
		{ "[!0-9]", "a|x/b", "0|x/9" },
		{ "[^0-9]", "a", "5" },
		{ "[a-]", "a|-", "b" },
		{ "[]x]", "]|x", "y" },
		{ "[\\]\\-a]", "]|-|a", "b|\\" },
		{ "[[:digit:]x]", "1|x", "y|:|d" },
		{ "[[x]", "[|x", "y" },
		{ "[.+*$]", ".|+|*|$", "a" },
		{ "{[ab],c?}", "a|b|cd", "c|ab" },
		{ "{,a}b", "b|ab", "cb" },
		{ "a,b", "a,b", "a|b" },
	};

	check_examples(examples, ARRAY_LEN(examples));
}

static void what_means_something_to_a_regex_is_itself(void)
{
	static const char special[] = ".+()|^$#&~-_=!<>:;'\"@%` \t\x01";

	for (const char *c = special; *c; c++) {
		char glob[] = { 'a', *c, 'b', '\0' };

		CHECK(fits(glob, glob, false));
		CHECK(!fits(glob, "ab", false));
		CHECK(!fits(glob, "aXb", false));
	}
}

static void a_newline_is_a_character_like_any(void)
{
	CHECK(fits("*.jpg", "a\nb.jpg", false));
	CHECK(fits("/**x", "a\n/bx", false));
	CHECK(!fits("*.jpg", "a.jpg\n", false));
	CHECK(fits("a?b", "a\nb", false));
}

static void a_character_is_one_of_utf8(void)
{
	CHECK(fits("caf?", "caf\xc3\xa9", false));
	CHECK(!fits("caf??", "caf\xc3\xa9", false));
	CHECK(fits("[\xc3\xa0-\xc3\xbf]x", "\xc3\xa9x", false));
	CHECK(!fits("[\xc3\xa0-\xc3\xbf]x", "\xc3\x80x", false));
	CHECK(fits("\xc3\x89*", "\xc3\xa9t\xc3\xa9", true));
}

static void names_that_are_not_utf8_fit_too(void)
{
	CHECK(fits("*.txt", "a\xff.txt", false));
	CHECK(fits("a?.txt", "a\xff.txt", false));
	CHECK(fits("\xc3\xa9*", "\xc3\xa9\xff", false));
	CHECK(fits("a\xff*", "a\xff.txt", false));
	CHECK(!fits("a\xff*", "a\xfe.txt", false));
	CHECK(!fits("a\xff", "ay", false));
}

static void case_counts_unless_told(void)
{
	CHECK(!fits("*.JPG", "a.jpg", false));
	CHECK(fits("*.JPG", "a.jpg", true));
	CHECK(fits("[A-C]", "b", true));
}

static void nul_bytes_are_looked_at(void)
{
	struct err e;
	struct pattern *p = pattern_new("/a", false, &e);

	CHECK(p && pattern_match(p, "a", 1) && !pattern_match(p, "a\0b", 3));
	CHECK(!pattern_match(p, "", 0));
	pattern_free(p);
}

static void what_is_no_pattern_is_refused(void)
{
	static const char *const bad[] = {
		"a***",  "[a",   "[",       "[]",    "a]",      "{a",
		"a}",    "{a{",  "{{a}",    "{{(}}", "a\\",     "{a,{b}}",
		"[z-a]", "[a\\", "{{\\Q}}", "{{[}}", "{{\\C}}",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e;
		struct pattern *p = pattern_new(bad[i], false, &e);

		if (p)
			check_str(__FILE__, __LINE__, bad[i], "refused");
		CHECK(e.kind == ERR_INVALID && strstr(e.msg, bad[i]));
	}
}

static void a_pattern_of_any_length_ends_well(void)
{
	size_t n = 1024 * 1024;
	char *big = malloc(n + 1);
	struct err e;

	CHECK(big);
	memset(big, 'a', n);
	big[n] = '\0';
	CHECK(!pattern_new(big, false, &e) && e.kind == ERR_INVALID);
	free(big);
}

static void a_hostile_pattern_gives_up(void)
{
	static const char *const globs[] = {
		"{{(a+)+}}b",           "{{(a|aa)+}}b",
		"{{(a*)*}}b",           "*a*a*a*a*a*a*a*a*a*a*b",
		"{{(?:(?=(a+))a*)*}}b", "{{(a?){1000}}}{{a{1000}}}",
	};
	char path[4000];
	int64_t start = clock_mono();

	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(globs); i++)
		CHECK(!fits(globs[i], path, false) || i == 5);
	CHECK(clock_mono() - start < 60 * NS_PER_SEC);
}

static void deep_recursion_does_not_overflow(void)
{
	struct err e;
	struct pattern *p = pattern_new("{{(a(?1)?b)}}", false, &e);
	size_t n = 1024 * 1024;
	char *path = malloc(n);

	CHECK(p && path);
	CHECK(pattern_match(p, "aabb", 4));
	memset(path, 'a', n);
	CHECK(!pattern_match(p, path, n));
	free(path);
	pattern_free(p);
}

static void *match_many(void *arg)
{
	const struct pattern *p = arg;

	for (int i = 0; i < 20000; i++) {
		CHECK(pattern_match(p, "x/abc.jpg", 9));
		CHECK(!pattern_match(p, "x/abc.gif", 9));
	}
	return NULL;
}

static void threads_may_share_a_pattern(void)
{
	struct err e;
	struct pattern *p = pattern_new("{a,b}*.{jpg,png}", false, &e);
	pthread_t threads[4];

	CHECK(p);
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, match_many, p));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	pattern_free(p);
}

int main(void)
{
	RUN(the_examples_of_rclone_hold);
	RUN(sets_hold_what_they_say);
	RUN(what_means_something_to_a_regex_is_itself);
	RUN(a_newline_is_a_character_like_any);
	RUN(a_character_is_one_of_utf8);
	RUN(names_that_are_not_utf8_fit_too);
	RUN(case_counts_unless_told);
	RUN(nul_bytes_are_looked_at);
	RUN(what_is_no_pattern_is_refused);
	RUN(a_pattern_of_any_length_ends_well);
	RUN(a_hostile_pattern_gives_up);
	RUN(deep_recursion_does_not_overflow);
	RUN(threads_may_share_a_pattern);
	return 0;
}
