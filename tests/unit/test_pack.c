#include "tests/harness.h"

#include "repo/pack.h"

static const struct envelope_key key = { .encrypt = { 1 },
					 .mac_k = { 2 },
					 .mac_r = { 3 } };

/* A data blob, a compressed one, and the same as trees. */
static const struct pack_blob four[] = {
	{ { { 1 } }, BLOB_DATA, 0, 38, 0 },
	{ { { 2 } }, BLOB_DATA, 38, 112, 511 },
	{ { { 3 } }, BLOB_TREE, 150, 32, 0 },
	{ { { 4 } }, BLOB_TREE, 182, 0x01020304, 0x05060708 },
};
enum { FOUR_END = 182 + 0x01020304 };

static void check_same(const struct pack_blob *a, const struct pack_blob *b)
{
	CHECK(id_equal(&a->id, &b->id) && a->type == b->type);
	CHECK(a->off == b->off && a->len == b->len);
	CHECK(a->raw_len == b->raw_len);
}

static void a_header_comes_back(void)
{
	struct envelope *v = envelope_new(&key);
	struct pack_blobs got = { 0 };
	struct buf b = BUF_INIT;
	int64_t size;
	struct err e;
	size_t n;

	pack_header_add(&b, v, four, 4);
	CHECK(b.len == pack_header_len(four, 4));
	CHECK(b.len == 37 + 41 + 37 + 41 + ENVELOPE_EXTRA + 4);
	size = FOUR_END + (int64_t)b.len;
	CHECK(pack_header_size((uint8_t *)b.data + b.len - 4, size, &n, &e) ==
	      0);
	CHECK(n == b.len - 4);
	for (unsigned i = 0; i < 2; i++) /* the second is added behind */
		CHECK(pack_header_parse(v, (uint8_t *)b.data, n, size, &got,
					&e) == 0);
	CHECK(got.n == 8);
	for (size_t i = 0; i < 8; i++)
		check_same(&got.at[i], &four[i % 4]);
	CHECK(pack_header_parse(v, (uint8_t *)b.data, n, size + 1, &got, &e) <
	      0);
	CHECK(pack_header_parse(v, (uint8_t *)b.data, n, size - 1, &got, &e) <
	      0);
	CHECK(pack_header_parse(v, (uint8_t *)b.data, n, 100, &got, &e) < 0);
	CHECK(e.kind == ERR_CORRUPT && got.n == 8);
	b.data[40] ^= 1;
	CHECK(pack_header_parse(v, (uint8_t *)b.data, n, size, &got, &e) < 0);
	CHECK_STR(e.msg, "bad MAC of a pack's header");
	pack_blobs_free(&got);
	buf_free(&b);
	envelope_free(v);
}

/* The header's text by the byte, as the format's description has it. */
static void the_bytes_are_the_formats(void)
{
	struct envelope *v = envelope_new(&key);
	struct buf b = BUF_INIT;
	const uint8_t *p;
	uint8_t text[156];

	buf_adds(&b, "blobs");
	pack_header_add(&b, v, four, 4);
	p = (uint8_t *)b.data + 5;
	CHECK(envelope_open(v, p, 156 + ENVELOPE_EXTRA, text));
	CHECK(memcmp(text, "\000\046\0\0\0\001\0", 7) == 0);
	CHECK(memcmp(text + 37, "\002\160\0\0\0\377\001\0\0\002\0", 11) == 0);
	CHECK(memcmp(text + 78, "\001\040\0\0\0\003\0", 7) == 0);
	CHECK(memcmp(text + 115, "\003\4\3\2\1\10\7\6\5\004\0", 11) == 0);
	CHECK(memcmp(p + 156 + ENVELOPE_EXTRA, "\274\0\0\0", 4) == 0);
	buf_free(&b);
	envelope_free(v);
}

static bool size_ok(uint32_t len, int64_t size)
{
	uint8_t tail[4] = { (uint8_t)len, (uint8_t)(len >> 8),
			    (uint8_t)(len >> 16), (uint8_t)(len >> 24) };
	struct err e;
	size_t n;

	if (pack_header_size(tail, size, &n, &e) < 0) {
		CHECK(e.kind == ERR_CORRUPT);
		return false;
	}
	return n == len;
}

static void a_length_that_cannot_be_is_refused(void)
{
	CHECK(size_ok(69, 1000));
	CHECK(!size_ok(68, 1000));
	CHECK(!size_ok(0, 1000));
	CHECK(size_ok(996, 1000));
	CHECK(!size_ok(997, 1000));
	CHECK(!size_ok(UINT32_MAX, 1000));
	CHECK(!size_ok(69, 0) && !size_ok(69, 3) && !size_ok(69, -1));
	CHECK(size_ok(16 << 20, UINT32_MAX));
	CHECK(!size_ok((16 << 20) + 1, UINT32_MAX));
	CHECK(!size_ok(69, (int64_t)UINT32_MAX + 1));
}

/* Whether a header with this text is taken, in a pack that would fit. */
static bool text_ok(const uint8_t *text, size_t n, int64_t blobs)
{
	struct envelope *v = envelope_new(&key);
	struct pack_blobs got = { 0 };
	uint8_t sealed[300];
	struct err e;
	bool ok;

	envelope_seal(v, text, n, sealed);
	ok = pack_header_parse(v, sealed, n + ENVELOPE_EXTRA,
			       blobs + (int64_t)n + ENVELOPE_EXTRA + 4, &got,
			       &e) == 0;
	CHECK(ok || (e.kind == ERR_CORRUPT && got.n == 0));
	pack_blobs_free(&got);
	envelope_free(v);
	return ok;
}

static void entries_that_cannot_be_are_refused(void)
{
	uint8_t plain[74] = { 0, 32 }, packed[41] = { 2, 33, 0, 0, 0, 1 };

	CHECK(text_ok(plain, 37, 32));
	CHECK(text_ok(packed, 41, 33));
	CHECK(!text_ok(plain, 36, 32));
	CHECK(!text_ok(plain, 38, 32));
	CHECK(!text_ok(packed, 40, 33));
	CHECK(!text_ok(packed, 0, 0));
	plain[0] = 4;
	CHECK(!text_ok(plain, 37, 32));
	plain[0] = 0;
	plain[1] = 31;
	CHECK(!text_ok(plain, 37, 31));
	packed[5] = 0; /* compressed, and nothing in it */
	CHECK(!text_ok(packed, 41, 33));

	/* Two that together are longer than 32 bits can say. */
	memset(plain + 1, 0xff, 4);
	memset(plain + 38, 0xff, 4);
	CHECK(!text_ok(plain, 74, 0xfffffffeLL));
	CHECK(!text_ok(plain, 74, 0x1fffffffeLL));
}

int main(void)
{
	RUN(a_header_comes_back);
	RUN(the_bytes_are_the_formats);
	RUN(a_length_that_cannot_be_is_refused);
	RUN(entries_that_cannot_be_are_refused);
	return 0;
}
