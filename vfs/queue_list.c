/*
 * What is in the queue, and waiting for it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "vfs/sending.h"

/* Out of reach for so long, with nothing sent: who waits is told. */
#define PATIENCE (10 * NS_PER_SEC)
#define LOOK_MS  200

/* ---- what is shown ------------------------------------------------------- */

static const char *action_name(const struct node *n)
{
	if (n->flags & NODE_GONE)
		return "delete";
	if (n->flags & NODE_NEW)
		return n->kind == ENTRY_DIR ? "mkdir" : "upload";
	if (n->flags & NODE_AWAY)
		return "move";
	return n->flags & NODE_DIRTY ? "upload" : "times";
}

static bool has_bytes(const struct node *n)
{
	return n->kind == ENTRY_FILE && !(n->flags & NODE_GONE) &&
	       n->flags & (NODE_NEW | NODE_DIRTY);
}

static const char *path_of(struct op *op, const struct node *n)
{
	struct buf b = BUF_INIT;
	const char *path;

	node_path(n, &b);
	path = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return path;
}

VEC(queueds, struct vfs_queued);

static int by_wait(const void *a, const void *b)
{
	const struct vfs_queued *x = a, *y = b;

	if (x->sending != y->sending)
		return x->sending ? -1 : 1;
	if (x->wait != y->wait)
		return x->wait < y->wait ? -1 : 1;
	return strcmp(x->path, y->path);
}

int vfs_queue(struct vfs *v, struct op *op, vfs_queue_fn *fn, void *arg)
{
	struct queueds all = { 0 };
	int64_t now = clock_mono();
	int rc = 0;

	vfs_lock(v);
	for (size_t i = 0; i < v->queue.n; i++) {
		const struct node *n = v->queue.at[i];
		bool sending = n->flags & NODE_SENDING;

		if (!queue_wants(n))
			continue;
		*queueds_add(&all) = (struct vfs_queued){
			.path = path_of(op, n),
			.action = action_name(n),
			.bytes = has_bytes(n) ? n->size : -1,
			.sending = sending,
			.wait = !sending && n->due > now ? n->due - now : 0,
			.error = n->error ? arena_strdup(&op->arena, n->error)
					  : NULL,
		};
	}
	vfs_unlock(v);
	if (all.n)
		qsort(all.at, all.n, sizeof(all.at[0]), by_wait);
	for (size_t i = 0; rc == 0 && i < all.n; i++)
		rc = fn(arg, op, &all.at[i]);
	queueds_free(&all);
	return rc;
}

/* What is deleted here while it is sent is not over before it is gone there. */
static bool is_over(const struct node *n)
{
	return !queue_wants(n) && !(n->flags & NODE_SENDING);
}

void queue_count(struct vfs *v, struct vfs_status *out)
{
	out->queued = out->sending = out->failed = out->queued_bytes = 0;
	for (size_t i = 0; i < v->queue.n; i++) {
		const struct node *n = v->queue.at[i];

		if (is_over(n))
			continue;
		out->queued++;
		out->sending += (n->flags & NODE_SENDING) != 0;
		if (!queue_wants(n)) /* and is to be deleted there again */
			continue;
		out->failed += n->tries > 0;
		if (has_bytes(n) && n->size > 0)
			out->queued_bytes += n->size;
	}
}

/* ---- flushing ------------------------------------------------------------ */

struct flush {
	struct nodes wait; /* held */
	int64_t heard;     /* when something was sent last, or the begin */
};

/* `path`, clean, or below it. */
static bool is_at(const struct node *n, const char *path, struct buf *b)
{
	size_t len = strlen(path);

	if (len == 0)
		return true;
	buf_reset(b);
	node_path(n, b);
	return strncmp(b->data, path, len) == 0 &&
	       (b->data[len] == '\0' || b->data[len] == '/');
}

