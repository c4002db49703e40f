/* Which snapshot a name means, and what is at a path of it. */

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "repo/snapfs.h"

/* Names of snapshots are shown with so many digits, or more. */
enum { NAME_DIGITS = 8 };

struct snap snap_of(const struct snapshot *s)
{
	return (struct snap){ .id = s->id,
			      .tree = s->tree,
			      .time = node_time_ns(s->time),
			      .uid = s->uid,
			      .gid = s->gid };
}

/* With s->lock held: what the name was found to be, or NULL. */
static const struct snap *look_up(const struct snaps *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->at[i].name, name) == 0)
			return &all->at[i];
	return NULL;
}

/* What a name is stays so: whoever was first has it. */
static struct snap remember(struct snap_repo *s, const char *name,
			    const struct snap *found)
{
	const struct snap *first;
	struct snap out = *found;

	pthread_mutex_lock(&s->lock);
	first = look_up(&s->open.snaps, name);
	if (first) {
		out = *first;
	} else {
		struct snap *new = snaps_add(&s->open.snaps);

		*new = *found;
		new->name = xstrdup(name);
	}
	pthread_mutex_unlock(&s->lock);
	out.name = NULL;
	return out;
}

static struct strings strings_from(struct arena *a, const char *one)
{
	const char **at = arena_alloc(a, sizeof(*at));

	at[0] = one;
	return (struct strings){ .at = at, .n = one ? 1 : 0 };
}

static struct snapshot_filter filter_of(const struct snapfs *f, struct arena *a)
{
	return (struct snapshot_filter){
		.hosts = strings_from(a, f->conf.host),
		.paths = strings_from(a, f->conf.path),
		.tags = strings_from(a, f->conf.tag),
	};
}

static int resolve(struct snapfs *f, struct op *op, const char *name,
		   struct snap *out)
{
	struct snap_repo *s = f->shared;
	const struct snapshot_filter filter = filter_of(f, &op->arena);
	struct acct *acct = op->acct;
	const struct snap *known;
	struct snapshot found;
	int rc;

	pthread_mutex_lock(&s->lock);
	known = look_up(&s->open.snaps, name);
	if (known)
		*out = *known;
	pthread_mutex_unlock(&s->lock);
	if (known)
		return 0;
	if (!place_is_snapshot(name, strlen(name)))
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is no snapshot \"%s\"; write \"latest\", "
			       "\"latest~1\" or the beginning of an id",
			       name);
	op->acct = NULL;
	rc = snapshot_find(s->open.repo, op, &op->arena, &filter, name, &found,
			   NULL);
	op->acct = acct;
	if (rc < 0)
		return -1;
	*out = snap_of(&found);
	*out = remember(s, name, out);
	return 0;
}

static const char *join(struct arena *a, const char *root, const char *path)
{
	if (*root == '\0' || *path == '\0')
		return *root ? root : path;
	return arena_printf(a, "%s/%s", root, path);
}

static int not_there(struct op *op, const char *path, const char *end)
{
	return err_set(&op->err, ERR_NOT_FOUND,
		       "\"%.*s\" is not in the snapshot", (int)(end - path),
		       path);
}

/* One name deeper; `name` ends at the next '/' or at the end. */
static int step(struct snap_repo *s, struct op *op, struct spot *spot,
		const char *path, const char *name, size_t len)
{
	struct folder *folder;
	int rc;

	if (!spot->is_dir)
		return err_set(&op->err, ERR_NOT_DIR,
			       "\"%.*s\" is no folder in the snapshot",
			       (int)(name - path) - 1, path);
	if (folder_get(s, op, &spot->dir, &folder) < 0)
		return -1;
	rc = folder_find(s, op, folder, name, len, &spot->node);
	folder_put(s, folder);
	if (rc <= 0)
		return rc < 0 ? -1 : not_there(op, path, name + len);
	spot->top = false;
	spot->is_dir = spot->node.type == NODE_DIR;
	if (!spot->is_dir)
		return 0;
	if (!spot->node.has_subtree)
		return err_set(&op->err, ERR_CORRUPT,
			       "the folder \"%.*s\" has no tree",
			       (int)(name + len - path), path);
	spot->dir = spot->node.subtree;
	return 0;
}

/* As far as the snapshot. */
static int find_snapshot(struct snapfs *f, struct op *op, const char *path,
			 struct spot *out, const char **rest)
{
	size_t len = strcspn(path, "/");

