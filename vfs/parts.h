#ifndef VFS_PARTS_H
#define VFS_PARTS_H

#include "lib/db.h"
#include "lib/pool.h"
#include "lib/vec.h"
#include "vfs/ranges.h"
#include "vfs/vfs.h"

/*
 * What the files of vfs/ share.
 *
 *	vfs.c		opening, closing, the background thread
 *	node.c		nodes in memory: numbers, names, lookups
 *	store.c		nodes on disk (SQLite), what is saved when
 *	journal.c	what is not in there yet
 *	folder.c	what a folder holds: loaded, listed, merged
 *	names.c		lookup, mkdir, unlink, rename ...
 *	attr.c		attributes, extended ones
 *	dir.c		open folders
 *	refresh.c	all folders looked at again
 *	ranges.c	which bytes of a file are here
 *	content.c	a file's bytes on the local disk
 *	fetch.c		bytes from the place, ahead of the reader
 *	file.c		open files
 *	evict.c		the budget
 *	trim.c		how much of the tree is in memory
 *	pin.c		what is always kept
 *	queue.c		which node is sent next, and when
 *	send.c		what one node needs, and doing it
 *	conflict.c	both sides changed
 *
 * Two trees in one.  Each node says where it is here (parent, name) and where
 * it is at the place (rparent, rname), so what the queue has to do is the
 * difference between the two, whatever was done in between: a file that was
 * made and deleted again is never sent, one written ten times is sent once.
 * `rparent` is a node, too, so a folder that is moved at the place takes along
 * what is in it.  Nothing is asked of the place while a user waits, but for
 * listings and content that are not here.
 *
 *	flags		here		at the place
 *	0		parent/name	parent/name	(in place)
 *	NEW		parent/name	-		to be made
 *	AWAY		parent/name	rparent/rname	to be moved
 *	GONE		-		rparent/rname	to be deleted
 *	with DIRTY			the content is to be sent
 *	with META			mtime and mode are to be sent
 *
 * A node that is GONE and NEW is freed at once (when nobody has it open).
 */
enum node_flag {
	NODE_NEW = 1 << 0,
	NODE_AWAY = 1 << 1,
	NODE_GONE = 1 << 2,
	NODE_DIRTY = 1 << 3,
	NODE_META = 1 << 4,
	NODE_LISTED = 1 << 5,  /* a folder whose entries are all known */
	NODE_LOCAL = 1 << 6,   /* the place cannot keep it: never sent */
	NODE_PINNED = 1 << 7,  /* by itself, not through a folder above */
	NODE_WHOLE = 1 << 8,   /* all of its content is here */
	NODE_PART = 1 << 9,    /* some is: content.have says what */
	NODE_XATTRS = 1 << 10, /* has some in the store */
	NODE_MET = 1 << 11,    /* a folder that both sides made: what is known
				  is ours, until it is LISTED */
	/* From here on: not saved. */
	NODE_SAVE = 1 << 16,       /* in v->unsaved */
	NODE_SENDING = 1 << 17,    /* the queue is at work on it */
	NODE_QUEUED = 1 << 18,     /* in v->queue */
	NODE_NO_KEEP = 1 << 19,    /* content changed since the kernel saw it */
	NODE_SAVED_ONCE = 1 << 20, /* there is a row of it */
	NODE_FOUND = 1 << 21,      /* in the listing that is being merged */
	NODE_DROPPED = 1 << 22,    /* by node_drop(): only its users are left */
	NODE_WAITS = 1 << 23,      /* in the queue, for another node */
	NODE_AWAITED = 1 << 24,    /* some node waits for it */
	NODE_FORGOT = 1 << 25,     /* a row may claim content that is gone */
	NODE_UNSURE = 1 << 26,     /* may be somewhere else at the place */
	NODE_LOG = 1 << 27,        /* in v->unlogged */
	NODE_LOGGED = 1 << 28,     /* was in some frame of the journal */
	NODE_INLINED = 1 << 29     /* its bytes may be in the journal only */
};

enum {
	NODE_PENDING = NODE_NEW | NODE_AWAY | NODE_GONE | NODE_DIRTY | NODE_META
};

struct node {
	uint64_t ino;
	struct node *parent; /* NULL: the root, or GONE */
	char *name;          /* "" of the root; kept when GONE, for messages */
	struct node *next;   /* in its bucket of parent->dir->names */

	/* AWAY and GONE without NEW; else NULL: as parent and name. */
	struct node *rparent;
	char *rname;
	struct node *away_next; /* in its bucket of rparent->dir->away */

