#include "backends/mem/mem.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"

/* The time that is kept for `mtime`: cut to the step, or now. */
static int64_t kept_time(const struct mem *m, int64_t mtime)
{
	int64_t rest;

	if (mtime == MTIME_UNKNOWN || m->step < 0)
		mtime = clock_wall();
	if (m->step <= 1)
		return mtime;
	rest = mtime % m->step;
	if (rest < 0)
		rest += m->step;
	if (__builtin_sub_overflow(mtime, rest, &mtime))
		return INT64_MIN + 1;
	return mtime;
}

/* Whether a file is still what was listed. */
static bool is_same(const struct mem *m, struct op *op,
		    const struct mem_node *node, const struct entry *listed)
{
	struct entry now;

	mem_fill(m, node, &op->arena, &now);
	if (listed->kind != now.kind)
		return false;
	if (listed->tag)
		return now.tag && strcmp(listed->tag, now.tag) == 0;
	return (listed->size == SIZE_UNKNOWN || listed->size == now.size) &&
	       (listed->mtime == MTIME_UNKNOWN || listed->mtime == now.mtime);
}

static int check_seen(const struct mem *m, struct op *op,
		      const struct mem_node *node, const struct entry *seen)
{
	if (!seen || is_same(m, op, node, seen))
		return 0;
	return err_set(&op->err, ERR_CONFLICT,
		       "it has changed since it was listed");
}

/* Whether `opt` allows a file where `node` (or nothing) is. */
static int check_place(const struct mem *m, struct op *op,
		       const struct mem_node *node, const struct put_opt *opt)
{
	if (node && opt->mode == PUT_CREATE)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (opt->mode == PUT_OVER &&
	    (!node || (opt->over && !is_same(m, op, node, opt->over))))
		return err_set(&op->err, ERR_CONFLICT,
			       "what it would replace has changed");
	if (node && !node->data)
		return err_set(&op->err, ERR_IS_DIR, "a directory is there");
	return 0;
}

static int check_room(const struct mem *m, struct op *op, size_t more,
		      const struct mem_node *old, const struct put_opt *opt)
{
	int64_t used = m->store->used + (int64_t)more;

	if (old && !opt->keep_old)
		used -= (int64_t)old->data->len;
	if (m->quota >= 0 && used > m->quota)
		return err_set(&op->err, ERR_NO_SPACE, "the quota is used up");
	return 0;
}

/* Move `node`, a file, to `path`, over the file that may be there. */
static int rename_to(struct mem *m, struct op *op, struct mem_node *node,
		     const char *path)
{
	struct mem_node *old = mem_find(m->store, path), *dir;

	if (old && !old->data)
		return err_set(&op->err, ERR_IS_DIR, "a directory is at \"%s\"",
			       path);
	dir = mem_make_parent(m->store, path, &op->err);
	if (!dir)
		return -1;
	mem_detach(node);
	if (old && old != node) {
		mem_detach(old);
		mem_node_free(m->store, old);
	}
	mem_attach(m->store, dir, mem_leaf(path), node);
	return 0;
}

/* Move the old file to where `opt` wants it kept, if it does. */
static int keep_old(struct mem *m, struct op *op, struct mem_node *old,
		    const struct put_opt *opt)
{
	struct mem *in = opt->keep_in ? mem_of(opt->keep_in) : m;

	if (!in || in->store != m->store)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the old file cannot be kept in another store");
	return rename_to(m, op, old, mem_path(in, op, opt->keep_old));
}

/*
 * Make `data` the file at `path`, all or nothing.  It is taken over if that
 * succeeds.
 */
static struct mem_node *store_file(struct mem *m, struct op *op,
				   const char *path, struct mem_data *data,
				   const struct put_opt *opt)
{
	struct mem_store *s = m->store;
	struct mem_node *node = mem_find(s, path), *dir;

	if (check_place(m, op, node, opt) < 0 ||
	    check_room(m, op, data->len, node, opt) < 0)
		return NULL;
	if (node && opt->keep_old) {
		if (keep_old(m, op, node, opt) < 0)
			return NULL;
		node = NULL;
	}
	if (node) {
		mem_replace(s, node, data);
	} else {
		dir = mem_make_parent(s, path, &op->err);
		if (!dir)
			return NULL;
		node = mem_file_new(s, data);
		mem_attach(s, dir, mem_leaf(path), node);
	}
	node->mtime = kept_time(m, opt->mtime);
	free(node->mime);
	node->mime = opt->mime ? xstrdup(opt->mime) : NULL;
	return node;
}

