#include "repo/coder.h"

#include <stdlib.h>
#include <zstd.h>

enum {
	LEVEL = 2,
	LEVEL_MAX = 12,   /* beyond it, time doubles for a percent or so */
	LEVEL_SAMPLE = 1, /* the fastest that packs letters as well as runs */

	/* A blob of this size or more is sampled first. */
	SAMPLED = 64 << 10,
	SAMPLE = 16 << 10,
	SAMPLES = 3,
	GAIN = 50, /* an n-th part is gained at least, or nothing is done */

	COUNTED = 4 << 10, /* bytes that are counted before that */

	/*
	 * The largest window that a stream may ask for: 32 MiB.  restic's are
	 * of 8 MiB at most.
	 */
	WINDOW_LOG_MAX = 25,

	PACKED_KEPT = 4 << 20,

	IV = 16,     /* before the ciphertext in an envelope */
	ENCODED = 2, /* the first byte of a compressed file */
	STEP = 64 << 10
};

struct coder {
	struct envelope *envelope;
	unsigned version;
	enum compression compression;
	ZSTD_CCtx *compress; /* these two: made when first used */
	ZSTD_DCtx *decompress;
	struct buf opened; /* compressed text out of its envelope */
	struct buf packed; /* coder_pack_blob()'s */
};

struct coder *coder_new(const struct envelope_key *k, unsigned version,
			enum compression c)
{
	struct coder *coder = xcalloc(1, sizeof(*coder));

	coder->envelope = envelope_new(k);
	coder->version = version;
	coder->compression = c;
	coder->opened = coder->packed = (struct buf)BUF_INIT;
	return coder;
}

void coder_free(struct coder *c)
{
	if (!c)
		return;
	envelope_free(c->envelope);
	ZSTD_freeCCtx(c->compress);
	ZSTD_freeDCtx(c->decompress);
	buf_free(&c->opened);
	buf_free(&c->packed);
	free(c);
}

struct envelope *coder_envelope(struct coder *c)
{
	return c->envelope;
}

static void add_len(struct buf *b, size_t n)
{
	b->len += n;
	b->data[b->len] = '\0';
}

/* How many bytes; there is room for ZSTD_compressBound(n). */
static size_t compress(struct coder *c, int level, const void *p, size_t n,
		       char *out)
{
	size_t got;

	if (!c->compress)
		c->compress = ZSTD_createCCtx();
	if (!c->compress)
		BUG("out of memory for zstd");
	got = ZSTD_compressCCtx(c->compress, out, ZSTD_compressBound(n), p, n,
				level);
	if (ZSTD_isError(got))
		BUG("zstd: %s", ZSTD_getErrorName(got));
	return got;
}

static int level(const struct coder *c)
{
	return c->compression == COMPRESS_MAX ? LEVEL_MAX : LEVEL;
}

/*
 * Films, pictures and archives are most of what many people have: three
 * samples tell it in half the time that zstd takes to give up.
 */
static bool looks_dense(struct coder *c, const uint8_t *p, size_t n, char *work)
{
	size_t got = 0;

	for (size_t i = 0; i < SAMPLES; i++) {
		size_t off = (n - SAMPLE) / (SAMPLES - 1) * i;

		got += compress(c, LEVEL_SAMPLE, p + off, SAMPLE, work);
	}
	return got > (size_t)SAMPLES * SAMPLE / GAIN * (GAIN - 1);
}

/*
 * Whether bytes come as often as by chance: then they are compressed or
 * encrypted.  For the sum of the squares of how often each comes, chance gives
 * n + n (n - 1) / 256; letters give more, and a table of all bytes less.
 */
static bool looks_random(const uint8_t *p, size_t n)
{
	const uint32_t by_chance = COUNTED + COUNTED / 256 * (COUNTED - 1);
	uint16_t count[256] = { 0 };
	uint32_t sum = 0;

	p += (n - COUNTED) / 2;
	for (size_t i = 0; i < COUNTED; i++)
		count[p[i]]++;
	for (size_t i = 0; i < ARRAY_LEN(count); i++)
		sum += (uint32_t)count[i] * count[i];
	return sum > by_chance / 100 * 97 && sum < by_chance / 100 * 106;
}

/* Not worth the trying. */
static bool is_dense(struct coder *c, const uint8_t *p, size_t n, char *work)
{
	if (c->compression == COMPRESS_MAX || n < COUNTED)
		return false;
	return n < SAMPLED ? looks_random(p, n) : looks_dense(c, p, n, work);
}

void coder_pack_blob(struct coder *c, enum blob_type t, const void *text,
		     size_t n, const void **out, size_t *out_len,
		     uint32_t *raw_len)
{
	bool tree = t == BLOB_TREE;
	size_t got = n;
	char *at;

	if (n > BLOB_LEN_MAX)
		BUG("a blob of %zu bytes", n);
	*raw_len = 0;
	*out = text;
	*out_len = n;
	if (c->version < 2 || n == 0 ||
	    (c->compression == COMPRESS_OFF && !tree))
		return;
	if (c->packed.cap > PACKED_KEPT)
		buf_free(&c->packed);
	at = buf_room(&c->packed, ZSTD_compressBound(n));
	if (tree || !is_dense(c, text, n, at))
		got = compress(c, level(c), text, n, at);
	if (got >= n && !tree)
		return;
	*raw_len = (uint32_t)n;
	*out = at;
	*out_len = got;
}

void coder_seal_blob(struct coder *c, enum blob_type t, const void *text,
		     size_t n, struct buf *out, uint32_t *raw_len)
{
	const void *packed;
	size_t got;
	char *at;

	coder_pack_blob(c, t, text, n, &packed, &got, raw_len);
	buf_reset(out);
	at = buf_room(out, got + ENVELOPE_EXTRA);
	envelope_seal(c->envelope, packed, got, (uint8_t *)at);
	add_len(out, got + ENVELOPE_EXTRA);
}