static void gather(struct vfs *v, const char *path, bool gone_only,
		   struct flush *f)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < v->queue.n; i++) {
		struct node *n = v->queue.at[i];

		/* what is deleted while it is sent has to be deleted there */
		if (is_over(n) || (queue_wants(n) && !is_at(n, path, &b)))
			continue;
		if (gone_only && !(n->flags & NODE_GONE))
			continue;
		node_hold(n);
		*nodes_add(&f->wait) = n;
	}
	buf_free(&b);
	for (size_t i = 0; i < f->wait.n; i++) {
		/* it cannot be before the folders above it */
		for (struct node *n = f->wait.at[i]; n; n = n->parent)
			queue_now(v, n);
	}
}

/* The network may be back any time; all else does not go away by itself. */
static bool is_final(const struct node *n)
{
	const struct err_info *info = err_info(n->why);

	return n->tries && !(n->flags & NODE_SENDING) && !info->retry &&
	       n->why != ERR_CONFLICT;
}

static void done(struct vfs *v, struct flush *f, size_t i)
{
	struct node *n = f->wait.at[i];

	f->wait.at[i] = f->wait.at[--f->wait.n];
	f->heard = clock_mono();
	node_release(v, n);
}

/* Often, so it does not go through all of them. */
static bool is_done(struct vfs *v, struct flush *f)
{
	while (f->wait.n && is_over(f->wait.at[f->wait.n - 1]))
		done(v, f, f->wait.n - 1);
	return f->wait.n == 0;
}

static int check_failed(struct op *op, const struct node *n)
{
	if (is_final(n))
		return err_set(&op->err, n->why, "%s", n->error);
	return 0;
}

/* Through all of them: what failed, and what was changed once more. */
static int look(struct vfs *v, struct op *op, struct flush *f)
{
	for (size_t i = 0; i < f->wait.n;) {
		struct node *n = f->wait.at[i];

		if (is_over(n)) {
			done(v, f, i);
			continue;
		}
		if (check_failed(op, n) < 0 ||
		    (n->parent && n->parent->flags & NODE_NEW &&
		     check_failed(op, n->parent) < 0))
			return -1;
		queue_hurry(v, n);
		i++;
	}
	return 0;
}

static int out_of_reach(struct vfs *v, struct op *op, const struct flush *f)
{
	if (v->offline_until == 0 || clock_mono() - f->heard < PATIENCE)
		return 0;
	return vfs_fail(op, ENETDOWN,
			"%s is out of reach: %zu changes are kept here until "
			"it is back",
			v->be->name, f->wait.n);
}

/* With the lock, which is let go of while waiting. */
static int wait_sent(struct vfs *v, struct op *op, struct flush *f)
{
	const int64_t pause = LOOK_MS * (NS_PER_SEC / 1000);
	int64_t next = 0;
	int rc;

	while (!is_done(v, f)) {
		struct timespec until = timespec_of(next);

		if (clock_mono() < next) {
			pthread_cond_timedwait(&v->queue_done, &v->lock,
					       &until);
			continue;
		}
		if (look(v, op, f) < 0 || out_of_reach(v, op, f) < 0)
			return -1;
		next = clock_mono() + pause;
		vfs_unlock(v);
		rc = op_check(op);
		vfs_lock(v);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* With the lock: nothing is to be sent there; but is there anything? */
static int check_path(struct vfs *v, struct op *op, const char *path)
{
	struct node *n = path_node(v, op, path);

	if (!n)
		return -1;
	node_release(v, n);
	return 0;
}

int vfs_flush(struct vfs *v, struct op *op, const char *path)
{
	struct flush f = { .heard = clock_mono() };
	int rc;

	vfs_lock(v);
	gather(v, path, false, &f);
	queue_kick(v);
	if (f.wait.n == 0 && check_path(v, op, path) < 0)
		rc = -1;
	else if (f.wait.n && v->opt.read_only)
		rc = vfs_fail(op, EROFS,
			      "%zu changes wait for a mount that may write",
			      f.wait.n);
	else
		rc = wait_sent(v, op, &f);
	if (rc == 0) {
		gather(v, path, true, &f);
		rc = wait_sent(v, op, &f);
	}
	for (size_t i = 0; i < f.wait.n; i++)
		node_release(v, f.wait.at[i]);
	vfs_unlock(v);
	nodes_free(&f.wait);
	return rc;
}
