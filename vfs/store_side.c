#include "vfs/store.h"

#include <stdlib.h>
#include <string.h>

#include "vfs/journal.h"

/*
 * Values beside the nodes: facts, ranges, attributes, when a file was used.
 * What is set waits in memory for the next commit; who reads looks there
 * first.
 */

static size_t bucket(enum side_table table, uint64_t ino, const char *key,
		     size_t buckets)
{
	uint64_t h = (ino + (uint64_t)table) * UINT64_C(0x9e3779b97f4a7c15);

	while (*key)
		h = (h ^ (unsigned char)*key++) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32) & (buckets - 1);
}

static struct side **find(const struct sides *s, enum side_table table,
			  uint64_t ino, const char *key)
{
	struct side **at;

	if (s->n == 0)
		return NULL;
	at = &s->at[bucket(table, ino, key, s->buckets)];
	for (; *at; at = &(*at)->next)
		if ((*at)->table == table && (*at)->ino == ino &&
		    strcmp((*at)->key, key) == 0)
			return at;
	return NULL;
}

static void side_free(struct side *s)
{
	free(s->key);
	free(s->value);
	free(s);
}

static void insert(struct sides *s, struct side *e)
{
	struct side **at = &s->at[bucket(e->table, e->ino, e->key, s->buckets)];

	e->next = *at;
	*at = e;
	s->n++;
}

static void grow(struct sides *s)
{
	struct sides to = { .buckets = s->buckets ? s->buckets * 2 : 16 };

	if (s->n < s->buckets)
		return;
	to.at = xcalloc(to.buckets, sizeof(struct side *));
	for (size_t i = 0; i < s->buckets; i++) {
		for (struct side *e = s->at[i], *next; e; e = next) {
			next = e->next;
			insert(&to, e);
		}
	}
	free(s->at);
	*s = to;
}

/* Takes over `e`; an older one of the same key goes. */
static void put(struct sides *s, struct side *e)
{
	struct side **old = find(s, e->table, e->ino, e->key);

	if (old) {
		struct side *gone = *old;

		*old = gone->next;
		s->n--;
		side_free(gone);
	}
	grow(s);
	insert(s, e);
}

void sides_free(struct sides *s)
{
	for (size_t i = 0; i < s->buckets; i++) {
		for (struct side *e = s->at[i], *next; e; e = next) {
			next = e->next;
			side_free(e);
		}
	}
	free(s->at);
	*s = (struct sides){ 0 };
}

void sides_merge(struct sides *to, struct sides *from, bool keep)
{
	for (size_t i = 0; i < from->buckets; i++) {
		for (struct side *e = from->at[i], *next; e; e = next) {
			next = e->next;
			if (keep && find(to, e->table, e->ino, e->key))
				side_free(e);
			else
				put(to, e);
		}
	}
	free(from->at);
	*from = (struct sides){ 0 };
}

/* With store.lock: what was set last and is not on the disk yet; or NULL. */
static const struct side *unwritten(const struct store *s,
				    enum side_table table, uint64_t ino,
				    const char *key)
{
	struct side **at = find(&s->waiting, table, ino, key);

	if (!at)
		at = find(&s->flight, table, ino, key);
	return at ? *at : NULL;
}

static struct side *side_new(enum side_table table, uint64_t ino,
			     const char *key, const void *value, size_t len)
{
	struct side *e = xcalloc(1, sizeof(*e));

	e->table = table;
	e->ino = ino;
	e->key = xstrdup(key);
	e->remove = !value;
	if (value) {
		e->value = xrealloc(NULL, len + 1, 1);
		memcpy(e->value, value, len);
		e->value[len] = '\0';
		e->len = len;
	}
	return e;
}

static void keep(struct vfs *v, struct side *e)
{
	pthread_mutex_lock(&v->store->lock);
	side_pack(&v->store->log, e);
	put(&v->store->waiting, e);
	pthread_mutex_unlock(&v->store->lock);
}

