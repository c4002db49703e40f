#include "backends/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/fnv.h"
#include "lib/fold.h"
#include "lib/spool.h"

/*
 * The key is what tells names apart fastest: their eight bytes after the
 * prefix that all of them share.
 */
struct listing_ref {
	uint64_t key;
	uint32_t at; /* in listing.data */
};

/* One sorted run in the file, read through a window. */
struct run {
	int64_t at, end; /* what is not in the window yet */
	struct buf window;
	size_t used; /* of the window: where the current entry starts */
};

struct listing_runs {
	int fd;
	int64_t size;
	struct run *run;
	size_t n, cap;
	size_t *heap; /* of those not at their end; the least name first */
	size_t heap_n;
	struct buf last; /* the name read last */
	bool started;
};

enum { WINDOW = 16 * 1024 };

static const char *name_at(const struct listing *l, const struct listing_ref *r)
{
	return entry_packed_name(l->data.data + r->at);
}

static size_t shared_prefix(const struct listing *l)
{
	const char *first = name_at(l, &l->refs[0]);
	size_t len = strlen(first);

	for (size_t i = 1; i < l->n && len; i++) {
		const char *name = name_at(l, &l->refs[i]);
		size_t k = 0;

		while (k < len && name[k] == first[k])
			k++;
		len = k;
	}
	return len;
}

static uint64_t key_of(const char *name)
{
	uint64_t key = 0;

	for (unsigned i = 0; i < 8; i++) {
		key = key << 8 | (unsigned char)*name;
		if (*name)
			name++;
	}
	return key;
}

static bool in_order(const struct listing *l, size_t prefix,
		     const struct listing_ref *a, const struct listing_ref *b)
{
	if (a->key != b->key)
		return a->key < b->key;
	if ((a->key & 0xff) == 0)
		return true; /* both end within the key: the same name */
	return strcmp(name_at(l, a) + prefix + 8, name_at(l, b) + prefix + 8) <=
	       0;
}

/* Where the ordered run that starts at `from` ends; a falling one is turned. */
static size_t run_end(struct listing *l, size_t prefix, size_t from)
{
	struct listing_ref *r = l->refs;
	size_t i = from + 1;

	if (i >= l->n)
		return l->n;
	if (in_order(l, prefix, &r[from], &r[i])) {
		while (++i < l->n && in_order(l, prefix, &r[i - 1], &r[i]))
			;
		return i;
	}
	while (++i < l->n && !in_order(l, prefix, &r[i - 1], &r[i]))
		;
	for (size_t lo = from, hi = i - 1; lo < hi; lo++, hi--) {
		struct listing_ref t = r[lo];

		r[lo] = r[hi];
		r[hi] = t;
	}
	return i;
}

static void merge(const struct listing *l, size_t prefix,
		  const struct listing_ref *a, size_t an,
		  const struct listing_ref *b, size_t bn,
		  struct listing_ref *out)
{
	while (an && bn) {
		if (in_order(l, prefix, a, b))
			*out++ = *a++, an--;
		else
			*out++ = *b++, bn--;
	}
	memcpy(out, a, an * sizeof(*a));
	memcpy(out + an, b, bn * sizeof(*b));
}

/*
 * Natural merge sort, stable: file systems often return names in the order of
 * their creation or in its reverse, and then one pass is all there is to do.
 */
static void sort_refs(struct listing *l)
{
	struct listing_ref *other;
	size_t prefix;

	if (l->n < 2)
		return;
	prefix = shared_prefix(l);
	for (size_t i = 0; i < l->n; i++)
		l->refs[i].key = key_of(name_at(l, &l->refs[i]) + prefix);
	if (run_end(l, prefix, 0) == l->n)
		return;
	other = xrealloc(NULL, l->n, sizeof(*other));
	for (;;) {
		size_t at = 0, runs = 0;

		while (at < l->n) {
			size_t mid = run_end(l, prefix, at);
			size_t end = mid < l->n ? run_end(l, prefix, mid) : mid;

			merge(l, prefix, l->refs + at, mid - at, l->refs + mid,
			      end - mid, other + at);
			at = end;
			runs++;
		}
		memcpy(l->refs, other, l->n * sizeof(*other));
		if (runs <= 1)
			break;
	}
	free(other);
}

