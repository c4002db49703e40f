#ifndef REPO_EACH_H
#define REPO_EACH_H

#include "lib/vec.h"
#include "repo/repo.h"

/*
 * All files of a type, one by one or several at once.
 */
VEC(ids, struct id);

/* The ids of a type, added to `out`. */
int ids_list(struct store *s, struct op *op, enum file_type t,
	     struct ids *out) MUST_CHECK;

void ids_sort(struct ids *ids);
bool ids_have(const struct ids *sorted, const struct id *id);

/*
 * Read each file's JSON (at most `max` bytes of it) and hand it to `fn`, from
 * any thread, several at once; -1 from it counts as a failure of the file.  A
 * file that is damaged or gone is told to `bad`, one at a time, and passed
 * over if that returns 0; NULL: it fails, as any other failure does.
 */
typedef int each_fn(void *arg, struct op *op, const struct id *id,
		    const char *json, size_t n);
struct each {
	struct repo *repo;
	enum file_type type;
	size_t max;
	each_fn *fn;
	repo_bad_fn *bad;
	void *arg, *bad_arg;
};
int each_file(struct op *op, const struct each *e,
	      const struct ids *ids) MUST_CHECK;

#endif
