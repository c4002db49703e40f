#ifndef REPO_ARCHIVE_PARTS_H
#define REPO_ARCHIVE_PARTS_H

#include <pthread.h>

#include "backends/backend.h"
#include "lib/vec.h"
#include "repo/archive.h"
#include "repo/each.h"

/*
 * Within repo/archive*.c.  One thread walks the folders in step with the
 * parent snapshot's trees (archive_walk.c).  Files to be read go to workers
 * (archive_work.c), each of which does all there is to do for a file: reading,
 * hashing, compressing, sealing (archive_file.c); of a large file it hands
 * chunks to the others.  Whoever finishes the last entry of a folder saves its
 * tree, and so on upwards (archive_folder.c).
 */
struct archive;
struct folder;

/* A buffer that is larger is not kept: the largest chunks are rare. */
enum { TEXT_KEPT = 4 << 20 };

/* An entry on its way into its folder's tree. */
struct item {
	struct item *next; /* in the folder, by name */
	struct folder *in;
	struct buf json;
	bool done, gone; /* gone: there will be no node */
	size_t name_len;
	char name[];
};

/* What there was in the parent snapshot, to tell new from changed. */
struct before {
	bool there;
	struct buf json;
};

/* A folder until its tree is saved. */
struct folder {
	struct folder *next; /* in the queue of those to be finished */
	struct item *item;   /* in the folder above, NULL for the root */
	struct arena arena;  /* of the node */
	struct node node;
	char *path; /* absolute, in the source */
	struct before before;
	int64_t began;

	/* archive.lock guards what follows. */
	struct buf json; /* the tree, as far as it is known in order */
	struct tree_writer tree;
	struct item *first, **last; /* those that are not in it yet */
	size_t open; /* items that are not done, and 1 while it is walked */
};

/* A file to be read. */
struct file_job {
	struct file_job *next; /* in a queue or a list of spare ones */
	struct item *item;
	struct arena arena; /* of what the node points at */
	struct node node;
	const char *path;
	struct source *src; /* of archive_stream(), else NULL */
	struct before before;
	int64_t began;

	struct ids content; /* the reader's, but for its elements */
	struct saved data;  /* archive.lock guards this, and */
	size_t open;        /* chunks that are not done, 1 while it is read */
	bool failed;
};

/* A part of a large file, for another worker. */
struct chunk_job {
	struct chunk_job *next;
	struct file_job *file;
	struct buf text;
	size_t off, len; /* of it in `text` */
	size_t no;       /* its place in file->content */
};

/* What a worker has of its own. */
struct worker {
	struct archive *ar;
	struct op op;
	struct coder *coder;
	struct chunker *chunker;
	struct buf text; /* of the file at hand */
	struct buf json; /* of the node at hand */
	int64_t *cuts;
};

/* One backup under way. */
struct archive {
	struct repo *r;
	const struct archive_opt *opt;
	struct saver *saver;
	struct chunker_tables *tables;
	struct cancel *cancel;
	size_t piece; /* bytes read at once */

	/* Guards all that follows, folders and items. */
	pthread_mutex_t lock;
	pthread_cond_t todo; /* there is something in a queue, or `over` */
	pthread_cond_t room; /* a queue has become shorter */
	struct chunk_job *chunks, **chunks_end;
	struct folder *folders, **folders_end;
	struct file_job *files, **files_end;
	struct chunk_job *spare_chunks;
	struct file_job *spare_files;
	size_t n_chunks, n_folders, n_files;
	bool over;     /* the root is done */
	bool has_tree; /* and this is its tree */
	struct id tree;
	bool empty; /* it had no entries */
	atomic_bool failed;
	struct err err; /* of the first failure */
	struct snapshot_summary sum;
	uint64_t errors;
	unsigned n_threads;
	pthread_t *threads;
};

