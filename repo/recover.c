#include "repo/recover.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/pool.h"
#include "repo/saver.h"
#include "repo/snapshot.h"
#include "repo/walk.h"
#include "repo/who.h"

enum { REMOTE_THREADS = 5 };

struct root {
	struct id id;
	char name[ID_HEX + 1];
};
VEC(roots, struct root);

struct recovery {
	struct repo *r;
	struct lock *held; /* or NULL */
	const struct recover_opt *opt;
	struct blob_set *led_to; /* trees that something names */
	uint32_t entries;
	_Atomic uint32_t next;
	_Atomic uint64_t trees;
	atomic_bool failed;
	pthread_mutex_t lock; /* around opt->bad() */
};

static int tell_bad(struct recovery *v, struct op *op, const struct id *id)
{
	if (op->err.kind != ERR_CORRUPT && op->err.kind != ERR_NOT_FOUND &&
	    op->err.kind != ERR_IO)
		return -1;
	pthread_mutex_lock(&v->lock);
	if (v->opt->bad)
		v->opt->bad(v->opt->arg, op, id);
	pthread_mutex_unlock(&v->lock);
	err_clear(&op->err);
	return 0;
}

/* What the tree leads to; how many nodes it has, or -1. */
static int64_t note_subtrees(struct recovery *v, struct op *op, struct arena *a,
			     const struct buf *text)
{
	struct tree_reader reader;
	struct node node;
	int64_t n = 0;
	int rc;

	arena_reset(a);
	if (tree_read_begin(&reader, a, text->data, text->len, &op->err) < 0)
		return -1;
	for (; (rc = tree_read_next(&reader, &node, &op->err)) > 0; n++) {
		if (node.has_subtree)
			(void)blob_set_add(v->led_to, BLOB_TREE, &node.subtree);
		arena_reset(a);
	}
	return rc < 0 ? -1 : n;
}

static int read_tree(struct recovery *v, struct op *op, struct coder *c,
		     struct arena *a, uint32_t entry, struct buf *text)
{
	struct blob_at at, first;
	int64_t n = -1;

	index_entry(v->r->index, entry, &at);
	if (at.blob.type != BLOB_TREE ||
	    !index_find(v->r->index, BLOB_TREE, &at.blob.id, &first) ||
	    first.entry != entry)
		return 0;
	atomic_fetch_add(&v->trees, 1);
	if (v->opt->progress)
		atomic_fetch_add(&v->opt->progress->files_done, 1);
	if (repo_load_blob(v->r, op, c, BLOB_TREE, &at.blob.id, text) == 0)
		n = note_subtrees(v, op, a, text);
	if (n > 0)
		return 0;
	/* In this one there is nothing to be recovered. */
	(void)blob_set_add(v->led_to, BLOB_TREE, &at.blob.id);
	return n < 0 ? tell_bad(v, op, &at.blob.id) : 0;
}

static int work(struct op *op, void *arg)
{
	struct recovery *v = arg;
	struct coder *c = repo_coder(v->r);
	struct buf text = BUF_INIT;
	struct arena a = { 0 };
	int rc = 0;

	while (rc == 0 && !atomic_load(&v->failed)) {
		uint32_t i = atomic_fetch_add(&v->next, 1);

		if (i >= v->entries)
			break;
		rc = op_check(op);
		if (rc == 0)
			rc = read_tree(v, op, c, &a, i, &text);
		arena_reset(&op->arena);
	}
	if (rc < 0)
		atomic_store(&v->failed, true);
	arena_free(&a);
	buf_free(&text);
	coder_free(c);
	return rc;
}

static int read_trees(struct recovery *v, struct op *op)
{
	bool remote = be_can(store_backend(v->r->store), BE_REMOTE);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = remote ? REMOTE_THREADS : cpus < 1 ? 1 : (unsigned)cpus;
	struct pool *p = pool_new(n, n, op->cancel);
	struct group *g = group_new(p);
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++)
		rc = group_add(g, op, work, v);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(p);
	return rc;
}

static int bad_snapshot(void *arg, struct op *op, const struct id *id)
{
	struct recovery *v = arg;

	if (v->opt->bad)
		v->opt->bad(v->opt->arg, op, id);
	err_clear(&op->err);
	return 0;
}

