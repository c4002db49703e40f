#include "lib/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	size_t len;
	size_t at; /* in struct digests */
} types[HASH_TYPES] = {
	[HASH_MD5] = { "md5", 16, offsetof(struct digests, md5) },
	[HASH_SHA1] = { "sha1", 20, offsetof(struct digests, sha1) },
	[HASH_SHA256] = { "sha256", 32, offsetof(struct digests, sha256) },
};

const char *hash_name(enum hash_type t)
{
	return types[t].name;
}

size_t hash_len(enum hash_type t)
{
	return types[t].len;
}

/* ASCII only: the locale has no say in what a hash is called. */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same_name(const char *given, const char *name)
{
	for (; *given; given++) {
		if (*given == '-')
			continue;
		if (lower(*given) != *name)
			return false;
		name++;
	}
	return *name == '\0';
}

bool hash_find(const char *name, enum hash_type *out)
{
	for (size_t t = 0; t < HASH_TYPES; t++)
		if (same_name(name, types[t].name)) {
			*out = (enum hash_type)t;
			return true;
		}
	return false;
}

uint8_t *digest_of(struct digests *d, enum hash_type t)
{
	return (uint8_t *)d + types[t].at;
}

const uint8_t *digest_in(const struct digests *d, enum hash_type t)
{
	return (const uint8_t *)d + types[t].at;
}

void digest_hex(struct buf *b, const struct digests *d, enum hash_type t)
{
	const uint8_t *p = digest_in(d, t);

	for (size_t i = 0; i < types[t].len; i++)
		buf_addf(b, "%02x", p[i]);
}

int digests_compare(const struct digests *a, const struct digests *b)
{
	unsigned common = a->have & b->have;

	if (common == 0)
		return -1;
	for (size_t t = 0; t < HASH_TYPES; t++)
		if (common & 1u << t &&
		    memcmp(digest_in(a, (enum hash_type)t),
			   digest_in(b, (enum hash_type)t), types[t].len) != 0)
			return 0;
	return 1;
}

struct hasher {
	EVP_MD *md[HASH_TYPES]; /* NULL if not wanted */
	EVP_MD_CTX *ctx[HASH_TYPES];
};

static void check(int ok)
{
	if (ok != 1)
		BUG("libcrypto cannot hash");
}

struct hasher *hasher_new(unsigned want)
{
	struct hasher *h = xcalloc(1, sizeof(*h));

	for (size_t t = 0; t < HASH_TYPES; t++) {
		if (!(want & 1u << t))
			continue;
		/* not for security: so also where FIPS rules MD5 out */
		h->md[t] = EVP_MD_fetch(NULL, types[t].name, "-fips");
		if (!h->md[t])
			continue;
		h->ctx[t] = EVP_MD_CTX_new();
		check(h->ctx[t] != NULL);
		check(EVP_DigestInit_ex2(h->ctx[t], h->md[t], NULL));
	}
	return h;
}

void hasher_add(struct hasher *h, const void *p, size_t n)
{
	for (size_t t = 0; t < HASH_TYPES; t++)
		if (h->ctx[t])
			check(EVP_DigestUpdate(h->ctx[t], p, n));
}

void hasher_end(struct hasher *h, struct digests *out)
{
	*out = (struct digests){ 0 };
	for (size_t t = 0; t < HASH_TYPES; t++) {
		if (!h->ctx[t])
			continue;
		check(EVP_DigestFinal_ex(
			h->ctx[t], digest_of(out, (enum hash_type)t), NULL));
		check(EVP_DigestInit_ex2(h->ctx[t], h->md[t], NULL));
		out->have |= 1u << t;
	}
}

void hasher_free(struct hasher *h)
{
	if (!h)
		return;
	for (size_t t = 0; t < HASH_TYPES; t++) {
		EVP_MD_CTX_free(h->ctx[t]);
		EVP_MD_free(h->md[t]);
	}
	free(h);
}
