#include "tests/unit/repos.h"

#include <sys/wait.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/pool.h"
#include "repo/lock_file.h"
#include "repo/lock_keep.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;

static void begin(const char *spec)
{
	memory_repo_begin_at(&m, spec);
	r = &m.repo;
	op = &m.places.op;
}

static void end(void)
{
	memory_repo_end(&m);
}

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && op->err.kind == kind;
}

static int count(void *arg, struct op *o, const struct id *id, int64_t size)
{
	(void)o;
	(void)id;
	(void)size;
	++*(size_t *)arg;
	return 0;
}

static size_t locks(void)
{
	size_t n = 0;

	CHECK(store_list(r->store, op, FILE_LOCK, count, &n) == 0);
	return n;
}

static struct lock *take(bool exclusive)
{
	struct lock *l = NULL;

	CHECK(lock_take(r, op, exclusive, 0, NULL, &l) == 0 && l);
	return l;
}

static bool is_refused(bool exclusive)
{
	struct lock *l;

	return fails_with(lock_take(r, op, exclusive, 0, NULL, &l),
			  ERR_LOCKED) &&
	       !l;
}

/* Somebody else's. */
static struct id put_lock(bool exclusive, int64_t age, const char *host,
			  int64_t pid)
{
	const struct lock_file f = { .time = clock_wall() - age,
				     .exclusive = exclusive,
				     .hostname = host,
				     .username = "them",
				     .pid = pid };
	struct buf json = BUF_INIT;
	struct id id;

	lock_file_write(&json, &f);
	CHECK(repo_save_file(r, op, m.coder, FILE_LOCK, json.data, json.len,
			     &id) == 0);
	buf_free(&json);
	return id;
}

/* The number of a process that is no more. */
static int64_t dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	CHECK(pid > 0 && waitpid(pid, NULL, 0) == pid);
	return pid;
}

static void shared_locks_live_together_and_an_exclusive_one_alone(void)
{
	struct lock *a, *b;

	begin(":mem:");
	a = take(false);
	b = take(false);
	CHECK(locks() == 2);
	CHECK(is_refused(true));
	lock_release(a);
	CHECK(is_refused(true));
	lock_release(b);
	CHECK(locks() == 0);
	a = take(true);
	CHECK(is_refused(false) && is_refused(true));
	CHECK(strstr(op->err.msg, "ferry repo unlock"));
	CHECK(lock_check(a, op) == 0);
	lock_release(a);
	CHECK(locks() == 0);
	lock_release(NULL);
	end();
}

static void of_two_that_begin_at_once_only_one_gets_it(void)
{
	struct lock *l;

	/*
	 * What the second look shows is what came between: here, a lock that
	 * the first listing had not shown.
	 */
	begin(":fault,remote=':mem:',op=list,calls=1,cut=0:");
	put_lock(true, 0, "elsewhere", 1);
	CHECK(fails_with(lock_take(r, op, true, 0, NULL, &l), ERR_LOCKED));
	CHECK(locks() == 1); /* ours was taken back */
	end();
}

static void whoever_waits_gets_it_when_it_is_free(void)
{
	struct lock *l;
	int64_t before = clock_mono();

	begin(":mem:");
	put_lock(true, 0, "elsewhere", 1);
	CHECK(fails_with(lock_take(r, op, false, NS_PER_SEC / 5, NULL, &l),
			 ERR_LOCKED));
	CHECK(clock_mono() - before >= NS_PER_SEC / 5);
	end();
}

static int release_later(struct op *o, void *arg)
{
	(void)!op_sleep(o, 300);
	lock_release(arg);
	return 0;
}

static void a_lock_that_is_released_lets_the_next_one_in(void)
{
	struct pool *pool;
	struct group *g;
	struct lock *l;

	begin(":mem:");
	pool = pool_new(1, 1, &m.places.cancel);
	g = group_new(pool);
	CHECK(group_add(g, op, release_later, take(true)) == 0);
	CHECK(lock_take(r, op, true, 600 * NS_PER_SEC, NULL, &l) == 0);
	CHECK(group_wait(g, op) == 0);
	lock_release(l);
	CHECK(locks() == 0);
	pool_free(pool);
	end();
}

