#include "tests/suite/suite.h"

#include <stdio.h>

static void an_empty_directory_lists_nothing(struct suite *s)
{
	struct entry *at;
	size_t n;

	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == 0);
}

static void a_listing_is_sorted_and_has_each_once(struct suite *s)
{
	static const char *const names[] = {
		"Z", "a",  "a!", "a.b", "a0", "a b", "aa", "b",
		"_", "10", "2",  "~",   "+",  "a-b", "ab", "\xc3\xa9",
	};
	struct entry *at;
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		WANT_FOR(names[i], put(s, names[i], i, (int64_t)i) == 0);
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == ARRAY_LEN(names));
	for (size_t i = 1; i < n; i++)
		WANT_FOR(at[i].name, strcmp(at[i - 1].name, at[i].name) < 0);
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < n && strcmp(names[k], at[i].name) != 0)
			k++;
		WANT_FOR(at[i].name, k < n);
		WANT_FOR(at[i].name, at[i].size == (int64_t)k ||
					     at[i].size == SIZE_UNKNOWN);
	}
}

static void a_directory_of_many_is_complete(struct suite *s)
{
	enum { MANY = 120 };
	struct entry *at;
	char name[16];
	size_t n;

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file %03u", i);
		WANT_FOR(name, put(s, name, i, 1) == 0);
	}
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == MANY);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "file %03u", i);
		WANT_FOR(name, strcmp(at[i].name, name) == 0);
	}
}

static void a_listing_shows_only_one_level(struct suite *s)
{
	struct entry *at;
	size_t n;

	WANT(put(s, "d/x", 1, 1) == 0);
	WANT(put(s, "d/sub/y", 2, 2) == 0);
	WANT(put(s, "f", 3, 3) == 0);
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == 2);
	WANT(strcmp(at[0].name, "d") == 0 && at[0].kind == ENTRY_DIR);
	WANT(strcmp(at[1].name, "f") == 0 && at[1].kind == ENTRY_FILE);
	WANT(list_all(s, "d", &at, &n) == 0);
	WANT(n == 2);
	WANT(strcmp(at[0].name, "sub") == 0 && at[0].kind == ENTRY_DIR);
	WANT(strcmp(at[1].name, "x") == 0 && at[1].kind == ENTRY_FILE);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void list_and_stat_agree(struct suite *s)
{
	const struct digests want = digests_for(7, 5000, s->be->hashes);
	struct entry *at, e;
	size_t n;

	WANT(put(s, "f", 7, 5000) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == 1);
	WANT(strcmp(e.name, "f") == 0 && strcmp(at[0].name, "f") == 0);
	WANT(e.kind == ENTRY_FILE && at[0].kind == ENTRY_FILE);
	WANT(e.size == 5000 && at[0].size == 5000);
	WANT(e.mtime == at[0].mtime);
	WANT(same_text(e.tag, at[0].tag));
	WANT(same_text(e.id, at[0].id));
	WANT((e.hash.have & s->be->listed) == s->be->listed);
	WANT((at[0].hash.have & s->be->listed) == s->be->listed);
	WANT(!e.hash.have || digests_compare(&e.hash, &want) == 1);
	WANT(!at[0].hash.have || digests_compare(&at[0].hash, &want) == 1);
	WANT(!!e.posix == be_can(s->be, BE_POSIX));
	WANT(!!at[0].posix == be_can(s->be, BE_POSIX));
}

static void the_root_is_a_directory(struct suite *s)
{
	struct entry e;

	WANT(put(s, "f", 1, 1) == 0); /* below the root: now there is one */
	WANT(be_stat(s->be, &s->op, "", &e) == 0);
	WANT(e.kind == ENTRY_DIR);
	WANT(strcmp(e.name, "") == 0);
}

static void what_is_missing_has_the_right_kind(struct suite *s)
{
	struct bytes_sink dst = bytes_sink(0, 0);
	const struct get_opt all = { .len = -1 };
	struct backend *be = s->be;
	struct op *op = &s->op;
	struct entry *at;
	size_t n;

	WANT_ERR(be_stat(be, op, in(s, "no"), NULL), ERR_NOT_FOUND);
	WANT_ERR(be_stat(be, op, in(s, "no/no"), NULL), ERR_NOT_FOUND);
	WANT_ERR(be_get(be, op, in(s, "no"), &all, &dst.base), ERR_NOT_FOUND);
	WANT(dst.n == 0);
	WANT_ERR(be_unlink(be, op, in(s, "no")), ERR_NOT_FOUND);
	if (!be_can(be, BE_EMPTY_DIR))
		SKIP("the rest is for backends with BE_EMPTY_DIR");
	WANT_ERR(list_all(s, "no", &at, &n), ERR_NO_DIR);
	WANT_ERR(list_all(s, "no/no", &at, &n), ERR_NO_DIR);
	WANT_ERR(be_rmdir(be, op, in(s, "no")), ERR_NO_DIR);
}

static void files_and_directories_are_told_apart(struct suite *s)
{
	struct bytes_sink dst = bytes_sink(0, 0);
	const struct get_opt all = { .len = -1 };
	struct backend *be = s->be;
	struct op *op = &s->op;
	struct entry *at;
	size_t n;

	WANT(put(s, "d/f", 1, 10) == 0);
	WANT(is_dir(s, "d"));
	WANT_ERR(be_get(be, op, in(s, "d"), &all, &dst.base), ERR_IS_DIR);
	WANT(dst.n == 0);
	WANT_ERR(be_unlink(be, op, in(s, "d")), ERR_IS_DIR);
	WANT_ERR(list_all(s, "d/f", &at, &n), ERR_NOT_DIR);
	WANT_ERR(be_rmdir(be, op, in(s, "d/f")), ERR_NOT_DIR);
	WANT(holds(s, "d/f", 1, 10));
}

const struct suite_test list_tests[] = {
	TEST(an_empty_directory_lists_nothing, BE_EMPTY_DIR),
	TEST(a_listing_is_sorted_and_has_each_once, 0),
	TEST(a_directory_of_many_is_complete, 0),
	TEST(a_listing_shows_only_one_level, 0),
	TEST(list_and_stat_agree, 0),
	TEST(the_root_is_a_directory, 0),
	TEST(what_is_missing_has_the_right_kind, 0),
	TEST(files_and_directories_are_told_apart, 0),
	{ NULL, NULL, 0 },
};
