#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "sync/compare.h"
#include "sync/run.h"

/*
 * Small files go to the transfers by the handful, since handing over costs
 * about as much as copying one.
 */
enum { BATCH_WAIT = 5 * 1000 * 1000 }; /* ns that a few files wait for more */
enum { BATCH_FILES = 32, BATCH_BYTES = 2 * 1024 * 1024 };

struct batch {
	struct sync_run *run;
	struct arena arena;
	int64_t began; /* monotonic ns */
	size_t n;
	int64_t bytes;
	struct item item[BATCH_FILES];
};

static struct flight_slot *take_off(struct sync_run *r, struct op *op,
				    const struct item *it)
{
	size_t n = strlen(it->dst), cut;
	struct flight_slot *s = r->slots;

	pthread_mutex_lock(&r->lock);
	while (s->used)
		s++;
	s->used = true;
	cut = n < sizeof(s->flight.path) ? 0 : n - sizeof(s->flight.path) + 1;
	memcpy(s->flight.path, it->dst + cut, n - cut + 1);
	s->flight.size = it->from.size;
	s->flight.started = clock_mono();
	atomic_store(&s->acct.bytes, 0);
	s->acct.parent = &r->stats->moved;
	pthread_mutex_unlock(&r->lock);
	op->acct = &s->acct;
	return s;
}

static void land(struct sync_run *r, struct op *op, struct flight_slot *s)
{
	op->acct = NULL;
	pthread_mutex_lock(&r->lock);
	s->used = false;
	pthread_mutex_unlock(&r->lock);
}

/* Counts what a driver pulls; be_get() counts by itself. */
struct counted {
	struct source base;
	struct source *inner;
};

static ssize_t counted_read(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	struct counted *c = container_of(src, struct counted, base);
	ssize_t got = c->inner->read(c->inner, op, buf, n);

	if (got > 0 && acct_add(op, got) < 0)
		return -1;
	return got;
}

static int counted_seek(struct source *src, struct op *op, int64_t off)
{
	struct counted *c = container_of(src, struct counted, base);

	return c->inner->seek(c->inner, op, off);
}

/*
 * A service that must know the MD5 beforehand may have the content already, and
 * one that checks a hash sees what the wire has changed.  To read a file twice
 * is cheap, and the memory of hashes often spares even that.
 */
static int add_hashes(struct sync_run *r, struct op *op, const struct item *it,
		      struct digests *known)
{
	unsigned want = r->dst->asked & r->src->hashes & ~known->have;
	struct acct *acct = op->acct;
	struct digests found = { 0 };
	int rc;

	if (!want || !be_can(r->src, BE_HASH))
		return 0;
	op->acct = NULL; /* nothing is moved by this */
	rc = be_hash(r->src, op, it->src, want, &found);
	op->acct = acct;
	if (rc < 0)
		return -1;
	for (int t = 0; t < HASH_TYPES; t++) {
		if (!(found.have & want & 1u << t))
			continue;
		memcpy(digest_of(known, (enum hash_type)t),
		       digest_in(&found, (enum hash_type)t),
		       hash_len((enum hash_type)t));
		known->have |= 1u << t;
	}
	return 0;
}

/* From a service that is read like a file to any other. */
static int put_from(struct sync_run *r, struct op *op, const struct item *it,
		    const struct put_opt *plain)
{
	struct counted c = { .base.read = counted_read };
	struct put_opt hashed = *plain, *opt = &hashed;
	int rc;

	if (add_hashes(r, op, it, &hashed.hash) < 0 ||
	    be_open_reader(r->src, op, it->src, &it->from, &c.inner) < 0)
		return -1;
	c.base.size = c.inner->size;
	c.base.stable = c.inner->stable;
	c.base.seek = c.inner->seek ? counted_seek : NULL;
	rc = be_put(r->dst, op, it->dst, &c.base, opt, NULL);
	be_close_reader(r->src, c.inner);
	return rc;
}

/* What is read whole, and must be what was listed. */
static struct get_opt whole(const struct item *it)
{
	return (struct get_opt){ .len = -1,
				 .tag = it->from.tag,
				 .want = &it->from.hash };
}

