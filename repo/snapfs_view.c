/*
 * All snapshots as folders of folders, named as restic's mount names them:
 *
 *	ids/79766175
 *	snapshots/2024-01-02T15:04:05+01:00	and `latest`, a link
 *	hosts/HOST/TIME				and `latest`
 *	tags/TAG/TIME				and `latest`
 *
 * It is made anew when the repository has other snapshots than before, which
 * is looked for when one of these folders is listed, or a name is not found.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "repo/snapfs.h"

/* A view is believed for so long. */
#define VIEW_NS (3 * NS_PER_SEC)

static int compare(const void *a, const void *b)
{
	const struct view_item *x = a, *y = b;
	int c = strcmp(x->name, y->name);

	return c ? c : (x->order > y->order) - (x->order < y->order);
}

static void folder_sort(struct view_folder *f)
{
	if (f->items.n)
		qsort(f->items.at, f->items.n, sizeof(*f->items.at), compare);
}

static struct view_item *folder_add(struct view_folder *f, const char *name)
{
	struct view_item *item = view_items_add(&f->items);

	*item = (struct view_item){ .name = name, .order = f->items.n };
	return item;
}

static struct view_folder *add_folder(struct arena *a, struct view_folder *in,
				      const char *name)
{
	struct view_folder *f = arena_alloc(a, sizeof(*f));

	folder_add(in, name)->folder = f;
	return f;
}

/* The folder of a host or a tag, whose name may be none for a folder. */
static struct view_folder *folder_of(struct arena *a, struct view_folder *in,
				     const char *text)
{
	char *name = arena_strdup(a, *text ? text : "_");

	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '_';
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		memset(name, '_', strlen(name));
	for (size_t i = 0; i < in->items.n; i++)
		if (strcmp(in->items.at[i].name, name) == 0)
			return in->items.at[i].folder;
	return add_folder(a, in, name);
}

static void add_snap(struct view_folder *f, const char *name,
		     const struct snap *snap)
{
	if (f->items.n && f->items.at[f->items.n - 1].snap == snap)
		return; /* a tag that it has twice */
	folder_add(f, name)->snap = snap;
	f->time = snap->time;
}

/* Their names are made unique, and the last one that came is `latest`. */
static void finish_times(struct arena *a, struct view_folder *f)
{
	const char *before = NULL;
	size_t n = f->items.n, same = 0, last = 0;

	folder_sort(f);
	for (size_t i = 0; i < n; i++) {
		struct view_item *item = &f->items.at[i];

		if (before && strcmp(before, item->name) == 0) {
			item->name = arena_printf(a, "%s-%zu", before, ++same);
		} else {
			before = item->name;
			same = 0;
		}
		if (item->order > f->items.at[last].order)
			last = i;
	}
	if (n) {
		const char *name = f->items.at[last].name;
		struct view_item *item = folder_add(f, "latest");

		item->target = name;
		item->time = f->time;
	}
	folder_sort(f);
}

static void finish_folders(struct arena *a, struct view_folder *f, int64_t time)
{
	for (size_t i = 0; i < f->items.n; i++)
		finish_times(a, f->items.at[i].folder);
	folder_sort(f);
	f->time = time;
}

/* RFC 3339 in the zone of whoever saved it, with whole seconds. */
static const char *time_name(struct arena *a, struct node_time t)
{
	struct buf b = BUF_INIT;
	const char *name;

	t.ns = 0;
	node_time_text(&b, t);
	name = arena_strdup(a, b.data);
	buf_free(&b);
	return name;
}

