#include "backends/hash_memory.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/db.h"
#include "lib/log.h"
#include "lib/vec.h"

/* A row for each file, whatever its state: the newest one counts. */
static const char *const schema[] = {
	"CREATE TABLE hashes (dev INTEGER, ino INTEGER, size INTEGER,"
	" mtime INTEGER, ctime INTEGER, md5 BLOB, sha1 BLOB, sha256 BLOB,"
	" PRIMARY KEY (dev, ino)) WITHOUT ROWID",
	"CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
	NULL,
};

enum { GATHER = 1000, SLOTS = 4096 };

#define TOO_FRESH_NS (2 * NS_PER_SEC)

struct remembered {
	int64_t dev, ino, size, mtime, ctime;
	struct digests hash;
};

struct note {
	char *key, *value;
};

VEC(remembered_list, struct remembered);
VEC(notes, struct note);

struct hash_memory {
	pthread_mutex_t lock;          /* guards all that follows */
	struct db *db;                 /* NULL: do without */
	struct remembered_list hashes; /* not stored yet */
	uint16_t slot[SLOTS]; /* by device and inode: place in hashes, from 1 */
	struct notes notes;   /* not stored yet; the later one counts */
};

int hash_memory_open(struct op *op, const char *path, struct hash_memory **out)
{
	struct hash_memory *m;
	struct db *db = NULL;

	*out = NULL;
	if (op_check(op) < 0)
		return -1;
	if (db_open(op, path, schema, &db) < 0) {
		if (op->err.kind == ERR_CANCELED)
			return -1;
		log_debug(NULL, "no memory of hashes: %s", op->err.msg);
		err_clear(&op->err);
	}
	m = xcalloc(1, sizeof(*m));
	m->db = db;
	pthread_mutex_init(&m->lock, NULL);
	*out = m;
	return 0;
}

static void forget_gathered(struct hash_memory *m)
{
	for (size_t i = 0; i < m->notes.n; i++) {
		free(m->notes.at[i].key);
		free(m->notes.at[i].value);
	}
	m->notes.n = 0;
	m->hashes.n = 0;
	memset(m->slot, 0, sizeof(m->slot));
}

/* A busy database may do better next time, any other failure will come back. */
static void give_up(struct hash_memory *m, const struct err *e)
{
	log_debug(NULL, "memory of hashes: %s", e->msg);
	if (e->kind == ERR_BUSY)
		return;
	db_close(m->db);
	m->db = NULL;
}

static bool has(const struct digests *d, enum hash_type t)
{
	return d->have & 1u << t;
}

/* NULL, and so NULL in the table, if it is not known. */
static const void *known(const struct digests *d, enum hash_type t)
{
	return has(d, t) ? digest_in(d, t) : NULL;
}

static int store_hash(struct db *db, struct err *e, const struct remembered *r)
{
	/* of the same state, what was known before is still true */
	static const char sql[] =
		"INSERT INTO hashes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT (dev, ino) DO UPDATE SET"
		" md5 = coalesce(excluded.md5, iif(size = excluded.size"
		"  AND mtime = excluded.mtime AND ctime = excluded.ctime,"
		"  md5, NULL)),"
		" sha1 = coalesce(excluded.sha1, iif(size = excluded.size"
		"  AND mtime = excluded.mtime AND ctime = excluded.ctime,"
		"  sha1, NULL)),"
		" sha256 = coalesce(excluded.sha256, iif(size = excluded.size"
		"  AND mtime = excluded.mtime AND ctime = excluded.ctime,"
		"  sha256, NULL)),"
		" size = excluded.size, mtime = excluded.mtime,"
		" ctime = excluded.ctime";
	const struct digests *d = &r->hash;

	return db_run(db, e, sql, "iiiiibbb", r->dev, r->ino, r->size, r->mtime,
		      r->ctime, known(d, HASH_MD5), hash_len(HASH_MD5),
		      known(d, HASH_SHA1), hash_len(HASH_SHA1),
		      known(d, HASH_SHA256), hash_len(HASH_SHA256));
}

static int store_note(struct db *db, struct err *e, const struct note *n)
{
	if (!n->value)
		return db_run(db, e, "DELETE FROM notes WHERE key = ?", "s",
			      n->key);
	return db_run(db, e, "INSERT OR REPLACE INTO notes VALUES (?, ?)", "ss",
		      n->key, n->value);
}

static int store_all(struct hash_memory *m, struct err *e)
{
	if (db_run(m->db, e, "BEGIN IMMEDIATE", "") < 0)
		return -1;
	for (size_t i = 0; i < m->hashes.n; i++)
		if (store_hash(m->db, e, &m->hashes.at[i]) < 0)
			return -1;
	for (size_t i = 0; i < m->notes.n; i++)
		if (store_note(m->db, e, &m->notes.at[i]) < 0)
			return -1;
	return db_run(m->db, e, "COMMIT", "");
}

static void store_gathered(struct hash_memory *m)
{
	struct err e, other;

	if (m->db && (m->hashes.n || m->notes.n) && store_all(m, &e) < 0) {
		if (db_run(m->db, &other, "ROLLBACK", "") < 0)
			err_clear(&other); /* there was nothing to roll back */
		give_up(m, &e);
	}
	forget_gathered(m);
}

