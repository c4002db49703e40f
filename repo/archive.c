#include "repo/archive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "repo/archive_parts.h"
#include "repo/walk.h"

enum { PIECE = 512 << 10 };

void archive_fail(struct archive *ar, const struct err *e)
{
	pthread_mutex_lock(&ar->lock);
	if (!ar->failed) {
		ar->failed = true;
		ar->err = *e;
	}
	pthread_mutex_unlock(&ar->lock);
}

bool archive_failed(struct archive *ar)
{
	return atomic_load_explicit(&ar->failed, memory_order_relaxed);
}

int archive_tell(struct archive *ar, struct op *op, const char *path)
{
	if (op->err.kind == ERR_CANCELED || err_info(op->err.kind)->fatal) {
		archive_fail(ar, &op->err);
		return -1;
	}
	pthread_mutex_lock(&ar->lock);
	ar->errors++;
	pthread_mutex_unlock(&ar->lock);
	if (ar->opt->errors)
		ar->opt->errors->tell(ar->opt->errors, op, *path ? path : "/",
				      "archival");
	err_clear(&op->err);
	return 0;
}

enum archive_action before_action(const struct before *b,
				  const struct buf *json)
{
	if (!b->there)
		return ARCHIVE_NEW;
	return b->json.len == json->len &&
			       memcmp(b->json.data, json->data, json->len) == 0
		       ? ARCHIVE_UNCHANGED
		       : ARCHIVE_CHANGED;
}

void archive_done(struct archive *ar, enum archive_action a, const char *path,
		  const struct node *n, const struct saved *data,
		  const struct saved *meta, int64_t began)
{
	const struct archive_opt *opt = ar->opt;
	struct snapshot_summary *s = &ar->sum;
	bool dir = n->type == NODE_DIR;
	uint64_t *const files[] = { &s->files_new, &s->files_changed,
				    &s->files_unmodified };
	uint64_t *const dirs[] = { &s->dirs_new, &s->dirs_changed,
				   &s->dirs_unmodified };

	pthread_mutex_lock(&ar->lock);
	(*(dir ? dirs : files)[a])++;
	if (!dir) {
		s->total_files_processed++;
		s->total_bytes_processed += n->size;
	}
	pthread_mutex_unlock(&ar->lock);
	if (!dir && opt->progress)
		atomic_fetch_add(&opt->progress->files_done, 1);
	if (opt->item)
		opt->item(opt->arg, a, path, dir, n->size, data, meta,
			  clock_mono() - began);
}

static int begin(struct archive *ar, struct repo *r, struct op *op,
		 struct lock *lock, const struct archive_opt *opt)
{
	const struct saver_opt save = { .dry_run = opt->dry_run, .lock = lock };

	*ar = (struct archive){ .r = r, .opt = opt, .cancel = op->cancel };
	if (chunker_tables_new(r->polynomial, &ar->tables, &op->err) < 0)
		return -1;
	ar->piece = PIECE;
	pthread_mutex_init(&ar->lock, NULL);
	pthread_cond_init(&ar->todo, NULL);
	pthread_cond_init(&ar->room, NULL);
	ar->saver = saver_new(r, &save, op->cancel);
	work_start(ar);
	return 0;
}

static void end(struct archive *ar)
{
	saver_free(ar->saver);
	work_free(ar);
	chunker_tables_free(ar->tables);
	pthread_cond_destroy(&ar->room);
	pthread_cond_destroy(&ar->todo);
	pthread_mutex_destroy(&ar->lock);
}

static const char *now_text(struct buf *b)
{
	buf_reset(b);
	node_time_text(b, node_time_local(clock_wall()));
	return b->data;
}

static void add_totals(struct archive *ar)
{
	struct snapshot_summary *s = &ar->sum;
	struct saver_totals t;

	saver_totals(ar->saver, &t);
	s->data_blobs = (int64_t)t.blobs[BLOB_DATA];
	s->tree_blobs = (int64_t)t.blobs[BLOB_TREE];
	s->data_added = t.raw[BLOB_DATA] + t.raw[BLOB_TREE];
	s->data_added_packed = t.stored[BLOB_DATA] + t.stored[BLOB_TREE];
}

static int save_snapshot(struct archive *ar, struct op *op,
			 const struct archive_result *res, struct id *id)
{
	const struct archive_opt *opt = ar->opt;
	struct coder *c = repo_coder(ar->r);
	struct snapshot s = {
		.time = opt->time,
		.has_parent = opt->parent,
		.tree = res->tree,
		.paths = opt->show_paths,
		.excludes = opt->excludes,
		.tags = opt->tags,
		.hostname = opt->hostname,
		.username = opt->username,
		.uid = opt->uid,
		.gid = opt->gid,
		.program_version = opt->program_version,
		.summary = &res->summary,
	};
	int rc;

	if (opt->parent)
		s.parent = opt->parent->id;
	rc = snapshot_save(ar->r, op, c, &s, id);
	coder_free(c);
	return rc;
}

