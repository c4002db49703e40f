/* The command line: flags into structures, and the tables themselves. */

#include "cmd/opt.h"

#include "cmd/commands.h"
#include "cmd/filter_opts.h"
#include "cmd/globals.h"
#include "lib/clock.h"
#include "tests/harness.h"

struct values {
	bool on, off;
	int count;
	int64_t number, size, duration;
	const char *text;
	struct opt_list list;
};

#define FLAG(type, letter, name, arg, field) \
	OPT_AT(type, letter, name, arg, struct values, field, "help")

static const struct opt flags[] = {
	FLAG(OPT_BOOL, 'n', "dry-run", NULL, on),
	FLAG(OPT_BOOL, 'm', "metadata", NULL, off),
	FLAG(OPT_COUNT, 'v', "verbose", NULL, count),
	FLAG(OPT_INT, 't', "transfers", "N", number),
	FLAG(OPT_SIZE, 0, "max-size", "SIZE", size),
	FLAG(OPT_DURATION, 0, "max-age", "DURATION", duration),
	FLAG(OPT_STR, 'o', "output", "FILE", text),
	FLAG(OPT_LIST, 0, "include", "GLOB", list),
	FLAG(OPT_LIST, 0, "exclude", "GLOB", list),
	{ .type = OPT_END }
};

enum { ARGS_MAX = 16 };

struct line {
	struct values v;
	struct arena arena;
	struct err err;
	char *argv[ARGS_MAX];
	int argc;
};

/* Parse the words of `text`, which are parted by '|'. */
static int parse(struct line *l, const char *text, bool leading)
{
	struct opt_set sets[] = { { flags, &l->v }, { NULL, NULL } };
	char *copy, *word;

	*l = (struct line){ .v = { .off = true } };
	copy = arena_strdup(&l->arena, text);
	while (*text && (word = strsep(&copy, "|")))
		l->argv[l->argc++] = word;
	return opt_parse(sets, &l->arena, &l->argc, l->argv, leading, &l->err);
}

static void check_error(const char *text, const char *want)
{
	struct line l;

	CHECK(parse(&l, text, false) < 0);
	CHECK(l.err.kind == ERR_INVALID);
	CHECK_STR(l.err.msg, want);
	arena_free(&l.arena);
}

static void flags_stand_anywhere(void)
{
	struct line l;

	CHECK(parse(&l, "a|-n|b|--transfers|7|c|--output=x y|-", false) == 0);
	CHECK(l.argc == 4);
	CHECK_STR(l.argv[0], "a");
	CHECK_STR(l.argv[1], "b");
	CHECK_STR(l.argv[2], "c");
	CHECK_STR(l.argv[3], "-");
	CHECK(l.v.on && l.v.number == 7);
	CHECK_STR(l.v.text, "x y");
	arena_free(&l.arena);
}

static void two_dashes_end_the_flags(void)
{
	struct line l;

	CHECK(parse(&l, "-n|--|-v|--|--dry-run", false) == 0);
	CHECK(l.argc == 3 && l.v.on && l.v.count == 0);
	CHECK_STR(l.argv[0], "-v");
	CHECK_STR(l.argv[1], "--");
	arena_free(&l.arena);
}

static void leading_flags_end_at_the_command(void)
{
	struct line l;

	CHECK(parse(&l, "-v|copy|-n|a", true) == 0);
	CHECK(l.argc == 3 && l.v.count == 1 && !l.v.on);
	CHECK_STR(l.argv[1], "-n");
	arena_free(&l.arena);
}

static void letters_may_be_bundled(void)
{
	struct line l;

	CHECK(parse(&l, "-nvvt12|-o|file", false) == 0);
	CHECK(l.v.on && l.v.count == 2 && l.v.number == 12 && l.argc == 0);
	CHECK_STR(l.v.text, "file");
	arena_free(&l.arena);
	CHECK(parse(&l, "-vt=3|-ofile", false) == 0);
	CHECK(l.v.number == 3);
	CHECK_STR(l.v.text, "file");
	arena_free(&l.arena);
	CHECK(parse(&l, "-t|-3", false) == 0);
	CHECK(l.v.number == -3);
	arena_free(&l.arena);
}

