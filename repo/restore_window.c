/*
 * Files in windows: what each needs is looked up, sorted by where it lies, and
 * read in regions, each a task of its own.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "repo/restore_parts.h"

enum {
	WINDOW_FILES = 4096,
	WINDOW_BLOBS = 16384,
	BATCH = 64,      /* files that one task looks at */
	GAP = 128 << 10, /* read, too, rather than begin anew */
};

static struct window *window_new(struct restore *rs)
{
	struct window *w = xcalloc(1, sizeof(*w));

	w->rs = rs;
	return w;
}

static void item_free(struct restore *rs, struct op *op, struct item *it)
{
	free(it->have);
	free(atomic_load(&it->why));
	dest_drop(rs, op, it->dir);
}

static void window_free(struct window *w, struct op *op)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->items.n; i++)
		item_free(w->rs, op, w->items.at[i]);
	for (size_t i = 0; i < w->aliases.n; i++)
		alias_over(w->rs, op, &w->aliases.at[i]);
	items_free(&w->items);
	aliases_free(&w->aliases);
	uses_free(&w->uses);
	arena_free(&w->arena);
	free(w);
}

/* Some files of a window. */
struct batch {
	struct window *w;
	size_t first, n;
};

static int prepare_batch(struct op *op, void *arg)
{
	const struct batch *b = arg;
	struct restore *rs = b->w->rs;
	struct kit *k = kit_take(rs);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < b->n; i++) {
		struct item *it = b->w->items.at[b->first + i];

		if (atomic_load(&rs->stop))
			break;
		rc = rs->verifying ? item_verify(rs, op, k, it)
				   : item_prepare(rs, op, k, it);
	}
	kit_give(rs, k);
	return rc;
}

/* A new file with at most one blob in a new folder needs no look. */
static bool is_simple(const struct restore *rs, const struct item *it)
{
	return it->dir->fresh && it->ncontent < 2 && !rs->opt->dry_run &&
	       !rs->verifying;
}

static int prepare(struct window *w, struct op *op)
{
	struct group *g = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->items.n; i += BATCH) {
		size_t n = w->items.n - i < BATCH ? w->items.n - i : BATCH;
		struct batch *b;
		bool simple = true;

		for (size_t k = 0; k < n && simple; k++)
			simple = is_simple(w->rs, w->items.at[i + k]);
		if (simple)
			continue;
		if (!g)
			g = group_new(w->rs->pool);
		b = arena_alloc(&w->arena, sizeof(*b));
		*b = (struct batch){ w, i, n };
		rc = group_add(g, op, prepare_batch, b);
	}
	if (g && group_wait(g, op) < 0)
		rc = -1;
	return rc;
}

/* Where its blobs lie, those that are not there yet. */
static int plan_item(struct window *w, struct op *op, struct item *it)
{
	struct restore *rs = w->rs;
	unsigned left = 0, have = 0;
	int64_t at = 0;
	size_t len;

	for (uint32_t i = 0; i < it->ncontent; i++, at += (int64_t)len) {
		struct blob_at where;

		if (!index_find(rs->repo->index, BLOB_DATA, &it->content[i],
				&where) ||
		    blob_length(rs, op, &it->content[i], &len) < 0) {
			(void)!blob_length(rs, op, &it->content[i], &len);
			item_fail(op, it);
			break;
		}
		if (it->have && it->have[i]) {
			have++;
			restore_progress(rs, (int64_t)len);
			continue;
		}
		*uses_add(&w->uses) = (struct use){
			.pack = where.pack_no,
			.off = where.blob.off,
			.len = where.blob.len,
			.raw_len = where.blob.raw_len,
			.item = it,
			.index = i,
			.at = at,
		};
		left++;
	}
	if (!atomic_load(&it->why) && (uint64_t)at != it->size) {
		err_set(&op->err, ERR_CORRUPT,
			"its blobs have %lld bytes, not %llu", (long long)at,
			(unsigned long long)it->size);
		item_fail(op, it);
	}
	atomic_store(&it->good, have);
	atomic_store(&it->left, left);
	return 0;
}

static int plan(struct window *w, struct op *op)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->items.n; i++) {
		struct item *it = w->items.at[i];
		size_t before = w->uses.n;

		if (it->finished)
			continue;
		if (!atomic_load(&it->why))
			rc = plan_item(w, op, it);
		if (atomic_load(&it->why) && !it->aside) {
			/* nothing would be kept of it */
			w->uses.n = before;
			atomic_store(&it->left, 0);
		}
		free(it->have);
		it->have = NULL;
		if (rc == 0 && atomic_load(&it->left) == 0) {
			if (it->ncontent == 0 && !atomic_load(&it->why)) {
				bool own;
				int fd = dest_open(op, it->dir, &own);

				if (fd < 0)
					item_fail(op, it);
				else
					item_whole(w->rs, op, fd, it, "", 0);
				dest_close(fd, own);
			}
			rc = item_end(w->rs, op, it);
		}
	}
	return rc;
}

