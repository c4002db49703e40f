#ifndef BACKENDS_MEM_STORE_H
#define BACKENDS_MEM_STORE_H

#include "backends/entry.h"

/*
 * A tree of files in memory.  Everything here is called with store->lock
 * held; paths are clean and start at the store's root.
 */

/* What a file holds.  It never changes, so it is read without the lock. */
struct mem_data {
	unsigned refs; /* guarded by the store's lock */
	size_t len;
	char *at;
	struct digests hash;
};

struct mem_node {
	char *name;
	struct mem_node *parent; /* NULL: the root, or in no tree */
	struct mem_data *data;   /* NULL: a directory */
	struct mem_node **kids;  /* in the order of their names */
	size_t n, cap;
	int64_t mtime;
	uint64_t id;
	uint64_t version; /* another one for each content */
	char *mime;       /* or NULL */
};

struct mem_store {
	pthread_mutex_t lock; /* guards all that follows */
	bool no_case;
	struct mem_node root;
	int64_t used;     /* bytes in files */
	uint64_t counter; /* the last id or version given */
};

/* In remotes_share()'s form. */
void *mem_store_new(void);
void *mem_store_new_no_case(void);
void mem_store_free(void *store);

/* The node at `path`, or NULL. */
struct mem_node *mem_find(struct mem_store *s, const char *path);

/*
 * The directory at `path`, made with its parents if need be.  NULL with
 * ERR_NOT_DIR if a file is in the way; nothing has been made then.
 */
struct mem_node *mem_make_dir(struct mem_store *s, const char *path,
			      struct err *e);

/* The directory that `path` is in, as mem_make_dir(). */
struct mem_node *mem_make_parent(struct mem_store *s, const char *path,
				 struct err *e);

/* The last component. */
const char *mem_leaf(const char *path);

/* A file that is in no tree yet.  It takes over `data`. */
struct mem_node *mem_file_new(struct mem_store *s, struct mem_data *data);

/* Put `node` into `dir` as `name`, which is not there yet. */
void mem_attach(struct mem_store *s, struct mem_node *dir, const char *name,
		struct mem_node *node);
void mem_detach(struct mem_node *node);

/* With all below it; it must have been detached. */
void mem_node_free(struct mem_store *s, struct mem_node *node);

/* Give a file other content. */
void mem_replace(struct mem_store *s, struct mem_node *node,
		 struct mem_data *data);

/* Takes over the bytes at `at`. */
struct mem_data *mem_data_new(char *at, size_t len, const struct digests *hash);
void mem_data_drop(struct mem_data *data);

#endif