static void bools_are_taken_back(void)
{
	struct line l;

	CHECK(parse(&l, "-n|--no-dry-run|--no-metadata", false) == 0);
	CHECK(!l.v.on && !l.v.off);
	arena_free(&l.arena);
	CHECK(parse(&l, "--dry-run=true|--metadata=false", false) == 0);
	CHECK(l.v.on && !l.v.off);
	arena_free(&l.arena);
}

static void values_are_parsed(void)
{
	struct line l;

	CHECK(parse(&l, "--max-size|10|--max-age|1m30s|--verbose=3", false) ==
	      0);
	CHECK(l.v.size == 10240 && l.v.duration == 90 * NS_PER_SEC);
	CHECK(l.v.count == 3);
	arena_free(&l.arena);
	CHECK(parse(&l, "--max-size=1.5M|--max-age=off", false) == 0);
	CHECK(l.v.size == 3 << 19 && l.v.duration == -1);
	arena_free(&l.arena);
}

static void lists_keep_the_order_across_flags(void)
{
	struct buf text = BUF_INIT;
	struct line l;

	CHECK(parse(&l,
		    "--include|1|--exclude=2|--exclude|3|--include=4|"
		    "--exclude|5",
		    false) == 0);
	CHECK(l.v.list.n == 5);
	for (size_t i = 0; i < l.v.list.n; i++)
		buf_addf(&text, "%c%s ", l.v.list.at[i].flag[0],
			 l.v.list.at[i].value);
	CHECK_STR(text.data, "i1 e2 e3 i4 e5 ");
	buf_free(&text);
	arena_free(&l.arena);
}

static void errors_name_flag_value_and_what_is_expected(void)
{
	check_error("--dryrun", "unknown flag --dryrun, did you mean "
				"--dry-run?");
	check_error("--trans=4", "unknown flag --trans, did you mean "
				 "--transfers?");
	check_error("--frobnicate", "unknown flag --frobnicate");
	check_error("--no-transfers", "unknown flag --no-transfers, did you "
				      "mean --transfers?");
	check_error("-nx", "unknown flag -x in \"-nx\" (what begins with \"-\" "
			   "and is no flag comes after \"--\")");
	check_error("--transfers", "--transfers needs a value: N");
	check_error("-t", "--transfers needs a value: N");
	check_error("--transfers=x", "--transfers: \"x\" is not a whole "
				     "number");
	check_error("--transfers=", "--transfers: \"\" is not a whole number");
	check_error("--dry-run=maybe", "--dry-run: \"maybe\" is not \"true\" "
				       "or \"false\"");
	check_error("--no-dry-run=1", "--no-dry-run takes no value");
	check_error("--verbose=77", "--verbose: \"77\" is not a number from "
				    "0 to 9");
	check_error("--max-size=big",
		    "--max-size: \"big\" is not a size like 100k, 1.5M, 2G or "
		    "off");
	check_error("--max-age=old",
		    "--max-age: \"old\" is not a duration like 30s, 1h30m, 2d "
		    "or off");
}

static void mistyped_words_find_the_nearest(void)
{
	const struct cmd *c;
	struct err e;

	CHECK(opt_distance("dryrun", "dry-run") == 1);
	CHECK(opt_distance("sync", "sync") <= 1);
	CHECK(opt_distance("x", "y") == OPT_FAR);
	CHECK(opt_distance("transfer-this", "sync") == OPT_FAR);
	CHECK(command_find(commands, "copy", &c, &e) == 0 && c == &cmd_copy);
	CHECK(command_find(commands, "cpoy", &c, &e) < 0);
	CHECK_STR(e.msg, "unknown command \"cpoy\", did you mean \"copy\"?");
	CHECK(command_find(cmd_config.subs, "show", &c, &e) == 0);
	CHECK_STR(c->name, "config show");
}

