#include "cmd/filter_opts.h"

#include <limits.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/file.h"

enum { RULES_MAX = 64 * 1024 * 1024 }; /* bytes of a file of rules */

#define FLAG(type, name, arg, field, help) \
	OPT_AT(type, 0, name, arg, struct filter_opts, field, help)

const struct opt filter_flags[] = {
	FLAG(OPT_LIST, "include", "GLOB", rules, "take files that fit GLOB"),
	FLAG(OPT_LIST, "exclude", "GLOB", rules, "leave out files that fit"),
	FLAG(OPT_LIST, "filter", "RULE", rules,
	     "a rule: \"+ GLOB\" takes, \"- GLOB\" leaves out"),
	FLAG(OPT_LIST, "include-from", "FILE", rules,
	     "globs to take, one a line (- for standard input)"),
	FLAG(OPT_LIST, "exclude-from", "FILE", rules,
	     "globs to leave out, one a line"),
	FLAG(OPT_LIST, "filter-from", "FILE", rules, "rules, one a line"),
	FLAG(OPT_BOOL, "ignore-case", NULL, ignore_case,
	     "upper and lower case are the same in globs"),
	FLAG(OPT_SIZE, "min-size", "SIZE", min_size,
	     "leave out smaller files; a bare number is KiB"),
	FLAG(OPT_SIZE, "max-size", "SIZE", max_size,
	     "leave out larger files; a bare number is KiB"),
	FLAG(OPT_DURATION, "min-age", "DURATION", min_age,
	     "leave out files changed more recently"),
	FLAG(OPT_DURATION, "max-age", "DURATION", max_age,
	     "leave out files not changed for longer"),
	FLAG(OPT_INT, "max-depth", "N", max_depth,
	     "go N folders deep; 1 is the folder itself"),
	{ .type = OPT_END }
};

typedef int rule_fn(struct filter *f, const char *text, struct err *e);

/* clang-format off */
static const struct {
	const char *flag;
	rule_fn *add;
	bool file; /* the value names a file of them */
} kinds[] = {
	{ "include",      filter_include, false },
	{ "exclude",      filter_exclude, false },
	{ "filter",       filter_rule,    false },
	{ "include-from", filter_include, true },
	{ "exclude-from", filter_exclude, true },
	{ "filter-from",  filter_rule,    true },
};
/* clang-format on */

struct adding {
	struct filter *f;
	struct op *op;
	bool include;    /* there were flags that include */
	size_t included; /* rules that they added */
};

static int add_one(struct adding *a, rule_fn *add, const char *text)
{
	if (add(a->f, text, &a->op->err) < 0)
		return -1;
	a->included += add == filter_include;
	return 0;
}

/* One rule a line; empty lines and those from '#' or ';' are none. */
static int add_lines(struct adding *a, rule_fn *add, char *text,
		     const char *path)
{
	unsigned number = 0;

	for (char *line = text, *next; line; line = next) {
		size_t n;

		number++;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		n = strlen(line);
		while (n && strchr(" \t\r", line[n - 1]))
			line[--n] = '\0';
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#' || *line == ';')
			continue;
		if (add_one(a, add, line) < 0)
			return err_wrap(&a->op->err, "%s:%u", path, number);
	}
	return 0;
}

static int add_file(struct adding *a, rule_fn *add, const char *path)
{
	const char *real = strcmp(path, "-") == 0 ? "/dev/stdin" : path;
	struct buf text = BUF_INIT;
	int rc = -1;

	if (file_read(a->op, real, RULES_MAX, &text) < 0)
		goto out;
	if (memchr(text.data, '\0', text.len)) {
		err_set(&a->op->err, ERR_INVALID, "%s: not a text file", path);
		goto out;
	}
	if (text.len && add_lines(a, add, text.data, path) < 0)
		goto out;
	rc = 0;
out:
	buf_free(&text);
	return rc;
}

static int add_rule(struct adding *a, const struct opt_item *item)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		int rc;

		if (strcmp(kinds[i].flag, item->flag) != 0)
			continue;
		a->include = a->include || kinds[i].add == filter_include;
		rc = kinds[i].file ? add_file(a, kinds[i].add, item->value)
				   : add_one(a, kinds[i].add, item->value);
		return rc < 0 ? err_wrap(&a->op->err, "--%s", item->flag) : 0;
	}
	BUG("no filter flag: --%s", item->flag);
}

static int add_rules(struct filter *f, const struct opt_list *rules,
		     struct op *op)
{
	struct adding a = { .f = f, .op = op };

	for (size_t i = 0; i < rules->n; i++)
		if (add_rule(&a, &rules->at[i]) < 0)
			return -1;
	/*
	 * An empty list of what to include includes nothing, as in rclone:
	 * all, which is what no rule means, would be the opposite.
	 */
	if (a.include && a.included == 0)
		return filter_exclude(f, "**", &op->err);
	return 0;
}

static bool asks_for_none(const struct filter_opts *o)
{
	return o->rules.n == 0 && o->min_size < 0 && o->max_size < 0 &&
	       o->min_age < 0 && o->max_age < 0;
}

int filter_opts_make(const struct filter_opts *o, struct op *op,
		     struct filter **out)
{
	int64_t now = clock_wall();
	struct filter *f;

	*out = NULL;
	if (o->max_depth < -1 || o->max_depth == 0 || o->max_depth > INT_MAX)
		return err_set(&op->err, ERR_INVALID,
			       "--max-depth: %lld is no depth, the folder "
			       "itself is 1",
			       (long long)o->max_depth);
	if (asks_for_none(o))
		return 0;
	f = filter_new(o->ignore_case);
	if (add_rules(f, &o->rules, op) < 0) {
		filter_free(f);
		return -1;
	}
	filter_sizes(f, o->min_size, o->max_size);
	filter_times(f, o->max_age < 0 ? MTIME_UNKNOWN : now - o->max_age,
		     o->min_age < 0 ? MTIME_UNKNOWN : now - o->min_age);
	*out = f;
	return 0;
}
