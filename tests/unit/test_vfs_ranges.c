#include "tests/harness.h"
#include "vfs/ranges.h"

/* A model that is slow and plainly right: one flag for each byte. */
#define BYTES 200

static void check_same(const struct ranges *r, const bool *model)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->n; i++) {
		CHECK(r->at[i].off < r->at[i].end);
		CHECK(i == 0 || r->at[i - 1].end < r->at[i].off);
	}
	for (int64_t i = 0; i < BYTES; i++) {
		int64_t end = i;
		struct range gap;

		n += model[i];
		while (end < BYTES && model[end])
			end++;
		CHECK(ranges_until(r, i) == end);
		CHECK(ranges_has(r, i, end) && !ranges_has(r, i, BYTES + 1));
		if (!ranges_missing(r, i, BYTES, &gap)) {
			CHECK(end == BYTES);
			continue;
		}
		CHECK(gap.off == end && end < BYTES);
		while (end < BYTES && !model[end])
			end++;
		CHECK(gap.end == end);
	}
	CHECK(ranges_bytes(r) == n);
}

static void check_packed(const struct ranges *r)
{
	struct buf b = BUF_INIT;
	struct ranges again;
	struct err e;

	ranges_pack(r, &b);
	CHECK(ranges_parse(b.data, b.len, &again, &e) == 0);
	CHECK(again.n == r->n);
	for (size_t i = 0; i < r->n; i++) {
		CHECK(again.at[i].off == r->at[i].off);
		CHECK(again.at[i].end == r->at[i].end);
	}
	ranges_free(&again);
	buf_free(&b);
}

static void they_are_what_a_map_of_bytes_is(void)
{
	unsigned seed = 1;

	for (int round = 0; round < 200; round++) {
		bool model[BYTES] = { false };
		struct ranges r = { 0 };

		for (int step = 0; step < 60; step++) {
			int64_t off, end;
			bool add;

			seed = seed * 1103515245u + 12345u;
			off = seed / 65536u % BYTES;
			seed = seed * 1103515245u + 12345u;
			end = off + seed / 65536u % (BYTES - off + 1) %
					    (unsigned)(1 + round);
			add = seed / 4096u % 3 != 0;
			for (int64_t i = off; i < end; i++)
				model[i] = add;
			if (add)
				ranges_add(&r, off, end);
			else
				ranges_remove(&r, off, end);
			check_same(&r, model);
		}
		check_packed(&r);
		ranges_free(&r);
	}
}

static void neighbours_become_one(void)
{
	struct ranges r = { 0 };

	ranges_add(&r, 10, 20);
	ranges_add(&r, 30, 40);
	CHECK(r.n == 2);
	ranges_add(&r, 20, 30);
	CHECK(r.n == 1 && r.at[0].off == 10 && r.at[0].end == 40);
	ranges_remove(&r, 0, INT64_MAX);
	CHECK(r.n == 0 && !ranges_has(&r, 10, 11));
	ranges_add(&r, 5, 5);
	CHECK(r.n == 0 && ranges_has(&r, 5, 5));
	ranges_free(&r);
}

static void offsets_may_be_as_large_as_they_can_be(void)
{
	struct ranges r = { 0 };

	ranges_add(&r, INT64_MAX - 1, INT64_MAX);
	ranges_add(&r, 0, 1);
	CHECK(r.n == 2 && ranges_until(&r, INT64_MAX - 1) == INT64_MAX);
	check_packed(&r);
	ranges_free(&r);
}

static void is_damaged(const char *bytes, size_t n)
{
	struct ranges r;
	struct err e;

	CHECK(ranges_parse(bytes, n, &r, &e) < 0);
	CHECK(e.kind == ERR_CORRUPT && r.n == 0 && !r.at);
}

static void what_pack_never_makes_is_refused(void)
{
	is_damaged("\x01", 1);             /* no length */
	is_damaged("\x01\x00", 2);         /* of no bytes */
	is_damaged("\x01\x01\x00\x01", 4); /* touches the last */
	is_damaged("\x81", 1);             /* cut */
	is_damaged("\x81\x00\x01", 3);     /* longer than need be */
	is_damaged("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
	is_damaged("\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		   10); /* too far */
}

int main(void)
{
	RUN(they_are_what_a_map_of_bytes_is);
	RUN(neighbours_become_one);
	RUN(offsets_may_be_as_large_as_they_can_be);
	RUN(what_pack_never_makes_is_refused);
	return 0;
}
