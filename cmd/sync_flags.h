#ifndef CMD_SYNC_FLAGS_H
#define CMD_SYNC_FLAGS_H

#include "cmd/cmd.h"
#include "sync/sync.h"

/*
 * The flags of copy, copyto, move, moveto and sync, under rclone's names.
 */
struct sync_flags {
	bool dry_run, force;
	bool checksum, size_only, update, ignore_existing, ignore_times;
	bool ignore_size, immutable;
	int64_t modify_window; /* ns, -1: what both sides can store */
	bool metadata, copy_links, one_file_system;
	bool create_empty_src_dirs; /* always so */
	bool inplace, durable, no_verify;
	const char *backup_dir, *suffix;
	int64_t max_delete, max_transfer, max_duration; /* -1 no limit */
	bool delete_excluded;                           /* sync only */
	bool ignore_errors;                             /* sync only */
	bool delete_empty_src_dirs;                     /* move only */
	int64_t transfers, checkers, threads;
};

#define SYNC_FLAGS_INIT                                                  \
	{                                                                \
		.modify_window = -1, .metadata = true, .max_delete = -1, \
		.max_transfer = -1, .max_duration = -1                   \
	}

/* For groups of a command's table. */
extern const struct opt sync_compare_flags[];
extern const struct opt sync_run_flags[];
extern const struct opt sync_delete_flags[]; /* of sync */
extern const struct opt sync_move_flags[];   /* of move */

/*
 * What the flags say as options of a run.  ERR_INVALID for values that make no
 * sense, alone or together.  Texts stay those of `f`.
 */
int sync_flags_apply(const struct sync_flags *f, struct sync_opts *out,
		     struct err *e) MUST_CHECK;

#endif
