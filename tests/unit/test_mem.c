#include "tests/unit/places.h"

static struct places p;

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && p.op.err.kind == kind;
}

static void stores_are_shared_by_name(void)
{
	struct backend *a, *b, *other;

	places_begin(&p);
	a = opened(&p, ":mem,name=x:");
	b = opened(&p, ":mem,name=x:d");
	other = opened(&p, ":mem,name=y:");
	CHECK(put_bytes(&p, b, "f", 1, 100) == 0);
	be_close(b);
	CHECK(gets_bytes(&p, a, "d/f", 1, 100));
	CHECK(fails_with(be_stat(other, &p.op, "d/f", NULL), ERR_NOT_FOUND));
	be_close(a);
	a = opened(&p, ":mem,name=x:"); /* it has outlived its backends */
	CHECK(gets_bytes(&p, a, "d/f", 1, 100));
	be_close(a);
	be_close(other);
	places_end(&p);
}

static void a_root_that_is_not_there_is_made_by_put(void)
{
	struct listing l = LISTING_INIT;
	struct backend *be;
	struct entry e;

	places_begin(&p);
	be = opened(&p, ":mem:a/b");
	CHECK(fails_with(be_list(be, &p.op, "", &l), ERR_NO_DIR));
	CHECK(fails_with(be_stat(be, &p.op, "", NULL), ERR_NOT_FOUND));
	CHECK(put_bytes(&p, be, "f", 1, 1) == 0);
	CHECK(be_stat(be, &p.op, "", &e) == 0 && e.kind == ENTRY_DIR);
	CHECK_STR(e.name, "");
	listing_free(&l);
	be_close(be);
	places_end(&p);
}

static void who_cannot_keep_the_old_file_does_not_replace_it(void)
{
	struct bytes_source src = bytes_source(2, 200);
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN,
				     .keep_old = "old" };
	struct backend *be;

	places_begin(&p);
	be = opened(&p, ":mem:");
	CHECK(put_bytes(&p, be, "f", 1, 100) == 0);
	be->caps &= ~(unsigned)BE_KEEP_OLD;
	CHECK(fails_with(be_put(be, &p.op, "f", &src.base, &opt, NULL),
			 ERR_UNSUPPORTED));
	CHECK(gets_bytes(&p, be, "f", 1, 100));
	be_close(be);
	places_end(&p);
}

static void the_quota_holds(void)
{
	struct backend *be;
	struct quota q;

	places_begin(&p);
	be = opened(&p, ":mem,quota=1000:");
	CHECK(put_bytes(&p, be, "a", 1, 600) == 0);
	CHECK(fails_with(put_bytes(&p, be, "b", 2, 500), ERR_NO_SPACE));
	CHECK(fails_with(be_stat(be, &p.op, "b", NULL), ERR_NOT_FOUND));
	CHECK(put_bytes(&p, be, "a", 3, 900) == 0); /* in the place of 600 */
	CHECK(be_quota(be, &p.op, &q) == 0);
	CHECK(q.total == 1000 && q.used == 900 && q.free == 100);
	CHECK(be_purge(be, &p.op, "") == 0);
	CHECK(be_quota(be, &p.op, &q) == 0 && q.used == 0);
	be_close(be);
	places_end(&p);
}

static void times_are_cut_to_the_step(void)
{
	static const int64_t times[][2] = {
		{ 0, 0 },
		{ 5999999999, 4000000000 },
		{ -1, -2000000000 },
		{ -2000000000, -2000000000 },
		{ INT64_MIN + 5, INT64_MIN + 1 },
	};
	struct put_opt opt = { 0 };
	struct backend *be;
	struct entry e;

	places_begin(&p);
	be = opened(&p, ":mem,mtime_step=2s:");
	CHECK(be->mtime_step == 2000000000);
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		struct bytes_source src = bytes_source(1, 1);

		opt.mtime = times[i][0];
		CHECK(be_put(be, &p.op, "f", &src.base, &opt, &e) == 0);
		CHECK(e.mtime == times[i][1]);
	}
	be_close(be);
	be = opened(&p, ":mem,mtime_step=off:");
	CHECK(!be_can(be, BE_SET_MTIME) && !be_can(be, BE_TOUCH));
	CHECK(fails_with(be_touch(be, &p.op, "f", 5), ERR_UNSUPPORTED));
	be_close(be);
	places_end(&p);
}

static void only_the_hashes_asked_for_are_shown(void)
{
	struct backend *be = NULL;
	struct digests d;
	struct entry e;

	places_begin(&p);
	be = opened(&p, ":mem,hashes='sha256, MD5':");
	CHECK(be->hashes == (1u << HASH_MD5 | 1u << HASH_SHA256));
	CHECK(put_bytes(&p, be, "f", 1, 10) == 0);
	CHECK(be_stat(be, &p.op, "f", &e) == 0);
	CHECK(e.hash.have == be->hashes);
	CHECK(be_hash(be, &p.op, "f", 1u << HASH_SHA1, &d) == 0);
	CHECK(d.have == 0);
	be_close(be);
	be = NULL;
	CHECK(fails_with(
		remote_open(&p.remotes, ":mem,hashes=crc:", &p.op, &be),
		ERR_INVALID));
	CHECK_STR(p.op.err.msg, ":mem,hashes=crc:: option \"hashes\": \"crc\" "
				"is none of md5, sha1, sha256");
	places_end(&p);
}

