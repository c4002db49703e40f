/*
 * Snapshots of a repository as a place that is only read.
 *
 *	repo:/srv/backup:latest/home	the short spelling (backends/place.c)
 *	:repo,repository="/srv/backup":latest/home
 *	snaps:latest/home		with a section of the configuration
 */
#include "repo/snapfs.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/secret.h"
#include "repo/password.h"

static struct snapfs *snapfs_of(struct backend *be)
{
	return container_of(be, struct snapfs, base);
}

static void conf_free(struct snap_conf *c)
{
	secret_free(c->password);
	free(c->password_file);
	free(c->password_command);
	free(c->host);
	free(c->tag);
	free(c->path);
	free(c->cache_dir);
}

static void snapfs_close(struct backend *be)
{
	struct snapfs *f = snapfs_of(be);

	snap_repo_leave(f->shared);
	conf_free(&f->conf);
	free(f->root);
	free(f);
}

static int list_folder(struct op *op, const struct spot *spot,
		       const struct folder *folder, entry_fn *fn, void *arg)
{
	struct arena a = { 0 };
	struct tree_reader r;
	struct node n;
	struct entry e;
	int rc = tree_read_begin(&r, &a, folder->text.data, folder->text.len,
				 &op->err);

	while (rc == 0) {
		arena_reset(&a);
		rc = tree_read_next(&r, &n, &op->err);
		if (rc <= 0)
			break;
		snapfs_entry(&a, &spot->snap, &n, &e);
		rc = op_check(op);
		if (rc == 0)
			rc = fn(arg, op, &e);
	}
	arena_free(&a);
	return rc;
}

static int snapfs_list(struct backend *be, struct op *op, const char *dir,
		       entry_fn *fn, void *arg)
{
	struct snapfs *f = snapfs_of(be);
	struct folder *folder;
	struct spot spot;
	int rc;

	if (snapfs_find(f, op, dir, &spot) < 0) {
		if (op->err.kind == ERR_NOT_FOUND)
			op->err.kind = ERR_NO_DIR;
		return -1;
	}
	if (!spot.is_dir)
		return err_set(&op->err, ERR_NOT_DIR, "not a directory");
	if (spot.above)
		return f->conf.tree ? view_list(f, op, spot.path, fn, arg)
				    : snapfs_list_snapshots(f, op, fn, arg);
	if (folder_get(f->shared, op, &spot.dir, &folder) < 0)
		return -1;
	rc = list_folder(op, &spot, folder, fn, arg);
	folder_put(f->shared, folder);
	return rc;
}

static int snapfs_stat(struct backend *be, struct op *op, const char *path,
		       struct entry *out)
{
	struct spot spot;

	if (snapfs_find(snapfs_of(be), op, path, &spot) < 0)
		return -1;
	if (!out)
		return 0;
	if (spot.above)
		*out = spot.here;
	else if (spot.top)
		snapfs_entry_top(&op->arena, &spot.snap, spot.name, out);
	else
		snapfs_entry(&op->arena, &spot.snap, &spot.node, out);
	out->name = spot.name;
	return 0;
}

static int find_file(struct snapfs *f, struct op *op, const char *path,
		     struct spot *out)
{
	if (snapfs_find(f, op, path, out) < 0)
		return -1;
	if (out->is_dir)
		return err_set(&op->err, ERR_IS_DIR, "is a directory");
	if (out->above || out->node.type != NODE_FILE)
		return err_set(&op->err, ERR_UNSUPPORTED, "not a file but a %s",
			       out->above ? "symlink"
					  : node_type_name(&out->node));
	return 0;
}

static int snapfs_get(struct backend *be, struct op *op, const char *path,
		      const struct get_opt *opt, struct sink *dst)
{
	struct snapfs *f = snapfs_of(be);
	struct spot spot;

	if (find_file(f, op, path, &spot) < 0)
		return -1;
	if (opt->tag &&
	    strcmp(opt->tag, snapfs_tag(&op->arena, &spot.node)) != 0)
		return err_set(&op->err, ERR_CONFLICT,
			       "it is not the file that was listed");
	return snapfs_read(f->shared, op, &spot.node, opt->off, opt->len, dst);
}

