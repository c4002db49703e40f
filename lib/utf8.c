#include "lib/utf8.h"

/* Length of the character at `s`, or 0 if these bytes are not UTF-8. */
static size_t char_len(const unsigned char *s, size_t n)
{
	unsigned char c = s[0], low = 0x80, high = 0xbf;
	size_t len;

	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	switch (c) { /* RFC 3629, section 4: the second byte's range */
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	}
	if (s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

bool utf8_valid(const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	while (n) {
		size_t len = char_len(p, n);

		if (len == 0)
			return false;
		p += len;
		n -= len;
	}
	return true;
}

static void add_escaped(struct buf *b, unsigned char c)
{
	switch (c) {
	case '\n': buf_adds(b, "\\n"); break;
	case '\r': buf_adds(b, "\\r"); break;
	case '\t': buf_adds(b, "\\t"); break;
	default: buf_addf(b, "\\x%02x", c); break;
	}
}

void utf8_add_printable(struct buf *b, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	while (n) {
		size_t len = char_len(p, n);
		bool c1 = len == 2 && p[0] == 0xc2 && p[1] < 0xa0;

		if (len == 0 || c1 || p[0] < 0x20 || p[0] == 0x7f) {
			len = len ? len : 1;
			for (size_t i = 0; i < len; i++)
				add_escaped(b, p[i]);
		} else {
			buf_add(b, p, len);
		}
		p += len;
		n -= len;
	}
}

void utf8_add_valid(struct buf *b, const char *s, size_t n)
{
	const unsigned char *p = (const unsigned char *)s;

	while (n) {
		size_t len = char_len(p, n);

		if (len == 0) {
			buf_adds(b, "\xef\xbf\xbd");
			len = 1;
		} else {
			buf_add(b, p, len);
		}
		p += len;
		n -= len;
	}
}
