/* ferry repo ls: the files of a snapshot. */

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_query.h"
#include "lib/vec.h"
#include "repo/walk.h"

struct ls_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	const char *sort;
	bool full, recursive, human, reverse;
};

static const struct ls_opts ls_defaults = { .sort = "name" };

#define LS(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct ls_opts, field, help)

static const struct opt ls_flags[] = {
	LS(OPT_BOOL, 'l', "long", NULL, full,
	   "with mode, owner, size and time"),
	LS(OPT_BOOL, 0, "recursive", NULL, recursive,
	   "with all that is below each DIR"),
	LS(OPT_BOOL, 0, "human-readable", NULL, human,
	   "sizes in KiB, MiB and so on"),
	LS(OPT_STR, 's', "sort", "WHAT", sort,
	   "by name, size, time (or mtime), atime, ctime or extension"),
	LS(OPT_BOOL, 0, "reverse", NULL, reverse, "the other way round"),
	{ .type = OPT_END }
};

static const struct opt_group ls_groups[] = { { "Flags", ls_flags, 0 },
					      SNAPSHOT_FILTER_GROUP(
						      struct ls_opts, filter),
					      REPO_GROUP(struct ls_opts, repo),
					      { 0 } };

/* An entry that is shown later. */
struct row {
	const char *path;
	struct node node;
};

typedef int order_fn(const struct row *a, const struct row *b);

VEC(rows, struct row);

struct ls {
	struct query *q;
	const struct ls_opts *o;
	const char **dirs; /* absolute and clean; "" is the root */
	size_t ndirs;
	bool sorted; /* when all are known */
	struct arena arena;
	struct rows rows;
	struct buf line;
};

/* As a walk comes by: "/d/x" before "/d-x", so a '/' is less than all else. */
static int by_name(const struct row *a, const struct row *b)
{
	const char *p = a->path, *q = b->path;

	while (*p && *p == *q) {
		p++;
		q++;
	}
	if (*p && *q && (*p == '/' || *q == '/'))
		return *p == '/' ? -1 : 1;
	return (unsigned char)*p - (unsigned char)*q;
}

static int by_size(const struct row *a, const struct row *b)
{
	return (a->node.size > b->node.size) - (a->node.size < b->node.size);
}

static int compare_times(struct node_time a, struct node_time b)
{
	int order = (a.sec > b.sec) - (a.sec < b.sec);

	return order ? order : (a.ns > b.ns) - (a.ns < b.ns);
}

static int by_mtime(const struct row *a, const struct row *b)
{
	return compare_times(a->node.mtime, b->node.mtime);
}

static int by_atime(const struct row *a, const struct row *b)
{
	return compare_times(a->node.atime, b->node.atime);
}

static int by_ctime(const struct row *a, const struct row *b)
{
	return compare_times(a->node.ctime, b->node.ctime);
}

static const char *extension_of(const struct row *r)
{
	const char *slash = strrchr(r->path, '/');
	const char *dot = strrchr(slash ? slash : r->path, '.');

	return dot ? dot : "";
}

static int by_extension(const struct row *a, const struct row *b)
{
	return strcmp(extension_of(a), extension_of(b));
}

static const struct order {
	const char *name;
	order_fn *compare;
} orders[] = {
	{ "name", by_name },           { "size", by_size },
	{ "time", by_mtime },          { "mtime", by_mtime },
	{ "atime", by_atime },         { "ctime", by_ctime },
	{ "extension", by_extension },
};

static const struct order *find_order(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(orders); i++)
		if (strcmp(orders[i].name, name) == 0)
			return &orders[i];
	return NULL;
}

static void add_json(struct buf *b, const char *path, const struct node *n)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_text_valid(&j, "name", n->name);
	json_str(&j, "type", node_type_name(n));
	json_path(&j, "path", path);
	json_int(&j, "uid", n->uid);
	json_int(&j, "gid", n->gid);
	if (n->type == NODE_FILE)
		json_int(&j, "size", (int64_t)n->size);
	json_int(&j, "mode", n->mode);
	json_mode(&j, "permissions", n->mode);
	json_node_time(&j, "mtime", n->mtime);
	json_node_time(&j, "atime", n->atime);
	json_node_time(&j, "ctime", n->ctime);
	if (n->inode)
		buf_addf(b, ",\"inode\":%" PRIu64, n->inode);
	json_str(&j, "message_type", "node");
	json_str(&j, "struct_type", "node");
	json_end(&j);
	buf_adds(b, "\n");
}

