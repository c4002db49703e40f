#ifndef LIB_WHOAMI_H
#define LIB_WHOAMI_H

#include "lib/arena.h"

/* This machine's name, and the name of the user who runs this; "" if unknown.
 */
const char *whoami_host(struct arena *a);
const char *whoami_user(struct arena *a);

#endif