/* In the journal: this, the key and the value, each with its '\0'. */
struct packed {
	uint64_t ino;
	int64_t bytes, when;
	uint32_t key, value; /* lengths */
	uint8_t table, remove;
	uint8_t unused[6];
};

void side_pack(struct buf *log, const struct side *s)
{
	struct packed p = { .ino = s->ino,
			    .bytes = s->bytes,
			    .when = s->when,
			    .key = (uint32_t)strlen(s->key),
			    .value = (uint32_t)s->len,
			    .table = (uint8_t)s->table,
			    .remove = s->remove };
	size_t at = journal_begin(log, JOURNAL_SIDE);

	buf_add(log, &p, sizeof(p));
	buf_add(log, s->key, (size_t)p.key + 1);
	buf_add(log, s->remove ? "" : s->value, (size_t)p.value + 1);
	journal_end(log, at);
}

bool side_unpack(const char *p, size_t n, struct side *out)
{
	struct packed s;

	if (n < sizeof(s))
		return false;
	memcpy(&s, p, sizeof(s));
	p += sizeof(s);
	n -= sizeof(s);
	if (s.table > SIDE_UNSURE || s.remove > 1 || s.ino > INT64_MAX ||
	    s.key >= n || s.value != n - s.key - 2 ||
	    memchr(p, '\0', n) != p + s.key || p[n - 1] != '\0' ||
	    (s.table == SIDE_FACT && s.remove))
		return false;
	*out = (struct side){ .table = (enum side_table)s.table,
			      .ino = s.ino,
			      .key = (char *)(uintptr_t)p,
			      .remove = s.remove,
			      .value = (char *)(uintptr_t)p + s.key + 1,
			      .len = s.value,
			      .bytes = s.bytes,
			      .when = s.when };
	return true;
}

int side_write(struct db *db, struct op *op, const struct side *s)
{
	static const char *const removes[] = {
		[SIDE_RANGES] = "DELETE FROM ranges WHERE ino = ?",
		[SIDE_USED] = "DELETE FROM used WHERE ino = ?",
		[SIDE_UNSURE] = "DELETE FROM unsure WHERE ino = ?",
	};
	struct err *e = &op->err;
	int64_t ino = (int64_t)s->ino;
	int rc = -1;

	switch (s->table) {
	case SIDE_FACT:
		rc = db_run(db, e, "INSERT OR REPLACE INTO facts VALUES (?, ?)",
			    "ss", s->key, s->value);
		break;
	case SIDE_XATTR:
		rc = s->remove ? db_run(db, e,
					"DELETE FROM xattrs WHERE ino = ? AND "
					"name = ?",
					"is", ino, s->key)
			       : db_run(db, e,
					"INSERT OR REPLACE INTO xattrs VALUES "
					"(?, ?, ?)",
					"isb", ino, s->key,
					(const void *)s->value, s->len);
		break;
	case SIDE_RANGES:
		rc = s->remove ? db_run(db, e, removes[s->table], "i", ino)
			       : db_run(db, e,
					"INSERT OR REPLACE INTO ranges VALUES "
					"(?, ?)",
					"ib", ino, (const void *)s->value,
					s->len);
		break;
	case SIDE_UNSURE:
		rc = s->remove ? db_run(db, e, removes[s->table], "i", ino)
			       : db_run(db, e,
					"INSERT OR REPLACE INTO unsure VALUES "
					"(?, ?)",
					"ib", ino, (const void *)s->value,
					s->len);
		break;
	case SIDE_USED:
		rc = s->bytes <= 0
			     ? db_run(db, e, removes[s->table], "i", ino)
			     : db_run(db, e,
				      "INSERT OR REPLACE INTO used VALUES "
				      "(?, ?, ?)",
				      "iii", ino, s->bytes, s->when);
		break;
	}
	return rc < 0 ? -1 : 0;
}

