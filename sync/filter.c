#include "sync/filter.h"

#include <stdlib.h>
#include <string.h>

#include "lib/pattern.h"
#include "lib/vec.h"

struct rule {
	bool include;
	bool dir_only;           /* written with a '/' at its end */
	char *text;              /* as given, for filter_describe() */
	struct pattern *pattern; /* of files */
	struct pattern *dir;     /* fits a directory that it covers whole */
	char *within;            /* an anchored rule's fixed first folders */
	bool anywhere;           /* may fit at any depth and place */
};

VEC(rules, struct rule);

struct filter {
	struct rules rules;
	bool ignore_case;
	bool has_include;
	int64_t min_size, max_size;
	int64_t not_before, not_after;
};

struct filter *filter_new(bool ignore_case)
{
	struct filter *f = xcalloc(1, sizeof(*f));

	f->ignore_case = ignore_case;
	f->min_size = f->max_size = -1;
	f->not_before = f->not_after = MTIME_UNKNOWN;
	return f;
}

static void rule_free(struct rule *r)
{
	pattern_free(r->pattern);
	pattern_free(r->dir);
	free(r->text);
	free(r->within);
}

static void clear(struct filter *f)
{
	for (size_t i = 0; i < f->rules.n; i++)
		rule_free(&f->rules.at[i]);
	f->rules.n = 0;
	f->has_include = false;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	clear(f);
	rules_free(&f->rules);
	free(f);
}

/*
 * The folders that a file fitting an anchored glob must be in: the part before
 * the first component with a special character, "" for none.
 */
static char *fixed_folders(const char *glob)
{
	size_t n = strcspn(glob, "*?[{\\");
	char *head = xstrdup(glob), *slash;

	head[n] = '\0';
	slash = strrchr(head, '/');
	if (slash)
		*slash = '\0';
	else
		head[0] = '\0';
	return head;
}

static int add(struct filter *f, bool include, const char *glob, struct err *e)
{
	struct rule r = { .include = include };
	size_t n = strlen(glob);
	char *text, *dir;

	if (n == 0)
		return err_set(e, ERR_INVALID, "an empty filter pattern");
	text = xstrdup(glob);
	/* "dir/" is short for "dir/" and everything in it. */
	if (text[n - 1] == '/') {
		text = xrealloc(text, n + 3, 1);
		memcpy(text + n, "**", 3);
		r.dir_only = true;
	}
	n = strlen(text);
	r.pattern = pattern_new(text, f->ignore_case, e);
	if (!r.pattern) {
		free(text);
		return -1;
	}
	dir = xstrdup(text);
	if (n >= 3 && strcmp(text + n - 3, "/**") == 0)
		dir[n - 3] = '\0';
	else if (strcmp(text, "**") != 0 && strcmp(text, "/**") != 0)
		dir[0] = '\0';
	if (*dir)
		r.dir = pattern_new(dir, f->ignore_case, e);
	free(dir);
	r.text = xstrdup(glob);
	r.anywhere = text[0] != '/';
	if (!r.anywhere)
		r.within = fixed_folders(text + 1);
	free(text);
	*rules_add(&f->rules) = r;
	return 0;
}

int filter_include(struct filter *f, const char *glob, struct err *e)
{
	/* Unlike "+ GLOB", it means "and nothing else". */
	f->has_include = true;
	return add(f, true, glob, e);
}

int filter_exclude(struct filter *f, const char *glob, struct err *e)
{
	return add(f, false, glob, e);
}

int filter_rule(struct filter *f, const char *rule, struct err *e)
{
	if (strcmp(rule, "!") == 0) {
		clear(f);
		return 0;
	}
	if ((rule[0] != '+' && rule[0] != '-') || rule[1] != ' ')
		return err_set(e, ERR_INVALID,
			       "filter \"%s\": a rule is \"+ GLOB\", "
			       "\"- GLOB\" or \"!\"",
			       rule);
	return add(f, rule[0] == '+', rule + 2 + strspn(rule + 2, " "), e);
}

void filter_sizes(struct filter *f, int64_t min, int64_t max)
{
	f->min_size = min;
	f->max_size = max;
}

void filter_times(struct filter *f, int64_t not_before, int64_t not_after)
{
	f->not_before = not_before;
	f->not_after = not_after;
}

bool filter_is_empty(const struct filter *f)
{
	return !f || (f->rules.n == 0 && f->min_size < 0 && f->max_size < 0 &&
		      f->not_before == MTIME_UNKNOWN &&
		      f->not_after == MTIME_UNKNOWN);
}

void filter_describe(const struct filter *f, struct buf *out)
{
	if (!f)
		return;
	buf_addf(out, "%d %d %lld %lld %lld %lld\n", f->ignore_case,
		 f->has_include, (long long)f->min_size, (long long)f->max_size,
		 (long long)f->not_before, (long long)f->not_after);
	for (size_t i = 0; i < f->rules.n; i++)
		buf_addf(out, "%c %s\n", f->rules.at[i].include ? '+' : '-',
			 f->rules.at[i].text);
}

static bool in_bounds(const struct filter *f, const struct entry *e)
{
	if (e->kind != ENTRY_FILE)
		return true;
	if (e->size != SIZE_UNKNOWN &&
	    ((f->min_size >= 0 && e->size < f->min_size) ||
	     (f->max_size >= 0 && e->size > f->max_size)))
		return false;
	if (e->mtime == MTIME_UNKNOWN)
		return true;
	return (f->not_before == MTIME_UNKNOWN || e->mtime >= f->not_before) &&
	       (f->not_after == MTIME_UNKNOWN || e->mtime <= f->not_after);
}

bool filter_file(const struct filter *f, const char *path,
		 const struct entry *e)
{
	size_t n;

	if (!f)
		return true;
	if (!in_bounds(f, e))
		return false;
	n = strlen(path);
	for (size_t i = 0; i < f->rules.n; i++)
		if (pattern_match(f->rules.at[i].pattern, path, n))
			return f->rules.at[i].include;
	return !f->has_include;
}

/* Whether a file that an include rule fits could be somewhere below `dir`. */
static bool may_reach(const struct rule *r, const char *dir, size_t n)
{
	size_t m;

	if (r->anywhere)
		return true;
	m = strlen(r->within);
	if (m <= n)
		return strncmp(r->within, dir, m) == 0 &&
		       (m == 0 || m == n || dir[m] == '/');
	return strncmp(r->within, dir, n) == 0 && r->within[n] == '/';
}

bool filter_dir(const struct filter *f, const char *path)
{
	size_t n = strlen(path);

	if (!f || n == 0)
		return true;
	for (size_t i = 0; i < f->rules.n; i++) {
		const struct rule *r = &f->rules.at[i];

		if (r->include && (f->ignore_case || may_reach(r, path, n)))
			return true;
		if (!r->include && r->dir && pattern_match(r->dir, path, n))
			return false;
		/* "- /dir/x*" and the like say nothing about a folder. */
	}
	return !f->has_include;
}