static int show(struct ls *ls, struct op *op, const char *path,
		const struct node *n)
{
	buf_reset(&ls->line);
	if (ls->q->cx->globals->json)
		add_json(&ls->line, path, n);
	else
		row_add(&ls->line, path, n, ls->o->full, ls->o->human);
	return out_write(op, ls->line.data, ls->line.len);
}

/* Whether `path` is `dir` or below it. */
static bool is_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 &&
	       (path[n] == '\0' || path[n] == '/');
}

static bool is_directly_in(const char *path, const char *dir)
{
	return is_within(path, dir) && strrchr(path, '/') == path + strlen(dir);
}

/* Whether it is listed, and whether something below may be. */
static bool is_wanted(const struct ls *ls, const char *path, bool *below)
{
	bool wanted = ls->ndirs == 0;

	*below = wanted;
	for (size_t i = 0; i < ls->ndirs; i++) {
		const char *dir = ls->dirs[i];
		bool in = is_within(path, dir);

		wanted = wanted || strcmp(path, dir) == 0 ||
			 (ls->o->recursive ? in : is_directly_in(path, dir));
		*below = *below || is_within(dir, path) ||
			 (ls->o->recursive && in);
	}
	return wanted;
}

static enum walk_next visit(void *arg, struct op *op, const struct walk_node *w)
{
	struct ls *ls = arg;
	bool below, wanted = is_wanted(ls, w->path, &below);

	if (wanted && ls->sorted) {
		struct node n = *w->node;

		n.content = NULL;
		n.ncontent = n.nxattrs = 0;
		*rows_add(&ls->rows) =
			(struct row){ .path = arena_strdup(&ls->arena, w->path),
				      .node = node_copy(&ls->arena, &n) };
	} else if (wanted && show(ls, op, w->path, w->node) < 0) {
		return WALK_FAIL;
	}
	return below ? WALK_ON : WALK_SKIP;
}

static int bad_tree(void *arg, struct op *op, const char *path,
		    const struct id *tree)
{
	struct ls *ls = arg;

	(void)tree;
	ls->q->report.errors.tell(&ls->q->report.errors, op, path, "ls");
	return 0;
}

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct row *x = a, *y = b;
	const struct order *o = arg;
	int order = o->compare(x, y);

	return order ? order : strcmp(x->path, y->path);
}

static int show_sorted(struct ls *ls, struct op *op)
{
	struct order order = *find_order(ls->o->sort);
	size_t n = ls->rows.n;

	if (n)
		qsort_r(ls->rows.at, n, sizeof(*ls->rows.at), compare_rows,
			&order);
	for (size_t i = 0; i < n; i++) {
		const struct row *r =
			&ls->rows.at[ls->o->reverse ? n - 1 - i : i];

		if (show(ls, op, r->path, &r->node) < 0)
			return -1;
	}
	return 0;
}

static void add_heading(struct buf *b, const struct ls *ls,
			const struct snapshot *s)
{
	char brief[9];

	buf_addf(b, "snapshot %s of [", id_short(&s->id, brief));
	for (size_t i = 0; i < s->paths.n; i++) {
		buf_adds(b, i ? " " : "");
		out_add_name(b, s->paths.at[i]);
	}
	buf_adds(b, "] at ");
	node_time_text(b, s->time);
	buf_addf(b, " by %s@%s filtered by [", s->username, s->hostname);
	for (size_t i = 0; i < ls->ndirs; i++) {
		buf_adds(b, i ? " " : "");
		out_add_name(b, *ls->dirs[i] ? ls->dirs[i] : "/");
	}
	buf_adds(b, "]:\n");
}

