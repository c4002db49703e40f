/*
 * be_get() against what the caller knows of the content.
 */
#include "tests/unit/places.h"

enum { SIZE = 500000 };

static struct places p;
static struct backend *mem, *be;
static struct entry file;
static struct digests known;

/* A file, its listing and its MD5; read through `fault`. */
static void begin(const char *fault)
{
	places_begin(&p);
	mem = opened(&p, ":mem:");
	be = opened(&p, arena_printf(&p.op.arena,
				     ":fault,remote=':mem:',%s:", fault));
	CHECK(put_bytes(&p, mem, "f", 1, SIZE) == 0);
	CHECK(be_stat(mem, &p.op, "f", &file) == 0);
	CHECK(be_hash(mem, &p.op, "f", 1u << HASH_MD5, &known) == 0);
}

static void end(void)
{
	be_close(be);
	be_close(mem);
	places_end(&p);
}

static int get(struct bytes_sink *dst, int64_t off, int64_t len)
{
	const struct get_opt opt = {
		.off = off, .len = len, .tag = file.tag, .want = &known
	};

	*dst = bytes_sink(1, off);
	return be_get(be, &p.op, "f", &opt, &dst->base);
}

static bool fails_with(int rc, enum err_kind kind, const char *text)
{
	return rc < 0 && p.op.err.kind == kind && strstr(p.op.err.msg, text);
}

static void the_right_content_is_taken(void)
{
	struct bytes_sink dst;

	begin("op=put");
	CHECK(get(&dst, 0, -1) == 0 && dst.n == SIZE && dst.wrong == 0);
	end();
}

static void other_content_is_corrupt(void)
{
	struct bytes_sink dst;

	begin("op=put");
	known.md5[3] ^= 1;
	CHECK(fails_with(get(&dst, 0, -1), ERR_CORRUPT,
			 "does not match the MD5 of the listing"));
	end();
}

static void bytes_of_several_tries_are_summed_up(void)
{
	struct bytes_sink dst;

	begin("op=get,cut=100000,calls=1-2,error=timeout");
	CHECK(get(&dst, 0, -1) == 0 && dst.n == SIZE && dst.wrong == 0);
	end();
	begin("op=get,cut=100000,calls=1-2,error=timeout");
	known.md5[3] ^= 1;
	CHECK(fails_with(get(&dst, 0, -1), ERR_CORRUPT, "MD5"));
	end();
}

static void a_lying_end_is_corrupt(void)
{
	struct bytes_sink dst;

	begin("op=get,cut=70000");
	CHECK(fails_with(get(&dst, 0, -1), ERR_CORRUPT, "MD5"));
	CHECK(dst.n == 70000);
	end();
}

static void a_part_is_not_compared(void)
{
	struct bytes_sink dst;

	begin("op=put");
	known.md5[3] ^= 1;
	CHECK(get(&dst, 1, -1) == 0 && dst.n == SIZE - 1);
	CHECK(get(&dst, 0, SIZE) == 0 && dst.n == SIZE);
	end();
}

static void nothing_known_is_nothing_to_compare(void)
{
	struct bytes_sink dst;

	begin("op=put");
	known.have = 0;
	CHECK(get(&dst, 0, -1) == 0 && dst.n == SIZE);
	end();
}

static void a_file_that_is_another_by_now_is_a_conflict(void)
{
	struct bytes_sink dst;

	/* The second call is the look that asks why. */
	begin("calls=2-,changed");
	known.md5[3] ^= 1;
	CHECK(fails_with(get(&dst, 0, -1), ERR_CONFLICT,
			 "changed since it was listed"));
	end();
}

int main(void)
{
	RUN(the_right_content_is_taken);
	RUN(other_content_is_corrupt);
	RUN(bytes_of_several_tries_are_summed_up);
	RUN(a_lying_end_is_corrupt);
	RUN(a_part_is_not_compared);
	RUN(nothing_known_is_nothing_to_compare);
	RUN(a_file_that_is_another_by_now_is_a_conflict);
	return 0;
}
