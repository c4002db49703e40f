#ifndef REPO_PASSWORD_H
#define REPO_PASSWORD_H

#include "lib/op.h"

/*
 * Where a repository's password comes from when nobody is asked.  At most one
 * member may be set; with none of them the environment is looked at:
 * FERRY_PASSWORD_FILE, FERRY_PASSWORD_COMMAND, FERRY_PASSWORD, or these with
 * RESTIC_.
 */
struct password_from {
	const char *file, *command;
	const char *plain;
	bool empty; /* there is none, and that is meant */
};

/*
 * 1: `*out` has it, in secret memory (secret_free() it); 0: nobody says; -1,
 * also if it is empty without being meant to be.
 */
int password_given(struct op *op, const struct password_from *from,
		   char **out) MUST_CHECK;

/* Without the blanks around it, in secret memory; "-" is standard input. */
int password_from_file(struct op *op, const char *file, char **out) MUST_CHECK;

/* In secret memory. */
char *password_copy(const char *s);

/*
 * An empty one by accident would make a repository that anybody can read:
 * ERR_INVALID, and it is freed.
 */
int password_check(struct op *op, const struct password_from *from,
		   char *password) MUST_CHECK;

/*
 * Environment variables of restic and ours: FERRY_name, else RESTIC_name; NULL
 * if neither is set, or is empty.
 */
const char *repo_env(const char *name);

#endif
