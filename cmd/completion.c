/* ferry completion bash|zsh|fish: a script from the tables. */

#include "cmd/cmd.h"

#include <string.h>

#include "cmd/commands.h"
#include "cmd/globals.h"
#include "cmd/opt.h"
#include "cmd/out.h"

typedef void flag_fn(struct buf *b, const struct cmd *c, const struct opt *o);

/* All flags that `c` takes and help shows; those of every command last. */
static void each_flag(struct buf *b, const struct cmd *c, flag_fn *fn)
{
	const struct opt_group *g = c->groups;

	for (; g && g->opts; g++)
		for (const struct opt *o = g->opts; o->type; o++)
			if (!o->hidden)
				fn(b, c, o);
	for (const struct opt *o = global_opts; o->type; o++)
		if (!o->hidden)
			fn(b, c, o);
}

/* `s` with a backslash in front of each of `special`. */
static void add_escaped(struct buf *b, const char *s, const char *special)
{
	for (; *s; s++) {
		if (strchr(special, *s))
			buf_adds(b, "\\");
		buf_add(b, s, 1);
	}
}

static void add_words(struct buf *b, const struct cmd *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		if (!list[i]->hidden)
			buf_addf(b, " %s", command_word(list[i]));
}

static void bash_flag(struct buf *b, const struct cmd *c, const struct opt *o)
{
	(void)c;
	buf_addf(b, " --%s", o->name);
}

static void bash_valued(struct buf *b, const struct cmd *c, const struct opt *o)
{
	(void)c;
	if (!opt_takes_value(o))
		return;
	buf_addf(b, "|--%s", o->name);
	if (o->letter)
		buf_addf(b, "|-%c", o->letter);
}

/* What follows a command: its flags, those with a value, and words. */
static void bash_command(struct buf *b, const struct cmd *c, const char *name)
{
	buf_addf(b, "\t%s)\n\t\tflags=\"", name);
	each_flag(b, c, bash_flag);
	buf_adds(b, "\"\n\t\twords=\"");
	if (!c->run) /* else places are as good */
		add_words(b, c->subs);
	if (c == &cmd_help)
		add_words(b, commands);
	if (c == &cmd_completion)
		buf_adds(b, " bash zsh fish");
	buf_adds(b, "\"\n\t\tcase $prev in\n\t\t-");
	each_flag(b, c, bash_valued);
	buf_adds(b, ") flags= words= ;;\n\t\tesac ;;\n");
}

static void make_bash(struct buf *b)
{
	buf_adds(b, "# ferry's completion for bash\n"
		    "_ferry()\n{\n"
		    "\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n"
		    "\tlocal prev=${COMP_WORDS[COMP_CWORD-1]}\n"
		    "\tlocal i cmd= flags= words=\n\n"
		    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		    "\t\t[[ ${COMP_WORDS[i]} == -* ]] && continue\n"
		    "\t\t[[ -z $cmd || $cmd == config ]] &&\n"
		    "\t\t\tcmd=${cmd:+$cmd-}${COMP_WORDS[i]}\n"
		    "\tdone\n"
		    "\tcase $cmd in\n"
		    "\t\"\") words=\"");
	add_words(b, commands);
	buf_adds(b, "\" ;;\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct cmd *c = commands[i];

		if (c->hidden)
			continue;
		bash_command(b, c, c->name);
		for (size_t k = 0; c->subs && c->subs[k]; k++) {
			struct buf name = BUF_INIT;

			buf_addf(&name, "%s-%s", c->name,
				 command_word(c->subs[k]));
			bash_command(b, c->subs[k], name.data);
			buf_free(&name);
		}
	}
	buf_adds(b, "\tesac\n"
		    "\tif [[ $cur == -* ]]; then\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n"
		    "\telif [[ -n $words ]]; then\n"
		    "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
		    "\telse\n"
		    "\t\twords=$(ferry listremotes 2>/dev/null)\n"
		    "\t\tcompopt -o filenames -o nospace\n"
		    "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\"\n"
		    "\t\t\tcompgen -W \"$words\" -- \"$cur\")\n"
		    "\tfi\n}\n"
		    "complete -F _ferry ferry\n");
}

static void zsh_flag(struct buf *b, const struct cmd *c, const struct opt *o)
{
	(void)c;
	buf_adds(b, " \\\n\t\t\t");
	if (o->letter)
		buf_addf(b, "'(-%c --%s)'{-%c,--%s}'[", o->letter, o->name,
			 o->letter, o->name);
	else
		buf_addf(b, "'--%s[", o->name);
	for (const char *s = o->help; *s; s++) {
		if (*s == '\'')
			buf_adds(b, "'\\''");
		else
			buf_addf(b, strchr("[]:\\", *s) ? "\\%c" : "%c", *s);
	}
	buf_addf(b, "]%s%s%s'", o->arg ? ":" : "", o->arg ? o->arg : "",
		 o->arg ? ":_files" : "");
}

