#include "repo/tree_scan.h"

#include <string.h>

#include "lib/utf8.h"

int scan_bad(const struct tree_reader *r, struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, "byte %zu of the tree: %s",
		       (size_t)(r->at - r->text), what);
}

char scan_peek(struct tree_reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' ||
				  *r->at == '\t' || *r->at == '\r'))
		r->at++;
	return r->at < r->end ? *r->at : '\0';
}

bool scan_take(struct tree_reader *r, char c)
{
	if (scan_peek(r) != c || r->at == r->end)
		return false;
	r->at++;
	return true;
}

static bool take_word(struct tree_reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

bool scan_null(struct tree_reader *r)
{
	return scan_peek(r) == 'n' && take_word(r, "null");
}

/* Of \uXXXX; -1 if these are not four hexadecimal digits. */
static int32_t unit(const char *s, size_t n)
{
	int32_t value = 0;

	if (n < 4)
		return -1;
	for (size_t i = 0; i < 4; i++) {
		char c = s[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			value = value << 4 | ((c | 0x20) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

static size_t put_utf8(char *out, uint32_t c)
{
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(len == 1 ? c : (0xf00u >> len & 0xf0) | c);
	return len;
}

/*
 * What is behind a backslash, which is never longer when decoded: how long it
 * is in the text, or 0.
 */
static size_t unescape(const char *s, size_t n, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *simple = n && s[0] ? strchr(from, s[0]) : NULL;
	int32_t high, low;

	if (simple) {
		*(*out)++ = to[simple - from];
		return 1;
	}
	high = n && s[0] == 'u' ? unit(s + 1, n - 1) : -1;
	if (high < 0 || (high >= 0xdc00 && high < 0xe000))
		return 0;
	if (high < 0xd800 || high >= 0xe000) {
		*out += put_utf8(*out, (uint32_t)high);
		return 5;
	}
	if (n < 11 || s[5] != '\\' || s[6] != 'u')
		return 0;
	low = unit(s + 7, n - 7);
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	*out += put_utf8(*out, (uint32_t)(0x10000 + ((high - 0xd800) << 10) +
					  (low - 0xdc00)));
	return 11;
}

static int decode(struct tree_reader *r, struct span *text, struct err *e)
{
	const char *s = text->s, *end = s + text->n;
	char *start = arena_alloc(r->a, text->n + 1), *out = start;

	while (s < end) {
		const char *slash = memchr(s, '\\', (size_t)(end - s));
		size_t plain = (size_t)((slash ? slash : end) - s), len;

		memcpy(out, s, plain);
		out += plain;
		s += plain;
		if (s == end)
			break;
		len = unescape(s + 1, (size_t)(end - s) - 1, &out);
		if (len == 0)
			return scan_bad(r, e, "bad escape in a string");
		s += 1 + len;
	}
	*text = (struct span){ start, (size_t)(out - start) };
	return 0;
}

/* `r` behind the string, `out` as it stands; `escaped` says to decode. */
static int find_string(struct tree_reader *r, struct span *out, bool *escaped,
		       struct err *e)
{
	unsigned wide = 0;
	const char *s;

	*escaped = false;
	if (!scan_take(r, '"'))
		return scan_bad(r, e, "no string");
	for (s = r->at; s < r->end && *s != '"'; s++) {
		uint8_t c = (uint8_t)*s;

		if (c < ' ') {
			r->at = s;
			return scan_bad(r, e, "control character in a string");
		}
		wide |= c;
		if (c == '\\') {
			*escaped = true;
			if (++s == r->end)
				break;
		}
	}
	if (s >= r->end)
		return scan_bad(r, e, "string without end");
	*out = (struct span){ r->at, (size_t)(s - r->at) };
	if (wide & 0x80 && !utf8_valid(out->s, out->n))
		return scan_bad(r, e, "string that is not UTF-8");
	r->at = s + 1;
	return 0;
}

int scan_string(struct tree_reader *r, struct span *out, struct err *e)
{
	bool escaped;

	if (find_string(r, out, &escaped, e) < 0)
		return -1;
	return escaped ? decode(r, out, e) : 0;
}

int scan_text(struct tree_reader *r, struct span *out, struct err *e)
{
	bool escaped;

	if (find_string(r, out, &escaped, e) < 0)
		return -1;
	if (!escaped) {
		char *copy = arena_alloc(r->a, out->n + 1);

		memcpy(copy, out->s, out->n);
		out->s = copy;
		return 0;
	}
	if (decode(r, out, e) < 0)
		return -1;
	if (memchr(out->s, '\0', out->n))
		return scan_bad(r, e, "NUL in a string");
	return 0;
}

static bool is_digit(const struct tree_reader *r)
{
	return r->at < r->end && *r->at >= '0' && *r->at <= '9';
}

int scan_number(struct tree_reader *r, uint64_t most, uint64_t *out,
		struct err *e)
{
	const char *start;

	scan_peek(r);
	start = r->at;
	*out = 0;
	if (!is_digit(r))
		return scan_bad(r, e, "no number");
	for (; is_digit(r); r->at++)
		if (__builtin_mul_overflow(*out, UINT64_C(10), out) ||
		    __builtin_add_overflow(*out, (uint64_t)(*r->at - '0'),
					   out) ||
		    *out > most)
			return scan_bad(r, e, "number out of range");
	if (*start == '0' && r->at - start > 1)
		return scan_bad(r, e, "number that begins with 0");
	if (r->at < r->end && strchr(".eE", *r->at) && *r->at)
		return scan_bad(r, e, "number that is not whole");
	return 0;
}

static int skip_number(struct tree_reader *r, struct err *e)
{
	const char *start;

	if (r->at < r->end && *r->at == '-')
		r->at++;
	start = r->at;
	while (is_digit(r))
		r->at++;
	if (r->at == start || (*start == '0' && r->at - start > 1))
		return scan_bad(r, e, "bad number");
	if (r->at < r->end && *r->at == '.') {
		start = ++r->at;
		while (is_digit(r))
			r->at++;
		if (r->at == start)
			return scan_bad(r, e, "bad number");
	}
	if (r->at < r->end && (*r->at | 0x20) == 'e') {
		r->at++;
		if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
			r->at++;
		start = r->at;
		while (is_digit(r))
			r->at++;
		if (r->at == start)
			return scan_bad(r, e, "bad number");
	}
	return 0;
}

int scan_more(struct tree_reader *r, char close, bool *first, struct err *e)
{
	if (scan_take(r, close))
		return 0;
	if (!*first && !scan_take(r, ','))
		return scan_bad(r, e, "neither a comma nor an end");
	*first = false;
	return 1;
}

int scan_key(struct tree_reader *r, bool *first, struct span *key,
	     struct err *e)
{
	int more = scan_more(r, '}', first, e);

	if (more <= 0)
		return more;
	if (scan_string(r, key, e) < 0)
		return -1;
	return scan_take(r, ':') ? 1 : scan_bad(r, e, "no colon");
}

static int skip_members(struct tree_reader *r, unsigned depth, struct err *e)
{
	bool object = *r->at == '{', first = true;
	struct span key;
	int more;

	if (depth >= TREE_DEPTH)
		return scan_bad(r, e, "nested too deep");
	r->at++;
	for (;;) {
		more = object ? scan_key(r, &first, &key, e)
			      : scan_more(r, ']', &first, e);
		if (more <= 0)
			return more;
		if (scan_skip(r, depth + 1, e) < 0)
			return -1;
	}
}

int scan_skip(struct tree_reader *r, unsigned depth, struct err *e)
{
	struct span ignored;

	switch (scan_peek(r)) {
	case '{':
	case '[': return skip_members(r, depth, e);
	case '"': return scan_string(r, &ignored, e);
	case 't': return take_word(r, "true") ? 0 : scan_bad(r, e, "no value");
	case 'f': return take_word(r, "false") ? 0 : scan_bad(r, e, "no value");
	case 'n': return take_word(r, "null") ? 0 : scan_bad(r, e, "no value");
	default: return skip_number(r, e);
	}
}
