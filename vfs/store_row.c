#include "vfs/store.h"

#include <stdlib.h>
#include <string.h>

/*
 * Nodes as rows.  A row is first copied with v->lock held, into bytes of a
 * commit's own, and written when the lock is free again.
 */

/* ---- node.seen ----------------------------------------------------------- */

enum { SEEN_FORMAT = 1, HAS_POSIX = 1, HAS_ID = 2, HAS_TAG = 4 };

static void add_int(struct buf *b, int64_t n)
{
	buf_add(b, &n, sizeof(n));
}

static void add_text(struct buf *b, const char *s)
{
	size_t n = s ? strlen(s) : 0;
	uint32_t len = (uint32_t)n;

	if (!s)
		return;
	buf_add(b, &len, sizeof(len));
	buf_add(b, s, n + 1);
}

void seen_pack(struct buf *b, const char *seen)
{
	const struct posix_meta *p;
	struct posix_meta m;
	struct entry e;
	uint8_t head[4];

	entry_unpack(seen, &e, &m);
	p = e.posix;
	head[0] = SEEN_FORMAT;
	head[1] = (uint8_t)((p ? HAS_POSIX : 0) | (e.id ? HAS_ID : 0) |
			    (e.tag ? HAS_TAG : 0));
	head[2] = (uint8_t)e.hash.have;
	head[3] = (uint8_t)e.kind;
	buf_add(b, head, sizeof(head));
	add_int(b, e.size);
	add_int(b, e.mtime);
	if (p) {
		const uint32_t small[] = { p->mode, p->uid, p->gid, p->nlink };
		const uint64_t large[] = { p->rdev, p->dev, p->ino,
					   (uint64_t)p->ctime };

		buf_add(b, small, sizeof(small));
		buf_add(b, large, sizeof(large));
	}
	for (unsigned t = 0; t < HASH_TYPES; t++)
		if (e.hash.have & 1u << t)
			buf_add(b, digest_in(&e.hash, (enum hash_type)t),
				hash_len((enum hash_type)t));
	add_text(b, e.id);
	add_text(b, e.tag);
}

struct reader {
	const char *p;
	size_t n;
	bool bad;
};

static const char *take(struct reader *r, size_t n)
{
	const char *p = r->p;

	if (r->bad || n > r->n) {
		r->bad = true;
		return NULL;
	}
	r->p += n;
	r->n -= n;
	return p;
}

static void take_into(struct reader *r, void *to, size_t n)
{
	const char *p = take(r, n);

	if (p)
		memcpy(to, p, n);
}

static const char *take_text(struct reader *r, bool there)
{
	uint32_t len = 0;
	const char *p;

	if (!there)
		return NULL;
	take_into(r, &len, sizeof(len));
	p = take(r, (size_t)len + 1);
	if (p && (p[len] != '\0' || memchr(p, '\0', len))) {
		r->bad = true;
		p = NULL;
	}
	return p;
}

static void take_posix(struct reader *r, struct posix_meta *m)
{
	uint32_t small[4] = { 0 };
	uint64_t large[4] = { 0 };

	take_into(r, small, sizeof(small));
	take_into(r, large, sizeof(large));
	*m = (struct posix_meta){
		.mode = small[0],
		.uid = small[1],
		.gid = small[2],
		.nlink = small[3],
		.rdev = large[0],
		.dev = large[1],
		.ino = large[2],
		.ctime = (int64_t)large[3],
	};
}

char *seen_parse(const char *p, size_t n)
{
	struct reader r = { .p = p, .n = n };
	struct buf packed = BUF_INIT;
	struct entry e = { .name = "" };
	uint8_t head[4] = { 0 };
	struct posix_meta m;
	char *seen = NULL;

	take_into(&r, head, sizeof(head));
	if (head[0] != SEEN_FORMAT || head[3] > ENTRY_SPECIAL)
		return NULL;
	e.kind = (enum entry_kind)head[3];
	take_into(&r, &e.size, sizeof(e.size));
	take_into(&r, &e.mtime, sizeof(e.mtime));
	if (head[1] & HAS_POSIX) {
		take_posix(&r, &m);
		e.posix = &m;
	}
	e.hash.have = head[2] & ((1u << HASH_TYPES) - 1);
	for (unsigned t = 0; t < HASH_TYPES; t++)
		if (e.hash.have & 1u << t)
			take_into(&r, digest_of(&e.hash, (enum hash_type)t),
				  hash_len((enum hash_type)t));
	e.id = take_text(&r, head[1] & HAS_ID);
	e.tag = take_text(&r, head[1] & HAS_TAG);
	if (!r.bad) {
		entry_pack(&packed, &e);
		seen = xrealloc(NULL, packed.len, 1);
		memcpy(seen, packed.data, packed.len);
	}
	buf_free(&packed);
	return seen;
}

