/* What a backup leaves out. */

#include <string.h>

#include "repo/archive_parts.h"

/* https://bford.info/cachedir/ */
static const char cache_mark[] =
	"CACHEDIR.TAG:Signature: 8a477f597d28d172789f06886806bc55";

enum { HEADER_MAX = 4096 };

bool select_path(const struct archive_opt *opt, const char *path)
{
	return !opt->exclude || !patterns_match(opt->exclude, path);
}

/*
 * `dev` is the file system that its folder is on.  A folder that another one
 * is mounted on stays (`*mount`), without what is in it.
 */
bool select_entry(const struct archive_opt *opt, const struct entry *e,
		  uint64_t dev, bool *mount)
{
	*mount = false;
	if (opt->larger_than >= 0 && e->kind != ENTRY_DIR &&
	    e->size > opt->larger_than)
		return false;
	if (!opt->one_file_system || !e->posix || e->posix->dev == dev)
		return true;
	*mount = e->kind == ENTRY_DIR;
	return *mount;
}

bool select_any_marks(const struct archive_opt *opt)
{
	return opt->exclude_caches || opt->if_present.n > 0;
}

struct header_sink {
	struct sink base;
	char bytes[HEADER_MAX];
	size_t n;
};

static int header_write(struct sink *dst, struct op *op, const void *p,
			size_t n)
{
	struct header_sink *s = container_of(dst, struct header_sink, base);
	size_t room = sizeof(s->bytes) - s->n;

	(void)op;
	if (n > room)
		n = room;
	memcpy(s->bytes + s->n, p, n);
	s->n += n;
	return 0;
}

/* 1 if the folder has the file, and that begins with the header; 0; -1. */
static int has_mark(const struct archive_opt *opt, struct op *op,
		    const char *folder, const char *rule, const char **name)
{
	struct header_sink dst = { .base = { .write = header_write } };
	const char *colon = strchr(rule, ':');
	size_t len = colon ? (size_t)(colon - rule) : strlen(rule);
	size_t want = colon ? strlen(colon + 1) : 0;
	const struct get_opt part = { .len = (int64_t)want };
	char *file;
	int rc;

	*name = arena_printf(&op->arena, "%.*s", (int)len, rule);
	if (len == 0 || strchr(*name, '/') || strcmp(*name, ".") == 0 ||
	    strcmp(*name, "..") == 0 || want > HEADER_MAX)
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" is not the name of a file and what it "
			       "begins with",
			       rule);
	file = arena_printf(&op->arena, "%s/%s", folder, *name);
	if (want == 0)
		rc = be_stat(opt->from, op, file + 1, NULL);
	else
		rc = be_get(opt->from, op, file + 1, &part, &dst.base);
	if (rc == 0)
		return dst.n == want &&
		       memcmp(dst.bytes, colon ? colon + 1 : "", want) == 0;
	if (op->err.kind == ERR_CANCELED)
		return -1;
	err_clear(&op->err);
	return 0;
}

int select_mark(const struct archive_opt *opt, struct op *op,
		const char *folder, const char **mark)
{
	*mark = NULL;
	for (size_t i = 0; i < opt->if_present.n + 1; i++) {
		bool caches = i == opt->if_present.n;
		const char *rule = caches ? cache_mark : opt->if_present.at[i];
		const char *name;
		int rc;

		if (caches && !opt->exclude_caches)
			break;
		rc = has_mark(opt, op, folder, rule, &name);
		if (rc < 0)
			return -1;
		if (rc > 0)
			*mark = *mark && strcmp(*mark, name) != 0 ? "" : name;
	}
	return 0;
}
