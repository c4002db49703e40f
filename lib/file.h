#ifndef LIB_FILE_H
#define LIB_FILE_H

#include "lib/buf.h"
#include "lib/op.h"

/*
 * Small files of our own: configuration, tokens, marks.
 */

/* Append the whole file; ERR_CORRUPT if longer than `max` bytes. */
int file_read(struct op *op, const char *path, size_t max,
	      struct buf *out) MUST_CHECK;

/*
 * Replace the file: written aside (0600), fsync, rename, fsync of the folder.
 * A symbolic link is followed, so that the file it names is replaced.  Missing
 * folders are made (0700).  Done also after a cancel: a token that was changed
 * must not be lost.
 */
int file_write(struct op *op, const char *path, const void *p,
	       size_t n) MUST_CHECK;

/* mkdir -p, new folders 0700. */
int file_make_dirs(struct op *op, const char *path) MUST_CHECK;

/*
 * An exclusive lock on PATH.lock, waited for at most `wait_ms`; ERR_LOCKED
 * after that.  Between threads as well as processes.  Links and missing folders
 * as for file_write().  Returns the descriptor; close it to unlock.
 */
int file_lock(struct op *op, const char *path, unsigned wait_ms) MUST_CHECK;

/* All of it, whatever write(2) does in one go; -1 leaves errno. */
int write_all(int fd, const void *p, size_t n) MUST_CHECK;

#endif
