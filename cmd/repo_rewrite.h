#ifndef CMD_REPO_REWRITE_H
#define CMD_REPO_REWRITE_H

#include "cmd/repo_open.h"
#include "repo/rewrite.h"

/*
 * What "repo rewrite" and "repo repair snapshots" do, on the snapshots that are
 * the arguments, or else those that the flags leave.
 */
int rewrite_command(struct cmd_ctx *cx, const struct repo_flags *repo,
		    const struct filter_flags *filter,
		    struct rewrite_opt *opt) MUST_CHECK;

#endif