struct hash_sink {
	struct sink base;
	struct hasher *hasher;
};

static int hash_write(struct sink *s, struct op *op, const void *p, size_t n)
{
	(void)op;
	hasher_add(container_of(s, struct hash_sink, base)->hasher, p, n);
	return 0;
}

static int snapfs_hash(struct backend *be, struct op *op, const char *path,
		       unsigned want, struct digests *out)
{
	struct hash_sink sink = { .base.write = hash_write };
	struct snapfs *f = snapfs_of(be);
	struct spot spot;
	struct entry e;
	int rc;

	if (find_file(f, op, path, &spot) < 0)
		return -1;
	snapfs_entry(&op->arena, &spot.snap, &spot.node, &e);
	*out = e.hash;
	if ((e.hash.have & want) == want)
		return 0;
	sink.hasher = hasher_new(want);
	rc = snapfs_read(f->shared, op, &spot.node, 0, -1, &sink.base);
	hasher_end(sink.hasher, out);
	hasher_free(sink.hasher);
	return rc;
}

static int xattrs_of(struct backend *be, struct op *op, const char *path,
		     bool all, struct xattrs *out)
{
	struct spot spot;

	if (snapfs_find(snapfs_of(be), op, path, &spot) < 0)
		return -1;
	if (spot.above || spot.top)
		*out = (struct xattrs){ 0 };
	else
		snapfs_xattrs(op, &spot.node, all, out);
	return 0;
}

static int snapfs_get_xattrs(struct backend *be, struct op *op,
			     const char *path, struct xattrs *out)
{
	return xattrs_of(be, op, path, false, out);
}

static int snapfs_all_xattrs(struct backend *be, struct op *op,
			     const char *path, struct xattrs *out)
{
	return xattrs_of(be, op, path, true, out);
}

static int refuse(struct op *op)
{
	return err_set(&op->err, ERR_DENIED, "a snapshot cannot be changed");
}

static int snapfs_put(struct backend *be, struct op *op, const char *path,
		      struct source *src, const struct put_opt *opt,
		      struct entry *out)
{
	(void)be;
	(void)path;
	(void)src;
	(void)opt;
	(void)out;
	return refuse(op);
}

static int snapfs_change(struct backend *be, struct op *op, const char *path)
{
	(void)be;
	(void)path;
	return refuse(op);
}

static const struct backend_ops snapfs_ops = {
	.close = snapfs_close,
	.list = snapfs_list,
	.stat = snapfs_stat,
	.get = snapfs_get,
	.put = snapfs_put,
	.mkdir = snapfs_change,
	.rmdir = snapfs_change,
	.unlink = snapfs_change,
	.hash = snapfs_hash,
	.get_xattrs = snapfs_get_xattrs,
	.all_xattrs = snapfs_all_xattrs,
};

static const struct driver_option options[] = {
	{ .name = "repository",
	  .required = true,
	  .help = "the place where the repository is" },
	{ .name = "password",
	  .secret = true,
	  .obscured = true,
	  .help = "its password; without any of these options "
		  "$FERRY_PASSWORD and so on are looked at, as with -r" },
	{ .name = "password_file", .help = "a file that has the password" },
	{ .name = "password_command",
	  .help = "a command that prints the password" },
	{ .name = "insecure_no_password",
	  .type = OPTION_BOOL,
	  .help = "the password is empty" },
	{ .name = "no_lock",
	  .type = OPTION_BOOL,
	  .help = "do not lock the repository while it is read" },
	{ .name = "no_cache",
	  .type = OPTION_BOOL,
	  .help = "keep no copies of a remote repository's index here" },
	{ .name = "host", .help = "only snapshots of this host" },
	{ .name = "tag", .help = "only snapshots with all these tags: a,b" },
	{ .name = "path", .help = "only snapshots that have this path" },
	{ .name = "view",
	  .fallback = "flat",
	  .help = "flat: the root has the snapshots, by their ids; tree: it "
		  "has the folders ids, snapshots (by time), hosts and tags" },
	{ .name = NULL },
};

