#ifndef MOUNT_MOUNT_H
#define MOUNT_MOUNT_H

#include "vfs/vfs.h"

/*
 * A vfs as a folder of this machine: the glue between the kernel's FUSE and
 * vfs/vfs.h, and what other processes may ask of it (control.h).
 */
struct mount;

struct mount_opt {
	const char *dir;    /* absolute */
	const char *fsname; /* for mount(8): what is mounted, no secrets */
	const char *folder; /* absolute: of the control socket */
	bool read_only, allow_other;
	bool write_back; /* the kernel may keep what is written for a while */
	bool debug;      /* log each request */
	/* Called once it is mounted, from the thread of mount_run(). */
	void (*mounted)(void *arg);
	void *arg;
};

/* Before vfs_open(), whose opt.stale and opt.arg are these two. */
struct mount *mount_new(const struct mount_opt *opt);
void mount_stale(void *m, uint64_t parent, const char *name, uint64_t ino);

/*
 * Mount, and serve until it is unmounted, by whomever.  Signals are for the
 * caller to block.
 */
int mount_run(struct mount *m, struct op *op, struct vfs *v) MUST_CHECK;

/*
 * From any thread: serve no longer, though files are open.  What programs do
 * there from now on fails.
 */
void mount_abort(struct mount *m);

void mount_free(struct mount *m);

#endif