static int note_snapshots(struct recovery *v, struct op *op)
{
	static const struct snapshot_filter all;
	struct snapshots s = { 0 };
	struct arena a = { 0 };
	int rc = snapshots_load(v->r, op, &a, &all, bad_snapshot, v, &s);

	for (size_t i = 0; rc == 0 && i < s.n; i++)
		(void)blob_set_add(v->led_to, BLOB_TREE, &s.at[i].tree);
	snapshots_free(&s);
	arena_free(&a);
	return rc;
}

static int compare_roots(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id));
}

/* As short as restic's names are, unless two would be the same. */
static void find_roots(struct recovery *v, struct roots *out)
{
	struct blob_at at;

	for (uint32_t i = 0; i < v->entries; i++) {
		index_entry(v->r->index, i, &at);
		if (at.blob.type == BLOB_TREE &&
		    blob_set_add(v->led_to, BLOB_TREE, &at.blob.id))
			roots_add(out)->id = at.blob.id;
	}
	if (out->n)
		qsort(out->at, out->n, sizeof(*out->at), compare_roots);
	for (size_t i = 0; i < out->n; i++) {
		id_short(&out->at[i].id, out->at[i].name);
		if (i && memcmp(&out->at[i].id, &out->at[i - 1].id, 4) == 0)
			id_hex(&out->at[i].id, out->at[i].name);
	}
}

static void add_root(struct tree_writer *w, const struct root *root,
		     struct node_time now)
{
	const struct node n = { .name = root->name,
				.name_len = strlen(root->name),
				.type = NODE_DIR,
				.mode = node_mode_from_unix(S_IFDIR | 0755),
				.mtime = now,
				.atime = now,
				.ctime = now,
				.user = "",
				.group = "",
				.has_subtree = true,
				.subtree = root->id };

	tree_add(w, &n);
}

static int save_tree(struct recovery *v, struct op *op, struct coder *c,
		     const struct roots *roots, struct id *tree)
{
	const struct saver_opt so = { .lock = v->held };
	struct saver *s = saver_new(v->r, &so, op->cancel);
	struct node_time now = node_time_local(clock_wall());
	struct buf b = BUF_INIT;
	struct tree_writer w;
	struct saved saved;
	int rc;

	tree_begin(&w, &b);
	for (size_t i = 0; i < roots->n; i++)
		add_root(&w, &roots->at[i], now);
	tree_end(&w);
	*tree = (struct id){ 0 };
	rc = saver_add(s, op, c, BLOB_TREE, b.data, b.len, tree, &saved);
	if (rc == 0)
		rc = saver_flush(s, op);
	saver_free(s);
	buf_free(&b);
	return rc;
}

static int save_snapshot(struct recovery *v, struct op *op,
			 const struct roots *roots, struct id *id)
{
	static const char *const paths[] = { "/recover" };
	static const char *const tags[] = { "recovered" };
	struct snapshot s = { .time = node_time_local(clock_wall()),
			      .paths = { .at = paths, .n = 1 },
			      .tags = { .at = tags, .n = 1 } };
	struct coder *c = repo_coder(v->r);
	struct who who;
	int rc;

	who_am_i(&who);
	s.hostname = who.host;
	s.username = who.user;
	s.uid = who.uid;
	s.gid = who.gid;
	rc = save_tree(v, op, c, roots, &s.tree);
	if (rc == 0 && v->held)
		rc = lock_check(v->held, op);
	if (rc == 0)
		rc = snapshot_save(v->r, op, c, &s, id);
	coder_free(c);
	return rc;
}

int recover_run(struct repo *r, struct op *op, struct lock *lock,
		const struct recover_opt *opt, struct recover_result *out)
{
	struct recovery v = { .r = r,
			      .held = lock,
			      .opt = opt,
			      .led_to = blob_set_new(r->index),
			      .entries = index_entries(r->index) };
	struct roots roots = { 0 };
	int rc;

	*out = (struct recover_result){ 0 };
	pthread_mutex_init(&v.lock, NULL);
	rc = note_snapshots(&v, op);
	if (rc == 0)
		rc = read_trees(&v, op);
	if (rc == 0) {
		find_roots(&v, &roots);
		out->trees = atomic_load(&v.trees);
		out->roots = roots.n;
		if (roots.n)
			rc = save_snapshot(&v, op, &roots, &out->snapshot);
	}
	roots_free(&roots);
	pthread_mutex_destroy(&v.lock);
	blob_set_free(v.led_to);
	return rc;
}
