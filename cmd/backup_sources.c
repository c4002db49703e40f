#include "cmd/backup.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/file.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/vec.h"
#include "repo/who.h"

enum { LIST_MAX = 64 << 20, PATTERNS_MAX = 16 << 20 };

VEC(texts, const char *);

/* Standard input as the content of a file. */
static ssize_t read_stdin(struct source *src, struct op *op, void *p, size_t n)
{
	(void)src;
	for (;;) {
		ssize_t got;

		if (op_check(op) < 0)
			return -1;
		got = read(STDIN_FILENO, p, n);
		if (got >= 0)
			return got;
		if (errno != EINTR)
			return err_sys(&op->err, "standard input");
	}
}

/* Absolute and without ".", ".." and doubled '/', by its letters alone. */
static const char *absolute(struct arena *a, const char *cwd, const char *path)
{
	struct buf b = BUF_INIT;
	char *whole = arena_printf(a, "%s/%s", *path == '/' ? "" : cwd, path);
	const char *clean;

	for (char *rest = whole, *part; (part = strsep(&rest, "/"));) {
		char *slash;

		if (*part == '\0' || strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0) {
			slash = strrchr(b.data, '/');
			buf_cut(&b, slash ? (size_t)(slash - b.data) : 0);
			continue;
		}
		buf_addf(&b, "/%s", part);
	}
	clean = arena_strdup(a, b.len ? b.data : "/");
	buf_free(&b);
	return clean;
}

/* Those that match, in the order in which they are found; or the line itself,
 * of which will be told that it is not there. */
static int add_matches(struct op *op, struct texts *out, const char *line)
{
	glob_t g;
	int rc = glob(line, GLOB_NOSORT, NULL, &g);

	if (rc == GLOB_NOSPACE || rc == GLOB_ABORTED)
		return err_set(&op->err, ERR_IO, "--files-from: \"%s\"", line);
	if (rc == GLOB_NOMATCH) {
		*texts_add(out) = arena_strdup(&op->arena, line);
		return 0;
	}
	for (size_t i = 0; i < g.gl_pathc; i++)
		*texts_add(out) = arena_strdup(&op->arena, g.gl_pathv[i]);
	globfree(&g);
	return 0;
}

static char *trim(char *s)
{
	size_t n;

	s += strspn(s, " \t\r");
	n = strlen(s);
	while (n && strchr(" \t\r", s[n - 1]))
		s[--n] = '\0';
	return s;
}

static int read_list(struct op *op, const struct opt_item *item,
		     struct texts *out)
{
	bool raw = strcmp(item->flag, "files-from-raw") == 0;
	bool verbatim = strcmp(item->flag, "files-from-verbatim") == 0;
	const char *file = item->value;
	struct buf b = BUF_INIT;
	char *at, *end;
	int rc;

	if (strcmp(file, "-") == 0)
		file = "/dev/stdin";
	rc = file_read(op, file, LIST_MAX, &b);
	if (rc < 0)
		err_wrap(&op->err, "--%s", item->flag);
	end = b.data + b.len;
	for (at = b.data; rc == 0 && at < end;) {
		char *stop = memchr(at, raw ? '\0' : '\n', (size_t)(end - at));
		char *line = at;

		if (!stop)
			stop = end;
		*stop = '\0';
		at = stop + 1;
		if (!raw && !verbatim)
			line = trim(line);
		if (*line == '\0' || (!raw && !verbatim && *line == '#'))
			continue;
		if (raw || verbatim)
			*texts_add(out) = arena_strdup(&op->arena, line);
		else
			rc = add_matches(op, out, line);
	}
	buf_free(&b);
	return rc;
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Those of `v` that are there stay, with their absolute paths in `whole`; the
 * others are told and counted. */
static int drop_missing(struct op *op, struct backup_sources *s,
			const char *cwd, struct texts *v, struct texts *whole)
{
	size_t n = 0, asked = v->n;

	for (size_t i = 0; i < asked; i++) {
		const char *path = absolute(&op->arena, cwd, v->at[i]);

		if (be_stat(s->local, op, path + 1, NULL) == 0) {
			v->at[n++] = v->at[i];
			*texts_add(whole) = path;
			continue;
		}
		if (op_check(op) < 0)
			return -1;
		log_error(NULL, "%s", op->err.msg);
		err_clear(&op->err);
		s->missing++;
	}
	v->n = n;
	if (n)
		return 0;
	return err_set(&op->err, ERR_NOT_FOUND,
		       asked == 1 ? "it is not there: nothing to save"
				  : "none of the paths is there: nothing to "
				    "save");
}

/* Sorted, each once. */
static struct strings sorted(struct arena *a, struct texts *v)
{
	size_t n = 0;

