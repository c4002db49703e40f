#ifndef SYNC_RUN_H
#define SYNC_RUN_H

#include "backends/lister.h"
#include "lib/pool.h"
#include "lib/spool.h"
#include "sync/links.h"
#include "sync/sync.h"
#include "sync/walk.h"

/*
 * One run, as the files of this folder share it.  Its phases, in order:
 *
 *	march	 (march.c)	both trees in step; what differs is queued
 *	transfer (transfer.c)	meanwhile, on the other pool
 *	links	 (links.c)	further names of files that are now there
 *	remove	 (remove.c)	deletions, deepest first
 *	late	 (march.c)	what could only come after a deletion
 *	finish	 (remove.c)	modes and times of folders, left-overs
 */
struct flight_slot {
	bool used;
	struct sync_flight flight;
	struct acct acct;
};

struct sync_run {
	struct backend *src, *dst;
	struct sync_opts opts;
	struct sync_stats *stats;
	struct sync_report report;
	struct hash_memory *memory;

	bool metadata; /* both sides have it and it is wanted */
	bool copies;   /* the destination can copy from the source */
	bool batches;  /* files go to the transfers by the handful */
	bool no_case;  /* the destination does not tell "A" from "a" */
	bool filtered;
	bool new_root;    /* the destination was not there */
	int64_t window;   /* ns: two mtimes that differ by less are equal */
	int64_t deadline; /* monotonic ns, 0 none */
	uint64_t src_dev; /* +1, for --one-file-system; else 0 */
	struct posix_meta src_root, dst_root; /* ino 0: not known */
	struct entry root; /* of the source, as it was at the start */

	/*
	 * A file whose ctime on both sides is before these was compared with
	 * its extended attributes by an earlier run, see marks.c.
	 */
	int64_t src_marked, dst_marked;
	int64_t began; /* ns since 1970, by the clock of file times */

	pthread_mutex_t lock; /* guards what follows to the spools */
	struct flight_slot *slots;
	struct batch *parked; /* transfer.c */
	struct err fatal;     /* why the run was stopped; the first one */
	atomic_bool stopped;
	_Atomic unsigned throttled;  /* calls given up in a row, run.c */
	atomic_bool incomplete;      /* a listing failed */
	_Atomic int64_t to_delete;   /* files at the destination */
	pthread_mutex_t report_lock; /* one event at a time */

	struct lister *src_lister, *dst_lister;
	struct pool *transfers;
	struct group *group;
	struct walk *walk;
	struct links links;
	struct links dst_links; /* of what files each file there is the copy */
	struct spool extra_links; /* links.c */
	struct spool removals;    /* remove.c */
	struct spool late;        /* march.c: paths to march again */
	struct spool folders;     /* remove.c: to be finished */
	struct spool moved;       /* remove.c: source files to delete */
};

struct batch;

/* What is to be done with one file. */
enum item_flags {
	ITEM_OVER = 1,    /* the destination has something there */
	ITEM_COMPARE = 2, /* first see whether the content is the same */
	ITEM_HASH = 4,    /* and that by hash (--checksum) */
	ITEM_SHARED = 8   /* link_shared(): we ourselves may touch `over` */
};

struct item {
	unsigned flags;
	const char *src, *dst;   /* paths */
	struct entry from, over; /* `over` with ITEM_OVER */
	const char *reason;
};

