#ifndef CMD_SUM_CHECK_H
#define CMD_SUM_CHECK_H

#include "backends/listing.h"
#include "cmd/list_common.h"

/*
 * A list of hashes (sum_file.h) against the files of a tree, which come in the
 * order of the walk.  Each file and each line of the list is told once, with
 * the signs of "ferry check --combined": the list is the source.
 */
struct sum_check {
	struct list *list;
	enum hash_type type;
	struct listing sums;
	struct entry next; /* the line that is due; its name NULL: none left */
	struct posix_meta meta;
	struct buf key, path, line;
	size_t differences;
};

/* sum_check_free() is due even if this fails. */
int sum_check_open(struct sum_check *s, struct list *l, const char *file,
		   enum hash_type t) MUST_CHECK;

/* A file of the tree; `d` NULL: it could not be read. */
int sum_check_file(struct sum_check *s, struct op *op, const char *path,
		   const struct digests *d) MUST_CHECK;

/* After the last file: ERR_CONFLICT if there were differences. */
int sum_check_end(struct sum_check *s, struct op *op) MUST_CHECK;
void sum_check_free(struct sum_check *s);

#endif
