#include "cmd/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/utf8.h"

struct range {
	uint32_t first, last;
};

/* Characters that join the one before, or show nothing. */
static const struct range zero[] = {
	{ 0x0300, 0x036f }, { 0x0483, 0x0489 }, { 0x0591, 0x05bd },
	{ 0x0610, 0x061a }, { 0x064b, 0x065f }, { 0x0e34, 0x0e3a },
	{ 0x0e47, 0x0e4e }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
	{ 0x20d0, 0x20f0 }, { 0xfe20, 0xfe2f },
};

/*
 * Two columns.  The blocks are taken whole where only some of their characters
 * are wide (0x2600..), since a line too short does no harm.
 */
static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x232a },   { 0x23e9, 0x23fa },
	{ 0x25fd, 0x25fe },   { 0x2600, 0x27bf },   { 0x2b05, 0x2b55 },
	{ 0x2e80, 0x303f },   { 0x3041, 0xa4cf },   { 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe10, 0xfe19 },
	{ 0xfe30, 0xfe6f },   { 0xff01, 0xff60 },   { 0xffe0, 0xffe6 },
	{ 0x16fe0, 0x18aff }, { 0x1aff0, 0x1b2ff }, { 0x1f000, 0x1faff },
	{ 0x20000, 0x3fffd },
};

static bool within(const struct range *r, size_t n, uint32_t c)
{
	size_t low = 0;

	while (low < n) {
		size_t mid = low + (n - low) / 2;

		if (c < r[mid].first)
			n = mid;
		else if (c > r[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static size_t columns(uint32_t c)
{
	if (c < 0x300)
		return 1;
	if (within(zero, ARRAY_LEN(zero), c))
		return 0;
	return within(wide, ARRAY_LEN(wide), c) ? 2 : 1;
}

/* The character at `s`, which is valid UTF-8, and its length. */
static uint32_t decode(const char *s, size_t *len)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t c = p[0];

	*len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (*len > 1)
		c &= 0xffu >> (*len + 1);
	for (size_t i = 1; i < *len; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

/* The length of a colour sequence at `s`, or 0. */
static size_t escape_len(const char *s, size_t n)
{
	size_t i = 2;

	if (n < 3 || s[0] != '\033' || s[1] != '[')
		return 0;
	while (i < n && (s[i] < '@' || s[i] > '~'))
		i++;
	return i < n ? i + 1 : n;
}

size_t text_width(const char *s, size_t n)
{
	size_t width = 0;

	for (size_t i = 0, len; i < n; i += len) {
		len = escape_len(s + i, n - i);
		if (len == 0)
			width += columns(decode(s + i, &len));
	}
	return width;
}

/* Bytes from the front of `s` that fit into `width` columns. */
static size_t head(const char *s, size_t n, size_t width)
{
	size_t i = 0, len;

	for (; i < n; i += len) {
		size_t w = columns(decode(s + i, &len));

		if (w > width)
			break;
		width -= w;
	}
	return i;
}

/* Where the end of `s` that fits into `width` columns begins. */
static size_t tail(const char *s, size_t n, size_t width)
{
	size_t skip = text_width(s, n), i = 0, len;

	skip -= width < skip ? width : skip;
	for (size_t gone = 0; i < n && gone < skip; i += len)
		gone += columns(decode(s + i, &len));
	/* what would join the character that was cut off */
	while (i < n && columns(decode(s + i, &len)) == 0)
		i += len;
	return i;
}

size_t text_fit(struct buf *b, const char *name, size_t width, bool unicode)
{
	const char *dots = unicode ? "\u2026" : "...";
	size_t room = unicode ? 1 : 3, before = b->len;
	struct buf safe = BUF_INIT;

	utf8_add_printable(&safe, name, strlen(name));
	if (text_width(safe.data, safe.len) <= width) {
		buf_add(b, safe.data, safe.len);
	} else if (width <= room) {
		buf_add(b, safe.data, head(safe.data, safe.len, width));
	} else {
		size_t front = (width - room) / 2;
		size_t from = tail(safe.data, safe.len, width - room - front);

		buf_add(b, safe.data, head(safe.data, safe.len, front));
		buf_adds(b, dots);
		buf_add(b, safe.data + from, safe.len - from);
	}
	buf_free(&safe);
	return text_width(b->data + before, b->len - before);
}

bool text_is_unicode(void)
{
	static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = getenv(names[i]);

		if (value && *value)
			return strcasestr(value, "utf-8") ||
			       strcasestr(value, "utf8");
	}
	return false;
}

void text_add_count(struct buf *b, int64_t n)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, n);

	for (int i = 0; i < len; i++) {
		if (i > 0 && digits[i - 1] != '-' && (len - i) % 3 == 0)
			buf_adds(b, ",");
		buf_add(b, &digits[i], 1);
	}
}

struct wrap {
	struct buf *out;
	size_t at, indent, width;
	bool start; /* nothing stands in this line yet */
};

static void wrap_break(struct wrap *w)
{
	buf_addf(w->out, "\n%*s", (int)w->indent, "");
	w->at = w->indent;
	w->start = true;
}

static void wrap_word(struct wrap *w, const char *word, size_t n)
{
	size_t cols = text_width(word, n);

	if (!w->start && w->at + 1 + cols > w->width)
		wrap_break(w);
	if (!w->start) {
		buf_adds(w->out, " ");
		w->at++;
	}
	buf_add(w->out, word, n);
	w->at += cols;
	w->start = false;
}

static void wrap_words(struct wrap *w, const char *line, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		i += strspn(line + i, " ");
		len = strcspn(line + i, " \n");
		if (i < n)
			wrap_word(w, line + i, len);
	}
}

void text_wrap(struct buf *b, const char *text, size_t at, size_t indent,
	       size_t width)
{
	struct wrap w = { .out = b,
			  .at = at,
			  .indent = indent,
			  .width = width,
			  .start = true };
	const char *next;

	for (const char *line = text; *line; line = next) {
		size_t n = strcspn(line, "\n");

		next = line + n + (line[n] == '\n');
		if (*line != ' ' && n > 0) {
			wrap_words(&w, line, n);
			continue;
		}
		if (!w.start)
			wrap_break(&w);
		if (n == 0) {
			buf_cut(b, b->len - w.indent);
			wrap_break(&w);
			continue;
		}
		buf_add(b, line, n);
		w.at = width; /* the next word begins a line */
		w.start = false;
	}
}
