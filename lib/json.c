#include "lib/json.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_PARENT_LINKS /* or a ',' costs a walk over all that is before */
#include <jsmn.h>

#include "lib/parse.h"
#include "lib/utf8.h"

enum {
	TEXT_MAX = 256 * 1024 * 1024,
	TOKENS_MAX = 4 * 1024 * 1024,
};

/*
 * jsmn finds where the values are but is lenient about what is between them.
 * So its tokens are read along with the text, and every byte is accounted for.
 */
struct reader {
	const char *text;
	size_t at, n;
	const jsmntok_t *token, *last; /* the next one; after the last */
	struct arena *arena;
	struct err *e;
};

static int corrupt(struct reader *r, size_t at, const char *what)
{
	return err_set(r->e, ERR_CORRUPT, "JSON, byte %zu: %s", at, what);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_space(struct reader *r)
{
	while (r->at < r->n && strchr(" \t\r\n", r->text[r->at]) &&
	       r->text[r->at])
		r->at++;
}

/* The next byte that is not space, or 0 at the end. */
static char peek(struct reader *r)
{
	skip_space(r);
	return r->at < r->n ? r->text[r->at] : '\0';
}

/* Four hexadecimal digits; -1 if they are none. */
static long hex4(const char *p, const char *end)
{
	long v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = parse_hex_digit(p[i]);

		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

/* At most as long as its \u escape, or two of them. */
static char *put_utf8(char *out, long c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* `*p` is behind "\u"; NULL if no character is there. */
static char *decode_unicode(const char **p, const char *end, char *out)
{
	long c = hex4(*p, end), low;

	if (c < 0 || (c >= 0xdc00 && c < 0xe000))
		return NULL;
	*p += 4;
	if (c < 0xd800 || c >= 0xe000)
		return put_utf8(out, c);
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return NULL;
	low = hex4(*p + 2, end);
	if (low < 0xdc00 || low >= 0xe000)
		return NULL;
	*p += 6;
	return put_utf8(out, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
}

/* `*p` is behind the backslash; NULL if this is no escape. */
static char *decode_escape(const char **p, const char *end, char *out)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char meaning[] = "\"\\/\b\f\n\r\t";
	const char *found;
	char c;

	if (*p == end)
		return NULL;
	c = *(*p)++;
	if (c == 'u')
		return decode_unicode(p, end, out);
	found = c ? strchr(letters, c) : NULL;
	if (!found)
		return NULL;
	*out++ = meaning[found - letters];
	return out;
}

static int read_string(struct reader *r, const jsmntok_t *t, const char **text,
		       size_t *len)
{
	const char *p = r->text + t->start, *end = r->text + t->end;
	char *start = arena_alloc(r->arena, (size_t)(end - p) + 1);
	char *out = start;

	if (!utf8_valid(p, (size_t)(end - p)))
		return corrupt(r, r->at, "a string that is not UTF-8");
	while (p < end) {
		if ((unsigned char)*p < 0x20)
			return corrupt(r, (size_t)(p - r->text),
				       "a control character in a string");
		if (*p != '\\') {
			*out++ = *p++;
			continue;
		}
		p++;
		out = decode_escape(&p, end, out);
		if (!out)
			return corrupt(r, (size_t)(p - r->text),
				       "a wrong escape");
	}
	*text = start;
	*len = (size_t)(out - start);
	r->at = (size_t)t->end + 1;
	return 0;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

static bool is_number(const char *p, const char *end)
{
	const char *digits;

	if (p < end && *p == '-')
		p++;
	digits = p;
	p = skip_digits(p, end);
	if (p == digits || (*digits == '0' && p - digits > 1))
		return false;
	if (p < end && *p == '.') {
		digits = ++p;
		p = skip_digits(p, end);
		if (p == digits)
			return false;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return false;
	}
	return p == end;
}

static int read_primitive(struct reader *r, const jsmntok_t *t,
			  struct json_node *out)
{
	static const struct {
		const char *text;
		enum json_type type;
	} words[] = {
		{ "null", JSON_NULL },
		{ "true", JSON_BOOL },
		{ "false", JSON_BOOL },
	};
	const char *p = r->text + t->start;
	size_t len = (size_t)(t->end - t->start);
	char *copy = arena_alloc(r->arena, len + 1);

	memcpy(copy, p, len);
	out->text = copy;
	out->len = len;
	r->at = (size_t)t->end;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i].text) == len &&
		    memcmp(words[i].text, p, len) == 0) {
			out->type = words[i].type;
			return 0;
		}
	out->type = JSON_NUMBER;
	if (!is_number(p, p + len))
		return corrupt(r, (size_t)t->start, "no value");
	return 0;
}

/* The token that starts here, or NULL with the error set. */
static const jsmntok_t *next_token(struct reader *r)
{
	const jsmntok_t *t = r->token;
	size_t start;

	skip_space(r);
	if (!t || t == r->last) {
		corrupt(r, r->at, "a value is missing");
		return NULL;
	}
	start = (size_t)t->start - (t->type == JSMN_STRING);
	if (start != r->at) {
		corrupt(r, r->at, "something between values");
		return NULL;
	}
	r->token++;
	return t;
}

static int read_key(struct reader *r, struct json_node *out)
{
	const jsmntok_t *t = next_token(r);
	size_t len;

	if (!t)
		return -1;
	if (t->type != JSMN_STRING)
		return corrupt(r, r->at, "a key that is no string");
	if (read_string(r, t, &out->key, &len) < 0)
		return -1;
	if (strlen(out->key) != len) /* "a\u0000b" must not pass for "a" */
		return corrupt(r, r->at, "a NUL character in a key");
	if (peek(r) != ':')
		return corrupt(r, r->at, "':' is missing");
	r->at++;
	return 0;
}

static int read_value(struct reader *r, struct json_node *out);

static int read_members(struct reader *r, struct json_node *parent)
{
	bool object = parent->type == JSON_OBJECT;
	char closing = object ? '}' : ']';
	const struct json_node **link = &parent->child;

	r->at++;
	if (peek(r) == closing) {
		r->at++;
		return 0;
	}
	for (;;) {
		struct json_node *n = arena_alloc(r->arena, sizeof(*n));

		if ((object && read_key(r, n) < 0) || read_value(r, n) < 0)
			return -1;
		*link = n;
		link = &n->next;
		if (peek(r) != ',')
			break;
		r->at++;
	}
	if (peek(r) != closing)
		return corrupt(r, r->at, "',' or the end is missing");
	r->at++;
	return 0;
}

/* Recursion is as deep as check_depth() lets it be. */
static int read_value(struct reader *r, struct json_node *out)
{
	const jsmntok_t *t = next_token(r);

	if (!t)
		return -1;
	switch (t->type) {
	case JSMN_STRING:
		out->type = JSON_STRING;
		return read_string(r, t, &out->text, &out->len);
	case JSMN_PRIMITIVE: return read_primitive(r, t, out);
	case JSMN_ARRAY: out->type = JSON_ARRAY; return read_members(r, out);
	case JSMN_OBJECT: out->type = JSON_OBJECT; return read_members(r, out);
	default: return corrupt(r, r->at, "no value");
	}
}

/*
 * jsmn takes any depth and needs its square in time.  What may start a string
 * or a level is the same for it and for us only behind one of these bytes, so
 * none may hide in something like 1"[.
 */
static int check_depth(const char *text, size_t n, struct err *e)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < n; i++) {
		char c = text[i];

		if (in_string) {
			in_string = c != '"';
			i += c == '\\';
			continue;
		}
		if (c == ']' || c == '}')
			depth -= depth > 0;
		if (c != '[' && c != '{' && c != '"')
			continue;
		if (i && !memchr(" \t\r\n,:[{", text[i - 1], 8))
			return err_set(e, ERR_CORRUPT,
				       "JSON, byte %zu: not expected here", i);
		in_string = c == '"';
		depth += c != '"';
		if (depth > JSON_DEPTH_MAX)
			return err_set(e, ERR_CORRUPT,
				       "JSON, byte %zu: nested too deep", i);
	}
	return 0;
}

