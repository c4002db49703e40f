#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include <stdatomic.h>

#include "backends/backend.h"
#include "lib/acct.h"
#include "sync/filter.h"

/*
 * Make a destination like a source: copy, sync and move.
 *
 * Both trees are listed folder by folder, sorted, and merged in step; what
 * differs is handed to the transfers.  Deletions come last and only if every
 * listing was complete.  Whatever fails is reported and the rest goes on.
 */
enum sync_mode {
	SYNC_COPY, /* never deletes */
	SYNC_SYNC, /* deletes what the source does not have */
	SYNC_MOVE  /* deletes the source's files once they have arrived */
};

struct sync_opts {
	enum sync_mode mode;
	const struct filter *filter;  /* or NULL */
	int max_depth;                /* -1 no limit */
	unsigned checkers, transfers; /* 0: as fits */
	unsigned threads; /* for one large file; 0: as fits the machine */

	bool dry_run;
	bool checksum;         /* compare size and hash */
	bool size_only;        /* compare size alone */
	bool ignore_times;     /* copy all, compare nothing */
	bool ignore_size;      /* compare mtime or hash alone */
	bool ignore_existing;  /* whatever is there stays as it is */
	bool update;           /* what is newer at the destination stays */
	bool immutable;        /* a file that would change is an error */
	int64_t modify_window; /* ns; -1: what both sides can store */

	bool metadata; /* mode, owner, xattrs, links, folder times */
	bool inplace;
	bool durable; /* --fsync */
	bool no_verify;
	bool one_file_system;
	bool delete_excluded;
	bool delete_empty_src_dirs; /* after a move */
	bool force;           /* an empty source may empty the destination */
	int64_t max_delete;   /* files; -1 no limit */
	int64_t max_transfer; /* bytes; -1 no limit */
	int64_t max_duration; /* ns; -1 no limit */

	bool ignore_errors; /* delete even if something failed */

	/*
	 * What is replaced or deleted goes to `backup` under its own path,
	 * and/or gets `suffix`.  NULL: neither.  `backup` is another root of
	 * the destination's service.
	 */
	struct backend *backup;
	const char *suffix;
};

void sync_opts_init(struct sync_opts *o);

enum sync_action {
	ACTION_COPY,   /* a file that was not there */
	ACTION_UPDATE, /* a file that was there */
	ACTION_MKDIR,
	ACTION_LINK, /* a symbolic link or special file made */
	ACTION_HARDLINK,
	ACTION_META, /* mode, owner, times or attributes set */
	ACTION_MOVE,
	ACTION_DELETE, /* a file or link at the destination */
	ACTION_RMDIR,
	ACTION_DELETE_SOURCE, /* after a move */
	ACTION_SKIP,          /* the same already, or told to leave it */
	ACTION_NOTICE, /* something that the user should know; err says it */
	ACTION_FAIL,
	ACTION_COUNT
};

/* "copy", "update", ...: for --json. */
const char *sync_action_name(enum sync_action a);

struct sync_event {
	enum sync_action action;
	const char *path;      /* relative to both roots */
	int64_t size;          /* bytes, of files */
	const char *reason;    /* "size differs", or NULL */
	const struct err *err; /* of ACTION_FAIL and ACTION_NOTICE */
	bool dry_run;          /* would be done */
};

/* Counted while the run goes on; any thread may read them. */
struct sync_stats {
	struct acct moved;           /* bytes that have been moved */
	_Atomic int64_t files_found; /* to transfer, so far */
	_Atomic int64_t bytes_found;
	_Atomic int64_t files_done; /* transferred */
	_Atomic int64_t bytes_done; /* of files that are transferred */
	_Atomic int64_t checked;    /* entries compared and found equal */
	_Atomic int64_t listed;     /* entries seen at the source */
	_Atomic int64_t deleted;    /* files and links */
	_Atomic int64_t dirs_made, dirs_removed;
	_Atomic int64_t links;   /* symbolic, hard and special */
	_Atomic int64_t meta;    /* entries whose metadata alone was set */
	_Atomic int64_t resumed; /* that a killed run had copied */
	_Atomic int64_t strays;  /* left-overs of killed runs removed */
	_Atomic int64_t already; /* files whose content the service had */
	_Atomic int64_t failed;
	_Atomic bool walking; /* more may still be found */
};

/*
 * Who is told.  `event` may come from any thread, but one at a time.  Skips
 * are reported only if `skips` is set.
 */
struct sync_report {
	void (*event)(void *arg, const struct sync_event *e);
	void *arg;
	bool skips;
};

/* A transfer under way, for the progress display. */
struct sync_flight {
	char path[256]; /* the end of it if it is longer */
	int64_t size, done;
	int64_t started; /* monotonic ns */
};

struct sync_run;
struct hash_memory;

/* `stats` is the caller's and outlives the run. */
struct sync_run *sync_new(struct backend *src, struct backend *dst,
			  const struct sync_opts *opts,
			  struct sync_stats *stats,
			  const struct sync_report *report,
			  struct hash_memory *memory);

/*
 * The whole tree.  0: all done; -1 with ERR_PARTIAL: done, but for some files
 * that were reported; other kinds: stopped before the end.
 */
int sync_tree(struct sync_run *r, struct op *op) MUST_CHECK;

/*
 * One file: `src_name` below the source to `dst_name` below the destination
 * (copyto, moveto, and the other commands when their source is a file).
 */
int sync_file(struct sync_run *r, struct op *op, const char *src_name,
	      const char *dst_name) MUST_CHECK;

/* Copy at most `max` of the transfers under way to `out`; how many. */
size_t sync_flights(struct sync_run *r, struct sync_flight *out, size_t max);

void sync_free(struct sync_run *r);

#endif
