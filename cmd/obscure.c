/* ferry obscure, ferry reveal: passwords as the configuration keeps them. */

#include "cmd/cmd.h"

#include <string.h>

#include "cmd/dialog.h"
#include "cmd/out.h"
#include "crypt/obscure.h"

/* The argument, or a line of standard input for "-" or none. */
static int get_text(struct cmd_ctx *cx, const char *question, const char **text)
{
	struct cmd_dialog d;
	int rc;

	if (cx->argc && strcmp(cx->argv[0], "-") != 0) {
		*text = cx->argv[0];
		return 0;
	}
	dialog_init(&d, cx->term);
	/* a pipe needs no question */
	rc = dialog_ask(&d, &cx->op, d.tty >= 0 ? question : "", true, text);
	dialog_free(&d);
	return rc;
}

static int put_line(struct cmd_ctx *cx, struct buf *b)
{
	int rc;

	buf_adds(b, "\n");
	rc = out_write(&cx->op, b->data, b->len);
	explicit_bzero(b->data, b->len);
	buf_free(b);
	return rc;
}

static int obscure_run(struct cmd_ctx *cx)
{
	struct buf b = BUF_INIT;
	const char *text;

	if (get_text(cx, "Password: ", &text) < 0)
		return -1;
	obscure(&b, text);
	return put_line(cx, &b);
}

static int reveal_run(struct cmd_ctx *cx)
{
	struct buf b = BUF_INIT;
	const char *text;

	if (get_text(cx, "Obscured password: ", &text) < 0)
		return -1;
	if (reveal(&b, text, &cx->op.err) < 0)
		return -1;
	return put_line(cx, &b);
}

static const struct cmd_example obscure_examples[] = {
	{ "pass show nas | ferry obscure -", "obscure what another program "
					     "prints" },
	{ NULL, NULL }
};

static const struct cmd_example reveal_examples[] = {
	{ "ferry reveal qoC8g0EPg2LDQWp03ocZ1Dw", "prints x" }, { NULL, NULL }
};

const struct cmd cmd_obscure = {
	.name = "obscure",
	.args = "[-|TEXT]",
	.summary = "obscure a password, as the configuration keeps it",
	.about = "Print the password as it stands in the configuration, which "
		 "rclone can read, too. That keeps it from being read over a "
		 "shoulder, but from nobody who has the file.\n\n"
		 "Without TEXT, or with -, it is one line of standard input. "
		 "What is given as TEXT can be seen by others on this machine "
		 "while the command runs.",
	.max_args = 1,
	.examples = obscure_examples,
	.run = obscure_run,
};

const struct cmd cmd_reveal = {
	.name = "reveal",
	.args = "[-|TEXT]",
	.summary = "print the password that was obscured",
	.about = "Print the password behind what ferry obscure or rclone "
		 "obscure printed. Without TEXT, or with -, that is one line "
		 "of standard input. A TEXT that begins with \"-\" comes "
		 "after \"--\".",
	.max_args = 1,
	.examples = reveal_examples,
	.run = reveal_run,
};
