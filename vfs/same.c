/*
 * Whether what is at the place is just what is here: a file that was sent, and
 * the answer lost, is no conflict.
 */
#include <string.h>

#include "vfs/sending.h"

enum { CHUNK = 256 * 1024 };

/* A file without any hash is read back to be compared, if it is so small. */
#define READ_MAX INT64_C(8388608)

int content_hash(struct content *c, struct op *op, unsigned want,
		 struct digests *out)
{
	struct content_source s;
	struct hasher *h = hasher_new(want);
	struct buf b = BUF_INIT;
	void *p = buf_room(&b, CHUNK);
	ssize_t n;

	*out = (struct digests){ 0 };
	content_source_init(&s, c);
	while ((n = s.source.read(&s.source, op, p, CHUNK)) > 0)
		hasher_add(h, p, (size_t)n);
	hasher_end(h, out);
	hasher_free(h);
	buf_free(&b);
	return n < 0 ? -1 : 0;
}

/* Takes what the place has, and hashes it. */
struct place_hasher {
	struct sink sink;
	struct hasher *h;
};

static int hash_bytes(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct place_hasher *k = container_of(dst, struct place_hasher, sink);

	(void)op;
	hasher_add(k->h, p, n);
	return 0;
}

static int hash_place(struct job *j, const char *path, const struct entry *now,
		      unsigned want, struct digests *out)
{
	struct get_opt opt = { .len = -1, .tag = now->tag };
	struct place_hasher k = { .sink.write = hash_bytes,
				  .h = hasher_new(want) };
	int rc = job_heard(j, be_get(j->v->be, j->op, path, &opt, &k.sink));

	if (rc == 0)
		hasher_end(k.h, out);
	hasher_free(k.h);
	return rc;
}

int place_hash(struct job *j, const char *path, const struct entry *now,
	       unsigned want, struct digests *out)
{
	struct backend *be = j->v->be;
	struct err *e = &j->op->err;
	int rc;

	*out = now->hash;
	if (out->have & want)
		return 0;
	if (be_can(be, BE_HASH) && be->hashes & want)
		rc = job_heard(
			j, be_hash(be, j->op, path, want & be->hashes, out));
	else
		rc = hash_place(j, path, now, want, out);
	if (rc == 0)
		return 0;
	*out = (struct digests){ 0 };
	if (!is_missing(e) && e->kind != ERR_CONFLICT)
		return -1;
	err_clear(e);
	return 0;
}

int same_at_place(struct job *j, const char *a, const struct entry *ea,
		  const char *b, const struct entry *eb)
{
	const unsigned want = 1u << HASH_SHA256;
	struct digests of_a, of_b;
	int rc;

	if (ea->kind == ENTRY_LINK && eb->kind == ENTRY_LINK)
		return ea->posix && ea->posix->target && eb->posix &&
		       eb->posix->target &&
		       strcmp(ea->posix->target, eb->posix->target) == 0;
	if (ea->kind != ENTRY_FILE || eb->kind != ENTRY_FILE ||
	    (ea->size != eb->size && ea->size != SIZE_UNKNOWN &&
	     eb->size != SIZE_UNKNOWN))
		return 0;
	rc = digests_compare(&ea->hash, &eb->hash);
	if (rc >= 0)
		return rc;
	if (place_hash(j, a, ea, want, &of_a) < 0 ||
	    place_hash(j, b, eb, want, &of_b) < 0)
		return -1;
	return digests_compare(&of_a, &of_b) == 1;
}

/* Takes what the place has, and compares it with what is here. */
struct comparer {
	struct sink sink;
	struct content_source here;
	struct buf buf;
	bool differs;
};

static int compare(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct comparer *k = container_of(dst, struct comparer, sink);
	struct source *src = &k->here.source;
	const char *at = p;

	while (n > 0) {
		size_t some = n < CHUNK ? n : CHUNK;
		char *b = buf_room(&k->buf, some);
		ssize_t got = src->read(src, op, b, some);

		if (got < 0)
			return -1;
		if (got == 0 || memcmp(at, b, (size_t)got) != 0) {
			k->differs = true;
			return err_set(&op->err, ERR_CORRUPT, "another byte");
		}
		at += got;
		n -= (size_t)got;
	}
	return 0;
}

static int read_back(struct job *j, struct content *c, const struct entry *now,
		     bool *same)
{
	struct get_opt opt = { .len = -1, .tag = now->tag };
	struct comparer k = { .sink.write = compare, .buf = BUF_INIT };
	struct backend *be = j->v->be;
	int rc;

	content_source_init(&k.here, c);
	rc = be_get(be, j->op, j->to_path.data, &opt, &k.sink);
	if (rc == 0)
		*same = k.here.at == k.here.source.size;
	else if (k.differs)
		rc = 0;
	else
		rc = job_heard(j, rc);
	buf_free(&k.buf);
	return rc;
}

int same_bytes(struct job *j, struct content *c, const struct entry *now,
	       bool *same)
{
	struct backend *be = j->v->be;
	struct digests there = now->hash, here;
	struct content_source s;

	*same = false;
	content_source_init(&s, c);
	if (now->kind != ENTRY_FILE || now->size != s.source.size)
		return 0;
	if (!there.have && be_can(be, BE_HASH) && be->hashes &&
	    job_heard(j, be_hash(be, j->op, j->to_path.data, be->hashes,
				 &there)) < 0 &&
	    err_info(j->op->err.kind)->retry)
		return -1;
	if (there.have) {
		if (content_hash(c, j->op, there.have, &here) < 0)
			return -1;
		*same = digests_compare(&here, &there) == 1;
		return 0;
	}
	err_clear(&j->op->err);
	if (now->size <= READ_MAX)
		return read_back(j, c, now, same);
	/* Large ones: by the time that we gave it. */
	*same = be_can(be, BE_SET_MTIME) && now->mtime != MTIME_UNKNOWN &&
		j->seen && now->mtime != j->seen->mtime &&
		now->mtime / be->mtime_step == j->want.mtime / be->mtime_step;
	return 0;
}
