#include "repo/walk.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/pool.h"
#include "lib/vec.h"

VEC(ids, struct id);

/*
 * The workers take trees from one stack and put those that they find on it; it
 * never holds a tree twice, since `seen` is asked first.
 */
struct marking {
	struct repo *r;
	struct blob_set *seen;
	const struct trees_opt *opt;
	struct cancel *cancel;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct ids todo;
	unsigned busy;
	bool failed;
	struct err err; /* of the first that failed */
};

/* One worker's own. */
struct marker {
	struct marking *m;
	struct op op;
	struct coder *c;
	struct arena arena;
	struct buf text;
	const struct id *tree; /* at hand */
	struct ids found;
};

static int tell_bad(struct marker *k, enum blob_type t, const struct id *id)
{
	const struct trees_opt *opt = k->m->opt;

	if (err_info(k->op.err.kind)->fatal || k->op.err.kind == ERR_CANCELED ||
	    !opt->bad || opt->bad(opt->arg, &k->op, t, id, k->tree) < 0)
		return -1;
	err_clear(&k->op.err);
	return 0;
}

static int mark_content(struct marker *k, const struct node *n)
{
	for (size_t i = 0; i < n->ncontent; i++) {
		char hex[ID_HEX + 1];

		if (blob_set_add(k->m->seen, BLOB_DATA, &n->content[i]) ||
		    !k->m->opt->missing ||
		    index_has(k->m->r->index, BLOB_DATA, &n->content[i]))
			continue;
		err_set(&k->op.err, ERR_NOT_FOUND, "no index has blob %s",
			id_hex(&n->content[i], hex));
		if (tell_bad(k, BLOB_DATA, &n->content[i]) < 0)
			return -1;
	}
	return 0;
}

static int mark_node(struct marker *k, const struct node *n)
{
	struct marking *m = k->m;

	if (n->has_subtree && (blob_set_add(m->seen, BLOB_TREE, &n->subtree) ||
			       !index_has(m->r->index, BLOB_TREE, &n->subtree)))
		*ids_add(&k->found) = n->subtree;
	if (mark_content(k, n) < 0)
		return -1;
	if (m->opt->fn) {
		struct walk_node w = { .path = n->name,
				       .node = n,
				       .parent = k->tree };

		if (m->opt->fn(m->opt->arg, &k->op, &w) == WALK_FAIL)
			return -1;
	}
	return 0;
}

static int read_tree(struct marker *k)
{
	struct tree_reader reader;
	struct node node;
	int rc;

	arena_reset(&k->arena);
	if (repo_load_blob(k->m->r, &k->op, k->c, BLOB_TREE, k->tree,
			   &k->text) < 0 ||
	    tree_read_begin(&reader, &k->arena, k->text.data, k->text.len,
			    &k->op.err) < 0)
		return tell_bad(k, BLOB_TREE, k->tree);
	while ((rc = tree_read_next(&reader, &node, &k->op.err)) > 0) {
		if (mark_node(k, &node) < 0)
			return -1;
		arena_reset(&k->arena);
	}
	return rc < 0 ? tell_bad(k, BLOB_TREE, k->tree) : 0;
}

/* Called with the lock held: the next tree, or false when there will be none.
 */
static bool next_tree(struct marking *m, struct id *tree)
{
	while (m->todo.n == 0 && m->busy > 0 && !m->failed)
		pthread_cond_wait(&m->wake, &m->lock);
	if (m->todo.n == 0 || m->failed)
		return false;
	*tree = m->todo.at[--m->todo.n];
	m->busy++;
	return true;
}

static void end_tree(struct marker *k, int rc)
{
	struct marking *m = k->m;

	m->busy--;
	if (rc < 0 && !m->failed) {
		m->failed = true;
		m->err = k->op.err;
	}
	for (size_t i = 0; i < k->found.n; i++)
		*ids_add(&m->todo) = k->found.at[i];
	k->found.n = 0;
	pthread_cond_broadcast(&m->wake);
	if (m->opt->done)
		atomic_fetch_add(m->opt->done, 1);
}

static void *work(void *arg)
{
	struct marking *m = arg;
	struct marker k = { .m = m,
			    .op = op_begin(m->cancel),
			    .c = repo_coder(m->r),
			    .text = BUF_INIT };
	struct id tree;

	pthread_mutex_lock(&m->lock);
	while (next_tree(m, &tree)) {
		int rc;

		pthread_mutex_unlock(&m->lock);
		k.tree = &tree;
		arena_reset(&k.op.arena);
		rc = op_check(&k.op) < 0 ? -1 : read_tree(&k);
		pthread_mutex_lock(&m->lock);
		end_tree(&k, rc);
	}
	pthread_mutex_unlock(&m->lock);
	coder_free(k.c);
	arena_free(&k.arena);
	buf_free(&k.text);
	ids_free(&k.found);
	op_end(&k.op);
	return NULL;
}

int trees_mark(struct repo *r, struct op *op, const struct id *roots, size_t n,
	       struct blob_set *seen, const struct trees_opt *opt)
{
	struct marking m = { .r = r,
			     .seen = seen,
			     .opt = opt,
			     .cancel = op->cancel,
			     .lock = PTHREAD_MUTEX_INITIALIZER,
			     .wake = PTHREAD_COND_INITIALIZER };
	pthread_t threads[16];
	unsigned want = pool_fitting(), started = 0;

	for (size_t i = 0; i < n; i++)
		if (blob_set_add(seen, BLOB_TREE, &roots[i]) ||
		    !index_has(r->index, BLOB_TREE, &roots[i]))
			*ids_add(&m.todo) = roots[i];
	if (want > ARRAY_LEN(threads))
		want = ARRAY_LEN(threads);
	while (started + 1 < want &&
	       pthread_create(&threads[started], NULL, work, &m) == 0)
		started++;
	work(&m); /* this thread, too */
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_cond_destroy(&m.wake);
	pthread_mutex_destroy(&m.lock);
	ids_free(&m.todo);
	if (!m.failed)
		return 0;
	op->err = m.err;
	return -1;
}