	if (f->conf.tree)
		return view_find(f, op, path, out, rest);
	*rest = path + len;
	out->above = len == 0;
	if (out->above) {
		snapfs_entry_above(&op->arena, "", MTIME_UNKNOWN, NULL,
				   &out->here);
		return 0;
	}
	return resolve(f, op, arena_printf(&op->arena, "%.*s", (int)len, path),
		       &out->snap);
}

int snapfs_find(struct snapfs *f, struct op *op, const char *path,
		struct spot *out)
{
	const char *full = join(&op->arena, f->root, path), *at;
	size_t len;

	*out = (struct spot){ .path = full, .is_dir = true, .name = "" };
	if (snapfs_ready(f, op) < 0)
		return -1;
	if (find_snapshot(f, op, full, out, &at) < 0)
		return -1;
	if (*path)
		out->name = strrchr(full, '/') ? strrchr(full, '/') + 1 : full;
	if (out->above)
		return 0;
	out->top = true;
	out->dir = out->snap.tree;
	out->snap.name = NULL;
	while (*at == '/') {
		at++;
		len = strcspn(at, "/");
		if (step(f->shared, op, out, full, at, len) < 0)
			return -1;
		at += len;
	}
	return 0;
}

static int pass_over(void *arg, struct op *op, const struct id *id)
{
	(void)arg;
	(void)id;
	log_error(NULL, "passed over: %s", op->err.msg);
	err_clear(&op->err);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct snapshot *const *x = a, *const *y = b;

	return memcmp(&(*x)->id, &(*y)->id, ID_LEN);
}

/* How many digits of these two are the same. */
static size_t common(const struct snapshot *a, const struct snapshot *b)
{
	char x[ID_HEX + 1], y[ID_HEX + 1];
	size_t n = 0;

	id_hex(&a->id, x);
	id_hex(&b->id, y);
	while (n < ID_HEX && x[n] == y[n])
		n++;
	return n;
}

size_t snap_digits(const struct snapshots *all)
{
	const struct snapshot **sorted = xcalloc(all->n + 1, sizeof(*sorted));
	size_t digits = NAME_DIGITS;

	for (size_t i = 0; i < all->n; i++)
		sorted[i] = &all->at[i];
	qsort(sorted, all->n, sizeof(*sorted), by_id);
	for (size_t i = 1; i < all->n; i++) {
		size_t same = common(sorted[i - 1], sorted[i]);

		if (same + 1 > digits)
			digits = same + 1;
	}
	free(sorted);
	return digits < ID_HEX ? digits : ID_HEX;
}

int snapfs_snapshots(struct snapfs *f, struct op *op, struct arena *a,
		     const struct ids *ids, struct snapshots *out)
{
	struct repo *r = f->shared->open.repo;
	const struct snapshot_filter filter = filter_of(f, a);
	struct acct *acct = op->acct;
	int rc;

	op->acct = NULL;
	rc = ids ? snapshots_load_some(r, op, a, &filter, ids, pass_over, NULL,
				       out)
		 : snapshots_load(r, op, a, &filter, pass_over, NULL, out);
	op->acct = acct;
	return rc;
}

static int emit(struct snapfs *f, struct op *op, const struct snapshot *s,
		size_t digits, entry_fn *fn, void *arg)
{
	struct snap snap = snap_of(s);
	char name[ID_HEX + 1];
	struct arena a = { 0 };
	struct entry e;
	int rc;

	id_hex(&s->id, name);
	name[digits] = '\0';
	snap = remember(f->shared, name, &snap);
	snapfs_entry_top(&a, &snap, name, &e);
	rc = op_check(op) < 0 ? -1 : fn(arg, op, &e);
	arena_free(&a);
	return rc;
}

int snapfs_list_snapshots(struct snapfs *f, struct op *op, entry_fn *fn,
			  void *arg)
{
	struct snapshots all = { 0 };
	struct arena a = { 0 };
	int rc = snapfs_snapshots(f, op, &a, NULL, &all);
	size_t digits = snap_digits(&all);

	for (size_t i = 0; rc == 0 && i < all.n; i++)
		rc = emit(f, op, &all.at[i], digits, fn, arg);
	snapshots_free(&all);
	arena_free(&a);
	return rc;
}
