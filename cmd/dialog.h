#ifndef CMD_DIALOG_H
#define CMD_DIALOG_H

#include "backends/driver.h"
#include "cmd/term.h"

/*
 * Questions to the user.  Where standard input is a terminal they go to the
 * terminal, and what is secret is not echoed; else they go to standard error,
 * and each answer is one line of standard input.
 */
struct cmd_dialog {
	struct dialog base;
	struct term *term;
	int tty; /* the terminal, or -1 */
};

void dialog_init(struct cmd_dialog *d, struct term *term);
void dialog_free(struct cmd_dialog *d);

/*
 * Whether anybody is there to answer is known only after what else is read
 * from standard input has been: call it then.
 */
void dialog_look(struct cmd_dialog *d);

/* As dialog.ask(), and also where dialog.interactive is false. */
int dialog_ask(struct cmd_dialog *d, struct op *op, const char *question,
	       bool secret, const char **answer) MUST_CHECK;

#endif