static char *copy_of(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

static int read_conf(struct snap_conf *c, const struct remote_conf *conf,
		     struct op *op)
{
	const char *password, *file = conf_str(conf, "password_file");
	const char *command = conf_str(conf, "password_command");
	const char *cache = conf->remotes->cache_dir;
	const char *view = conf_str(conf, "view");

	if (conf_password(conf, "password", op, &password) < 0)
		return -1;
	c->empty_password = conf_bool(conf, "insecure_no_password");
	if (password) {
		c->password = password_copy(password);
		explicit_bzero((void *)(uintptr_t)password, strlen(password));
	}
	c->password_file = copy_of(file);
	c->password_command = copy_of(command);
	if ((c->password ? 1 : 0) + (c->password_file ? 1 : 0) +
		    (c->password_command ? 1 : 0) +
		    (c->empty_password ? 1 : 0) >
	    1)
		return err_set(&op->err, ERR_INVALID,
			       "%s: password, password_file, password_command, "
			       "insecure_no_password: only one of them",
			       conf->name);
	c->host = copy_of(conf_str(conf, "host"));
	c->tag = copy_of(conf_str(conf, "tag"));
	c->path = copy_of(conf_str(conf, "path"));
	c->tree = strcmp(view, "tree") == 0;
	if (!c->tree && strcmp(view, "flat") != 0)
		return err_set(&op->err, ERR_INVALID,
			       "%s: view is \"flat\" or \"tree\", not \"%s\"",
			       conf->name, view);
	c->no_lock = conf_bool(conf, "no_lock");
	c->cache_dir = conf_bool(conf, "no_cache") ? NULL : copy_of(cache);
	return 0;
}

/* The same for all that have the same options; tells none of them. */
static const char *share_key(struct arena *a, const struct remote_conf *conf)
{
	const struct driver_option *o = conf->driver->options;
	struct buf b = BUF_INIT;
	char hex[ID_HEX + 1];
	struct id id;

	for (; o->name; o++) {
		const char *value = conf_str(conf, o->name);

		buf_adds(&b, value ? value : "");
		buf_add(&b, "", 1);
	}
	id_of(b.data, b.len, &id);
	explicit_bzero(b.data, b.len);
	buf_free(&b);
	return arena_printf(a, "repo:%s", id_hex(&id, hex));
}

static int snapfs_open(const struct remote_conf *conf, const char *root,
		       struct op *op, struct backend **out)
{
	const char *place = conf_str(conf, "repository"), *identity;
	struct snapfs *f = xcalloc(1, sizeof(*f));
	struct backend *inner;
	unsigned caps = BE_POSIX | BE_OWNER | BE_RANGE | BE_EMPTY_DIR;

	if (read_conf(&f->conf, conf, op) < 0 ||
	    remote_open_inner(conf, place, "", op, &inner) < 0) {
		conf_free(&f->conf);
		free(f);
		return -1;
	}
	f->root = xstrdup(root);
	f->shared = remotes_share(conf->remotes, share_key(&op->arena, conf),
				  snap_repo_new, snap_repo_drop);
	identity = arena_printf(&op->arena, "repo%s:%s:%s",
				f->conf.tree ? "-tree" : "", inner->identity,
				root);
	backend_init(&f->base, &snapfs_ops, conf->name, identity,
		     caps | (inner->caps & BE_REMOTE));
	f->base.hashes = (1u << HASH_TYPES) - 1;
	f->base.calls = inner->calls;
	f->base.tries = 1; /* the inner one's calls are tried again */
	snap_repo_enter(f->shared, inner);
	*out = &f->base;
	return 0;
}

const struct driver driver_repo = {
	.name = "repo",
	.summary = "the snapshots of a repository, to be read",
	.options = options,
	.open = snapfs_open,
};
