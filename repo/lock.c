#include "repo/lock.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypt/secret.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "repo/each.h"
#include "repo/lock_file.h"
#include "repo/lock_keep.h"

/* restic's: so long may a new file be invisible to others at a service. */
enum { SETTLE_MS = 200 };

/* Two that begin at once see each other, and both step back so often. */
enum { RACES = 5, RACE_MS = 250 };

#define WAIT_FIRST   (1 * NS_PER_SEC)
#define WAIT_LONGEST (10 * NS_PER_SEC)

/* Locks without a byte are what a killed upload left at some services. */
static int gather(void *arg, struct op *op, const struct id *id, int64_t size)
{
	struct ids *ids = arg;
	char hex[9];

	(void)op;
	if (size == 0)
		log_debug(NULL, "lock %s is empty: passed over",
			  id_short(id, hex));
	else
		*ids_add(ids) = *id;
	return 0;
}

/* Called for each lock; `file` is NULL where it cannot be read. */
typedef int file_fn(void *arg, struct op *op, const struct id *id,
		    const struct lock_file *file);

struct visit {
	struct repo *repo;
	file_fn *fn;   /* or */
	lock_fn *json; /* this one */
	void *arg;
};

static int visit_one(const struct visit *v, struct op *op, struct coder *c,
		     const struct id *id)
{
	struct buf json = BUF_INIT;
	struct arena a = { 0 };
	struct lock_file file;
	int rc = repo_load_file(v->repo, op, c, FILE_LOCK, id, LOCK_FILE_MAX,
				&json);

	if (rc == 0 && v->json) {
		rc = v->json(v->arg, op, id, json.data, json.len);
		goto out;
	}
	if (rc == 0)
		rc = lock_file_parse(&a, json.data, json.len, &file, &op->err);
	if (rc == 0) {
		rc = v->fn(v->arg, op, id, &file);
	} else if (op->err.kind == ERR_NOT_FOUND) {
		err_clear(&op->err); /* given back meanwhile */
		rc = 0;
	} else if (op->err.kind == ERR_CORRUPT && v->fn) {
		log_notice(NULL, "%s", op->err.msg);
		rc = v->fn(v->arg, op, id, NULL);
	}
out:
	arena_free(&a);
	buf_free(&json);
	return rc;
}

static int visit_all(const struct visit *v, struct op *op)
{
	struct coder *c = repo_coder(v->repo);
	struct ids ids = { 0 };
	int rc = store_list(v->repo->store, op, FILE_LOCK, gather, &ids);

	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		rc = visit_one(v, op, c, &ids.at[i]);
	ids_free(&ids);
	coder_free(c);
	return rc;
}

struct attempt {
	struct repo *repo;
	struct who me;
	bool exclusive;
	struct id mine; /* null as long as there is none */
	unsigned stale; /* and shared, removed */
};

static int held(struct op *op, const struct lock_file *f)
{
	struct buf since = BUF_INIT, age = BUF_INIT;
	int64_t ns = clock_wall() - f->time;

	show_time(&since, f->time, 0);
	show_duration(&age, ns < 0 ? 0 : ns);
	err_set(&op->err, ERR_LOCKED,
		"the repository is locked%s by process %lld of \"%.64s\" on "
		"\"%.64s\" since %s (%s ago); if that is gone, \"ferry repo "
		"unlock\" removes stale locks",
		f->exclusive ? " exclusively" : "", (long long)f->pid,
		f->username, f->hostname, since.data, age.data);
	buf_free(&since);
	buf_free(&age);
	return -1;
}

static bool remove_stale(struct attempt *t, struct op *op, const struct id *id,
			 const struct lock_file *f)
{
	if (store_remove(t->repo->store, op, FILE_LOCK, id) < 0) {
		log_notice(NULL, "a stale lock stays: %s", op->err.msg);
		err_clear(&op->err);
		return false;
	}
	t->stale += !f->exclusive;
	return true;
}

/*
 * What is stale must be gone before we go on: that is how its owner, if he
 * wakes up after all, knows that somebody did (lock_refresh()).
 */
static int look_at(void *arg, struct op *op, const struct id *id,
		   const struct lock_file *f)
{
	struct attempt *t = arg;
	char hex[9];

	if (id_equal(id, &t->mine))
		return 0;
	if (!f)
		return err_set(&op->err, ERR_LOCKED,
			       "the repository has a lock that cannot be read "
			       "(%s); \"ferry repo unlock --remove-all\" "
			       "removes it",
			       id_short(id, hex));
	if (lock_file_is_stale(f, clock_wall(), t->me.host) &&
	    remove_stale(t, op, id, f))
		return 0;
	return t->exclusive || f->exclusive ? held(op, f) : 0;
}

