#ifndef MOUNT_CLIENT_H
#define MOUNT_CLIENT_H

#include "lib/json.h"
#include "mount/line.h"

/* Asking a running mount: the other end of control.h. */
struct client {
	struct line_reader reader;
	const char *dir; /* where it is mounted, in the arena of the op */
};

#define CLIENT_INIT                                      \
	{                                                \
		.reader = {.fd = -1, .bytes = BUF_INIT } \
	}

/*
 * The mount at `dir` (resolved), or the one that `dir` lies in: one of those
 * recorded in `state_dir`, else any that lets us; `*below` is the rest of the
 * path.  ERR_NOT_FOUND if there is none that answers.
 */
int client_open(struct op *op, const char *state_dir, const char *dir,
		struct client *out, const char **below) MUST_CHECK;
void client_close(struct client *c);

/* Where the mount that has its record in `folder` is; NULL: no record. */
const char *client_recorded(struct op *op, const char *folder);

/*
 * Ask, with a path unless it is NULL, and wait for the last line of the
 * answer, which has "done".  `fn` is given the others; the nodes are in
 * op->arena.  An error over there is one here, of the same kind.
 */
typedef int client_fn(void *arg, struct op *op, const struct json_node *item);
int client_ask(struct client *c, struct op *op, const char *ask,
	       const char *path, bool now, client_fn *fn, void *arg,
	       const struct json_node **done) MUST_CHECK;

/* Wait until the process over there has ended. */
int client_wait(struct client *c, struct op *op) MUST_CHECK;

#endif