static void fill(struct snap_view *v, const struct snapshots *all)
{
	struct arena *a = &v->arena;
	struct view_folder *root = arena_alloc(a, sizeof(*root));
	struct view_folder *ids = add_folder(a, root, "ids");
	struct view_folder *times = add_folder(a, root, "snapshots");
	struct view_folder *hosts = add_folder(a, root, "hosts");
	struct view_folder *tags = add_folder(a, root, "tags");
	size_t digits = snap_digits(all);
	char hex[ID_HEX + 1];

	v->root = root;
	for (size_t i = 0; i < all->n; i++) {
		const struct snapshot *s = &all->at[i];
		struct snap *snap = arena_alloc(a, sizeof(*snap));
		const char *time = time_name(a, s->time);

		*snap = snap_of(s);
		id_hex(&s->id, hex)[digits] = '\0';
		add_snap(ids, arena_strdup(a, hex), snap);
		add_snap(times, time, snap);
		add_snap(folder_of(a, hosts, s->hostname), time, snap);
		for (size_t j = 0; j < s->tags.n; j++)
			add_snap(folder_of(a, tags, s->tags.at[j]), time, snap);
	}
	folder_sort(ids);
	finish_times(a, times);
	finish_folders(a, hosts, times->time);
	finish_folders(a, tags, times->time);
	folder_sort(root);
	root->time = times->time;
}

static void folder_drop(struct view_folder *f)
{
	for (size_t i = 0; i < f->items.n; i++)
		if (f->items.at[i].folder)
			folder_drop(f->items.at[i].folder);
	view_items_free(&f->items);
}

void view_drop(struct snap_view *v)
{
	if (!v)
		return;
	if (v->root)
		folder_drop(v->root);
	ids_free(&v->ids);
	arena_free(&v->arena);
	free(v);
}

static void view_put(struct snap_repo *s, struct snap_view *v)
{
	bool last;

	if (!v)
		return;
	pthread_mutex_lock(&s->lock);
	last = --v->users == 0;
	pthread_mutex_unlock(&s->lock);
	if (last)
		view_drop(v);
}

static bool same_ids(const struct ids *a, const struct ids *b)
{
	return a->n == b->n &&
	       (a->n == 0 || memcmp(a->at, b->at, a->n * sizeof(*a->at)) == 0);
}

/* `*out`: a new view, or NULL if `old` is still true. */
static int look(struct snapfs *f, struct op *op, const struct snap_view *old,
		struct snap_view **out)
{
	struct snap_view *v = xcalloc(1, sizeof(*v));
	struct snapshots all = { 0 };
	struct arena a = { 0 };
	bool news;
	int rc = ids_list(f->shared->open.repo->store, op, FILE_SNAPSHOT,
			  &v->ids);

	*out = NULL;
	ids_sort(&v->ids);
	if (rc < 0 || (old && same_ids(&old->ids, &v->ids)))
		goto out;
	rc = snapfs_snapshots(f, op, &a, &v->ids, &all);
	/* after the snapshots, so that it has all that is in them */
	if (rc == 0)
		rc = snapfs_reindex(f->shared, op, 0, &news);
	if (rc < 0)
		goto out;
	fill(v, &all);
	*out = v;
	v = NULL;
out:
	view_drop(v);
	snapshots_free(&all);
	arena_free(&a);
	return rc;
}

/* By the one thread that s->open.viewing is set for. */
static int renew(struct snapfs *f, struct op *op)
{
	struct snap_repo *s = f->shared;
	struct snap_view *old = s->open.view, *new;
	struct acct *acct = op->acct;
	int rc;

	op->acct = NULL;
	rc = look(f, op, old, &new);
	op->acct = acct;
	pthread_mutex_lock(&s->lock);
	s->open.viewing = false;
	if (rc == 0)
		s->open.viewed = clock_mono();
	if (new) {
		new->users = 1;
		s->open.view = new;
	}
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (new)
		view_put(s, old);
	return rc;
}

/* With s->lock held. */
static bool fresh(const struct snap_open *o, int64_t age)
{
	return o->view && clock_mono() - o->viewed <= age;
}

/* The view, not older than `age` unless somebody is seeing to that. */
static int view_get(struct snapfs *f, struct op *op, int64_t age,
		    struct snap_view **out)
{
	struct snap_repo *s = f->shared;
	struct snap_open *o = &s->open;
	bool mine = false;
	int rc = 0;

