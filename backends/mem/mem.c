/*
 * Files in memory, with all that a cloud would offer: for tests, and as a
 * place to try things out.  What was put is gone when the process ends.
 */
#include "backends/mem/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct backend_ops mem_ops;

struct mem *mem_of(struct backend *be)
{
	return be->ops == &mem_ops ? container_of(be, struct mem, base) : NULL;
}

static const char *join(struct arena *a, const char *root, const char *path)
{
	if (*root == '\0' || *path == '\0')
		return *root ? root : path;
	return arena_printf(a, "%s/%s", root, path);
}

const char *mem_path(const struct mem *m, struct op *op, const char *path)
{
	return join(&op->arena, m->root, path);
}

void mem_fill(const struct mem *m, const struct mem_node *node, struct arena *a,
	      struct entry *out)
{
	const struct mem_data *data = node->data;

	*out = (struct entry){
		.kind = data ? ENTRY_FILE : ENTRY_DIR,
		.name = arena_strdup(a, node->name ? node->name : ""),
		.size = data ? (int64_t)data->len : SIZE_UNKNOWN,
		.mtime = node->mtime,
		.id = arena_printf(a, "%" PRIu64, node->id),
	};
	if (!data)
		return;
	out->hash = data->hash;
	out->hash.have &= m->hashes;
	out->tag = arena_printf(a, "v%" PRIu64, node->version);
	out->mime = node->mime ? arena_strdup(a, node->mime) : NULL;
}

int mem_no_file(struct op *op)
{
	return err_set(&op->err, ERR_NOT_FOUND, "no such file");
}

int mem_no_dir(struct op *op)
{
	return err_set(&op->err, ERR_NO_DIR, "no such directory");
}

struct mem_node *mem_dir(struct mem *m, struct op *op, const char *path)
{
	struct mem_node *node = mem_find(m->store, mem_path(m, op, path));

	if (node && !node->data)
		return node;
	if (node)
		err_set(&op->err, ERR_NOT_DIR, "not a directory");
	else
		mem_no_dir(op);
	return NULL;
}

struct mem_node *mem_file(struct mem *m, struct op *op, const char *path)
{
	struct mem_node *node = mem_find(m->store, mem_path(m, op, path));

	if (node && node->data)
		return node;
	if (node)
		err_set(&op->err, ERR_IS_DIR, "is a directory");
	else
		mem_no_file(op);
	return NULL;
}

static void mem_close(struct backend *be)
{
	struct mem *m = mem_of(be);

	free(m->root);
	free(m);
}

/* What is in a directory now: `fn` must not be called under the lock. */
static int snapshot(struct mem *m, struct op *op, const char *path,
		    struct arena *a, struct entry **out, size_t *n)
{
	struct mem_node *dir;

	pthread_mutex_lock(&m->store->lock);
	dir = mem_dir(m, op, path);
	if (dir) {
		*n = dir->n;
		*out = arena_alloc(a, *n * sizeof(**out));
		for (size_t i = 0; i < *n; i++)
			mem_fill(m, dir->kids[i], a, &(*out)[i]);
	}
	pthread_mutex_unlock(&m->store->lock);
	return dir ? 0 : -1;
}

static int mem_list(struct backend *be, struct op *op, const char *dir,
		    entry_fn *fn, void *arg)
{
	struct arena a = { 0 };
	struct entry *entries;
	size_t n;
	int rc = snapshot(mem_of(be), op, dir, &a, &entries, &n);

	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = op_check(op);
		if (rc == 0)
			rc = fn(arg, op, &entries[i]);
	}
	arena_free(&a);
	return rc;
}

static int mem_stat(struct backend *be, struct op *op, const char *path,
		    struct entry *out)
{
	struct mem *m = mem_of(be);
	const char *full = mem_path(m, op, path);
	struct mem_node *node;

	pthread_mutex_lock(&m->store->lock);
	node = mem_find(m->store, full);
	if (node && out) {
		mem_fill(m, node, &op->arena, out);
		if (*path == '\0')
			out->name = "";
	}
	pthread_mutex_unlock(&m->store->lock);
	return node ? 0 : mem_no_file(op);
}

/* The content of a file, held, if it still has that tag. */
static int take_data(struct mem *m, struct op *op, const char *path,
		     const char *tag, struct mem_data **out)
{
	struct mem_node *node;
	struct entry e;
	int rc = -1;

	pthread_mutex_lock(&m->store->lock);
	node = mem_file(m, op, path);
	if (!node)
		goto out;
	mem_fill(m, node, &op->arena, &e);
	if (tag && strcmp(tag, e.tag) != 0) {
		err_set(&op->err, ERR_CONFLICT,
			"it has changed since it was listed");
		goto out;
	}
	*out = node->data;
	(*out)->refs++;
	rc = 0;
out:
	pthread_mutex_unlock(&m->store->lock);
	return rc;
}

static int push(const struct mem_data *data, struct op *op,
		const struct get_opt *opt, struct sink *dst)
{
	enum { CHUNK = 64 * 1024 };
	int64_t off = opt->off, end = (int64_t)data->len;

	if (opt->len >= 0 && opt->len < end - off)
		end = off + opt->len;
	while (off < end) {
		size_t n = end - off < CHUNK ? (size_t)(end - off) : CHUNK;

		if (op_check(op) < 0 ||
		    dst->write(dst, op, data->at + off, n) < 0)
			return -1;
		off += (int64_t)n;
	}
	return 0;
}

