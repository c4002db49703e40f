#include <string.h>

#include "lib/utf8.h"
#include "repo/printable.h"
#include "repo/tree.h"

static const char hex[] = "0123456789abcdef";

/* The letters of \a \b \f \n \r \t \v, at 7 to 13. */
static const char short_escapes[] = "abtnvfr";

/*
 * The character at `s`: how many bytes it has, or 0 if they are not UTF-8.
 * utf8_valid() knows the rules, and of the shortest prefix that it takes the
 * first character is all.
 */
static size_t decode(const char *s, size_t n, uint32_t *c)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

	if (len > n || !utf8_valid(s, len))
		return 0;
	*c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		*c = *c << 6 | (p[i] & 0x3fu);
	return len;
}

static void add_hex(struct buf *b, char letter, uint32_t value, unsigned digits)
{
	char text[10] = { '\\', letter };

	for (unsigned i = 0; i < digits; i++)
		text[2 + i] = hex[value >> 4 * (digits - 1 - i) & 15];
	buf_add(b, text, 2 + digits);
}

static void add_quoted(struct buf *b, uint32_t c)
{
	char two[2] = { '\\', (char)c };

	if (c >= 7 && c <= 13)
		two[1] = short_escapes[c - 7];
	if (c == '"' || c == '\\' || (c >= 7 && c <= 13))
		buf_add(b, two, 2);
	else if (c < 0x80)
		add_hex(b, 'x', c, 2);
	else if (c < 0x10000)
		add_hex(b, 'u', c, 4);
	else
		add_hex(b, 'U', c, 8);
}

void quote_add(struct buf *b, const char *s, size_t n)
{
	size_t done = 0;

	for (size_t i = 0; i < n;) {
		uint32_t c = (uint8_t)s[i];
		size_t len = c < 0x80 ? 1 : decode(s + i, n - i, &c);

		if (len && c != '"' && c != '\\' && printable(c)) {
			i += len;
			continue;
		}
		buf_add(b, s + done, i - done);
		if (len == 0)
			add_hex(b, 'x', (uint8_t)s[i], 2);
		else
			add_quoted(b, c);
		i += len ? len : 1;
		done = i;
	}
	buf_add(b, s + done, n - done);
}

static int digit_value(char c)
{
	const char *at = c ? strchr(hex, c | 0x20) : NULL;

	/* | 0x20 makes digits of some control characters */
	return at && (c >= '0') ? (int)(at - hex) : -1;
}

/* `digits` of a base that has `bits` a digit. */
static bool take_digits(const char *s, size_t n, size_t digits, unsigned bits,
			uint32_t *out)
{
	*out = 0;
	if (n < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		int v = digit_value(s[i]);

		if (v < 0 || v >> bits)
			return false;
		*out = *out << bits | (uint32_t)v;
	}
	return true;
}

static void add_utf8(struct buf *b, uint32_t c)
{
	char out[4];
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(len == 1 ? c : (0xf00u >> len & 0xf0) | c);
	buf_add(b, out, len);
}

/* What is behind a backslash: how long it is, or 0 if that is none of Go's. */
static size_t take_escape(struct buf *b, const char *s, size_t n)
{
	const char *at;
	uint32_t c;
	char byte;

	if (n == 0 || s[0] == '\0')
		return 0;
	at = strchr(short_escapes, s[0]);
	if (at || s[0] == '"' || s[0] == '\\') {
		byte = at ? (char)(at - short_escapes + 7) : s[0];
		buf_add(b, &byte, 1);
		return 1;
	}
	if (s[0] == 'u' || s[0] == 'U') {
		size_t digits = s[0] == 'u' ? 4 : 8;

		if (!take_digits(s + 1, n - 1, digits, 4, &c) || c > 0x10ffff ||
		    (c >= 0xd800 && c < 0xe000))
			return 0;
		add_utf8(b, c);
		return 1 + digits;
	}
	if (s[0] == 'x' ? !take_digits(s + 1, n - 1, 2, 4, &c)
			: !take_digits(s, n, 3, 3, &c))
		return 0;
	if (c > 0xff)
		return 0;
	byte = (char)c;
	buf_add(b, &byte, 1);
	return 3;
}

bool quote_parse(struct buf *b, const char *s, size_t n)
{
	size_t start = b->len;

	while (n) {
		const char *slash = memchr(s, '\\', n);
		size_t plain = slash ? (size_t)(slash - s) : n, len;

		if (memchr(s, '"', plain) || memchr(s, '\n', plain))
			goto bad;
		buf_add(b, s, plain);
		if (!slash)
			break;
		len = take_escape(b, slash + 1, n - plain - 1);
		if (len == 0)
			goto bad;
		s += plain + 1 + len;
		n -= plain + 1 + len;
	}
	return true;
bad:
	buf_cut(b, start);
	return false;
}
