#include "mount/where.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/log.h"

bool where_is_below(const char *dir, const char *top, const char **rest)
{
	size_t n = strlen(top);

	if (strncmp(dir, top, n) != 0)
		return false;
	if (dir[n] == '/' && dir[n + 1])
		*rest = dir + n + 1;
	else if (dir[n] == '\0')
		*rest = "";
	else
		return false;
	return true;
}

/* "\040" is a blank. */
static char *unescape(char *s)
{
	char *to = s;

	for (const char *p = s; *p; to++) {
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] &&
		    p[3]) {
			*to = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 +
				     (p[3] - '0'));
			p += 4;
		} else {
			*to = *p++;
		}
	}
	*to = '\0';
	return s;
}

/* "36 35 98:0 / /mnt rw - ext3 /dev/root rw": see proc(5). */
static bool parse_line(char *line, struct mounted *out)
{
	char *rest = NULL, *word = strtok_r(line, " \n", &rest), *dir = NULL;
	const char *options;

	for (unsigned i = 0; word && strcmp(word, "-") != 0; i++) {
		const char *colon = strchr(word, ':');

		if (i == 2 && colon)
			out->minor = (unsigned)strtoul(colon + 1, NULL, 10);
		if (i == 4)
			dir = word;
		word = strtok_r(NULL, " \n", &rest);
	}
	out->type = strtok_r(NULL, " \n", &rest);
	word = strtok_r(NULL, " \n", &rest);
	options = strtok_r(NULL, " \n", &rest);
	if (!dir || !out->type || !word)
		return false;
	options = options ? strstr(options, "user_id=") : NULL;
	if (options)
		out->owner = (unsigned)strtoul(options + 8, NULL, 10);
	out->dir = unescape(dir);
	out->source = unescape(word);
	return true;
}

/* Of several at one folder the last one covers the others. */
static bool is_wanted(const struct mounted *m, const char *dir, bool below)
{
	const char *rest;

	if (!below)
		return strcmp(m->dir, dir) == 0;
	return strcmp(m->type, WHERE_TYPE) == 0 &&
	       where_is_below(dir, m->dir, &rest);
}

static int find(struct op *op, const char *dir, bool below, struct mounted *out)
{
	static const char list[] = "/proc/self/mountinfo";
	FILE *f = fopen(list, "re");
	size_t room = 0, longest = 0;
	char *line = NULL;
	int rc = 0;

	if (!f)
		return err_sys(&op->err, "%s", list);
	while (getline(&line, &room, f) >= 0) {
		struct mounted m = { 0 };

		if (!parse_line(line, &m) || !is_wanted(&m, dir, below) ||
		    strlen(m.dir) < longest)
			continue;
		longest = strlen(m.dir);
		*out = m;
		out->dir = arena_strdup(&op->arena, m.dir);
		out->type = arena_strdup(&op->arena, m.type);
		out->source = arena_strdup(&op->arena, m.source);
		rc = 1;
	}
	free(line);
	fclose(f);
	return rc;
}

int where_find(struct op *op, const char *dir, struct mounted *out)
{
	return find(op, dir, false, out);
}

int where_find_ours(struct op *op, const char *dir, struct mounted *out)
{
	return find(op, dir, true, out);
}

int where_resolve(struct op *op, const char *dir, const char **out)
{
	char *copy = arena_strdup(&op->arena, dir), *name, *parent;
	size_t n = strlen(copy);
	char *real;

	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	real = realpath(copy, NULL);
	if (!real &&
	    (errno == ENOTCONN || errno == EIO || errno == ECONNABORTED)) {
		name = strrchr(copy, '/');
		parent = arena_strdup(&op->arena, copy);
		real = realpath(dirname(parent), NULL);
		if (real) {
			*out = arena_printf(&op->arena, "%s/%s",
					    strcmp(real, "/") == 0 ? "" : real,
					    name ? name + 1 : copy);
			free(real);
			return 0;
		}
	}
	if (!real)
		return err_sys(&op->err, "\"%s\"", dir);
	*out = arena_strdup(&op->arena, real);
	free(real);
	return 0;
}

