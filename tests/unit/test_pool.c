#include "tests/harness.h"

#include "lib/pool.h"

struct fixture {
	struct cancel cancel;
	struct op op;
	struct pool *pool;
};

static void begin(struct fixture *t, unsigned threads, unsigned queue)
{
	cancel_init(&t->cancel);
	t->op = op_begin(&t->cancel);
	t->pool = pool_new(threads, queue, &t->cancel);
}

static void end(struct fixture *t)
{
	pool_free(t->pool);
	op_end(&t->op);
	cancel_free(&t->cancel);
}

static int count(struct op *op, void *arg)
{
	atomic_int *n = arg;

	CHECK(!op->acct);
	(void)arena_alloc(&op->arena, 100);
	atomic_fetch_add(n, 1);
	return 0;
}

static void every_task_runs_once(void)
{
	struct fixture t;
	struct group *g;
	atomic_int n = 0;

	begin(&t, 4, 3);
	g = group_new(t.pool);
	for (int i = 0; i < 10000; i++)
		CHECK(group_add(g, &t.op, count, &n) == 0);
	CHECK(group_wait(g, &t.op) == 0);
	CHECK(n == 10000);
	end(&t);
	pool_free(NULL);
}

static void an_empty_group_ends_at_once(void)
{
	struct fixture t;

	begin(&t, 1, 1);
	CHECK(group_wait(group_new(t.pool), &t.op) == 0);
	end(&t);
}

static int meet(struct op *op, void *arg)
{
	atomic_int *waiting = arg;

	/* ends only if as many tasks run at once as there are threads */
	atomic_fetch_add(waiting, 1);
	while (atomic_load(waiting) < 3)
		if (op_sleep(op, 1) < 0)
			return -1;
	return 0;
}

static void tasks_run_at_the_same_time(void)
{
	struct fixture t;
	struct group *g;
	atomic_int waiting = 0;

	begin(&t, 3, 3);
	g = group_new(t.pool);
	for (int i = 0; i < 3; i++)
		CHECK(group_add(g, &t.op, meet, &waiting) == 0);
	CHECK(group_wait(g, &t.op) == 0);
	end(&t);
}

static int fail_as(struct op *op, void *arg)
{
	const enum err_kind *kind = arg;

	if (*kind == ERR_OK)
		return 0;
	return err_set(&op->err, *kind, "kind %d", (int)*kind);
}

static void check_failures(const enum err_kind *kinds, size_t n,
			   const char *want)
{
	struct fixture t;
	struct group *g;

	begin(&t, 1, 100);
	g = group_new(t.pool);
	for (size_t i = 0; i < n; i++) {
		enum err_kind kind = kinds[i];

		CHECK(group_add(g, &t.op, fail_as,
				arena_memdup(&t.op.arena, &kind,
					     sizeof(kind))) == 0);
	}
	CHECK(group_wait(g, &t.op) == (want ? -1 : 0));
	CHECK_STR(t.op.err.msg, want ? want : "");
	end(&t);
}

static void the_first_fatal_error_is_told(void)
{
	char want[3][64];

	snprintf(want[0], 64, "kind %d", ERR_NOT_FOUND);
	snprintf(want[1], 64, "kind %d (and 1 more)", ERR_NOT_FOUND);
	snprintf(want[2], 64, "kind %d (and 3 more)", ERR_AUTH);
	check_failures((enum err_kind[]){ ERR_OK, ERR_OK }, 2, NULL);
	check_failures((enum err_kind[]){ ERR_OK, ERR_NOT_FOUND, ERR_OK }, 3,
		       want[0]);
	check_failures((enum err_kind[]){ ERR_NOT_FOUND, ERR_IO }, 2, want[1]);
	check_failures(
		(enum err_kind[]){ ERR_IO, ERR_AUTH, ERR_NO_SPACE, ERR_IO }, 4,
		want[2]);
}

static void one_groups_failure_is_not_anothers(void)
{
	struct fixture t;
	struct group *good, *bad;
	enum err_kind kind = ERR_IO;
	atomic_int n = 0;

	begin(&t, 2, 4);
	good = group_new(t.pool);
	bad = group_new(t.pool);
	for (int i = 0; i < 100; i++) {
		CHECK(group_add(good, &t.op, count, &n) == 0);
		CHECK(group_add(bad, &t.op, fail_as, &kind) == 0);
	}
	CHECK(group_wait(good, &t.op) == 0 && n == 100);
	CHECK(group_wait(bad, &t.op) == -1 && t.op.err.kind == ERR_IO);
	CHECK(strstr(t.op.err.msg, "(and 99 more)"));
	end(&t);
}

static int free_it(struct op *op, void *arg)
{
	free(arg);
	return op_check(op);
}

static void what_was_taken_runs_after_a_cancel(void)
{
	struct fixture t;
	struct group *g;
	void *untaken;

	begin(&t, 1, 50);
	g = group_new(t.pool);
	for (int i = 0; i < 50; i++)
		CHECK(group_add(g, &t.op, free_it, malloc(10)) == 0);
	cancel_set(&t.cancel);
	untaken = malloc(10);
	CHECK(group_add(g, &t.op, free_it, untaken) == -1);
	CHECK(t.op.err.kind == ERR_CANCELED);
	free(untaken); /* and the others by their tasks: says the sanitizer */
	(void)!group_wait(g, &t.op);
	end(&t);
}

struct parent {
	struct group *children;
	atomic_int *n;
};

static int add_children(struct op *op, void *arg)
{
	const struct parent *p = arg;

	for (int i = 0; i < 20; i++)
		if (group_add(p->children, op, count, p->n) < 0)
			return -1;
	return 0;
}

static void a_task_may_add_to_another_pools_group(void)
{
	struct fixture t, other;
	struct group *g;
	atomic_int n = 0;
	struct parent p = { .n = &n };

	begin(&t, 3, 2);
	begin(&other, 1, 1);
	p.children = group_new(other.pool);
	g = group_new(t.pool);
	for (int i = 0; i < 50; i++)
		CHECK(group_add(g, &t.op, add_children, &p) == 0);
	CHECK(group_wait(g, &t.op) == 0);
	CHECK(group_wait(p.children, &t.op) == 0 && n == 1000);
	end(&other);
	end(&t);
}

int main(void)
{
	RUN(every_task_runs_once);
	RUN(an_empty_group_ends_at_once);
	RUN(tasks_run_at_the_same_time);
	RUN(the_first_fatal_error_is_told);
	RUN(one_groups_failure_is_not_anothers);
	RUN(what_was_taken_runs_after_a_cancel);
	RUN(a_task_may_add_to_another_pools_group);
	return 0;
}
