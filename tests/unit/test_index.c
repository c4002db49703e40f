#include "tests/harness.h"

#include <pthread.h>
#include <stdatomic.h>

#include "repo/index.h"
#include "repo/index_file.h"

static struct id id_no(uint64_t n)
{
	struct id id;

	id_of(&n, sizeof(n), &id);
	return id;
}

static struct pack_blob blob_no(uint64_t n, enum blob_type t, uint32_t off)
{
	return (struct pack_blob){
		.id = id_no(n), .type = t, .off = off, .len = 40, .raw_len = 9
	};
}

static void a_blob_is_found_by_type_and_id(void)
{
	struct index *ix = index_new();
	struct pack_blob b[] = { blob_no(1, BLOB_DATA, 0),
				 blob_no(1, BLOB_TREE, 40),
				 blob_no(2, BLOB_DATA, 80) };
	struct id pack = id_no(100), none = id_no(3);
	struct blob_at at;
	uint32_t no;

	CHECK(!index_has(ix, BLOB_DATA, &b[0].id));
	CHECK(!index_find_pack(ix, &pack, &no));
	CHECK(index_add_pack(ix, &pack, b, 3) == 0);
	CHECK(index_find(ix, BLOB_TREE, &b[1].id, &at));
	CHECK(id_equal(&at.pack, &pack) && at.pack_no == 0 && at.entry == 1);
	CHECK(at.blob.type == BLOB_TREE && at.blob.off == 40);
	CHECK(at.blob.len == 40 && at.blob.raw_len == 9);
	CHECK(id_equal(&at.blob.id, &b[1].id));
	CHECK(!index_find_next(ix, &at));
	CHECK(index_has(ix, BLOB_DATA, &b[2].id));
	CHECK(!index_has(ix, BLOB_TREE, &b[2].id));
	CHECK(!index_find(ix, BLOB_DATA, &none, &at));
	CHECK(index_find_pack(ix, &pack, &no) && no == 0);
	CHECK(!index_find_pack(ix, &none, &no));
	CHECK(index_packs(ix) == 1 && index_entries(ix) == 3);
	index_free(ix);
	index_free(NULL);
}

static void a_blob_in_several_packs_has_several_places(void)
{
	enum { PACKS = 300 };
	struct index *ix = index_new();
	struct pack_blob b = blob_no(1, BLOB_DATA, 7);
	uint32_t first, n = 1;
	struct blob_at at;

	for (uint32_t i = 0; i < PACKS; i++) {
		struct pack_blob two[] = { blob_no(i + 10, BLOB_DATA, 100), b };
		struct id pack = id_no(1000 + i);

		CHECK(index_add_pack(ix, &pack, two, 2) == i);
		CHECK(index_find(ix, BLOB_DATA, &b.id, &at));
		if (i == 0)
			first = at.entry;
		CHECK(at.entry == first && at.pack_no == 0);
	}
	for (; index_find_next(ix, &at); n++) {
		struct id pack = id_no(1000 + n);

		CHECK(at.pack_no == n && at.blob.off == 7);
		CHECK(id_equal(&at.pack, &pack));
	}
	CHECK(n == PACKS);
	index_free(ix);
}

static void the_same_place_counts_once(void)
{
	struct index *ix = index_new();
	struct pack_blob b[] = {
		blob_no(3, BLOB_DATA, 80), blob_no(1, BLOB_DATA, 0),
		blob_no(1, BLOB_DATA, 0),  blob_no(1, BLOB_DATA, 200),
		blob_no(2, BLOB_DATA, 40), blob_no(4, BLOB_DATA, 120)
	};
	struct id pack = id_no(100), other = id_no(101), empty = id_no(102);
	struct pack_blobs got = { 0 };

	/* Index files that name a pack in parts, with another between. */
	CHECK(index_add_pack(ix, &pack, b, 3) == 0);
	CHECK(index_add_pack(ix, &other, b, 6) == 1);
	CHECK(index_add_pack(ix, &pack, b + 1, 4) == 0);
	CHECK(index_add_pack(ix, &pack, b, 6) == 0);
	CHECK(index_add_pack(ix, &empty, NULL, 0) == 2);
	CHECK(index_entries(ix) == 10);
	for (uint32_t no = 0; no < 2; no++) {
		index_pack_blobs(ix, no, &got);
		CHECK(got.n == 5);
		for (uint32_t i = 0; i < 4; i++) {
			struct id want = id_no(i + 1);

			CHECK(got.at[i].off == i * 40);
			CHECK(id_equal(&got.at[i].id, &want));
		}
		CHECK(got.at[4].off == 200);
	}
	index_pack_blobs(ix, 2, &got);
	CHECK(got.n == 0);
	pack_blobs_free(&got);
	index_free(ix);
}

