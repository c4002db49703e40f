#ifndef VFS_VFS_H
#define VFS_VFS_H

#include "backends/backend.h"

/*
 * A backend as a tree that can be read and written anywhere, at the speed of
 * the local disk and without a network: what mount/ shows to the kernel.
 *
 * What is known of the place is kept on the local disk, what is read is kept
 * as far as the budget goes, and what is changed is kept until the place has
 * it (queue.c).  Every call may come from any thread, blocks as little as it
 * can, looks at op_check() while it waits, and returns 0 or -1 with op->err
 * set; vfs_errno() says which errno that is.
 *
 * Nodes go by their number, as in FUSE's low-level interface: the root is
 * VFS_ROOT; numbers are not used again.  What fills in a `struct vfs_attr` for
 * a name (lookup, create, mkdir, symlink) adds one to the node's lookups,
 * which vfs_forget() takes back.
 */
struct vfs;
struct vfs_file; /* an open file */
struct vfs_dir;  /* an open folder */

#define VFS_ROOT 1

enum vfs_cache_mode { VFS_CACHE_OFF, VFS_CACHE_WRITES, VFS_CACHE_FULL };

struct vfs_opt {
	const char *dir; /* where everything is kept; made if need be */
	enum vfs_cache_mode cache_mode;
	int64_t cache_size; /* bytes of content that may be kept; -1 any */
	int64_t min_free;   /* bytes of the disk that are left free */
	int64_t dir_time;   /* ns that a listing is good for */
	int64_t write_back; /* ns of quiet before a closed file is sent */
	int64_t read_ahead; /* bytes ahead of a sequential reader, at most */
	unsigned transfers; /* at once; 0: as the backend likes */
	bool read_only;
	bool own_ids;      /* every entry belongs to uid and gid */
	uint32_t uid, gid; /* of what the place tells no owner for */
	uint32_t umask;    /* for what the place tells no mode for */
	bool local_modes;  /* keep modes, owners here if the place cannot */
	bool lazy_close;   /* a power cut may undo the closes of 3 seconds */

	/*
	 * What the kernel may have kept is no longer true: the name in the
	 * folder (`name` is NULL: nothing of names), or attributes and content
	 * of `ino` (0: neither).  Called without any lock held.
	 */
	void (*stale)(void *arg, uint64_t parent, const char *name,
		      uint64_t ino);

	/* Something that the user should know: a conflict, a lost place. */
	void (*tell)(void *arg, const char *text);
	void *arg;
};

struct vfs_attr {
	uint64_t ino;
	uint32_t mode; /* as st_mode, with the type's bits */
	uint32_t nlink, uid, gid;
	int64_t size, blocks; /* bytes; 512-byte blocks that are here */
	int64_t mtime, ctime; /* ns */
	int64_t valid;        /* ns that the kernel may believe this */
};

/*
 * `be` stays the caller's, and must outlive the vfs.  ERR_LOCKED if another
 * process has this `dir`.  Does not ask the place anything: it may be out of
 * reach.  `op` is only for opening.
 */
int vfs_open(struct op *op, struct backend *be, const struct vfs_opt *opt,
	     struct vfs **out) MUST_CHECK;

/*
 * Ends the threads, once the transfers under way have ended or been called
 * off, saves what is known, and frees.  What is left in the queue stays for
 * the next time.  No other call may be under way.
 */
void vfs_close(struct vfs *v);

int vfs_errno(const struct err *e);

/* ---- names --------------------------------------------------------------- */
int vfs_lookup(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	       struct vfs_attr *out) MUST_CHECK;
void vfs_forget(struct vfs *v, uint64_t ino, uint64_t lookups);
int vfs_getattr(struct vfs *v, struct op *op, uint64_t ino,
		struct vfs_attr *out) MUST_CHECK;

enum vfs_set {
	VFS_SET_MODE = 1,
	VFS_SET_UID = 2,
	VFS_SET_GID = 4,
	VFS_SET_SIZE = 8,
	VFS_SET_MTIME = 16
};

/* `in` has what `set` says; the result is in `out`. */
int vfs_setattr(struct vfs *v, struct op *op, uint64_t ino, unsigned set,
		const struct vfs_attr *in, struct vfs_attr *out) MUST_CHECK;
int vfs_mkdir(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	      uint32_t mode, struct vfs_attr *out) MUST_CHECK;
int vfs_symlink(struct vfs *v, struct op *op, uint64_t parent, const char *name,
		const char *target, struct vfs_attr *out) MUST_CHECK;
/* Into op->arena. */
int vfs_readlink(struct vfs *v, struct op *op, uint64_t ino,
		 const char **out) MUST_CHECK;
int vfs_unlink(struct vfs *v, struct op *op, uint64_t parent,
	       const char *name) MUST_CHECK;
int vfs_rmdir(struct vfs *v, struct op *op, uint64_t parent,
	      const char *name) MUST_CHECK;
/* `flags`: RENAME_NOREPLACE and RENAME_EXCHANGE as renameat2(2). */
int vfs_rename(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	       uint64_t new_parent, const char *new_name,
	       unsigned flags) MUST_CHECK;

/* Extended attributes: of user.*, kept here. Lists and values in op->arena. */
int vfs_getxattr(struct vfs *v, struct op *op, uint64_t ino, const char *name,
		 const void **value, size_t *len) MUST_CHECK;
/* The names, each with its '\0'. */
int vfs_listxattr(struct vfs *v, struct op *op, uint64_t ino,
		  const char **names, size_t *len) MUST_CHECK;
/* `flags`: XATTR_CREATE, XATTR_REPLACE. */
int vfs_setxattr(struct vfs *v, struct op *op, uint64_t ino, const char *name,
		 const void *value, size_t len, int flags) MUST_CHECK;