/* All of `src` into `b`, hashed on the way. */
static int drain(struct source *src, struct op *op, struct buf *b,
		 struct digests *hash)
{
	enum { CHUNK = 64 * 1024 };
	struct hasher *h = hasher_new((1u << HASH_TYPES) - 1);
	ssize_t n;

	while ((n = src->read(src, op, buf_room(b, CHUNK), CHUNK)) > 0) {
		hasher_add(h, b->data + b->len, (size_t)n);
		b->len += (size_t)n;
		if (op_check(op) < 0) {
			n = -1;
			break;
		}
	}
	*hash = (struct digests){ 0 };
	hasher_end(h, hash);
	hasher_free(h);
	if (n == 0 && src->size >= 0 && (int64_t)b->len != src->size)
		return err_set(&op->err, ERR_CONFLICT,
			       "ended after %zu of %lld bytes", b->len,
			       (long long)src->size);
	return n < 0 ? -1 : 0;
}

int mem_put(struct backend *be, struct op *op, const char *path,
	    struct source *src, const struct put_opt *opt, struct entry *out)
{
	struct mem *m = mem_of(be);
	const char *full = mem_path(m, op, path);
	struct mem_data *data = NULL;
	struct mem_node *node;
	struct buf b = BUF_INIT;
	struct digests hash;
	int rc = -1;

	if (*full == '\0')
		return err_set(&op->err, ERR_IS_DIR, "a directory is there");
	if (drain(src, op, &b, &hash) < 0)
		goto out;
	if (digests_compare(&opt->hash, &hash) == 0) {
		err_set(&op->err, ERR_CORRUPT,
			"the bytes that came have another hash");
		goto out;
	}
	data = mem_data_new(xrealloc(NULL, b.len, 1), b.len, &hash);
	memcpy(data->at, b.data, b.len);
	pthread_mutex_lock(&m->store->lock);
	node = store_file(m, op, full, data, opt);
	if (node && out)
		mem_fill(m, node, &op->arena, out);
	if (!node)
		mem_data_drop(data);
	pthread_mutex_unlock(&m->store->lock);
	rc = node ? 0 : -1;
out:
	buf_free(&b);
	return rc;
}

int mem_mkdir(struct backend *be, struct op *op, const char *path)
{
	struct mem *m = mem_of(be);
	const char *full = mem_path(m, op, path);
	bool made;

	pthread_mutex_lock(&m->store->lock);
	made = mem_make_dir(m->store, full, &op->err);
	pthread_mutex_unlock(&m->store->lock);
	return made ? 0 : -1;
}

static int remove_dir(struct mem *m, struct op *op, const char *path, bool all)
{
	struct mem_node *dir = mem_dir(m, op, path);

	if (!dir)
		return -1;
	if (dir->n && !all)
		return err_set(&op->err, ERR_NOT_EMPTY,
			       "the directory is not empty");
	while (!dir->parent && dir->n) { /* the store's root itself stays */
		struct mem_node *kid = dir->kids[dir->n - 1];

		mem_detach(kid);
		mem_node_free(m->store, kid);
	}
	if (dir->parent) {
		mem_detach(dir);
		mem_node_free(m->store, dir);
	}
	return 0;
}

int mem_rmdir(struct backend *be, struct op *op, const char *path)
{
	struct mem *m = mem_of(be);
	int rc;

	pthread_mutex_lock(&m->store->lock);
	rc = remove_dir(m, op, path, false);
	pthread_mutex_unlock(&m->store->lock);
	return rc;
}

int mem_purge(struct backend *be, struct op *op, const char *dir)
{
	struct mem *m = mem_of(be);
	int rc;

	pthread_mutex_lock(&m->store->lock);
	rc = remove_dir(m, op, dir, true);
	pthread_mutex_unlock(&m->store->lock);
	return rc;
}

int mem_unlink(struct backend *be, struct op *op, const char *path)
{
	struct mem *m = mem_of(be);
	struct mem_node *node;

	pthread_mutex_lock(&m->store->lock);
	node = mem_file(m, op, path);
	if (node) {
		mem_detach(node);
		mem_node_free(m->store, node);
	}
	pthread_mutex_unlock(&m->store->lock);
	return node ? 0 : -1;
}

/* The same store, or NULL: then nothing can be done within it. */
static struct mem *same_store(struct mem *m, struct op *op,
			      struct backend *from)
{
	struct mem *other = mem_of(from);

	if (other && other->store == m->store)
		return other;
	err_set(&op->err, ERR_UNSUPPORTED, "not within one store");
	return NULL;
}

