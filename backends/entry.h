#ifndef BACKENDS_ENTRY_H
#define BACKENDS_ENTRY_H

#include "lib/buf.h"
#include "lib/hash.h"
#include "lib/op.h"

enum entry_kind {
	ENTRY_FILE,
	ENTRY_DIR,
	ENTRY_LINK,   /* symbolic; posix->target says whereto */
	ENTRY_SPECIAL /* FIFO, socket or device, as posix->mode says */
};

#define SIZE_UNKNOWN  ((int64_t)-1)
#define MTIME_UNKNOWN INT64_MIN

/* Only the local disk, SFTP and snapshots have these. */
struct posix_meta {
	uint32_t mode; /* as st_mode, with the type's bits */
	uint32_t uid, gid;
	uint32_t nlink;
	uint64_t rdev;      /* of a device */
	uint64_t dev, ino;  /* equal for two names of one file */
	int64_t ctime;      /* ns */
	int64_t atime;      /* ns */
	const char *target; /* of a symbolic link, else NULL */
};

struct entry {
	enum entry_kind kind;
	const char *name;    /* below what was listed: no '/' but from a tree */
	int64_t size;        /* SIZE_UNKNOWN: not before it is read */
	int64_t mtime;       /* ns since 1970, or MTIME_UNKNOWN */
	struct digests hash; /* those the listing carried */
	const char *id;      /* the service's name for it, or NULL */
	const char *tag;     /* changes whenever the content does, or NULL */
	const char *mime;    /* or NULL */
	const struct posix_meta *posix; /* or NULL */
};

/* Called for each entry, which is gone when it returns; -1 ends the listing. */
typedef int entry_fn(void *arg, struct op *op, const struct entry *e);

/* Extended attributes, ACLs among them; sorted by name. */
struct xattr {
	const char *name;
	const void *value;
	size_t len;
};

struct xattrs {
	const struct xattr *at;
	size_t n;
};

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b);

/* "file", "dir", "link" or "special": for --json. */
const char *entry_kind_name(enum entry_kind kind);

/* A copy of `*e` and of all it points at, in `a`. */
struct entry entry_copy(struct arena *a, const struct entry *e);

/*
 * An entry as one run of bytes, for lists: append it; how long the one at `p`
 * is, and its name; and the entry again, its strings pointing into `p` and its
 * posix part into `*meta`.  Only for bytes that this process has packed.
 */
void entry_pack(struct buf *b, const struct entry *e);
size_t entry_packed_len(const char *p);
const char *entry_packed_name(const char *p);
void entry_unpack(const char *p, struct entry *e, struct posix_meta *meta);

#endif