int vfs_removexattr(struct vfs *v, struct op *op, uint64_t ino,
		    const char *name) MUST_CHECK;

/* ---- folders ------------------------------------------------------------- */
int vfs_opendir(struct vfs *v, struct op *op, uint64_t ino,
		struct vfs_dir **out) MUST_CHECK;

/*
 * Entries from `off` on (0: from the start; else an `off` that `fn` was
 * given), "." and ".." first, each once, whatever changes meanwhile.  `fn`
 * returns false to end; with `plus` the node's lookups are counted for each
 * entry that it took, but for "." and "..".
 */
typedef bool vfs_dir_fn(void *arg, const char *name,
			const struct vfs_attr *attr, int64_t next_off);
int vfs_readdir(struct vfs *v, struct op *op, struct vfs_dir *d, int64_t off,
		bool plus, vfs_dir_fn *fn, void *arg) MUST_CHECK;
void vfs_closedir(struct vfs *v, struct vfs_dir *d);

/* ---- files --------------------------------------------------------------- */
/* `flags` as open(2): the access mode, O_TRUNC, O_EXCL, O_APPEND. */
int vfs_create(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	       uint32_t mode, int flags, struct vfs_attr *attr,
	       struct vfs_file **out) MUST_CHECK;
int vfs_open_file(struct vfs *v, struct op *op, uint64_t ino, int flags,
		  struct vfs_file **out) MUST_CHECK;

/* Whether the kernel may keep what it has of the content from before. */
bool vfs_file_unchanged(struct vfs_file *f);

/*
 * Have [off, off + n) here, as far as the file goes: `*fd` and `*got` say
 * where the bytes are and how many there are (0: the end).  The descriptor
 * stays good until vfs_read_end().
 */
int vfs_read_begin(struct vfs *v, struct op *op, struct vfs_file *f,
		   int64_t off, size_t n, int *fd, size_t *got) MUST_CHECK;
void vfs_read_end(struct vfs *v, struct vfs_file *f);

int vfs_write(struct vfs *v, struct op *op, struct vfs_file *f, const void *p,
	      size_t n, int64_t off) MUST_CHECK;
/* mode 0, FALLOC_FL_KEEP_SIZE or FALLOC_FL_PUNCH_HOLE as fallocate(2). */
int vfs_fallocate(struct vfs *v, struct op *op, struct vfs_file *f, int mode,
		  int64_t off, int64_t len) MUST_CHECK;
/* SEEK_DATA, SEEK_HOLE. */
int vfs_seek(struct vfs *v, struct op *op, struct vfs_file *f, int64_t off,
	     int whence, int64_t *out) MUST_CHECK;

/*
 * A descriptor was closed: what was written through it is no longer lost when
 * ferry is killed, nor, unless opt.lazy_close, by a power cut.
 */
int vfs_flush_file(struct vfs *v, struct op *op, struct vfs_file *f) MUST_CHECK;
/* Nor by a power cut. */
int vfs_fsync(struct vfs *v, struct op *op, struct vfs_file *f) MUST_CHECK;
int vfs_fsyncdir(struct vfs *v, struct op *op) MUST_CHECK;
void vfs_release(struct vfs *v, struct vfs_file *f);

/* ---- the whole ----------------------------------------------------------- */
/* At once, with what was last heard; -1 for what is not known. */
void vfs_statfs(struct vfs *v, struct quota *out);

/* What is known of folders is asked for again, when next they are looked at. */
void vfs_refresh(struct vfs *v);

struct vfs_status {
	bool online;
	int64_t files, dirs;      /* nodes in memory */
	int64_t cached;           /* bytes of content on the disk */
	int64_t queued, sending;  /* nodes that differ from the place */
	int64_t queued_bytes;     /* of content to be sent */
	int64_t sent, sent_bytes; /* since the mount began */
	int64_t failed;           /* of the queued: the last try failed */
	int64_t conflicts;        /* conflict copies made */
	char last_error[300];     /* "" for none */
};
void vfs_status(struct vfs *v, struct vfs_status *out);

/*
 * One thing that the place has to be told.  (What was deleted here while it
 * was sent has no path, and is only counted in vfs_status.)
 */
struct vfs_queued {
	const char *path;   /* where it is, or was, in the mount */
	const char *action; /* "upload", "mkdir", "move", "delete", "times" */
	int64_t bytes;      /* -1 where there are none to send */
	bool sending;
	int64_t wait;      /* ns until it is (next) tried; 0 if due */
	const char *error; /* of the last try, or NULL */
};
typedef int vfs_queue_fn(void *arg, struct op *op, const struct vfs_queued *q);
int vfs_queue(struct vfs *v, struct op *op, vfs_queue_fn *fn,
	      void *arg) MUST_CHECK;

/*
 * Send what has changed at `path` and below ("" is everything), now, and wait
 * until the place has it.  The first that fails for good fails the call.
 */
int vfs_flush(struct vfs *v, struct op *op, const char *path) MUST_CHECK;

/* Keep `path` and all below it here, always; fetched in the background. */
int vfs_pin(struct vfs *v, struct op *op, const char *path) MUST_CHECK;
int vfs_unpin(struct vfs *v, struct op *op, const char *path) MUST_CHECK;
/* `missing`: bytes that are not here yet. */
typedef int vfs_pin_fn(void *arg, struct op *op, const char *path,
		       int64_t bytes, int64_t missing);
int vfs_pins(struct vfs *v, struct op *op, vfs_pin_fn *fn,
	     void *arg) MUST_CHECK;

#endif
