#include <stdlib.h>
#include <string.h>

#include "backends/jotta/jfs.h"
#include "lib/fnv.h"
#include "lib/fold.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "net/xml.h"

/*
 * Folders that have come by: a table of hashes of their paths, so that a
 * million of them need 16 MiB.  The lowest bit says whether one was counted;
 * 0 is an empty place.
 */
struct seen {
	uint64_t *at;
	size_t n, cap; /* cap: a power of two */
};

struct liststream {
	struct xml xml;
	jfs_fn *fn;
	void *arg;
	char *top;         /* "Archive/a" */
	struct buf top_as; /* the same as the service writes it */
	const char *about;
	unsigned depth;

	/* The file, folder or the stats under way. */
	enum { IN_NOTHING, IN_FILE, IN_FOLDER, IN_STATS } in;
	struct jfs_node node;
	bool has_path;
	struct buf path, name;

	struct buf last; /* the folder of the file before, below `top` */
	bool has_last, last_good;
	struct seen seen;
	int64_t folders, files;           /* that came */
	int64_t told_folders, told_files; /* at the end; -1 not yet */
};

static void seen_grow(struct seen *s)
{
	struct seen old = *s;

	s->cap = old.cap ? old.cap * 2 : 1024;
	s->at = xcalloc(s->cap, sizeof(*s->at));
	for (size_t i = 0; i < old.cap; i++) {
		size_t k = (size_t)(old.at[i] >> 1) & (s->cap - 1);

		if (old.at[i] == 0)
			continue;
		while (s->at[k])
			k = (k + 1) & (s->cap - 1);
		s->at[k] = old.at[i];
	}
	free(old.at);
}

static uint64_t hash_of(const char *p, size_t n)
{
	uint64_t h = fnv(p, n);

	h ^= h >> 32;
	h *= UINT64_C(0x9e3779b97f4a7c15);
	h ^= h >> 29;
	return (h | 2) & ~UINT64_C(1);
}

/* The place of a path's hash; `*is_new` if it was not in there. */
static uint64_t *seen_add(struct seen *s, const char *path, size_t n,
			  bool *is_new)
{
	uint64_t hash = hash_of(path, n);
	size_t k;

	if (s->n * 2 >= s->cap)
		seen_grow(s);
	k = (size_t)(hash >> 1) & (s->cap - 1);
	while (s->at[k] && (s->at[k] & ~UINT64_C(1)) != hash)
		k = (k + 1) & (s->cap - 1);
	*is_new = s->at[k] == 0;
	if (*is_new) {
		s->at[k] = hash;
		s->n++;
	}
	return &s->at[k];
}