/*
 * The value into `out`: 1, 0 or -1.  `sql` gives it as a blob, for the number
 * and, but for ranges, the key.
 */
static int get(struct vfs *v, struct op *op, enum side_table table,
	       uint64_t ino, const char *key, struct buf *out)
{
	struct store *s = v->store;
	const struct side *e;
	int rc;

	pthread_mutex_lock(&s->lock);
	e = unwritten(s, table, ino, key);
	if (e) {
		if (!e->remove)
			buf_add(out, e->value, e->len);
		rc = e->remove ? 0 : 1;
	}
	pthread_mutex_unlock(&s->lock);
	if (e)
		return rc;
	pthread_mutex_lock(&s->read_lock);
	if (table == SIDE_FACT)
		rc = db_run(s->reader, &op->err,
			    "SELECT value FROM facts WHERE key = ?", "s", key);
	else if (table == SIDE_RANGES)
		rc = db_run(s->reader, &op->err,
			    "SELECT have FROM ranges WHERE ino = ?", "i",
			    (int64_t)ino);
	else
		rc = db_run(s->reader, &op->err,
			    "SELECT value FROM xattrs WHERE ino = ? AND "
			    "name = ?",
			    "is", (int64_t)ino, key);
	if (rc == 1) {
		size_t n;
		const void *p = db_blob(s->reader, 0, &n);

		if (p)
			buf_add(out, p, n);
		if (db_next(s->reader, &op->err) < 0)
			rc = -1;
	}
	pthread_mutex_unlock(&s->read_lock);
	return rc;
}

int store_ranges(struct vfs *v, struct op *op, uint64_t ino, struct ranges *out)
{
	struct buf b = BUF_INIT;
	int rc = get(v, op, SIDE_RANGES, ino, "", &b);

	if (rc == 1)
		rc = ranges_parse(b.data, b.len, out, &op->err);
	buf_free(&b);
	return rc < 0 ? -1 : 0;
}

void store_set_ranges(struct vfs *v, uint64_t ino, const struct ranges *r)
{
	struct buf b = BUF_INIT;

	if (r && r->n)
		ranges_pack(r, &b);
	keep(v, side_new(SIDE_RANGES, ino, "", b.len ? b.data : NULL, b.len));
	buf_free(&b);
}

int store_get_xattr(struct vfs *v, struct op *op, uint64_t ino,
		    const char *name, struct buf *value)
{
	return get(v, op, SIDE_XATTR, ino, name, value);
}

void store_set_xattr(struct vfs *v, uint64_t ino, const char *name,
		     const void *value, size_t len)
{
	keep(v, side_new(SIDE_XATTR, ino, name, value, len));
}

/* With store.lock: names that are set and not in the database. */
static void add_unwritten(const struct store *s, const struct sides *from,
			  uint64_t ino, const struct buf *have, struct buf *out)
{
	for (size_t i = 0; i < from->buckets; i++) {
		for (const struct side *e = from->at[i]; e; e = e->next) {
			bool listed = false;

			if (e->table != SIDE_XATTR || e->ino != ino ||
			    e->remove ||
			    unwritten(s, SIDE_XATTR, ino, e->key) != e)
				continue;
			for (size_t at = 0; at < have->len;
			     at += strlen(have->data + at) + 1)
				listed |= strcmp(have->data + at, e->key) == 0;
			if (!listed)
				buf_add(out, e->key, strlen(e->key) + 1);
		}
	}
}

int store_list_xattrs(struct vfs *v, struct op *op, uint64_t ino,
		      struct buf *names)
{
	struct store *s = v->store;
	struct buf have = BUF_INIT;
	int rc;

