#include "backends/local/copy.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/acct.h"

/*
 * A block fits the second-level cache together with what is read back, so that
 * verifying costs a look at memory that is near.  Files below PARALLEL_MIN are
 * not worth a thread.
 */
enum { BLOCK = 256 * 1024, PARALLEL_MIN = 16 * 1024 * 1024, THREADS_MAX = 8 };

struct blocks {
	struct transfer *t;
	pthread_mutex_t lock; /* guards all that follows */
	int64_t next;         /* the first byte nobody has taken */
	bool failed;
	struct err err;
};

struct helper {
	struct blocks *b;
	struct op op;
	pthread_t thread;
};

static int changed(struct op *op)
{
	return err_set(&op->err, ERR_CONFLICT, "changed while it was copied");
}

/* Exactly `n` bytes; fewer mean that the source was cut meanwhile. */
static int read_block(struct op *op, int fd, char *p, size_t n, int64_t off)
{
	while (n) {
		ssize_t got = pread(fd, p, n, off);

		if (got < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(&op->err, "read");
		}
		if (got == 0)
			return changed(op);
		p += got;
		n -= (size_t)got;
		off += got;
	}
	return 0;
}

static int write_block(struct op *op, int fd, const char *p, size_t n,
		       int64_t off)
{
	while (n) {
		ssize_t put = pwrite(fd, p, n, off);

		if (put < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(&op->err, "write");
		}
		p += put;
		n -= (size_t)put;
		off += put;
	}
	return 0;
}

static int verify_block(struct op *op, int fd, const char *want, char *p,
			size_t n, int64_t off)
{
	if (read_block(op, fd, p, n, off) < 0)
		return err_wrap(&op->err, "read back");
	if (memcmp(p, want, n) != 0)
		return err_set(&op->err, ERR_CORRUPT,
			       "what was read back at byte %lld is not what "
			       "was written",
			       (long long)off);
	return 0;
}

int transfer_small(struct transfer *t, struct op *op)
{
	size_t n = (size_t)t->size;
	char *p = op_scratch(op, 2 * n + 1);
	ssize_t got;

	/* One byte more than there should be, to see that it has not grown. */
	do
		got = pread(t->from, p, n + 1, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(&op->err, "read");
	if ((size_t)got != n)
		return changed(op);
	if (n == 0)
		return 0;
	if (write_block(op, t->to, p, n, 0) < 0 ||
	    (t->verify && verify_block(op, t->to, p, p + n, n, 0) < 0))
		return -1;
	return acct_add(op, (int64_t)n);
}

/* The next bytes to copy that are not a hole: 1, or 0 when all is taken. */
static int take(struct blocks *b, int64_t *off, size_t *n, int64_t *skipped)
{
	const struct transfer *t = b->t;
	int64_t end = t->size;
	int more = 0;

	*skipped = 0;
	pthread_mutex_lock(&b->lock);
	/* What a killed run left is looked at everywhere, holes or not. */
	if (t->sparse && b->next >= t->have && b->next < t->size &&
	    !b->failed) {
		int64_t data = lseek(t->from, b->next, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			data = t->size; /* a hole up to the end */
		if (data > b->next) {
			*skipped = (data < end ? data : end) - b->next;
			b->next += *skipped;
		}
		if (b->next < end) {
			int64_t hole = lseek(t->from, b->next, SEEK_HOLE);

			if (hole > b->next && hole < end)
				end = hole;
		}
	}
	if (b->next < t->size && !b->failed) {
		int64_t left = end - b->next;

		*off = b->next;
		*n = left < BLOCK ? (size_t)left : BLOCK;
		b->next += (int64_t)*n;
		more = 1;
	}
	pthread_mutex_unlock(&b->lock);
	return more;
}

/* 1 if `to` holds these bytes already, from a run that was killed. */
static int is_there(struct transfer *t, struct op *op, const char *p, char *q,
		    size_t n, int64_t off)
{
	if (off + (int64_t)n > t->have)
		return 0;
	if (read_block(op, t->to, q, n, off) < 0)
		return -1;
	if (memcmp(p, q, n) != 0)
		return 0;
	acct_resumed(op, (int64_t)n);
	return 1;
}

static int copy_blocks(struct blocks *b, struct op *op)
{
	struct transfer *t = b->t;
	char *p = op_scratch(op, 2 * BLOCK);
	int64_t off, skipped;
	size_t n;

	while (take(b, &off, &n, &skipped)) {
		int there;

		if (read_block(op, t->from, p, n, off) < 0)
			return -1;
		there = is_there(t, op, p, p + BLOCK, n, off);
		if (there < 0)
			return -1;
		if (!there &&
		    (write_block(op, t->to, p, n, off) < 0 ||
		     (t->verify &&
		      verify_block(op, t->to, p, p + BLOCK, n, off) < 0)))
			return -1;
		if (acct_add(op, (int64_t)n + skipped) < 0)
			return -1;
	}
	return skipped ? acct_add(op, skipped) : 0;
}

static void run(struct blocks *b, struct op *op)
{
	if (copy_blocks(b, op) == 0)
		return;
	pthread_mutex_lock(&b->lock);
	if (!b->failed)
		b->err = op->err;
	b->failed = true;
	pthread_mutex_unlock(&b->lock);
}

static void *help(void *arg)
{
	struct helper *h = arg;

	run(h->b, &h->op);
	return NULL;
}

static unsigned threads_for(const struct transfer *t)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = t->threads;

	if (n == 0)
		n = cpus > 4 ? 4 : cpus < 1 ? 1 : (unsigned)cpus;
	if (t->size < PARALLEL_MIN)
		n = 1;
	return n < THREADS_MAX ? n : THREADS_MAX;
}

int transfer_blocks(struct transfer *t, struct op *op)
{
	struct blocks b = { .t = t };
	struct helper helpers[THREADS_MAX];
	unsigned n = 0, want = threads_for(t) - 1;

	pthread_mutex_init(&b.lock, NULL);
	for (; n < want; n++) {
		helpers[n] =
			(struct helper){ .b = &b, .op = op_begin(op->cancel) };
		helpers[n].op.acct = op->acct;
		if (pthread_create(&helpers[n].thread, NULL, help, &helpers[n]))
			break; /* fewer will do */
	}
	run(&b, op);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(helpers[i].thread, NULL);
		op_end(&helpers[i].op);
	}
	pthread_mutex_destroy(&b.lock);
	if (b.failed) {
		op->err = b.err;
		return -1;
	}
	/* A hole at the end, or a part that was longer. */
	if ((t->sparse || t->have > t->size) && ftruncate(t->to, t->size) < 0)
		return err_sys(&op->err, "truncate");
	return 0;
}
