#ifndef REPO_SNAPSHOT_H
#define REPO_SNAPSHOT_H

#include "repo/repo.h"
#include "repo/tree.h"

/* doc/design.rst, "Snapshots". */
struct snapshot_summary {                      /* of version 0.17 and later */
	const char *backup_start, *backup_end; /* RFC 3339 */
	uint64_t files_new, files_changed, files_unmodified;
	uint64_t dirs_new, dirs_changed, dirs_unmodified;
	int64_t data_blobs, tree_blobs;
	uint64_t data_added, data_added_packed;
	uint64_t total_files_processed, total_bytes_processed;
};

struct strings {
	const char *const *at;
	size_t n;
};

/* The same texts in the same order. */
bool strings_equal(const struct strings *a, const struct strings *b);

struct snapshot {
	struct id id; /* of the file; not in it */
	struct node_time time;
	bool has_parent, has_original;
	struct id parent, tree, original;
	struct strings paths, excludes, tags;
	const char *hostname, *username; /* "" unknown */
	uint32_t uid, gid;
	const char *program_version;            /* or NULL */
	const struct snapshot_summary *summary; /* or NULL */
};

/* ERR_CORRUPT. In `a`. */
int snapshot_parse(struct arena *a, const char *json, size_t n,
		   struct snapshot *out, struct err *e) MUST_CHECK;
void snapshot_write(struct buf *b, const struct snapshot *s);

/* As `--json` shows it: with "id" and "short_id" at the end. */
void snapshot_show(struct buf *b, const struct snapshot *s);

int snapshot_load(struct repo *r, struct op *op, struct coder *c,
		  struct arena *a, const struct id *id,
		  struct snapshot *out) MUST_CHECK;
int snapshot_save(struct repo *r, struct op *op, struct coder *c,
		  const struct snapshot *s, struct id *id) MUST_CHECK;

/* What --host, --path and --tag leave; all empty: everything. */
struct snapshot_filter {
	struct strings hosts; /* one of them */
	struct strings paths; /* all of them among the snapshot's */
	struct strings tags;  /* one of these, each "a,b": both; "": none */
};
bool snapshot_matches(const struct snapshot *s,
		      const struct snapshot_filter *f);

VEC(snapshots, struct snapshot);

/*
 * Those that match, sorted by time, in `a`; read several at once.  Damaged
 * ones as in repo_load_index().
 */
int snapshots_load(struct repo *r, struct op *op, struct arena *a,
		   const struct snapshot_filter *f, repo_bad_fn *bad, void *arg,
		   struct snapshots *out) MUST_CHECK;

/* Of these files, and no others (each.h). */
struct ids;
int snapshots_load_some(struct repo *r, struct op *op, struct arena *a,
			const struct snapshot_filter *f, const struct ids *ids,
			repo_bad_fn *bad, void *arg,
			struct snapshots *out) MUST_CHECK;

/*
 * "latest" (of those that match), an id or the beginning of one, each with
 * "~N" (N before it, of those that match) and ":PATH" behind it: `*path` is
 * then that path, clean, else "".  ERR_NOT_FOUND; ERR_INVALID if ambiguous.
 */
int snapshot_find(struct repo *r, struct op *op, struct arena *a,
		  const struct snapshot_filter *f, const char *spec,
		  struct snapshot *out, const char **path) MUST_CHECK;

/*
 * The tree at `path` (clean, "" the root) below `tree`: its id if it is a
 * folder; else `*node` (in `a`) is what is there.  ERR_NOT_FOUND.
 */
int snapshot_descend(struct repo *r, struct op *op, struct coder *c,
		     struct arena *a, const struct id *tree, const char *path,
		     struct node *node, struct id *dir) MUST_CHECK;

#endif
