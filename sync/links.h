#ifndef SYNC_LINKS_H
#define SYNC_LINKS_H

#include <pthread.h>

#include "lib/base.h"

/*
 * Files with several names: (device, inode) to the first path met.  A file is
 * forgotten when all its names have been met.  For any thread.
 */
struct links {
	pthread_mutex_t lock; /* guards all that follows */
	struct link_seen **bucket;
	size_t buckets, n;
};

void links_init(struct links *l);
void links_free(struct links *l);

/*
 * Note one of `nlink` names: false if it is the first one; else true with the
 * first one's path in *first, to be freed.
 */
bool links_met(struct links *l, uint64_t dev, uint64_t ino, uint32_t nlink,
	       const char *path, char **first);

#endif