static void many_blobs_take_sixty_bytes_each(void)
{
	enum { N = 600000, EACH = 16 };
	struct index *ix = index_new();
	struct pack_blob b[EACH];
	struct blob_at at;

	for (uint32_t i = 0; i < N; i += EACH) {
		struct id pack = id_no(((uint64_t)1 << 40) + i);

		for (uint32_t j = 0; j < EACH; j++)
			b[j] = blob_no(i + j, BLOB_DATA, j * 40);
		index_add_pack(ix, &pack, b, EACH);
		if (i > N / 3) /* before, the first slots are the most */
			CHECK(index_memory(ix) <
			      (size_t)60 * (i + EACH) + 300000);
	}
	CHECK(index_entries(ix) == N && index_packs(ix) == N / EACH);
	for (uint32_t i = 0; i < N; i++) {
		struct id id = id_no(i), none = id_no(i + N);

		CHECK(index_find(ix, BLOB_DATA, &id, &at) && at.entry == i);
		CHECK(at.pack_no == i / EACH && at.blob.off == i % EACH * 40);
		CHECK(!index_has(ix, BLOB_DATA, &none));
	}
	index_free(ix);
}

struct crowd {
	struct index *ix;
	atomic_uint added; /* packs that are in for sure */
};

enum { CROWD_PACKS = 3000, CROWD_EACH = 10 };

static void *add_some(void *arg)
{
	struct crowd *c = arg;
	uint32_t i;

	while ((i = atomic_fetch_add(&c->added, 1)) < CROWD_PACKS) {
		struct pack_blob b[CROWD_EACH];
		struct id pack = id_no(1000000 + i / 2);

		for (uint32_t j = 0; j < CROWD_EACH; j++)
			b[j] = blob_no(i / 2 * CROWD_EACH + j, BLOB_DATA,
				       j * 40);
		index_add_pack(c->ix, &pack, b, CROWD_EACH);
		for (uint32_t j = 0; j < CROWD_EACH; j++)
			CHECK(index_has(c->ix, BLOB_DATA, &b[j].id));
	}
	return NULL;
}

static void *look_around(void *arg)
{
	struct crowd *c = arg;
	struct pack_blobs blobs = { 0 };
	struct blob_at at, again;
	uint32_t n, i = 1;

	while (atomic_load(&c->added) < CROWD_PACKS) {
		n = index_entries(c->ix);
		if (n == 0)
			continue;
		i = (i * 7919 + 1) % n;
		index_entry(c->ix, i, &at);
		CHECK(index_find(c->ix, BLOB_DATA, &at.blob.id, &again));
		CHECK(again.entry == i && id_equal(&again.pack, &at.pack));
		index_pack_blobs(c->ix, at.pack_no, &blobs);
		CHECK(index_memory(c->ix) > 0);
	}
	pack_blobs_free(&blobs);
	return NULL;
}

static void threads_may_add_and_look_at_once(void)
{
	struct crowd c = { .ix = index_new() };
	pthread_t t[4];

	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		CHECK(pthread_create(&t[i], NULL,
				     i % 2 ? look_around : add_some, &c) == 0);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	CHECK(index_entries(c.ix) == CROWD_PACKS / 2 * CROWD_EACH);
	CHECK(index_packs(c.ix) == CROWD_PACKS / 2);
	index_free(c.ix);
}

static void a_blob_at_very_many_places_does_not_take_for_ever(void)
{
	enum { N = 200000, LEN = 40 };
	struct index *ix = index_new();
	struct pack_blob *blobs = xcalloc(N, sizeof(*blobs));
	struct id pack = { { 1 } };

	for (uint32_t i = 0; i < N; i++)
		blobs[i] = (struct pack_blob){ .id = { { 7 } },
					       .off = i * LEN,
					       .len = LEN };
	index_add_pack(ix, &pack, blobs, N);
	CHECK(index_entries(ix) == 512);
	CHECK(index_has(ix, BLOB_DATA, &blobs[0].id));
	free(blobs);
	index_free(ix);
}

int main(void)
{
	RUN(a_blob_is_found_by_type_and_id);
	RUN(a_blob_in_several_packs_has_several_places);
	RUN(the_same_place_counts_once);
	RUN(many_blobs_take_sixty_bytes_each);
	RUN(threads_may_add_and_look_at_once);
	RUN(a_blob_at_very_many_places_does_not_take_for_ever);
	return 0;
}