	uint32_t flags;
	uint8_t kind;             /* enum entry_kind */
	bool has_mode, has_owner; /* else the mount's defaults */
	uint32_t mode;            /* permission bits */
	uint32_t uid, gid;
	int64_t size;         /* of the content as it is here */
	int64_t mtime, ctime; /* ns */

	/* The content that the place has, as last seen; packed, or NULL. */
	char *seen; /* entry_pack() */

	uint64_t lookups; /* the kernel's */
	unsigned opens;   /* files and folders open */
	unsigned holds;   /* of ours: node_hold() */

	struct folder *dir;      /* of a folder whose entries are loaded */
	struct content *content; /* of a file that is in use, or was lately */
	char *target;            /* of a symbolic link */

	/* The queue's. */
	int64_t due;     /* monotonic ns */
	size_t heap;     /* where in v->queue */
	int64_t since;   /* changed first after it was last sent; monotonic */
	uint64_t change; /* counts what was done to it; see queue_changed() */
	char *error;     /* of the last try, or NULL */
	unsigned tries;  /* that failed, one after the other */
	uint8_t why;     /* enum err_kind of the last try, or ERR_OK */

	struct node *ino_next;  /* in v->inos */
	struct node *save_next; /* in v->unsaved */
};

/* What is known of a folder's entries; guarded by v->lock. */
struct folder {
	struct node **names; /* buckets, a power of two */
	size_t buckets, n, dirs;

	/*
	 * At the place they are here, but not in the tree: AWAY and GONE; by
	 * rname.  node_away() goes through them.
	 */
	struct node **away;
	size_t away_buckets, n_away;

	int64_t listed_at; /* monotonic ns; 0 never in this run */
	bool listing;      /* a thread is at it; v->listed tells the others */
	/* folder_ahead.c's */
	bool ahead;          /* listed before anybody asked */
	uint64_t read_child; /* of its folders the one that was read last, */
	int64_t read_at;     /* and when */

	/*
	 * Counts the queue's actions on this folder of the place, at their
	 * begin and end, so that a listing that was under way meanwhile is not
	 * believed.
	 */
	uint64_t acted;
	unsigned acting; /* actions under way */
	/* trim.c's; monotonic ns */
	int64_t used;  /* when last looked at, */
	int64_t asked; /* and when the kernel was told to forget it */
};

VEC(nodes, struct node *);
VEC(inos, uint64_t);

struct vfs {
	struct backend *be;
	struct vfs_opt opt;
	char *dir;            /* opt.dir, ours */
	struct acct *acct;    /* --bwlimit; of who opened it, or NULL */
	struct cancel cancel; /* set when closing */
	int lock_fd, data_fd; /* DIR/lock; DIR/data */

	/*
	 * Guards all nodes and folders and what is not said to be guarded
	 * otherwise.  Never held across a be_*() call, a read or a write of
	 * content, a commit, or opt.stale().  Before content.lock.
	 */
	pthread_mutex_t lock;
	pthread_cond_t listed; /* some folder.listing is over */

	struct node *root;
	uint64_t dir_moves; /* counts folders that got another place there */
	struct node **inos; /* buckets, a power of two */
	size_t ino_buckets, n_nodes;
	uint64_t next_ino; /* numbers below last_ino are reserved on disk */
	uint64_t last_ino;

	/* store.c */
	struct store *store;  /* its own lock */
	struct node *unsaved; /* in the database */
	size_t n_unsaved;
	struct inos dropped;               /* rows to delete */
	struct inos no_content;            /* files of nodes that are no more */
	struct inos unlogged, dropped_log; /* the same for the journal */

	/* queue.c */
	struct nodes queue;        /* a heap by due; what is being sent, too */
	pthread_cond_t queue_done; /* something was sent, or failed */
	struct sending *sending;   /* sending.h */
	int64_t offline_until;     /* monotonic ns; 0: online */
	unsigned offline_tries;
	struct vfs_status count; /* what is counted as it happens */

	struct ahead *ahead; /* folder_ahead.c; or NULL */

	/* content.c, fetch.c, evict.c: their own locks */
	struct contents *contents;
	struct fetcher *fetcher;

	/* vfs.c: saves, evicts */
	pthread_t keeper;
	pthread_cond_t keeper_wake;
	bool keeping, closing;

	/* quota.c */
	pthread_t asker;
	pthread_cond_t asker_wake;
	bool asking;
	struct quota quota;
};

static inline void vfs_lock(struct vfs *v)
{
	pthread_mutex_lock(&v->lock);
}

static inline void vfs_unlock(struct vfs *v)
{
	pthread_mutex_unlock(&v->lock);
}

