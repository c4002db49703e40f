/* ferry man DIR: manual pages from the tables, for packages. */

#include "cmd/cmd.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "backends/driver.h"
#include "cmd/commands.h"
#include "cmd/globals.h"
#include "cmd/help.h"
#include "cmd/version.h"

/* Text of one line, for troff; with `code`, as one types it. */
static void add_text(struct buf *b, const char *s, size_t n, bool code)
{
	if (n && (*s == '.' || *s == '\''))
		buf_adds(b, "\\&");
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			buf_adds(b, "\\e");
		else if (s[i] == '-' && code)
			buf_adds(b, "\\-");
		else if (s[i] == '~')
			buf_adds(b, "\\(ti");
		else
			buf_add(b, &s[i], 1);
	}
}

static void add_line(struct buf *b, const char *s, bool code)
{
	add_text(b, s, strlen(s), code);
	buf_adds(b, "\n");
}

/* As text_wrap() understands it: lines from a blank on stay as they are. */
static void add_paragraphs(struct buf *b, const char *s)
{
	const char *next;

	for (; *s; s = next) {
		size_t n = strcspn(s, "\n");

		next = s + n + (s[n] == '\n');
		if (n == 0) {
			buf_adds(b, ".PP\n");
		} else if (*s == ' ') {
			buf_adds(b, ".nf\n");
			add_text(b, s, n, true);
			buf_adds(b, "\n.fi\n");
		} else {
			add_text(b, s, n, false);
			buf_adds(b, "\n");
		}
	}
}

static void add_title(struct buf *b, const char *page, const char *summary)
{
	buf_adds(b, ".\\\" made by \"ferry man\" from the table of commands\n"
		    ".TH ");
	for (const char *s = page; *s; s++)
		buf_addf(b, "%c", toupper((unsigned char)*s));
	buf_addf(b, " 1 \"\" \"ferry %s\" \"User Commands\"\n", FERRY_VERSION);
	buf_addf(b, ".SH NAME\n%s \\- ", page);
	add_line(b, summary, false);
}

static void add_flags(struct buf *b, const struct opt *o)
{
	for (; o->type; o++) {
		if (o->hidden)
			continue;
		buf_adds(b, ".TP\n");
		if (o->letter)
			buf_addf(b, "\\fB\\-%c\\fR, ", o->letter);
		buf_adds(b, "\\fB\\-\\-");
		add_text(b, o->name, strlen(o->name), true);
		buf_adds(b, "\\fR");
		if (o->arg)
			buf_addf(b, " \\fI%s\\fR", o->arg);
		buf_adds(b, "\n");
		add_line(b, o->help, false);
	}
}

static void add_item(struct buf *b, const char *name, const char *text)
{
	buf_adds(b, ".TP\n\\fB");
	add_text(b, name, strlen(name), true);
	buf_adds(b, "\\fR\n");
	add_line(b, text, false);
}

static void add_examples(struct buf *b, const struct cmd_example *x)
{
	for (; x && x->line; x++) {
		buf_adds(b, ".PP\n.nf\n.RS\n");
		add_line(b, x->line, true);
		buf_adds(b, ".RE\n.fi\n.RS 8\n");
		add_line(b, x->what, false);
		buf_adds(b, ".RE\n");
	}
}

/* One command's synopsis, description, flags and examples. */
static void add_command(struct buf *b, const struct cmd *c)
{
	struct buf usage = BUF_INIT;

	help_usage(&usage, c);
	buf_adds(b, "\\fB");
	add_text(b, usage.data, usage.len, true);
	buf_adds(b, "\\fR\n.PP\n");
	add_paragraphs(b, c->about ? c->about : c->summary);
	for (size_t i = 0; c->groups && c->groups[i].opts; i++) {
		buf_addf(b, ".SS %s\n", c->groups[i].title);
		add_flags(b, c->groups[i].opts);
	}
	buf_free(&usage);
}

static void make_page(struct buf *b, const char *page, const struct cmd *c)
{
	add_title(b, page, c->summary);
	buf_adds(b, ".SH SYNOPSIS\n");
	add_command(b, c);
	for (size_t i = 0; c->subs && c->subs[i]; i++) {
		buf_addf(b, ".SH %s\n", c->subs[i]->name);
		add_command(b, c->subs[i]);
		add_examples(b, c->subs[i]->examples);
	}
	if (c->examples) {
		buf_adds(b, ".SH EXAMPLES\n");
		add_examples(b, c->examples);
	}
	buf_adds(b, ".SH SEE ALSO\n"
		    ".BR ferry (1)\n"
		    "for the flags that every command has\n");
}

