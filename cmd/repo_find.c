/* ferry repo find: files by name, or by the blobs and packs they lie in. */

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_query.h"
#include "lib/parse.h"
#include "repo/find.h"

struct find_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	struct opt_list snapshots;
	const char *newest, *oldest;
	bool ignore_case, full, human, reverse;
	bool blobs, trees, packs, show_pack;
};

static const struct find_opts find_defaults = { 0 };

#define FIND(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct find_opts, field, help)

static const struct opt find_flags[] = {
	FIND(OPT_BOOL, 'i', "ignore-case", NULL, ignore_case,
	     "upper and lower case are the same"),
	FIND(OPT_BOOL, 'l', "long", NULL, full,
	     "with mode, owner, size and time"),
	FIND(OPT_BOOL, 0, "human-readable", NULL, human,
	     "sizes in KiB, MiB and so on"),
	FIND(OPT_STR, 'N', "newest", "TIME", newest,
	     "only what was changed at that time or before"),
	FIND(OPT_STR, 'O', "oldest", "TIME", oldest,
	     "only what was changed at that time or later"),
	FIND(OPT_LIST, 's', "snapshot", "ID", snapshots,
	     "look into this snapshot; may come several times"),
	FIND(OPT_BOOL, 'R', "reverse", NULL, reverse,
	     "the oldest snapshot first"),
	FIND(OPT_BOOL, 0, "blob", NULL, blobs, "PATTERN is the id of a blob"),
	FIND(OPT_BOOL, 0, "tree", NULL, trees, "PATTERN is the id of a tree"),
	FIND(OPT_BOOL, 0, "pack", NULL, packs, "PATTERN is the id of a pack"),
	FIND(OPT_BOOL, 0, "show-pack-id", NULL, show_pack,
	     "also the pack of each blob or tree"),
	{ .type = OPT_END }
};

static const struct opt_group find_groups[] = {
	{ "Flags", find_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct find_opts, filter),
	REPO_GROUP(struct find_opts, repo),
	{ 0 }
};

/* What is being searched, and what was found so far. */
struct job {
	struct query *q;
	const struct find_opts *o;
	const struct snapshot *snapshot;
	uint64_t hits; /* in it */
	bool any;      /* in one before, or an object */
	struct buf line;
};

static void add_node_json(struct buf *b, const char *path, const struct node *n)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_path(&j, "path", path);
	json_mode(&j, "permissions", n->mode);
	json_str(&j, "type", node_type_name(n));
	if (n->mode)
		json_int(&j, "mode", n->mode);
	json_node_time(&j, "mtime", n->mtime);
	json_node_time(&j, "atime", n->atime);
	json_node_time(&j, "ctime", n->ctime);
	json_int(&j, "uid", n->uid);
	json_int(&j, "gid", n->gid);
	if (*n->user)
		json_text_valid(&j, "user", n->user);
	if (*n->group)
		json_text_valid(&j, "group", n->group);
	if (n->inode)
		buf_addf(b, ",\"inode\":%" PRIu64, n->inode);
	if (n->device_id)
		buf_addf(b, ",\"device_id\":%" PRIu64, n->device_id);
	if (n->size)
		buf_addf(b, ",\"size\":%" PRIu64, n->size);
	if (n->links)
		buf_addf(b, ",\"links\":%" PRIu64, n->links);
	if (n->target)
		json_text_valid(&j, "linktarget", n->target);
	json_end(&j);
}

/* The snapshot that the last hits were in. */
static void end_group(struct job *job)
{
	char hex[ID_HEX + 1];

	if (job->hits && job->q->cx->globals->json)
		buf_addf(&job->line,
			 "],\"hits\":%" PRIu64 ",\"snapshot\":\"%s\"}",
			 job->hits, id_hex(&job->snapshot->id, hex));
	job->any = job->any || job->hits;
	job->hits = 0;
}

