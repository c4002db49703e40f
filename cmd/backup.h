#ifndef CMD_BACKUP_H
#define CMD_BACKUP_H

#include "cmd/repo_open.h"
#include "repo/archive.h"

struct backup_opts {
	struct repo_flags repo;
	struct opt_list tags, patterns, if_present, files_from;
	const char *host, *time, *parent, *group_by, *larger_than;
	const char *stdin_name, *chunk_size;
	int64_t readers;
	bool force, ignore_inode, ignore_ctime, with_atime, skip_if_unchanged;
	bool dry_run, no_scan, from_stdin, exclude_caches, one_file_system;
};

/* What is saved, and what has to be freed afterwards. */
struct backup_sources {
	struct backend *local; /* on "/" */
	struct patterns *exclude;
	struct source *stream; /* --stdin */
	const char *stream_path;
	unsigned missing; /* paths that are not there, and were told */
};

/*
 * What the flags and arguments say, into `opt`, whose texts are in the op's
 * arena.  ERR_INVALID; ERR_NOT_FOUND if none of the paths is there (those that
 * are not are logged, if others are).  backup_sources_free() in any case.
 */
int backup_sources(struct cmd_ctx *cx, const struct backup_opts *o,
		   struct backup_sources *out,
		   struct archive_opt *opt) MUST_CHECK;
void backup_sources_free(struct backup_sources *s);

/*
 * Also for other commands: patterns out of a list of --exclude, --iexclude,
 * --exclude-file, --include and so on (patterns_free() them in any case); tags,
 * split at commas; a time as the user writes it, NULL and "now" being now.
 */
int repo_patterns(struct cmd_ctx *cx, const struct opt_list *l,
		  struct patterns **out) MUST_CHECK;
struct strings repo_split_tags(struct arena *a, const struct opt_list *l);
int repo_parse_time(const char *text, struct node_time *out,
		    struct err *e) MUST_CHECK;

#endif
