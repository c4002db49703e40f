/* ferry help [COMMAND|DRIVER]: all of it from the tables. */

#include "cmd/help.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/globals.h"
#include "cmd/opt.h"
#include "cmd/out.h"
#include "cmd/text.h"

enum {
	WIDTH = 79,
	NAMES = 18, /* columns of a list of commands before the text */
	FLAGS = 30  /* and of a list of flags */
};

/* A line "left" and, from column `to` on, the text. */
static void add_row(struct buf *b, const char *left, const char *text,
		    size_t to)
{
	size_t n = strlen(left);

	buf_adds(b, left);
	if (n + 2 > to)
		buf_addf(b, "\n%*s", (int)to, "");
	else
		buf_addf(b, "%*s", (int)(to - n), "");
	text_wrap(b, text, to, to, WIDTH);
	buf_adds(b, "\n");
}

static void add_commands(struct buf *b, const struct cmd *const *list)
{
	for (; *list; list++) {
		struct buf left = BUF_INIT;

		if ((*list)->hidden)
			continue;
		buf_addf(&left, "  %s", (*list)->name);
		add_row(b, left.data, (*list)->summary, NAMES);
		buf_free(&left);
	}
}

static void add_flags(struct buf *b, const char *title, const struct opt *o)
{
	buf_addf(b, "\n%s:\n", title);
	for (; o->type; o++) {
		struct buf left = BUF_INIT;

		if (o->hidden)
			continue;
		if (o->letter)
			buf_addf(&left, "  -%c, --%s", o->letter, o->name);
		else
			buf_addf(&left, "      --%s", o->name);
		if (o->arg)
			buf_addf(&left, " %s", o->arg);
		add_row(b, left.data, o->help, FLAGS);
		buf_free(&left);
	}
}

void help_overview(struct buf *out, bool full)
{
	buf_adds(out, "usage: ferry COMMAND [FLAG]... [ARGUMENT]...\n\n"
		      "A place is a path of this machine or remote:path.\n\n"
		      "Commands:\n");
	add_commands(out, commands);
	if (full) {
		add_flags(out, "Flags of every command", global_opts);
		buf_adds(out, "\nTypes of remotes:\n");
		for (const struct driver *const *d = driver_all(); *d; d++) {
			struct buf left = BUF_INIT;

			buf_addf(&left, "  %s", (*d)->name);
			add_row(out, left.data, (*d)->summary, NAMES);
			buf_free(&left);
		}
	}
	buf_adds(out, "\n\"ferry help COMMAND\" and \"ferry help TYPE\" tell "
		      "more about one of them.\n");
}

void help_usage(struct buf *out, const struct cmd *c)
{
	buf_addf(out, "ferry %s", c->name);
	if (c->subs && !c->run) {
		buf_adds(out, " ");
		for (size_t i = 0; c->subs[i]; i++)
			buf_addf(out, "%s%s", i ? "|" : "",
				 command_word(c->subs[i]));
	}
	buf_adds(out, " [FLAG]...");
	if (c->args && *c->args)
		buf_addf(out, " %s", c->args);
}

static void add_examples(struct buf *b, const struct cmd_example *x)
{
	if (!x)
		return;
	buf_adds(b, "\nExamples:\n");
	for (; x->line; x++) {
		buf_addf(b, "  %s\n      ", x->line);
		text_wrap(b, x->what, 6, 6, WIDTH);
		buf_adds(b, "\n");
	}
}

void help_command(struct buf *out, const struct cmd *c)
{
	buf_adds(out, "usage: ");
	help_usage(out, c);
	buf_adds(out, "\n\n");
	text_wrap(out, c->about ? c->about : c->summary, 0, 0, WIDTH);
	buf_adds(out, "\n");
	if (c->subs) {
		buf_adds(out, "\nCommands:\n");
		add_commands(out, c->subs);
	}
	for (size_t i = 0; c->groups && c->groups[i].opts; i++)
		add_flags(out, c->groups[i].title, c->groups[i].opts);
	add_examples(out, c->examples);
	if (!c->subs || c->run)
		add_flags(out, "Flags of every command", global_opts);
}

static void add_option(struct buf *b, const struct driver_option *o)
{
	static const char *const types[] = {
		[OPTION_STR] = "TEXT",
		[OPTION_BOOL] = "true|false",
		[OPTION_INT] = "N",
		[OPTION_SIZE] = "SIZE",
		[OPTION_DURATION] = "DURATION",
	};
	struct buf left = BUF_INIT, text = BUF_INIT;

	buf_addf(&left, "  %s=%s", o->name, types[o->type]);
	buf_adds(&text, o->help);
	if (o->obscured)
		buf_adds(&text, " (kept obscured)");
	if (o->setup)
		buf_adds(&text, " (for config create and reconnect)");
	if (o->required)
		buf_adds(&text, " (needed)");
	else if (o->fallback && *o->fallback)
		buf_addf(&text, " (default %s)", o->fallback);
	add_row(b, left.data, text.data, FLAGS);
	buf_free(&left);
	buf_free(&text);
}

void help_driver(struct buf *out, const struct driver *d)
{
	buf_addf(out, "%s: %s\n", d->name, d->summary);
	if (d->options && d->options->name) {
		buf_adds(out, "\nOptions:\n");
		for (const struct driver_option *o = d->options; o->name; o++)
			add_option(out, o);
	}
	buf_addf(out,
		 "\nExamples:\n  ferry config create NAME %s [KEY=VALUE]...\n"
		 "      make a remote, then used as NAME:path\n"
		 "  ferry ls :%s[,KEY=VALUE]...:path\n"
		 "      use one without the configuration\n",
		 d->name, d->name);
}

static int help_run(struct cmd_ctx *cx)
{
	const struct cmd *const *list = commands;
	const struct driver *d = NULL;
	const struct cmd *c = NULL;
	struct buf text = BUF_INIT;
	int rc = -1;

	for (int i = 0; i < cx->argc && list; i++) {
		if (command_find(list, cx->argv[i], &c, &cx->op.err) < 0) {
			d = i == 0 ? driver_find(cx->argv[0]) : NULL;
			if (!d)
				goto out;
			break;
		}
		list = c->subs;
	}
	if (c && cx->argc == 1) /* "repo" is a type of remote, too */
		d = driver_find(cx->argv[0]);
	if (c)
		help_command(&text, c);
	if (c && d)
		buf_adds(&text, "\nAs a type of remote:\n\n");
	if (d)
		help_driver(&text, d);
	if (!c && !d)
		help_overview(&text, true);
	rc = out_write(&cx->op, text.data, text.len);
out:
	buf_free(&text);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry help sync", "what sync does, its flags and examples" },
	{ "ferry help local", "the options of that type of remote" },
	{ NULL, NULL }
};

const struct cmd cmd_help = {
	.name = "help",
	.args = "[COMMAND|TYPE]",
	.summary = "tell about a command or a type of remote",
	.about = "Tell about ferry, one of its commands, or the options of a "
		 "type of remote. Each command takes -h as well.",
	.max_args = 2,
	.examples = examples,
	.run = help_run,
};
