#ifndef CMD_DIRS_H
#define CMD_DIRS_H

#include "cmd/globals.h"

/*
 * Where the configuration, the state and the cache are: what the flags say,
 * else FERRY_CONFIG, FERRY_STATE_DIR and FERRY_CACHE_DIR, else the XDG base
 * directories.  Nothing is opened or made.  The paths are in `a`.
 */
void dirs_find(const struct globals *g, struct arena *a, struct remotes *out);

#endif
