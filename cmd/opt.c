#include "cmd/opt.h"

#include <string.h>

#include "lib/parse.h"

enum { NAME_MAX_LEN = 40 }; /* longer than any flag or command */

struct parser {
	const struct opt_set *sets;
	struct arena *arena;
	char **argv;
	int argc, at; /* `at`: the argument that is looked at */
	bool leading;
	struct err *err;
};

/* A flag that was found, and what its value is written into. */
struct found {
	const struct opt *opt;
	void *base;
	bool no; /* as --no-NAME */
};

/* clang-format off */
static const struct {
	bool value;
	const char *want; /* after "is not" */
} types[] = {
	[OPT_BOOL]     = { false, "\"true\" or \"false\"" },
	[OPT_COUNT]    = { false, "a number from 0 to 9" },
	[OPT_INT]      = { true,  "a whole number" },
	[OPT_SIZE]     = { true,  "a size like 100k, 1.5M, 2G or off" },
	[OPT_DURATION] = { true,  "a duration like 30s, 1h30m, 2d or off" },
	[OPT_STR]      = { true,  "a text" },
	[OPT_LIST]     = { true,  "a text" },
};
/* clang-format on */

bool opt_takes_value(const struct opt *o)
{
	return types[o->type].value;
}

static unsigned least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* Levenshtein's distance, row by row. */
static unsigned edits(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[NAME_MAX_LEN + 1];

	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned above = row[j];

			row[j] = least(above + 1, row[j - 1] + 1,
				       diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[m];
}

unsigned opt_distance(const char *typed, const char *candidate)
{
	size_t n = strlen(typed), m = strlen(candidate);
	unsigned d;

	if (n > NAME_MAX_LEN || m > NAME_MAX_LEN || n < 2)
		return OPT_FAR;
	if (n >= 3 && strncmp(typed, candidate, n) == 0)
		return 1; /* cut short */
	d = edits(typed, n, candidate, m);
	return d <= 1 + n / 4 ? d : OPT_FAR;
}

static bool find_name(const struct parser *p, const char *name, size_t n,
		      struct found *out)
{
	for (const struct opt_set *s = p->sets; s->opts; s++) {
		for (const struct opt *o = s->opts; o->type; o++) {
			if (strlen(o->name) != n ||
			    memcmp(o->name, name, n) != 0)
				continue;
			*out = (struct found){ .opt = o, .base = s->base };
			return true;
		}
	}
	return false;
}

static bool find_letter(const struct parser *p, char letter, struct found *out)
{
	for (const struct opt_set *s = p->sets; s->opts; s++) {
		for (const struct opt *o = s->opts; o->type; o++) {
			if (o->letter != letter)
				continue;
			*out = (struct found){ .opt = o, .base = s->base };
			return true;
		}
	}
	return false;
}

/* "NAME", or else "no-NAME" of a flag that is on or off. */
static bool find_long(const struct parser *p, const char *name, size_t n,
		      struct found *out)
{
	if (find_name(p, name, n, out))
		return true;
	if (n <= 3 || memcmp(name, "no-", 3) != 0 ||
	    !find_name(p, name + 3, n - 3, out))
		return false;
	out->no = true;
	return out->opt->type == OPT_BOOL;
}

static int unknown(const struct parser *p, const char *name)
{
	const char *best = NULL;
	unsigned nearest = OPT_FAR;

	for (const struct opt_set *s = p->sets; s->opts; s++) {
		for (const struct opt *o = s->opts; o->type; o++) {
			unsigned d = opt_distance(name, o->name);

			if (o->hidden || d >= nearest)
				continue;
			nearest = d;
			best = o->name;
		}
	}
	if (best)
		return err_set(p->err, ERR_INVALID,
			       "unknown flag --%s, did you mean --%s?", name,
			       best);
	return err_set(p->err, ERR_INVALID, "unknown flag --%s%s", name,
		       p->leading ? " in front of the command" : "");
}

static void list_add(struct opt_list *l, struct arena *a, const char *flag,
		     const char *value)
{
	/* Room is doubled when it is used up: at each power of two. */
	if ((l->n & (l->n - 1)) == 0) {
		size_t room = l->n ? l->n * 2 : 1;
		struct opt_item *at = arena_alloc(a, room * sizeof(*at));

		if (l->n)
			memcpy(at, l->at, l->n * sizeof(*at));
		l->at = at;
	}
	l->at[l->n++] = (struct opt_item){ .flag = flag, .value = value };
}

static bool store_count(int *at, const char *text)
{
	int64_t n;

	if (!text) {
		*at += *at < 9;
		return true;
	}
	if (!parse_int(text, &n) || n < 0 || n > 9)
		return false;
	*at = (int)n;
	return true;
}

static bool store_bool(bool *at, const char *text)
{
	if (text)
		return parse_bool(text, at);
	*at = true;
	return true;
}

int opt_store(const struct opt *o, void *base, struct arena *a,
	      const char *text, struct err *e)
{
	void *at = (char *)base + o->at;
	bool ok = true;

	if (!text && types[o->type].value)
		BUG("--%s without a value", o->name);
	switch (o->type) {
	case OPT_BOOL: ok = store_bool(at, text); break;
	case OPT_COUNT: ok = store_count(at, text); break;
	case OPT_INT: ok = parse_int(text, at); break;
	/* A bare number is KiB, as with rclone's flags of these names. */
	case OPT_SIZE: ok = parse_size(text, true, at); break;
	case OPT_DURATION: ok = parse_duration(text, at); break;
	case OPT_STR: *(const char **)at = text; break;
	case OPT_LIST: list_add(at, a, o->name, text); break;
	case OPT_END: BUG("no flag");
	}
	if (!ok)
		return err_set(e, ERR_INVALID, "--%s: \"%s\" is not %s",
			       o->name, text ? text : "", types[o->type].want);
	return 0;
}

/* The next argument as the value of `o`. */
static int next_value(struct parser *p, const struct opt *o, const char **out)
{
	if (p->at + 1 >= p->argc)
		return err_set(p->err, ERR_INVALID, "--%s needs a value: %s",
			       o->name, o->arg ? o->arg : "VALUE");
	*out = p->argv[++p->at];
	return 0;
}

static int parse_long(struct parser *p, const char *arg)
{
	const char *eq = strchr(arg, '='), *value = eq ? eq + 1 : NULL;
	size_t n = eq ? (size_t)(eq - arg) : strlen(arg);
	struct found f;

	if (!find_long(p, arg, n, &f))
		return unknown(p, arena_printf(p->arena, "%.*s", (int)n, arg));
	if (f.no && value)
		return err_set(p->err, ERR_INVALID, "--%.*s takes no value",
			       (int)n, arg);
	if (f.no)
		value = "false";
	if (!value && opt_takes_value(f.opt) &&
	    next_value(p, f.opt, &value) < 0)
		return -1;
	return opt_store(f.opt, f.base, p->arena, value, p->err);
}

/* "nv", "o4", "o=4" or "o" with its value in the next argument. */
static int parse_letters(struct parser *p, const char *arg)
{
	for (const char *c = arg; *c; c++) {
		const char *value = NULL;
		struct found f;

		if (!find_letter(p, *c, &f))
			return err_set(
				p->err, ERR_INVALID,
				"unknown flag -%c in \"-%s\" (what begins "
				"with \"-\" and is no flag comes after "
				"\"--\")",
				*c, arg);
		if (opt_takes_value(f.opt) && c[1]) {
			value = c[1] == '=' ? c + 2 : c + 1;
		} else if (opt_takes_value(f.opt)) {
			if (next_value(p, f.opt, &value) < 0)
				return -1;
		} else if (c[1] == '=') {
			value = c + 2;
		}
		if (opt_store(f.opt, f.base, p->arena, value, p->err) < 0)
			return -1;
		if (value)
			break;
	}
	return 0;
}

int opt_parse(const struct opt_set *sets, struct arena *a, int *argc,
	      char **argv, bool leading, struct err *e)
{
	struct parser p = { .sets = sets,
			    .arena = a,
			    .argv = argv,
			    .argc = *argc,
			    .leading = leading,
			    .err = e };
	bool over = false;
	int n = 0;

	for (; p.at < p.argc; p.at++) {
		char *arg = argv[p.at];

		if (over || arg[0] != '-' || arg[1] == '\0') {
			over = over || leading;
			argv[n++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			over = true;
		} else if (arg[1] != '-') {
			if (parse_letters(&p, arg + 1) < 0)
				return -1;
		} else if (parse_long(&p, arg + 2) < 0) {
			return -1;
		}
	}
	*argc = n;
	return 0;
}