static int tell_node(void *arg, struct op *op, const char *path,
		     const struct node *n)
{
	struct job *job = arg;
	bool json = job->q->cx->globals->json;
	struct buf *b = &job->line;
	char brief[9];

	if (json) {
		if (job->hits == 0)
			buf_adds(b, job->any ? ",{\"matches\":["
					     : "[{\"matches\":[");
		else
			buf_adds(b, ",");
		add_node_json(b, path, n);
	} else {
		if (job->hits == 0 && !job->q->cx->globals->quiet) {
			buf_addf(b,
				 "%sFound matching entries in snapshot %s "
				 "from ",
				 job->any ? "\n" : "",
				 id_short(&job->snapshot->id, brief));
			show_time(b, node_time_ns(job->snapshot->time), 0);
			buf_adds(b, "\n");
		}
		row_add(b, path, n, job->o->full, job->o->human);
	}
	job->hits++;
	if (out_write(op, b->data, b->len) < 0)
		return -1;
	buf_reset(b);
	return 0;
}

static void add_object_json(struct job *job, enum blob_type t,
			    const struct id *id, const char *path,
			    const struct id *parent)
{
	struct json j = JSON_INIT(&job->line);
	char hex[ID_HEX + 1];

	buf_adds(&job->line, job->any ? "," : "[");
	json_object(&j, NULL);
	json_str(&j, "object_type", t == BLOB_TREE ? "tree" : "blob");
	json_str(&j, "id", id_hex(id, hex));
	json_path(&j, "path", path);
	if (t == BLOB_DATA)
		json_str(&j, "parent_tree", id_hex(parent, hex));
	json_str(&j, "snapshot", id_hex(&job->snapshot->id, hex));
	json_node_time(&j, "time", job->snapshot->time);
	json_end(&j);
}

static void add_object(struct job *job, enum blob_type t, const struct id *id,
		       const char *path, const struct id *parent)
{
	struct buf *b = &job->line;
	char hex[ID_HEX + 1];

	buf_addf(b, "Found %s %s\n ... %s ", t == BLOB_TREE ? "tree" : "blob",
		 id_hex(id, hex), t == BLOB_TREE ? "path" : "in file");
	out_add_name(b, path);
	if (t == BLOB_DATA)
		buf_addf(b, "\n     (tree %s)", id_hex(parent, hex));
	buf_addf(b, "\n ... in snapshot %s (",
		 id_short(&job->snapshot->id, hex));
	show_time(b, node_time_ns(job->snapshot->time), 0);
	buf_adds(b, ")\n");
}

static int tell_object(void *arg, struct op *op, enum blob_type t,
		       const struct id *id, const char *path,
		       const struct id *parent)
{
	struct job *job = arg;

	if (job->q->cx->globals->json)
		add_object_json(job, t, id, path, parent);
	else
		add_object(job, t, id, path, parent);
	job->any = true;
	if (out_write(op, job->line.data, job->line.len) < 0)
		return -1;
	buf_reset(&job->line);
	return 0;
}

static int tell_pack(void *arg, struct op *op, const struct blob_at *at)
{
	struct job *job = arg;
	char id[ID_HEX + 1], pack[ID_HEX + 1];

	if (job->q->cx->globals->json)
		return 0;
	return out_printf(op,
			  "Object %s belongs to pack %s\n ... %s, offset "
			  "%" PRIu32 ", length %" PRIu32 "\n",
			  id_hex(&at->blob.id, id), id_hex(&at->pack, pack),
			  blob_type_name(at->blob.type), at->blob.off,
			  at->blob.len);
}

