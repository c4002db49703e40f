#include "lib/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"

enum {
	GLOB_MAX = 16 * 1024,
	STEPS_MAX = 1000 * 1000,
	HEAP_MAX_KIB = 16 * 1024,
};

/* Either may be NULL: then nothing of that sort fits. */
struct pattern {
	pcre2_code *characters; /* for paths that are UTF-8 */
	pcre2_code *bytes;      /* for all other */
	pcre2_match_context *limits;
};

/* The glob on its way to a regular expression. */
struct translation {
	const char *at;
	bool in_braces;
	struct buf out;
	struct err *e;
};

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

static void add_literal(struct buf *b, char c)
{
	if (!is_word(c))
		buf_add(b, "\\", 1);
	buf_add(b, &c, 1);
}

static int add_escaped(struct translation *t)
{
	if (!t->at[1])
		return err_set(t->e, ERR_INVALID, "'\\' at the end");
	add_literal(&t->out, t->at[1]);
	t->at += 2;
	return 0;
}

static int add_stars(struct translation *t)
{
	size_t n = strspn(t->at, "*");

	if (n > 2)
		return err_set(t->e, ERR_INVALID, "more than two '*'");
	buf_adds(&t->out, n == 1 ? "[^/]*" : ".*");
	t->at += n;
	return 0;
}

/* The length of a class like [:alpha:] at `p`, or 0. */
static size_t class_name(const char *p)
{
	size_t n;

	if (p[0] != '[' || p[1] != ':')
		return 0;
	n = strspn(p + 2, "^abcdefghijklmnopqrstuvwxyz");
	return p[2 + n] == ':' && p[3 + n] == ']' ? n + 4 : 0;
}

static int add_set(struct translation *t)
{
	const char *first;
	size_t named;

	buf_add(&t->out, "[", 1);
	t->at++;
	if (*t->at == '!' || *t->at == '^') {
		buf_add(&t->out, "^", 1);
		t->at++;
	}
	first = t->at;
	while (*t->at && (*t->at != ']' || t->at == first)) {
		if (*t->at == '\\') {
			if (add_escaped(t) < 0)
				return -1;
		} else if ((named = class_name(t->at))) {
			buf_add(&t->out, t->at, named);
			t->at += named;
		} else if (*t->at == '-') { /* of a range, as PCRE reads it */
			buf_add(&t->out, t->at++, 1);
		} else {
			add_literal(&t->out, *t->at++);
		}
	}
	if (!*t->at)
		return err_set(t->e, ERR_INVALID, "'[' without ']'");
	buf_add(&t->out, "]", 1);
	t->at++;
	return 0;
}

/* {{re}}: of several places where it could end, the last in a run of '}'. */
static int add_regex(struct translation *t)
{
	const char *start = t->at + 2, *end = strstr(start, "}}");

	if (!end)
		return err_set(t->e, ERR_INVALID, "'{{' without '}}'");
	while (end[2] == '}')
		end++;
	buf_adds(&t->out, "(?:");
	buf_add(&t->out, start, (size_t)(end - start));
	buf_adds(&t->out, ")");
	t->at = end + 2;
	return 0;
}

static int add_brace(struct translation *t)
{
	bool opens = *t->at == '{';

	if (opens && t->at[1] == '{' && !t->in_braces)
		return add_regex(t);
	if (opens && t->in_braces)
		return err_set(t->e, ERR_INVALID, "'{' inside of '{'");
	if (!opens && !t->in_braces)
		return err_set(t->e, ERR_INVALID, "'}' without '{'");
	buf_adds(&t->out, opens ? "(?:" : ")");
	t->in_braces = opens;
	t->at++;
	return 0;
}