static void stale_locks_are_removed_and_counted(void)
{
	struct who me;
	struct lock *l;
	unsigned stale;

	begin(":mem:");
	who_am_i(&me);
	put_lock(true, LOCK_STALE_NS + NS_PER_SEC, "elsewhere", 1);
	put_lock(false, 0, me.host, dead_pid());
	CHECK(lock_take(r, op, true, 0, &stale, &l) == 0 && stale == 1);
	CHECK(locks() == 1);
	lock_release(l);
	end();
}

static void what_is_not_stale_stays(void)
{
	struct who me;
	unsigned n;

	begin(":mem:");
	who_am_i(&me);
	put_lock(false, LOCK_STALE_NS - 60 * NS_PER_SEC, "elsewhere", 1);
	put_lock(false, 0, "elsewhere", dead_pid());
	put_lock(false, 0, me.host, getpid());
	put_lock(false, 0, me.host, 1); /* may not be signalled */
	put_lock(false, 0, me.host, 0);
	put_lock(false, -24 * 3600 * NS_PER_SEC, "elsewhere", 1);
	CHECK(lock_remove(r, op, false, &n) == 0 && n == 0);
	CHECK(locks() == 6);
	CHECK(is_refused(true));
	CHECK(lock_remove(r, op, true, &n) == 0 && n == 6);
	CHECK(locks() == 0);
	end();
}

static void a_lock_that_cannot_be_read_is_one_all_the_same(void)
{
	static const char path[] = "locks/00000000000000000000000000000000"
				   "00000000000000000000000000000000";
	unsigned n;

	begin(":mem:");
	CHECK(put_bytes(&m.places, m.be, path, 1, 100) == 0);
	CHECK(is_refused(false));
	CHECK(strstr(op->err.msg, "--remove-all"));
	CHECK(lock_remove(r, op, false, &n) == 0 && n == 0);
	CHECK(lock_remove(r, op, true, &n) == 0 && n == 1);
	/* but not what a broken upload left */
	CHECK(put_bytes(&m.places, m.be, path, 1, 0) == 0);
	lock_release(take(true));
	end();
}

static struct id id_of_lock(struct lock *l)
{
	struct id id;

	pthread_mutex_lock(&l->lock);
	id = l->id;
	pthread_mutex_unlock(&l->lock);
	return id;
}

/* As after a sleep of the machine. */
static void make_old(struct lock *l)
{
	pthread_mutex_lock(&l->lock);
	l->written -= LOCK_TRUST_NS + NS_PER_SEC;
	pthread_mutex_unlock(&l->lock);
}

static void a_refreshed_lock_has_another_file(void)
{
	struct id before, after;
	struct lock *l;
	int64_t size;

	begin(":mem:");
	l = take(true);
	before = id_of_lock(l);
	CHECK(lock_refresh(l, op) == 0);
	after = id_of_lock(l);
	CHECK(!id_equal(&before, &after));
	CHECK(locks() == 1);
	CHECK(store_size(r->store, op, FILE_LOCK, &after, &size) == 0);
	CHECK(lock_check(l, op) == 0);
	lock_release(l);
	CHECK(locks() == 0);
	end();
}

static void an_old_lock_that_nobody_removed_is_made_new(void)
{
	struct id before, after;
	struct lock *l;

	begin(":mem:");
	l = take(true);
	before = id_of_lock(l);
	make_old(l);
	CHECK(lock_check(l, op) == 0);
	after = id_of_lock(l);
	CHECK(!id_equal(&before, &after) && locks() == 1);
	lock_release(l);
	CHECK(locks() == 0);
	end();
}

static void an_old_lock_that_somebody_removed_is_lost(void)
{
	struct lock *l;
	unsigned n;

	begin(":mem:");
	l = take(true);
	CHECK(lock_remove(r, op, true, &n) == 0 && n == 1);
	CHECK(lock_check(l, op) == 0); /* young: what he did is his affair */
	make_old(l);
	CHECK(fails_with(lock_check(l, op), ERR_LOCKED));
	CHECK(fails_with(lock_check(l, op), ERR_LOCKED));
	lock_release(l);
	CHECK(locks() == 0);
	end();
}

static void an_old_lock_that_cannot_be_refreshed_is_lost_for_now(void)
{
	struct lock *l;

	begin(":fault,remote=':mem:',op=put,calls=2,error=denied:");
	l = take(true);
	make_old(l);
	CHECK(fails_with(lock_check(l, op), ERR_LOCKED));
	CHECK(lock_check(l, op) == 0);
	lock_release(l);
	CHECK(locks() == 0);
	end();
}

