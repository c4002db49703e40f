#include "lib/ini.h"

#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"

/*
 * The file as its lines, so that what nobody changes is written as it was
 * read.  Each lookup walks over them: a configuration is short.
 */
enum line_kind { LINE_OTHER, LINE_SECTION, LINE_ITEM };

struct line {
	enum line_kind kind;
	char *text;  /* as in the file, without the newline */
	char *name;  /* of the section, or the key */
	char *value; /* of an item */
};

VEC(lines, struct line);

struct ini {
	struct lines lines;
};

static void wipe(char *s)
{
	if (s)
		explicit_bzero(s, strlen(s)); /* tokens and passwords */
	free(s);
}

static void line_free(struct line *l)
{
	wipe(l->text);
	wipe(l->value);
	free(l->name);
}

static void drop_lines(struct lines *v)
{
	for (size_t i = 0; i < v->n; i++)
		line_free(&v->at[i]);
	lines_free(v);
}

struct ini *ini_new(void)
{
	return xcalloc(1, sizeof(struct ini));
}

void ini_free(struct ini *ini)
{
	if (!ini)
		return;
	drop_lines(&ini->lines);
	free(ini);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void trim(const char **p, const char **end)
{
	while (*p < *end && is_space(**p))
		++*p;
	while (*p < *end && is_space((*end)[-1]))
		--*end;
}

static bool is_blank(const struct line *l)
{
	const char *p = l->text, *end = p + strlen(p);

	trim(&p, &end);
	return p == end;
}

static char *copy(const char *p, const char *end)
{
	size_t n = (size_t)(end - p);
	char *s = xcalloc(n + 1, 1);

	if (n)
		memcpy(s, p, n);
	return s;
}

static bool starts(const char *p, const char *end, const char *with)
{
	size_t n = strlen(with);

	return (size_t)(end - p) >= n && memcmp(p, with, n) == 0;
}

/*
 * rclone puts a value between ` or """ where it would not be read back as it
 * is.  NULL, or what is wrong.
 */
static const char *unquote(const char **p, const char **end)
{
	const char *quote = NULL, *last;
	size_t n;

	if (starts(*p, *end, "`") && *end - *p >= 2)
		quote = "`";
	else if (starts(*p, *end, "\"\"\"") && *end - *p >= 6)
		quote = "\"\"\"";
	if (!quote)
		return NULL;
	n = strlen(quote);
	*p += n;
	for (last = *end - n; last >= *p; last--)
		if (memcmp(last, quote, n) == 0) {
			*end = last;
			return NULL;
		}
	return "a quote is not closed";
}

static const char *read_section(const char *p, const char *end, struct line *l)
{
	p++;
	if (p == end || end[-1] != ']')
		return "']' is missing";
	end--;
	trim(&p, &end);
	if (p == end)
		return "a section without a name";
	l->kind = LINE_SECTION;
	l->name = copy(p, end);
	return NULL;
}

static const char *read_item(const char *p, const char *end, struct line *l)
{
	const char *split = p, *key_end, *wrong;

	while (split < end && *split != '=' && *split != ':')
		split++;
	if (split == end)
		return "neither a section nor a key with a value";
	key_end = split++;
	trim(&p, &key_end);
	if (p == key_end)
		return "a value without a key";
	trim(&split, &end);
	wrong = unquote(&split, &end);
	if (wrong)
		return wrong;
	l->kind = LINE_ITEM;
	l->name = copy(p, key_end);
	l->value = copy(split, end);
	return NULL;
}

/* NULL, or what is wrong; `l` is to be freed in any case. */
static const char *read_line(const char *p, const char *end, bool in_section,
			     struct line *l)
{
	*l = (struct line){ .text = copy(p, end) };
	if (memchr(p, '\0', (size_t)(end - p)))
		return "a NUL byte";
	trim(&p, &end);
	if (p == end || *p == '#' || *p == ';')
		return NULL;
	if (*p == '[')
		return read_section(p, end, l);
	if (!in_section)
		return "a key before the first section";
	return read_item(p, end, l);
}

static int by_name_and_place(const void *a, const void *b)
{
	const struct line *x = *(const struct line *const *)a;
	const struct line *y = *(const struct line *const *)b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x > y) - (x < y);
}