static int show_heading(struct ls *ls, const struct snapshot *s)
{
	struct cmd_ctx *cx = ls->q->cx;

	buf_reset(&ls->line);
	if (cx->globals->json) {
		snapshot_show(&ls->line, s);
		buf_cut(&ls->line, ls->line.len - 1); /* its '}' */
		buf_adds(&ls->line, ",\"message_type\":\"snapshot\","
				    "\"struct_type\":\"snapshot\"}\n");
	} else if (!cx->globals->quiet) {
		add_heading(&ls->line, ls, s);
	}
	return out_write(&cx->op, ls->line.data, ls->line.len);
}

static int list(struct ls *ls)
{
	const struct walk_opt opt = { .bad = bad_tree };
	struct cmd_ctx *cx = ls->q->cx;
	struct snapshot snapshot;
	const char *path;
	struct id tree;

	if (query_snapshot(ls->q, &ls->o->filter, cx->argv[0], &snapshot,
			   &path) < 0 ||
	    query_index(ls->q) < 0 ||
	    query_folder(ls->q, &snapshot, path, &tree) < 0)
		return -1;
	snapshot.tree = tree; /* what is listed, also of SNAPSHOT:PATH */
	if (show_heading(ls, &snapshot) < 0 ||
	    trees_walk(ls->q->s.repo, &cx->op, ls->q->s.coder, &tree, "", &opt,
		       visit, ls) < 0)
		return -1;
	return ls->sorted ? show_sorted(ls, &cx->op) : 0;
}

static int parse_dirs(struct ls *ls, struct cmd_ctx *cx)
{
	ls->ndirs = (size_t)cx->argc - 1;
	ls->dirs = arena_alloc(&cx->op.arena, (ls->ndirs + 1) * sizeof(char *));
	for (size_t i = 0; i < ls->ndirs; i++) {
		const char *dir = cx->argv[i + 1], *clean;

		if (*dir != '/')
			return err_set(&cx->op.err, ERR_INVALID,
				       "\"%s\": DIR begins with '/'", dir);
		if (place_clean(&cx->op.arena, dir, &clean, &cx->op.err) < 0)
			return -1;
		ls->dirs[i] = arena_printf(&cx->op.arena, "%s%s",
					   *clean ? "/" : "", clean);
	}
	return 0;
}

static int ls_run(struct cmd_ctx *cx)
{
	const struct ls_opts *o = cx->opts;
	struct ls ls = { .o = o, .line = BUF_INIT };
	struct query q;
	int rc;

	if (!find_order(o->sort))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--sort: \"%s\" is not name, size, time, mtime, "
			       "atime, ctime or extension",
			       o->sort);
	if (parse_dirs(&ls, cx) < 0)
		return -1;
	ls.q = &q;
	ls.sorted = o->reverse || strcmp(o->sort, "name") != 0;
	rc = query_begin(&q, cx, &o->repo);
	if (rc == 0)
		rc = list(&ls);
	rows_free(&ls.rows);
	arena_free(&ls.arena);
	buf_free(&ls.line);
	return query_end(&q, rc);
}

static const struct cmd_example ls_examples[] = {
	{ "ferry repo ls -r /srv/backup latest", "all files of the newest" },
	{ "ferry repo ls -r nas:backup -l latest /home/me",
	  "what is directly in one folder" },
	{ 0 }
};

const struct cmd cmd_repo_ls = {
	.name = "repo ls",
	.args = "SNAPSHOT[:PATH] [DIR]...",
	.summary = "list the files of a snapshot",
	.about = "With :PATH, that folder is the root of what is listed. Each "
		 "DIR (absolute, \"/home\")\nlists what is directly in it.\n\n"
		 "With --json a line for the snapshot and one for each entry, "
		 "as restic's; names\nthat are not UTF-8 have their bytes in "
		 "\"path_hex\".",
	.min_args = 1,
	.max_args = -1,
	.groups = ls_groups,
	.opts_size = sizeof(struct ls_opts),
	.defaults = &ls_defaults,
	.examples = ls_examples,
	.run = ls_run,
};