static void a_lock_is_released_also_after_a_cancel(void)
{
	struct lock *l, *none;

	begin(":mem:");
	l = take(true);
	cancel_set(&m.places.cancel);
	CHECK(fails_with(lock_take(r, op, false, 0, NULL, &none),
			 ERR_CANCELED));
	lock_release(l);
	atomic_store(&m.places.cancel.set, false);
	CHECK(locks() == 0);
	end();
}

static int show(void *arg, struct op *o, const struct id *id, const char *json,
		size_t n)
{
	struct arena a = { 0 };
	struct lock_file f;

	(void)id;
	CHECK(lock_file_parse(&a, json, n, &f, &o->err) == 0);
	CHECK(f.exclusive);
	CHECK_STR(f.username, "them");
	arena_free(&a);
	++*(unsigned *)arg;
	return 0;
}

static void locks_are_shown_as_they_are(void)
{
	unsigned n = 0;

	begin(":mem:");
	put_lock(true, 0, "h", 1);
	CHECK(lock_each(r, op, show, &n) == 0 && n == 1);
	end();
}

static void locks_of_restic_are_understood_and_bad_ones_corrupt(void)
{
	static const char restics[] =
		"{\"time\":\"2026-11-22T05:15:22.678248327+01:00\","
		"\"exclusive\":true,\"hostname\":\"vm\",\"username\":\"me\","
		"\"pid\":6689,\"uid\":1000,\"gid\":100}";
	static const char *const bad[] = { "", "[]", "{}",
					   "{\"time\":\"yesterday\"}" };
	struct buf b = BUF_INIT;
	struct arena a = { 0 };
	struct lock_file f;
	struct err e;

	CHECK(lock_file_parse(&a, restics, strlen(restics), &f, &e) == 0);
	CHECK(f.exclusive && f.pid == 6689 && f.uid == 1000 && f.gid == 100);
	CHECK(f.time == INT64_C(1795320922678248327));
	lock_file_write(&b, &f);
	CHECK_STR(b.data, "{\"time\":\"2026-11-22T04:15:22.678248327Z\","
			  "\"exclusive\":true,\"hostname\":\"vm\","
			  "\"username\":\"me\",\"pid\":6689,\"uid\":1000,"
			  "\"gid\":100}");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(lock_file_parse(&a, bad[i], strlen(bad[i]), &f, &e) < 0 &&
		      e.kind == ERR_CORRUPT);
	buf_free(&b);
	arena_free(&a);
}

enum { THREADS = 3, ROUNDS = 3 };

static atomic_int inside;

static int take_turns(struct op *o, void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct lock *l;

		CHECK(lock_take(r, o, true, 600 * NS_PER_SEC, NULL, &l) == 0);
		CHECK(atomic_fetch_add(&inside, 1) == 0);
		CHECK(atomic_fetch_sub(&inside, 1) == 1);
		lock_release(l);
	}
	return 0;
}

static void an_exclusive_lock_is_one_threads_at_a_time(void)
{
	struct pool *pool;
	struct group *g;

	begin(":mem:");
	pool = pool_new(THREADS, THREADS, &m.places.cancel);
	g = group_new(pool);
	for (int i = 0; i < THREADS; i++)
		CHECK(group_add(g, op, take_turns, NULL) == 0);
	CHECK(group_wait(g, op) == 0);
	pool_free(pool);
	CHECK(locks() == 0);
	end();
}

int main(void)
{
	RUN(shared_locks_live_together_and_an_exclusive_one_alone);
	RUN(of_two_that_begin_at_once_only_one_gets_it);
	RUN(whoever_waits_gets_it_when_it_is_free);
	RUN(a_lock_that_is_released_lets_the_next_one_in);
	RUN(stale_locks_are_removed_and_counted);
	RUN(what_is_not_stale_stays);
	RUN(a_lock_that_cannot_be_read_is_one_all_the_same);
	RUN(a_refreshed_lock_has_another_file);
	RUN(an_old_lock_that_nobody_removed_is_made_new);
	RUN(an_old_lock_that_somebody_removed_is_lost);
	RUN(an_old_lock_that_cannot_be_refreshed_is_lost_for_now);
	RUN(a_lock_is_released_also_after_a_cancel);
	RUN(locks_are_shown_as_they_are);
	RUN(locks_of_restic_are_understood_and_bad_ones_corrupt);
	RUN(an_exclusive_lock_is_one_threads_at_a_time);
	return 0;
}
