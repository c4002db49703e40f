#include "tests/harness.h"

#include <zstd.h>

#include "crypt/secret.h"
#include "repo/coder.h"

static const struct envelope_key key = { .encrypt = { 1 },
					 .mac_k = { 2 },
					 .mac_r = { 3 } };

/* Text that packs to about a third. */
static char *words(size_t n)
{
	char *p = xcalloc(1, n + 1);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = "etaoins "[x >> 29];
	}
	return p;
}

static char *noise(size_t n)
{
	char *p = xcalloc(1, n);

	random_bytes(p, n);
	return p;
}

static bool opens_to(struct coder *c, const struct buf *sealed, uint32_t raw,
		     const char *want, size_t n)
{
	struct buf got = BUF_INIT;
	struct err e;
	bool same;

	same = coder_open_blob(c, (uint8_t *)sealed->data, sealed->len, raw,
			       &got, &e) == 0 &&
	       got.len == n && memcmp(got.data, want, n) == 0;
	buf_free(&got);
	return same;
}

/* The length of what is sealed; `*raw` what the coder says. */
static size_t sealed_len(unsigned version, enum compression how,
			 enum blob_type t, const char *text, size_t n,
			 uint32_t *raw)
{
	struct coder *c = coder_new(&key, version, how);
	struct buf sealed = BUF_INIT;
	size_t len;

	buf_adds(&sealed, "what was there before");
	coder_seal_blob(c, t, text, n, &sealed, raw);
	len = sealed.len;
	CHECK(opens_to(c, &sealed, *raw, text, n));
	buf_free(&sealed);
	coder_free(c);
	return len;
}

static void blobs_come_back_whatever_the_way(void)
{
	static const size_t sizes[] = { 0, 1, 1000, 65535, 65536, 3000000 };
	uint32_t raw;

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char *texts[] = { words(sizes[i]), noise(sizes[i]) };

		for (unsigned way = 0; way < 12; way++)
			sealed_len(way & 1 ? 1 : 2, way >> 2,
				   way & 2 ? BLOB_TREE : BLOB_DATA,
				   texts[way & 1], sizes[i], &raw);
		free(texts[0]);
		free(texts[1]);
	}
}

static void data_is_compressed_where_it_gains(void)
{
	char *text = words(1 << 20), *dense = noise(1 << 20);
	uint32_t raw;

	CHECK(sealed_len(2, COMPRESS_AUTO, BLOB_DATA, text, 1 << 20, &raw) <
	      1 << 19);
	CHECK(raw == 1 << 20);
	CHECK(sealed_len(2, COMPRESS_MAX, BLOB_DATA, text, 1 << 20, &raw) <
	      1 << 19);
	CHECK(raw == 1 << 20);
	for (enum compression how = COMPRESS_AUTO; how <= COMPRESS_MAX; how++) {
		CHECK(sealed_len(2, how, BLOB_DATA, dense, 1 << 20, &raw) ==
		      (1 << 20) + ENVELOPE_EXTRA);
		CHECK(raw == 0);
		CHECK(sealed_len(2, how, BLOB_DATA, dense, 100, &raw) ==
		      100 + ENVELOPE_EXTRA);
		CHECK(raw == 0);
	}
	CHECK(sealed_len(2, COMPRESS_OFF, BLOB_DATA, text, 1 << 20, &raw) ==
	      (1 << 20) + ENVELOPE_EXTRA);
	CHECK(raw == 0);
	free(text);
	free(dense);
}

static void trees_are_always_compressed_in_version_2(void)
{
	static const char tree[] = "{\"nodes\":null}\n";
	uint32_t raw;

	for (enum compression how = COMPRESS_AUTO; how <= COMPRESS_MAX; how++) {
		sealed_len(2, how, BLOB_TREE, tree, strlen(tree), &raw);
		CHECK(raw == strlen(tree));
		CHECK(sealed_len(1, how, BLOB_TREE, tree, strlen(tree), &raw) ==
		      strlen(tree) + ENVELOPE_EXTRA);
		CHECK(raw == 0);
	}
}

static void a_blob_that_is_not_what_the_index_says_is_corrupt(void)
{
	struct coder *c = coder_new(&key, 2, COMPRESS_AUTO);
	struct buf sealed = BUF_INIT, out = BUF_INIT;
	char *text = words(5000);
	struct err e;
	uint32_t raw;
	uint8_t *p;

	coder_seal_blob(c, BLOB_DATA, text, 5000, &sealed, &raw);
	p = (uint8_t *)sealed.data;
	CHECK(raw == 5000);
	for (uint32_t wrong = 1; wrong < 10000; wrong += 4998) {
		CHECK(coder_open_blob(c, p, sealed.len, wrong, &out, &e) < 0);
		CHECK(e.kind == ERR_CORRUPT && out.len == 0);
	}
	CHECK(coder_open_blob(c, p, sealed.len, UINT32_MAX, &out, &e) < 0);
	for (size_t n = 0; n < sealed.len; n += 7)
		CHECK(coder_open_blob(c, p, n, raw, &out, &e) < 0);
	p[sealed.len / 2] ^= 1;
	CHECK(coder_open_blob(c, p, sealed.len, raw, &out, &e) < 0);
	CHECK_STR(e.msg, "bad MAC");
	CHECK(coder_open_blob(c, p, sealed.len, 0, &out, &e) < 0);
	free(text);
	buf_free(&out);
	buf_free(&sealed);
	coder_free(c);
}

