#ifndef CMD_PRUNE_H
#define CMD_PRUNE_H

#include "cmd/repo_open.h"
#include "repo/prune.h"

/* The flags of prune, which forget has, too. */
struct prune_flags {
	const char *max_unused, *max_repack, *smaller_than;
	bool small, uncompressed, cacheable_only;
};

extern const struct opt prune_opts[];
#define PRUNE_GROUP(st, field)                             \
	{                                                  \
		"Pruning", prune_opts, offsetof(st, field) \
	}

/*
 * What the flags say, to be asked before anything is done: the repository's
 * flags are asked for the size of packs and for compression.
 */
int prune_opt_of(const struct prune_flags *f, const struct repo_flags *r,
		 struct prune_opt *out, struct err *e) MUST_CHECK;

/*
 * Prune and print what becomes of it; `opt` as prune_opt_of() has left it, but
 * for dry_run.
 */
int prune_and_print(struct cmd_ctx *cx, struct repo_session *s,
		    const struct prune_opt *opt, const struct id *forgotten,
		    size_t n) MUST_CHECK;

#endif