static int by_place(const void *a, const void *b)
{
	const struct use *x = a, *y = b;

	if (x->pack != y->pack)
		return x->pack < y->pack ? -1 : 1;
	if (x->off != y->off)
		return x->off < y->off ? -1 : 1;
	if (x->item != y->item)
		return x->item < y->item ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* Part of a pack, and who needs what is in it. */
struct region {
	struct window *w;
	size_t first, n;
	uint32_t off;
	size_t len;
};

/* A folder that a worker has open, for the next file may be in it, too. */
struct opened {
	const struct dest *dir;
	int fd;
	bool own;
};

static int opened_at(struct op *op, struct opened *o, const struct dest *dir)
{
	if (o->dir == dir)
		return o->fd;
	if (o->dir)
		dest_close(o->fd, o->own);
	o->dir = NULL;
	o->fd = dest_open(op, dir, &o->own);
	if (o->fd >= 0)
		o->dir = dir;
	return o->fd;
}

static void write_uses(struct restore *rs, struct op *op, int dirfd,
		       struct item *it, const struct use *u, size_t n,
		       const struct buf *text)
{
	struct repo_progress *p = rs->opt->progress;
	int fd = item_open(op, dirfd, it), slot = -1;
	int rc = fd < 0 ? -1 : 0;

	if (p && rc == 0) {
		struct buf path = BUF_INIT;

		dest_path(it->dir, it->name, &path);
		slot = progress_enter(p, path.data);
		buf_free(&path);
	}
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = item_write(rs, op, fd, text->data, text->len, u[i].at);
		if (rc == 0)
			restore_progress(rs, (int64_t)text->len);
	}
	if (p)
		progress_leave(p, slot);
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = err_sys(&op->err, "close");
	if (rc < 0)
		item_fail(op, it);
	else
		atomic_fetch_add(&it->good, (unsigned)n);
}

/* A blob to the `n` places of one file; `good` unless it cannot be had. */
static int deliver(struct restore *rs, struct op *op, struct opened *o,
		   const struct use *u, size_t n, bool good,
		   const struct buf *text)
{
	struct item *it = u->item;
	int dirfd;

	if (!good) {
		item_fail(op, it);
	} else if (it->aside || !atomic_load(&it->why)) {
		dirfd = opened_at(op, o, it->dir);
		if (dirfd < 0)
			item_fail(op, it);
		else if (it->aside)
			write_uses(rs, op, dirfd, it, u, n, text);
		else
			item_whole(rs, op, dirfd, it, text->data, text->len);
	}
	if (atomic_fetch_sub(&it->left, (unsigned)n) != n)
		return 0;
	return item_end(rs, op, it);
}

/* Its text, from the region or, if that is damaged, from any other place. */
static int open_blob(struct restore *rs, struct op *op, struct kit *k,
		     const struct region *r, bool read, const struct use *u)
{
	const struct id *id = &u->item->content[u->index];
	const uint8_t *p = (const uint8_t *)k->raw.data + (u->off - r->off);
	struct id is;

	if (read && coder_open_blob(k->coder, p, u->len, u->raw_len, &k->text,
				    &op->err) == 0) {
		id_of(k->text.data, k->text.len, &is);
		if (id_equal(&is, id))
			return 0;
	}
	err_clear(&op->err);
	return repo_load_blob(rs->repo, op, k->coder, BLOB_DATA, id, &k->text);
}

static int restore_uses(struct restore *rs, struct op *op, struct kit *k,
			const struct region *r, bool read)
{
	const struct use *u = r->w->uses.at + r->first, *end = u + r->n;
	struct opened o = { .fd = -1 };
	int rc = 0;

	while (rc == 0 && u < end && !atomic_load(&rs->stop)) {
		const struct use *blob = u;
		struct err why = { 0 };
		bool good;

		rc = op_check(op);
		if (rc < 0)
			break;
		good = open_blob(rs, op, k, r, read, u) == 0;
		why = op->err;
		while (rc == 0 && u < end && u->off == blob->off) {
			const struct use *first = u;

			while (u < end && u->off == blob->off &&
			       u->item == first->item)
				u++;
			op->err = why;
			rc = deliver(rs, op, &o, first, (size_t)(u - first),
				     good, &k->text);
		}
	}
	if (o.dir)
		dest_close(o.fd, o.own);
	return rc;
}

static int restore_region(struct op *op, void *arg)
{
	const struct region *r = arg;
	struct restore *rs = r->w->rs;
	struct kit *k;
	struct id pack;
	bool read;
	int rc;

	if (atomic_load(&rs->stop))
		return 0;
	k = kit_take(rs);
	index_pack_id(rs->repo->index, r->w->uses.at[r->first].pack, &pack);
	buf_reset(&k->raw);
	read = store_read_part(rs->repo->store, op, &pack, r->off, r->len,
			       false, &k->raw) == 0;
	if (!read && err_info(op->err.kind)->fatal)
		rc = -1;
	else
		rc = restore_uses(rs, op, k, r, read);
	if (rc < 0)
		atomic_store(&rs->stop, true);
	kit_give(rs, k);
	return rc;
}

