#ifndef CMD_MOUNT_H
#define CMD_MOUNT_H

#include "cmd/repo_open.h"
#include "mount/client.h"
#include "vfs/vfs.h"

#define MOUNT_UNSAID INT64_MIN /* a number that nobody gave */

/* The flags of `ferry mount`, and of mount.ferry's -o. */
struct mount_flags {
	struct repo_flags repo;
	const char *cache_mode, *umask;
	int64_t cache_size, min_free, dir_time, write_back, read_ahead;
	int64_t transfers;
	int64_t uid, gid; /* or MOUNT_UNSAID */
	bool read_only, allow_other, allow_non_empty;
	bool daemon, foreground, lazy_close;
	bool kernel_write_back, default_permissions, debug;
	struct opt_list useless; /* rclone's that mean nothing here */
};

extern const struct opt mount_opts[];
extern const struct mount_flags mount_defaults;

/* But for `dir`, `stale`, `tell` and `arg`. */
int mount_flags_apply(const struct mount_flags *f, struct vfs_opt *out,
		      struct err *e) MUST_CHECK;

/* What is to be mounted. */
struct mount_what {
	const char *place;
	const char *name;  /* for people, no secrets; NULL: the place's own */
	const char *probe; /* a folder of it to be listed before, or NULL */
};

/* Mount and serve until it is unmounted. */
int mount_serve(struct cmd_ctx *cx, const struct mount_flags *f,
		const struct mount_what *what, const char *dir) MUST_CHECK;

/* The mount that the user means; `*below`: where in it. */
int mount_find(struct cmd_ctx *cx, const char *dir, struct client *out,
	       const char **below) MUST_CHECK;

/*
 * Ask as client_ask(), and show meanwhile how the queue becomes shorter.
 */
int mount_ask_and_show(struct cmd_ctx *cx, struct client *c, const char *ask,
		       const char *path, bool now,
		       const struct json_node **done) MUST_CHECK;

#endif
