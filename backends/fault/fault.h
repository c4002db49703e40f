#ifndef BACKENDS_FAULT_FAULT_H
#define BACKENDS_FAULT_FAULT_H

#include "backends/driver.h"

/*
 * Between fault.c (options, opening), stream.c (what moves entries and bytes)
 * and plain.c (all other calls).
 */
enum fault_op {
	FAULT_LIST,
	FAULT_STAT,
	FAULT_GET,
	FAULT_PUT,
	FAULT_MKDIR,
	FAULT_RMDIR,
	FAULT_UNLINK,
	FAULT_LIST_TREE,
	FAULT_COPY,
	FAULT_MOVE,
	FAULT_MOVE_DIR,
	FAULT_PURGE,
	FAULT_TOUCH,
	FAULT_HASH,
	FAULT_GET_XATTRS,
	FAULT_SET_META,
	FAULT_MKNODE,
	FAULT_HARDLINK,
	FAULT_EQUAL,
	FAULT_QUOTA,
	FAULT_FLUSH,
	FAULT_STRAYS,
	FAULT_OPEN_READER,
	FAULT_OPEN_WRITER,
	FAULT_CLOSE_WRITER,
	FAULT_OPS
};

struct fault {
	struct backend base;
	struct backend_ops ops; /* those of ours that the inner one has */
	struct backend *inner;

	/* Which calls misbehave. */
	unsigned which;      /* bits 1u << FAULT_x */
	char *only;          /* a path, or NULL for any */
	int64_t first, last; /* -1: no last one */
	int64_t every;
	_Atomic int64_t calls; /* of those in `which` and `only`, so far */

	/* How. */
	enum err_kind error;  /* ERR_OK: they do not fail */
	bool after;           /* carry it out first */
	unsigned retry_after; /* ms */
	int64_t delay;        /* ms */
	int64_t cut;          /* -1: not */
	int64_t grow;
	bool changed;
};

/* One call under way. */
struct fault_call {
	struct fault *fault;
	struct backend *inner;
	enum fault_op what;
	bool hit;
};

/* NULL if `be` is of another driver. */
struct fault *fault_of(struct backend *be);

/* The backend below all faults: what a driver may know as its own. */
struct backend *fault_bare(struct backend *be);

/* `opt` for the inner backend. */
struct put_opt fault_opt(const struct put_opt *opt);

/* Count a call, wait, and fail if it is to. */
int fault_begin(struct fault_call *c, struct backend *be, struct op *op,
		enum fault_op what, const char *path);

/* What a call that returned `rc` returns to the user. */
int fault_end(const struct fault_call *c, struct op *op, int rc);

/* The error asked for. Returns -1. */
int fault_fail(const struct fault *f, struct op *op);

/* Lie about an entry that has been found. */
void fault_entry(const struct fault_call *c, struct op *op, struct entry *e);

extern const struct backend_ops fault_ops;

/* stream.c, as backend_ops has them. */
int fault_list(struct backend *be, struct op *op, const char *dir, entry_fn *fn,
	       void *arg);
int fault_list_tree(struct backend *be, struct op *op, const char *dir,
		    entry_fn *fn, void *arg);
int fault_get(struct backend *be, struct op *op, const char *path,
	      const struct get_opt *opt, struct sink *dst);
int fault_put(struct backend *be, struct op *op, const char *path,
	      struct source *src, const struct put_opt *opt, struct entry *out);
int fault_open_reader(struct backend *be, struct op *op, const char *path,
		      const struct entry *seen, struct source **out);
void fault_close_reader(struct source *src);

#endif