static void wrong_bytes_are_not_stored(void)
{
	struct bytes_source src = bytes_source(1, 10);
	struct put_opt opt = { .mtime = MTIME_UNKNOWN };
	struct backend *be;

	places_begin(&p);
	be = opened(&p, ":mem:");
	opt.hash.have = 1u << HASH_MD5; /* of all zeros */
	CHECK(fails_with(be_put(be, &p.op, "f", &src.base, &opt, NULL),
			 ERR_CORRUPT));
	CHECK(fails_with(be_stat(be, &p.op, "f", NULL), ERR_NOT_FOUND));
	be_close(be);
	places_end(&p);
}

static void names_without_case_can_still_change_it(void)
{
	const struct put_opt create = { .mtime = MTIME_UNKNOWN,
					.mode = PUT_CREATE };
	struct backend *be;
	struct op *op = &p.op;
	struct entry e;

	places_begin(&p);
	be = opened(&p, ":mem,no_case:");
	CHECK(put_bytes(&p, be, "Dir/File", 1, 10) == 0);
	CHECK(gets_bytes(&p, be, "dIR/fILE", 1, 10));
	CHECK(be_move(be, op, be, "dir/file", NULL, "dir/FILE", &create, &e) ==
	      0);
	CHECK_STR(e.name, "FILE");
	CHECK(be_move_dir(be, op, be, "dir", "DIR") == 0);
	CHECK(be_stat(be, op, "dir", &e) == 0);
	CHECK_STR(e.name, "DIR");
	CHECK(gets_bytes(&p, be, "dir/file", 1, 10));
	CHECK(fails_with(be_move_dir(be, op, be, "dir", "Dir/sub/x"),
			 ERR_INVALID));
	be_close(be);
	places_end(&p);
}

static void other_stores_are_other_services(void)
{
	const struct put_opt opt = { .mtime = MTIME_UNKNOWN };
	struct backend *a, *b;

	places_begin(&p);
	a = opened(&p, ":mem,name=a:");
	b = opened(&p, ":mem,name=b:");
	CHECK(put_bytes(&p, a, "f", 1, 10) == 0);
	CHECK(fails_with(be_copy(b, &p.op, a, "f", NULL, "f", &opt, NULL),
			 ERR_UNSUPPORTED));
	CHECK(fails_with(be_move(b, &p.op, a, "f", NULL, "f", &opt, NULL),
			 ERR_UNSUPPORTED));
	CHECK(fails_with(be_move_dir(b, &p.op, a, "", "d"), ERR_UNSUPPORTED));
	CHECK(gets_bytes(&p, a, "f", 1, 10));
	be_close(a);
	be_close(b);
	places_end(&p);
}

/* Puts over the file that is being read. */
struct replacing_sink {
	struct bytes_sink bytes;
	struct backend *be;
	bool done;
};

static int replacing_write(struct sink *dst, struct op *op, const void *buf,
			   size_t n)
{
	struct replacing_sink *r =
		container_of(dst, struct replacing_sink, bytes.base);

	if (!r->done)
		CHECK(put_bytes(&p, r->be, "f", 2, 5) == 0);
	r->done = true;
	return bytes_write(dst, op, buf, n);
}

static void a_reader_sees_one_content(void)
{
	const struct get_opt all = { .len = -1 };
	struct replacing_sink r = { .bytes = bytes_sink(1, 0) };

	places_begin(&p);
	r.be = opened(&p, ":mem:");
	r.bytes.base.write = replacing_write;
	CHECK(put_bytes(&p, r.be, "f", 1, 1 << 20) == 0);
	CHECK(be_get(r.be, &p.op, "f", &all, &r.bytes.base) == 0);
	CHECK(r.bytes.n == 1 << 20 && r.bytes.wrong == 0);
	CHECK(gets_bytes(&p, r.be, "f", 2, 5));
	be_close(r.be);
	places_end(&p);
}

int main(void)
{
	RUN(stores_are_shared_by_name);
	RUN(a_root_that_is_not_there_is_made_by_put);
	RUN(who_cannot_keep_the_old_file_does_not_replace_it);
	RUN(the_quota_holds);
	RUN(times_are_cut_to_the_step);
	RUN(only_the_hashes_asked_for_are_shown);
	RUN(wrong_bytes_are_not_stored);
	RUN(names_without_case_can_still_change_it);
	RUN(other_stores_are_other_services);
	RUN(a_reader_sees_one_content);
	return 0;
}
