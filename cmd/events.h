#ifndef CMD_EVENTS_H
#define CMD_EVENTS_H

#include "cmd/cmd.h"
#include "lib/json_write.h"

/* The objects of --json, see docs/json.md. */

/* A text that may hold bytes that are not UTF-8: each becomes U+FFFD. */
void json_text_valid(struct json *j, const char *key, const char *text);

/* "kind" and "message" into the object that is open. */
void json_error(struct json *j, const struct err *e);

/*
 * Write a piece of results, above the progress if both are on one terminal;
 * `flush`: now.
 */
int result_put(const struct cmd_ctx *cx, struct op *op, const struct buf *b,
	       bool flush) MUST_CHECK;

/* {"event":"error",...}: how the whole command failed. */
int event_failed(struct op *op, const struct err *e) MUST_CHECK;

/* The same as restic tells it, for commands on repositories. */
void event_exit_error(struct buf *line, const struct err *e);

#endif
