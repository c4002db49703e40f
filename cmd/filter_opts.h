#ifndef CMD_FILTER_OPTS_H
#define CMD_FILTER_OPTS_H

#include "cmd/cmd.h"
#include "sync/filter.h"

/* Flags that choose files, for every command that walks a tree. */
struct filter_opts {
	struct opt_list rules; /* --include ... --filter-from, in order */
	bool ignore_case;
	int64_t min_size, max_size; /* bytes, -1 none */
	int64_t min_age, max_age;   /* ns, -1 none */
	int64_t max_depth;          /* -1 none, 1: the folder itself */
};

#define FILTER_OPTS_INIT                                                      \
	{                                                                     \
		.min_size = -1, .max_size = -1, .min_age = -1, .max_age = -1, \
		.max_depth = -1                                               \
	}

/* For a group: { "Filter flags", filter_flags, offsetof(struct x, filter) } */
extern const struct opt filter_flags[];

/*
 * Make the filter that the flags ask for, NULL if they ask for none, and read
 * the files they name; to be freed by filter_free().  Checks --max-depth, too:
 * it then fits an int.
 */
int filter_opts_make(const struct filter_opts *o, struct op *op,
		     struct filter **out) MUST_CHECK;

#endif