	pthread_mutex_lock(&s->lock); /* no commit ends meanwhile */
	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err,
		    "SELECT name FROM xattrs WHERE ino = ?", "i", (int64_t)ino);
	for (; rc == 1; rc = db_next(s->reader, &op->err)) {
		const char *name = db_text(s->reader, 0);

		if (name)
			buf_add(&have, name, strlen(name) + 1);
	}
	pthread_mutex_unlock(&s->read_lock);
	for (size_t at = 0; at < have.len; at += strlen(have.data + at) + 1) {
		const struct side *e =
			unwritten(s, SIDE_XATTR, ino, have.data + at);

		if (!e || !e->remove)
			buf_add(names, have.data + at,
				strlen(have.data + at) + 1);
	}
	add_unwritten(s, &s->waiting, ino, &have, names);
	add_unwritten(s, &s->flight, ino, &have, names);
	pthread_mutex_unlock(&s->lock);
	buf_free(&have);
	return rc < 0 ? -1 : 0;
}

int store_fact(struct vfs *v, struct op *op, const char *key, struct buf *out)
{
	return get(v, op, SIDE_FACT, 0, key, out);
}

void store_keep_fact(struct vfs *v, const char *key, const char *value)
{
	keep(v, side_new(SIDE_FACT, 0, key, value, strlen(value)));
}

int store_set_fact(struct vfs *v, struct op *op, const char *key,
		   const char *value)
{
	store_keep_fact(v, key, value);
	return store_commit(v, op, true);
}

void store_used(struct vfs *v, uint64_t ino, int64_t bytes, int64_t when)
{
	struct side *e = side_new(SIDE_USED, ino, "", "", 0);

	e->bytes = bytes;
	e->when = when;
	keep(v, e);
}

struct cached {
	uint64_t ino;
	int64_t bytes, used;
};

VEC(cacheds, struct cached);

int store_cached(struct vfs *v, struct op *op, store_cached_fn *fn, void *arg)
{
	struct store *s = v->store;
	struct cacheds all = { 0 };
	int rc = store_save_all(v, op);

	if (rc < 0)
		return -1;
	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err,
		    "SELECT ino, bytes, used FROM used ORDER BY used", "");
	for (; rc == 1; rc = db_next(s->reader, &op->err))
		*cacheds_add(&all) = (struct cached){
			.ino = (uint64_t)db_int(s->reader, 0),
			.bytes = db_int(s->reader, 1),
			.used = db_int(s->reader, 2),
		};
	pthread_mutex_unlock(&s->read_lock);
	for (size_t i = 0; i < all.n && rc == 0; i++)
		rc = fn(arg, op, all.at[i].ino, all.at[i].bytes,
			all.at[i].used);
	cacheds_free(&all);
	return rc < 0 ? -1 : 0;
}

void store_set_unsure(struct vfs *v, uint64_t ino, const void *p, size_t n)
{
	keep(v, side_new(SIDE_UNSURE, ino, "", p, n));
}

struct unsure_row {
	uint64_t ino;
	struct buf what;
};

VEC(unsure_rows, struct unsure_row);

/* `fn` reads other rows, so all of these are read first. */
int store_unsure(struct vfs *v, struct op *op, store_unsure_fn *fn)
{
	struct store *s = v->store;
	struct unsure_rows all = { 0 };
	int rc;

	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err, "SELECT ino, what FROM unsure", "");
	for (; rc == 1; rc = db_next(s->reader, &op->err)) {
		struct unsure_row *row = unsure_rows_add(&all);
		size_t n;
		const void *p = db_blob(s->reader, 1, &n);

		*row = (struct unsure_row){
			.ino = (uint64_t)db_int(s->reader, 0),
			.what = BUF_INIT,
		};
		if (p)
			buf_add(&row->what, p, n);
	}
	pthread_mutex_unlock(&s->read_lock);
	for (size_t i = 0; i < all.n; i++) {
		if (rc == 0)
			fn(v, op, all.at[i].ino, all.at[i].what.data,
			   all.at[i].what.len);
		buf_free(&all.at[i].what);
	}
	unsure_rows_free(&all);
	return rc < 0 ? -1 : 0;
}
