#ifndef BACKENDS_MEM_MEM_H
#define BACKENDS_MEM_MEM_H

#include "backends/driver.h"
#include "backends/mem/store.h"

/*
 * Between mem.c (opening, looking, reading) and change.c.
 */
struct mem {
	struct backend base;
	struct mem_store *store;
	char *root;      /* of this backend, from the store's root */
	int64_t step;    /* mtimes are cut to multiples of it; -1: not kept */
	int64_t quota;   /* bytes the store may hold; -1: any */
	unsigned hashes; /* those shown */
};

/* NULL if `be` is of another driver. */
struct mem *mem_of(struct backend *be);

/* `path` from the store's root, in the op's arena. */
const char *mem_path(const struct mem *m, struct op *op, const char *path);

/* With the store's lock held; strings go to `a`. */
void mem_fill(const struct mem *m, const struct mem_node *node, struct arena *a,
	      struct entry *out);

int mem_no_file(struct op *op);
int mem_no_dir(struct op *op);

/* The directory at `path`; NULL with ERR_NO_DIR or ERR_NOT_DIR. */
struct mem_node *mem_dir(struct mem *m, struct op *op, const char *path);

/* The file at `path`; NULL with ERR_NOT_FOUND or ERR_IS_DIR. */
struct mem_node *mem_file(struct mem *m, struct op *op, const char *path);

/* As backend_ops has them. */
int mem_put(struct backend *be, struct op *op, const char *path,
	    struct source *src, const struct put_opt *opt, struct entry *out);
int mem_mkdir(struct backend *be, struct op *op, const char *path);
int mem_rmdir(struct backend *be, struct op *op, const char *path);
int mem_unlink(struct backend *be, struct op *op, const char *path);
int mem_copy(struct backend *be, struct op *op, struct backend *from,
	     const char *src, const struct entry *seen, const char *dst,
	     const struct put_opt *opt, struct entry *out);
int mem_move(struct backend *be, struct op *op, struct backend *from,
	     const char *src, const struct entry *seen, const char *dst,
	     const struct put_opt *opt, struct entry *out);
int mem_move_dir(struct backend *be, struct op *op, struct backend *from,
		 const char *src, const char *dst);
int mem_purge(struct backend *be, struct op *op, const char *dir);
int mem_touch(struct backend *be, struct op *op, const char *path,
	      int64_t mtime);

#endif