/* clang-format off */
static const struct {
	const char *name, *text;
} environment[] = {
	{ "FERRY_CONFIG", "the configuration file, unless --config is given" },
	{ "FERRY_STATE_DIR", "as --state-dir" },
	{ "FERRY_CACHE_DIR", "as --cache-dir" },
	{ "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME",
	  "where the folder ferry is that holds these" },
	{ "NO_COLOR", "no colours, unless --color is given" },
	{ "TMPDIR", "where large listings are kept while they are sorted" },
}, statuses[] = {
	{ "0", "done" },
	{ "1", "failed; for check: there are differences" },
	{ "2", "wrong usage" },
	{ "3", "done but for some files, which were named" },
	{ "4", "source, remote or path not found" },
	{ "5", "sign-in refused" },
	{ "6", "stopped by a safety limit" },
	{ "10", "no repository there" },
	{ "11", "repository locked" },
	{ "12", "wrong password" },
	{ "130", "interrupted" },
};
/* clang-format on */

static void make_overview(struct buf *b)
{
	add_title(b, "ferry", "carry files between places");
	buf_adds(b, ".SH SYNOPSIS\n.B ferry\n"
		    "\\fICOMMAND\\fR [\\fIFLAG\\fR]... [\\fIARGUMENT\\fR]...\n"
		    ".SH DESCRIPTION\n"
		    "ferry copies, moves and compares trees of files. A place "
		    "is a path of this machine, \\fBremote:path\\fR for a "
		    "remote of the configuration, or "
		    "\\fB:type,key=value:path\\fR for one made on the spot.\n"
		    ".SH COMMANDS\n");
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			add_item(b, commands[i]->name, commands[i]->summary);
	buf_adds(b, ".SH FLAGS OF EVERY COMMAND\n");
	add_flags(b, global_opts);
	buf_adds(b, ".SH TYPES OF REMOTES\n");
	for (const struct driver *const *d = driver_all(); *d; d++)
		add_item(b, (*d)->name, (*d)->summary);
	buf_adds(b, ".SH ENVIRONMENT\n");
	for (size_t i = 0; i < ARRAY_LEN(environment); i++)
		add_item(b, environment[i].name, environment[i].text);
	buf_adds(b, ".SH EXIT STATUS\n");
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
		add_item(b, statuses[i].name, statuses[i].text);
	buf_adds(b, ".SH SEE ALSO\n");
	for (size_t i = 0; commands[i]; i++)
		if (!commands[i]->hidden)
			buf_addf(b, ".BR ferry\\-%s (1)%s\n", commands[i]->name,
				 commands[i + 1] ? "," : "");
}

static int write_page(struct cmd_ctx *cx, const char *page, struct buf *text)
{
	const char *path =
		arena_printf(&cx->op.arena, "%s/%s.1", cx->argv[0], page);
	FILE *f = fopen(path, "we");
	bool written;

	if (!f)
		return err_sys(&cx->op.err, "\"%s\"", path);
	written = fwrite(text->data, 1, text->len, f) == text->len;
	written = fclose(f) == 0 && written;
	buf_reset(text);
	return written ? 0 : err_sys(&cx->op.err, "\"%s\"", path);
}

static int man_run(struct cmd_ctx *cx)
{
	struct buf text = BUF_INIT;
	int rc;

	make_overview(&text);
	rc = write_page(cx, "ferry", &text);
	for (size_t i = 0; commands[i] && rc == 0; i++) {
		const char *page = arena_printf(&cx->op.arena, "ferry-%s",
						commands[i]->name);

		if (commands[i]->hidden)
			continue;
		make_page(&text, page, commands[i]);
		rc = write_page(cx, page, &text);
	}
	buf_free(&text);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry man /tmp/man", "write the pages there" }, { NULL, NULL }
};

const struct cmd cmd_man = {
	.name = "man",
	.args = "DIR",
	.summary = "write manual pages",
	.about = "Write the manual pages ferry.1 and ferry-COMMAND.1 into the "
		 "folder DIR.",
	.min_args = 1,
	.max_args = 1,
	.examples = examples,
	.hidden = true,
	.run = man_run,
};
