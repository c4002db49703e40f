#include "tests/fuzz/fuzz.h"

#include "lib/json.h"
#include "repo/index.h"
#include "repo/index_file.h"

struct seen {
	struct index *index;
	struct index_writer w;
};

static int see_pack(void *arg, const struct id *pack,
		    const struct pack_blob *blobs, size_t n)
{
	struct seen *s = arg;

	for (size_t i = 0; i < n; i++) {
		CHECK(blobs[i].type < BLOB_TYPES);
		CHECK(blobs[i].len >= ENVELOPE_EXTRA);
		CHECK(blobs[i].off <= UINT32_MAX - blobs[i].len);
	}
	if (!s->index)
		s->index = index_new(); /* slow: not for each input */
	index_add_pack(s->index, pack, blobs, n);
	index_write_pack(&s->w, pack, blobs, n);
	for (size_t i = 0; i < n; i++)
		CHECK(index_has(s->index, blobs[i].type, &blobs[i].id));
	return 0;
}

static int see_old(void *arg, const struct id *id)
{
	(void)arg;
	(void)id;
	return 0;
}

static int count(void *arg, const struct id *pack,
		 const struct pack_blob *blobs, size_t n)
{
	(void)pack;
	(void)blobs;
	*(size_t *)arg += n;
	return 0;
}

/* What is accepted can be written, and then is JSON and the same again. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen s = { 0 };
	struct buf out = BUF_INIT;
	struct arena a = { 0 };
	const struct json_node *root;
	struct pack_blobs blobs = { 0 };
	size_t blobs_again = 0, in_packs = 0;
	struct err e;

	index_write_begin(&s.w, &out);
	if (index_file_parse((const char *)data, size, see_pack, see_old, &s,
			     &e) < 0)
		CHECK(e.kind == ERR_CORRUPT);
	index_write_end(&s.w);
	CHECK(index_file_parse(out.data, out.len, count, NULL, &blobs_again,
			       &e) == 0);
	CHECK(blobs_again == s.w.blobs);
	CHECK(json_parse(&a, out.data, out.len, &root, &e) == 0);
	for (uint32_t i = 0; s.index && i < index_packs(s.index); i++) {
		index_pack_blobs(s.index, i, &blobs);
		in_packs += blobs.n;
	}
	CHECK(!s.index || in_packs == index_entries(s.index));
	CHECK(in_packs <= s.w.blobs);
	pack_blobs_free(&blobs);
	arena_free(&a);
	buf_free(&out);
	index_free(s.index);
	return 0;
}
