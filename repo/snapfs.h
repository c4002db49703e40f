#ifndef REPO_SNAPFS_H
#define REPO_SNAPFS_H

#include "backends/driver.h"
#include "lib/pool.h"
#include "repo/each.h"
#include "repo/lock.h"
#include "repo/snapshot.h"

/*
 * Snapshots as a backend that is only read: what snapfs*.c share.
 *
 *	snapfs.c	the driver and its calls
 *	snapfs_open.c	the repository behind it, opened when first needed
 *	snapfs_find.c	which snapshot a name means, what is at a path
 *	snapfs_view.c	snapshots by id, time, host and tag: view=tree
 *	snapfs_folder.c	trees that were read, kept for a while
 *	snapfs_tree.c	trees, the first of a pack by themselves
 *	snapfs_entry.c	a node as an entry
 *	snapfs_read.c	a file's bytes, some ahead
 *	snapfs_part.c	blobs that lie side by side, with one request
 *	snapfs_kept.c	blobs of which more may be wanted soon
 *
 * The root is a folder of snapshots; with the option view=tree it is one of
 * folders, for the mount (`ferry mount --repo PLACE` is that of the place
 * :repo,view=tree,repository="PLACE":).  Commands open a place more than once
 * (to see whether it is a file), so all places of one process that were
 * described alike share one opened repository.
 */

/* A snapshot, under a name that somebody used for it. */
struct snap {
	char *name;
	struct id id, tree;
	int64_t time; /* ns */
	uint32_t uid, gid;
};

VEC(snaps, struct snap);

/* What is in a folder above the snapshots: one of the three is not NULL. */
struct view_item {
	const char *name;
	struct view_folder *folder;
	const struct snap *snap;
	const char *target; /* a name in the same folder */
	int64_t time;       /* ns, of a link; or 0 */
	size_t order;       /* as it was added */
};

VEC(view_items, struct view_item);

struct view_folder {
	struct view_items items; /* sorted by name */
	int64_t time;            /* ns: the newest snapshot's; 0: none */
};

/* All of it as it was at one time: not changed, freed by its last user. */
struct snap_view {
	struct arena arena; /* the folders and what they point at */
	struct view_folder *root;
	struct ids ids; /* of the snapshots' files, sorted */
	unsigned users; /* guarded by snap_repo.lock */
};

/* A tree's text, and where in it each name is. */
struct folder {
	struct id tree;
	struct buf text;
	struct folder_slot *slots; /* sorted; NULL until a name is looked up */
	size_t n;
	unsigned users;
	uint64_t used; /* when, by a count of uses */
};

/* A blob's text that was needed in part only. */
struct kept {
	struct id id;
	struct buf text;
	unsigned users; /* these two: guarded by snap_repo.lock */
	uint64_t used;
};

VEC(kepts, struct kept *);
VEC(folders, struct folder *);
VEC(coders, struct coder *);

/* A pack of trees that was read from, but not all of it. */
struct tried {
	uint32_t pack_no;
	unsigned times;
	int64_t size; /* of its blobs */
};

VEC(trieds, struct tried);

/* What there is while at least one backend is open. */
struct snap_open {
	struct backend *be;
	struct repo *repo;
	struct lock *lock;    /* or NULL */
	struct pool *pool;    /* reads ahead; NULL before the first time */
	struct coders coders; /* those that nobody has in hand */
	struct snaps snaps;   /* names that were resolved: they stay so */
	struct folders folders;
	size_t folder_bytes;
	struct trieds tried;
	struct kepts kept;
	size_t kept_bytes;
	uint64_t uses;
	int64_t ahead; /* bytes that are being read ahead */

	struct snap_view *view; /* the latest; NULL before the first */
	int64_t viewed;         /* monotonic ns: when it was made or checked */
	bool viewing;           /* someone is at it */

	struct ids
		indexes; /* that were loaded; of whom `indexing` is set for */
	int64_t indexed; /* monotonic ns: when they were looked for */
	bool indexing;
};

/* Freed by remotes_free(). */
struct snap_repo {
	pthread_mutex_t lock; /* guards all but what `ready` says stays */
	pthread_cond_t changed;
	unsigned users;
	bool busy;  /* someone is opening it */
	bool ready; /* from then on open.be, repo, lock are not changed */
	struct snap_open open;

	/* Kept when the last user has gone. */
	struct envelope_key *key; /* secret memory; NULL: not known */
	struct id key_id;
};

/* What the options of a place say. */
struct snap_conf {
	char *password; /* secret memory, or NULL */
	char *password_file, *password_command;
	char *host, *tag, *path, *cache_dir; /* or NULL */
	bool empty_password, no_lock;
	bool tree; /* view=tree */
};

struct snapfs {
	struct backend base;
	struct snap_repo *shared;
	struct snap_conf conf;
	char *root; /* "latest/home", "" */
};

/* Have the repository open, locked, its index loaded. */
int snapfs_ready(struct snapfs *f, struct op *op) MUST_CHECK;

/*
 * Load the index files that are new since it was last done, if that was `age`
 * ns ago.  `*news`: there were some.
 */
int snapfs_reindex(struct snap_repo *s, struct op *op, int64_t age,
		   bool *news) MUST_CHECK;

/*
 * A blob could not be had, as op->err says: whether more blobs are known now,
 * so that it is worth another try.  (Somebody else has pruned, or has saved
 * what is read.)
 */
bool snapfs_learned(struct snap_repo *s, struct op *op);

/*
 * With s->lock held, which it lets go of: wait until `*busy`, one of the flags
 * above, is not set, and set it.
 */
int snapfs_claim(struct snap_repo *s, struct op *op, bool *busy) MUST_CHECK;

