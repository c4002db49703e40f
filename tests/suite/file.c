#include "tests/suite/suite.h"

#include <stdio.h>

#include "lib/clock.h"

static void files_of_all_sizes_come_back(struct suite *s)
{
	static const int64_t sizes[] = {
		0,     1,     4095,  4096,    4097,
		65535, 65536, 65537, 1 << 20, (1 << 20) + 1,
	};
	char name[32];

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		snprintf(name, sizeof(name), "%lld", (long long)sizes[i]);
		WANT_FOR(name, put(s, name, i, sizes[i]) == 0);
		WANT_FOR(name, holds(s, name, i, sizes[i]));
	}
}

static void a_large_file_comes_back(struct suite *s)
{
	WANT(put(s, "large", 9, 9 << 20) == 0);
	WANT(holds(s, "large", 9, 9 << 20));
}

static void a_source_may_not_know_its_size(struct suite *s)
{
	struct bytes_source src = bytes_source(3, 100000);

	src.base.size = -1;
	src.base.seek = NULL;
	WANT(be_put(s->be, &s->op, in(s, "f"), &src.base, &put_plainly, NULL) ==
	     0);
	WANT(holds(s, "f", 3, 100000));
}

static void put_tells_what_it_made(struct suite *s)
{
	struct bytes_source src = bytes_source(3, 100);
	struct entry out, e;

	WANT(be_put(s->be, &s->op, in(s, "f"), &src.base, &put_plainly, &out) ==
	     0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	WANT(strcmp(out.name, "f") == 0);
	WANT(out.kind == ENTRY_FILE && out.size == 100);
	WANT(out.mtime == e.mtime || out.mtime == MTIME_UNKNOWN);
	WANT(!out.tag || (e.tag && strcmp(out.tag, e.tag) == 0));
}

static void put_replaces_and_makes_parents(struct suite *s)
{
	WANT(put(s, "a/b/c/f", 1, 70000) == 0);
	WANT(is_dir(s, "a/b/c"));
	WANT(put(s, "a/b/c/f", 2, 10) == 0);
	WANT(holds(s, "a/b/c/f", 2, 10));
	WANT(put(s, "a/b/c/f", 3, 90000) == 0);
	WANT(holds(s, "a/b/c/f", 3, 90000));
	WANT(put(s, "a/b/c/f", 4, 0) == 0);
	WANT(holds(s, "a/b/c/f", 4, 0));
}

static void put_spares_what_is_no_file(struct suite *s)
{
	WANT(put(s, "d/f", 1, 10) == 0);
	WANT_ERR(put(s, "d", 2, 20), ERR_IS_DIR);
	WANT(holds(s, "d/f", 1, 10));
	WANT_ERR(put(s, "d/f/g", 2, 20), ERR_NOT_DIR);
	WANT(holds(s, "d/f", 1, 10));
}

static bool range_is(struct suite *s, int64_t off, int64_t len, int64_t want)
{
	struct bytes_sink dst = bytes_sink(5, off);
	const struct get_opt opt = { .off = off, .len = len };

	return be_get(s->be, &s->op, in(s, "f"), &opt, &dst.base) == 0 &&
	       dst.n == want && dst.wrong == 0;
}

static void ranges_are_exact(struct suite *s)
{
	const int64_t size = 200000;

	WANT(put(s, "f", 5, size) == 0);
	WANT(range_is(s, 0, 1, 1));
	WANT(range_is(s, 0, size, size));
	WANT(range_is(s, 1, -1, size - 1));
	WANT(range_is(s, 4095, 2, 2));
	WANT(range_is(s, 65536, 65536, 65536));
	WANT(range_is(s, 100000, -1, size - 100000));
	WANT(range_is(s, size - 1, -1, 1));
	WANT(range_is(s, size - 1, 1, 1));
	WANT(range_is(s, size - 10, 100, 10));
	WANT(range_is(s, 17, 0, 0));
}

static void a_tag_belongs_to_one_content(struct suite *s)
{
	struct get_opt opt = { .len = -1 };
	struct bytes_sink dst = bytes_sink(1, 0), late = bytes_sink(2, 0);
	struct entry e, other;

	WANT(put(s, "f", 1, 1000) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	if (!e.tag)
		SKIP("files have no tags");
	opt.tag = e.tag;
	WANT(be_get(s->be, &s->op, in(s, "f"), &opt, &dst.base) == 0);
	WANT(dst.n == 1000 && dst.wrong == 0);
	WANT(op_sleep(&s->op, 30) == 0); /* a file system's clock may tick so */
	WANT(put(s, "f", 2, 1000) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &other) == 0);
	for (unsigned i = 0; i < 50 && !other.tag; i++) {
		WANT(op_sleep(&s->op, 100) == 0); /* it is too new for one */
		WANT(be_stat(s->be, &s->op, in(s, "f"), &other) == 0);
	}
	WANT(other.tag && strcmp(e.tag, other.tag) != 0);
	WANT_ERR(be_get(s->be, &s->op, in(s, "f"), &opt, &late.base),
		 ERR_CONFLICT);
	WANT(late.n == 0);
}

static void create_never_replaces(struct suite *s)
{
	const struct put_opt create = { .mtime = MTIME_UNKNOWN,
					.mode = PUT_CREATE };

	WANT(put_with(s, "f", 1, 100, &create) == 0);
	WANT(holds(s, "f", 1, 100));
	WANT_ERR(put_with(s, "f", 2, 200, &create), ERR_EXISTS);
	WANT(holds(s, "f", 1, 100));
}

static void over_replaces_only_what_was_seen(struct suite *s)
{
	struct entry e;
	struct put_opt over = { .mtime = MTIME_UNKNOWN,
				.mode = PUT_OVER,
				.over = &e };

	WANT(put(s, "f", 1, 100) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	WANT(put_with(s, "f", 2, 200, &over) == 0);
	WANT(holds(s, "f", 2, 200));
	WANT_ERR(put_with(s, "f", 3, 300, &over), ERR_CONFLICT);
	WANT(holds(s, "f", 2, 200));
	WANT(be_unlink(s->be, &s->op, in(s, "f")) == 0);
	/* Then nothing can be lost: both answers will do. */
	if (put_with(s, "f", 3, 300, &over) == 0) {
		WANT(holds(s, "f", 3, 300));
		return;
	}
	WANT(s->op.err.kind == ERR_CONFLICT);
	WANT(is_gone(s, "f"));
}

static void the_old_file_can_be_kept(struct suite *s)
{
	struct put_opt keep = { .mtime = MTIME_UNKNOWN };

	keep.keep_old = in(s, "old/deep/f.1");
	WANT(put_with(s, "f", 1, 100, &keep) == 0);
	WANT(is_gone(s, "old"));
	WANT(put_with(s, "f", 2, 200, &keep) == 0);
	WANT(holds(s, "f", 2, 200));
	WANT(holds(s, "old/deep/f.1", 1, 100));
}

static void a_directory_is_not_kept_as_an_old_file(struct suite *s)
{
	struct put_opt keep = { .mtime = MTIME_UNKNOWN };

	keep.keep_old = in(s, "old/d");
	WANT(put(s, "d/f", 1, 100) == 0);
	WANT_ERR(put_with(s, "d", 2, 200, &keep), ERR_IS_DIR);
	WANT(holds(s, "d/f", 1, 100));
}

static void the_old_file_can_be_kept_at_another_root(struct suite *s)
{
	struct put_opt keep = { .mtime = MTIME_UNKNOWN };
	int rc;

	WANT(put(s, "f", 1, 100) == 0);
	WANT(open_again(s, &keep.keep_in) == 0);
	keep.keep_old = "old/f.1";
	rc = put_with(s, "f", 2, 200, &keep);
	be_close(keep.keep_in);
	WANT(rc == 0);
	WANT(holds(s, "f", 2, 200) && holds(s, "old/f.1", 1, 100));
}

static void a_short_source_leaves_nothing(struct suite *s)
{
	struct bytes_source src = bytes_source(1, 100000);
	struct entry *at;
	size_t n;

	src.end = 70000;
	WANT_ERR(be_put(s->be, &s->op, in(s, "f"), &src.base, &put_plainly,
			NULL),
		 ERR_CONFLICT);
	WANT(is_gone(s, "f"));
	src = bytes_source(1, 100000);
	src.end = 70000;
	src.error = ERR_CORRUPT;
	WANT_ERR(be_put(s->be, &s->op, in(s, "f"), &src.base, &put_plainly,
			NULL),
		 ERR_CORRUPT);
	WANT(is_gone(s, "f"));
	WANT(list_all(s, "", &at, &n) == 0 || s->op.err.kind == ERR_NO_DIR);
	WANT(n == 0);
}

static void a_short_source_spares_the_old_file(struct suite *s)
{
	struct bytes_source src = bytes_source(2, 100000);

	WANT(put(s, "f", 1, 5000) == 0);
	src.end = 70000;
	WANT_ERR(be_put(s->be, &s->op, in(s, "f"), &src.base, &put_plainly,
			NULL),
		 ERR_CONFLICT);
	WANT(holds(s, "f", 1, 5000));
	src = bytes_source(2, 100000);
	src.end = 70000;
	src.error = ERR_IO;
	WANT_ERR(be_put(s->be, &s->op, in(s, "f"), &src.base, &put_plainly,
			NULL),
		 ERR_IO);
	WANT(holds(s, "f", 1, 5000));
}

static void times_are_kept(struct suite *s)
{
	static const int64_t seconds[] = {
		-2000000000, /* 1906 */
		-86400,      -1,         0,          1,
		1000000000,  1700000000, 2147483647, 2147483648, /* 2038 */
		4102444800,                                      /* 2100 */
		4294967296,                                      /* 2106 */
	};
	struct put_opt opt = { 0 };
	struct entry *at, e;
	char name[32];
	size_t n;

	for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
		snprintf(name, sizeof(name), "%lld", (long long)seconds[i]);
		opt.mtime = seconds[i] * NS_PER_SEC + 123456789;
		WANT_FOR(name, put_with(s, name, i, 1, &opt) == 0);
		WANT_FOR(name, be_stat(s->be, &s->op, in(s, name), &e) == 0);
		WANT_FOR(name, same_time(s, e.mtime, opt.mtime));
		WANT(list_all(s, "", &at, &n) == 0);
		for (size_t k = 0; k < n; k++)
			if (strcmp(at[k].name, name) == 0)
				WANT_FOR(name, at[k].mtime == e.mtime);
	}
}

static void the_ways_of_writing_give_one_result(struct suite *s)
{
	const struct put_opt ways[] = {
		{ .mtime = MTIME_UNKNOWN, .durable = true },
		{ .mtime = MTIME_UNKNOWN, .inplace = true },
		{ .mtime = MTIME_UNKNOWN, .no_verify = true },
		{ .mtime = MTIME_UNKNOWN, .threads = 1 },
		{ .mtime = MTIME_UNKNOWN, .mime = "text/plain" },
		{ .mtime = MTIME_UNKNOWN,
		  .hash = digests_for(6, 70000, (1u << HASH_TYPES) - 1) },
	};

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		WANT(put_with(s, "new", 6, 70000, &ways[i]) == 0);
		WANT(holds(s, "new", 6, 70000));
		WANT(put(s, "old", i, 90000) == 0);
		WANT(put_with(s, "old", 6, 70000, &ways[i]) == 0);
		WANT(holds(s, "old", 6, 70000));
		WANT(be_unlink(s->be, &s->op, in(s, "new")) == 0);
	}
}

