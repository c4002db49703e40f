#ifndef REPO_RESTORE_PARTS_H
#define REPO_RESTORE_PARTS_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "lib/pool.h"
#include "lib/vec.h"
#include "repo/restore.h"
#include "repo/walk.h"

/*
 * What the files of the restore share; restore.c explains the whole.
 */
enum {
	TEMP_NAME = 28, /* ".ferry-tmp.", 16 hexadecimal digits, '\0' */
	DEST_FDS = 256
};

/* Of a node, what is set when its content is there. */
struct meta {
	uint32_t mode; /* of st_mode, without the type */
	uint32_t uid, gid;
	struct timespec times[2]; /* accessed, modified */
	const struct node_xattr *xattrs;
	size_t nxattrs;
};

/*
 * A folder of the target that something is to be done in.  It holds its parent
 * by a reference; with the last one gone, it gets its metadata and is freed.
 * All but `refs` is written by the walking thread alone, before others see it.
 */
struct dest {
	struct dest *parent; /* NULL: the target */
	atomic_uint refs;
	int fd; /* or -1: opened when needed */
	bool made;
	bool fresh;     /* nothing was in it */
	bool gives_acl; /* to what is made in it */
	bool has_meta;
	bool counted; /* among files_total */
	struct meta meta;
	struct arena arena; /* of meta */
	struct id tree;
	struct hashes {
		uint64_t *at;
		size_t n, cap;
	} keep;     /* --delete: hashes of the names that belong in it */
	char *last; /* the greatest name so far */
	size_t last_len;
	size_t name_len;
	char name[];
};

/* Names of one file that the snapshot had more than once. */
struct link_group {
	uint64_t inode, device, content; /* the last: a hash of its text */
	uint64_t left;                   /* names not yet seen, */
	uint64_t pending;                /* and those not yet made */
	struct dest *dir;                /* of the first; NULL once let go */
	char *name;
	atomic_bool bad; /* the first could not be restored */
};

/* A regular file under way. */
struct item {
	struct dest *dir; /* a reference */
	const char *name;
	struct meta meta;
	uint64_t size;
	const struct id *content;
	uint32_t ncontent;
	bool shared;   /* has other names, perhaps not here */
	bool over;     /* another file is replaced */
	bool aside;    /* its temporary file is there */
	bool finished; /* nothing more to be done */
	uint8_t *have; /* which blobs are in the temporary file, or NULL */
	struct link_group *group; /* it is the first of, or NULL */
	atomic_uint left;         /* blobs still to come */
	atomic_uint good;         /* blobs that are there */
	struct err *_Atomic why;  /* it cannot be restored */
};

/* One more name of a file. */
struct alias {
	struct dest *dir; /* a reference */
	const char *name;
	struct link_group *group;
	struct timespec mtime;
	uint64_t size;
	enum node_type type;
};

/* A blob at its place in a file. */
struct use {
	uint32_t pack, off, len, raw_len; /* where it lies */
	struct item *item;
	uint32_t index; /* in the item's content */
	int64_t at;     /* in the file */
};

VEC(items, struct item *);
VEC(aliases, struct alias);
VEC(uses, struct use);

/* Files that are restored together. */
struct window {
	struct restore *rs;
	struct arena arena;
	struct items items;
	struct aliases aliases;
	struct uses uses;
	size_t blobs;
	struct group *group; /* of the regions under way */
};

/* What a worker needs; lent by kit_take(). */
struct kit {
	struct coder *coder;
	struct buf raw, text;
	struct kit *next;
};

struct restore {
	struct repo *repo;
	const struct restore_opt *opt;
	struct dest *target;
	struct pool *pool;
	uint32_t region; /* how much of a pack is read at once */
	bool verifying;
	atomic_bool stop; /* a failure that concerns all */
	atomic_int fds;   /* that folders may still keep open */
	atomic_bool no_xattrs_told;
	uid_t uid;

	/* of the walking thread */
	struct window *window;    /* being filled */
	struct window *flying[2]; /* oldest first */
	size_t nflying;
	struct dest **stack; /* the folders that the walk is in */
	size_t depth, stack_cap;
	bool broken; /* the tree of the innermost could not be read to its end
		      */
	struct link_groups *groups;

	pthread_mutex_t lock; /* guards what follows */
	struct kit *kits;
	struct hashes unverified; /* files that were left as they are */

	bool any; /* something was chosen; of the walking thread */
	_Atomic uint64_t files_total, files_restored, files_skipped,
		files_deleted, bytes_total, bytes_restored, bytes_skipped,
		verified, errors;
};

/* restore.c: what failed is in op->err.  0; -1 if it concerns all. */
int restore_tell(struct restore *rs, struct op *op, const struct dest *dir,
		 const char *name);
/* One more is done, `name` of `dir` or (NULL) the folder itself. */
void restore_done(struct restore *rs, enum restore_action a,
		  const struct dest *dir, const char *name, bool is_dir,
		  uint64_t size);
/* One more is to be done. */
void restore_count(struct restore *rs, uint64_t bytes);
/* It was left as it is, or told: --verify does not look at it. */
void restore_unverified(struct restore *rs, const struct dest *dir,
			const char *name);