	qsort(v->at, v->n, sizeof(*v->at), by_text);
	for (size_t i = 0; i < v->n; i++)
		if (n == 0 || strcmp(v->at[n - 1], v->at[i]) != 0)
			v->at[n++] = v->at[i];
	return (struct strings){
		.at = arena_memdup(a, v->at, n * sizeof(*v->at)), .n = n
	};
}

static int place_paths(struct cmd_ctx *cx, struct backup_sources *s,
		       struct texts *v, struct archive_opt *opt)
{
	struct op *op = &cx->op;
	char *cwd = getcwd(NULL, 0);
	struct texts whole = { 0 };
	struct strings given;
	int rc;

	if (!cwd)
		return err_sys(&op->err, "the current folder");
	rc = drop_missing(op, s, cwd, v, &whole);
	given = (struct strings){ .at = v->at, .n = v->n };
	if (rc == 0)
		rc = archive_places(&op->arena, op, s->local,
				    arena_strdup(&op->arena, cwd), &given,
				    &opt->paths, &opt->places);
	if (rc == 0 && opt->paths.n == 0)
		rc = err_set(&op->err, ERR_NOT_FOUND,
			     "the folder is empty: nothing to save");
	if (rc == 0)
		opt->show_paths = sorted(&op->arena, &whole);
	texts_free(&whole);
	free(cwd);
	return rc;
}

static int collect_paths(struct cmd_ctx *cx, const struct backup_opts *o,
			 struct backup_sources *s, struct archive_opt *opt)
{
	struct texts v = { 0 };
	int rc = 0;

	for (int i = 0; i < cx->argc; i++)
		*texts_add(&v) = cx->argv[i];
	for (size_t i = 0; rc == 0 && i < o->files_from.n; i++)
		rc = read_list(&cx->op, &o->files_from.at[i], &v);
	if (rc == 0 && v.n == 0)
		rc = err_set(&cx->op.err, ERR_INVALID,
			     "nothing to save: give PATHs, --files-from or "
			     "--stdin");
	if (rc == 0)
		rc = place_paths(cx, s, &v, opt);
	texts_free(&v);
	return rc;
}

static int add_pattern_file(struct op *op, struct patterns *p,
			    const struct opt_item *item, bool ignore_case)
{
	struct buf b = BUF_INIT;
	int rc = file_read(op, item->value, PATTERNS_MAX, &b);

	if (rc == 0)
		rc = patterns_add_lines(p, b.data, b.len, ignore_case,
					&op->err);
	if (rc < 0)
		err_wrap(&op->err, "--%s %s", item->flag, item->value);
	buf_free(&b);
	return rc;
}

int repo_patterns(struct cmd_ctx *cx, const struct opt_list *l,
		  struct patterns **out)
{
	*out = patterns_new();
	for (size_t i = 0; i < l->n; i++) {
		const struct opt_item *item = &l->at[i];
		bool ignore_case = *item->flag == 'i' &&
				   strncmp(item->flag, "include", 7) != 0;

		if (strstr(item->flag, "-file")) {
			if (add_pattern_file(&cx->op, *out, item, ignore_case) <
			    0)
				return -1;
		} else if (patterns_add(*out, item->value, ignore_case,
					&cx->op.err) < 0) {
			return err_wrap(&cx->op.err, "--%s", item->flag);
		}
	}
	return 0;
}

/* "a,b" twice is four tags; each once. */
struct strings repo_split_tags(struct arena *a, const struct opt_list *l)
{
	struct texts v = { 0 };
	struct strings out;

	for (size_t i = 0; i < l->n; i++) {
		char *rest = arena_strdup(a, l->at[i].value), *tag;

		while ((tag = strsep(&rest, ","))) {
			bool twice = *(tag = trim(tag)) == '\0';

			for (size_t k = 0; k < v.n; k++)
				twice = twice || strcmp(v.at[k], tag) == 0;
			if (!twice)
				*texts_add(&v) = tag;
		}
	}
	out.at = arena_memdup(a, v.at, v.n * sizeof(*v.at));
	out.n = v.n;
	texts_free(&v);
	return out;
}

static struct strings excludes_of(struct arena *a, const struct opt_list *l)
{
	const char **at = arena_alloc(a, (l->n + 1) * sizeof(*at));
	struct strings out = { .at = at };

	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->at[i].flag, "exclude") == 0)
			at[out.n++] = l->at[i].value;
	return out;
}

