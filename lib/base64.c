#include "lib/base64.h"

#include <string.h>

static const char standard[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64_encode(struct buf *b, const void *p, size_t n, bool url)
{
	const char *letters = url ? for_urls : standard;
	const uint8_t *at = p;

	while (n) {
		size_t take = n < 3 ? n : 3;
		uint32_t bits = 0;
		char four[4] = { '=', '=', '=', '=' };

		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < take ? at[i] : 0);
		for (size_t i = 0; i <= take; i++)
			four[i] = letters[bits >> (18 - 6 * i) & 63];
		buf_add(b, four, url ? take + 1 : 4);
		at += take;
		n -= take;
	}
}

/* What a letter of either alphabet stands for, or -1. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Cut off blanks and padding; false if that is not as it must be. */
static bool trim(const char **s, size_t *n)
{
	size_t padding = 0;

	while (*n && is_space(**s)) {
		++*s;
		--*n;
	}
	while (*n && is_space((*s)[*n - 1]))
		--*n;
	while (*n && (*s)[*n - 1] == '=') {
		padding++;
		--*n;
	}
	if (padding && (padding > 2 || (*n + padding) % 4 != 0))
		return false;
	return *n % 4 != 1;
}

bool base64_decode(struct buf *b, const char *s, size_t n)
{
	size_t start = b->len;
	unsigned bits = 0, have = 0;

	if (!trim(&s, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		int v = value_of(s[i]);

		if (v < 0)
			goto bad;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		have += 6;
		if (have >= 8) {
			char byte = (char)(bits >> (have - 8) & 0xff);

			have -= 8;
			buf_add(b, &byte, 1);
		}
	}
	/* what is left over is no part of any byte: one text, one meaning */
	if (bits & ((1u << have) - 1))
		goto bad;
	return true;
bad:
	buf_cut(b, start);
	return false;
}
