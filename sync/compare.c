#include "sync/compare.h"

#include <stdlib.h>

bool times_equal(const struct sync_run *r, int64_t a, int64_t b)
{
	int64_t diff;

	if (__builtin_sub_overflow(a, b, &diff) || diff == INT64_MIN)
		return false;
	return (diff < 0 ? -diff : diff) < r->window;
}

enum verdict compare_files(const struct sync_run *r, const struct entry *from,
			   const struct entry *to, const char **reason)
{
	const struct sync_opts *o = &r->opts;
	bool timed = from->mtime != MTIME_UNKNOWN && to->mtime != MTIME_UNKNOWN;

	*reason = NULL;
	if (o->ignore_existing) {
		*reason = "it exists";
		return VERDICT_LEAVE;
	}
	if (o->update && timed && to->mtime > from->mtime &&
	    !times_equal(r, from->mtime, to->mtime)) {
		*reason = "the destination is newer";
		return VERDICT_LEAVE;
	}
	if (o->ignore_times) {
		*reason = "told to copy all";
		return VERDICT_COPY;
	}
	if (!o->ignore_size && from->size != SIZE_UNKNOWN &&
	    to->size != SIZE_UNKNOWN && from->size != to->size) {
		*reason = "size differs";
		return VERDICT_COPY;
	}
	if (o->size_only)
		return VERDICT_SAME;
	if (o->checksum) {
		*reason = "content differs";
		return VERDICT_HASH;
	}
	/* A listing that tells hashes has told already. */
	if (digests_compare(&from->hash, &to->hash) == 0) {
		*reason = "content differs";
		return VERDICT_COPY;
	}
	if (timed && !times_equal(r, from->mtime, to->mtime)) {
		*reason = "time differs";
		return VERDICT_COMPARE;
	}
	/* What a move deletes must be there, by more than its size. */
	if (!timed && o->mode == SYNC_MOVE &&
	    digests_compare(&from->hash, &to->hash) < 0) {
		*reason = "no time to compare";
		return VERDICT_HASH;
	}
	return VERDICT_SAME;
}

const char *meta_differs(const struct sync_run *r, const struct entry *from,
			 const struct entry *to)
{
	const struct posix_meta *a = from->posix, *b = to->posix;

	if (!r->metadata || !a || !b)
		return NULL;
	if (from->kind != ENTRY_LINK && ((a->mode ^ b->mode) & 07777))
		return "mode differs";
	if (be_can(r->dst, BE_OWNER) && a->uid != b->uid)
		return "owner differs";
	if (be_can(r->dst, BE_OWNER) && a->gid != b->gid)
		return "group differs";
	if (from->mtime != MTIME_UNKNOWN && to->mtime != MTIME_UNKNOWN &&
	    !times_equal(r, from->mtime, to->mtime))
		return "time differs";
	return NULL;
}

bool common_hash(const struct backend *a, const struct backend *b,
		 enum hash_type *out)
{
	unsigned both = a->hashes & b->hashes;
	/* One that a listing has carried already costs nothing more. */
	unsigned listed = both & (a->listed | b->listed);

	if (!both)
		return false;
	if (listed)
		both = listed;
	/* SHA-256 where it is free: processors have instructions for it. */
	for (int t = HASH_TYPES - 1; t >= 0; t--)
		if (both & 1u << t) {
			*out = (enum hash_type)t;
			return true;
		}
	return false;
}

int digest_get(struct backend *be, struct op *op, const char *path,
	       const struct entry *e, enum hash_type t, struct digests *out)
{
	if (e->hash.have & 1u << t) {
		*out = e->hash;
		return 0;
	}
	return be_hash(be, op, path, 1u << t, out);
}

static int hashes_equal(struct sync_run *r, struct op *op,
			const struct item *it, enum hash_type t, bool *equal)
{
	struct digests a, b;

	if (digest_get(r->src, op, it->src, &it->from, t, &a) < 0 ||
	    digest_get(r->dst, op, it->dst, &it->over, t, &b) < 0)
		return -1;
	a.have = b.have = 1u << t;
	*equal = digests_compare(&a, &b) == 1;
	return 0;
}

int contents_equal(struct sync_run *r, struct op *op, const struct item *it,
		   bool *equal)
{
	struct acct *acct = op->acct;
	enum hash_type t;
	bool hash = common_hash(r->src, r->dst, &t);
	int rc = 0;

	*equal = false;
	op->acct = NULL; /* what is compared has not been moved */
	if (it->from.size != it->over.size)
		goto out;
	if (!(it->flags & ITEM_HASH) && be_can(r->src, BE_EQUAL)) {
		rc = be_equal(r->src, op, it->src, r->dst, it->dst, equal);
		if (rc == 0 || op->err.kind != ERR_UNSUPPORTED)
			goto out;
	}
	rc = hash ? hashes_equal(r, op, it, t, equal) : 0;
out:
	op->acct = acct;
	return rc;
}