/* For remotes_share(). */
void *snap_repo_new(void);
void snap_repo_drop(void *s);
/* One more user, whose backend `be` is taken, or closed if there is one. */
void snap_repo_enter(struct snap_repo *s, struct backend *be);
void snap_repo_leave(struct snap_repo *s);

/*
 * A coder for a short while; 1.3 MB each, so they are kept.  A blob's text
 * that is not counted as moved: be_get() has counted what it becomes.
 */
struct coder *snapfs_coder(struct snap_repo *s);
void snapfs_coder_back(struct snap_repo *s, struct coder *c);
int snapfs_blob(struct snap_repo *s, struct op *op, enum blob_type t,
		const struct id *id, struct buf *out) MUST_CHECK;

/*
 * A tree's text.  The pack that it is in belongs in the cache, which takes a
 * while if it is large and far away: the first few trees do not wait for that.
 */
int snapfs_tree(struct snap_repo *s, struct op *op, const struct id *id,
		struct buf *out) MUST_CHECK;

/* A tree, to be given back with folder_put(). */
int folder_get(struct snap_repo *s, struct op *op, const struct id *tree,
	       struct folder **out) MUST_CHECK;
void folder_put(struct snap_repo *s, struct folder *f);
void folder_free(struct folder *f);

/* 1: `*out`, in the op's arena, is what has this name; 0: nothing; -1. */
int folder_find(struct snap_repo *s, struct op *op, struct folder *f,
		const char *name, size_t len, struct node *out) MUST_CHECK;

/* A blob that was kept, to be given back with kept_put(); or NULL. */
struct kept *kept_get(struct snap_repo *s, const struct id *id);
void kept_put(struct snap_repo *s, struct kept *k); /* NULL is fine */
/* Keep it for a while. */
void kept_add(struct snap_repo *s, const struct id *id, const char *text,
	      size_t n);
void kepts_drop(struct kepts *all);

/* Blobs that lie side by side in one pack. */
VEC(ends, size_t);
struct part {
	const struct id *ids; /* the caller's */
	size_t n;
	struct id pack;
	int64_t off, end;       /* of the sealed bytes */
	int64_t text_len;       /* as the index says */
	struct buf sealed, one; /* memory to work with */
	struct buf text;        /* what part_read() has read */
	struct ends ends;       /* where in it each blob ends */
};

/* A data blob's place; one that no index has is ERR_CORRUPT. */
int snapfs_blob_at(struct snap_repo *s, struct op *op, const struct id *id,
		   struct blob_at *at) MUST_CHECK;
int64_t snapfs_text_len(const struct pack_blob *b);

/*
 * The first of `n` blobs and those that follow in the same place, as long as
 * they take at most `max` bytes; then their texts, wherever they are by then.
 * A part begins as { BUF_INIT ... }, and may be used again.
 */
int part_plan(struct snap_repo *s, struct op *op, const struct id *ids,
	      size_t n, int64_t max, struct part *p) MUST_CHECK;
int part_read(struct snap_repo *s, struct op *op, struct part *p) MUST_CHECK;
void part_free(struct part *p);

/* What is at a path of the backend. */
struct spot {
	bool above; /* `here`: a folder of snapshots, or a link to one */
	struct entry here;
	bool top;         /* the root of `snap`, of which there is no node */
	struct snap snap; /* unless `above`; no name */
	struct node node; /* unless `above` or `top` */
	const char *name; /* the last component */
	const char *path; /* all of it, below the root of the repository */
	struct id dir;    /* the tree, if it is a folder */
	bool is_dir;
};

/* ERR_NOT_FOUND, ERR_NOT_DIR for what is below a file. In the op's arena. */
int snapfs_find(struct snapfs *f, struct op *op, const char *path,
		struct spot *out) MUST_CHECK;

/*
 * view=tree: what is at a path as far as the snapshot, or above all of them;
 * `*rest` is what follows the snapshot's name.
 */
int view_find(struct snapfs *f, struct op *op, const char *path,
	      struct spot *out, const char **rest) MUST_CHECK;
int view_list(struct snapfs *f, struct op *op, const char *path, entry_fn *fn,
	      void *arg) MUST_CHECK;
void view_drop(struct snap_view *v); /* NULL is fine */

/*
 * Of these files, or all (NULL), those that the place's options leave; sorted
 * by time, in `a`.
 */
int snapfs_snapshots(struct snapfs *f, struct op *op, struct arena *a,
		     const struct ids *ids, struct snapshots *out) MUST_CHECK;
struct snap snap_of(const struct snapshot *s);
/* How many digits tell the ids of all of these apart; at least 8. */
size_t snap_digits(const struct snapshots *all);

/* Each snapshot, as an entry of the root. */
int snapfs_list_snapshots(struct snapfs *f, struct op *op, entry_fn *fn,
			  void *arg) MUST_CHECK;

/* Entries; what they point at is in `a`, or in the node. */
void snapfs_entry(struct arena *a, const struct snap *s, const struct node *n,
		  struct entry *out);
void snapfs_entry_top(struct arena *a, const struct snap *s, const char *name,
		      struct entry *out);
void snapfs_entry_above(struct arena *a, const char *name, int64_t time,
			const char *target, struct entry *out);
const char *snapfs_tag(struct arena *a, const struct node *n);
void snapfs_xattrs(struct op *op, const struct node *n, bool all,
		   struct xattrs *out);

/* The bytes [off, off + len) of a file; len -1: to its end. */
int snapfs_read(struct snap_repo *s, struct op *op, const struct node *n,
		int64_t off, int64_t len, struct sink *dst) MUST_CHECK;

#endif