/* `n` at least ENVELOPE_EXTRA; the text is appended. */
static int open_envelope(struct coder *c, const uint8_t *p, size_t n,
			 struct buf *out, struct err *e)
{
	char *at;

	if (n < ENVELOPE_EXTRA)
		return err_set(e, ERR_CORRUPT, "%zu bytes are too few", n);
	at = buf_room(out, n - ENVELOPE_EXTRA);
	if (!envelope_open(c->envelope, p, n, at))
		return err_set(e, ERR_CORRUPT, "bad MAC");
	add_len(out, n - ENVELOPE_EXTRA);
	return 0;
}

static ZSTD_DCtx *decompressor(struct coder *c)
{
	if (!c->decompress)
		c->decompress = ZSTD_createDCtx();
	if (!c->decompress)
		BUG("out of memory for zstd");
	return c->decompress;
}

/* The frames at `p` must give `want` bytes, no matter what they say. */
static int decompress(struct coder *c, const void *p, size_t n, size_t want,
		      struct buf *out, struct err *e)
{
	char *at = buf_room(out, want);
	size_t got = ZSTD_decompressDCtx(decompressor(c), at, want, p, n);

	if (ZSTD_isError(got))
		return err_set(e, ERR_CORRUPT, "zstd: %s",
			       ZSTD_getErrorName(got));
	if (got != want)
		return err_set(e, ERR_CORRUPT,
			       "%zu bytes after decompression instead of %zu",
			       got, want);
	add_len(out, got);
	return 0;
}

int coder_open_blob(struct coder *c, const uint8_t *p, size_t n,
		    uint32_t raw_len, struct buf *out, struct err *e)
{
	buf_reset(out);
	if (raw_len > BLOB_LEN_MAX || n > BLOB_LEN_MAX + ENVELOPE_EXTRA)
		return err_set(e, ERR_CORRUPT, "a blob of %zu bytes",
			       raw_len > n ? raw_len : n);
	if (!raw_len)
		return open_envelope(c, p, n, out, e);
	buf_reset(&c->opened);
	if (open_envelope(c, p, n, &c->opened, e) < 0)
		return -1;
	return decompress(c, c->opened.data, c->opened.len, raw_len, out, e);
}

void coder_seal_file(struct coder *c, const void *json, size_t n,
		     struct buf *out)
{
	size_t got = n;
	char *at;

	buf_reset(out);
	at = buf_room(out, 1 + ZSTD_compressBound(n) + ENVELOPE_EXTRA);
	if (c->version < 2) {
		envelope_seal(c->envelope, json, n, (uint8_t *)at);
	} else {
		at[IV] = ENCODED;
		got = 1 + compress(c, level(c), json, n, at + IV + 1);
		envelope_seal(c->envelope, at + IV, got, (uint8_t *)at);
	}
	add_len(out, got + ENVELOPE_EXTRA);
}

/* Several frames, or one that does not say how long its text is. */
static int decompress_stream(struct coder *c, const void *p, size_t n,
			     size_t max, struct buf *out, struct err *e)
{
	ZSTD_DCtx *d = decompressor(c);
	ZSTD_inBuffer in = { .src = p, .size = n };
	size_t left;

	(void)ZSTD_DCtx_reset(d, ZSTD_reset_session_only);
	(void)ZSTD_DCtx_setParameter(d, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	for (;;) {
		ZSTD_outBuffer to = { .dst = buf_room(out, STEP),
				      .size = STEP };

		left = ZSTD_decompressStream(d, &to, &in);
		if (ZSTD_isError(left))
			return err_set(e, ERR_CORRUPT, "zstd: %s",
				       ZSTD_getErrorName(left));
		if (to.pos > max - out->len)
			return err_set(e, ERR_CORRUPT,
				       "more than %zu bytes of text", max);
		add_len(out, to.pos);
		if (in.pos == in.size && (left == 0 || to.pos < to.size))
			break; /* all is taken, and all that came of it given */
	}
	if (left != 0)
		return err_set(e, ERR_CORRUPT, "zstd: cut short");
	return 0;
}

static int decompress_file(struct coder *c, const char *p, size_t n, size_t max,
			   struct buf *out, struct err *e)
{
	unsigned long long len = ZSTD_getFrameContentSize(p, n);

	if (len == ZSTD_CONTENTSIZE_ERROR)
		return err_set(e, ERR_CORRUPT, "no zstd frame");
	if (len == ZSTD_CONTENTSIZE_UNKNOWN ||
	    ZSTD_findFrameCompressedSize(p, n) != n)
		return decompress_stream(c, p, n, max, out, e);
	if (len > max)
		return err_set(e, ERR_CORRUPT, "more than %zu bytes of text",
			       max);
	return decompress(c, p, n, (size_t)len, out, e);
}

int coder_open_file(struct coder *c, const uint8_t *p, size_t n, size_t max,
		    struct buf *out, struct err *e)
{
	struct buf *b = &c->opened;

	buf_reset(out);
	buf_reset(b);
	if (open_envelope(c, p, n, b, e) < 0)
		return -1;
	if (b->len > 0 && b->data[0] == ENCODED)
		return decompress_file(c, b->data + 1, b->len - 1, max, out, e);
	if (b->len == 0 || (b->data[0] != '{' && b->data[0] != '['))
		return err_set(e, ERR_CORRUPT,
			       "neither JSON nor of a known encoding");
	if (b->len > max)
		return err_set(e, ERR_CORRUPT, "more than %zu bytes of text",
			       max);
	buf_add(out, b->data, b->len);
	return 0;
}