/* Sort what is in memory and append it to the file as one run. */
static int spill(struct listing *l, struct op *op)
{
	struct listing_runs *rs = l->runs;
	struct buf out = BUF_INIT;
	struct run *run;
	int rc = -1;

	if (!rs) {
		int fd = temp_file(op);

		if (fd < 0)
			return -1;
		rs = l->runs = xcalloc(1, sizeof(*rs));
		rs->fd = fd;
		rs->last = (struct buf)BUF_INIT;
	}
	sort_refs(l);
	if (rs->n == rs->cap) {
		rs->cap = rs->cap ? rs->cap * 2 : 8;
		rs->run = xrealloc(rs->run, rs->cap, sizeof(*rs->run));
	}
	run = &rs->run[rs->n++];
	*run = (struct run){ .at = rs->size, .window = BUF_INIT };
	for (size_t i = 0; i < l->n; i++) {
		const char *p = l->data.data + l->refs[i].at;

		buf_add(&out, p, entry_packed_len(p));
		if (out.len < 4 * WINDOW && i + 1 < l->n)
			continue;
		if (write_all(rs->fd, out.data, out.len) < 0) {
			err_sys(&op->err, "write a temporary file");
			goto out;
		}
		rs->size += (int64_t)out.len;
		buf_reset(&out);
	}
	run->end = rs->size;
	l->n = 0;
	buf_reset(&l->data);
	rc = 0;
out:
	buf_free(&out);
	return rc;
}

static void remember_fold(struct listing_folds *f, const char *p, size_t n)
{
	if (f->n == f->cap) {
		f->cap = f->cap ? f->cap * 2 : 64;
		f->at = xrealloc(f->at, f->cap, sizeof(*f->at));
	}
	f->at[f->n++] = fnv(p, n);
}

static void pack_folded(struct listing *l, const struct entry *e)
{
	struct entry folded = *e;
	struct buf key = BUF_INIT;

	fold_case(&key, e->name);
	remember_fold(&l->folds, key.data, key.len);
	buf_addf(&key, "//%s", e->name);
	folded.name = key.data;
	entry_pack(&l->data, &folded);
	buf_free(&key);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return x < y ? -1 : x > y;
}

/* Of the hashes, those that are there more than once. */
static void keep_twins(struct listing_folds *f)
{
	size_t n = 0;

	if (f->n)
		qsort(f->at, f->n, sizeof(*f->at), by_value);
	for (size_t i = 1; i < f->n; i++)
		if (f->at[i] == f->at[i - 1] &&
		    (n == 0 || f->at[n - 1] != f->at[i]))
			f->at[n++] = f->at[i];
	f->n = n;
}

bool listing_has_twin(const struct listing *l, const char *folded, size_t n)
{
	uint64_t h = fnv(folded, n);

	return l->folds.n && bsearch(&h, l->folds.at, l->folds.n,
				     sizeof(*l->folds.at), by_value);
}

int listing_add(struct listing *l, struct op *op, const struct entry *e)
{
	if (l->data.len >= LISTING_MEMORY && spill(l, op) < 0)
		return -1;
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->refs = xrealloc(l->refs, l->cap, sizeof(*l->refs));
	}
	l->refs[l->n++].at = (uint32_t)l->data.len;
	l->total++;
	if (l->fold)
		pack_folded(l, e);
	else
		entry_pack(&l->data, e);
	return 0;
}

/*
 * Have the current entry of the run whole in its window.  1, 0 at the end of
 * the run, or -1.
 */
static int run_fill(struct listing_runs *rs, struct run *r, struct op *op)
{
	for (;;) {
		size_t have = r->window.len - r->used, want;
		ssize_t n;

		if (have >= sizeof(uint32_t) &&
		    have >= entry_packed_len(r->window.data + r->used))
			return 1;
		if (r->at == r->end)
			return 0;
		if (have)
			memmove(r->window.data, r->window.data + r->used, have);
		r->window.len = have;
		r->used = 0;
		want = r->end - r->at < WINDOW ? (size_t)(r->end - r->at)
					       : WINDOW;
		n = pread(rs->fd, buf_room(&r->window, want), want, r->at);
		if (n <= 0) {
			if (n == 0)
				errno = EIO;
			return err_sys(&op->err, "read a temporary file");
		}
		r->window.len += (size_t)n;
		r->at += n;
	}
}

