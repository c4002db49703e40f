#include "repo/dump.h"

#include <pthread.h>
#include <stdlib.h>

#include "lib/pool.h"

enum {
	SLOTS = 512,
	AHEAD = 48 << 20, /* bytes of text that are had before their time */
	KEPT = 32 << 10,  /* of a slot's buffer, for the next piece */
	THREADS_MAX = 16
};

/* A piece of what is written. */
struct slot {
	struct id id; /* of a blob */
	bool blob;    /* else bytes */
	bool done, failed;
	size_t expected; /* bytes */
	struct buf text;
	struct err err;
};

/*
 * A ring of slots: [head, tail) are in use, those before `next` were taken by
 * a thread.  The numbers only grow.
 */
struct flow {
	struct repo *r;
	struct sink *to;
	struct cancel *cancel;
	struct slot slot[SLOTS];
	pthread_t threads[THREADS_MAX];
	unsigned n_threads;
	size_t ahead;         /* bytes of slots in use; the giver's */
	pthread_mutex_t lock; /* guards what follows, and `done` */
	pthread_cond_t todo, ready;
	uint64_t head, next, tail;
	bool over;
};

static struct slot *slot_at(struct flow *d, uint64_t i)
{
	return &d->slot[i % SLOTS];
}

static void *work(void *arg)
{
	struct flow *d = arg;
	struct coder *c = repo_coder(d->r);
	struct op op = op_begin(d->cancel);

	pthread_mutex_lock(&d->lock);
	for (;;) {
		struct slot *s;
		bool failed;

		while (d->next < d->tail && slot_at(d, d->next)->done)
			d->next++; /* bytes */
		if (d->over)
			break;
		if (d->next == d->tail) {
			pthread_cond_wait(&d->todo, &d->lock);
			continue;
		}
		s = slot_at(d, d->next++);
		pthread_mutex_unlock(&d->lock);
		arena_reset(&op.arena);
		failed = op_check(&op) < 0 ||
			 repo_load_blob(d->r, &op, c, BLOB_DATA, &s->id,
					&s->text) < 0;
		pthread_mutex_lock(&d->lock);
		s->failed = failed;
		s->err = op.err;
		s->done = true;
		pthread_cond_signal(&d->ready);
	}
	pthread_mutex_unlock(&d->lock);
	coder_free(c);
	op_end(&op);
	return NULL;
}

struct flow *flow_new(struct repo *r, struct op *op, struct sink *to)
{
	struct flow *d = xcalloc(1, sizeof(*d));
	unsigned want = pool_fitting();

	d->r = r;
	d->to = to;
	d->cancel = op->cancel;
	for (size_t i = 0; i < SLOTS; i++)
		d->slot[i].text = (struct buf)BUF_INIT;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->todo, NULL);
	pthread_cond_init(&d->ready, NULL);
	if (want > THREADS_MAX)
		want = THREADS_MAX;
	while (d->n_threads < want &&
	       pthread_create(&d->threads[d->n_threads], NULL, work, d) == 0)
		d->n_threads++;
	return d;
}

void flow_free(struct flow *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->over = true;
	pthread_cond_broadcast(&d->todo);
	pthread_mutex_unlock(&d->lock);
	for (unsigned i = 0; i < d->n_threads; i++)
		pthread_join(d->threads[i], NULL);
	pthread_cond_destroy(&d->todo);
	pthread_cond_destroy(&d->ready);
	pthread_mutex_destroy(&d->lock);
	for (size_t i = 0; i < SLOTS; i++)
		buf_free(&d->slot[i].text);
	free(d);
}

/* Wait for the first slot, and write it. */
static int write_head(struct flow *d, struct op *op)
{
	struct slot *s = slot_at(d, d->head);
	int rc = 0;

	pthread_mutex_lock(&d->lock);
	while (!s->done)
		pthread_cond_wait(&d->ready, &d->lock);
	pthread_mutex_unlock(&d->lock);
	if (op_check(op) < 0)
		return -1;
	if (s->failed) {
		op->err = s->err;
		return -1;
	}
	if (s->text.len)
		rc = d->to->write(d->to, op, s->text.data, s->text.len);
	d->ahead -= s->expected;
	if (s->text.cap > KEPT)
		buf_free(&s->text);
	buf_reset(&s->text);
	pthread_mutex_lock(&d->lock);
	d->head++;
	if (d->next < d->head)
		d->next = d->head;
	pthread_mutex_unlock(&d->lock);
	return rc;
}

int flow_drain(struct flow *d, struct op *op)
{
	while (d->head < d->tail)
		if (write_head(d, op) < 0)
			return -1;
	return 0;
}

/* The next slot, for `n` bytes, when there is room. */
static int take_slot(struct flow *d, struct op *op, size_t n, struct slot **out)
{
	while (d->head < d->tail &&
	       (d->tail - d->head == SLOTS || d->ahead + n > AHEAD))
		if (write_head(d, op) < 0)
			return -1;
	*out = slot_at(d, d->tail);
	(*out)->expected = n;
	d->ahead += n;
	return 0;
}

static void give_slot(struct flow *d, struct slot *s, bool done)
{
	pthread_mutex_lock(&d->lock);
	s->failed = false;
	s->done = done;
	d->tail++;
	pthread_cond_signal(&d->todo);
	pthread_mutex_unlock(&d->lock);
}

int flow_bytes(struct flow *d, struct op *op, const void *p, size_t n)
{
	struct slot *s;

	if (take_slot(d, op, n, &s) < 0)
		return -1;
	buf_add(&s->text, p, n);
	give_slot(d, s, true);
	return 0;
}

int flow_blob(struct flow *d, struct op *op, const struct id *id)
{
	struct blob_at at;
	struct slot *s;
	size_t n = 0;

	if (index_find(d->r->index, BLOB_DATA, id, &at))
		n = pack_blob_text_len(&at.blob);
	if (d->n_threads == 0)
		return err_set(&op->err, ERR_IO, "no thread can be started");
	if (take_slot(d, op, n, &s) < 0)
		return -1;
	s->id = *id;
	give_slot(d, s, false);
	return 0;
}

int flow_file(struct flow *d, struct op *op, const struct node *n)
{
	uint64_t size = 0;

	for (size_t i = 0; i < n->ncontent; i++) {
		char hex[ID_HEX + 1];
		struct blob_at at;

		if (!index_find(d->r->index, BLOB_DATA, &n->content[i], &at))
			return err_set(&op->err, ERR_CORRUPT,
				       "no index has blob %s",
				       id_hex(&n->content[i], hex));
		size += pack_blob_text_len(&at.blob);
	}
	if (size != n->size)
		return err_set(&op->err, ERR_CORRUPT,
			       "its blobs have %llu bytes, not %llu",
			       (unsigned long long)size,
			       (unsigned long long)n->size);
	for (size_t i = 0; i < n->ncontent; i++)
		if (flow_blob(d, op, &n->content[i]) < 0)
			return -1;
	return 0;
}