static inline bool same_inode(const struct posix_meta *a,
			      const struct posix_meta *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

/* Paths of one folder's entries, built in place. */
void path_join(struct buf *path, const char *dir, const char *name);

/* run.c */
void run_event(struct sync_run *r, const struct sync_event *e);
void run_did(struct sync_run *r, enum sync_action a, const char *path,
	     int64_t size, const char *reason);
/* Report op->err about `path`; a fatal one stops the run, and is told once. */
void run_failed(struct sync_run *r, struct op *op, const char *path);
void run_notice(struct sync_run *r, const char *path, const char *text);
/* Stop with op->err, if nothing else has stopped it before. Returns -1. */
int run_stop(struct sync_run *r, struct op *op);
/* -1 if the run is stopped, called off or out of its time. */
int run_check(struct sync_run *r, struct op *op) MUST_CHECK;

/* sync.c: one file, or link, which may be at the destination already. */
int run_one(struct sync_run *r, struct op *op,
	    const struct item *it) MUST_CHECK;

/* march.c */
int march_tree(struct sync_run *r, struct op *op) MUST_CHECK;
int march_late(struct sync_run *r, struct op *op) MUST_CHECK;

/*
 * mounts.c.  The first two: the same folder by another name (a bind mount),
 * which would never end, or which a move would empty; they report it.
 */
bool is_own_root(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *e);
bool same_folder(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *from, const struct entry *to);
/* With --one-file-system: not of the source's disk. */
bool other_disk(const struct sync_run *r, const struct entry *e);
/* What is mounted below the destination is not its own to delete. */
bool other_disk_on_dst(const struct sync_run *r, const struct entry *e);

/* transfer.c: queue one file, or do it here and now. */
struct batch;
int batch_add(struct sync_run *r, struct op *op, struct batch **b,
	      const struct item *it) MUST_CHECK;
int batch_send(struct sync_run *r, struct op *op, struct batch **b) MUST_CHECK;
/*
 * At the end of a folder: wake nobody for a file or two, but let them wait a
 * moment for those of the next one.  What waits at last is sent by the other.
 */
int batch_park(struct sync_run *r, struct op *op, struct batch **b) MUST_CHECK;
int batch_send_parked(struct sync_run *r, struct op *op) MUST_CHECK;
void transfer_item(struct sync_run *r, struct op *op, const struct item *it);

/* nodes.c: symbolic links and special files; what has the same content. */
void put_node(struct sync_run *r, struct op *op, const char *src,
	      const char *dst, const struct entry *from,
	      const struct entry *over);
/* `look`: at the attributes, even if marks_cover(). */
void match_meta(struct sync_run *r, struct op *op, const char *src,
		const char *dst, const struct entry *from,
		const struct entry *to, bool look);
/* In what of mode, owner and mtime they differ, or NULL. */
const char *meta_differs(const struct sync_run *r, const struct entry *from,
			 const struct entry *to);

/* backup.c: where the old file goes, or NULL; and what put_opt says of it. */
const char *backup_path(struct sync_run *r, struct op *op, const char *path);
void backup_opt(struct sync_run *r, struct op *op, const char *path,
		struct put_opt *opt);

/* links.c: true if `path` is a further name of a file met before. */
bool link_met(struct sync_run *r, struct op *op, const char *path,
	      const struct entry *from);
/*
 * True if what the destination has is one file with what has been met there as
 * another one of the source: to set the metadata of one would set the other's.
 */
bool link_shared(struct sync_run *r, const struct entry *from,
		 const struct entry *to);
int links_make(struct sync_run *r, struct op *op) MUST_CHECK;

/* remove.c */
int remove_later(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *e) MUST_CHECK;
int remove_all(struct sync_run *r, struct op *op) MUST_CHECK;
int source_moved(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *e) MUST_CHECK;
int remove_sources(struct sync_run *r, struct op *op) MUST_CHECK;

/*
 * folders.c.  Make a folder that the destination lacks; whether to go on into
 * it.
 */
bool folder_make(struct sync_run *r, struct op *op, const char *path,
		 const struct entry *from);
/*
 * Let the owner, who is not root, into a folder at the destination
 * until it is finished.
 */
void folder_open(struct sync_run *r, struct op *op, const char *path);
enum { FOLDER_XATTRS = 1, FOLDER_REPORT = 2 };
int folder_finish_later(struct sync_run *r, struct op *op, const char *path,
			const struct entry *e, unsigned flags) MUST_CHECK;
int folders_finish(struct sync_run *r, struct op *op) MUST_CHECK;

/* marks.c */
void marks_read(struct sync_run *r, struct op *op);
void marks_write(struct sync_run *r, struct op *op);
/* Whether the attributes of this pair need no second look. */
bool marks_cover(const struct sync_run *r, const struct entry *from,
		 const struct entry *to);

#endif