static void make_zsh(struct buf *b)
{
	buf_adds(b, "#compdef ferry\n# ferry's completion for zsh\n"
		    "_ferry_place()\n{\n"
		    "\tlocal -a remotes\n"
		    "\tremotes=(${(f)\"$(ferry listremotes 2>/dev/null)\"})\n"
		    "\t_alternative 'files:file:_files' \\\n"
		    "\t\t'remotes:remote:compadd -S \"\" -a remotes'\n}\n\n"
		    "_ferry()\n{\n"
		    "\tlocal -a commands\n"
		    "\tcommands=(\n");
	for (size_t i = 0; commands[i]; i++) {
		if (commands[i]->hidden)
			continue;
		buf_addf(b, "\t\t\"%s:", commands[i]->name);
		add_escaped(b, commands[i]->summary, "\"$`\\");
		buf_adds(b, "\"\n");
	}
	buf_adds(b, "\t)\n"
		    "\tif (( CURRENT == 2 )); then\n"
		    "\t\t_describe command commands\n"
		    "\t\treturn\n"
		    "\tfi\n"
		    "\tcase $words[2] in\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct cmd *c = commands[i];

		if (c->hidden)
			continue;
		buf_addf(b, "\t%s)\n\t\t_arguments -s", c->name);
		each_flag(b, c, zsh_flag);
		buf_adds(b, " \\\n\t\t\t'1:command:' '");
		if (c->subs && !c->run) {
			buf_adds(b, "2:command:(");
			add_words(b, c->subs);
			buf_adds(b, ")' '");
		}
		buf_adds(b, "*:place:_ferry_place' ;;\n");
	}
	buf_adds(b, "\tesac\n}\n\n_ferry \"$@\"\n");
}

static void fish_flag(struct buf *b, const struct cmd *c, const struct opt *o)
{
	buf_addf(b,
		 "complete -c ferry -n '__fish_seen_subcommand_from %s' -l %s",
		 c->name, o->name);
	if (o->letter)
		buf_addf(b, " -s %c", o->letter);
	if (o->arg)
		buf_adds(b, " -r");
	buf_adds(b, " -d '");
	add_escaped(b, o->help, "'\\");
	buf_adds(b, "'\n");
}

static void make_fish(struct buf *b)
{
	buf_adds(b, "# ferry's completion for fish\n");
	for (size_t i = 0; commands[i]; i++) {
		const struct cmd *c = commands[i];

		if (c->hidden)
			continue;
		buf_addf(b,
			 "complete -c ferry -f -n __fish_use_subcommand "
			 "-a %s -d '",
			 c->name);
		add_escaped(b, c->summary, "'\\");
		buf_adds(b, "'\n");
		if (c->subs) {
			buf_addf(b,
				 "complete -c ferry -f -n "
				 "'__fish_seen_subcommand_from %s' -a '",
				 c->name);
			add_words(b, c->subs);
			buf_adds(b, "'\n");
		}
		each_flag(b, c, fish_flag);
	}
	buf_adds(b, "complete -c ferry -n 'not __fish_use_subcommand' "
		    "-a '(ferry listremotes 2>/dev/null)'\n");
}

static const struct {
	const char *name;
	void (*make)(struct buf *b);
} shells[] = {
	{ "bash", make_bash },
	{ "zsh", make_zsh },
	{ "fish", make_fish },
};

static int completion_run(struct cmd_ctx *cx)
{
	for (size_t i = 0; i < ARRAY_LEN(shells); i++) {
		struct buf text = BUF_INIT;
		int rc;

		if (strcmp(cx->argv[0], shells[i].name) != 0)
			continue;
		shells[i].make(&text);
		rc = out_write(&cx->op, text.data, text.len);
		buf_free(&text);
		return rc;
	}
	return err_set(&cx->op.err, ERR_INVALID,
		       "unknown shell \"%s\": it is bash, zsh or fish",
		       cx->argv[0]);
}

static const struct cmd_example examples[] = {
	{ "ferry completion bash > /etc/bash_completion.d/ferry",
	  "for all users of bash" },
	{ "ferry completion zsh > ~/.zfunc/_ferry",
	  "for zsh, with ~/.zfunc in fpath" },
	{ "ferry completion fish > ~/.config/fish/completions/ferry.fish",
	  "for fish" },
	{ NULL, NULL }
};

const struct cmd cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.summary = "print a completion script for a shell",
	.about =
		"Print a script that lets the shell complete ferry's commands, "
		"flags and remotes.",
	.min_args = 1,
	.max_args = 1,
	.examples = examples,
	.run = completion_run,
};