/* Whether the filter of these flags takes the file `path`. */
static bool takes(const struct opt_item *rules, size_t n, const char *path)
{
	struct filter_opts o = FILTER_OPTS_INIT;
	struct entry e = { .name = path, .size = 1, .mtime = MTIME_UNKNOWN };
	struct opt_item copy[4];
	struct filter *f;
	struct cancel c;
	struct op op;
	bool is;

	memcpy(copy, rules, n * sizeof(*rules));
	o.rules.at = copy;
	o.rules.n = n;
	cancel_init(&c);
	op = op_begin(&c);
	CHECK(filter_opts_make(&o, &op, &f) == 0);
	is = filter_file(f, path, &e);
	filter_free(f);
	op_end(&op);
	cancel_free(&c);
	return is;
}

static void filter_rules_are_tried_in_order(void)
{
	static const struct opt_item rules[] = { { "include", "a.txt" },
						 { "exclude", "*.txt" },
						 { "filter", "+ *.jpg" } };

	CHECK(takes(rules, 3, "a.txt"));
	CHECK(!takes(rules, 3, "b.txt"));
	CHECK(takes(rules, 3, "b.jpg"));
	CHECK(!takes(rules, 3, "c")); /* since there is an include */
	CHECK(takes(rules + 1, 2, "c"));
	CHECK(takes(rules, 0, "c"));
}

static void an_empty_list_includes_nothing(void)
{
	static const struct opt_item rules[] = {
		{ "include-from", "/dev/null" }, { "exclude", "x" }
	};
	static const struct opt_item none = { "exclude-from", "/dev/null" };

	CHECK(!takes(rules, 1, "a"));
	CHECK(!takes(rules, 2, "a"));
	CHECK(takes(&none, 1, "a"));
}

/* What the style asks of a flag, and that no two are mixed up. */
static void check_flag(const struct opt *o, const struct opt **seen, size_t n)
{
	CHECK(o->name && *o->name && !strchr(o->name, ' '));
	if (!o->hidden)
		CHECK(*o->help && o->help[strlen(o->help) - 1] != '.');
	CHECK(opt_takes_value(o) == (o->arg != NULL));
	for (size_t i = 0; i < n; i++) {
		CHECK(strcmp(seen[i]->name, o->name) != 0);
		CHECK(!o->letter || seen[i]->letter != o->letter);
	}
}

static void check_command(const struct cmd *c)
{
	const struct opt *seen[200];
	size_t n = 0;

	CHECK(c->name && c->summary && c->about);
	CHECK(c->summary[strlen(c->summary) - 1] != '.');
	CHECK(c->run || c->subs);
	CHECK(c->max_args < 0 || c->min_args <= c->max_args);
	CHECK(c->examples && c->examples[0].line);
	for (const struct cmd_example *x = c->examples; x->line; x++)
		CHECK(x->what && *x->what);
	for (const struct opt *o = global_opts; o->type; o++, n++) {
		check_flag(o, seen, n);
		seen[n] = o;
	}
	for (const struct opt_group *g = c->groups; g && g->opts; g++) {
		CHECK(g->title && c->opts_size > g->at);
		for (const struct opt *o = g->opts; o->type; o++, n++) {
			CHECK(n < ARRAY_LEN(seen));
			check_flag(o, seen, n);
			seen[n] = o;
		}
	}
	for (size_t i = 0; c->subs && c->subs[i]; i++)
		check_command(c->subs[i]);
}

static void every_command_is_described_and_its_flags_are_distinct(void)
{
	for (size_t i = 0; commands[i]; i++) {
		printf("# %s\n", commands[i]->name);
		fflush(stdout);
		check_command(commands[i]);
	}
}

int main(void)
{
	RUN(flags_stand_anywhere);
	RUN(two_dashes_end_the_flags);
	RUN(leading_flags_end_at_the_command);
	RUN(letters_may_be_bundled);
	RUN(bools_are_taken_back);
	RUN(values_are_parsed);
	RUN(lists_keep_the_order_across_flags);
	RUN(errors_name_flag_value_and_what_is_expected);
	RUN(mistyped_words_find_the_nearest);
	RUN(filter_rules_are_tried_in_order);
	RUN(an_empty_list_includes_nothing);
	RUN(every_command_is_described_and_its_flags_are_distinct);
	return 0;
}
