/*
 * Names as rclone's encoder for Jottacloud writes them (Slash, LtGt,
 * DoubleQuote, Colon, Question, Asterisk, Pipe, Percent, Del, Ctl, InvalidUtf8,
 * Dot), so that both programs show the same names:
 *
 *	" * : < > ? | %		the full-width look-alike
 *	0x01..0x1f, 0x7f	the picture of the control character
 *	a look-alike itself	with U+201B in front
 *	U+201B			twice
 *	a byte that is no UTF-8	U+201B and two hexadecimal digits
 *	a blank at either end	U+2420
 *
 * Where the two differ:
 *
 * - Blanks at the ends are said not to be stored; rclone leaves them.  It shows
 *   the same names as ferry with LeftSpace,RightSpace added to its encoding.
 * - Older rclone (1.60, say) does not map '%'.
 * - What stands for '/', NUL, "." and ".." in rclone's names is left alone in
 *   both directions: no name can hold them, and a disk that rclone has copied
 *   from shows the same look-alikes.  U+201B and "2F" or "00" stays so, too.
 */
#include "backends/jotta/jotta.h"

#include <string.h>

#include "lib/utf8.h"

#define QUOTE       0x201bu
#define FULL_OFFSET 0xfee0u /* from ASCII to full width */
#define PICTURES    0x2400u /* of the control characters */
#define PICTURE_DEL 0x2421u
#define PICTURE_GAP 0x2420u /* of a blank; only at the ends of a name */

static const char full_width[] = "\"*:<>?|%";

/* What stands for a byte of ASCII, or 0 if it may stay. */
static uint32_t look_alike(unsigned char c)
{
	if (c >= 0x01 && c <= 0x1f)
		return PICTURES + c;
	if (c == 0x7f)
		return PICTURE_DEL;
	return c && strchr(full_width, c) ? FULL_OFFSET + c : 0;
}

/* The other way round: the byte, or 0 if `c` stands for none. */
static unsigned char behind(uint32_t c)
{
	if (c > PICTURES && c <= PICTURES + 0x1f)
		return (unsigned char)(c - PICTURES);
	if (c == PICTURE_DEL)
		return 0x7f;
	if (c > FULL_OFFSET && c < FULL_OFFSET + 0x7f &&
	    strchr(full_width, (int)(c - FULL_OFFSET)))
		return (unsigned char)(c - FULL_OFFSET);
	return 0;
}

static bool is_special(uint32_t c, bool at_end)
{
	return c == QUOTE || behind(c) || (at_end && c == PICTURE_GAP);
}

/* The length of the character that `s` begins with; 0 if it is none. */
static size_t char_len(const char *s, size_t n)
{
	for (size_t k = 1; k <= 4 && k <= n; k++)
		if (utf8_valid(s, k))
			return k;
	return 0;
}

/* The code point of three bytes: all that matter here have so many. */
static uint32_t three(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;

	return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 |
	       (uint32_t)(p[2] & 0x3f);
}

static void add_three(struct buf *b, uint32_t c)
{
	const char bytes[3] = { (char)(0xe0 | c >> 12),
				(char)(0x80 | (c >> 6 & 0x3f)),
				(char)(0x80 | (c & 0x3f)) };

	buf_add(b, bytes, sizeof(bytes));
}

static void encode_char(struct buf *b, const char *p, size_t len, bool at_end)
{
	uint32_t other = 0;

	if (len == 1)
		other = *p == ' ' && at_end ? PICTURE_GAP
					    : look_alike((unsigned char)*p);
	if (other) {
		add_three(b, other);
		return;
	}
	if (len == 3 && is_special(three(p), at_end))
		add_three(b, QUOTE);
	buf_add(b, p, len);
}

void jotta_encode(struct buf *b, const char *name)
{
	size_t n = strlen(name), len;

	for (const char *p = name; n; p += len, n -= len) {
		len = char_len(p, n);
		if (len) {
			encode_char(b, p, len, p == name || len == n);
			continue;
		}
		add_three(b, QUOTE);
		buf_addf(b, "%02X", (unsigned)(unsigned char)*p);
		len = 1;
	}
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) & 15 : -1;
}

/* The byte that two digits mean; 0 for none, and for what no name can hold. */
static char quoted_byte(const char *s)
{
	int high = hex_digit(s[0]), low = high < 0 ? -1 : hex_digit(s[1]);
	char c = '\0';

	if (low >= 0)
		c = (char)(high << 4 | low);
	return c == '/' ? '\0' : c;
}

/* What follows a QUOTE at `p`, `n` bytes: how much of it has been read. */
static size_t decode_quoted(struct buf *b, const char *p, size_t n, bool first)
{
	size_t len = char_len(p, n);
	char c;

	if (len == 3 && is_special(three(p), first || len == n)) {
		buf_add(b, p, len);
		return len;
	}
	c = n >= 2 ? quoted_byte(p) : '\0';
	if (c) {
		buf_add(b, &c, 1);
		return 2;
	}
	add_three(b, QUOTE); /* it quotes nothing */
	return 0;
}

static void decode_char(struct buf *b, const char *p, size_t len, bool at_end)
{
	char c = '\0';

	if (len == 3 && at_end && three(p) == PICTURE_GAP)
		c = ' ';
	else if (len == 3)
		c = (char)behind(three(p));
	if (c)
		buf_add(b, &c, 1);
	else
		buf_add(b, p, len);
}

void jotta_decode(struct buf *b, const char *raw)
{
	size_t n = strlen(raw), len;

	for (const char *p = raw; n; p += len, n -= len) {
		len = char_len(p, n);
		if (len == 0)
			len = 1;
		if (len == 3 && three(p) == QUOTE)
			len += decode_quoted(b, p + len, n - len, p == raw);
		else
			decode_char(b, p, len, p == raw || len == n);
	}
}

bool jotta_is_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}