	*out = NULL;
	pthread_mutex_lock(&s->lock);
	if (!fresh(o, age) && !(o->view && o->viewing)) {
		rc = snapfs_claim(s, op, &o->viewing);
		mine = rc == 0 && !fresh(o, age);
		if (rc == 0)
			o->viewing = mine;
	}
	pthread_mutex_unlock(&s->lock);
	if (mine)
		rc = renew(f, op);
	if (rc < 0)
		return -1;
	pthread_mutex_lock(&s->lock);
	*out = o->view;
	(*out)->users++;
	pthread_mutex_unlock(&s->lock);
	return 0;
}

static const struct view_item *item_find(const struct view_folder *f,
					 const char *name, size_t len)
{
	size_t low = 0, high = f->items.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *at = f->items.at[mid].name;
		int c = strncmp(at, name, len);

		if (c == 0 && at[len] == '\0')
			return &f->items.at[mid];
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/*
 * Where a path leads: an item that is a folder or, at the path's end, a link;
 * or a snapshot, with what is behind its name in `*rest`.  False: nowhere.
 * The root is an item of its own.
 */
static bool follow(const struct snap_view *v, const char *path,
		   struct view_item *out, const char **rest)
{
	const struct view_item *item;

	*out = (struct view_item){ .name = "", .folder = v->root };
	while (*path) {
		const struct view_folder *in = out->folder;
		size_t len = strcspn(path, "/");

		item = item_find(in, path, len);
		path += len;
		if (item && item->target && *path)
			item = item_find(in, item->target,
					 strlen(item->target));
		if (!item)
			return false;
		*out = *item;
		if (item->snap || item->target)
			break;
		path += *path == '/';
	}
	*rest = path;
	return true;
}

/* As follow(), with a view that is looked at once more if need be. */
static int find(struct snapfs *f, struct op *op, const char *path,
		struct view_item *out, const char **rest,
		struct snap_view **view)
{
	bool found;

	if (view_get(f, op, INT64_MAX, view) < 0)
		return -1;
	found = follow(*view, path, out, rest);
	if (!found) {
		view_put(f->shared, *view);
		if (view_get(f, op, VIEW_NS, view) < 0)
			return -1;
		found = follow(*view, path, out, rest);
	}
	if (found)
		return 0;
	view_put(f->shared, *view);
	return err_set(&op->err, ERR_NOT_FOUND,
		       "no snapshot or folder of snapshots is at \"%s\"", path);
}

static void entry_of(struct arena *a, const struct view_item *item,
		     struct entry *out)
{
	int64_t time = item->folder ? item->folder->time : item->time;

	if (item->snap)
		snapfs_entry_top(a, item->snap, item->name, out);
	else
		snapfs_entry_above(a, item->name, time ? time : MTIME_UNKNOWN,
				   item->target, out);
}

int view_find(struct snapfs *f, struct op *op, const char *path,
	      struct spot *out, const char **rest)
{
	struct view_item item;
	struct snap_view *v;

	if (find(f, op, path, &item, rest, &v) < 0)
		return -1;
	if (item.snap) {
		out->snap = *item.snap;
	} else {
		out->above = true;
		out->is_dir = item.folder;
		entry_of(&op->arena, &item, &out->here);
	}
	view_put(f->shared, v);
	return 0;
}

int view_list(struct snapfs *f, struct op *op, const char *path, entry_fn *fn,
	      void *arg)
{
	const struct view_folder *folder;
	struct arena a = { 0 };
	struct view_item item;
	struct snap_view *v;
	const char *rest;
	int rc = 0;

	if (view_get(f, op, VIEW_NS, &v) < 0)
		return -1;
	if (!follow(v, path, &item, &rest) || !item.folder) {
		view_put(f->shared, v);
		return err_set(&op->err, ERR_NO_DIR,
			       "no folder of snapshots is at \"%s\" any more",
			       path);
	}
	folder = item.folder;
	for (size_t i = 0; rc == 0 && i < folder->items.n; i++) {
		struct entry e;

		arena_reset(&a);
		entry_of(&a, &folder->items.at[i], &e);
		rc = op_check(op) < 0 ? -1 : fn(arg, op, &e);
	}
	arena_free(&a);
	view_put(f->shared, v);
	return rc;
}