static const char *run_name(const struct run *r)
{
	return entry_packed_name(r->window.data + r->used);
}

/* The earlier run first where names are equal, to keep the sort stable. */
static bool run_before(const struct listing_runs *rs, size_t a, size_t b)
{
	int c = strcmp(run_name(&rs->run[a]), run_name(&rs->run[b]));

	return c < 0 || (c == 0 && a < b);
}

static void sift(struct listing_runs *rs, size_t i)
{
	for (;;) {
		size_t least = i, kid = 2 * i + 1, t;

		for (size_t k = kid; k < kid + 2 && k < rs->heap_n; k++)
			if (run_before(rs, rs->heap[k], rs->heap[least]))
				least = k;
		if (least == i)
			return;
		t = rs->heap[i];
		rs->heap[i] = rs->heap[least];
		rs->heap[least] = t;
		i = least;
	}
}

int listing_sort(struct listing *l, struct op *op)
{
	struct listing_runs *rs = l->runs;

	keep_twins(&l->folds);
	if (!rs) {
		sort_refs(l);
		return 0;
	}
	if (l->n && spill(l, op) < 0)
		return -1;
	free(l->refs);
	l->refs = NULL;
	l->cap = 0;
	buf_free(&l->data);
	rs->heap = xcalloc(rs->n, sizeof(*rs->heap));
	for (size_t i = 0; i < rs->n; i++) {
		int rc = run_fill(rs, &rs->run[i], op);

		if (rc < 0)
			return -1;
		if (rc > 0)
			rs->heap[rs->heap_n++] = i;
	}
	for (size_t i = rs->heap_n / 2; i-- > 0;)
		sift(rs, i);
	return 0;
}

/* Step over the entry that was given last. */
static int advance(struct listing_runs *rs, struct op *op)
{
	struct run *r = &rs->run[rs->heap[0]];
	int rc;

	r->used += entry_packed_len(r->window.data + r->used);
	rc = run_fill(rs, r, op);
	if (rc < 0)
		return -1;
	if (rc == 0)
		rs->heap[0] = rs->heap[--rs->heap_n];
	sift(rs, 0);
	return 0;
}

static int next_merged(struct listing *l, struct op *op, struct entry *e,
		       struct posix_meta *meta)
{
	struct listing_runs *rs = l->runs;

	for (;;) {
		const struct run *r;
		const char *name;

		if (rs->started && rs->heap_n && advance(rs, op) < 0)
			return -1;
		if (rs->heap_n == 0)
			return 0;
		r = &rs->run[rs->heap[0]];
		name = run_name(r);
		if (rs->started && strcmp(rs->last.data, name) == 0)
			continue;
		rs->started = true;
		buf_reset(&rs->last);
		buf_adds(&rs->last, name);
		entry_unpack(r->window.data + r->used, e, meta);
		return 1;
	}
}

int listing_next(struct listing *l, struct op *op, struct entry *e,
		 struct posix_meta *meta)
{
	if (l->runs)
		return next_merged(l, op, e, meta);
	for (; l->at < l->n; l->at++) {
		const char *p = l->data.data + l->refs[l->at].at;
		const char *name = entry_packed_name(p);

		if (l->last && strcmp(l->last, name) == 0)
			continue;
		l->last = name;
		l->at++;
		entry_unpack(p, e, meta);
		return 1;
	}
	return 0;
}

static void runs_free(struct listing_runs *rs)
{
	if (!rs)
		return;
	for (size_t i = 0; i < rs->n; i++)
		buf_free(&rs->run[i].window);
	free(rs->run);
	free(rs->heap);
	buf_free(&rs->last);
	close(rs->fd);
	free(rs);
}

void listing_reset(struct listing *l)
{
	runs_free(l->runs);
	l->runs = NULL;
	buf_reset(&l->data);
	l->n = l->at = l->total = l->folds.n = 0;
	l->last = NULL;
}

void listing_free(struct listing *l)
{
	runs_free(l->runs);
	buf_free(&l->data);
	free(l->refs);
	free(l->folds.at);
	*l = (struct listing)LISTING_INIT;
}
