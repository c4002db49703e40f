/* Folders whose entries are being saved. */

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "repo/archive_parts.h"

struct folder *folder_new(struct item *item, const char *path)
{
	struct folder *f = xcalloc(1, sizeof(*f));

	f->item = item;
	f->path = xstrdup(path);
	f->before.json = (struct buf)BUF_INIT;
	f->began = clock_mono();
	f->json = (struct buf)BUF_INIT;
	f->last = &f->first;
	f->open = 1;
	tree_begin(&f->tree, &f->json);
	return f;
}

static void free_folder(struct folder *f)
{
	arena_free(&f->arena);
	free(f->path);
	buf_free(&f->before.json);
	buf_free(&f->json);
	free(f);
}

static void free_item(struct item *it)
{
	buf_free(&it->json);
	free(it);
}

/* With the lock held. */
static struct item *append(struct folder *f, const char *name)
{
	size_t n = strlen(name);
	struct item *it = xcalloc(1, sizeof(*it) + n + 1);

	it->in = f;
	it->json = (struct buf)BUF_INIT;
	memcpy(it->name, name, n + 1);
	it->name_len = n;
	*f->last = it;
	f->last = &it->next;
	return it;
}

struct item *folder_add(struct archive *ar, struct folder *f, const char *name)
{
	struct item *it;

	pthread_mutex_lock(&ar->lock);
	it = append(f, name);
	f->open++;
	pthread_mutex_unlock(&ar->lock);
	return it;
}

void folder_add_done(struct archive *ar, struct folder *f, const char *name,
		     const char *raw, size_t n)
{
	pthread_mutex_lock(&ar->lock);
	if (!f->first) {
		tree_add_raw(&f->tree, name, strlen(name), raw, n);
	} else {
		struct item *it = append(f, name);

		buf_add(&it->json, raw, n);
		it->done = true;
	}
	pthread_mutex_unlock(&ar->lock);
}

/* Those at the front that are done go into the tree. */
static void advance(struct folder *f)
{
	struct item *it;

	while ((it = f->first) && it->done) {
		f->first = it->next;
		if (!f->first)
			f->last = &f->first;
		if (!it->gone)
			tree_add_raw(&f->tree, it->name, it->name_len,
				     it->json.data, it->json.len);
		free_item(it);
	}
}

bool item_done(struct archive *ar, struct item *it, const struct buf *json)
{
	struct folder *f = it->in;
	bool last;

	pthread_mutex_lock(&ar->lock);
	it->done = true;
	it->gone = !json;
	if (json && it == f->first) {
		tree_add_raw(&f->tree, it->name, it->name_len, json->data,
			     json->len);
		it->gone = true; /* not a second time */
	} else if (json) {
		buf_add(&it->json, json->data, json->len);
	}
	advance(f);
	last = --f->open == 0;
	pthread_mutex_unlock(&ar->lock);
	return last;
}

bool folder_left(struct archive *ar, struct folder *f)
{
	bool last;

	pthread_mutex_lock(&ar->lock);
	last = --f->open == 0;
	pthread_mutex_unlock(&ar->lock);
	return last;
}

static int save_tree(struct worker *w, struct folder *f, struct saved *meta)
{
	struct archive *ar = w->ar;

	tree_end(&f->tree);
	if (archive_failed(ar))
		return -1;
	memset(&f->node.subtree, 0, sizeof(f->node.subtree));
	if (saver_add(ar->saver, &w->op, w->coder, BLOB_TREE, f->json.data,
		      f->json.len, &f->node.subtree, meta) == 0)
		return 0;
	if (w->op.err.kind != ERR_LIMIT || archive_tell(ar, &w->op, f->path))
		archive_fail(ar, &w->op.err);
	return -1;
}

static void end_root(struct archive *ar, struct folder *f, bool saved)
{
	pthread_mutex_lock(&ar->lock);
	ar->has_tree = saved;
	ar->empty = f->tree.n == 0;
	ar->tree = f->node.subtree;
	ar->over = true;
	pthread_cond_broadcast(&ar->todo);
	pthread_cond_broadcast(&ar->room);
	pthread_mutex_unlock(&ar->lock);
	free_folder(f);
}

void folder_finish(struct worker *w, struct folder *f)
{
	struct archive *ar = w->ar;

	for (;;) {
		struct item *it = f->item;
		struct saved meta = { 0 };
		struct folder *up;
		bool saved = save_tree(w, f, &meta) == 0, last;

		if (!it) {
			end_root(ar, f, saved);
			return;
		}
		up = it->in;
		if (saved) {
			f->node.has_subtree = true;
			buf_reset(&w->json);
			node_write(&w->json, &f->node);
			archive_done(ar, before_action(&f->before, &w->json),
				     f->path, &f->node, NULL, &meta, f->began);
		}
		last = item_done(ar, it, saved ? &w->json : NULL);
		free_folder(f);
		if (!last)
			return;
		f = up;
	}
}