void restore_progress(struct restore *rs, int64_t bytes);
struct kit *kit_take(struct restore *rs);
void kit_give(struct restore *rs, struct kit *k);

/* hashes: sorted when first asked */
void hashes_add(struct hashes *h, uint64_t v);
void hashes_sort(struct hashes *h);
bool hashes_have(const struct hashes *h, uint64_t v);

/* restore_dest.c */
struct dest *dest_new(struct dest *parent, const char *name, size_t n);
void dest_hold(struct dest *f);
/* Give a reference back; what becomes ready by that is put in order. */
void dest_drop(struct restore *rs, struct op *op, struct dest *f);
/* "/a/b" and, if not NULL, "/name". */
void dest_path(const struct dest *f, const char *name, struct buf *out);
/* A descriptor, and whether it is to be given to close(). */
int dest_open(struct op *op, const struct dest *f, bool *own) MUST_CHECK;
void dest_close(int fd, bool own);
/* Make it and those around it, or find them. */
int dest_make(struct restore *rs, struct op *op, struct dest *f) MUST_CHECK;
/* Remove what is there at `name`, no folder or an empty one; or (`all`)
   anything. */
int dest_clear(struct op *op, int dirfd, const char *name, bool all) MUST_CHECK;

/* restore_meta.c */
void meta_of(struct meta *m, const struct node *n, struct arena *a);
/*
 * Of an open inode, `path_only` with O_PATH; as in `st`.  `fresh`: it has no
 * extended attributes yet.
 */
int meta_put(struct restore *rs, struct op *op, int fd, bool path_only,
	     const struct stat *st, const struct meta *m,
	     bool fresh) MUST_CHECK;
int meta_put_at(struct restore *rs, struct op *op, int dirfd, const char *name,
		const struct meta *m, bool fresh) MUST_CHECK;

/* restore_file.c */
void temp_name(const struct dest *dir, const char *name, char out[TEMP_NAME]);
/* Look at what is there, and begin with the temporary file. */
int item_prepare(struct restore *rs, struct op *op, struct kit *k,
		 struct item *it) MUST_CHECK;
/* Its whole content. */
void item_whole(struct restore *rs, struct op *op, int dirfd, struct item *it,
		const void *p, size_t n);
/* Open its temporary file to write blobs into it. */
int item_open(struct op *op, int dirfd, const struct item *it) MUST_CHECK;
int item_write(struct restore *rs, struct op *op, int fd, const void *p,
	       size_t n, int64_t at) MUST_CHECK;
/* It cannot be restored, and op->err says why; the first reason is kept. */
void item_fail(struct op *op, struct item *it);
/* All blobs have come or failed: put it in place, or tell why not. */
int item_end(struct restore *rs, struct op *op, struct item *it) MUST_CHECK;
/* Give `temp` its name, whatever is there now. */
int put_in_place(struct restore *rs, struct op *op, int dirfd, const char *temp,
		 const char *name) MUST_CHECK;
/* Whether --overwrite lets what is there be replaced. */
bool may_replace(const struct restore *rs, const struct meta *m,
		 const struct stat *st);

/* restore_verify.c */
int item_verify(struct restore *rs, struct op *op, struct kit *k,
		struct item *it) MUST_CHECK;
/* Read blob `i` of an open file at `at` into k->text: whether it is right. */
bool blob_is_there(struct kit *k, int fd, const struct id *id, size_t len,
		   int64_t at);
/* The length of a blob's text; ERR_CORRUPT if no index names it. */
int blob_length(struct restore *rs, struct op *op, const struct id *id,
		size_t *len) MUST_CHECK;

/* restore_special.c: what is no regular file and no folder. */
int special_restore(struct restore *rs, struct op *op, struct dest *dir,
		    const struct node *n) MUST_CHECK;

/* restore_links.c */
struct link_groups *link_groups_new(void);
void link_groups_free(struct restore *rs, struct op *op, struct link_groups *g);
/*
 * Whether the node is a further name; else *out is its new group, or NULL where
 * another name is to be the first, since this one stays as it is.
 */
bool link_groups_find(struct restore *rs, struct op *op, struct dest *dir,
		      const struct node *n, struct link_group **out);
/* It is done with, restored or not. */
void alias_over(struct restore *rs, struct op *op, const struct alias *a);
int alias_restore(struct restore *rs, struct op *op,
		  const struct alias *a) MUST_CHECK;

/* restore_window.c */
int window_add(struct restore *rs, struct op *op, struct dest *dir,
	       const struct node *n, struct link_group *group) MUST_CHECK;
int window_add_alias(struct restore *rs, struct op *op, struct dest *dir,
		     const struct node *n, struct link_group *g) MUST_CHECK;
/* Until all that was added is done. */
int windows_drain(struct restore *rs, struct op *op) MUST_CHECK;
void windows_free(struct restore *rs, struct op *op);

/* restore_delete.c */
/* Remove a folder and all that is in it, following no link. */
int tree_remove(struct op *op, int dirfd, const char *name) MUST_CHECK;
/* What the snapshot does not have. */
int dest_delete_others(struct restore *rs, struct op *op,
		       struct dest *f) MUST_CHECK;

#endif
