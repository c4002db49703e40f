#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <ftw.h>

#include "lib/op.h"

/* An op, and a folder that is gone after the test. */
struct scratch {
	struct cancel cancel;
	struct op op;
	char dir[64];
};

static inline void scratch_begin(struct scratch *s)
{
	const char *tmp = getenv("TMPDIR");

	cancel_init(&s->cancel);
	s->op = op_begin(&s->cancel);
	snprintf(s->dir, sizeof(s->dir), "%s/ferry-test-XXXXXX",
		 tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	CHECK(mkdtemp(s->dir));
}

/* In the op's arena, which is one thread's. */
static inline char *scratch_path(struct scratch *s, const char *name)
{
	return arena_printf(&s->op.arena, "%s/%s", s->dir, name);
}

static inline int scratch_remove(const char *path, const struct stat *st,
				 int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

/* How many names are in a folder. */
static inline size_t scratch_count(struct scratch *s, const char *name)
{
	DIR *dir = opendir(scratch_path(s, name));
	size_t n = 0;

	CHECK(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(dir);
	return n;
}

static inline void scratch_end(struct scratch *s)
{
	CHECK(nftw(s->dir, scratch_remove, 8, FTW_DEPTH | FTW_PHYS) == 0);
	op_end(&s->op);
	cancel_free(&s->cancel);
}

#endif