static int mem_get(struct backend *be, struct op *op, const char *path,
		   const struct get_opt *opt, struct sink *dst)
{
	struct mem *m = mem_of(be);
	struct mem_data *data;
	int rc;

	if (opt->version)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "no older versions are kept");
	if (take_data(m, op, path, opt->tag, &data) < 0)
		return -1;
	rc = push(data, op, opt, dst);
	pthread_mutex_lock(&m->store->lock);
	mem_data_drop(data);
	pthread_mutex_unlock(&m->store->lock);
	return rc;
}

static int mem_hash(struct backend *be, struct op *op, const char *path,
		    unsigned want, struct digests *out)
{
	struct mem *m = mem_of(be);
	struct mem_node *node;

	pthread_mutex_lock(&m->store->lock);
	node = mem_file(m, op, path);
	if (node) {
		*out = node->data->hash;
		out->have &= m->hashes & want;
	}
	pthread_mutex_unlock(&m->store->lock);
	return node ? 0 : -1;
}

static int mem_quota(struct backend *be, struct op *op, struct quota *out)
{
	struct mem *m = mem_of(be);

	(void)op;
	pthread_mutex_lock(&m->store->lock);
	*out = (struct quota){ .total = m->quota,
			       .used = m->store->used,
			       .free = -1,
			       .trashed = -1,
			       .objects = -1 };
	pthread_mutex_unlock(&m->store->lock);
	if (m->quota >= 0)
		out->free = m->quota > out->used ? m->quota - out->used : 0;
	return 0;
}

static const struct backend_ops mem_ops = {
	.close = mem_close,
	.list = mem_list,
	.stat = mem_stat,
	.get = mem_get,
	.put = mem_put,
	.mkdir = mem_mkdir,
	.rmdir = mem_rmdir,
	.unlink = mem_unlink,
	.copy = mem_copy,
	.move = mem_move,
	.move_dir = mem_move_dir,
	.purge = mem_purge,
	.touch = mem_touch,
	.hash = mem_hash,
	.quota = mem_quota,
};

/* "md5,sha1", or "none" */
static int parse_hashes(const struct remote_conf *conf, struct err *e,
			unsigned *out)
{
	const char *p = conf_str(conf, "hashes");

	*out = 0;
	if (strcmp(p, "none") == 0)
		return 0;
	for (p += strspn(p, ", "); *p; p += strspn(p, ", ")) {
		size_t n = strcspn(p, ", ");
		enum hash_type t;
		char name[16];

		if (n >= sizeof(name))
			n = sizeof(name) - 1;
		memcpy(name, p, n);
		name[n] = '\0';
		if (!hash_find(name, &t))
			return err_set(e, ERR_INVALID,
				       "%s: option \"hashes\": \"%s\" is none "
				       "of md5, sha1, sha256",
				       conf->name, name);
		*out |= 1u << t;
		p += n;
	}
	return 0;
}

static const struct driver_option options[] = {
	{ .name = "name",
	  .fallback = "",
	  .help = "which store; all places with one name share it" },
	{ .name = "mtime_step",
	  .type = OPTION_DURATION,
	  .help = "the finest difference of times kept; \"off\" keeps none" },
	{ .name = "hashes",
	  .fallback = "md5,sha1,sha256",
	  .help = "hashes known of each file, or \"none\"" },
	{ .name = "no_case",
	  .type = OPTION_BOOL,
	  .help = "\"A\" and \"a\" are one name" },
	{ .name = "quota",
	  .type = OPTION_SIZE,
	  .fallback = "off",
	  .help = "how much the store may hold" },
	{ .name = NULL },
};

static int mem_open(const struct remote_conf *conf, const char *root,
		    struct op *op, struct backend **out)
{
	bool no_case = conf_bool(conf, "no_case");
	const char *store =
		arena_printf(&op->arena, "mem%s:%s", no_case ? "-no-case" : "",
			     conf_str(conf, "name"));
	const char *identity = arena_printf(&op->arena, "%s:%s", store, root);
	unsigned hashes, extra = BE_RANGE | BE_PUT_STREAM | BE_PUT_ATOMIC |
				 BE_EMPTY_DIR | BE_KEEP_OLD;
	struct mem *m;

	if (parse_hashes(conf, &op->err, &hashes) < 0)
		return -1;
	m = xcalloc(1, sizeof(*m));
	m->store =
		remotes_share(conf->remotes, store,
			      no_case ? mem_store_new_no_case : mem_store_new,
			      mem_store_free);
	m->root = xstrdup(root);
	m->quota = conf_int(conf, "quota");
	m->hashes = hashes;
	m->step = conf_int(conf, "mtime_step");
	if (m->step == 0)
		m->step = 1;
	backend_init(&m->base, &mem_ops, conf->name, identity,
		     extra | (no_case ? BE_NO_CASE : 0u) |
			     (m->step < 0 ? 0u : BE_SET_MTIME));
	if (m->step < 0)
		m->base.caps &= ~(unsigned)BE_TOUCH;
	else
		m->base.mtime_step = m->step;
	m->base.hashes = m->base.listed = hashes;
	*out = &m->base;
	return 0;
}

const struct driver driver_mem = {
	.name = "mem",
	.summary = "files in memory, gone when the process ends",
	.options = options,
	.open = mem_open,
};
