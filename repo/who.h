#ifndef REPO_WHO_H
#define REPO_WHO_H

#include "lib/base.h"

/*
 * Who makes locks, keys and snapshots, as restic names them.
 */
struct who {
	char host[256], user[256]; /* "" unknown */
	uint32_t uid, gid;
};

void who_am_i(struct who *out);

#endif
