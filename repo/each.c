#include "repo/each.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/pool.h"
#include "repo/store_file.h"

static int gather(void *arg, struct op *op, const struct id *id, int64_t size)
{
	struct ids *ids = arg;

	(void)op;
	(void)size;
	*ids_add(ids) = *id;
	return 0;
}

int ids_list(struct store *s, struct op *op, enum file_type t, struct ids *out)
{
	return store_list(s, op, t, gather, out);
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct id));
}

void ids_sort(struct ids *ids)
{
	if (ids->n)
		qsort(ids->at, ids->n, sizeof(*ids->at), compare);
}

bool ids_have(const struct ids *sorted, const struct id *id)
{
	return sorted->n &&
	       bsearch(id, sorted->at, sorted->n, sizeof(*sorted->at), compare);
}

/* What the threads share; each takes the next file until there is none. */
struct crew {
	const struct each *each;
	const struct ids *ids;
	atomic_size_t next;
	atomic_bool failed;
	pthread_mutex_t lock; /* around calls of bad() */
};

static int tell_bad(struct crew *c, struct op *op, const struct id *id)
{
	const struct each *e = c->each;
	int rc = -1;

	if (!e->bad ||
	    (op->err.kind != ERR_CORRUPT && op->err.kind != ERR_NOT_FOUND))
		return -1;
	pthread_mutex_lock(&c->lock);
	rc = e->bad(e->bad_arg, op, id);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

static int do_file(struct crew *c, struct op *op, struct coder *coder,
		   const struct id *id, struct buf *json)
{
	const struct each *e = c->each;

	if (op_check(op) < 0)
		return -1;
	if (repo_load_file(e->repo, op, coder, e->type, id, e->max, json) < 0 ||
	    e->fn(e->arg, op, id, json->data, json->len) < 0)
		return tell_bad(c, op, id);
	return 0;
}

static int work(struct op *op, void *arg)
{
	struct crew *c = arg;
	struct coder *coder = repo_coder(c->each->repo);
	struct buf json = BUF_INIT;
	int rc = 0;

	while (rc == 0 && !atomic_load(&c->failed)) {
		size_t i = atomic_fetch_add(&c->next, 1);

		if (i >= c->ids->n)
			break;
		rc = do_file(c, op, coder, &c->ids->at[i], &json);
	}
	if (rc < 0)
		atomic_store(&c->failed, true);
	buf_free(&json);
	coder_free(coder);
	return rc;
}

/* A disk is kept busy by the processors, a network by many requests. */
static unsigned threads_for(struct store *s, size_t files)
{
	bool remote = be_can(store_backend(s), BE_REMOTE);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = remote ? store_calls(s) : cpus < 2 ? 2 : (size_t)cpus;

	return (unsigned)(n > files ? files : n);
}

int each_file(struct op *op, const struct each *e, const struct ids *ids)
{
	struct crew c = { .each = e, .ids = ids };
	unsigned threads = threads_for(e->repo->store, ids->n);
	struct pool *p;
	struct group *g;
	int rc = 0;

	pthread_mutex_init(&c.lock, NULL);
	if (threads < 2) {
		rc = work(op, &c);
		goto out;
	}
	p = pool_new(threads, threads, op->cancel);
	g = group_new(p);
	for (unsigned i = 0; rc == 0 && i < threads; i++)
		rc = group_add(g, op, work, &c);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(p);
out:
	pthread_mutex_destroy(&c.lock);
	return rc;
}