int mem_copy(struct backend *be, struct op *op, struct backend *from,
	     const char *src, const struct entry *seen, const char *dst,
	     const struct put_opt *opt, struct entry *out)
{
	struct mem *m = mem_of(be), *other = same_store(m, op, from);
	const char *full = mem_path(m, op, dst);
	struct put_opt how = *opt;
	struct mem_node *node;

	if (!other)
		return -1;
	pthread_mutex_lock(&m->store->lock);
	node = mem_file(other, op, src);
	if (node && check_seen(other, op, node, seen) == 0) {
		struct mem_data *data = node->data;

		if (how.mtime == MTIME_UNKNOWN)
			how.mtime = node->mtime;
		if (!how.mime && node->mime)
			how.mime = arena_strdup(&op->arena, node->mime);
		data->refs++;
		node = store_file(m, op, full, data, &how);
		if (!node)
			mem_data_drop(data);
	} else {
		node = NULL;
	}
	if (node && out)
		mem_fill(m, node, &op->arena, out);
	pthread_mutex_unlock(&m->store->lock);
	return node ? 0 : -1;
}

/* With the lock held. */
static int move_file(struct mem *m, struct op *op, struct mem_node *node,
		     const char *path, const struct put_opt *opt)
{
	struct mem_node *old = mem_find(m->store, path);

	if (old == node)
		return rename_to(m, op, node, path); /* perhaps "a" to "A" */
	if (check_place(m, op, old, opt) < 0)
		return -1;
	if (old && opt->keep_old && keep_old(m, op, old, opt) < 0)
		return -1;
	return rename_to(m, op, node, path);
}

int mem_move(struct backend *be, struct op *op, struct backend *from,
	     const char *src, const struct entry *seen, const char *dst,
	     const struct put_opt *opt, struct entry *out)
{
	struct mem *m = mem_of(be), *other = same_store(m, op, from);
	const char *full = mem_path(m, op, dst);
	struct mem_node *node;
	int rc = -1;

	if (!other)
		return -1;
	pthread_mutex_lock(&m->store->lock);
	node = mem_file(other, op, src);
	if (node && check_seen(other, op, node, seen) == 0)
		rc = move_file(m, op, node, full, opt);
	if (rc == 0 && out)
		mem_fill(m, node, &op->arena, out);
	pthread_mutex_unlock(&m->store->lock);
	return rc;
}

static bool is_below(const struct mem_node *node, const struct mem_node *top)
{
	while (node && node != top)
		node = node->parent;
	return node;
}

/* The deepest directory on the way to `path` that is there. */
static struct mem_node *nearest(struct mem *m, struct op *op, const char *path)
{
	char *at = arena_strdup(&op->arena, path);
	struct mem_node *node;

	while (!(node = mem_find(m->store, at))) {
		char *slash = strrchr(at, '/');

		*(slash ? slash : at) = '\0';
	}
	return node;
}

/* With the lock held. */
static int move_tree(struct mem *m, struct op *op, struct mem_node *dir,
		     const char *path)
{
	struct mem_node *old = mem_find(m->store, path), *parent;

	if (old && old != dir)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (!dir->parent)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "the store's root cannot be moved");
	if (!old && is_below(nearest(m, op, path), dir))
		return err_set(&op->err, ERR_INVALID,
			       "a directory cannot be moved into itself");
	parent = mem_make_parent(m->store, path, &op->err);
	if (!parent)
		return -1;
	mem_detach(dir);
	mem_attach(m->store, parent, mem_leaf(path), dir);
	return 0;
}

int mem_move_dir(struct backend *be, struct op *op, struct backend *from,
		 const char *src, const char *dst)
{
	struct mem *m = mem_of(be), *other = same_store(m, op, from);
	const char *full = mem_path(m, op, dst);
	struct mem_node *dir;
	int rc = -1;

	if (!other)
		return -1;
	pthread_mutex_lock(&m->store->lock);
	dir = mem_dir(other, op, src);
	if (dir)
		rc = move_tree(m, op, dir, full);
	pthread_mutex_unlock(&m->store->lock);
	return rc;
}

int mem_touch(struct backend *be, struct op *op, const char *path,
	      int64_t mtime)
{
	struct mem *m = mem_of(be);
	const char *full = mem_path(m, op, path);
	struct mem_node *node;

	pthread_mutex_lock(&m->store->lock);
	node = mem_find(m->store, full);
	if (node)
		node->mtime = kept_time(m, mtime);
	pthread_mutex_unlock(&m->store->lock);
	return node ? 0 : mem_no_file(op);
}
