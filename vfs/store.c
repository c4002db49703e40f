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
#include "vfs/journal.h"

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

enum { NUMBERS = 4096 }; /* reserved at once */

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
	if (n->flags & NODE_DROPPED)
		return;
	if (n->flags & NODE_INLINED && !(n->flags & NODE_DIRTY)) {
		/* what it has from now on may be another version */
		store_log_synced(v, n->ino);
		n->flags &= ~(uint32_t)NODE_INLINED;
	}
	if (!(n->flags & NODE_LOG)) {
		n->flags |= NODE_LOG;
		*inos_add(&v->unlogged) = n->ino;
	}
	if (n->flags & NODE_SAVE)
		return;
	n->flags |= NODE_SAVE;
	n->save_next = v->unsaved;
	v->unsaved = n;
	if (++v->n_unsaved == 1 || v->n_unsaved == STORE_MANY)
		pthread_cond_signal(&v->keeper_wake);
}

void store_drop(struct vfs *v, uint64_t ino)
{
	*inos_add(&v->dropped) = ino;
	*inos_add(&v->dropped_log) = ino;
}

static void take_out(struct inos *all, uint64_t ino)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->at[i] == ino)
			all->at[i--] = all->at[--all->n];
}

void store_undrop(struct vfs *v, uint64_t ino)
{
	take_out(&v->dropped, ino);
	take_out(&v->dropped_log, ino);
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

/* What the journal has comes first: then all else is read. */
static int check_end(struct vfs *v, struct op *op)
{
	struct buf before = BUF_INIT, now = BUF_INIT, clean = BUF_INIT;
	int rc = -1, had;
	bool cut;

	boot_id(&now);
	had = store_fact(v, op, "boot", &before);
	if (had < 0 || store_fact(v, op, "clean", &clean) < 0)
		goto out;
	if (!had && syncfs(v->data_fd) < 0) { /* the folders were just made */
		err_sys(&op->err, "sync \"%s\"", v->dir);
		goto out;
	}
	cut = now.len == 0 || strcmp(before.data, now.data) != 0;
	if (store_replay(v, op, cut) < 0)
		goto out;
	if (had && strcmp(clean.data, "yes") != 0 && cut) {
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
	s->log = s->frame_rows = s->frame_log = (struct buf)BUF_INIT;
	if (db_open(op, path, schema, &s->writer) < 0 ||
	    db_open(op, path, schema, &s->reader) < 0 || check_end(v, op) < 0 ||
	    check_identity(v, op) < 0 || tidy(s, op) < 0 ||
	    first_number(v, op) < 0 || store_load_root(v, op) < 0)
		return -1;
	return store_save_all(v, op);
}

void store_close(struct vfs *v)
{
	struct store *s = v->store;

	if (!s)
		return;
	journal_close(s->journal, s->closed);
	db_close(s->reader);
	db_close(s->writer);
	inos_free(&s->inlined);
	buf_free(&s->log);
	buf_free(&s->frame_rows);
	buf_free(&s->frame_log);
	sides_free(&s->waiting);
	sides_free(&s->flight);
	pthread_cond_destroy(&s->done);
	pthread_mutex_destroy(&s->read_lock);
	pthread_mutex_destroy(&s->lock);
	free(s);
	v->store = NULL;
}
