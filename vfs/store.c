#include "vfs/store.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/log.h"
#include "lib/parse.h"

/*
 * `parent` is 0 of the root and of what is GONE; `rparent` is 0 but where it
 * is another than `parent`.  Flags are enum node_flag.  There is one index
 * only, since each costs every close(2) a page.
 */
static const char *const schema[] = {
	"CREATE TABLE nodes (ino INTEGER PRIMARY KEY, parent INTEGER NOT NULL,"
	" name TEXT NOT NULL, rparent INTEGER NOT NULL, rname TEXT,"
	" flags INTEGER NOT NULL, kind INTEGER NOT NULL, mode INTEGER NOT NULL,"
	" uid INTEGER NOT NULL, gid INTEGER NOT NULL, size INTEGER NOT NULL,"
	" mtime INTEGER NOT NULL, ctime INTEGER NOT NULL, seen BLOB,"
	" target TEXT);"
	"CREATE INDEX nodes_parent ON nodes (parent);"
	"CREATE TABLE ranges (ino INTEGER PRIMARY KEY, have BLOB NOT NULL);"
	"CREATE TABLE used (ino INTEGER PRIMARY KEY, bytes INTEGER NOT NULL,"
	" used INTEGER NOT NULL);"
	"CREATE TABLE xattrs (ino INTEGER NOT NULL, name TEXT NOT NULL,"
	" value BLOB NOT NULL, PRIMARY KEY (ino, name)) WITHOUT ROWID;"
	"CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL)"
	" WITHOUT ROWID;",
	/* where a node may be: also of one that is no more (unsure.c) */
	"CREATE TABLE unsure (ino INTEGER PRIMARY KEY, what BLOB NOT NULL);",
	NULL,
};
_Static_assert(NODE_PENDING == 31, "as store_load_pending() has it");

enum {
	NUMBERS = 4096, /* reserved at once */
	ROWS_AT_ONCE = 2000,
	REMOVED_AT_ONCE = 64,
};

void store_reserve(struct vfs *v)
{
	char text[32];

	/*
	 * Goes to the disk with the first row that has one of the numbers, or
	 * earlier.  A file in DIR/data whose row did not make it is removed at
	 * the next opening, before its number is used again.
	 */
	v->last_ino += NUMBERS;
	snprintf(text, sizeof(text), "%" PRIu64, v->last_ino);
	store_keep_fact(v, "last_ino", text);
}

void store_save(struct vfs *v, struct node *n)
{
	if (n->flags & (NODE_SAVE | NODE_DROPPED))
		return;
	n->flags |= NODE_SAVE;
	n->save_next = v->unsaved;
	v->unsaved = n;
}

/* ---- a commit ------------------------------------------------------------ */

/* What one transaction has taken, in case that it fails. */
struct batch {
	struct buf rows; /* of this turn */
	struct inos saved, dropped, no_content;
	bool last; /* nothing is left */
};

static void add_all(struct inos *to, const struct inos *from)
{
	for (size_t i = 0; i < from->n; i++)
		*inos_add(to) = from->at[i];
}

/*
 * Some of what is unsaved.  Rows that change while others are written are
 * unsaved again, so when the last has been taken the transaction is what was
 * true at that instant.
 */
