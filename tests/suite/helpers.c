#include "tests/suite/suite.h"

#include <stdio.h>
#include <stdlib.h>

void suite_failed(struct suite *s, const char *file, int line, const char *what,
		  const char *row)
{
	printf("# %s:%d: not so: %s%s%s%s\n", file, line, what, row ? " [" : "",
	       row ? row : "", row ? "]" : "");
	if (s->op.err.kind != ERR_OK)
		printf("# the last error was %s: %s\n",
		       err_info(s->op.err.kind)->name, s->op.err.msg);
	s->failed = true;
}

const char *in(struct suite *s, const char *name)
{
	return arena_printf(&s->op.arena, "%s%s%s", s->dir, *name ? "/" : "",
			    name);
}

int put_with(struct suite *s, const char *name, uint64_t seed, int64_t size,
	     const struct put_opt *opt)
{
	struct bytes_source src = bytes_source(seed, size);

	return be_put(s->be, &s->op, in(s, name), &src.base, opt, NULL);
}

int put(struct suite *s, const char *name, uint64_t seed, int64_t size)
{
	return put_with(s, name, seed, size, &put_plainly);
}

bool holds(struct suite *s, const char *name, uint64_t seed, int64_t size)
{
	struct bytes_sink dst = bytes_sink(seed, 0);
	const struct get_opt all = { .len = -1 };
	struct entry e;

	return be_stat(s->be, &s->op, in(s, name), &e) == 0 &&
	       e.kind == ENTRY_FILE &&
	       (e.size == size || e.size == SIZE_UNKNOWN) &&
	       be_get(s->be, &s->op, in(s, name), &all, &dst.base) == 0 &&
	       dst.n == size && dst.wrong == 0;
}

int list_all(struct suite *s, const char *name, struct entry **out, size_t *n)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	size_t i = 0;
	int rc = be_list(s->be, &s->op, in(s, name), &l);

	*n = l.total;
	*out = arena_alloc(&s->op.arena, l.total * sizeof(**out));
	while (rc == 0 && (rc = listing_next(&l, &s->op, &e, &meta)) > 0) {
		(*out)[i++] = entry_copy(&s->op.arena, &e);
		rc = 0;
	}
	if (rc == 0 && i != *n)
		rc = err_set(&s->op.err, ERR_CORRUPT,
			     "the driver lists %zu entries with %zu names", *n,
			     i);
	listing_free(&l);
	return rc;
}

bool is_gone(struct suite *s, const char *name)
{
	const char *slash = strrchr(name, '/');
	const char *leaf = slash ? slash + 1 : name;
	const char *dir = arena_printf(&s->op.arena, "%.*s",
				       slash ? (int)(slash - name) : 0, name);
	struct entry *at;
	size_t n;

	if (be_stat(s->be, &s->op, in(s, name), NULL) == 0 ||
	    s->op.err.kind != ERR_NOT_FOUND)
		return false;
	if (list_all(s, dir, &at, &n) < 0) {
		if (s->op.err.kind != ERR_NO_DIR)
			return false;
		n = 0; /* an empty folder may be none */
	}
	err_clear(&s->op.err);
	for (size_t i = 0; i < n; i++)
		if (strcmp(at[i].name, leaf) == 0)
			return false;
	return true;
}

bool is_dir(struct suite *s, const char *name)
{
	struct entry e;

	return be_stat(s->be, &s->op, in(s, name), &e) == 0 &&
	       e.kind == ENTRY_DIR;
}

bool same_time(struct suite *s, int64_t a, int64_t b)
{
	int64_t apart;

	if (a == MTIME_UNKNOWN || b == MTIME_UNKNOWN ||
	    __builtin_sub_overflow(a, b, &apart))
		return false;
	return llabs(apart) < (s->be->mtime_step > 1 ? s->be->mtime_step : 1);
}

struct digests digests_for(uint64_t seed, int64_t size, unsigned want)
{
	struct bytes_source src = bytes_source(seed, size);
	struct digests d = { 0 };
	struct hasher *h = hasher_new(want);
	char chunk[4096];
	ssize_t n;

	while ((n = bytes_read(&src.base, NULL, chunk, sizeof(chunk))) > 0)
		hasher_add(h, chunk, (size_t)n);
	hasher_end(h, &d);
	hasher_free(h);
	return d;
}

int open_again(struct suite *s, struct backend **out)
{
	const char *spec;

	if (place_join(&s->op.arena, s->spec, s->dir, &spec, &s->op.err) < 0)
		return -1;
	return remote_open(s->remotes, spec, &s->op, out);
}