/* From any service to one that is written like a file: one try. */
static int get_once(struct sync_run *r, struct op *op, const struct item *it,
		    const struct put_opt *opt)
{
	struct get_opt get = whole(it);
	struct sink *sink;
	int rc;

	if (be_open_writer(r->dst, op, it->dst, it->from.size, opt, &sink) < 0)
		return -1;
	rc = be_get(r->src, op, it->src, &get, sink);
	if (be_close_writer(r->dst, op, sink, rc == 0, NULL) < 0)
		rc = -1;
	return rc;
}

/* How often a download was begun. */
struct tries {
	unsigned n;
	bool spoilt; /* bytes have come wrong */
};

/*
 * be_get() goes on where it broke off, if the service says that the file is
 * still the same; where it cannot say so, the file is begun again.  So it is,
 * once, where other bytes came than were listed: mostly it was on the way.
 */
static bool begin_again(struct sync_run *r, struct op *op, struct tries *t)
{
	struct err why = op->err;
	bool spoilt = why.kind == ERR_CORRUPT && !t->spoilt;

	if (++t->n >= r->src->tries || (!spoilt && !err_info(why.kind)->retry))
		return false;
	t->spoilt |= spoilt;
	if (op_sleep(op, 100u << t->n) < 0) {
		op->err = why;
		op->err.kind = ERR_CANCELED;
		return false;
	}
	atomic_fetch_add(&r->src->retries, 1);
	return true;
}

static int get_into(struct sync_run *r, struct op *op, const struct item *it,
		    const struct put_opt *opt)
{
	struct tries tries = { 0 };

	while (get_once(r, op, it, opt) < 0)
		if (!begin_again(r, op, &tries))
			return -1;
	return 0;
}

/* Between two services that are neither: by way of a temporary file. */
struct through {
	struct sink base;
	struct spool *spool;
	struct hasher *hasher; /* or NULL */
};

static int through_write(struct sink *s, struct op *op, const void *p, size_t n)
{
	struct through *t = container_of(s, struct through, base);

	if (t->hasher)
		hasher_add(t->hasher, p, n);
	for (size_t at = 0; at < n; at += 65536) {
		size_t k = n - at < 65536 ? n - at : 65536;

		if (spool_add(t->spool, op, (const char *)p + at, k) < 0)
			return -1;
	}
	return 0;
}

struct replay {
	struct source base;
	struct spool *spool;
	const char *p; /* the rest of the current record */
	size_t n;
};

static ssize_t replay_read(struct source *src, struct op *op, void *buf,
			   size_t n)
{
	struct replay *t = container_of(src, struct replay, base);

	if (t->n == 0) {
		int rc = spool_next(t->spool, op, &t->p, &t->n);

		if (rc <= 0)
			return rc;
	}
	n = n < t->n ? n : t->n;
	memcpy(buf, t->p, n);
	t->p += n;
	t->n -= n;
	return (ssize_t)n;
}

static int replay_seek(struct source *src, struct op *op, int64_t off)
{
	struct replay *t = container_of(src, struct replay, base);
	char skip[4096];

	spool_rewind_first(t->spool);
	t->n = 0;
	while (off > 0) {
		ssize_t got = replay_read(src, op, skip,
					  off < 4096 ? (size_t)off : 4096);

		if (got < 0)
			return -1;
		if (got == 0)
			return err_set(&op->err, ERR_IO, "seek beyond the end");
		off -= got;
	}
	return 0;
}

/* All of it into the temporary file, from its beginning each time. */
static int get_through(struct sync_run *r, struct op *op, const struct item *it,
		       struct through *down, struct digests *found)
{
	struct get_opt get = whole(it);
	struct tries tries = { 0 };

	while (be_get(r->src, op, it->src, &get, &down->base) < 0) {
		if (!begin_again(r, op, &tries))
			return -1;
		spool_free(down->spool);
		spool_init(down->spool);
		if (down->hasher)
			hasher_end(down->hasher, found);
	}
	spool_rewind_first(down->spool);
	if (down->hasher)
		hasher_end(down->hasher, found);
	return 0;
}