static int refuse_sections_twice(const struct lines *v, struct err *e)
{
	const struct line **at = xcalloc(v->n, sizeof(*at));
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < v->n; i++)
		if (v->at[i].kind == LINE_SECTION)
			at[n++] = &v->at[i];
	qsort(at, n, sizeof(*at), by_name_and_place);
	for (size_t i = 1; i < n && rc == 0; i++)
		if (strcmp(at[i - 1]->name, at[i]->name) == 0)
			rc = err_set(e, ERR_CORRUPT,
				     "line %td: section \"%s\" a second time",
				     at[i] - v->at + 1, at[i]->name);
	free(at);
	return rc;
}

static int read_lines(struct lines *v, const char *text, size_t n,
		      struct err *e)
{
	const char *p = text, *end = text + n;
	bool in_section = false;

	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *start = p, *wrong;
		struct line *l;

		if (!newline)
			return err_set(e, ERR_CORRUPT,
				       "line %zu: cut short, no newline",
				       v->n + 1);
		if (v->n == 0 && starts(p, newline, "\xef\xbb\xbf"))
			start += 3; /* Windows' mark */
		l = lines_add(v);
		wrong = read_line(start, newline, in_section, l);
		if (wrong)
			return err_set(e, ERR_CORRUPT, "line %zu: %s", v->n,
				       wrong);
		in_section |= l->kind == LINE_SECTION;
		p = newline + 1;
	}
	return refuse_sections_twice(v, e);
}

int ini_parse(struct ini *ini, const char *text, size_t n, struct err *e)
{
	struct lines v = { 0 };

	if (read_lines(&v, text, n, e) < 0) {
		drop_lines(&v);
		return -1;
	}
	drop_lines(&ini->lines);
	ini->lines = v;
	return 0;
}

void ini_write(const struct ini *ini, struct buf *out)
{
	for (size_t i = 0; i < ini->lines.n; i++) {
		buf_adds(out, ini->lines.at[i].text);
		buf_add(out, "\n", 1);
	}
}

size_t ini_sections(const struct ini *ini)
{
	size_t n = 0;

	for (size_t i = 0; i < ini->lines.n; i++)
		n += ini->lines.at[i].kind == LINE_SECTION;
	return n;
}

const char *ini_section(const struct ini *ini, size_t i)
{
	for (size_t k = 0; k < ini->lines.n; k++)
		if (ini->lines.at[k].kind == LINE_SECTION && i-- == 0)
			return ini->lines.at[k].name;
	return NULL;
}

/* Its lines are begin (the header) to end - 1. */
static bool find_section(const struct ini *ini, const char *section,
			 size_t *begin, size_t *end)
{
	const struct lines *v = &ini->lines;
	size_t i = 0;

	while (i < v->n && (v->at[i].kind != LINE_SECTION ||
			    strcmp(v->at[i].name, section) != 0))
		i++;
	*begin = i;
	if (i == v->n)
		return false;
	while (++i < v->n && v->at[i].kind != LINE_SECTION)
		;
	*end = i;
	return true;
}

bool ini_has(const struct ini *ini, const char *section)
{
	size_t begin, end;

	return find_section(ini, section, &begin, &end);
}

/* The line of the key between two others; of a key twice the last one. */
static struct line *find_item(const struct ini *ini, size_t begin, size_t end,
			      const char *key)
{
	while (end-- > begin) {
		struct line *l = &ini->lines.at[end];

		if (l->kind == LINE_ITEM && strcmp(l->name, key) == 0)
			return l;
	}
	return NULL;
}

const char *ini_get(const struct ini *ini, const char *section, const char *key)
{
	size_t begin, end;
	const struct line *l;

	if (!find_section(ini, section, &begin, &end))
		return NULL;
	l = find_item(ini, begin, end, key);
	return l ? l->value : NULL;
}

bool ini_item(const struct ini *ini, const char *section, size_t i,
	      const char **key, const char **value)
{
	size_t begin, end;

	if (!find_section(ini, section, &begin, &end))
		return false;
	for (size_t k = begin; k < end; k++) {
		const struct line *l = &ini->lines.at[k];

		if (l->kind != LINE_ITEM || find_item(ini, k + 1, end, l->name))
			continue;
		if (i-- == 0) {
			*key = l->name;
			*value = l->value;
			return true;
		}
	}
	return false;
}

