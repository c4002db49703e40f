#ifndef BACKENDS_LOCAL_DIRS_H
#define BACKENDS_LOCAL_DIRS_H

#include <pthread.h>

#include "lib/op.h"

/*
 * Open folders, found by their path below the root and kept open for a while:
 * files are copied folder by folder, so nearly every call finds its folder
 * here and does one short look-up in the kernel.  For any thread.
 */
enum { DIRS_SLOTS = 64 };

struct dir {
	int fd; /* O_PATH */
	uint32_t hash;
	unsigned refs;
	bool cached;
	int64_t opened;  /* monotonic ns */
	_Atomic int acl; /* dir_gives_acl(): 0 not known yet, 1 no, 2 yes */
	char path[];
};

struct dirs {
	pthread_mutex_t lock; /* guards all but `path`, `follow` */
	char *path;           /* of the root, as given */
	bool follow;          /* symbolic links below the root, too */
	int root;             /* -1 until it exists */
	struct dir *slot[DIRS_SLOTS];
};

void dirs_init(struct dirs *d, const char *root, bool follow);
void dirs_free(struct dirs *d);

/*
 * The folder at `path`, of which the first `n` bytes count; give it back with
 * dir_put().  ERR_NO_DIR, ERR_NOT_DIR (something else is there), ERR_CONFLICT
 * (a symbolic link is in the way).
 */
int dir_get(struct dirs *d, struct op *op, const char *path, size_t n,
	    struct dir **out) MUST_CHECK;
/*
 * As it is called now, not a moment ago: for listings, which are believed for
 * long.
 */
int dir_get_anew(struct dirs *d, struct op *op, const char *path,
		 struct dir **out) MUST_CHECK;
void dir_put(struct dirs *d, struct dir *dir);

/* The folder that `path` is in, and its last component; path is not "". */
int dir_of(struct dirs *d, struct op *op, const char *path, struct dir **out,
	   const char **name) MUST_CHECK;

/* As dir_of(), making the folders that are missing. */
int dir_of_made(struct dirs *d, struct op *op, const char *path,
		struct dir **out, const char **name) MUST_CHECK;

/* Whether new entries inherit an ACL from it. */
bool dir_gives_acl(struct dir *dir);

/* Make the folder and its missing parents; one that is there is fine. */
int dirs_make(struct dirs *d, struct op *op, const char *path,
	      size_t n) MUST_CHECK;

/* Forget what is known of `path` and all below it: it has been moved away. */
void dirs_forget(struct dirs *d, const char *path);

#endif
