/*
 * When each node is sent: a heap by time, and threads that take from it.
 *
 * A node is in the heap as long as the place has to be told of it, also while
 * that is done (it is then due never).  Threads are started as there is work;
 * of those that have none, one waits for the time of the first and the others
 * until they are woken.
 */
#include "vfs/sending.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"

#define NEVER      INT64_MAX
#define SECONDS(n) ((n)*NS_PER_SEC)

/* A file that is open is sent after so long a quiet, or a stretch of work. */
#define OPEN_QUIET   SECONDS(30)
#define OPEN_LONGEST SECONDS(300)
/* One that is opened, appended to and closed all the time. */
#define BUSY_LONGEST SECONDS(30)
/* Who waits for another node looks by itself after so long. */
#define WAIT_LONGEST SECONDS(5)
/* For what is under way when closing, before it is called off. */
#define CLOSE_GRACE SECONDS(5)
/*
 * While much is changed at a stretch (an archive is unpacked), nothing is sent,
 * so that it is over soon: until nothing has changed for so long, or it has
 * gone on for so long.
 */
#define BURST_GAP     (NS_PER_SEC / 20)
#define BURST_LONGEST SECONDS(5)
enum { BURST_LEAST = 100 };

/* How many of them are at work at once is found by the backend (gate.h). */
enum { SENDERS_MAX = 64 };

/* ---- the heap ------------------------------------------------------------ */

static bool before(const struct node *a, const struct node *b)
{
	return a->due != b->due ? a->due < b->due : a->ino < b->ino;
}

static void heap_put(struct vfs *v, struct node *n, size_t i)
{
	v->queue.at[i] = n;
	n->heap = i;
}