static void insert_line(struct ini *ini, size_t at, enum line_kind kind,
			const char *text)
{
	struct lines *v = &ini->lines;
	struct line l;

	/* read like any other, so that the two ways cannot come apart */
	if (read_line(text, text + strlen(text), true, &l) || l.kind != kind)
		BUG("INI line \"%s\"", text);
	lines_add(v);
	memmove(&v->at[at + 1], &v->at[at], (v->n - 1 - at) * sizeof(l));
	v->at[at] = l;
}

static void remove_lines(struct ini *ini, size_t begin, size_t end)
{
	struct lines *v = &ini->lines;

	for (size_t i = begin; i < end; i++)
		line_free(&v->at[i]);
	if (begin < end)
		memmove(&v->at[begin], &v->at[end],
			(v->n - end) * sizeof(v->at[0]));
	v->n -= end - begin;
}

static bool has_outer_space(const char *s)
{
	return *s && (is_space(*s) || is_space(s[strlen(s) - 1]));
}

static bool can_be_section(const char *s)
{
	return *s && !has_outer_space(s) && !strchr(s, '\n');
}

static bool can_be_key(const char *s)
{
	return *s && !has_outer_space(s) && !strpbrk(s, "=:\n") &&
	       !strchr("[#;", *s);
}

/* It ends at the last quote of its line, so it may hold any others. */
static bool needs_quotes(const char *value)
{
	return has_outer_space(value) || value[0] == '`' ||
	       strncmp(value, "\"\"\"", 3) == 0;
}

static void remove_key(struct ini *ini, const char *section, const char *key)
{
	size_t begin, end;
	struct line *l;

	while (find_section(ini, section, &begin, &end) &&
	       (l = find_item(ini, begin, end, key))) {
		size_t at = (size_t)(l - ini->lines.at);

		remove_lines(ini, at, at + 1);
	}
}

static void add_section(struct ini *ini, const char *section)
{
	struct lines *v = &ini->lines;
	struct buf text = BUF_INIT;

	if (v->n && !is_blank(&v->at[v->n - 1]))
		insert_line(ini, v->n, LINE_OTHER, "");
	buf_addf(&text, "[%s]", section);
	insert_line(ini, v->n, LINE_SECTION, text.data);
	buf_free(&text);
}

static void put_item(struct ini *ini, const char *section, const char *text,
		     const char *key)
{
	size_t begin, end, at;
	struct line *old;

	if (!ini_has(ini, section))
		add_section(ini, section);
	find_section(ini, section, &begin, &end);
	old = find_item(ini, begin, end, key);
	if (old) {
		at = (size_t)(old - ini->lines.at);
		remove_lines(ini, at, at + 1);
	} else {
		/* before the blank lines that part it from the next section */
		for (at = end; ini->lines.at[at - 1].kind == LINE_OTHER;)
			at--;
	}
	insert_line(ini, at, LINE_ITEM, text);
}

int ini_set(struct ini *ini, const char *section, const char *key,
	    const char *value, struct err *e)
{
	struct buf text = BUF_INIT;
	const char *quote;

	if (!can_be_section(section))
		return err_set(e, ERR_INVALID, "\"%s\" cannot name a section",
			       section);
	if (!can_be_key(key))
		return err_set(e, ERR_INVALID, "\"%s\" cannot be a key", key);
	if (!value) {
		remove_key(ini, section, key);
		return 0;
	}
	if (strchr(value, '\n')) /* not shown: it may be a secret */
		return err_set(e, ERR_INVALID,
			       "the value of \"%s\" has a line break", key);
	quote = needs_quotes(value) ? "`" : "";
	buf_addf(&text, "%s =%s%s%s%s", key, *value ? " " : "", quote, value,
		 quote);
	put_item(ini, section, text.data, key);
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	return 0;
}

bool ini_delete(struct ini *ini, const char *section)
{
	size_t begin, end, last;

	if (!find_section(ini, section, &begin, &end))
		return false;
	/* a comment after the last item is about the section that follows */
	for (last = end; ini->lines.at[last - 1].kind == LINE_OTHER;)
		last--;
	while (last < end && is_blank(&ini->lines.at[last]))
		last++;
	remove_lines(ini, begin, last);
	return true;
}