static int add_next(struct translation *t)
{
	switch (*t->at) {
	case '\\': return add_escaped(t);
	case '*': return add_stars(t);
	case '[': return add_set(t);
	case '{':
	case '}': return add_brace(t);
	case ']': return err_set(t->e, ERR_INVALID, "']' without '['");
	case '?': buf_adds(&t->out, "[^/]"); break;
	case ',': buf_adds(&t->out, t->in_braces ? "|" : ","); break;
	default: add_literal(&t->out, *t->at);
	}
	t->at++;
	return 0;
}

static int translate(struct translation *t)
{
	if (*t->at == '/') {
		buf_adds(&t->out, "\\A");
		t->at++;
	} else {
		buf_adds(&t->out, "(?:\\A|/)");
	}
	while (*t->at)
		if (add_next(t) < 0)
			return -1;
	if (t->in_braces)
		return err_set(t->e, ERR_INVALID, "'{' without '}'");
	buf_adds(&t->out, "\\z");
	return 0;
}

static pcre2_code *compile(const struct buf *regex, uint32_t options,
			   struct err *e)
{
	int code;
	size_t at;
	pcre2_code *re =
		pcre2_compile((PCRE2_SPTR)regex->data, regex->len,
			      options | PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY |
				      PCRE2_NEVER_BACKSLASH_C,
			      &code, &at, NULL);

	if (!re) {
		PCRE2_UCHAR why[200];

		pcre2_get_error_message(code, why, sizeof(why));
		err_set(e, ERR_INVALID, "%s", (const char *)why);
		return NULL;
	}
	/* where memory cannot be made executable, it is interpreted */
	(void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE);
	return re;
}

static int compile_both(struct pattern *p, const struct buf *regex,
			bool ignore_case, struct err *e)
{
	uint32_t options = ignore_case ? PCRE2_CASELESS : 0;
	struct err other;

	p->limits = pcre2_match_context_create(NULL);
	if (!p->limits)
		BUG("out of memory");
	pcre2_set_match_limit(p->limits, STEPS_MAX);
	pcre2_set_heap_limit(p->limits, HEAP_MAX_KIB);
	p->bytes = compile(regex, options | PCRE2_NEVER_UTF, e);
	if (!utf8_valid(regex->data, regex->len))
		return p->bytes ? 0 : -1;
	p->characters =
		compile(regex, options | PCRE2_UTF, p->bytes ? e : &other);
	return p->characters ? 0 : -1;
}

struct pattern *pattern_new(const char *glob, bool ignore_case, struct err *e)
{
	struct translation t = { .at = glob, .out = BUF_INIT, .e = e };
	struct pattern *p = xcalloc(1, sizeof(*p));
	int rc;

	if (strlen(glob) > GLOB_MAX)
		rc = err_set(e, ERR_INVALID, "longer than %d bytes", GLOB_MAX);
	else
		rc = translate(&t);
	if (rc == 0)
		rc = compile_both(p, &t.out, ignore_case, e);
	if (rc < 0) {
		pattern_free(p);
		p = NULL;
		err_wrap(e, "pattern \"%s\"", glob);
	}
	buf_free(&t.out);
	return p;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	pcre2_code_free(p->characters);
	pcre2_code_free(p->bytes);
	pcre2_match_context_free(p->limits);
	free(p);
}

bool pattern_match(const struct pattern *p, const char *path, size_t n)
{
	bool utf8 = utf8_valid(path, n);
	const pcre2_code *re = utf8 ? p->characters : p->bytes;
	pcre2_match_data *match;
	uint32_t options = utf8 ? PCRE2_NO_UTF_CHECK : 0;
	int rc;

	if (!re)
		return false;
	match = pcre2_match_data_create(1, NULL);
	if (!match)
		BUG("out of memory");
	rc = pcre2_match(re, (PCRE2_SPTR)path, n, 0, options, match, p->limits);
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT) /* the interpreter has more */
		rc = pcre2_match(re, (PCRE2_SPTR)path, n, 0,
				 options | PCRE2_NO_JIT, match, p->limits);
	pcre2_match_data_free(match);
	return rc >= 0;
}
