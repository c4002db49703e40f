#ifndef NET_REDIRECT_H
#define NET_REDIRECT_H

#include "lib/op.h"

/*
 * The end of a sign-in with a browser (RFC 8252): the service sends it back to
 * http://localhost:PORT/?code=...&state=..., which is waited for here.  Only
 * this machine is listened to; a request without the right state, which is
 * random, is refused and changes nothing.
 */
struct redirect;

/* `port` 0: any that is free.  ERR_BUSY if another program has it. */
int redirect_open(struct op *op, unsigned port,
		  struct redirect **out) MUST_CHECK;
void redirect_close(struct redirect *r);

/* "http://localhost:53682/" and the state, for the address to be opened. */
const char *redirect_uri(const struct redirect *r);
const char *redirect_state(const struct redirect *r);

/*
 * Wait `timeout` ns at most for the browser: the code, in op->arena.  ERR_AUTH
 * with the service's words if it says no.
 */
int redirect_wait(struct redirect *r, struct op *op, int64_t timeout,
		  const char **code) MUST_CHECK;

#endif
