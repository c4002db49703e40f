#ifndef REPO_RESTORE_H
#define REPO_RESTORE_H

#include "repo/exclude.h"
#include "repo/progress.h"
#include "repo/snapshot.h"

/*
 * A snapshot, or a folder or file of one, into a folder of this machine.
 */
enum restore_overwrite {
	OVERWRITE_ALWAYS,     /* files that differ; their content is compared */
	OVERWRITE_IF_CHANGED, /* that differ in size or mtime */
	OVERWRITE_IF_NEWER,   /* that are older than the snapshot's */
	OVERWRITE_NEVER
};

enum restore_action {
	RESTORE_RESTORED,
	RESTORE_UPDATED,
	RESTORE_UNCHANGED,
	RESTORE_DELETED
};

struct restore_opt {
	const char *target;
	const struct patterns *include, *exclude; /* or NULL */
	enum restore_overwrite overwrite;
	bool remove_others; /* --delete: what the snapshot has not */
	bool sparse;
	bool verify; /* read all back afterwards */
	bool dry_run;
	bool no_owner; /* not root: do not try */
	struct repo_progress *progress;
	struct repo_errors *errors;
	void (*item)(void *arg, enum restore_action a, const char *path,
		     bool dir, uint64_t size);
	void *arg;
};

struct restore_result {
	uint64_t files_total, files_restored, files_skipped, files_deleted;
	uint64_t bytes_total, bytes_restored, bytes_skipped;
	uint64_t verified;
	uint64_t errors;
};

/*
 * `path` within the snapshot becomes the target itself ("" all of it, with the
 * folders as they were).  What cannot be restored is told to `errors`, and all
 * else is restored.  No name leads out of the target and no symbolic link in
 * it is followed.  -1: nothing more could be done.
 */
int restore_run(struct repo *r, struct op *op, const struct snapshot *s,
		const char *path, const struct restore_opt *opt,
		struct restore_result *out) MUST_CHECK;

#endif