/* As many as lie close together, from `first` on. */
static struct region *next_region(struct window *w, size_t first)
{
	const struct use *u = w->uses.at + first;
	struct region *r = arena_alloc(&w->arena, sizeof(*r));
	uint64_t end = (uint64_t)u->off + u->len;
	size_t n = 1;

	for (; first + n < w->uses.n; n++) {
		const struct use *v = &u[n];
		uint64_t to = (uint64_t)v->off + v->len;

		if (v->pack != u->pack || v->off > end + GAP ||
		    (to > end && to - u->off > w->rs->region))
			break;
		if (to > end)
			end = to;
	}
	*r = (struct region){ .w = w,
			      .first = first,
			      .n = n,
			      .off = u->off,
			      .len = (size_t)(end - u->off) };
	return r;
}

static int launch(struct window *w, struct op *op)
{
	int rc = 0;

	if (w->uses.n)
		qsort(w->uses.at, w->uses.n, sizeof(*w->uses.at), by_place);
	w->group = group_new(w->rs->pool);
	for (size_t i = 0; rc == 0 && i < w->uses.n;) {
		struct region *r = next_region(w, i);

		i += r->n;
		rc = group_add(w->group, op, restore_region, r);
	}
	return rc;
}

/* The oldest window to its end. */
static int land(struct restore *rs, struct op *op)
{
	struct window *w = rs->flying[0];
	int rc = group_wait(w->group, op);

	rs->flying[0] = rs->flying[1];
	rs->nflying--;
	while (rc == 0 && w->aliases.n) {
		const struct alias a = w->aliases.at[--w->aliases.n];

		rc = alias_restore(rs, op, &a);
	}
	window_free(w, op);
	return rc;
}

static int windows_flush(struct restore *rs, struct op *op)
{
	struct window *w = rs->window;
	int rc;

	if (!w)
		return 0;
	rs->window = NULL;
	rc = prepare(w, op);
	if (rc == 0 && !rs->verifying)
		rc = plan(w, op);
	if (rc < 0 || rs->verifying) {
		window_free(w, op);
		return rc;
	}
	if (rs->nflying == ARRAY_LEN(rs->flying))
		rc = land(rs, op);
	if (rc < 0) {
		window_free(w, op);
		return rc;
	}
	rs->flying[rs->nflying++] = w;
	return launch(w, op);
}

int windows_drain(struct restore *rs, struct op *op)
{
	int rc = windows_flush(rs, op);

	while (rc == 0 && rs->nflying)
		rc = land(rs, op);
	return rc;
}

void windows_free(struct restore *rs, struct op *op)
{
	struct err why = op->err;

	while (rs->nflying) {
		struct window *w = rs->flying[0];

		(void)!group_wait(w->group, op);
		rs->flying[0] = rs->flying[1];
		rs->nflying--;
		window_free(w, op);
	}
	window_free(rs->window, op);
	rs->window = NULL;
	op->err = why;
}

static struct window *filling(struct restore *rs)
{
	if (!rs->window)
		rs->window = window_new(rs);
	return rs->window;
}

static int flush_if_full(struct restore *rs, struct op *op)
{
	const struct window *w = rs->window;

	if (w->items.n + w->aliases.n < WINDOW_FILES && w->blobs < WINDOW_BLOBS)
		return 0;
	return windows_flush(rs, op);
}

int window_add(struct restore *rs, struct op *op, struct dest *dir,
	       const struct node *n, struct link_group *group)
{
	struct window *w = filling(rs);
	struct item *it = arena_alloc(&w->arena, sizeof(*it));

	if (n->ncontent >= UINT32_MAX / 2)
		BUG("a file of %zu blobs", n->ncontent);
	meta_of(&it->meta, n, &w->arena);
	it->dir = dir;
	dest_hold(dir);
	it->name = arena_memdup(&w->arena, n->name, n->name_len + 1);
	it->size = n->size;
	it->content = arena_memdup(&w->arena, n->content,
				   n->ncontent * sizeof(*n->content));
	it->ncontent = (uint32_t)n->ncontent;
	it->shared = n->links > 1;
	it->group = group;
	*items_add(&w->items) = it;
	w->blobs += n->ncontent;
	return flush_if_full(rs, op);
}

int window_add_alias(struct restore *rs, struct op *op, struct dest *dir,
		     const struct node *n, struct link_group *g)
{
	struct window *w = filling(rs);

	dest_hold(dir);
	*aliases_add(&w->aliases) = (struct alias){
		.dir = dir,
		.name = arena_memdup(&w->arena, n->name, n->name_len + 1),
		.group = g,
		.mtime = { n->mtime.sec, n->mtime.ns },
		.size = n->size,
		.type = n->type,
	};
	return flush_if_full(rs, op);
}
