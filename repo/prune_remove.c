/* Files go, several at once. */

#include <stdatomic.h>

#include "lib/pool.h"
#include "repo/prune.h"
#include "repo/store_file.h"

/* A disk is not made faster by many threads, a little by two. */
enum { LOCAL_THREADS = 2 };

/* What the threads share; each takes the next file until there is none. */
struct removal {
	struct repo *r;
	enum file_type type;
	const struct id *ids;
	size_t n;
	struct lock *lock;
	atomic_size_t next;
	atomic_bool failed;
};

static int work(struct op *op, void *arg)
{
	struct removal *m = arg;
	int rc = 0;

	while (rc == 0 && !atomic_load(&m->failed)) {
		size_t i = atomic_fetch_add(&m->next, 1);

		if (i >= m->n)
			break;
		rc = op_check(op);
		/* whoever took it for stale may need by now what goes */
		if (rc == 0)
			rc = lock_check(m->lock, op);
		if (rc == 0)
			rc = store_remove(m->r->store, op, m->type, &m->ids[i]);
	}
	if (rc < 0)
		atomic_store(&m->failed, true);
	return rc;
}

static int remove_all(struct removal *m, struct op *op)
{
	struct repo *r = m->r;
	bool remote = be_can(store_backend(r->store), BE_REMOTE);
	size_t threads = remote ? store_calls(r->store) : LOCAL_THREADS;
	struct pool *p;
	struct group *g;
	int rc = 0;

	if (threads > m->n)
		threads = m->n;
	if (threads < 2)
		return work(op, m);
	p = pool_new((unsigned)threads, (unsigned)threads, op->cancel);
	g = group_new(p);
	for (size_t i = 0; rc == 0 && i < threads; i++)
		rc = group_add(g, op, work, m);
	if (group_wait(g, op) < 0)
		rc = -1;
	pool_free(p);
	return rc;
}

int files_remove(struct repo *r, struct op *op, enum file_type t,
		 const struct id *ids, size_t n, struct lock *lock)
{
	struct removal m = {
		.r = r, .type = t, .ids = ids, .n = n, .lock = lock
	};

	if (n == 0)
		return 0;
	if (remove_all(&m, op) < 0)
		return -1;
	return t == FILE_PACK ? 0 : store_flush(r->store, op);
}
