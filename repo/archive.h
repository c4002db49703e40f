#ifndef REPO_ARCHIVE_H
#define REPO_ARCHIVE_H

#include "repo/chunker.h"
#include "repo/exclude.h"
#include "repo/progress.h"
#include "repo/saver.h"
#include "repo/snapshot.h"

/*
 * One backup: folders of a backend (as a rule the local disk, opened on "/")
 * become a snapshot.
 */
enum archive_action { ARCHIVE_NEW, ARCHIVE_CHANGED, ARCHIVE_UNCHANGED };

struct archive_opt {
	struct backend *from;
	struct strings paths;  /* absolute and clean, "/home/me"; what is saved
				  of each is all below it */
	struct strings places; /* where in the snapshot each goes, "home/me";
				  see archive_places().  None: where it lies */
	struct strings show_paths; /* the snapshot's "paths", sorted */
	const char *hostname, *username;
	uint32_t uid, gid;
	struct node_time time;
	struct strings tags, excludes; /* as the snapshot names them */

	const struct snapshot *parent; /* or NULL */
	bool ignore_inode, ignore_ctime, with_atime;

	const struct patterns *exclude; /* or NULL */
	bool exclude_caches;            /* CACHEDIR.TAG, its folder stays */
	struct strings if_present;      /* "NAME" or "NAME:HEADER" */
	int64_t larger_than;            /* bytes; -1: any */
	bool one_file_system;

	struct chunker_size chunks;
	uint32_t pack_size; /* bytes; 0: the default */
	unsigned readers;   /* files read at once; 0: as fits */
	bool dry_run;
	bool skip_if_unchanged; /* no snapshot if its tree is the parent's */
	bool no_scan;           /* do not count what there is beforehand */
	const char *program_version;

	struct repo_progress *progress; /* or NULL */
	struct repo_errors *errors;

	/* Each file and folder that is done, from any thread; or NULL. */
	void (*item)(void *arg, enum archive_action a, const char *path,
		     bool dir, uint64_t size, const struct saved *data,
		     const struct saved *meta, int64_t took_ns);
	void *arg;
};

struct archive_result {
	struct snapshot_summary summary;
	struct id tree;
	bool stored;        /* a snapshot was made; */
	struct id snapshot; /* this one */
	uint64_t errors;    /* items that could not be read, and were told */
};

/*
 * What paths as the user gave them become, as restic has it: one that is not
 * absolute goes below the snapshot's root, without the ".." it begins with; a
 * folder that has no name then ("/", ".", "..") stands for what is in it; and
 * of two with the same first name the second gets "-1" behind it.  `cwd` is
 * absolute.  Into `paths` and `places`, in `a`.
 */
int archive_places(struct arena *a, struct op *op, struct backend *from,
		   const char *cwd, const struct strings *given,
		   struct strings *paths, struct strings *places) MUST_CHECK;

/*
 * r->index must be loaded and a lock held; `lock` is asked before the snapshot
 * is written.  What cannot be read is told to `errors` and left out; the
 * snapshot is made all the same.  -1: no snapshot was made.
 */
int archive_run(struct repo *r, struct op *op, struct lock *lock,
		const struct archive_opt *opt,
		struct archive_result *out) MUST_CHECK;

/*
 * As archive_run(), for one stream as the file `path` ("/stdin"); an error of
 * the source fails it, and no snapshot is made.  Of `opt`, what concerns
 * folders is not looked at.
 */
int archive_stream(struct repo *r, struct op *op, struct lock *lock,
		   const struct archive_opt *opt, struct source *src,
		   const char *path, struct archive_result *out) MUST_CHECK;

#endif
