#ifndef VFS_STORE_H
#define VFS_STORE_H

#include "vfs/parts.h"

/*
 * What the files of the store (store*.c), node*.c and folder*.c share beyond
 * parts.h.
 */

/* A value beside the nodes that is not on the disk yet. */
enum side_table { SIDE_FACT, SIDE_RANGES, SIDE_XATTR, SIDE_USED, SIDE_UNSURE };

struct side {
	struct side *next; /* in its bucket */
	enum side_table table;
	uint64_t ino;
	char *key;   /* of a fact or an attribute; else "" */
	bool remove; /* no value any more */
	char *value;
	size_t len;
	int64_t bytes, when; /* SIDE_USED */
};

struct sides {
	struct side **at; /* buckets, a power of two */
	size_t buckets, n;
};

/*
 * Two connections, so that who reads with v->lock held never waits for a
 * transaction.  What is saved goes from v->unsaved, v->dropped and `waiting`
 * into a transaction; what it has taken is in `flight` until it is over.
 *
 * Before that, v->unlogged, v->dropped_log and `log` go into a frame of the
 * journal, which is what a commit waits for; so what is in memory always
 * counts, then the journal, then the database.
 */
struct store {
	/* Guards what follows up to `journal`; after all other locks. */
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct sides waiting, flight;
	struct buf log;      /* records for the next frame */
	struct inos inlined; /* files whose bytes may be in the journal only */
	uint64_t frames;     /* the last one's number; v->lock is held, too */
	bool broken;         /* no frame before a transaction has been ... */
	uint64_t broken_at;  /* ... that has all up to this one */
	bool running;        /* a commit is under way */
	bool flushing;       /* a transaction is */
	bool bulk;           /* which has what is in no frame */
	bool want_durable;   /* the next commit is to be */
	bool unsynced;       /* something is not on stable storage yet */
	uint64_t begun;      /* commits */
	uint64_t good, durable; /* the last one that was */
	uint64_t failed;
	struct err error; /* of `failed` */

	/* store_is_due()'s; monotonic ns */
	int64_t since, quiet_since;
	uint64_t frames_then;

	bool closed; /* the database has all: no journal is needed */
	struct journal *journal;
	struct buf frame_rows, frame_log; /* of who is `running` */

	struct db *writer; /* of who is `flushing` */

	pthread_mutex_t read_lock; /* guards reader; after v->lock */
	struct db *reader;
};

/* node.c */
void node_free(struct vfs *v, struct node *n);
void node_tidy(struct vfs *v, struct node *n);
void folder_delete(struct folder *f);

/* store.c */
void store_reserve(struct vfs *v); /* numbers for new nodes */

/* store_commit.c */
enum { STORE_MANY = 10000 }; /* so many unsaved are to be flushed */
/* The row of a node, and all below it, is deleted; `files` (or NULL): those
   among them that are files. In a transaction. */
int store_delete_tree(struct store *s, struct op *op, uint64_t ino,
		      struct inos *files) MUST_CHECK;
/* The transaction has all up to this frame. */
int store_set_covered(struct store *s, struct op *op,
		      uint64_t frames) MUST_CHECK;
void store_roll_back(struct vfs *v);

/* store_journal.c */
/*
 * What is in no frame yet, as it is at one instant, into one.  1: not now, a
 * transaction has some of it, or has to come first.
 */
int store_append(struct vfs *v, struct op *op, bool durable) MUST_CHECK;
/* What the database has not.  `cut`: the machine went down. At opening. */
int store_replay(struct vfs *v, struct op *op, bool cut) MUST_CHECK;

/* store_load.c */
int store_load_root(struct vfs *v, struct op *op) MUST_CHECK;

/* store_side.c */
void sides_free(struct sides *s);
void side_pack(struct buf *log, const struct side *s);
/* Its strings are in `p`; false: not sound. */
bool side_unpack(const char *p, size_t n, struct side *out);
/* Takes over all of `from`; what `to` has under the same key stays if `keep`,
   or else goes. */
void sides_merge(struct sides *to, struct sides *from, bool keep);
int side_write(struct db *db, struct op *op, const struct side *s) MUST_CHECK;
void store_keep_fact(struct vfs *v, const char *key, const char *value);
/* Where the node of that number may be at the place; NULL: nowhere else. */
void store_set_unsure(struct vfs *v, uint64_t ino, const void *p, size_t n);
/* All that was set before this run; foreign bytes.  At opening. */
typedef void store_unsure_fn(struct vfs *v, struct op *op, uint64_t ino,
			     const void *p, size_t n);
int store_unsure(struct vfs *v, struct op *op, store_unsure_fn *fn) MUST_CHECK;

/* store_row.c: rows on their way to the disk, and back */
struct row {
	uint64_t ino, parent, rparent;
	int64_t size, mtime, ctime;
	int64_t mode, uid, gid; /* -1: not ours to say */
	uint32_t flags;
	uint32_t len; /* of all, with the strings */
	uint32_t name, rname, target, seen, seen_len; /* where; 0: NULL */
	uint8_t kind;
};

/* node.seen, in a form that is checked when it is read; NULL: not sound. */
void seen_pack(struct buf *b, const char *seen);
char *seen_parse(const char *p, size_t n);

void row_pack(struct buf *out, const struct node *n);
/* Whether row_pack() may have made it; it is aligned for nothing. */
bool row_is_sound(const char *packed, size_t n);
int row_write(struct db *db, struct op *op, const char *packed) MUST_CHECK;
#define ROW_COLUMNS                                                   \
	"ino, parent, name, rparent, rname, flags, kind, mode, uid, " \
	"gid, size, mtime, ctime, seen, target"
/* The row under the cursor, as a node that is not linked; NULL: not sound. */
struct node *row_node(struct vfs *v, struct db *db);
/* Flags that are kept on the disk. */
enum { ROW_FLAGS = 0xffff };

#endif