/* All is in its tree: store what is left, and the snapshot. */
static int conclude(struct archive *ar, struct op *op, struct lock *lock,
		    struct archive_result *out)
{
	const struct archive_opt *opt = ar->opt;
	struct buf ended = BUF_INIT;
	int rc = -1;

	if (ar->failed) {
		op->err = ar->err;
		return -1;
	}
	if (!ar->has_tree || ar->empty)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "nothing of what was to be saved could be, or "
			       "all of it is excluded: no snapshot was made");
	if (!opt->dry_run && saver_flush(ar->saver, op) < 0)
		return -1;
	add_totals(ar);
	out->summary = ar->sum;
	out->summary.backup_end = arena_strdup(&op->arena, now_text(&ended));
	out->tree = ar->tree;
	out->errors = ar->errors;
	if (opt->dry_run || (opt->skip_if_unchanged && opt->parent &&
			     id_equal(&opt->parent->tree, &ar->tree))) {
		rc = 0;
		goto out;
	}
	if (lock && lock_check(lock, op) < 0)
		goto out;
	rc = save_snapshot(ar, op, out, &out->snapshot);
	out->stored = rc == 0;
out:
	buf_free(&ended);
	return rc;
}

/* Runs beside op, whose arena has what opt points at. */
static struct op own_op(const struct op *op)
{
	struct op own = op_begin(op->cancel);

	own.acct = op->acct;
	return own;
}

static const char *began_text(struct op *op)
{
	struct buf b = BUF_INIT;
	const char *text = arena_strdup(&op->arena, now_text(&b));

	buf_free(&b);
	return text;
}

int archive_run(struct repo *r, struct op *op, struct lock *lock,
		const struct archive_opt *opt, struct archive_result *out)
{
	struct op walk = own_op(op);
	struct target *root;
	struct archive ar;
	struct scan scan;
	int rc = -1;

	*out = (struct archive_result){ 0 };
	if (targets_new(&op->arena, opt, &root, &op->err) < 0 ||
	    begin(&ar, r, op, lock, opt) < 0)
		goto out;
	ar.sum.backup_start = began_text(op);
	scan_start(&scan, &ar, root);
	archive_walk(&ar, &walk, root);
	work_wait(&ar);
	scan_stop(&scan);
	rc = conclude(&ar, op, lock, out);
	end(&ar);
out:
	op_end(&walk);
	return rc;
}

/* The node of something that is on no disk, as restic makes it. */
static struct node made_node(const char *name, size_t len, uint32_t mode,
			     struct node_time time)
{
	return (struct node){
		.name = name,
		.name_len = len,
		.type = S_ISDIR(mode) ? NODE_DIR : NODE_FILE,
		.mode = node_mode_from_unix(mode),
		.mtime = time,
		.atime = time,
		.ctime = time,
		.uid = getuid(),
		.gid = getgid(),
		.has_content = S_ISREG(mode),
	};
}

/* The folders on the way to the stream's file, and that. */
static void add_stream(struct archive *ar, struct source *src, const char *path)
{
	struct node_time time = ar->opt->time;
	struct folder *above[WALK_DEPTH + 1];
	struct file_job *job = work_spare_file(ar);
	size_t depth = 0;

	above[depth++] = folder_new(NULL, "");
	for (const char *p = path + 1;;) {
		size_t n = strcspn(p, "/");
		struct folder *up = above[depth - 1];
		char *name = arena_printf(&up->arena, "%.*s", (int)n, p);
		struct item *it = folder_add(ar, up, name);

		if (p[n] == '\0') {
			job->item = it;
			job->node = made_node(name, n, S_IFREG | 0644, time);
			break;
		}
		above[depth] = folder_new(it, path);
		above[depth++]->node = made_node(name, n, S_IFDIR | 0755, time);
		p += n + 1;
	}
	/* Its name lies in a folder that is there until the file is done. */
	job->path = path;
	job->src = src;
	work_add_file(ar, job);
	while (depth)
		if (folder_left(ar, above[--depth]))
			work_add_folder(ar, above[depth]);
}

int archive_stream(struct repo *r, struct op *op, struct lock *lock,
		   const struct archive_opt *opt, struct source *src,
		   const char *path, struct archive_result *out)
{
	struct archive ar;
	size_t depth = 0;
	int rc;

	*out = (struct archive_result){ 0 };
	for (const char *p = path; *p; p++)
		depth += *p == '/';
	if (depth > WALK_DEPTH)
		return err_set(&op->err, ERR_INVALID,
			       "more than %d folders, one in the other",
			       WALK_DEPTH);
	if (begin(&ar, r, op, lock, opt) < 0)
		return -1;
	ar.sum.backup_start = began_text(op);
	add_stream(&ar, src, path);
	work_wait(&ar);
	rc = conclude(&ar, op, lock, out);
	end(&ar);
	return rc;
}
