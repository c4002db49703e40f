#include "vfs/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "vfs/content.h"
#include "vfs/journal.h"

/*
 * Who waits for a commit waits for a frame in the journal (store_journal.c).
 * Later, or when that is not to be had, a transaction brings all that changed
 * into the database; only then may its frames be written over.
 */

enum {
	ROWS_AT_ONCE = 2000,
	REMOVED_AT_ONCE = 64,
	FRAME_ROWS = 4096, /* more go into a transaction at once */
	MANY_BYTES = 8 << 20,
	TOO_MANY_BYTES = 64 << 20,
};

/* The database has all after so long a quiet, and after so long a time. */
#define FLUSH_QUIET (2 * NS_PER_SEC)
#define FLUSH_AFTER (20 * NS_PER_SEC)

/* ---- a transaction ------------------------------------------------------- */

/* What one transaction has taken, in case that it fails. */
struct batch {
	struct buf rows; /* of this turn */
	struct inos saved, dropped, no_content, inlined;
	uint64_t covers; /* the frames that it has all of */
	bool last;       /* nothing is left */
	bool bulk;       /* it has what no frame will have */
};

static void add_all(struct inos *to, const struct inos *from)
{
	for (size_t i = 0; i < from->n; i++)
		*inos_add(to) = from->at[i];
}

/* With v->lock: no frame is to have what is not in one yet. */
static void leave_out(struct vfs *v)
{
	struct store *s = v->store;

	for (size_t i = 0; i < v->unlogged.n; i++) {
		struct node *n = node_find(v, v->unlogged.at[i]);

		if (n)
			n->flags &= ~(uint32_t)NODE_LOG;
	}
	inos_free(&v->unlogged);
	inos_free(&v->dropped_log);
	buf_free(&s->log);
	s->bulk = true;
}

/* The last that is taken; with v->lock. */
static void take_rest(struct vfs *v, struct batch *b)
{
	struct store *s = v->store;

	b->dropped = v->dropped;
	v->dropped = (struct inos){ 0 };
	b->no_content = v->no_content;
	v->no_content = (struct inos){ 0 };
	pthread_mutex_lock(&s->lock);
	s->flight = s->waiting;
	s->waiting = (struct sides){ 0 };
	b->inlined = s->inlined;
	s->inlined = (struct inos){ 0 };
	b->covers = s->frames;
	b->bulk = s->broken || v->unlogged.n > FRAME_ROWS;
	if (b->bulk)
		leave_out(v);
	journal_turn(s->journal);
	pthread_mutex_unlock(&s->lock);
}

/*
 * Some of what is unsaved.  Rows that change while others are written are
 * unsaved again, so when the last has been taken the transaction is what was
 * true at that instant.
 */
static void take(struct vfs *v, struct batch *b)
{
	struct node *n;

	buf_reset(&b->rows);
	vfs_lock(v);
	for (unsigned i = 0; i < ROWS_AT_ONCE && (n = v->unsaved); i++) {
		v->unsaved = n->save_next;
		v->n_unsaved--;
		n->save_next = NULL;
		n->flags &= ~(uint32_t)NODE_SAVE;
		if (!(n->flags & NODE_DROPPED)) {
			n->flags |= NODE_SAVED_ONCE;
			row_pack(&b->rows, n);
			*inos_add(&b->saved) = n->ino;
		}
		node_tidy(v, n);
	}
	b->last = !v->unsaved;
	if (b->last)
		take_rest(v, b);
	vfs_unlock(v);
}

static void give_back(struct vfs *v, struct batch *b)
{
	struct store *s = v->store;

	vfs_lock(v);
	for (size_t i = 0; i < b->saved.n; i++) {
		struct node *n = node_find(v, b->saved.at[i]);

		if (n)
			store_save(v, n);
	}
	add_all(&v->dropped, &b->dropped);
	add_all(&v->no_content, &b->no_content);
	pthread_mutex_lock(&s->lock);
	sides_merge(&s->waiting, &s->flight, true);
	add_all(&s->inlined, &b->inlined);
	if (b->bulk) {
		s->broken = true;
		s->broken_at = s->frames;
	}
	pthread_mutex_unlock(&s->lock);
	vfs_unlock(v);
}

int store_delete_tree(struct store *s, struct op *op, uint64_t ino,
		      struct inos *files)
{
	static const char *const deletes[] = {
		"DELETE FROM nodes WHERE ino = ?",
		"DELETE FROM ranges WHERE ino = ?",
		"DELETE FROM used WHERE ino = ?",
		"DELETE FROM xattrs WHERE ino = ?",
	};
	struct inos todo = { 0 };
	int rc = 0;