int repo_parse_time(const char *text, struct node_time *out, struct err *e)
{
	struct tm tm = { .tm_isdst = -1 };
	const char *end;
	time_t t;

	if (!text || strcmp(text, "now") == 0) {
		*out = node_time_local(clock_wall());
		return 0;
	}
	if (node_time_parse(text, strlen(text), out))
		return 0;
	end = strptime(text, "%Y-%m-%d %H:%M:%S", &tm);
	if (!end) {
		tm = (struct tm){ .tm_isdst = -1 };
		end = strptime(text, "%Y-%m-%d", &tm);
	}
	if (!end || *end)
		return err_set(e, ERR_INVALID,
			       "--time: \"%s\" is not like \"2024-05-06 "
			       "07:08:09\"",
			       text);
	t = mktime(&tm);
	*out = node_time_local(ns_of((int64_t)t, 0));
	return 0;
}

static int parse_numbers(struct cmd_ctx *cx, const struct backup_opts *o,
			 struct archive_opt *opt)
{
	const char *readers = repo_env("READ_CONCURRENCY");
	int64_t n = o->readers;

	if (n == 0 && readers && !parse_int(readers, &n))
		n = -1;
	if (n < 0 || n > 64)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--read-concurrency: from 1 to 64");
	opt->readers = (unsigned)n;
	opt->larger_than = -1;
	if (o->larger_than &&
	    !parse_size(o->larger_than, false, &opt->larger_than))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--exclude-larger-than: \"%s\" is not a size "
			       "like 500M",
			       o->larger_than);
	opt->chunks = CHUNKS_RESTIC;
	if (!o->chunk_size || strcmp(o->chunk_size, "default") == 0)
		return 0;
	if (strcmp(o->chunk_size, "small") != 0)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--chunk-size: \"%s\" is not default or small",
			       o->chunk_size);
	opt->chunks = CHUNKS_SMALL;
	return 0;
}

/* What the snapshot says of itself. */
static int describe(struct cmd_ctx *cx, const struct backup_opts *o,
		    struct archive_opt *opt)
{
	const char *host = o->host ? o->host : getenv("RESTIC_HOST");
	struct who *me = arena_alloc(&cx->op.arena, sizeof(*me));

	who_am_i(me);
	opt->hostname = host && *host ? host : me->host;
	opt->username = me->user;
	opt->uid = me->uid;
	opt->gid = me->gid;
	opt->tags = repo_split_tags(&cx->op.arena, &o->tags);
	opt->excludes = excludes_of(&cx->op.arena, &o->patterns);
	opt->program_version = "ferry " FERRY_VERSION;
	return repo_parse_time(o->time, &opt->time, &cx->op.err);
}

static int use_stdin(struct cmd_ctx *cx, const struct backup_opts *o,
		     struct backup_sources *s, struct archive_opt *opt)
{
	const char *name = o->stdin_name ? o->stdin_name : "stdin";
	struct source *src;
	const char **at;

	if (cx->argc || o->files_from.n)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--stdin and files: only one of them");
	s->stream_path = absolute(&cx->op.arena, "", name);
	if (strcmp(s->stream_path, "/") == 0)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--stdin-filename: \"%s\" is no name of a file",
			       name);
	src = arena_alloc(&cx->op.arena, sizeof(*src));
	*src = (struct source){ .size = -1, .read = read_stdin };
	s->stream = src;
	at = arena_alloc(&cx->op.arena, sizeof(*at));
	at[0] = s->stream_path;
	opt->paths = opt->show_paths = (struct strings){ .at = at, .n = 1 };
	return 0;
}

int backup_sources(struct cmd_ctx *cx, const struct backup_opts *o,
		   struct backup_sources *out, struct archive_opt *opt)
{
	*opt = (struct archive_opt){
		.ignore_inode = o->ignore_inode,
		.ignore_ctime = o->ignore_ctime,
		.with_atime = o->with_atime,
		.exclude_caches = o->exclude_caches,
		.one_file_system = o->one_file_system,
		.if_present = strings_of(&cx->op.arena, &o->if_present),
		.dry_run = o->dry_run,
		.skip_if_unchanged = o->skip_if_unchanged,
		.no_scan = o->no_scan,
		.pack_size = (uint32_t)o->repo.pack_size,
	};
	if (o->stdin_name && !o->from_stdin)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--stdin-filename without --stdin");
	if (describe(cx, o, opt) < 0 || parse_numbers(cx, o, opt) < 0 ||
	    repo_patterns(cx, &o->patterns, &out->exclude) < 0)
		return -1;
	if (!patterns_empty(out->exclude))
		opt->exclude = out->exclude;
	if (o->from_stdin)
		return use_stdin(cx, o, out, opt);
	if (remote_open(cx->remotes, "/", &cx->op, &out->local) < 0 ||
	    collect_paths(cx, o, out, opt) < 0)
		return -1;
	opt->from = out->local;
	return 0;
}

void backup_sources_free(struct backup_sources *s)
{
	patterns_free(s->exclude);
	be_close(s->local);
	*s = (struct backup_sources){ 0 };
}