static void give_up(struct attempt *t, struct op *op)
{
	struct err why = op->err;
	struct op own = op_begin(op->cancel);

	own.grace = 10 * NS_PER_SEC;
	if (store_remove(t->repo->store, &own, FILE_LOCK, &t->mine) < 0)
		log_notice(NULL, "a lock of this run stays: %s", own.err.msg);
	op_end(&own);
	t->mine = (struct id){ 0 };
	op->err = why;
}

/* `*raced`: it failed only because of one who came at the same time. */
static int try_once(struct attempt *t, struct op *op, bool *raced,
		    struct lock **out)
{
	const struct visit visit = { .repo = t->repo, .fn = look_at, .arg = t };
	int64_t written;
	int rc = visit_all(&visit, op);

	*raced = false;
	if (rc < 0)
		return -1;
	written = lock_clock();
	rc = lock_write(t->repo, op, &t->me, t->exclusive, &t->mine);
	if (rc == 0 && be_can(store_backend(t->repo->store), BE_REMOTE))
		rc = op_sleep(op, SETTLE_MS);
	if (rc == 0) {
		rc = visit_all(&visit, op);
		*raced = rc < 0 && op->err.kind == ERR_LOCKED;
	}
	if (rc == 0)
		*out = lock_keep(t->repo, &t->me, t->exclusive, &t->mine,
				 written);
	else
		give_up(t, op);
	return rc;
}

static int try_some(struct attempt *t, struct op *op, struct lock **out)
{
	for (unsigned n = 0;; n++) {
		uint16_t random;
		bool raced;
		struct err why;

		if (try_once(t, op, &raced, out) == 0)
			return 0;
		if (!raced || n == RACES)
			return -1;
		why = op->err;
		random_bytes(&random, sizeof(random));
		if (op_sleep(op, random % ((unsigned)RACE_MS << n)) < 0)
			return -1;
		op->err = why;
	}
}

int lock_take(struct repo *r, struct op *op, bool exclusive, int64_t retry,
	      unsigned *stale, struct lock **out)
{
	struct attempt t = { .repo = r, .exclusive = exclusive };
	int64_t end, wait = WAIT_FIRST;
	int rc;

	*out = NULL;
	who_am_i(&t.me);
	if (__builtin_add_overflow(clock_mono(), retry, &end))
		end = INT64_MAX;
	while ((rc = try_some(&t, op, out)) < 0 && op->err.kind == ERR_LOCKED) {
		int64_t left = end - clock_mono();

		if (left <= 0)
			break;
		if (wait > left)
			wait = left;
		log_debug(NULL, "%s", op->err.msg);
		if (op_sleep(op, (unsigned)(wait / 1000000 + 1)) < 0)
			break;
		wait = wait * 2 > WAIT_LONGEST ? WAIT_LONGEST : wait * 2;
	}
	if (stale)
		*stale = t.stale;
	return rc;
}

struct removal {
	struct repo *repo;
	struct who me;
	bool all;
	unsigned removed;
};

static int remove_one(void *arg, struct op *op, const struct id *id,
		      const struct lock_file *f)
{
	struct removal *m = arg;

	if (!m->all && (!f || !lock_file_is_stale(f, clock_wall(), m->me.host)))
		return 0;
	if (store_remove(m->repo->store, op, FILE_LOCK, id) < 0)
		return -1;
	m->removed++;
	return 0;
}

/* Without a look inside: whatever it is, it goes. */
static int remove_all(struct removal *m, struct op *op)
{
	struct ids ids = { 0 };
	int rc = ids_list(m->repo->store, op, FILE_LOCK, &ids);

	for (size_t i = 0; rc == 0 && i < ids.n; i++)
		rc = remove_one(m, op, &ids.at[i], NULL);
	ids_free(&ids);
	return rc;
}

int lock_remove(struct repo *r, struct op *op, bool all, unsigned *removed)
{
	struct removal m = { .repo = r, .all = all };
	const struct visit visit = { .repo = r, .fn = remove_one, .arg = &m };
	int rc;

	who_am_i(&m.me);
	rc = all ? remove_all(&m, op) : visit_all(&visit, op);
	*removed = m.removed;
	return rc;
}

int lock_each(struct repo *r, struct op *op, lock_fn *fn, void *arg)
{
	const struct visit visit = { .repo = r, .json = fn, .arg = arg };

	return visit_all(&visit, op);
}
