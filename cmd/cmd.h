#ifndef CMD_CMD_H
#define CMD_CMD_H

#include <stddef.h>

#include "backends/remote.h"
#include "lib/op.h"

/*
 * A flag, and where its value goes in the command's own options structure.
 * Help, manual pages and shell completion are made from the same tables.
 */
enum opt_type {
	OPT_END,
	OPT_BOOL,     /* bool; --no-NAME or --NAME=false takes it back */
	OPT_COUNT,    /* int; how often it was given: -vv */
	OPT_INT,      /* int64_t */
	OPT_SIZE,     /* int64_t bytes; bare numbers are KiB, as in rclone */
	OPT_DURATION, /* int64_t ns */
	OPT_STR,      /* const char * */
	OPT_LIST      /* struct opt_list: may come several times, in order */
};

struct opt {
	enum opt_type type;
	char letter;      /* 'n' for -n, or 0 */
	const char *name; /* "dry-run" for --dry-run */
	const char *arg;  /* its value in help, NULL if it takes none */
	const char *help; /* lower case, no full stop */
	size_t at;        /* offsetof the value */
	bool hidden;      /* accepted, not shown */
};

#define OPT_AT(type_, letter_, name_, arg_, st, field, help_)             \
	{                                                                 \
		.type = (type_), .letter = (letter_), .name = (name_),    \
		.arg = (arg_), .help = (help_), .at = offsetof(st, field) \
	}

/* Values in the order of the command line, with the flag each came from. */
struct opt_list {
	struct opt_item {
		const char *flag, *value;
	} * at;
	size_t n;
};

/* Flags that several commands share, and where their structure begins. */
struct opt_group {
	const char *title; /* "Filter flags" */
	const struct opt *opts;
	size_t at; /* offset in the command's options */
};

struct globals; /* globals.h: the flags that every command has */
struct term;    /* term.h: standard error */

struct cmd_ctx {
	struct op op;
	int argc; /* what is left after the flags */
	char **argv;
	void *opts; /* the command's options structure */
	const struct globals *globals;
	struct remotes *remotes;
	const struct cmd *cmd;
	struct term *term;
};

struct cmd_example {
	const char *line; /* "ferry sync ~/Photos nas:Photos" */
	const char *what; /* "make nas:Photos like ~/Photos" */
};

/* One command: a file in cmd/ exports one of these and nothing else. */
struct cmd {
	const char *name;               /* "lsjson" */
	const char *args;               /* "SOURCE DEST" */
	const char *summary;            /* for the list of commands */
	const char *about;              /* paragraphs for help and manual */
	int min_args, max_args;         /* max -1: any number */
	const struct opt_group *groups; /* ended by one without opts; or NULL */
	size_t opts_size;
	const void *defaults; /* the value of `opts` before parsing */
	const struct cmd_example *examples; /* ended by one without line */
	/* Named "config create"; or NULL. With `run`, too: what is none of
	   these is an argument. */
	const struct cmd *const *subs;
	bool hidden;
	bool own_signals; /* run() takes care of them, not main() */

	/* 0, or -1 with cx->op.err set, which main() prints and exits with. */
	int (*run)(struct cmd_ctx *cx);
};

/* All commands in the order of the help; NULL at the end. */
extern const struct cmd *const commands[];

extern const struct cmd cmd_about, cmd_cat, cmd_check, cmd_cleanup,
	cmd_completion, cmd_config, cmd_copy, cmd_copyto, cmd_delete,
	cmd_deletefile, cmd_hashsum, cmd_help, cmd_link, cmd_listremotes,
	cmd_ls, cmd_lsd, cmd_lsf, cmd_lsjson, cmd_man, cmd_mkdir, cmd_mount,
	cmd_move, cmd_moveto, cmd_purge, cmd_rmdir, cmd_rmdirs, cmd_size,
	cmd_sync, cmd_touch, cmd_trash, cmd_umount, cmd_version, cmd_versions;

/* Snapshots: those of every day have two names, and are found below "repo",
   too. */
extern const struct cmd cmd_backup, cmd_init, cmd_snapshots, cmd_restore,
	cmd_forget, cmd_prune, cmd_repo;
extern const struct cmd cmd_repo_backup, cmd_repo_init, cmd_repo_snapshots,
	cmd_repo_restore, cmd_repo_forget, cmd_repo_prune;
extern const struct cmd cmd_repo_ls, cmd_repo_find, cmd_repo_diff,
	cmd_repo_dump, cmd_repo_stats, cmd_repo_tag, cmd_repo_check,
	cmd_repo_repair, cmd_repo_recover, cmd_repo_key, cmd_repo_unlock,
	cmd_repo_list, cmd_repo_cat, cmd_repo_copy, cmd_repo_migrate,
	cmd_repo_rewrite;

/* cmd/hashsum.c has three more names, cmd/obscure.c two. */
extern const struct cmd cmd_md5sum, cmd_sha1sum, cmd_sha256sum;
extern const struct cmd cmd_obscure, cmd_reveal;

#endif
