#include <fnmatch.h>
#include <stdlib.h>

#include "tests/suite/suite.h"

#define TEN     "0123456789"
#define FIFTY   TEN TEN TEN TEN TEN
#define EACUTE  "\xc3\xa9"  /* one character */
#define E_ACUTE "e\xcc\x81" /* the same, as two */

static const char *const names[] = {
	"a b",
	" first",
	"last ",
	"  ",
	"%",
	"%41",
	"%2F",
	"100%25",
	"#hash",
	"a#b",
	"what?",
	"a&b=c",
	"&amp;",
	"<tag>",
	"\"quoted\"",
	"it's",
	"a+b",
	"a;b",
	"a,b",
	"a:b",
	"a*b",
	"a|b",
	"a\\b",
	"\\",
	"$HOME",
	"`id`",
	"[a]{b}",
	"a@b",
	"-rf",
	"--",
	".hidden",
	"...",
	".a.",
	"dot.",
	"~",
	"a~1",
	"CON",
	"nul.txt",
	EACUTE,
	E_ACUTE,
	"\xe6\x97\xa5\xe6\x9c\xac", /* two ideographs */
	"\xf0\x9f\x98\x80",         /* beyond the first plane */
	"\xef\xbc\x8f\xef\xbc\x9a", /* full-width '/' and ':' */
	"\xe2\x80\xae"
	"reversed", /* right to left */
	"\xc2\xa0", /* a space that does not break */
	"a\nb",
	"a\tb",
	"a\rb",
	"\x01\x1f\x7f",
	FIFTY FIFTY FIFTY FIFTY FIFTY "12345", /* 255 bytes */
};

/*
 * SUITE_REFUSED is a pattern of names that the service itself refuses or hides
 * (as its documentation says, or as other clients find, too).
 */
static bool is_refused(const char *name)
{
	const char *pattern = getenv("SUITE_REFUSED");

	return pattern && fnmatch(pattern, name, FNM_EXTMATCH) == 0;
}

static void files_may_have_any_name(struct suite *s)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct entry *at, e;
		size_t n;

		if (is_refused(names[i]))
			continue;
		WANT_FOR(names[i], put(s, names[i], i, 10) == 0);
		WANT_FOR(names[i], holds(s, names[i], i, 10));
		WANT_FOR(names[i],
			 be_stat(s->be, &s->op, in(s, names[i]), &e) == 0);
		WANT_FOR(names[i], strcmp(e.name, names[i]) == 0);
		WANT_FOR(names[i], list_all(s, "", &at, &n) == 0);
		WANT_FOR(names[i], n == 1);
		WANT_FOR(names[i], strcmp(at[0].name, names[i]) == 0);
		WANT_FOR(names[i],
			 be_unlink(s->be, &s->op, in(s, names[i])) == 0);
		WANT_FOR(names[i], is_gone(s, names[i]));
	}
}

static void directories_may_have_any_name(struct suite *s)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *file =
			arena_printf(&s->op.arena, "%s/%s", names[i], names[i]);

		if (is_refused(names[i]))
			continue;
		WANT_FOR(names[i], put(s, file, i, 10) == 0);
		WANT_FOR(names[i], is_dir(s, names[i]));
		WANT_FOR(names[i], holds(s, file, i, 10));
		WANT_FOR(names[i],
			 be_purge(s->be, &s->op, in(s, names[i])) == 0);
		WANT_FOR(names[i], is_gone(s, names[i]));
	}
}

static void all_names_are_different_files(struct suite *s)
{
	size_t n, want = 0;
	struct entry *at;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (is_refused(names[i]))
			continue;
		WANT_FOR(names[i], put(s, names[i], i, 10) == 0);
		want++;
	}
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == want && want > ARRAY_LEN(names) / 2);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!is_refused(names[i]))
			WANT_FOR(names[i], holds(s, names[i], i, 10));
}

static void names_need_not_be_utf8(struct suite *s)
{
	static const char *const bytes[] = {
		"\xff", "a\x80", "\xc3", "\xed\xa0\x80", "\xc0\xaf",
	};

	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		struct entry *at;
		size_t n;

		WANT(put(s, bytes[i], i, 10) == 0);
		WANT(holds(s, bytes[i], i, 10));
		WANT(list_all(s, "", &at, &n) == 0);
		WANT(n == 1 && strcmp(at[0].name, bytes[i]) == 0);
		WANT(be_unlink(s->be, &s->op, in(s, bytes[i])) == 0);
	}
}

static void case_is_as_claimed(struct suite *s)
{
	struct entry *at;
	size_t n;

	WANT(put(s, "Name", 1, 10) == 0);
	WANT(put(s, "name", 2, 20) == 0);
	WANT(list_all(s, "", &at, &n) == 0);
	if (be_can(s->be, BE_NO_CASE)) {
		WANT(n == 1);
		WANT(holds(s, "Name", 2, 20) && holds(s, "name", 2, 20));
	} else {
		WANT(n == 2);
		WANT(holds(s, "Name", 1, 10) && holds(s, "name", 2, 20));
	}
}

static void paths_may_be_deep(struct suite *s)
{
	const char *path = "d";

	for (unsigned i = 0; i < 30; i++)
		path = arena_printf(&s->op.arena, "%s/level %u", path, i);
	WANT(put(s, path, 1, 10) == 0);
	WANT(holds(s, path, 1, 10));
	WANT(be_purge(s->be, &s->op, in(s, "d")) == 0);
	WANT(is_gone(s, "d"));
}

const struct suite_test name_tests[] = {
	TEST(files_may_have_any_name, 0),
	TEST(directories_may_have_any_name, 0),
	TEST(all_names_are_different_files, 0),
	TEST(names_need_not_be_utf8, BE_POSIX),
	TEST(case_is_as_claimed, 0),
	TEST(paths_may_be_deep, 0),
	{ NULL, NULL, 0 },
};