void hash_memory_close(struct hash_memory *m)
{
	if (!m)
		return;
	store_gathered(m);
	db_close(m->db);
	remembered_list_free(&m->hashes);
	notes_free(&m->notes);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

/* False for what has no such state: a remote's file, a folder. */
static bool state_of(const struct entry *e, struct remembered *out)
{
	if (e->kind != ENTRY_FILE || !e->posix || e->size < 0 ||
	    e->mtime == MTIME_UNKNOWN)
		return false;
	*out = (struct remembered){
		.dev = (int64_t)e->posix->dev,
		.ino = (int64_t)e->posix->ino,
		.size = e->size,
		.mtime = e->mtime,
		.ctime = e->posix->ctime,
	};
	return true;
}

static bool same_state(const struct remembered *a, const struct remembered *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime == b->mtime && a->ctime == b->ctime;
}

/* The slot of this file, or the empty one where it would go. */
static uint16_t *find_slot(struct hash_memory *m, const struct remembered *r)
{
	uint64_t mix = ((uint64_t)r->ino ^ (uint64_t)r->dev << 40) *
		       UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(mix >> 52); /* 0 .. SLOTS - 1 */

	for (; m->slot[i]; i = (i + 1) % SLOTS) {
		const struct remembered *at = &m->hashes.at[m->slot[i] - 1];

		if (at->dev == r->dev && at->ino == r->ino)
			break;
	}
	return &m->slot[i];
}

static void merge(struct digests *to, const struct digests *from)
{
	for (size_t t = 0; t < HASH_TYPES; t++) {
		enum hash_type type = (enum hash_type)t;

		if (has(from, type) && !has(to, type)) {
			memcpy(digest_of(to, type), digest_in(from, type),
			       hash_len(type));
			to->have |= 1u << t;
		}
	}
}

static void read_digest(struct db *db, int col, struct digests *d,
			enum hash_type t)
{
	size_t n;
	const void *p = db_blob(db, col, &n);

	if (!p || n != hash_len(t))
		return;
	memcpy(digest_of(d, t), p, n);
	d->have |= 1u << t;
}

static void look_up(struct hash_memory *m, const struct remembered *r,
		    struct digests *out)
{
	struct err e;
	int rc = db_run(m->db, &e,
			"SELECT md5, sha1, sha256 FROM hashes WHERE dev = ?"
			" AND ino = ? AND size = ? AND mtime = ? AND ctime = ?",
			"iiiii", r->dev, r->ino, r->size, r->mtime, r->ctime);

	if (rc > 0) {
		struct digests found = { 0 };

		read_digest(m->db, 0, &found, HASH_MD5);
		read_digest(m->db, 1, &found, HASH_SHA1);
		read_digest(m->db, 2, &found, HASH_SHA256);
		merge(out, &found);
		rc = db_next(m->db, &e); /* or a reading stays open */
	}
	if (rc < 0)
		give_up(m, &e);
}

void hash_memory_get(struct hash_memory *m, const struct entry *e,
		     struct digests *out)
{
	struct remembered r;
	uint16_t slot;

	if (!state_of(e, &r))
		return;
	pthread_mutex_lock(&m->lock);
	slot = *find_slot(m, &r);
	if (slot && same_state(&m->hashes.at[slot - 1], &r))
		merge(out, &m->hashes.at[slot - 1].hash);
	if (m->db)
		look_up(m, &r, out);
	pthread_mutex_unlock(&m->lock);
}

static bool just_touched(int64_t touched, int64_t read_at)
{
	int64_t age;

	return !__builtin_sub_overflow(read_at, touched, &age) &&
	       age > -TOO_FRESH_NS && age < TOO_FRESH_NS;
}

void hash_memory_put(struct hash_memory *m, const struct entry *e,
		     const struct digests *d, int64_t read_at)
{
	struct remembered r;
	uint16_t *slot;

	if (!d->have || !state_of(e, &r) || just_touched(r.mtime, read_at) ||
	    just_touched(r.ctime, read_at))
		return;
	r.hash = *d;
	pthread_mutex_lock(&m->lock);
	slot = find_slot(m, &r);
	if (*slot) {
		struct remembered *old = &m->hashes.at[*slot - 1];

		if (same_state(old, &r))
			merge(&r.hash, &old->hash);
		*old = r;
	} else {
		*remembered_list_add(&m->hashes) = r;
		*slot = (uint16_t)m->hashes.n;
	}
	if (m->hashes.n == GATHER)
		store_gathered(m);
	pthread_mutex_unlock(&m->lock);
}

/* As hash_memory_note_get(), under the lock. */
static int find_note(struct hash_memory *m, struct op *op, const char *key,
		     const char **value)
{
	struct err e;
	int rc = 0;

	for (size_t i = m->notes.n; i-- > 0;) {
		const struct note *n = &m->notes.at[i];

		if (strcmp(n->key, key) != 0)
			continue;
		if (n->value)
			*value = arena_strdup(&op->arena, n->value);
		return n->value != NULL;
	}
	if (m->db)
		rc = db_run(m->db, &e, "SELECT value FROM notes WHERE key = ?",
			    "s", key);
	if (rc > 0) {
		const char *text = db_text(m->db, 0);

		*value = arena_strdup(&op->arena, text ? text : "");
		if (db_next(m->db, &e) < 0)
			give_up(m, &e);
		return 1;
	}
	if (rc < 0)
		give_up(m, &e);
	return 0;
}

int hash_memory_note_get(struct hash_memory *m, struct op *op, const char *key,
			 const char **value)
{
	int rc;

	pthread_mutex_lock(&m->lock);
	rc = find_note(m, op, key, value);
	pthread_mutex_unlock(&m->lock);
	return rc;
}

void hash_memory_note_put(struct hash_memory *m, const char *key,
			  const char *value)
{
	pthread_mutex_lock(&m->lock);
	*notes_add(&m->notes) = (struct note){
		.key = xstrdup(key),
		.value = value ? xstrdup(value) : NULL,
	};
	if (m->notes.n == GATHER)
		store_gathered(m);
	pthread_mutex_unlock(&m->lock);
}
