#include "lib/utf8.h"
#include "repo/tree.h"

/* What stands as it is: all of ASCII but controls and " & < > \ */
static bool is_plain(uint8_t c)
{
	return c >= ' ' && c < 0x80 && c != '"' && c != '&' && c != '<' &&
	       c != '>' && c != '\\';
}

/* As Go 1.22 and newer: older ones have no \b and \f, but \u0008 and \u000c. */
static void add_escaped(struct buf *b, uint8_t c)
{
	static const char letters[] = {
		['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
		['\t'] = 't', ['"'] = '"',  ['\\'] = '\\'
	};
	static const char hex[] = "0123456789abcdef";
	char text[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };

	if (c < sizeof(letters) && letters[c]) {
		text[1] = letters[c];
		buf_add(b, text, 2);
	} else {
		buf_add(b, text, sizeof(text));
	}
}

/* Length of what is at `s` and no ASCII; 0 if it is not UTF-8. */
static size_t wide_len(const char *s, size_t n)
{
	uint8_t c = (uint8_t)s[0];
	size_t len = c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return len <= n && utf8_valid(s, len) ? len : 0;
}

/* A separator of lines is fine in JSON, but was not in JavaScript. */
static bool is_separator(const char *s, size_t len)
{
	return len == 3 && s[0] == '\xe2' && s[1] == '\x80' &&
	       (s[2] == '\xa8' || s[2] == '\xa9');
}

void json_go_string(struct buf *b, const char *s, size_t n)
{
	size_t done = 0;

	buf_add(b, "\"", 1);
	for (size_t i = 0; i < n;) {
		uint8_t c = (uint8_t)s[i];
		size_t len = c < 0x80 ? 1 : wide_len(s + i, n - i);

		if (is_plain(c) ||
		    (c >= 0x80 && len && !is_separator(s + i, len))) {
			i += len;
			continue;
		}
		buf_add(b, s + done, i - done);
		if (c < 0x80)
			add_escaped(b, c);
		else if (len)
			buf_adds(b, s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
		else
			buf_adds(b, "\\ufffd");
		i += len ? len : 1;
		done = i;
	}
	buf_add(b, s + done, n - done);
	buf_add(b, "\"", 1);
}
