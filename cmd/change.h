#ifndef CMD_CHANGE_H
#define CMD_CHANGE_H

#include "cmd/list_common.h"

enum change_verb {
	CHANGE_MKDIR,
	CHANGE_RMDIR,
	CHANGE_DELETE,
	CHANGE_PURGE,
	CHANGE_TOUCH,
	CHANGE_RESTORE,
	CHANGE_CLEANUP
};

/*
 * What a command does to a path, told as sync tells it: with --json a line
 * always, in a dry run a line of the plan, else logged with -v.
 */
struct change {
	enum change_verb verb;
	const char *path; /* below the place; or the place, as it was given */
	bool dry_run;
};

int change_say(const struct cmd_ctx *cx, struct op *op,
	       const struct change *c) MUST_CHECK;

/* For a walk (tree_fn) in a dry run: that the entry would be removed. */
int change_would_remove(void *cx, struct op *op, const char *path,
			const struct entry *e) MUST_CHECK;

/*
 * list_open() for a command that removes the place itself: it must be a folder,
 * and not a symbolic link to one, since only what is in there could be removed.
 */
int change_open_dir(struct list *l, struct cmd_ctx *cx,
		    const char *place) MUST_CHECK;

/*
 * Remove the folders of `l` that hold nothing but such folders; with `root`
 * the place itself, too.  `files_gone`: do as if the files that the filter
 * selects were not there, which is what a dry run of a deletion needs.
 */
struct empty_dirs {
	bool root, dry_run, files_gone;
};

int change_remove_empty(struct list *l, const struct empty_dirs *o) MUST_CHECK;

#endif
