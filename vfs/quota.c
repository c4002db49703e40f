/*
 * How much room the place has, asked each minute.  By a thread of its own: a
 * server may take half a minute not to answer, and the keeper, who saves what
 * is done here, does not wait for it.
 */
#include <errno.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "vfs/parts.h"

#define ASK_EVERY (60 * NS_PER_SEC)

static void ask(struct vfs *v, struct op *op)
{
	struct quota q;
	int rc;

	if (!vfs_may_ask(v))
		return;
	rc = be_quota(v->be, op, &q);
	vfs_heard(v, rc < 0 ? &op->err : NULL);
	if (rc < 0) {
		log_info(v->be->name, "%s", op->err.msg);
		return;
	}
	vfs_lock(v);
	v->quota = q;
	vfs_unlock(v);
}

static void *keep_asking(void *arg)
{
	struct vfs *v = arg;
	struct op op = op_begin(&v->cancel);

	vfs_lock(v);
	while (!v->closing) {
		int64_t next;
		struct timespec at;

		vfs_unlock(v);
		ask(v, &op);
		arena_reset(&op.arena);
		next = clock_mono() + ASK_EVERY;
		at = timespec_of(next);
		vfs_lock(v);
		while (!v->closing && clock_mono() < next)
			pthread_cond_timedwait(&v->asker_wake, &v->lock, &at);
	}
	vfs_unlock(v);
	op_end(&op);
	return NULL;
}

int quota_open(struct vfs *v, struct op *op)
{
	int rc;

	if (!be_can(v->be, BE_QUOTA))
		return 0;
	rc = pthread_create(&v->asker, NULL, keep_asking, v);
	if (rc) {
		errno = rc;
		return err_sys(&op->err, "start a thread");
	}
	v->asking = true;
	return 0;
}

void quota_close(struct vfs *v)
{
	vfs_lock(v);
	v->closing = true;
	pthread_cond_broadcast(&v->asker_wake);
	vfs_unlock(v);
	if (v->asking)
		pthread_join(v->asker, NULL);
	v->asking = false;
}

void vfs_statfs(struct vfs *v, struct quota *out)
{
	vfs_lock(v);
	*out = v->quota;
	vfs_unlock(v);
}