/* archive_work.c */
void work_start(struct archive *ar);
void work_wait(struct archive *ar); /* until the root is done */
void work_free(struct archive *ar);
/* These may wait until there is room in the queue. */
void work_add_folder(struct archive *ar, struct folder *f);
void work_add_file(struct archive *ar, struct file_job *job);
/* Whether others would be glad of a chunk. */
bool work_has_room(struct archive *ar);
/* False, and nothing has happened, if enough of them wait by now. */
bool work_add_chunk(struct archive *ar, struct chunk_job *chunk);
struct file_job *work_spare_file(struct archive *ar);
struct chunk_job *work_spare_chunk(struct archive *ar);
void work_give_file(struct archive *ar, struct file_job *job);
void work_give_chunk(struct archive *ar, struct chunk_job *chunk);

/* The first failure that ends all. */
void archive_fail(struct archive *ar, const struct err *e);
bool archive_failed(struct archive *ar);
/*
 * op->err is about one entry: 0 if it was told and the run goes on without it,
 * -1 if it ends the run.
 */
int archive_tell(struct archive *ar, struct op *op, const char *path);
/* What became of an entry whose node's text is now `json`. */
enum archive_action before_action(const struct before *b,
				  const struct buf *json);
/* An entry is done: count it, and tell who wants to know. */
void archive_done(struct archive *ar, enum archive_action a, const char *path,
		  const struct node *n, const struct saved *data,
		  const struct saved *meta, int64_t began);

/* archive_folder.c */
struct folder *folder_new(struct item *item, const char *path);
/* Its next entry; `done` ones at once, with their text. */
struct item *folder_add(struct archive *ar, struct folder *f, const char *name);
void folder_add_done(struct archive *ar, struct folder *f, const char *name,
		     const char *raw, size_t n);
/*
 * An item has become done (`json` is its node's text, NULL: gone).  True: its
 * folder has nothing left to wait for, and is to be finished.
 */
bool item_done(struct archive *ar, struct item *it, const struct buf *json);
/* The walk has left it; true as with item_done(). */
bool folder_left(struct archive *ar, struct folder *f);
/* Save its tree, and those above for which this was the last. */
void folder_finish(struct worker *w, struct folder *f);

/* archive_file.c */
void file_read_job(struct worker *w, struct file_job *job);
void file_chunk_job(struct worker *w, struct chunk_job *chunk);

/* archive_node.c: nodes of what is on the disk */
struct name_cache {
	struct arena arena;
	struct name_slots {
		struct name_slot *at;
		size_t n, cap;
	} users, groups;
};
void name_cache_free(struct name_cache *c);
/* Strings are the cache's or `e`'s. */
void node_of_entry(struct node *n, const struct entry *e, struct name_cache *c,
		   bool with_atime);
/* The extended attributes of an entry, in op->arena. */
int node_read_xattrs(struct node *n, struct op *op, struct backend *be,
		     const char *path) MUST_CHECK;
/* Whether the file may be taken as unchanged; and whether nothing differs. */
bool node_unchanged(const struct node *n, const struct node *before,
		    const struct archive_opt *opt);
bool node_same(const struct node *n, const struct node *before);

/* archive_select.c: what is left out */
bool select_path(const struct archive_opt *opt, const char *path);
bool select_entry(const struct archive_opt *opt, const struct entry *e,
		  uint64_t dev, bool *mount);
/*
 * The folder is marked by a file (--exclude-caches, --exclude-if-present):
 * only that file is saved of it.  NULL: it is not; "": by several.
 */
int select_mark(const struct archive_opt *opt, struct op *op,
		const char *folder, const char **mark) MUST_CHECK;
bool select_any_marks(const struct archive_opt *opt);

/* archive_target.c: the paths that were given, as a tree */
struct target {
	struct target *next, *below; /* by name */
	const char *name;
	const char *path; /* in the source */
	bool leaf;        /* all below `path`; else only what is below here */
};
int targets_new(struct arena *a, const struct archive_opt *opt,
		struct target **root, struct err *e) MUST_CHECK;

/* archive_walk.c: what fails it is in ar->err */
void archive_walk(struct archive *ar, struct op *op, struct target *root);

/* archive_scan.c: count what there is, on a thread of its own */
struct scan {
	struct archive *ar;
	struct target *root;
	struct cancel cancel; /* of its own: the walk may be over before it */
	pthread_t thread;
	bool started;
};
void scan_start(struct scan *s, struct archive *ar, struct target *root);
void scan_stop(struct scan *s);

#endif
