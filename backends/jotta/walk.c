#include "backends/jotta/walk.h"

#include <stdlib.h>
#include <string.h>

#include "lib/log.h"

enum { DEPTH_MAX = 1000 }; /* the service allows less: a loop */

bool jotta_shown(struct buf *b, const char *raw)
{
	size_t before = b->len;

	if (raw)
		jotta_decode(b, raw);
	if (jotta_is_name(b->data + before))
		return true;
	log_debug(NULL, "a listing has the impossible name \"%s\"",
		  raw ? raw : "");
	buf_cut(b, before);
	return false;
}

/* Folders to be listed yet. */
struct todo {
	char **at;
	size_t n, cap;
};

static void todo_add(struct todo *t, const char *path)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 16;
		t->at = xrealloc(t->at, t->cap, sizeof(*t->at));
	}
	t->at[t->n++] = xstrdup(path);
}

static void todo_free(struct todo *t)
{
	while (t->n)
		free(t->at[--t->n]);
	free(t->at);
}

struct walking {
	struct jotta *j;
	const struct jotta_walk *walk;
	const char *dir; /* the folder that is listed just now */
	const char *raw; /* of it */
	struct jfs_node self;
	struct todo todo;
	struct buf path;
};

static unsigned depth_of(const char *path)
{
	unsigned n = 1;

	for (; *path; path++)
		n += *path == '/';
	return n;
}

/* A name that does not encode back to what it was is to be found again. */
static void remember(struct walking *w, const char *name, const char *raw)
{
	struct buf b = BUF_INIT;

	jotta_encode(&b, name);
	if (strcmp(b.data, raw) != 0) {
		buf_reset(&b);
		buf_addf(&b, "%s/%s", w->raw, raw);
		jotta_remember_raw(w->j, w->path.data, b.data);
	}
	buf_free(&b);
}

/* It may come again, with more in it, and must outlast the document. */
static void keep_self(struct walking *w, struct op *op,
		      const struct jfs_node *n)
{
	w->self = *n;
	w->self.name = "";
	w->self.mime = w->self.uuid = NULL;
	if (n->public_uri)
		w->self.public_uri = arena_strdup(&op->arena, n->public_uri);
	if (n->public_path)
		w->self.public_path = arena_strdup(&op->arena, n->public_path);
}

static int visit(void *arg, struct op *op, const struct jfs_node *n)
{
	struct walking *w = arg;
	struct jfs_node node = *n;
	size_t dir_len;

	if (n->kind == JFS_REVISION)
		return 0;
	if (n->self) {
		keep_self(w, op, n);
		return 0;
	}
	buf_reset(&w->path);
	buf_adds(&w->path, w->dir);
	if (*w->dir)
		buf_adds(&w->path, "/");
	dir_len = w->path.len;
	if (!jotta_shown(&w->path, n->name))
		return 0;
	remember(w, w->path.data + dir_len, n->name);
	if (w->self.deleted)
		node.deleted = true;
	if (node.kind == JFS_FOLDER && (w->walk->deleted || !node.deleted)) {
		if (depth_of(w->path.data) > DEPTH_MAX)
			return err_set(&op->err, ERR_CORRUPT,
				       "folders without end in each other");
		todo_add(&w->todo, w->path.data);
	}
	return w->walk->each(w->walk->arg, op, w->path.data, &node);
}

static int list(struct walking *w, struct op *op, const char *dir)
{
	w->dir = dir;
	w->raw = jotta_raw(w->j, op, dir);
	w->self = (struct jfs_node){ .kind = JFS_FOLDER };
	if (jfs_get(w->j, op, dir, visit, w) < 0)
		return -1;
	if (w->self.kind != JFS_FOLDER)
		return err_set(&op->err, ERR_NOT_DIR, "it is a file");
	return w->walk->left ? w->walk->left(w->walk->arg, op, dir, &w->self)
			     : 0;
}

int jotta_walk(struct jotta *j, struct op *op, const char *dir,
	       const struct jotta_walk *walk)
{
	struct walking w = { .j = j, .walk = walk, .path = BUF_INIT };
	struct op each = op_begin(op->cancel); /* what one folder needs */
	int rc = 0;

	todo_add(&w.todo, dir);
	while (rc == 0 && w.todo.n) {
		char *next = w.todo.at[--w.todo.n];

		rc = list(&w, &each, next);
		/* Gone since its parent was listed: there is nothing in it. */
		if (rc < 0 && each.err.kind == ERR_NOT_FOUND &&
		    strcmp(next, dir) != 0) {
			err_clear(&each.err);
			rc = 0;
		}
		free(next);
		arena_reset(&each.arena);
	}
	if (rc < 0)
		op->err = each.err;
	todo_free(&w.todo);
	buf_free(&w.path);
	op_end(&each);
	return rc;
}