static void take(struct vfs *v, struct batch *b)
{
	struct store *s = v->store;
	struct node *n;

	buf_reset(&b->rows);
	vfs_lock(v);
	for (unsigned i = 0; i < ROWS_AT_ONCE && (n = v->unsaved); i++) {
		v->unsaved = n->save_next;
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
	if (b->last) {
		b->dropped = v->dropped;
		v->dropped = (struct inos){ 0 };
		b->no_content = v->no_content;
		v->no_content = (struct inos){ 0 };
		pthread_mutex_lock(&s->lock);
		s->flight = s->waiting;
		s->waiting = (struct sides){ 0 };
		pthread_mutex_unlock(&s->lock);
	}
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
	pthread_mutex_unlock(&s->lock);
	vfs_unlock(v);
}

/*
 * A dropped node, and all below it that was never loaded.  What was moved out
 * from there has been written with its new folder already.
 */
static int delete_tree(struct store *s, struct op *op, struct batch *b,
		       uint64_t ino)
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
			if (db_int(s->writer, 1) == ENTRY_FILE)
				*inos_add(&b->no_content) = child;
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

/* `flight` is only changed by the thread that runs the commit: no lock. */
static int write_rest(struct store *s, struct op *op, struct batch *b)
{
	size_t dropped = b->dropped.n;

	for (size_t i = 0; i < s->flight.buckets; i++)
		for (const struct side *e = s->flight.at[i]; e; e = e->next)
			if (side_write(s->writer, op, e) < 0)
				return -1;
	for (size_t i = 0; i < dropped; i++)
		if (delete_tree(s, op, b, b->dropped.at[i]) < 0)
			return -1;
	return 0;
}

static int begin(struct store *s, struct op *op, bool durable)
{
	if (db_set_durable(s->writer, &op->err, durable) < 0)
		return -1;
	return db_run(s->writer, &op->err, "BEGIN IMMEDIATE", "");
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

static int transact(struct vfs *v, struct op *op, struct batch *b, bool durable)
{
	struct store *s = v->store;
	bool begun = false;

	do {
		take(v, b);
		if (b->rows.len == 0 && s->flight.n == 0 && b->dropped.n == 0 &&
		    !begun && !(durable && s->unsynced))
			return 0;
		if (!begun && begin(s, op, durable) < 0)
			return -1;
		begun = true;
		if (write_rows(s, op, &b->rows) < 0)
			goto failed;
	} while (!b->last);
	if (write_rest(s, op, b) < 0)
		goto failed;
	/* a transaction that changes nothing would not be synced */
	if (durable && db_run(s->writer, &op->err,
			      "INSERT OR REPLACE INTO facts VALUES "
			      "('synced', ?)",
			      "i", (int64_t)s->begun) < 0)
		goto failed;
	if (db_run(s->writer, &op->err, "COMMIT", "") < 0)
		goto failed;
	return 0;
failed : {
	struct err ignored = { 0 };

	if (db_run(s->writer, &ignored, "ROLLBACK", "") < 0)
		log_debug(v->dir, "%s", ignored.msg);
	return -1;
}
}

static int run(struct vfs *v, struct op *op, bool durable)
{
	struct store *s = v->store;
	struct batch b = { .rows = BUF_INIT };
	struct sides over;
	int rc = transact(v, op, &b, durable);

	if (rc < 0) {
		err_wrap(&op->err, "save what is known");
		give_back(v, &b);
	} else {
		pthread_mutex_lock(&s->lock);
		over = s->flight;
		s->flight = (struct sides){ 0 };
		if (durable)
			s->unsynced = false;
		else if (b.saved.n || over.n || b.dropped.n)
			s->unsynced = true;
		pthread_mutex_unlock(&s->lock);
		sides_free(&over);
		remove_contents(v, &b.no_content);
	}
	buf_free(&b.rows);
	inos_free(&b.saved);
	inos_free(&b.dropped);
	inos_free(&b.no_content);
	return rc;
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
	changed = v->unsaved || v->dropped.n || v->no_content.n;
	pthread_mutex_lock(&s->lock);
	vfs_unlock(v);
	changed |= s->waiting.n > 0;
	if (!changed && !s->running && !(durable && s->unsynced))
		goto out;
	/* one that is under way has what is no longer unsaved */
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

/* ---- opening and closing ------------------------------------------------- */

static void boot_id(struct buf *out)
{
	char text[64];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text));

	if (fd >= 0)
		close(fd);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	buf_add(out, text, n > 0 ? (size_t)n : 0);
}

/*
 * After a power cut the bytes of a file may be missing where its row is not;
 * only what was written here must be believed, since there is no other.
 */
static int forget_contents(struct store *s, struct op *op)
{
	static const char *const sql[] = {
		"UPDATE nodes SET flags = flags & ~?1 "
		"WHERE flags & ?1 AND NOT flags & ?2",
		"DELETE FROM ranges WHERE ino NOT IN "
		"(SELECT ino FROM nodes WHERE flags & ?1 OR flags & ?2)",
	};

	for (size_t i = 0; i < ARRAY_LEN(sql); i++)
		if (db_run(s->writer, &op->err, sql[i], "ii",
			   (int64_t)(NODE_WHOLE | NODE_PART),
			   (int64_t)NODE_DIRTY) < 0)
			return -1;
	return 0;
}

static int check_identity(struct vfs *v, struct op *op)
{
	struct buf b = BUF_INIT;
	int rc = store_fact(v, op, "identity", &b);

	if (rc == 1 && strcmp(b.data, v->be->identity) != 0)
		rc = err_set(&op->err, ERR_INVALID,
			     "\"%s\" is the cache of another place than %s",
			     v->dir, v->be->name);
	else if (rc == 0)
		store_keep_fact(v, "identity", v->be->identity);
	buf_free(&b);
	return rc < 0 ? -1 : 0;
}

static int check_end(struct vfs *v, struct op *op)
{
	struct buf before = BUF_INIT, now = BUF_INIT, clean = BUF_INIT;
	int rc = -1, had;

	boot_id(&now);
	had = store_fact(v, op, "boot", &before);
	if (had < 0 || store_fact(v, op, "clean", &clean) < 0)
		goto out;
	if (had && strcmp(clean.data, "yes") != 0 &&
	    (now.len == 0 || strcmp(before.data, now.data) != 0)) {
		log_notice(v->dir, "not closed before the machine went down: "
				   "content is fetched anew");
		if (forget_contents(v->store, op) < 0)
			goto out;
	}
	store_keep_fact(v, "boot", now.data);
	store_keep_fact(v, "clean", "no");
	rc = 0;
out:
	buf_free(&before);
	buf_free(&now);
	buf_free(&clean);
	return rc;
}

/* The first number that was never given out. */
static int first_number(struct vfs *v, struct op *op)
{
	struct store *s = v->store;
	struct buf b = BUF_INIT;
	int64_t last = VFS_ROOT + 1;
	int rc = store_fact(v, op, "last_ino", &b);

	if (rc == 1 && (!parse_int(b.data, &last) || last <= VFS_ROOT))
		rc = err_set(&op->err, ERR_CORRUPT, "\"%s\": last_ino", v->dir);
	buf_free(&b);
	if (rc < 0 ||
	    db_run(s->reader, &op->err, "SELECT max(ino) FROM nodes", "") != 1)
		return -1;
	if (db_int(s->reader, 0) >= last)
		last = db_int(s->reader, 0) + 1;
	v->next_ino = v->last_ino = (uint64_t)last;
	return db_next(s->reader, &op->err) < 0 ? -1 : 0;
}

/* What nodes that are no more have left. */
static int tidy(struct store *s, struct op *op)
{
	static const char *const sql[] = {
		"DELETE FROM ranges WHERE ino NOT IN (SELECT ino FROM nodes)",
		"DELETE FROM used WHERE ino NOT IN (SELECT ino FROM nodes)",
		"DELETE FROM xattrs WHERE ino NOT IN (SELECT ino FROM nodes)",
	};

	for (size_t i = 0; i < ARRAY_LEN(sql); i++)
		if (db_run(s->writer, &op->err, sql[i], "") < 0)
			return -1;
	return 0;
}

int store_open(struct vfs *v, struct op *op)
{
	struct store *s = xcalloc(1, sizeof(*s));
	const char *path = arena_printf(&op->arena, "%s/store.db", v->dir);

	v->store = s;
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->read_lock, NULL);
	pthread_cond_init(&s->done, NULL);
	s->unsynced = true; /* what a killed process has left */
	if (db_open(op, path, schema, &s->writer) < 0 ||
	    db_open(op, path, schema, &s->reader) < 0 ||
	    check_identity(v, op) < 0 || check_end(v, op) < 0 ||
	    tidy(s, op) < 0 || first_number(v, op) < 0 ||
	    store_load_root(v, op) < 0)
		return -1;
	return store_commit(v, op, true);
}

void store_close(struct vfs *v)
{
	struct store *s = v->store;

	if (!s)
		return;
	db_close(s->reader);
	db_close(s->writer);
	sides_free(&s->waiting);
	sides_free(&s->flight);
	pthread_cond_destroy(&s->done);
	pthread_mutex_destroy(&s->read_lock);
	pthread_mutex_destroy(&s->lock);
	free(s);
	v->store = NULL;
}
