#ifndef MOUNT_SOCKET_H
#define MOUNT_SOCKET_H

#include "lib/op.h"

/*
 * The socket "control" in a folder, whose path may be longer than an address
 * of a socket.  A descriptor, or -1.
 */
int socket_listen(struct op *op, const char *folder) MUST_CHECK;
/* ERR_NOT_FOUND if nobody listens. */
int socket_connect(struct op *op, const char *folder) MUST_CHECK;

#endif