static int get_then_put(struct sync_run *r, struct op *op,
			const struct item *it, const struct put_opt *plain)
{
	struct put_opt opt = *plain;
	struct spool spool;
	struct through down = { .base.write = through_write, .spool = &spool };
	struct replay up = { .base = { .size = it->from.size,
				       .stable = true,
				       .read = replay_read,
				       .seek = replay_seek },
			     .spool = &spool };
	int rc;

	if (r->dst->asked & ~opt.hash.have)
		down.hasher = hasher_new(r->dst->asked);
	spool_init(&spool);
	rc = get_through(r, op, it, &down, &opt.hash);
	if (rc == 0)
		rc = be_put(r->dst, op, it->dst, &up.base, &opt, NULL);
	spool_free(&spool);
	hasher_free(down.hasher);
	return rc;
}

static int copy_content(struct sync_run *r, struct op *op,
			const struct item *it, const struct put_opt *plain)
{
	struct put_opt opt = *plain;
	struct xattrs x;

	if (r->copies) {
		if (be_copy(r->dst, op, r->src, it->src, &it->from, it->dst,
			    &opt, NULL) == 0)
			return 0;
		if (op->err.kind != ERR_UNSUPPORTED || op->err.code)
			return -1;
	}
	if (opt.meta && be_can(r->src, BE_XATTRS) &&
	    be_can(r->dst, BE_XATTRS)) {
		if (be_get_xattrs(r->src, op, it->src, &x) < 0)
			return -1;
		/* Also if there are none: a folder may have given it an ACL. */
		opt.xattrs = &x;
	}
	if (be_can(r->dst, BE_WRITER))
		return get_into(r, op, it, &opt);
	if (be_can(r->src, BE_READER))
		return put_from(r, op, it, &opt);
	return get_then_put(r, op, it, &opt);
}

/* Copy, or move, one file; 0 once it is there. */
static int bring(struct sync_run *r, struct op *op, const struct item *it,
		 enum sync_action *did)
{
	bool over = it->flags & ITEM_OVER;
	struct put_opt opt = {
		.mtime = it->from.mtime,
		.hash = it->from.hash,
		.mime = it->from.mime,
		.mode = it->flags & ITEM_SHARED ? PUT_ANY
			: over                  ? PUT_OVER
						: PUT_CREATE,
		.listed = true,
		.over = over ? &it->over : NULL,
		.meta = r->metadata ? &it->from : NULL,
		.inplace = r->opts.inplace,
		.durable = r->opts.durable,
		.no_verify = r->opts.no_verify,
		.threads = r->opts.threads,
	};

	if (over)
		backup_opt(r, op, it->dst, &opt);
	*did = over ? ACTION_UPDATE : ACTION_COPY;
	if (r->opts.mode == SYNC_MOVE && be_can(r->dst, BE_MOVE)) {
		if (be_move(r->dst, op, r->src, it->src, &it->from, it->dst,
			    &opt, NULL) == 0) {
			*did = ACTION_MOVE;
			return acct_add(op, it->from.size);
		}
		if (op->err.kind != ERR_UNSUPPORTED)
			return -1;
	}
	if (copy_content(r, op, it, &opt) < 0)
		return -1;
	if (r->opts.mode == SYNC_MOVE) {
		*did = ACTION_MOVE;
		return source_moved(r, op, it->src, &it->from);
	}
	return 0;
}

static void not_needed(struct sync_run *r, const struct item *it)
{
	atomic_fetch_sub(&r->stats->files_found, 1);
	atomic_fetch_sub(&r->stats->bytes_found, it->from.size);
}

/* -1 once --max-transfer does not allow one more file of this size. */
static int check_limit(struct sync_run *r, struct op *op, int64_t size)
{
	int64_t moved = atomic_load(&r->stats->moved.bytes);

	if (r->opts.max_transfer < 0 || size <= r->opts.max_transfer - moved)
		return 0;
	err_set(&op->err, ERR_LIMIT, "the limit of --max-transfer is reached");
	return run_stop(r, op);
}