/* ---- rows ---------------------------------------------------------------- */

static uint32_t add_string(struct buf *b, size_t start, const char *s)
{
	size_t at = b->len - start;

	if (!s)
		return 0;
	buf_add(b, s, strlen(s) + 1);
	return (uint32_t)at;
}

void row_pack(struct buf *out, const struct node *n)
{
	struct row r = {
		.ino = n->ino,
		.parent = n->parent ? n->parent->ino : 0,
		.rparent = n->rparent ? n->rparent->ino : 0,
		.size = n->size,
		.mtime = n->mtime,
		.ctime = n->ctime,
		.mode = n->has_mode ? (int64_t)n->mode : -1,
		.uid = n->has_owner ? (int64_t)n->uid : -1,
		.gid = n->has_owner ? (int64_t)n->gid : -1,
		.flags = n->flags & ROW_FLAGS,
		.kind = n->kind,
	};
	size_t start = out->len;

	buf_add(out, &r, sizeof(r));
	r.name = add_string(out, start, n->name);
	r.rname = add_string(out, start, n->rname);
	r.target = add_string(out, start, n->target);
	if (n->seen) {
		r.seen = (uint32_t)(out->len - start);
		seen_pack(out, n->seen);
		r.seen_len = (uint32_t)(out->len - start) - r.seen;
	}
	r.len = (uint32_t)(out->len - start);
	memcpy(out->data + start, &r, sizeof(r));
}

static bool is_string(const char *packed, size_t n, uint32_t at)
{
	return at == 0 || (at >= sizeof(struct row) && at < n &&
			   memchr(packed + at, '\0', n - at));
}

bool row_is_sound(const char *packed, size_t n)
{
	struct row r;

	if (n < sizeof(r))
		return false;
	memcpy(&r, packed, sizeof(r));
	return r.len == n && r.ino > 0 && r.ino <= INT64_MAX &&
	       r.parent <= INT64_MAX && r.rparent <= INT64_MAX &&
	       r.kind <= ENTRY_SPECIAL && r.name &&
	       is_string(packed, n, r.name) && is_string(packed, n, r.rname) &&
	       is_string(packed, n, r.target) && r.seen <= n &&
	       (r.seen == 0 || r.seen >= sizeof(r)) && r.seen_len <= n - r.seen;
}

static const char *string_at(const char *packed, uint32_t at)
{
	return at ? packed + at : NULL;
}

int row_write(struct db *db, struct op *op, const char *packed)
{
	struct row r;

	memcpy(&r, packed, sizeof(r));
	return db_run(db, &op->err,
		      "INSERT OR REPLACE INTO nodes (" ROW_COLUMNS ") VALUES "
		      "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		      "iisisiiiiiiiibs", (int64_t)r.ino, (int64_t)r.parent,
		      string_at(packed, r.name), (int64_t)r.rparent,
		      string_at(packed, r.rname), (int64_t)r.flags,
		      (int64_t)r.kind, r.mode, r.uid, r.gid, r.size, r.mtime,
		      r.ctime, string_at(packed, r.seen), (size_t)r.seen_len,
		      string_at(packed, r.target)) < 0
		       ? -1
		       : 0;
}

struct node *row_node(struct vfs *v, struct db *db)
{
	int64_t kind = db_int(db, 6), mode = db_int(db, 7);
	const char *name = db_text(db, 2), *target = db_text(db, 14);
	const void *seen;
	struct node *n;
	size_t len;

	if (!name || kind < 0 || kind > ENTRY_SPECIAL || db_int(db, 0) <= 0)
		return NULL;
	n = node_put_back(v, (uint64_t)db_int(db, 0), (enum entry_kind)kind,
			  name);
	n->flags = ((uint32_t)db_int(db, 5) & ROW_FLAGS) | NODE_SAVED_ONCE;
	n->has_mode = mode >= 0;
	n->mode = n->has_mode ? (uint32_t)mode & 07777 : 0;
	n->has_owner = db_int(db, 8) >= 0;
	n->uid = n->has_owner ? (uint32_t)db_int(db, 8) : 0;
	n->gid = n->has_owner ? (uint32_t)db_int(db, 9) : 0;
	n->size = db_int(db, 10);
	n->mtime = db_int(db, 11);
	n->ctime = db_int(db, 12);
	n->target = target ? xstrdup(target) : NULL;
	seen = db_blob(db, 13, &len);
	if (seen)
		n->seen = seen_parse(seen, len);
	return n;
}