	*inos_add(&todo) = ino;
	while (todo.n && rc == 0) {
		uint64_t at = todo.at[--todo.n];

		rc = db_run(s->writer, &op->err,
			    "SELECT ino, kind FROM nodes WHERE parent = ?", "i",
			    (int64_t)at);
		for (; rc == 1; rc = db_next(s->writer, &op->err)) {
			uint64_t child = (uint64_t)db_int(s->writer, 0);

			*inos_add(&todo) = child;
			if (files && db_int(s->writer, 1) == ENTRY_FILE)
				*inos_add(files) = child;
		}
		for (size_t i = 0; i < ARRAY_LEN(deletes) && rc == 0; i++)
			rc = db_run(s->writer, &op->err, deletes[i], "i",
				    (int64_t)at);
	}
	inos_free(&todo);
	return rc;
}

static int write_rows(struct store *s, struct op *op, const struct buf *rows)
{
	for (size_t at = 0; at < rows->len;) {
		struct row r;

		memcpy(&r, rows->data + at, sizeof(r));
		if (row_write(s->writer, op, rows->data + at) < 0)
			return -1;
		at += r.len;
	}
	return 0;
}

/* `flight` is only changed by the thread that runs the transaction: no lock. */
static int write_rest(struct vfs *v, struct op *op, struct batch *b)
{
	struct store *s = v->store;
	size_t dropped = b->dropped.n;

	for (size_t i = 0; i < s->flight.buckets; i++)
		for (const struct side *e = s->flight.at[i]; e; e = e->next)
			if (side_write(s->writer, op, e) < 0)
				return -1;
	for (size_t i = 0; i < dropped; i++)
		if (store_delete_tree(s, op, b->dropped.at[i], &b->no_content) <
		    0)
			return -1;
	/* the journal may be the only place where these are safe */
	if (b->inlined.n && content_sync_all(v, op, &b->inlined) < 0)
		return -1;
	return store_set_covered(s, op, b->covers);
}

int store_set_covered(struct store *s, struct op *op, uint64_t frames)
{
	char text[32];

	/* always a change: a transaction without one would not be synced */
	snprintf(text, sizeof(text), "%" PRIu64, frames);
	return db_run(s->writer, &op->err,
		      "INSERT OR REPLACE INTO facts VALUES ('journal', ?)", "s",
		      text) < 0
		       ? -1
		       : 0;
}

void store_roll_back(struct vfs *v)
{
	struct err ignored = { 0 };

	if (db_run(v->store->writer, &ignored, "ROLLBACK", "") < 0)
		log_debug(v->dir, "%s", ignored.msg);
}

static void remove_contents(struct vfs *v, const struct inos *inos)
{
	for (size_t i = 0; i < inos->n;) {
		vfs_lock(v);
		for (unsigned k = 0; k < REMOVED_AT_ONCE && i < inos->n; k++)
			content_remove(v, inos->at[i++]);
		vfs_unlock(v);
	}
}

static int transact(struct vfs *v, struct op *op, struct batch *b)
{
	struct store *s = v->store;

	if (db_set_durable(s->writer, &op->err, true) < 0 ||
	    db_run(s->writer, &op->err, "BEGIN IMMEDIATE", "") < 0)
		return -1;
	do {
		take(v, b);
		if (write_rows(s, op, &b->rows) < 0)
			goto failed;
	} while (!b->last);
	if (write_rest(v, op, b) < 0 ||
	    db_run(s->writer, &op->err, "COMMIT", "") < 0)
		goto failed;
	return 0;
failed:
	store_roll_back(v);
	return -1;
}

/* With s->flushing ours. */
static int flush(struct vfs *v, struct op *op)
{
	struct store *s = v->store;
	struct batch b = { .rows = BUF_INIT };
	struct sides over = { 0 };
	int rc = transact(v, op, &b);

	if (rc < 0) {
		err_wrap(&op->err, "save what is known");
		give_back(v, &b);
	} else {
		pthread_mutex_lock(&s->lock);
		over = s->flight;
		s->flight = (struct sides){ 0 };
		if (s->broken_at <= b.covers)
			s->broken = false;
		pthread_mutex_unlock(&s->lock);
		journal_covered(s->journal, b.covers);
		sides_free(&over);
		remove_contents(v, &b.no_content);
	}
	buf_free(&b.rows);
	inos_free(&b.saved);
	inos_free(&b.dropped);
	inos_free(&b.no_content);
	inos_free(&b.inlined);
	return rc;
}

