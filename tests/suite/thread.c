#include "tests/suite/suite.h"

#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 8, FILES = 6 };

/* What one thread works with: an op of its own, and no report before join. */
struct worker {
	struct suite own; /* a copy: same backend, another op */
	pthread_t thread;
	unsigned number;
	const char *wrong; /* what did not work, or NULL */
};

static struct worker *start(struct suite *s, struct worker *w, unsigned n,
			    void *(*fn)(void *))
{
	*w = (struct worker){ .own = *s, .number = n };
	w->own.op = op_begin(s->cancel);
	if (pthread_create(&w->thread, NULL, fn, w) != 0)
		return NULL;
	return w;
}

/* All results; the last failure becomes the test's. */
static void run_threads(struct suite *s, void *(*fn)(void *))
{
	struct worker *w = xcalloc(THREADS, sizeof(*w));
	unsigned n = 0;

	while (n < THREADS && start(s, &w[n], n, fn))
		n++;
	for (unsigned i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		if (w[i].wrong) {
			s->op.err = w[i].own.op.err;
			suite_failed(s, __FILE__, __LINE__, w[i].wrong, NULL);
		}
		op_end(&w[i].own.op);
	}
	free(w);
	WANT(n == THREADS);
}

static void *own_folder(void *arg)
{
	struct worker *w = arg;
	struct suite *s = &w->own;
	char name[64];

	for (unsigned i = 0; i < FILES && !w->wrong; i++) {
		uint64_t seed = w->number * FILES + i;

		snprintf(name, sizeof(name), "d%u/f%u", w->number, i);
		if (put(s, name, seed, 50000) < 0)
			w->wrong = "put";
		else if (!holds(s, name, seed, 50000))
			w->wrong = "get what was put";
		else if (i % 2 && be_unlink(s->be, &s->op, in(s, name)) < 0)
			w->wrong = "unlink";
	}
	return NULL;
}

static void many_threads_in_their_own_folders(struct suite *s)
{
	run_threads(s, own_folder);
	for (unsigned i = 0; i < THREADS && !s->failed; i++) {
		struct entry *at;
		char name[16];
		size_t n;

		snprintf(name, sizeof(name), "d%u", i);
		WANT(list_all(s, name, &at, &n) == 0);
		WANT(n == FILES / 2);
	}
}

static void *same_folder(void *arg)
{
	struct worker *w = arg;
	struct suite *s = &w->own;
	char name[64];

	for (unsigned i = 0; i < FILES && !w->wrong; i++) {
		uint64_t seed = w->number * FILES + i;
		struct entry *at;
		size_t n;

		snprintf(name, sizeof(name), "new/sub/t%u-%u", w->number, i);
		if (be_mkdir(s->be, &s->op, in(s, "new/sub")) < 0)
			w->wrong = "mkdir of one directory by many";
		else if (put(s, name, seed, 3000) < 0)
			w->wrong = "put";
		else if (list_all(s, "new/sub", &at, &n) < 0 || n == 0)
			w->wrong = "list while others put";
		else if (!holds(s, name, seed, 3000))
			w->wrong = "get what was put";
	}
	return NULL;
}

static void many_threads_in_one_folder(struct suite *s)
{
	struct entry *at;
	size_t n;

	run_threads(s, same_folder);
	if (s->failed)
		return;
	WANT(list_all(s, "new/sub", &at, &n) == 0);
	WANT(n == THREADS * FILES);
}

static void *same_file(void *arg)
{
	struct worker *w = arg;
	struct suite *s = &w->own;
	const struct put_opt create = { .mtime = MTIME_UNKNOWN,
					.mode = PUT_CREATE };

	if (put_with(s, "one", w->number, 20000, &create) < 0) {
		if (s->op.err.kind != ERR_EXISTS)
			w->wrong = "lose with ERR_EXISTS";
		return NULL;
	}
	if (!holds(s, "one", w->number, 20000))
		w->wrong = "find what was created";
	return NULL;
}

static void one_of_many_creates_a_file(struct suite *s)
{
	unsigned winners = 0;

	if (be_can(s->be, BE_LOOSE_CREATE))
		SKIP("this service cannot tell who was first");
	run_threads(s, same_file);
	if (s->failed)
		return;
	for (unsigned i = 0; i < THREADS; i++)
		winners += holds(s, "one", i, 20000);
	WANT(winners == 1);
}

static void a_canceled_put_leaves_nothing(struct suite *s)
{
	struct bytes_source src = bytes_source(1, 1 << 20);
	struct cancel cancel;
	struct op op;
	int rc;

	cancel_init(&cancel);
	op = op_begin(&cancel);
	src.cancel_at = 300000;
	src.cancel = &cancel;
	rc = be_put(s->be, &op, in(s, "f"), &src.base, &put_plainly, NULL);
	s->op.err = op.err;
	op_end(&op);
	cancel_free(&cancel);
	WANT(rc == -1 && s->op.err.kind == ERR_CANCELED);
	WANT(is_gone(s, "f"));
}

static void a_canceled_get_ends(struct suite *s)
{
	struct bytes_sink dst = bytes_sink(1, 0);
	const struct get_opt all = { .len = -1 };
	struct cancel cancel;
	struct op op;
	int rc;

	WANT(put(s, "f", 1, 4 << 20) == 0);
	cancel_init(&cancel);
	op = op_begin(&cancel);
	dst.cancel = &cancel;
	rc = be_get(s->be, &op, in(s, "f"), &all, &dst.base);
	s->op.err = op.err;
	op_end(&op);
	cancel_free(&cancel);
	WANT(rc == -1 && s->op.err.kind == ERR_CANCELED);
	WANT(dst.n < 4 << 20);
}

static void what_is_canceled_does_not_begin(struct suite *s)
{
	struct cancel cancel;
	struct op op;
	int rc;

	cancel_init(&cancel);
	cancel_set(&cancel);
	op = op_begin(&cancel);
	rc = be_mkdir(s->be, &op, in(s, "d"));
	s->op.err = op.err;
	op_end(&op);
	cancel_free(&cancel);
	WANT(rc == -1 && s->op.err.kind == ERR_CANCELED);
	WANT(is_gone(s, "d"));
}

const struct suite_test thread_tests[] = {
	TEST(many_threads_in_their_own_folders, 0),
	TEST(many_threads_in_one_folder, 0),
	TEST(one_of_many_creates_a_file, BE_PUT_ATOMIC),
	TEST(a_canceled_put_leaves_nothing, 0),
	TEST(a_canceled_get_ends, 0),
	TEST(what_is_canceled_does_not_begin, 0),
	{ NULL, NULL, 0 },
};