/* An error with that errno, which vfs_errno() gives again. */
int vfs_fail(struct op *op, int os, const char *fmt, ...) PRINTF(3, 4);

/* Tell the user (opt.tell) and the log. Without the lock. */
void vfs_tell(struct vfs *v, const char *fmt, ...) PRINTF(2, 3);

/* Of a thread: who works in the mount has the processor first. */
void vfs_thread_gives_way(void);

/*
 * What happened with the place: a network that fails puts the vfs offline for
 * a while that doubles (1 s to 60 s), any answer brings it back and wakes the
 * queue.  Called after each be_*() call, without the lock.  While offline,
 * vfs_may_ask() is false but for one caller each time the while is over, and
 * what needs the place fails with ENETDOWN at once.
 */
void vfs_heard(struct vfs *v, const struct err *e /* NULL: it answered */);
bool vfs_may_ask(struct vfs *v);

/* ---- quota.c ------------------------------------------------------------- */
int quota_open(struct vfs *v, struct op *op) MUST_CHECK;
void quota_close(struct vfs *v);

/* ---- node.c; all with v->lock held --------------------------------------- */
struct node *node_find(struct vfs *v, uint64_t ino); /* or NULL */
/* A new node with a number of its own, not in the tree yet. */
struct node *node_new(struct vfs *v, enum entry_kind kind, const char *name);
/* As above with a number given (from the store). */
struct node *node_put_back(struct vfs *v, uint64_t ino, enum entry_kind kind,
			   const char *name);
/* Into and out of parent->dir's names. The caller looks after flags. */
void node_link(struct vfs *v, struct node *n, struct node *parent,
	       const char *name);
void node_unlink(struct vfs *v, struct node *n);
struct node *node_child(struct node *dir, const char *name); /* or NULL */
/* Keep in memory. A node that nobody holds, and is out of the tree, is freed.
 */
void node_hold(struct node *n);
void node_release(struct vfs *v, struct node *n);
/* Out of the tree for good: row and content go, too, when nobody has it. */
void node_drop(struct vfs *v, struct node *n);

/*
 * Where it is at the place.  node_rparent() and node_rname() are right in each
 * state but NEW.
 */
struct node *node_rparent(const struct node *n);
const char *node_rname(const struct node *n);
/* It is there now: AWAY, GONE (parent NULL) or in place as it follows. */
void node_set_remote(struct vfs *v, struct node *n, struct node *rparent,
		     const char *rname);
/* It is nowhere at the place: NEW. */
void node_set_new(struct vfs *v, struct node *n);
/* Taken from its name here: GONE, or dropped if it is NEW. */
void node_set_gone(struct vfs *v, struct node *n);
/* Which node is at the place under that name, here or not; or NULL. */
struct node *node_at_remote(struct node *rparent, const char *rname);

/* Those in dir->dir->away, one after the other: NULL first, NULL last. */
struct node *node_away(const struct node *dir, const struct node *after);
/* Moved here, and wherever it was at the place it still is: also in `dir`
   itself, as a new name. */
void node_move(struct vfs *v, struct node *n, struct node *dir,
	       const char *name);

/* Paths: in the mount; at the place (false if some folder there is NEW). */
void node_path(const struct node *n, struct buf *out);
bool node_remote_path(const struct node *n, struct buf *out);

/* What the place has of it, its strings within n->seen; false if unknown. */
bool node_seen(const struct node *n, struct entry *e, struct posix_meta *m);
void node_set_seen(struct vfs *v, struct node *n, const struct entry *e);
void node_attr(struct vfs *v, const struct node *n, struct vfs_attr *out);

/* ---- store.c ------------------------------------------------------------- */
int store_open(struct vfs *v, struct op *op) MUST_CHECK;
void store_close(struct vfs *v);
/* With v->lock: the row of `n` is to be written again. */
void store_save(struct vfs *v, struct node *n);
/* With v->lock: it is dropped; or is not, after all. */
void store_drop(struct vfs *v, uint64_t ino);
void store_undrop(struct vfs *v, uint64_t ino);
/*
 * Without the lock: keep what was changed, as it is at one instant, so that a
 * kill no longer undoes it; `durable`: nor does a power cut.
 */
int store_commit(struct vfs *v, struct op *op, bool durable) MUST_CHECK;
/* The same, durable, and into the database; is it time to? Slower. */
int store_save_all(struct vfs *v, struct op *op) MUST_CHECK;
bool store_is_due(struct vfs *v);
/*
 * The next commit has all bytes of a file: then its data file need not be
 * synced.  Or: the data file was synced, and is newer than such bytes.
 */
