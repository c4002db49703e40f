#include "repo/pack.h"

enum {
	TAIL = 4,       /* the header's length */
	COMPRESSED = 2, /* bit of an entry's first byte; bit 1: a tree */
	ENTRY = 1 + 4 + ID_LEN,
	ENTRY_COMPRESSED = ENTRY + 4,
	HEADER_MAX = 16 << 20 /* as restic has it: 400,000 blobs */
};

const char *blob_type_name(enum blob_type t)
{
	static const char *const names[BLOB_TYPES] = {
		[BLOB_DATA] = "data",
		[BLOB_TREE] = "tree",
	};

	return names[t];
}

static void put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

static uint32_t get_le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static uint8_t *put_entry(uint8_t *p, const struct pack_blob *b)
{
	bool tree = b->type == BLOB_TREE;

	*p++ = (uint8_t)((b->raw_len ? COMPRESSED : 0) | tree);
	put_le32(p, b->len);
	p += 4;
	if (b->raw_len) {
		put_le32(p, b->raw_len);
		p += 4;
	}
	memcpy(p, b->id.b, ID_LEN);
	return p + ID_LEN;
}

size_t pack_header_len(const struct pack_blob *blobs, size_t n)
{
	size_t len = ENVELOPE_EXTRA + TAIL;

	for (size_t i = 0; i < n; i++)
		len += blobs[i].raw_len ? ENTRY_COMPRESSED : ENTRY;
	return len;
}

void pack_header_add(struct buf *b, struct envelope *v,
		     const struct pack_blob *blobs, size_t n)
{
	size_t len = pack_header_len(blobs, n);
	size_t sealed = len - TAIL;
	uint8_t *at = (uint8_t *)buf_room(b, len);
	uint8_t *text = at + ENVELOPE_EXTRA / 2, *p = text;

	if (sealed > HEADER_MAX)
		BUG("a pack of %zu blobs", n);
	for (size_t i = 0; i < n; i++)
		p = put_entry(p, &blobs[i]);
	envelope_seal(v, text, (size_t)(p - text), at);
	put_le32(at + sealed, (uint32_t)sealed);
	b->len += len;
	b->data[b->len] = '\0';
}

int pack_header_size(const uint8_t tail[4], int64_t size, size_t *out,
		     struct err *e)
{
	uint32_t len = get_le32(tail);

	if (size < TAIL || size > UINT32_MAX)
		return err_set(e, ERR_CORRUPT, "a pack of %lld bytes",
			       (long long)size);
	if (len < ENVELOPE_EXTRA + ENTRY || len > HEADER_MAX ||
	    len > size - TAIL)
		return err_set(e, ERR_CORRUPT,
			       "a header of %u bytes in a pack of %lld", len,
			       (long long)size);
	*out = len;
	return 0;
}

/* The entry at `p`; NULL if it is none, else what follows it. */
static const uint8_t *get_entry(const uint8_t *p, const uint8_t *end,
				struct pack_blob *b)
{
	size_t len = ENTRY;
	bool compressed;

	if (p == end || *p > (COMPRESSED | 1))
		return NULL;
	compressed = *p & COMPRESSED;
	if (compressed)
		len = ENTRY_COMPRESSED;
	if ((size_t)(end - p) < len)
		return NULL;
	b->type = *p & 1 ? BLOB_TREE : BLOB_DATA;
	b->len = get_le32(p + 1);
	b->raw_len = compressed ? get_le32(p + 5) : 0;
	memcpy(b->id.b, p + len - ID_LEN, ID_LEN);
	if (b->len < ENVELOPE_EXTRA || (compressed && !b->raw_len))
		return NULL;
	return p + len;
}

static int parse_entries(const uint8_t *p, size_t n, uint64_t blobs_len,
			 struct pack_blobs *out, struct err *e)
{
	const uint8_t *end = p + n;
	uint64_t off = 0;

	while (p < end) {
		struct pack_blob b = { .off = (uint32_t)off };

		p = get_entry(p, end, &b);
		if (!p)
			return err_set(e, ERR_CORRUPT,
				       "bad entry in a pack's header");
		off += b.len;
		if (off > blobs_len)
			break;
		*pack_blobs_add(out) = b;
	}
	if (off != blobs_len)
		return err_set(e, ERR_CORRUPT,
			       "the blobs of a pack's header do not end where "
			       "it begins");
	return 0;
}

int pack_header_parse(struct envelope *v, const uint8_t *p, size_t n,
		      int64_t size, struct pack_blobs *out, struct err *e)
{
	struct buf text = BUF_INIT;
	size_t had = out->n;
	int rc = -1;

	if (n < ENVELOPE_EXTRA + ENTRY || n > HEADER_MAX ||
	    size < TAIL + (int64_t)n || size > UINT32_MAX) {
		err_set(e, ERR_CORRUPT,
			"a header of %zu bytes in a pack of %lld", n,
			(long long)size);
		goto out;
	}
	if (!envelope_open(v, p, n, buf_room(&text, n))) {
		err_set(e, ERR_CORRUPT, "bad MAC of a pack's header");
		goto out;
	}
	if (parse_entries((uint8_t *)text.data, n - ENVELOPE_EXTRA,
			  (uint64_t)size - TAIL - n, out, e) < 0) {
		out->n = had;
		goto out;
	}
	rc = 0;
out:
	buf_free(&text);
	return rc;
}
