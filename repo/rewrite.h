#ifndef REPO_REWRITE_H
#define REPO_REWRITE_H

#include "repo/exclude.h"
#include "repo/lock.h"
#include "repo/progress.h"
#include "repo/snapshot.h"

/*
 * Snapshots with other trees: without what is excluded, or without what cannot
 * be had any more.  A tree in which nothing changes keeps its bytes, and so
 * does every node in one that does.
 */
enum rewrite_event {
	REWRITE_ITEM,    /* `path` and `text`: what becomes of it */
	REWRITE_BEGIN,   /* the snapshot `old` is looked at */
	REWRITE_SAME,    /* nothing changes in it */
	REWRITE_SAVED,   /* as `id` (unless dry_run) */
	REWRITE_REMOVED, /* after that, with `forget` */
	REWRITE_LOST     /* repair: its root cannot be read; with `forget` it is
			    removed */
};

struct rewrite_news {
	enum rewrite_event event;
	const struct snapshot *old;
	const struct id *id;
	const char *path, *text;
};

struct rewrite_opt {
	const struct patterns *exclude; /* or NULL */
	/*
	 * Folders that cannot be read become empty, and files lose the parts
	 * of their content that no index has.
	 */
	bool repair;
	bool summary;                     /* give one to those that have none */
	bool forget;                      /* the old snapshots go, else... */
	const char *tag;                  /* ...the new ones get this tag */
	const char *new_host;             /* or NULL */
	const struct node_time *new_time; /* or NULL */
	bool dry_run;
	struct repo_progress *progress;
	void (*tell)(void *arg, const struct rewrite_news *news);
	void *arg;
};

struct rewrite_result {
	uint64_t changed, lost;
};

/*
 * r->index must be loaded.  All new trees are durable before the first new
 * snapshot is written, and all of these before the first old one goes.
 */
int rewrite_snapshots(struct repo *r, struct op *op, struct lock *lock,
		      const struct snapshots *v, const struct rewrite_opt *opt,
		      struct rewrite_result *out) MUST_CHECK;

#endif