void store_log_content(struct vfs *v, uint64_t ino, const void *p, size_t n);
void store_log_synced(struct vfs *v, uint64_t ino);
/*
 * The entries of a folder from its rows, and what is away; with v->lock, which
 * stays held.  dir->dir must be NULL; afterwards it is not.
 */
int store_load(struct vfs *v, struct op *op, struct node *dir) MUST_CHECK;
/* The node, and all above it, from its number; with v->lock. NULL: none. */
struct node *store_node(struct vfs *v, struct op *op, uint64_t ino);
/* All nodes that are NODE_PENDING, loaded with those above. At opening. */
int store_load_pending(struct vfs *v, struct op *op) MUST_CHECK;
/* Ranges of a file with NODE_PART, by its number. */
int store_ranges(struct vfs *v, struct op *op, uint64_t ino,
		 struct ranges *out) MUST_CHECK;
void store_set_ranges(struct vfs *v, uint64_t ino, const struct ranges *r);
/* Is there a row of it?  Files of those that have none are left-overs. */
bool store_has(struct vfs *v, struct op *op, uint64_t ino);
/* Extended attributes; value NULL removes. 1 found, 0 not, -1. */
int store_get_xattr(struct vfs *v, struct op *op, uint64_t ino,
		    const char *name, struct buf *value) MUST_CHECK;
void store_set_xattr(struct vfs *v, uint64_t ino, const char *name,
		     const void *value, size_t len);
int store_list_xattrs(struct vfs *v, struct op *op, uint64_t ino,
		      struct buf *names) MUST_CHECK;
/* Small facts: "format", "identity", "boot". 1 found, 0 not, -1. */
int store_fact(struct vfs *v, struct op *op, const char *key,
	       struct buf *out) MUST_CHECK;
int store_set_fact(struct vfs *v, struct op *op, const char *key,
		   const char *value) MUST_CHECK;
/* Files with content here, the longest unused first; for evict.c. */
typedef int store_cached_fn(void *arg, struct op *op, uint64_t ino,
			    int64_t bytes, int64_t used);
int store_cached(struct vfs *v, struct op *op, store_cached_fn *fn,
		 void *arg) MUST_CHECK;
/* When (CLOCK_REALTIME ns) a file was last used, and what it takes. */
void store_used(struct vfs *v, uint64_t ino, int64_t bytes, int64_t when);

/* ---- folder.c ------------------------------------------------------------ */
/*
 * Have the entries of `dir` known and fresh (opt.dir_time), listing it if need
 * be; offline, what is known is good enough.  Takes and leaves v->lock held,
 * and lets go of it in between; `dir` must be held.  ENETDOWN where nothing is
 * known of the folder.
 */
int folder_ready(struct vfs *v, struct op *op, struct node *dir) MUST_CHECK;
/* Next time it is asked for it is listed again. With v->lock. */
void folder_stale(struct vfs *v, struct node *dir);
/* An entry that the place was heard to have in `dir`; with v->lock. */
void folder_merge_one(struct vfs *v, struct node *dir, const struct entry *e);

/* ---- names.c ------------------------------------------------------------- */
/*
 * For what changes `name` in the folder `parent`: 0 with v->lock held, `*dir`
 * held and ready, and `*old` what has the name (or NULL).  names_end() undoes
 * both.  -1 without the lock: EROFS, ENOENT, EINVAL, ENETDOWN ...
 */
int names_begin(struct vfs *v, struct op *op, uint64_t parent, const char *name,
		struct node **dir, struct node **old) MUST_CHECK;
void names_end(struct vfs *v, struct node *dir);
/*
 * A NEW entry there, saved and with `mode` as far as that is kept; the folder's
 * times follow.  queue_changed() is the caller's.
 */
struct node *names_add(struct vfs *v, struct node *dir, const char *name,
		       enum entry_kind kind, uint32_t mode);

/* ---- content.c ----------------------------------------------------------- */
/*
 * A file's bytes that are here, in DIR/data/XX/INO (sparse).  While DIRTY, the
 * file is what counts; what is missing of it is still that of `seen`.  There is
 * one of each node that is in use.  When the place gets another version, the
 * content is no longer the node's but `gone`: who reads goes on reading what it
 * was, and who comes gets a new one.
 */
struct content {
	struct node *node;           /* held */
	struct content *prev, *next; /* in v->contents; guarded by v->lock */

	/* content_get(); the first comes and the last goes with v->lock. */
	_Atomic unsigned users;

	/* Changed with v->lock and `lock` held: either is enough to look. */
	uint64_t writes;  /* counts changes of bytes and size */
	unsigned writing; /* under way */
	bool gone;
	bool kept_dirty;  /* a row says that it is DIRTY */
	unsigned inlined; /* counts how often its bytes went to the journal */

