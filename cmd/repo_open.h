#ifndef CMD_REPO_OPEN_H
#define CMD_REPO_OPEN_H

#include "cmd/cmd.h"
#include "repo/lock.h"
#include "repo/password.h"
#include "repo/repo.h"
#include "repo/snapshot.h"

/* The flags that all commands on a repository have. */
struct repo_flags {
	const char *repo, *repo_file;
	const char *password_file, *password_command, *key_hint;
	const char *password;    /* itself, if some other variable has it */
	bool fresh;              /* it is a new one: not what variables say */
	const char *compression; /* auto, off, max */
	int64_t retry_lock;      /* ns */
	int64_t pack_size;       /* bytes, 0 the default */
	bool no_lock, no_cache, no_password;
	bool dry_run; /* REPO_DRY_RUN: the store changes nothing but locks */
};

extern const struct opt repo_opts[];
#define REPO_GROUP(st, field)                                      \
	{                                                          \
		"Repository flags", repo_opts, offsetof(st, field) \
	}

/* For commands that leave the dry run to the store; `repo` is their member. */
#define REPO_DRY_RUN(st)                                         \
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, st, repo.dry_run, \
	       "see what would be done, and change nothing")

/* --host, --path, --tag */
struct filter_flags {
	struct opt_list hosts, paths, tags;
};
extern const struct opt snapshot_filter_opts[];
#define SNAPSHOT_FILTER_GROUP(st, field)                                     \
	{                                                                    \
		"Which snapshots", snapshot_filter_opts, offsetof(st, field) \
	}

/* What the flags (and, for hosts, $RESTIC_HOST) say; in the op's arena. */
int snapshot_filter_of(struct cmd_ctx *cx, const struct filter_flags *f,
		       struct snapshot_filter *out) MUST_CHECK;

/* The values of a list flag. */
struct strings strings_of(struct arena *a, const struct opt_list *l);

enum repo_need { REPO_NO_LOCK, REPO_SHARED, REPO_EXCLUSIVE };

/* An opened repository, and what comes with it. */
struct repo_session {
	const char *place; /* as the user wrote it */
	struct backend *be;
	struct repo *repo;
	struct coder *coder; /* for the command's own thread */
	struct lock *lock;   /* NULL with REPO_NO_LOCK or --no-lock */
	unsigned stale;      /* shared locks of dead processes, removed */
};

/*
 * Find the place, ask for the password, open, lock.  --no-lock is heeded for
 * REPO_SHARED only.  repo_end() is to be called in any case.
 */
int repo_begin(struct cmd_ctx *cx, const struct repo_flags *f,
	       enum repo_need need, struct repo_session *out) MUST_CHECK;
void repo_end(struct repo_session *s);

/*
 * The pieces of it: where the repository is (in the op's arena; ERR_INVALID if
 * nobody says), and its password (secret_free() it): from --password-file,
 * --password-command, the environment or the terminal; where `confirm`, typed
 * twice there.
 */
int repo_place(struct cmd_ctx *cx, const struct repo_flags *f,
	       const char **out) MUST_CHECK;
int repo_password(struct cmd_ctx *cx, const struct repo_flags *f,
		  const char *question, bool confirm, char **out) MUST_CHECK;

int parse_compression(const struct repo_flags *f, enum compression *out,
		      struct err *e) MUST_CHECK;

#endif