static bool reads(struct suite *s, struct source *src, uint64_t seed,
		  int64_t size)
{
	struct bytes_sink dst = bytes_sink(seed, 0);
	char chunk[5000];
	ssize_t n;

	while ((n = src->read(src, &s->op, chunk, sizeof(chunk))) > 0)
		if (bytes_write(&dst.base, &s->op, chunk, (size_t)n) < 0)
			return false;
	return n == 0 && dst.n == size && dst.wrong == 0;
}

static void a_reader_is_a_source(struct suite *s)
{
	struct source *src;
	struct entry e;
	bool same;

	WANT(put(s, "f", 4, 70000) == 0);
	WANT(be_stat(s->be, &s->op, in(s, "f"), &e) == 0);
	WANT(be_open_reader(s->be, &s->op, in(s, "f"), &e, &src) == 0);
	same = src->size == 70000 && reads(s, src, 4, 70000);
	if (same && src->seek)
		same = src->seek(src, &s->op, 0) == 0 &&
		       reads(s, src, 4, 70000);
	be_close_reader(s->be, src);
	WANT(same);
	WANT(put(s, "f", 5, 60000) == 0);
	if (be_open_reader(s->be, &s->op, in(s, "f"), &e, &src) == 0) {
		same = reads(s, src, 5, 60000);
		be_close_reader(s->be, src);
		WANT(!same);
	}
	WANT(s->op.err.kind == ERR_CONFLICT);
}