/* Into `*tokens`, which the caller frees: how many, or -1. */
static int find_tokens(const char *text, size_t n, jsmntok_t **tokens,
		       struct err *e)
{
	jsmn_parser p;
	int count;

	if (n > TEXT_MAX)
		return err_set(e, ERR_CORRUPT, "JSON of %zu bytes", n);
	if (check_depth(text, n, e) < 0)
		return -1;
	jsmn_init(&p);
	count = jsmn_parse(&p, text, n, NULL, 0);
	if (count > TOKENS_MAX)
		return err_set(e, ERR_CORRUPT, "JSON with %d values", count);
	if (count == 0)
		return err_set(e, ERR_CORRUPT, "JSON without a value");
	if (count > 0) {
		*tokens = xcalloc((size_t)count, sizeof(**tokens));
		jsmn_init(&p);
		count = jsmn_parse(&p, text, n, *tokens, (unsigned)count);
	}
	if (count < 0)
		return err_set(e, ERR_CORRUPT, "JSON, byte %u: %s", p.pos,
			       count == JSMN_ERROR_PART ? "the end is missing"
							: "not expected here");
	return count;
}

int json_parse(struct arena *a, const char *text, size_t n,
	       const struct json_node **out, struct err *e)
{
	struct json_node *root = arena_alloc(a, sizeof(*root));
	jsmntok_t *tokens = NULL;
	int count, rc = -1;

	count = find_tokens(text, n, &tokens, e);
	if (count >= 0) {
		struct reader r = {
			.text = text,
			.n = n,
			.token = tokens,
			.last = tokens + count,
			.arena = a,
			.e = e,
		};

		rc = read_value(&r, root);
		skip_space(&r);
		if (rc == 0 && r.at < n)
			rc = corrupt(&r, r.at, "more than one value");
	}
	free(tokens);
	*out = rc < 0 ? NULL : root;
	return rc;
}

const struct json_node *json_get(const struct json_node *obj, const char *key)
{
	const struct json_node *found = NULL;

	if (!obj || obj->type != JSON_OBJECT)
		return NULL;
	for (const struct json_node *n = obj->child; n; n = n->next)
		if (strcmp(n->key, key) == 0)
			found = n;
	return found;
}

const char *json_text(const struct json_node *n, const char *fallback)
{
	return n && n->type == JSON_STRING ? n->text : fallback;
}

int64_t json_number(const struct json_node *n, int64_t fallback)
{
	int64_t v;

	if (!n || n->type != JSON_NUMBER || !parse_int(n->text, &v))
		return fallback;
	return v;
}

bool json_truth(const struct json_node *n, bool fallback)
{
	return n && n->type == JSON_BOOL ? n->text[0] == 't' : fallback;
}
