#include "repo/exclude.h"

#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/fold.h"
#include "lib/vec.h"

enum { PARTS_MAX = 1000 };

VEC(parts, char *);

struct pattern {
	struct parts parts; /* between the '/'; "**" is any number of these */
	char *text;         /* what they point into */
	bool rooted, negated, ignore_case;
};

VEC(pattern_list, struct pattern);

struct patterns {
	struct pattern_list list;
	bool any_folded;
};

struct patterns *patterns_new(void)
{
	return xcalloc(1, sizeof(struct patterns));
}

void patterns_free(struct patterns *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->list.n; i++) {
		parts_free(&p->list.at[i].parts);
		free(p->list.at[i].text);
	}
	pattern_list_free(&p->list);
	free(p);
}

bool patterns_empty(const struct patterns *p)
{
	return p->list.n == 0;
}

/* How many bytes the character at `s` has: one of UTF-8, or a single byte. */
static size_t char_len(const char *s)
{
	unsigned char c = (unsigned char)*s;
	size_t n = c < 0xc2   ? 1
		   : c < 0xe0 ? 2
		   : c < 0xf0 ? 3
		   : c < 0xf5 ? 4
			      : 1;

	for (size_t i = 1; i < n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return 1;
	return n;
}

static uint32_t char_value(const char *s)
{
	size_t n = char_len(s);
	uint32_t v = (unsigned char)*s;

	if (n > 1)
		v &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++)
		v = v << 6 | ((unsigned char)s[i] & 0x3f);
	return v;
}

/* A character of a class, '\' taken away; NULL if there is none. */
static const char *class_char(const char *p, uint32_t *value)
{
	if (*p == '\\')
		p++;
	else if (*p == '-' || *p == ']')
		return NULL;
	if (*p == '\0')
		return NULL;
	*value = char_value(p);
	return p + char_len(p);
}

/*
 * Behind "[": where the class ends, NULL if it never does; `*in` says whether
 * `c` is one of it.
 */
static const char *match_class(const char *p, uint32_t c, bool *in)
{
	bool negated = *p == '^';
	size_t ranges = 0;

	*in = false;
	for (p += negated; *p != ']' || ranges == 0; ranges++) {
		uint32_t low, high;

		p = class_char(p, &low);
		if (!p)
			return NULL;
		high = low;
		if (*p == '-') {
			p = class_char(p + 1, &high);
			if (!p)
				return NULL;
		}
		*in = *in || (low <= c && c <= high);
	}
	*in = *in != negated;
	return p + 1;
}

/* One character of the pattern that is no '*' against one of the name. */
static const char *match_one(const char *p, const char *s)
{
	bool in;

	if (*p == '[') {
		p = match_class(p + 1, char_value(s), &in);
		return p && in ? p : NULL;
	}
	if (*p == '?')
		return p + 1;
	if (*p == '\\' && p[1])
		p++;
	return char_value(p) == char_value(s) ? p + char_len(p) : NULL;
}

/* One component: Go's filepath.Match(). */
static bool match_part(const char *p, const char *s, size_t n)
{
	const char *end = s + n, *star = NULL, *resume = NULL;

	while (s < end || *p) {
		const char *next = NULL;

		if (*p == '*') {
			star = ++p;
			resume = s;
			continue;
		}
		if (*p && s < end)
			next = match_one(p, s);
		if (next) {
			p = next;
			s += char_len(s);
			continue;
		}
		if (!star || resume >= end)
			return false;
		resume += char_len(resume); /* the last '*' takes one more */
		s = resume;
		p = star;
	}
	return true;
}

/* The components of a path, which has no '/' at its ends. */
struct path_part {
	const char *at;
	size_t len;
};

static size_t split_path(const char *path, struct path_part *out)
{
	size_t n = 0;

	while (*path && n < PARTS_MAX) {
		size_t len = strcspn(path, "/");

		if (len)
			out[n++] = (struct path_part){ path, len };
		path += len + (path[len] == '/');
	}
	return n;
}

/*
 * Whether the pattern matches the path or a beginning of it.  What stands
 * between two "**" is looked for as far to the left as it may be, which leaves
 * most to what follows: so only the last "**" ever has to take more.
 */
static bool match_pattern(const struct pattern *q, const struct path_part *s,
			  size_t n)
{
	const struct parts *p = &q->parts;
	bool star = !q->rooted; /* as if there were a "**" in front */
	size_t behind = 0, taken = 0, i = 0, k = 0;

	if (star && n == 0)
		return false;
	while (i < p->n) {
		if (strcmp(p->at[i], "**") == 0) {
			star = true;
			behind = ++i;
			taken = k;
		} else if (k < n && match_part(p->at[i], s[k].at, s[k].len)) {
			i++;
			k++;
		} else if (star && taken < n) {
			i = behind;
			k = ++taken;
		} else {
			return false;
		}
	}
	return true;
}

/* Whether something below this folder could be matched. */
static bool may_match_below(const struct pattern *p, const struct path_part *s,
			    size_t n)
{
	if (!p->rooted)
		return true;
	for (size_t i = 0; i < p->parts.n && i < n; i++) {
		if (strcmp(p->parts.at[i], "**") == 0)
			return true;
		if (!match_part(p->parts.at[i], s[i].at, s[i].len))
			return false;
	}
	return true;
}

/* A path's parts, as they are and folded. */
struct split {
	struct path_part plain[PARTS_MAX], folded[PARTS_MAX];
	size_t n, n_folded;
	struct buf fold;
};

