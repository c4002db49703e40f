#include "backends/entry.h"

#include <string.h>

#include "lib/buf.h"

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		const struct xattr *x = &a->at[i], *y = &b->at[i];

		if (strcmp(x->name, y->name) != 0 || x->len != y->len ||
		    memcmp(x->value, y->value, x->len) != 0)
			return false;
	}
	return true;
}

const char *entry_kind_name(enum entry_kind kind)
{
	static const char *const names[] = {
		[ENTRY_FILE] = "file",
		[ENTRY_DIR] = "dir",
		[ENTRY_LINK] = "link",
		[ENTRY_SPECIAL] = "special",
	};

	return names[kind];
}

static const char *copy_str(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

struct entry entry_copy(struct arena *a, const struct entry *e)
{
	struct entry copy = *e;

	copy.name = copy_str(a, e->name);
	copy.id = copy_str(a, e->id);
	copy.tag = copy_str(a, e->tag);
	copy.mime = copy_str(a, e->mime);
	if (e->posix) {
		struct posix_meta *m = arena_memdup(a, e->posix, sizeof(*m));

		m->target = copy_str(a, e->posix->target);
		copy.posix = m;
	}
	return copy;
}

/*
 * Packed: the head, then the posix part and the digests where there are any,
 * then the strings, each with its NUL, in the order of the flags.
 */
enum {
	HAS_POSIX = 1,
	HAS_HASH = 2,
	HAS_TARGET = 4,
	HAS_ID = 8,
	HAS_TAG = 16,
	HAS_MIME = 32
};

struct head {
	uint32_t len; /* of all */
	uint16_t kind;
	uint16_t flags;
	int64_t size, mtime;
};

struct packed_posix {
	uint32_t mode, uid, gid, nlink;
	uint64_t rdev, dev, ino;
	int64_t ctime, atime;
};

static void add_str(struct buf *b, const char *s)
{
	if (s)
		buf_add(b, s, strlen(s) + 1);
}

void entry_pack(struct buf *b, const struct entry *e)
{
	const struct posix_meta *m = e->posix;
	const char *target = m ? m->target : NULL;
	struct head h = {
		.kind = (uint16_t)e->kind,
		.flags = (uint16_t)((m ? HAS_POSIX : 0) |
				    (e->hash.have ? HAS_HASH : 0) |
				    (target ? HAS_TARGET : 0) |
				    (e->id ? HAS_ID : 0) |
				    (e->tag ? HAS_TAG : 0) |
				    (e->mime ? HAS_MIME : 0)),
		.size = e->size,
		.mtime = e->mtime,
	};
	size_t start = b->len;

	buf_add(b, &h, sizeof(h));
	if (m) {
		struct packed_posix p = {
			.mode = m->mode,
			.uid = m->uid,
			.gid = m->gid,
			.nlink = m->nlink,
			.rdev = m->rdev,
			.dev = m->dev,
			.ino = m->ino,
			.ctime = m->ctime,
			.atime = m->atime,
		};

		buf_add(b, &p, sizeof(p));
	}
	if (e->hash.have)
		buf_add(b, &e->hash, sizeof(e->hash));
	add_str(b, e->name);
	add_str(b, target);
	add_str(b, e->id);
	add_str(b, e->tag);
	add_str(b, e->mime);
	h.len = (uint32_t)(b->len - start);
	memcpy(b->data + start, &h.len, sizeof(h.len));
}

static const char *take_str(const char **p, bool there)
{
	const char *s = *p;

	if (!there)
		return NULL;
	*p += strlen(s) + 1;
	return s;
}

static void take_posix(const char **p, struct posix_meta *meta)
{
	struct packed_posix m;

	memcpy(&m, *p, sizeof(m));
	*p += sizeof(m);
	*meta = (struct posix_meta){
		.mode = m.mode,
		.uid = m.uid,
		.gid = m.gid,
		.nlink = m.nlink,
		.rdev = m.rdev,
		.dev = m.dev,
		.ino = m.ino,
		.ctime = m.ctime,
		.atime = m.atime,
	};
}

size_t entry_packed_len(const char *p)
{
	uint32_t len;

	memcpy(&len, p, sizeof(len));
	return len;
}

const char *entry_packed_name(const char *p)
{
	struct head h;

	memcpy(&h, p, sizeof(h));
	p += sizeof(h);
	if (h.flags & HAS_POSIX)
		p += sizeof(struct packed_posix);
	if (h.flags & HAS_HASH)
		p += sizeof(struct digests);
	return p;
}

void entry_unpack(const char *p, struct entry *e, struct posix_meta *meta)
{
	struct head h;

	memcpy(&h, p, sizeof(h));
	p += sizeof(h);
	e->kind = (enum entry_kind)h.kind;
	e->size = h.size;
	e->mtime = h.mtime;
	e->posix = NULL;
	e->hash.have = 0;
	if (h.flags & HAS_POSIX) {
		take_posix(&p, meta);
		e->posix = meta;
	}
	if (h.flags & HAS_HASH) {
		memcpy(&e->hash, p, sizeof(e->hash));
		p += sizeof(e->hash);
	}
	e->name = take_str(&p, true);
	meta->target = take_str(&p, h.flags & HAS_TARGET);
	e->id = take_str(&p, h.flags & HAS_ID);
	e->tag = take_str(&p, h.flags & HAS_TAG);
	e->mime = take_str(&p, h.flags & HAS_MIME);
}
