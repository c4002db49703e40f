/*
 * SHA256_Init() and its like are deprecated for EVP, which for a blob of 300
 * bytes takes nearly twice as long with a digest fetched once, and more than
 * three times as long without a place to keep that.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "repo/id.h"

#include <openssl/sha.h>

static const char digits[] = "0123456789abcdef";

void id_of(const void *p, size_t n, struct id *out)
{
	SHA256_CTX c;

	if (SHA256_Init(&c) != 1 || SHA256_Update(&c, p, n) != 1 ||
	    SHA256_Final(out->b, &c) != 1)
		BUG("libcrypto cannot hash");
}

static char *hex(const struct id *id, char *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		out[2 * i] = digits[id->b[i] >> 4];
		out[2 * i + 1] = digits[id->b[i] & 15];
	}
	out[2 * bytes] = '\0';
	return out;
}

char *id_hex(const struct id *id, char out[ID_HEX + 1])
{
	return hex(id, out, ID_LEN);
}

char *id_short(const struct id *id, char out[9])
{
	return hex(id, out, 4);
}

/*
 * The values, and a bit that says that it is a digit: a branch for each, which
 * nobody can predict, would take most of the time of reading an index.
 */
enum { DIGIT = 16 };
static const uint8_t values[256] = {
	['0'] = DIGIT,      ['1'] = DIGIT + 1,  ['2'] = DIGIT + 2,
	['3'] = DIGIT + 3,  ['4'] = DIGIT + 4,  ['5'] = DIGIT + 5,
	['6'] = DIGIT + 6,  ['7'] = DIGIT + 7,  ['8'] = DIGIT + 8,
	['9'] = DIGIT + 9,  ['a'] = DIGIT + 10, ['b'] = DIGIT + 11,
	['c'] = DIGIT + 12, ['d'] = DIGIT + 13, ['e'] = DIGIT + 14,
	['f'] = DIGIT + 15,
};

bool id_parse(const char *s, size_t n, struct id *out)
{
	uint8_t all = DIGIT;

	if (n != ID_HEX)
		return false;
	for (size_t i = 0; i < ID_LEN; i++) {
		uint8_t high = values[(uint8_t)s[2 * i]];
		uint8_t low = values[(uint8_t)s[2 * i + 1]];

		all &= high & low;
		out->b[i] = (uint8_t)(high << 4 | (low & 15));
	}
	return all & DIGIT;
}

void id_add_hex(struct buf *b, const struct id *id)
{
	/* buf_room() leaves room for the NUL, too */
	hex(id, buf_room(b, ID_HEX), ID_LEN);
	b->len += ID_HEX;
}