static void heap_up(struct vfs *v, struct node *n)
{
	size_t i = n->heap;

	while (i > 0 && before(n, v->queue.at[(i - 1) / 2])) {
		heap_put(v, v->queue.at[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	heap_put(v, n, i);
}

static void heap_down(struct vfs *v, struct node *n)
{
	size_t i = n->heap, kid;

	while ((kid = 2 * i + 1) < v->queue.n) {
		if (kid + 1 < v->queue.n &&
		    before(v->queue.at[kid + 1], v->queue.at[kid]))
			kid++;
		if (!before(v->queue.at[kid], n))
			break;
		heap_put(v, v->queue.at[kid], i);
		i = kid;
	}
	heap_put(v, n, i);
}

static struct node *first(const struct vfs *v)
{
	return v->queue.n ? v->queue.at[0] : NULL;
}

/* ---- threads ------------------------------------------------------------- */

static void *sender(void *arg); /* which takes, settles, and starts others */

static void start_sender(struct vfs *v)
{
	struct sending *s = v->sending;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	if (pthread_create(&s->threads[s->n_threads], &attr, sender, v) == 0)
		s->n_threads++;
	else if (s->n_threads == 0)
		log_error(NULL, "no thread can be started: nothing is sent");
	pthread_attr_destroy(&attr);
}

/* There is something to do for one more. */
static void another(struct vfs *v)
{
	struct sending *s = v->sending;

	if (s->stop)
		return;
	if (s->idle)
		pthread_cond_signal(&s->wake);
	else if (s->n_threads < s->most)
		start_sender(v);
}

void queue_kick(struct vfs *v)
{
	struct sending *s = v->sending;

	if (!s || !first(v))
		return;
	if (s->timing)
		pthread_cond_signal(&s->tick);
	else
		another(v);
}

static void set_due(struct vfs *v, struct node *n, int64_t due)
{
	int64_t was = n->due;

	n->due = due;
	if (due < was)
		heap_up(v, n);
	else if (due > was)
		heap_down(v, n);
	if (first(v) == n && due != NEVER)
		queue_kick(v);
}

/* ---- in and out ---------------------------------------------------------- */

bool queue_wants(const struct node *n)
{
	return n->flags & (NODE_PENDING | NODE_UNSURE) &&
	       !(n->flags & (NODE_LOCAL | NODE_DROPPED));
}

static void enqueue(struct vfs *v, struct node *n, int64_t due)
{
	node_hold(n);
	n->flags |= NODE_QUEUED;
	n->tries = 0;
	n->due = NEVER;
	n->heap = v->queue.n;
	*nodes_add(&v->queue) = n;
	set_due(v, n, due);
}

static void set_error(struct node *n, const struct err *e)
{
	free(n->error);
	n->error = e ? xstrdup(e->msg) : NULL;
	n->why = e ? (uint8_t)e->kind : ERR_OK;
}

/* The last wait is put in the place of one that is over. */
static void wait_over(struct vfs *v, struct wait *w)
{
	struct waits *all = &v->sending->waits;
	struct wait gone = *w;

	*w = all->at[--all->n];
	gone.who->flags &= ~(uint32_t)NODE_WAITS;
	node_release(v, gone.who);
	node_release(v, gone.whom);
}

static void wait_no_more(struct vfs *v, struct node *n)
{
	struct waits *all = &v->sending->waits;

	for (size_t i = 0; n->flags & NODE_WAITS && i < all->n; i++)
		if (all->at[i].who == n)
			wait_over(v, &all->at[i--]);
}

/* Something has become of it: who waits for that is due. */
static void wake_waiting(struct vfs *v, struct node *n)
{
	struct waits *all = &v->sending->waits;

	if (!(n->flags & NODE_AWAITED))
		return;
	n->flags &= ~(uint32_t)NODE_AWAITED;
	for (size_t i = 0; i < all->n; i++) {
		struct node *who = all->at[i].who;

		if (all->at[i].whom != n)
			continue;
		if (who->flags & NODE_QUEUED && !(who->flags & NODE_SENDING))
			set_due(v, who, clock_mono());
		wait_over(v, &all->at[i--]);
	}
}

static void dequeue(struct vfs *v, struct node *n)
{
	struct node *last = v->queue.at[v->queue.n - 1];

	v->queue.n--;
	if (last != n) {
		heap_put(v, last, n->heap);
		heap_up(v, last);
		heap_down(v, last);
	}
	n->flags &= ~(uint32_t)NODE_QUEUED;
	set_error(n, NULL);
	n->tries = 0;
	wait_no_more(v, n);
	wake_waiting(v, n);
	pthread_cond_broadcast(&v->queue_done);
	node_release(v, n);
}

static void note_change(struct sending *s, int64_t now)
{
	if (now - s->changed_at > BURST_GAP) {
		s->burst_at = now;
		s->burst = 0;
	}
	s->changed_at = now;
	s->burst++;
}

/* When something may be sent, whatever is changed just now. */
static int64_t burst_over(const struct sending *s)
{
	int64_t quiet = s->changed_at + BURST_GAP;
	int64_t longest = s->burst_at + BURST_LONGEST;

	if (s->burst < BURST_LEAST)
		return 0;
	return quiet < longest ? quiet : longest;
}

/* When it has been left alone for long enough. */
static int64_t quiet_after(const struct vfs *v, const struct node *n,
			   int64_t now)
{
	bool open = n->kind == ENTRY_FILE && n->opens &&
		    n->flags & (NODE_NEW | NODE_DIRTY) &&
		    !(n->flags & NODE_GONE);
	int64_t quiet = v->opt.write_back;
	int64_t longest = open ? OPEN_LONGEST : BUSY_LONGEST;
	int64_t due;

	if (open && quiet < OPEN_QUIET)
		quiet = OPEN_QUIET;
	due = now + quiet;
	if (due > n->since + longest)
		due = n->since + longest;
	/* never in the midst of it */
	return due > now + v->opt.write_back ? due : now + v->opt.write_back;
}

void queue_changed(struct vfs *v, struct node *n)
{
	int64_t now;

	n->change++;
	if (!(n->flags & NODE_DROPPED))
		store_save(v, n);
	if (!v->sending)
		return;
	if (n->flags & NODE_DROPPED && !(n->flags & NODE_SENDING))
		unsure_dropped(v, n);
	if (!queue_wants(n)) {
		if (n->flags & NODE_QUEUED && !(n->flags & NODE_SENDING))
			dequeue(v, n);
		return;
	}
	if (n->flags & NODE_SENDING)
		return; /* settle() looks at it again */
	now = clock_mono();
	note_change(v->sending, now);
	if (n->flags & NODE_QUEUED) {
		set_due(v, n, quiet_after(v, n, now));
		return;
	}
	n->since = now;
	enqueue(v, n, quiet_after(v, n, now));
}

void queue_now(struct vfs *v, struct node *n)
{
	if (!(n->flags & NODE_QUEUED) || n->flags & NODE_SENDING)
		return;
	n->tries = 0;
	set_error(n, NULL);
	if (n->due > clock_mono())
		set_due(v, n, clock_mono());
}

void queue_hurry(struct vfs *v, struct node *n)
{
	if (n->flags & NODE_QUEUED &&
	    !(n->flags & (NODE_SENDING | NODE_WAITS)) && n->tries == 0 &&
	    n->due > clock_mono())
		set_due(v, n, clock_mono());
}

void queue_wait_for(struct vfs *v, struct node *who, struct node *whom)
{
	wait_no_more(v, who);
	node_hold(who);
	node_hold(whom);
	*waits_add(&v->sending->waits) = (struct wait){ who, whom };
	who->flags |= NODE_WAITS;
	whom->flags |= NODE_AWAITED;
	queue_hurry(v, whom);
}

void queue_wake(struct vfs *v)
{
	int64_t now = clock_mono();

	if (!v->sending)
		return;
	for (size_t i = 0; i < v->queue.n; i++) {
		struct node *n = v->queue.at[i];

		if (n->due != NEVER && n->due > now && n->tries &&
		    err_info(n->why)->retry)
			n->due = now;
	}
	for (size_t i = v->queue.n / 2; i-- > 0;)
		heap_down(v, v->queue.at[i]);
	queue_kick(v);
}

/* ---- taking and settling ------------------------------------------------- */

static struct node *take(struct vfs *v)
{
	int64_t now = clock_mono();
	struct node *n;

	while ((n = first(v)) && n->due != NEVER && !queue_wants(n))
		dequeue(v, n);
	if (!n || n->due > now || v->offline_until > now ||
	    burst_over(v->sending) > now)
		return NULL;
	wait_no_more(v, n);
	n->flags |= NODE_SENDING;
	set_due(v, n, NEVER);
	n->since = now;
	if (first(v)->due <= now || !v->sending->timing)
		another(v);
	return n;
}

/* After the last of several failures. */
static int64_t again_after(const struct node *n, const struct err *e)
{
	bool soon = err_info(e->kind)->retry || e->kind == ERR_CONFLICT;
	int64_t wait = soon ? SECONDS(2) : SECONDS(30);
	int64_t asked = (int64_t)e->retry_after * (NS_PER_SEC / 1000);

	for (unsigned i = 1; i < n->tries && wait < SECONDS(300); i++)
		wait *= 2;
	if (wait > SECONDS(300))
		wait = SECONDS(300);
	return wait > asked ? wait : asked;
}

static bool is_network(enum err_kind kind)
{
	return kind == ERR_NETWORK || kind == ERR_TIMEOUT;
}

/* The user is told: it does not go away by itself, and is new. */
static bool failed(struct vfs *v, struct node *n, const struct err *e)
{
	const struct err_info *info = err_info(e->kind);
	bool tell = !info->retry && (n->tries == 0 || n->why != e->kind);
	int64_t now = clock_mono();

	if (e->kind == ERR_CANCELED) {
		set_due(v, n, now + SECONDS(1));
		return false;
	}
	n->tries++;
	set_error(n, e);
	snprintf(v->count.last_error, sizeof(v->count.last_error), "%.*s",
		 (int)sizeof(v->count.last_error) - 1, e->msg);
	if (is_network(e->kind) && v->offline_until > now)
		set_due(v, n, v->offline_until);
	else
		set_due(v, n, now + again_after(n, e));
	return tell;
}

/* With the lock; whether the user is to be told of op->err. */
static bool settle(struct vfs *v, struct op *op, struct node *n, int rc,
		   uint64_t change)
{
	bool waits = n->flags & NODE_WAITS, tell = false;
	int64_t now = clock_mono();

	n->flags &= ~(uint32_t)NODE_SENDING;
	if (n->flags & NODE_DROPPED)
		unsure_dropped(v, n);
	if (!queue_wants(n)) {
		dequeue(v, n);
		return false;
	}
	if (rc < 0) {
		tell = failed(v, n, &op->err);
	} else if (rc > 0) {
		set_due(v, n, waits ? now + WAIT_LONGEST : now);
	} else {
		n->tries = 0;
		set_error(n, NULL);
		n->since = now;
		set_due(v, n,
			n->change == change ? now : quiet_after(v, n, now));
	}
	/* two that wait for each other are not to keep each other awake */
	if (rc != 2 || n->change != change)
		wake_waiting(v, n);
	pthread_cond_broadcast(&v->queue_done);
	return tell;
}

static void serve(struct vfs *v, struct op *op, struct node *n)
{
	uint64_t change = n->change;
	struct buf path = BUF_INIT;
	bool tell;
	int rc;

	node_hold(n);
	vfs_unlock(v);
	rc = send_node(v, op, n);
	vfs_lock(v);
	tell = settle(v, op, n, rc, change);
	if (tell)
		node_path(n, &path);
	node_release(v, n);
	if (tell) {
		vfs_unlock(v);
		vfs_tell(v, "%s is not at the place yet: %s", path.data,
			 op->err.msg);
		vfs_lock(v);
	}
	buf_free(&path);
	err_clear(&op->err);
	arena_reset(&op->arena);
}

/* Until there may be something to do. */
static void rest(struct vfs *v)
{
	struct sending *s = v->sending;
	struct node *n = first(v);
	struct timespec at;
	int64_t until;

	s->idle++;
	if (s->timing || !n || n->due == NEVER) {
		pthread_cond_wait(&s->wake, &v->lock);
	} else {
		until = n->due > v->offline_until ? n->due : v->offline_until;
		if (until < burst_over(s))
			until = burst_over(s);
		at = timespec_of(until);
		s->timing = true;
		pthread_cond_timedwait(&s->tick, &v->lock, &at);
		s->timing = false;
	}
	s->idle--;
}

static void *sender(void *arg)
{
	struct vfs *v = arg;
	struct op op = op_begin(&v->cancel);

	op.acct = v->acct;
	vfs_thread_gives_way();
	vfs_lock(v);
	while (!v->sending->stop) {
		struct node *n = take(v);

		if (n)
			serve(v, &op, n);
		else
			rest(v);
	}
	vfs_unlock(v);
	op_end(&op);
	return NULL;
}

/* ---- opening and closing ------------------------------------------------- */

static unsigned senders_for(const struct vfs *v)
{
	unsigned n = v->opt.transfers;

	if (v->opt.read_only)
		return 0;
	if (n == 0)
		n = v->be->calls;
	if (n == 0)
		n = be_can(v->be, BE_REMOTE) ? 8 : pool_fitting();
	if (n > SENDERS_MAX)
		n = SENDERS_MAX;
	if (v->be->max_calls && n > (v->be->max_calls + 1) / 2)
		n = (v->be->max_calls + 1) / 2;
	return n;
}

/* Wait until nothing is under way, at most `ns`; with the lock. */
static void await_jobs(struct vfs *v, int64_t ns)
{
	struct timespec end = timespec_of(clock_mono() + ns);

	while (v->sending->jobs)
		if (pthread_cond_timedwait(&v->queue_done, &v->lock, &end))
			break;
}

void queue_close(struct vfs *v)
{
	struct sending *s = v->sending;

	if (!s)
		return;
	vfs_lock(v);
	s->stop = true;
	pthread_cond_broadcast(&s->wake);
	pthread_cond_broadcast(&s->tick);
	await_jobs(v, CLOSE_GRACE);
	vfs_unlock(v);
	cancel_set(&v->cancel);
	for (unsigned i = 0; i < s->n_threads; i++)
		pthread_join(s->threads[i], NULL);
	vfs_lock(v);
	while (s->waits.n)
		wait_over(v, &s->waits.at[0]);
	unsure_close(v);
	while (v->queue.n) {
		struct node *n = v->queue.at[--v->queue.n];

		n->flags &= ~(uint32_t)NODE_QUEUED;
		node_release(v, n);
	}
	v->sending = NULL;
	vfs_unlock(v);
	nodes_free(&v->queue);
	waits_free(&s->waits);
	unsures_free(&s->unsure);
	inos_free(&s->kept);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->tick);
	pthread_cond_destroy(&v->queue_done);
	free(s->threads);
	free(s);
}

int queue_open(struct vfs *v, struct op *op)
{
	struct sending *s = xcalloc(1, sizeof(*s));
	int64_t now = clock_mono();
	pthread_condattr_t attr;
	int rc;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_cond_init(&s->tick, &attr);
	pthread_cond_init(&v->queue_done, &attr);
	pthread_condattr_destroy(&attr);
	s->most = senders_for(v);
	s->threads = xcalloc(s->most + 1, sizeof(s->threads[0]));
	vfs_lock(v);
	s->opened = now;
	v->sending = s;
	rc = unsure_open(v, op);
	for (size_t b = 0; b < v->ino_buckets; b++)
		for (struct node *n = v->inos[b]; n; n = n->ino_next)
			if (queue_wants(n) && !(n->flags & NODE_QUEUED)) {
				n->since = now;
				enqueue(v, n, now);
			}
	vfs_unlock(v);
	if (rc < 0)
		queue_close(v);
	return rc;
}