bool where_is_dead(const char *dir)
{
	struct statfs st;

	/* Attributes the kernel may still know; this it asks each time. */
	return statfs(dir, &st) < 0 &&
	       (errno == ENOTCONN || errno == ECONNABORTED);
}

/* As a user who may not umount(2) what is his: by FUSE's own helper. */
static int by_helper(struct op *op, const char *dir, bool lazy)
{
	const char *argv[] = { "fusermount3", "-u", "-q", lazy ? "-z" : "--",
			       "--",          NULL, NULL };
	char *words[ARRAY_LEN(argv)];
	pid_t pid;
	int status, rc;

	argv[lazy ? 5 : 4] = dir;
	for (size_t i = 0; i < ARRAY_LEN(argv); i++)
		words[i] = argv[i] ? arena_strdup(&op->arena, argv[i]) : NULL;
	rc = posix_spawnp(&pid, argv[0], NULL, NULL, words, environ);
	if (rc != 0) {
		errno = rc;
		return err_sys(&op->err, "run fusermount3 to unmount \"%s\"",
			       dir);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_sys(&op->err, "fusermount3");
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return err_set(&op->err, ERR_CONFLICT, "\"%s\" is in use, or not yours",
		       dir);
}

int where_unmount(struct op *op, const char *dir, bool lazy)
{
	if (umount2(dir, (lazy ? MNT_DETACH : 0) | UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EPERM)
		return by_helper(op, dir, lazy);
	if (errno == EBUSY)
		return err_set(&op->err, ERR_CONFLICT,
			       "\"%s\" is in use: a program has a file open "
			       "or its current folder there",
			       dir);
	if (errno == EINVAL)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "nothing is mounted at \"%s\"", dir);
	return err_sys(&op->err, "unmount \"%s\"", dir);
}

static int clean(struct op *op, const char *dir)
{
	struct mounted m;
	int found = where_find(op, dir, &m);

	if (found < 0)
		return -1;
	if (!found || strcmp(m.type, WHERE_TYPE) != 0)
		return err_set(&op->err, ERR_CONFLICT,
			       "\"%s\" is a mount (%s) that does not answer: "
			       "unmount it first",
			       dir, found ? m.type : "unknown");
	log_notice(dir, "a mount of a ferry that is gone: unmounted");
	return where_unmount(op, dir, true);
}

static int check_empty(struct op *op, const char *dir)
{
	const struct dirent *e;
	DIR *d = opendir(dir);
	bool empty = true;

	if (!d)
		return err_sys(&op->err, "\"%s\"", dir);
	while (empty && (e = readdir(d)))
		empty = strcmp(e->d_name, ".") == 0 ||
			strcmp(e->d_name, "..") == 0;
	closedir(d);
	if (!empty)
		return err_set(&op->err, ERR_NOT_EMPTY,
			       "\"%s\" is not empty: what is in it would be "
			       "hidden (--allow-non-empty)",
			       dir);
	return 0;
}

int where_prepare(struct op *op, const char *dir, bool allow_non_empty)
{
	struct mounted m;
	struct stat st;

	/* several may lie upon each other */
	for (int i = 0; i < 16 && where_is_dead(dir); i++)
		if (clean(op, dir) < 0)
			return -1;
	if (stat(dir, &st) < 0)
		return err_sys(&op->err, "\"%s\"", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(&op->err, ERR_NOT_DIR, "\"%s\" is not a folder",
			       dir);
	switch (where_find(op, dir, &m)) {
	case -1: return -1;
	case 0: break;
	default:
		if (strcmp(m.type, WHERE_TYPE) == 0)
			return err_set(&op->err, ERR_EXISTS,
				       "\"%s\" is mounted already: \"%s\"", dir,
				       m.source);
	}
	return allow_non_empty ? 0 : check_empty(op, dir);
}
