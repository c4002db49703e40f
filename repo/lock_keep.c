#include "repo/lock_keep.h"

#include <stdlib.h>
#include <unistd.h>

#include "lib/log.h"
#include "repo/lock_file.h"

/* Looked at so often whether it is time: this clock stops in a sleep. */
#define LOOK_NS  (30 * NS_PER_SEC)
#define AGAIN_NS (60 * NS_PER_SEC)

/* So long the removal of a lock may take after a cancel. */
#define RELEASE_NS (30 * NS_PER_SEC)

int64_t lock_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return ns_of(t.tv_sec, (uint32_t)t.tv_nsec);
}

int lock_write(struct repo *r, struct op *op, const struct who *me,
	       bool exclusive, struct id *id)
{
	const struct lock_file file = { .time = clock_wall(),
					.exclusive = exclusive,
					.hostname = me->host,
					.username = me->user,
					.pid = getpid(),
					.uid = me->uid,
					.gid = me->gid };
	struct coder *c = repo_coder(r);
	struct buf json = BUF_INIT;
	int rc;

	lock_file_write(&json, &file);
	rc = repo_save_file(r, op, c, FILE_LOCK, json.data, json.len, id);
	buf_free(&json);
	coder_free(c);
	return rc;
}

/* Alone from here until end(); what is known of the old file. */
static int begin(struct lock *l, struct op *op, struct id *old,
		 int64_t *written)
{
	bool lost;

	pthread_mutex_lock(&l->lock);
	while (l->busy)
		pthread_cond_wait(&l->wake, &l->lock);
	lost = l->lost;
	if (!lost)
		l->busy = true;
	*old = l->id;
	*written = l->written;
	pthread_mutex_unlock(&l->lock);
	if (lost)
		return err_set(&op->err, ERR_LOCKED,
			       "this run's lock of the repository was removed");
	return 0;
}

static void end(struct lock *l, const struct id *now, int64_t written,
		const struct id *unsure, bool lost)
{
	pthread_mutex_lock(&l->lock);
	if (now) {
		l->id = *now;
		l->written = written;
	}
	l->unsure = *unsure;
	l->lost = lost;
	l->busy = false;
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->lock);
}

int lock_refresh(struct lock *l, struct op *op)
{
	static const struct id none;
	int64_t written, now, size;
	struct id old, new;
	bool lost = false;
	int rc;

	if (begin(l, op, &old, &written) < 0)
		return -1;
	now = lock_clock();
	rc = lock_write(l->repo, op, &l->me, l->exclusive, &new);
	/*
	 * So old that it may have been taken for stale: then whoever did that
	 * has removed it before he went on.  The new one is visible by now, so
	 * if the old one still is there, too, there was no gap.
	 */
	if (rc == 0 && now - written > LOCK_TRUST_NS) {
		rc = store_size(l->repo->store, op, FILE_LOCK, &old, &size);
		lost = rc < 0 && op->err.kind == ERR_NOT_FOUND;
		if (lost)
			err_set(&op->err, ERR_LOCKED,
				"this run's lock of the repository was taken "
				"for stale and removed by somebody");
	}
	if (rc < 0) {
		end(l, NULL, 0, &new, lost);
		return -1;
	}
	end(l, &new, now, &none, false);
	if (store_remove(l->repo->store, op, FILE_LOCK, &old) < 0) {
		log_debug(NULL, "an old lock stays: %s", op->err.msg);
		err_clear(&op->err);
	}
	return 0;
}

/* Sleep until `due` or the end; whether it is the end. */
static bool sleep_until(struct lock *l, int64_t due)
{
	bool stop;

	pthread_mutex_lock(&l->lock);
	while (!l->stop && lock_clock() < due) {
		int64_t ns = due - lock_clock();
		struct timespec until;

		ns = ns < 0 ? 0 : ns > LOOK_NS ? LOOK_NS : ns;
		until = timespec_of(clock_mono() + ns);
		pthread_cond_timedwait(&l->wake, &l->lock, &until);
	}
	stop = l->stop;
	pthread_mutex_unlock(&l->lock);
	return stop;
}

static void *keep(void *arg)
{
	struct lock *l = arg;
	int64_t due = lock_clock() + LOCK_REFRESH_NS;

	while (!sleep_until(l, due)) {
		struct op op = op_begin(&l->cancel);
		int rc = lock_refresh(l, &op);
		bool lost = rc < 0 && op.err.kind == ERR_LOCKED;

		due = lock_clock() + (rc < 0 ? AGAIN_NS : LOCK_REFRESH_NS);
		if (rc < 0 && op.err.kind != ERR_CANCELED)
			log_notice(NULL, "refreshing the repository's lock: %s",
				   op.err.msg);
		op_end(&op);
		if (lost)
			break;
	}
	return NULL;
}

struct lock *lock_keep(struct repo *r, const struct who *me, bool exclusive,
		       const struct id *id, int64_t written)
{
	struct lock *l = xcalloc(1, sizeof(*l));
	pthread_condattr_t attr;

	l->repo = r;
	l->me = *me;
	l->exclusive = exclusive;
	l->id = *id;
	l->written = written;
	cancel_init(&l->cancel);
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&l->thread, NULL, keep, l))
		BUG("cannot start a thread");
	return l;
}

int lock_check(struct lock *l, struct op *op)
{
	int64_t age;
	bool lost;

	pthread_mutex_lock(&l->lock);
	age = lock_clock() - l->written;
	lost = l->lost;
	pthread_mutex_unlock(&l->lock);
	if (!lost && age <= LOCK_TRUST_NS)
		return 0;
	if (lock_refresh(l, op) == 0)
		return 0;
	if (op->err.kind == ERR_CANCELED || op->err.kind == ERR_LOCKED)
		return -1;
	op->err.kind = ERR_LOCKED;
	return err_wrap(&op->err,
			"the repository's lock is %lld minutes old and cannot "
			"be refreshed",
			(long long)(age / (60 * NS_PER_SEC)));
}

static void remove_file(struct lock *l, struct op *op, const struct id *id)
{
	if (id_is_null(id))
		return;
	if (store_remove(l->repo->store, op, FILE_LOCK, id) < 0)
		log_notice(NULL, "the repository's lock stays: %s",
			   op->err.msg);
}

void lock_release(struct lock *l)
{
	struct op op;

	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->lock);
	/* Also what the thread waits for; from here on, time is limited. */
	cancel_set(&l->cancel);
	pthread_join(l->thread, NULL);
	op = op_begin(&l->cancel);
	op.grace = RELEASE_NS;
	remove_file(l, &op, &l->id);
	remove_file(l, &op, &l->unsure);
	op_end(&op);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	cancel_free(&l->cancel);
	free(l);
}