static size_t components(const char *path)
{
	size_t n = 1;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* Whether the first `n` bytes name the folder, in whatever case. */
static bool is_top(struct liststream *s, const char *path, size_t n)
{
	struct buf theirs = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	bool same = s->top_as.len == n && memcmp(s->top_as.data, path, n) == 0;

	if (same)
		return true;
	buf_add(&theirs, path, n);
	fold_case(&a, theirs.data);
	fold_case(&b, s->top);
	same = strcmp(a.data, b.data) == 0;
	if (same) {
		buf_reset(&s->top_as);
		buf_add(&s->top_as, path, n);
	}
	buf_free(&theirs);
	buf_free(&a);
	buf_free(&b);
	return same;
}

/* What of "/Archive/a/b" is below the folder; NULL if it is not in there. */
static const char *below_top(struct liststream *s, const char *path)
{
	const char *end = path += *path == '/';

	for (size_t n = components(s->top); n; n--) {
		if (end != path && *end == '\0')
			return NULL;
		end = strchrnul(end + (end != path), '/');
	}
	if (!is_top(s, path, (size_t)(end - path)))
		return NULL;
	return end + (*end == '/');
}

/* Whether each component may be one. */
static bool is_good(const char *path)
{
	for (const char *end;; path = end + 1) {
		size_t n;

		end = strchrnul(path, '/');
		n = (size_t)(end - path);
		if (n == 0 || (n <= 2 && memcmp(path, "..", n) == 0))
			return false;
		if (*end == '\0')
			return true;
	}
}

static int give(struct liststream *s, struct op *op, const char *name)
{
	s->node.name = name;
	s->node.self = *name == '\0';
	return s->fn(s->arg, op, &s->node);
}

/* Hand out the folder and those above it, as far as they are new. */
static int give_folder(struct liststream *s, struct op *op, const char *path)
{
	const struct jfs_node file = s->node;
	char *copy = xstrdup(path), *end = copy;
	bool is_new;
	int rc = 0;

	s->node = (struct jfs_node){ .kind = JFS_FOLDER,
				     .size = SIZE_UNKNOWN,
				     .mtime = MTIME_UNKNOWN,
				     .created = MTIME_UNKNOWN };
	seen_add(&s->seen, "", 0, &is_new);
	if (is_new)
		rc = give(s, op, "");
	while (rc == 0 && *end) {
		char was;

		end = strchrnul(end + (end != copy), '/');
		was = *end;
		*end = '\0';
		seen_add(&s->seen, copy, (size_t)(end - copy), &is_new);
		if (is_new)
			rc = give(s, op, copy);
		*end = was;
	}
	s->node = file;
	free(copy);
	return rc;
}

static void count_folder(struct liststream *s, const char *path, bool always)
{
	bool is_new;
	uint64_t *at = seen_add(&s->seen, path, strlen(path), &is_new);

	if (always || !(*at & 1))
		s->folders++;
	*at |= 1;
}

static void report(const struct liststream *s, const char *path,
		   const char *name)
{
	log_notice(s->about,
		   "left out, since it has an impossible name: \"%s%s%s\"",
		   path, name && *path ? "/" : "", name ? name : "");
}

/*
 * The folder that this file or folder is in; first of all, so that files come
 * after it.
 */
static int enter_folder(struct liststream *s, struct op *op, const char *path,
			bool always)
{
	bool is_new;

	s->last_good = *path == '\0' || is_good(path);
	s->has_last = true;
	buf_reset(&s->last);
	buf_adds(&s->last, path);
	if (s->last_good && give_folder(s, op, path) < 0)
		return -1;
	seen_add(&s->seen, path, strlen(path), &is_new);
	count_folder(s, path, always);
	if (!s->last_good && (always || is_new))
		report(s, path, NULL);
	return 0;
}

static int end_file(struct liststream *s, struct op *op, const char *path)
{
	const char *name = s->name.data;

	s->files++;
	if ((!s->has_last || strcmp(s->last.data, path) != 0) &&
	    enter_folder(s, op, path, false) < 0)
		return -1;
	if (!s->last_good || strchr(name, '/') || !is_good(name)) {
		if (s->last_good)
			report(s, path, name);
		return 0;
	}
	buf_reset(&s->path);
	if (s->last.len)
		buf_addf(&s->path, "%s/", s->last.data);
	buf_adds(&s->path, name);
	s->node.complete = true;
	return give(s, op, s->path.data);
}

static int end_node(struct liststream *s, struct op *op)
{
	const char *path = s->has_path ? below_top(s, s->path.data) : NULL;

	if (!path)
		return err_set(&op->err, ERR_CORRUPT,
			       "the service lists what is not in the folder");
	if (s->in == IN_FILE)
		return end_file(s, op, path);
	return enter_folder(s, op, path, true);
}

static int on_start(void *arg, struct op *op, const char *name,
		    const char *const *attrs)
{
	struct liststream *s = arg;

	(void)op, (void)attrs;
	if (s->depth == 2 &&
	    (strcmp(name, "path") == 0 || strcmp(name, "filename") == 0))
		xml_keep_blanks(&s->xml);
	if (s->depth++ != 1)
		return 0;
	s->in = strcmp(name, "file") == 0     ? IN_FILE
		: strcmp(name, "folder") == 0 ? IN_FOLDER
		: strcmp(name, "stats") == 0  ? IN_STATS
					      : IN_NOTHING;
	s->node = (struct jfs_node){ .kind = JFS_FILE,
				     .size = SIZE_UNKNOWN,
				     .mtime = MTIME_UNKNOWN,
				     .created = MTIME_UNKNOWN };
	buf_reset(&s->path);
	buf_reset(&s->name);
	s->has_path = false;
	return 0;
}

static int end_field(struct liststream *s, struct op *op, const char *name,
		     const char *text)
{
	bool is_file = s->in == IN_FILE;

	if (s->in == IN_STATS && strcmp(name, "folders") == 0)
		return parse_int(text, &s->told_folders) ? 0 : -1;
	if (s->in == IN_STATS && strcmp(name, "files") == 0)
		return parse_int(text, &s->told_files) ? 0 : -1;
	if (strcmp(name, "path") == 0) {
		s->has_path = true;
		buf_reset(&s->path);
		buf_adds(&s->path, text);
	} else if (is_file && strcmp(name, "filename") == 0) {
		buf_reset(&s->name);
		buf_adds(&s->name, text);
	} else if (is_file && !jfs_fact(&s->node, name, text)) {
		return -1;
	}
	(void)op;
	return 0;
}

static int on_end(void *arg, struct op *op, const char *name, const char *text)
{
	struct liststream *s = arg;
	unsigned depth = --s->depth;

	if (depth == 2 && s->in != IN_NOTHING &&
	    end_field(s, op, name, text) < 0)
		return err_set(&op->err, ERR_CORRUPT,
			       "the service's answer has an impossible %s",
			       name);
	if (depth != 1)
		return 0;
	if ((s->in == IN_FILE || s->in == IN_FOLDER) && end_node(s, op) < 0)
		return -1;
	s->in = IN_NOTHING;
	return 0;
}

static const struct xml_handler handler = { .start = on_start, .end = on_end };

struct liststream *liststream_new(const char *top, const char *about,
				  jfs_fn *fn, void *arg)
{
	struct liststream *s = xcalloc(1, sizeof(*s));

	*s = (struct liststream){
		.fn = fn,
		.arg = arg,
		.top = xstrdup(top),
		.about = about,
		.top_as = BUF_INIT,
		.path = BUF_INIT,
		.name = BUF_INIT,
		.last = BUF_INIT,
		.told_folders = -1,
		.told_files = -1,
	};
	buf_adds(&s->top_as, top);
	xml_init(&s->xml, &handler, s, 0);
	return s;
}

struct sink *liststream_sink(struct liststream *s)
{
	return &s->xml.sink;
}

int liststream_end(struct liststream *s, struct op *op)
{
	if (xml_end(&s->xml, op) < 0) {
		if (op->err.kind == ERR_CORRUPT)
			op->err.kind = ERR_NETWORK; /* cut short */
		return -1;
	}
	if (s->told_folders < 0 || s->told_files < 0)
		return err_set(&op->err, ERR_NETWORK,
			       "the service's listing has no end");
	if (s->told_folders != s->folders || s->told_files != s->files)
		return err_set(&op->err, ERR_NETWORK,
			       "the service's listing was cut short: %lld of "
			       "%lld files, %lld of %lld folders",
			       (long long)s->files, (long long)s->told_files,
			       (long long)s->folders,
			       (long long)s->told_folders);
	return 0;
}

void liststream_free(struct liststream *s)
{
	if (!s)
		return;
	xml_free(&s->xml);
	buf_free(&s->top_as);
	buf_free(&s->path);
	buf_free(&s->name);
	buf_free(&s->last);
	free(s->seen.at);
	free(s->top);
	free(s);
}

int jfs_stream(struct jotta *j, struct op *op, const char *path, jfs_fn *fn,
	       void *arg)
{
	const char *raw = jotta_raw(j, op, path);
	struct http_request rq = { .method = "GET", .gzip = true };
	struct liststream *s = liststream_new(raw + strlen(j->device) + 1,
					      j->base.name, fn, arg);
	int rc;

	rq.sink = liststream_sink(s);
	rc = jotta_jfs(j, op, path, "mode=liststream", &rq, NULL);
	if (rc == 0)
		rc = liststream_end(s, op);
	liststream_free(s);
	return rc;
}
