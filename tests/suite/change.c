#include "tests/suite/suite.h"

#include "lib/clock.h"

static void mkdir_makes_all_and_does_not_mind(struct suite *s)
{
	WANT(be_mkdir(s->be, &s->op, in(s, "a/b/c")) == 0);
	WANT(be_mkdir(s->be, &s->op, in(s, "a/b/c")) == 0);
	WANT(be_mkdir(s->be, &s->op, in(s, "a")) == 0);
	WANT(is_dir(s, "a") && is_dir(s, "a/b") && is_dir(s, "a/b/c"));
}

static void mkdir_spares_a_file(struct suite *s)
{
	WANT(put(s, "f", 1, 10) == 0);
	WANT_ERR(be_mkdir(s->be, &s->op, in(s, "f")), ERR_NOT_DIR);
	WANT_ERR(be_mkdir(s->be, &s->op, in(s, "f/d")), ERR_NOT_DIR);
	WANT(holds(s, "f", 1, 10));
}

static void rmdir_removes_only_what_is_empty(struct suite *s)
{
	WANT(put(s, "a/b/f", 1, 10) == 0);
	WANT_ERR(be_rmdir(s->be, &s->op, in(s, "a/b")), ERR_NOT_EMPTY);
	WANT_ERR(be_rmdir(s->be, &s->op, in(s, "a")), ERR_NOT_EMPTY);
	WANT(holds(s, "a/b/f", 1, 10));
	WANT(be_unlink(s->be, &s->op, in(s, "a/b/f")) == 0);
	WANT(be_rmdir(s->be, &s->op, in(s, "a/b")) == 0);
	WANT(is_gone(s, "a/b"));
	WANT(is_dir(s, "a"));
	WANT_ERR(be_rmdir(s->be, &s->op, in(s, "a/b")), ERR_NO_DIR);
}

static void unlink_removes_one_file(struct suite *s)
{
	WANT(put(s, "f", 1, 10) == 0);
	WANT(put(s, "g", 2, 20) == 0);
	WANT(be_unlink(s->be, &s->op, in(s, "f")) == 0);
	WANT(is_gone(s, "f"));
	WANT(holds(s, "g", 2, 20));
	WANT_ERR(be_unlink(s->be, &s->op, in(s, "f")), ERR_NOT_FOUND);
	WANT(put(s, "f", 3, 30) == 0);
	WANT(holds(s, "f", 3, 30));
}

static void purge_removes_all_below(struct suite *s)
{
	WANT(put(s, "d/a/f", 1, 10) == 0);
	WANT(put(s, "d/a/b/g", 2, 20) == 0);
	WANT(put(s, "d/h", 3, 30) == 0);
	WANT(put(s, "e/d/i", 4, 40) == 0);
	WANT(be_purge(s->be, &s->op, in(s, "d")) == 0);
	WANT(is_gone(s, "d"));
	WANT(holds(s, "e/d/i", 4, 40));
	if (!be_can(s->be, BE_EMPTY_DIR))
		SKIP("the rest is for backends with BE_EMPTY_DIR");
	WANT_ERR(be_purge(s->be, &s->op, in(s, "d")), ERR_NO_DIR);
	WANT(be_mkdir(s->be, &s->op, in(s, "d")) == 0);
	WANT(be_purge(s->be, &s->op, in(s, "d")) == 0);
	WANT(is_gone(s, "d"));
}

static void touch_sets_the_time_only(struct suite *s)
{
	const int64_t when = INT64_C(1234567890) * NS_PER_SEC + 987654321;
	const int64_t before = INT64_C(-100000) * NS_PER_SEC;
	struct entry e;

	WANT(put(s, "f", 1, 1000) == 0);
	if (be_touch(s->be, &s->op, in(s, "f"), when) < 0) {
		WANT(s->op.err.kind == ERR_UNSUPPORTED);
		SKIP("this server takes a time only with the file");
	}
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	WANT(same_time(s, e.mtime, when));
	WANT(be_touch(s->be, &s->op, in(s, "f"), before) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	WANT(same_time(s, e.mtime, before));
	WANT(holds(s, "f", 1, 1000));
	WANT_ERR(be_touch(s->be, &s->op, in(s, "no"), when), ERR_NOT_FOUND);
	WANT(is_gone(s, "no"));
}

static void hashes_are_those_of_the_bytes(struct suite *s)
{
	static const int64_t sizes[] = { 0, 1, 70000 };
	unsigned all = s->be->hashes;
	struct digests got;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		const struct digests want = digests_for(i, sizes[i], all);

		WANT(put(s, "f", i, sizes[i]) == 0);
		got = (struct digests){ 0 };
		WANT(be_hash(s->be, &s->op, in(s, "f"), all, &got) == 0);
		WANT(got.have == all);
		for (unsigned t = 0; t < HASH_TYPES; t++)
			if (all & 1u << t)
				WANT_FOR(hash_name((enum hash_type)t),
					 memcmp(digest_in(&got,
							  (enum hash_type)t),
						digest_in(&want,
							  (enum hash_type)t),
						hash_len((enum hash_type)t)) ==
						 0);
	}
	WANT_ERR(be_hash(s->be, &s->op, in(s, "no"), all, &got), ERR_NOT_FOUND);
}

static void the_quota_makes_sense(struct suite *s)
{
	struct quota q = { -2, -2, -2, -2, -2 };

	WANT(be_quota(s->be, &s->op, &q) == 0);
	WANT(q.total >= -1 && q.used >= -1 && q.free >= -1 && q.trashed >= -1);
	WANT(q.total < 0 || q.used < 0 || q.free < 0 || q.free <= q.total);
}

static void flush_succeeds(struct suite *s)
{
	WANT(put(s, "f", 1, 1000) == 0);
	WANT(be_flush(s->be, &s->op) == 0);
	WANT(holds(s, "f", 1, 1000));
}

static void tidying_spares_the_files(struct suite *s)
{
	struct entry *at;
	unsigned removed = 0;
	size_t n;

	WANT(put(s, "f", 1, 1000) == 0);
	WANT(put(s, ".hidden~", 2, 1000) == 0);
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(be_strays(s->be, &s->op, &removed) == 0);
	WANT(removed == 0);
	WANT(holds(s, "f", 1, 1000) && holds(s, ".hidden~", 2, 1000));
}

const struct suite_test change_tests[] = {
	TEST(mkdir_makes_all_and_does_not_mind, BE_EMPTY_DIR),
	TEST(mkdir_spares_a_file, BE_EMPTY_DIR),
	TEST(rmdir_removes_only_what_is_empty, BE_EMPTY_DIR),
	TEST(unlink_removes_one_file, 0),
	TEST(purge_removes_all_below, 0),
	TEST(touch_sets_the_time_only, BE_TOUCH),
	TEST(hashes_are_those_of_the_bytes, BE_HASH),
	TEST(the_quota_makes_sense, BE_QUOTA),
	TEST(flush_succeeds, BE_FLUSH),
	TEST(tidying_spares_the_files, BE_STRAYS),
	{ NULL, NULL, 0 },
};