/* What some encoder makes of `n` bytes, as a file: a byte 2 and frames. */
static void frames(struct buf *b, const char *p, size_t n, bool with_size,
		   int window_log, unsigned times)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();

	buf_reset(b);
	buf_add(b, "\002", 1);
	CHECK(!ZSTD_isError(
		ZSTD_CCtx_setParameter(z, ZSTD_c_windowLog, window_log)));
	for (; times > 0; times--) {
		ZSTD_inBuffer in = { .src = p, .size = n };
		ZSTD_outBuffer to = { .size = ZSTD_compressBound(n) + 100 };

		to.dst = buf_room(b, to.size);
		if (with_size)
			CHECK(!ZSTD_isError(ZSTD_CCtx_setPledgedSrcSize(z, n)));
		else /* or else the first and last call tells it */
			CHECK(!ZSTD_isError(ZSTD_compressStream2(
				z, &to, &in, ZSTD_e_flush)));
		CHECK(ZSTD_compressStream2(z, &to, &in, ZSTD_e_end) == 0);
		b->len += to.pos;
	}
	ZSTD_freeCCtx(z);
}

/* The length of the text of a file with this in its envelope, or -1. */
static int64_t file_opens(const void *text, size_t n, size_t max)
{
	struct envelope *v = envelope_new(&key);
	struct coder *c = coder_new(&key, 2, COMPRESS_AUTO);
	struct buf sealed = BUF_INIT, out = BUF_INIT;
	struct err e;
	int64_t got;

	buf_room(&sealed, n + ENVELOPE_EXTRA);
	envelope_seal(v, text, n, (uint8_t *)sealed.data);
	if (coder_open_file(c, (uint8_t *)sealed.data, n + ENVELOPE_EXTRA, max,
			    &out, &e) < 0) {
		CHECK(e.kind == ERR_CORRUPT);
		got = -1;
	} else {
		got = (int64_t)out.len;
		CHECK(out.data[out.len] == '\0');
	}
	buf_free(&sealed);
	buf_free(&out);
	coder_free(c);
	envelope_free(v);
	return got;
}

static void files_of_both_versions_are_opened(void)
{
	static const char json[] = "[\"text\",\"text\",\"text\"]";

	for (unsigned version = 1; version <= 2; version++) {
		struct coder *c = coder_new(&key, version, COMPRESS_OFF);
		struct coder *other = coder_new(&key, 3 - version, 0);
		struct buf sealed = BUF_INIT, out = BUF_INIT;
		struct err e;

		coder_seal_file(c, json, strlen(json), &sealed);
		CHECK(coder_open_file(other, (uint8_t *)sealed.data, sealed.len,
				      strlen(json), &out, &e) == 0);
		CHECK_STR(out.data, json);
		CHECK(coder_open_file(other, (uint8_t *)sealed.data, sealed.len,
				      strlen(json) - 1, &out, &e) < 0);
		sealed.data[20] ^= 4;
		CHECK(coder_open_file(other, (uint8_t *)sealed.data, sealed.len,
				      100, &out, &e) < 0);
		CHECK(e.kind == ERR_CORRUPT);
		buf_free(&sealed);
		buf_free(&out);
		coder_free(c);
		coder_free(other);
	}
	CHECK(file_opens("{}", 2, 2) == 2);
	CHECK(file_opens("{}", 2, 1) == -1);
	CHECK(file_opens("", 0, 10) == -1);
	CHECK(file_opens("\003{}", 3, 10) == -1);
	CHECK(file_opens(" {}", 3, 10) == -1);
	CHECK(file_opens("\002", 1, 10) == -1);
}

static void frames_of_any_encoder_are_opened_within_limits(void)
{
	enum { N = 300000 };
	struct buf b = BUF_INIT;
	char *text = words(N);

	for (unsigned times = 1; times <= 2; times++) {
		for (unsigned with_size = 0; with_size <= 1; with_size++) {
			int64_t n = (int64_t)N * times;

			frames(&b, text, N, with_size, 23, times);
			CHECK(file_opens(b.data, b.len, (size_t)n) == n);
			CHECK(file_opens(b.data, b.len, (size_t)n - 1) == -1);
			CHECK(file_opens(b.data, b.len - 1, N * 3) == -1);
			CHECK(file_opens(b.data, 3, N * 3) == -1);
		}
	}
	frames(&b, text, 65536 * 2, false, 20, 1); /* ends with a step */
	CHECK(file_opens(b.data, b.len, N) == 65536 * 2);
	frames(&b, text, N, false, 27, 1); /* absurd, and not needed */
	CHECK(file_opens(b.data, b.len, N) == -1);
	free(text);
	buf_free(&b);
}

int main(void)
{
	RUN(blobs_come_back_whatever_the_way);
	RUN(data_is_compressed_where_it_gains);
	RUN(trees_are_always_compressed_in_version_2);
	RUN(a_blob_that_is_not_what_the_index_says_is_corrupt);
	RUN(files_of_both_versions_are_opened);
	RUN(frames_of_any_encoder_are_opened_within_limits);
	return 0;
}