int store_save_all(struct vfs *v, struct op *op)
{
	struct store *s = v->store;
	int rc;

	pthread_mutex_lock(&s->lock);
	while (s->flushing)
		pthread_cond_wait(&s->done, &s->lock);
	s->flushing = true;
	pthread_mutex_unlock(&s->lock);
	rc = flush(v, op);
	pthread_mutex_lock(&s->lock);
	s->flushing = s->bulk = false;
	pthread_cond_broadcast(&s->done);
	pthread_mutex_unlock(&s->lock);
	return rc;
}

bool store_is_due(struct vfs *v)
{
	struct store *s = v->store;
	int64_t now = clock_mono();
	bool is;

	vfs_lock(v);
	pthread_mutex_lock(&s->lock);
	if (v->n_unsaved == 0 && v->dropped.n == 0 && s->waiting.n == 0)
		s->since = 0;
	else if (s->since == 0)
		s->since = now;
	if (s->frames != s->frames_then) {
		s->frames_then = s->frames;
		s->quiet_since = now;
	}
	is = v->n_unsaved >= STORE_MANY ||
	     journal_bytes(s->journal) >= MANY_BYTES ||
	     (s->since && now - s->since >= FLUSH_QUIET &&
	      now - s->quiet_since >= FLUSH_QUIET) ||
	     (s->since && now - s->since >= FLUSH_AFTER);
	if (is)
		s->since = 0;
	pthread_mutex_unlock(&s->lock);
	vfs_unlock(v);
	return is;
}

/* ---- a commit ------------------------------------------------------------ */

/* Whether a frame can have it; waits while a transaction has it. */
static bool fits_frame(struct vfs *v)
{
	struct store *s = v->store;
	size_t rows;
	bool fits;

	vfs_lock(v);
	rows = v->unlogged.n;
	vfs_unlock(v);
	pthread_mutex_lock(&s->lock);
	while (s->bulk)
		pthread_cond_wait(&s->done, &s->lock);
	fits = !s->broken;
	pthread_mutex_unlock(&s->lock);
	return fits && rows <= FRAME_ROWS &&
	       journal_bytes(s->journal) < TOO_MANY_BYTES;
}

static int run(struct vfs *v, struct op *op, bool durable)
{
	while (fits_frame(v)) {
		int rc = store_append(v, op, durable);

		if (rc == 0)
			return 0;
		if (rc < 0) {
			log_info(v->dir, "%s", op->err.msg);
			err_clear(&op->err);
		}
	}
	return store_save_all(v, op);
}

/* With s->lock, which is let go of meanwhile. */
static void run_next(struct vfs *v, struct op *op, bool durable)
{
	struct store *s = v->store;
	int rc;

	s->running = true;
	s->begun++;
	durable |= s->want_durable;
	s->want_durable = false;
	pthread_mutex_unlock(&s->lock);
	rc = run(v, op, durable);
	pthread_mutex_lock(&s->lock);
	s->running = false;
	if (rc < 0) {
		s->failed = s->begun;
		s->error = op->err;
	} else {
		s->good = s->begun;
		if (durable)
			s->durable = s->begun;
		s->unsynced = !durable;
	}
	pthread_cond_broadcast(&s->done);
}

/* Until another thread's commit is over, or not much longer. */
static int wait_done(struct store *s, struct op *op)
{
	struct timespec until;
	int rc;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 100 * 1000 * 1000;
	if (until.tv_nsec >= 1000 * 1000 * 1000) {
		until.tv_nsec -= 1000 * 1000 * 1000;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&s->done, &s->lock, &until);
	pthread_mutex_unlock(&s->lock);
	rc = op_check(op);
	pthread_mutex_lock(&s->lock);
	return rc;
}

int store_commit(struct vfs *v, struct op *op, bool durable)
{
	struct store *s = v->store;
	bool changed;
	uint64_t want;
	int rc = 0;

	vfs_lock(v);
	changed = v->unlogged.n || v->dropped_log.n;
	pthread_mutex_lock(&s->lock);
	vfs_unlock(v);
	changed |= s->log.len || s->bulk;
	if (!changed && !s->running && !(durable && s->unsynced))
		goto out;
	/* one that is under way has what is no longer unlogged */
	want = s->begun + (changed || durable || !s->running);
	while (s->good < want || (durable && s->durable < want)) {
		if (s->failed >= want) {
			op->err = s->error;
			rc = -1;
			break;
		}
		s->want_durable |= durable;
		if (!s->running)
			run_next(v, op, durable);
		else if (wait_done(s, op) < 0) {
			rc = -1;
			break;
		}
	}
out:
	pthread_mutex_unlock(&s->lock);
	return rc;
}