	/*
	 * For who changes bytes: streams share it, since each has bytes of its
	 * own; writers have it alone.  Before v->lock.
	 */
	pthread_rwlock_t io;
	pthread_mutex_t lock; /* guards the rest; after v->lock */
	pthread_cond_t changed;
	int fd;        /* -1 until it is opened; then the same to the end */
	bool opening;  /* a thread is at it */
	bool whole;    /* have is all of it */
	bool unsized;  /* the place does not say how large it is */
	bool unsynced; /* written since the last fsync */
	bool unsaved;  /* `have` since the ranges were saved last */
	bool fetched, written, created; /* since it was opened */
	struct ranges have;             /* with all from rsize to size */
	int64_t size;                   /* as node->size */
	int64_t rsize;   /* what is missing is of the place's first so many */
	int64_t counted; /* bytes of it in the budget */
	int64_t told;    /* queue_changed() of the writes; monotonic ns */
	uint64_t kept;   /* `writes` when a commit was last waited for */
	struct stream *streams; /* fetch.c's */
	unsigned waiting;       /* for `changed` */
};

int contents_open(struct vfs *v, struct op *op) MUST_CHECK;
void contents_close(struct vfs *v);
/* The content of a file, opened; without v->lock; to be given back. */
int content_get(struct vfs *v, struct op *op, struct node *n,
		struct content **out) MUST_CHECK;
void content_put(struct vfs *v, struct content *c);
/* Have these bytes here, waiting for them; they may be evicted no sooner than
   the users are gone. Without any lock. */
int content_need(struct vfs *v, struct op *op, struct content *c, int64_t off,
		 int64_t len) MUST_CHECK;
/* Save which bytes are here, and that there are some. Without any lock. */
void content_save(struct vfs *v, struct content *c);
int content_write(struct vfs *v, struct op *op, struct content *c,
		  const void *p, size_t n, int64_t off) MUST_CHECK;
int content_truncate(struct vfs *v, struct op *op, struct content *c,
		     int64_t size) MUST_CHECK;
int content_sync(struct vfs *v, struct op *op, struct content *c) MUST_CHECK;
/*
 * The place has other bytes now: what is here of the old ones goes.  With
 * v->lock; nothing happens to what is DIRTY.  What is being fetched is called
 * off.
 */
void content_forget(struct vfs *v, struct node *n);
/* The file of a node that is dropped. With v->lock. */
void content_remove(struct vfs *v, uint64_t ino);
/*
 * The whole file as it is now, as a source for be_put(): read fails with
 * ERR_CONFLICT once `c->writes` is no longer what it was.  All of it must be
 * here (content_need()).
 */
struct content_source {
	struct source source;
	struct content *content;
	uint64_t writes;
	int64_t at;
	bool counted; /* as bytes that move: --bwlimit */
};
void content_source_init(struct content_source *s, struct content *c);

/* Bring the content on the disk within the budget. Without locks. */
int evict(struct vfs *v, struct op *op) MUST_CHECK;

/*
 * If there are more than `most` nodes in memory: have fewer, by the entries of
 * folders that were not looked at for `idle` ns.  Without locks.
 */
int trim(struct vfs *v, struct op *op, size_t most, int64_t idle) MUST_CHECK;

/* ---- queue.c ------------------------------------------------------------- */
int queue_open(struct vfs *v, struct op *op) MUST_CHECK; /* starts threads */
void queue_close(struct vfs *v);
/*
 * `n` (with NODE_PENDING in its flags, or no longer) was changed here: it is
 * queued, later or not any more; saved, too.  With v->lock.
 */
void queue_changed(struct vfs *v, struct node *n);
/* Try all again now: the place answers. With v->lock. */
void queue_wake(struct vfs *v);
/* queued, sending, queued_bytes and failed of a status. With v->lock. */
void queue_count(struct vfs *v, struct vfs_status *out);

/* ---- send.c, conflict.c -------------------------------------------------- */
/*
 * Do one thing that `n` needs (it is held and NODE_SENDING), without the lock.
 * 0: done, look again; 1: something else must come first, which was made due;
 * 2: that, too, and nothing was tried; -1: op->err.
 */
int send_node(struct vfs *v, struct op *op, struct node *n) MUST_CHECK;
/*
 * The place has something else under the name of `n`, which is DIRTY: `n` gets
 * a name that says so, is NEW, and the place's is shown under the old one.
 * Without the lock.
 */
int conflict_aside(struct vfs *v, struct op *op, struct node *n) MUST_CHECK;

#endif