static int add_patterns(struct find *f, struct cmd_ctx *cx)
{
	const struct find_opts *o = cx->opts;

	for (int i = 0; i < cx->argc; i++) {
		const char *text = cx->argv[i];
		int rc;

		if (o->packs)
			rc = find_add_pack(f, text, &cx->op.err);
		else if (o->blobs || o->trees)
			rc = find_add_id(f, o->trees ? BLOB_TREE : BLOB_DATA,
					 text, &cx->op.err);
		else
			rc = find_add_pattern(f, text, o->ignore_case,
					      &cx->op.err);
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int search_in(struct job *job, struct find *f, const struct snapshots *v)
{
	struct cmd_ctx *cx = job->q->cx;
	int rc = add_patterns(f, cx);

	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		job->snapshot = &v->at[job->o->reverse ? i : v->n - 1 - i];
		rc = find_in(f, &cx->op, &job->snapshot->tree);
		end_group(job);
	}
	if (rc == 0 && job->o->show_pack)
		rc = find_packs(f, &cx->op, tell_pack, job);
	if (rc == 0 && cx->globals->json)
		buf_adds(&job->line, job->any ? "]\n" : "[]\n");
	if (rc == 0)
		rc = out_write(&cx->op, job->line.data, job->line.len);
	return rc;
}

static int search(struct job *job, const struct find_opt *opt)
{
	struct find *f;
	struct cmd_ctx *cx = job->q->cx;
	const struct find_opts *o = job->o;
	struct snapshots v = { 0 };
	char **names = arena_alloc(&cx->op.arena,
				   (o->snapshots.n + 1) * sizeof(*names));
	int rc;

	for (size_t i = 0; i < o->snapshots.n; i++)
		names[i] =
			arena_strdup(&cx->op.arena, o->snapshots.at[i].value);
	rc = query_snapshots(job->q, &o->filter, names, (int)o->snapshots.n,
			     &v);
	if (rc == 0)
		rc = query_index(job->q);
	if (rc == 0) {
		f = find_new(job->q->s.repo, opt);
		rc = search_in(job, f, &v);
		find_free(f);
	}
	snapshots_free(&v);
	return rc;
}

/* As restic takes it: a date, with or without a time, in the local zone. */
static int parse_when(const char *text, const char *flag, bool *given,
		      struct node_time *out, struct err *e)
{
	static const char *const forms[] = {
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d",
		"%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y",
	};

	*given = text != NULL;
	if (!text || node_time_parse(text, strlen(text), out))
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *end = strptime(text, forms[i], &tm);

		if (!end || *end)
			continue;
		*out = node_time_at((int64_t)mktime(&tm), 0);
		return 0;
	}
	return err_set(e, ERR_INVALID,
		       "%s: \"%s\" is not like \"2024-05-06\" or \"2024-05-06 "
		       "07:08:09\"",
		       flag, text);
}

static int bad_tree(void *arg, struct op *op, const char *path,
		    const struct id *tree)
{
	struct job *job = arg;

	(void)tree;
	job->q->report.errors.tell(&job->q->report.errors, op, path, "find");
	return 0;
}

static int find_run(struct cmd_ctx *cx)
{
	const struct find_opts *o = cx->opts;
	struct find_opt opt = { .node = tell_node,
				.object = tell_object,
				.bad = bad_tree };
	struct job job = { .o = o, .line = BUF_INIT };
	struct query q;
	int rc;

	if (o->blobs + o->trees + o->packs > 1)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--blob, --tree and --pack: only one of them");
	if (parse_when(o->oldest, "--oldest", &opt.has_oldest, &opt.oldest,
		       &cx->op.err) < 0 ||
	    parse_when(o->newest, "--newest", &opt.has_newest, &opt.newest,
		       &cx->op.err) < 0)
		return -1;
	job.q = &q;
	opt.arg = &job;
	rc = query_begin(&q, cx, &o->repo);
	if (rc == 0)
		rc = search(&job, &opt);
	buf_free(&job.line);
	return query_end(&q, rc);
}

static const struct cmd_example find_examples[] = {
	{ "ferry repo find -r /srv/backup '*.odt'", "in all snapshots" },
	{ "ferry repo find -r nas:backup -l -s latest /home/me/doc",
	  "a folder and all below it" },
	{ 0 }
};

const struct cmd cmd_repo_find = {
	.name = "repo find",
	.args = "PATTERN...",
	.summary = "find files in snapshots",
	.about = "A PATTERN is like one of --exclude: `*`, `?`, `[a-z]`, and "
		 "`**` for any number of\nfolders; one that begins with '/' "
		 "is a path from the root.  What is below a match\nmatches, "
		 "too.  The newest snapshot comes first.",
	.min_args = 1,
	.max_args = -1,
	.groups = find_groups,
	.opts_size = sizeof(struct find_opts),
	.defaults = &find_defaults,
	.examples = find_examples,
	.run = find_run,
};
