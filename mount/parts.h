#ifndef MOUNT_PARTS_H
#define MOUNT_PARTS_H

#define FUSE_USE_VERSION 312

#include <fuse3/fuse_lowlevel.h>

#include "mount/mount.h"

/*
 * What the files of mount/ share.
 *
 *	mount.c		the session: mounting, the loop, its end
 *	worker.c	a thread that answers requests, and what it needs
 *	handle.c	what is open
 *	names.c		requests about names
 *	attr.c		attributes, extended ones
 *	dir.c		open folders
 *	file.c		open files
 *	notify.c	telling the kernel what it must forget
 *	where.c		what is mounted where; unmounting
 *	control.c	what other processes ask of a mount
 *	client.c	asking it
 *
 * Requests come on libfuse's threads, block there, and are answered there.
 */

enum {
	IO_MAX = 1 << 20, /* bytes that one request reads or writes, at most */
	READ_AHEAD = 1000 << 10, /* the kernel's: libfuse's pipe holds it */
	THREADS_MAX = 128,
	THREADS_IDLE = 4
};

struct mount {
	struct mount_opt opt;
	struct vfs *vfs;
	struct fuse_session *session;
	pthread_key_t worker; /* each thread's struct worker */
	pthread_t runner;     /* the thread in mount_run() */
	int connection;       /* its number, to abort it; -1 */
	struct notify *notify;

	/*
	 * Guards workers and what the watcher looks at, the end of the session,
	 * and aborted being set.
	 */
	pthread_mutex_t lock;
	struct worker *workers;
	pthread_cond_t watch; /* some worker.watched was set */
	pthread_t watcher;
	bool unwatch;
	atomic_bool aborted; /* nothing is to take long any more */

	pthread_mutex_t handles_lock; /* guards handles */
	struct handle *handles;
};

/* What a thread has for its requests, one after the other. */
struct worker {
	struct op op;
	struct cancel cancel; /* set when the program was interrupted */
	struct mount *mount;
	struct worker *next, **at; /* in mount->workers */
	atomic_int watched; /* a thread that waits and had some signal, or 0 */
};

/* ---- worker.c ------------------------------------------------------------ */
/* For pthread_key_create(). */
void worker_free(void *worker);
/* Call off what all of them do, now and from now on. */
void workers_abort(struct mount *m);

/* A thread that cancels what a program waits for that is to end. */
int watch_start(struct mount *m, struct err *e) MUST_CHECK;
void watch_stop(struct mount *m);

/*
 * Around each request that may block: begin_request() makes an interrupt of
 * the program cancel the op; end_request() must come before any reply, and
 * nothing of the op may be used once reply_over() was called.
 */
struct worker *begin_request(struct mount *m, fuse_req_t req);
void end_request(struct worker *w, fuse_req_t req);
void reply_over(struct worker *w);

/* end_request(), then 0 or the errno of the op, then reply_over(). */
void reply_result(struct worker *w, fuse_req_t req, int rc);

static inline struct mount *mount_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline double seconds_of(int64_t ns)
{
	return (double)ns / 1e9;
}

void stat_of(const struct vfs_attr *a, struct stat *out);
void entry_of(const struct vfs_attr *a, struct fuse_entry_param *out);

/* ---- handle.c ------------------------------------------------------------ */
/*
 * An open file or folder; it goes by its number in a fuse_file_info.  A reader
 * still has it when its bytes are on their way: by then the program may have
 * closed it, and another thread been told so.
 */
struct handle {
	struct handle *next, **at; /* in mount->handles */
	struct vfs_file *file;
	struct vfs_dir *dir;
	atomic_uint users; /* the kernel is one */
};

uint64_t handle_new(struct mount *m, struct vfs_file *f, struct vfs_dir *d);
struct handle *handle_of(const struct fuse_file_info *fi);
/* The last one closes it. */
void handle_drop(struct mount *m, struct handle *h);
/* At the end: the kernel does not tell of all that was closed just before. */
void handles_drop_all(struct mount *m);

/* ---- the requests -------------------------------------------------------- */
void names_ops(struct fuse_lowlevel_ops *ops);
void attr_ops(struct fuse_lowlevel_ops *ops);
void dir_ops(struct fuse_lowlevel_ops *ops);
void file_ops(struct fuse_lowlevel_ops *ops);

/* ---- notify.c ------------------------------------------------------------ */
/*
 * Tells the kernel from a thread of its own: it answers only when it has the
 * folder's lock, which a request may hold that waits for us.
 */
struct notify *notify_new(void);
void notify_add(struct notify *n, uint64_t parent, const char *name,
		uint64_t ino);
/* Whether all that was added has been told. */
bool notify_idle(struct notify *n);
int notify_start(struct notify *n, struct fuse_session *session,
		 struct err *e) MUST_CHECK;
void notify_stop(struct notify *n);
void notify_free(struct notify *n);

#endif
