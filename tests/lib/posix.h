#ifndef TESTS_LIB_POSIX_H
#define TESTS_LIB_POSIX_H

/*
 * What posix_names and posix_files share: rules that a folder has to keep, one
 * line `ok NAME` or `not ok NAME` each.
 *
 *	posix_names DIR
 *	posix_files DIR
 *
 * Each group of rules works in a new folder of its own below DIR, which is the
 * current one.  FERRY_POSIX_WITHOUT has words, separated by blanks: those of
 * rules that a place cannot keep, which are `skipped`.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct rules {
	const char *program;
	const char *without;
	int passed, failed;
};

/* Whether the place is said to do this. */
static inline bool can(struct rules *r, const char *what)
{
	size_t n = strlen(what);

	for (const char *p = r->without; (p = strstr(p, what)); p += n)
		if ((p == r->without || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0')) {
			printf("skipped %s: %s\n", r->program, what);
			return false;
		}
	return true;
}

static inline bool rule(struct rules *r, const char *name, bool kept)
{
	if (kept) {
		r->passed++;
		printf("ok %s: %s\n", r->program, name);
	} else {
		r->failed++;
		printf("not ok %s: %s\n", r->program, name);
	}
	fflush(stdout);
	return kept;
}

/* The call returned `ret`, and should have ended with `want` (0: success). */
static inline bool ends(struct rules *r, const char *name, int want, long ret)
{
	int err = ret < 0 ? errno : 0;
	bool kept = rule(r, name, err == want);

	if (!kept)
		printf("#   %s, not %s\n", strerror(err), strerror(want));
	return kept;
}

/* ... with one of these; the last is -1. */
static inline void ends_in(struct rules *r, const char *name, long ret, ...)
{
	int err = ret < 0 ? errno : 0, want;
	bool kept = false;
	va_list ap;

	va_start(ap, ret);
	while ((want = va_arg(ap, int)) >= 0)
		kept = kept || want == err;
	va_end(ap);
	if (!rule(r, name, kept))
		printf("#   %s\n", strerror(err));
}

/* A file with this text; what open() says. */
static inline int make(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	size_t n = strlen(text);

	if (fd >= 0 && n && write(fd, text, n) != (ssize_t)n)
		perror(name);
	return fd;
}

static inline void file(const char *name, const char *text)
{
	int fd = make(name, text);

	if (fd < 0 || close(fd) < 0)
		perror(name);
}

static inline bool holds(const char *name, const char *text)
{
	char got[4096];
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got));

	if (fd >= 0)
		close(fd);
	return n == (ssize_t)strlen(text) && memcmp(got, text, (size_t)n) == 0;
}

static inline bool here(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

static inline struct stat stat_of(const char *name)
{
	struct stat st;

	if (lstat(name, &st) < 0)
		memset(&st, 0xff, sizeof(st));
	return st;
}

static inline bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec ? a.tv_sec > b.tv_sec
				    : a.tv_nsec > b.tv_nsec;
}

/* Long enough for a time stamp to be another one. */
static inline void tick(void)
{
	nanosleep(&(struct timespec){ 0, 30000000 }, NULL);
}

struct group {
	const char *name;
	void (*run)(struct rules *r);
};

static inline int run_groups(struct rules *r, const char *dir,
			     const struct group *g, size_t n)
{
	const char *without = getenv("FERRY_POSIX_WITHOUT");

	r->without = without ? without : "";
	umask(022);
	for (size_t i = 0; i < n; i++) {
		if (chdir(dir) < 0 || mkdir(g[i].name, 0755) < 0 ||
		    chdir(g[i].name) < 0) {
			perror(g[i].name);
			return 1;
		}
		g[i].run(r);
	}
	if (chdir("/") < 0)
		return 1;
	return r->failed > 0;
}

#endif
