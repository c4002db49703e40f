#ifndef CMD_BACKGROUND_H
#define CMD_BACKGROUND_H

#include "cmd/cmd.h"

/*
 * A process that goes to the background once it has begun its work, and tells
 * whoever started it: the shell, or systemd.
 */
struct background {
	int parent; /* a pipe to him who waits; -1 */
};

/*
 * Before there are threads.  Goes on in a child; the parent ends when that one
 * says background_ready(), or with its exit status.
 */
int background_start(struct background *b, struct err *e) MUST_CHECK;

/*
 * The work has begun: the parent ends with 0, the standard streams and the
 * terminal are let go of, messages go to the system's log unless there is
 * --log-file.  Without background_start(): does nothing.
 */
void background_ready(struct background *b, const struct cmd_ctx *cx);

/* Tell systemd, if it has started us: "READY=1", "STOPPING=1", "STATUS=...". */
void service_tell(const char *text);

#endif