static void do_item(struct sync_run *r, struct op *op, const struct item *it)
{
	enum sync_action did;
	bool equal = false;

	if (it->flags & (ITEM_COMPARE | ITEM_HASH)) {
		if (contents_equal(r, op, it, &equal) < 0) {
			run_failed(r, op, it->dst);
			return;
		}
		if (equal) {
			not_needed(r, it);
			match_meta(r, op, it->src, it->dst, &it->from,
				   &it->over, false);
			if (r->opts.mode == SYNC_MOVE && !r->opts.dry_run &&
			    source_moved(r, op, it->src, &it->from) < 0)
				run_failed(r, op, it->src);
			return;
		}
	}
	if ((it->flags & ITEM_OVER) && r->opts.immutable) {
		err_set(&op->err, ERR_CONFLICT,
			"it differs, and --immutable forbids to change it");
		run_failed(r, op, it->dst);
		return;
	}
	if (check_limit(r, op, it->from.size) < 0)
		return;
	did = r->opts.mode == SYNC_MOVE ? ACTION_MOVE
	      : it->flags & ITEM_OVER   ? ACTION_UPDATE
					: ACTION_COPY;
	if (!r->opts.dry_run && bring(r, op, it, &did) < 0) {
		run_failed(r, op, it->dst);
		return;
	}
	atomic_fetch_add(&r->stats->bytes_done, it->from.size);
	run_did(r, did, it->dst, it->from.size, it->reason);
}

void transfer_item(struct sync_run *r, struct op *op, const struct item *it)
{
	struct flight_slot *s;

	if (run_check(r, op) < 0)
		return;
	s = take_off(r, op, it);
	do_item(r, op, it);
	land(r, op, s);
}

static int run_batch(struct op *op, void *arg)
{
	struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++) {
		transfer_item(b->run, op, &b->item[i]);
		arena_reset(&op->arena);
	}
	arena_free(&b->arena);
	free(b);
	return 0; /* failures have been reported */
}

int batch_send(struct sync_run *r, struct op *op, struct batch **at)
{
	struct batch *b = *at;

	*at = NULL;
	if (!b)
		return 0;
	if (group_add(r->group, op, run_batch, b) == 0)
		return 0;
	arena_free(&b->arena);
	free(b);
	return run_stop(r, op);
}

/* The one that waits for more, or a new one. */
static struct batch *batch_begin(struct sync_run *r)
{
	struct batch *b;

	pthread_mutex_lock(&r->lock);
	b = r->parked;
	r->parked = NULL;
	pthread_mutex_unlock(&r->lock);
	if (b)
		return b;
	b = xcalloc(1, sizeof(*b));
	b->run = r;
	b->began = clock_mono();
	return b;
}

int batch_park(struct sync_run *r, struct op *op, struct batch **at)
{
	struct batch *b = *at;

	if (!b)
		return 0;
	if (clock_mono() - b->began < BATCH_WAIT) {
		pthread_mutex_lock(&r->lock);
		if (!r->parked) {
			r->parked = b;
			*at = NULL;
		}
		pthread_mutex_unlock(&r->lock);
	}
	return batch_send(r, op, at);
}

int batch_send_parked(struct sync_run *r, struct op *op)
{
	struct batch *b;

	pthread_mutex_lock(&r->lock);
	b = r->parked;
	r->parked = NULL;
	pthread_mutex_unlock(&r->lock);
	return batch_send(r, op, &b);
}

int batch_add(struct sync_run *r, struct op *op, struct batch **at,
	      const struct item *it)
{
	struct batch *b = *at;
	struct item *copy;

	if (!b)
		b = *at = batch_begin(r);
	copy = &b->item[b->n++];
	*copy = *it;
	copy->src = arena_strdup(&b->arena, it->src);
	copy->dst = it->dst == it->src ? copy->src
				       : arena_strdup(&b->arena, it->dst);
	copy->from = entry_copy(&b->arena, &it->from);
	if (it->flags & ITEM_OVER)
		copy->over = entry_copy(&b->arena, &it->over);
	/* No more than fills it: sizes up to 2^63 do not add up. */
	if (it->from.size > 0)
		b->bytes += it->from.size < BATCH_BYTES ? it->from.size
							: BATCH_BYTES;
	atomic_fetch_add(&r->stats->files_found, 1);
	atomic_fetch_add(&r->stats->bytes_found,
			 it->from.size > 0 ? it->from.size : 0);
	/* Only where copying needs no wire: there each file counts. */
	if (r->batches && b->n < BATCH_FILES && b->bytes < BATCH_BYTES)
		return 0;
	return batch_send(r, op, at);
}