static void split(const struct patterns *p, const char *path, struct split *s)
{
	s->fold = (struct buf)BUF_INIT;
	s->n = split_path(path, s->plain);
	s->n_folded = 0;
	if (p->any_folded) {
		fold_case(&s->fold, path);
		s->n_folded = split_path(s->fold.data, s->folded);
	}
}

bool patterns_match(const struct patterns *p, const char *path)
{
	struct split s;
	bool matched = false;

	split(p, path, &s);
	for (size_t i = 0; i < p->list.n; i++) {
		const struct pattern *q = &p->list.at[i];

		if (matched == !q->negated)
			continue; /* it could not change that */
		if (q->ignore_case ? match_pattern(q, s.folded, s.n_folded)
				   : match_pattern(q, s.plain, s.n))
			matched = !q->negated;
	}
	buf_free(&s.fold);
	return matched;
}

bool patterns_may_match_below(const struct patterns *p, const char *path)
{
	struct split s;
	bool may = false;

	split(p, path, &s);
	for (size_t i = 0; i < p->list.n && !may; i++) {
		const struct pattern *q = &p->list.at[i];

		if (q->negated)
			continue;
		may = q->ignore_case ? may_match_below(q, s.folded, s.n_folded)
				     : may_match_below(q, s.plain, s.n);
	}
	buf_free(&s.fold);
	return may;
}

/* A class that never ends, or a '\' with nothing behind it. */
static bool is_well_formed(const char *p)
{
	bool in;

	while (*p) {
		if (*p == '[') {
			p = match_class(p + 1, 0, &in);
			if (!p)
				return false;
			continue;
		}
		if (*p == '\\' && *++p == '\0')
			return false;
		p += char_len(p);
	}
	return true;
}

/* "a/../b" is "b"; false: there is nothing to go up from. */
static bool go_up(struct pattern *q)
{
	size_t n = q->parts.n;

	if (n && strcmp(q->parts.at[n - 1], "..") != 0) {
		q->parts.n--;
		return true;
	}
	return q->rooted;
}

int patterns_add(struct patterns *p, const char *text, bool ignore_case,
		 struct err *e)
{
	struct pattern q = { .ignore_case = ignore_case };
	struct buf b = BUF_INIT;
	char *rest;

	if (*text == '!') {
		q.negated = true;
		text++;
	}
	q.rooted = *text == '/';
	if (ignore_case)
		fold_case(&b, text);
	else
		buf_adds(&b, text);
	q.text = rest = xstrdup(b.data);
	buf_free(&b);
	for (char *part; (part = strsep(&rest, "/"));) {
		if (*part == '\0' || strcmp(part, ".") == 0 ||
		    (strcmp(part, "..") == 0 && go_up(&q)))
			continue;
		if (q.parts.n == PARTS_MAX || !is_well_formed(part)) {
			parts_free(&q.parts);
			free(q.text);
			return err_set(e, ERR_INVALID, "\"%s\" is no pattern",
				       text);
		}
		*parts_add(&q.parts) = part;
	}
	if (q.parts.n == 0 && !q.rooted) {
		free(q.text);
		return err_set(e, ERR_INVALID, "an empty pattern");
	}
	p->any_folded = p->any_folded || ignore_case;
	*pattern_list_add(&p->list) = q;
	return 0;
}

/* $NAME and ${NAME}; `$$` is a '$'. */
static void expand(struct buf *b, const char *s)
{
	while (*s) {
		const char *name = s + 1;
		bool braces;
		size_t n;
		char *key;
		const char *value;

		if (*s != '$') {
			buf_add(b, s++, 1);
			continue;
		}
		if (*name == '$') {
			buf_adds(b, "$");
			s += 2;
			continue;
		}
		braces = *name == '{';
		name += braces;
		n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
				 "tuvwxyz0123456789_");
		if (n == 0 || (braces && name[n] != '}')) {
			buf_add(b, s++, 1);
			continue;
		}
		key = xcalloc(1, n + 1);
		memcpy(key, name, n);
		value = getenv(key);
		buf_adds(b, value ? value : "");
		free(key);
		s = name + n + braces;
	}
}

static int add_line(struct patterns *p, const char *line, size_t n,
		    bool ignore_case, struct err *e)
{
	static const char blanks[] = " \t\r";
	struct buf raw = BUF_INIT, text = BUF_INIT;
	int rc = 0;

	while (n && strchr(blanks, *line)) {
		line++;
		n--;
	}
	while (n && strchr(blanks, line[n - 1]))
		n--;
	buf_add(&raw, line, n);
	expand(&text, raw.data);
	if (raw.len && *raw.data != '#' && text.len)
		rc = patterns_add(p, text.data, ignore_case, e);
	buf_free(&raw);
	buf_free(&text);
	return rc;
}

int patterns_add_lines(struct patterns *p, const char *text, size_t n,
		       bool ignore_case, struct err *e)
{
	size_t line = 1;

	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3; /* a mark that some editors put first */
		n -= 3;
	}
	for (const char *end = text + n; text < end; line++) {
		const char *stop = memchr(text, '\n', (size_t)(end - text));

		if (!stop)
			stop = end;
		if (memchr(text, '\0', (size_t)(stop - text)))
			return err_set(e, ERR_INVALID,
				       "line %zu holds a NUL byte", line);
		if (add_line(p, text, (size_t)(stop - text), ignore_case, e) <
		    0)
			return err_wrap(e, "line %zu", line);
		text = stop + 1;
	}
	return 0;
}