static int write_file(struct suite *s, const char *name, int64_t size,
		      int64_t told, bool commit)
{
	struct sink *dst;
	uint8_t chunk[1000];
	int rc = 0;

	if (be_open_writer(s->be, &s->op, in(s, name), told, &put_plainly,
			   &dst) < 0)
		return -1;
	for (int64_t off = 0; off < size && rc == 0;) {
		size_t n = 0;

		while (n < sizeof(chunk) && off < size)
			chunk[n++] = bytes_at(8, off++);
		rc = dst->write(dst, &s->op, chunk, n);
	}
	if (be_close_writer(s->be, &s->op, dst, commit && rc == 0, NULL) < 0)
		rc = -1;
	return rc;
}

static void a_writer_is_a_put(struct suite *s)
{
	WANT(write_file(s, "a/f", 70000, 70000, true) == 0);
	WANT(holds(s, "a/f", 8, 70000));
	WANT(write_file(s, "g", 70000, 70000, false) == 0);
	WANT(is_gone(s, "g"));
	WANT_ERR(write_file(s, "g", 60000, 70000, true), ERR_CONFLICT);
	WANT(is_gone(s, "g"));
}

const struct suite_test file_tests[] = {
	TEST(files_of_all_sizes_come_back, 0),
	TEST(a_large_file_comes_back, 0),
	TEST(a_source_may_not_know_its_size, 0),
	TEST(put_tells_what_it_made, 0),
	TEST(put_replaces_and_makes_parents, 0),
	TEST(put_spares_what_is_no_file, 0),
	TEST(ranges_are_exact, BE_RANGE),
	TEST(a_tag_belongs_to_one_content, 0),
	TEST(create_never_replaces, 0),
	TEST(over_replaces_only_what_was_seen, 0),
	TEST(the_old_file_can_be_kept, BE_KEEP_OLD),
	TEST(a_directory_is_not_kept_as_an_old_file, BE_KEEP_OLD),
	TEST(the_old_file_can_be_kept_at_another_root, BE_KEEP_OLD),
	TEST(a_short_source_leaves_nothing, 0),
	TEST(a_short_source_spares_the_old_file, BE_PUT_ATOMIC),
	TEST(times_are_kept, BE_SET_MTIME),
	TEST(the_ways_of_writing_give_one_result, 0),
	TEST(a_reader_is_a_source, BE_READER),
	TEST(a_writer_is_a_put, BE_WRITER),
	{ NULL, NULL, 0 },
};
