#include "vfs/store.h"

#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/log.h"

/*
 * Nodes from their rows.  A folder is loaded as a whole, so what is in memory
 * has all its neighbours there, too; and all that is NODE_PENDING is in memory
 * from the opening on, with the folders where it is here and at the place.
 */

enum { DEPTH_MAX = 10000 };

int store_load(struct vfs *v, struct op *op, struct node *dir)
{
	struct store *s = v->store;
	int rc;

	dir->dir = xcalloc(1, sizeof(*dir->dir));
	if (!(dir->flags & NODE_SAVED_ONCE))
		return 0; /* was never on the disk */
	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err,
		    "SELECT " ROW_COLUMNS " FROM nodes WHERE parent = ?", "i",
		    (int64_t)dir->ino);
	for (; rc == 1; rc = db_next(s->reader, &op->err)) {
		struct node *n;

		/* here, or on its way: then the row is an old one */
		if (node_find(v, (uint64_t)db_int(s->reader, 0)))
			continue;
		n = row_node(v, s->reader);
		if (n && *n->name && !node_child(dir, n->name))
			node_link(v, n, dir, n->name);
		else if (n)
			node_free(v, n);
	}
	pthread_mutex_unlock(&s->read_lock);
	if (rc < 0) {
		err_wrap(&op->err, "what is known of \"%s\"", dir->name);
		for (size_t b = 0; b < dir->dir->buckets; b++) {
			for (struct node *n; (n = dir->dir->names[b]);) {
				node_unlink(v, n);
				node_free(v, n);
			}
		}
		folder_delete(dir->dir);
		dir->dir = NULL;
	}
	return rc;
}

static int parent_of(struct store *s, struct op *op, uint64_t ino,
		     uint64_t *parent)
{
	int rc;

	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err,
		    "SELECT parent FROM nodes WHERE ino = ?", "i",
		    (int64_t)ino);
	if (rc == 1) {
		*parent = (uint64_t)db_int(s->reader, 0);
		if (db_next(s->reader, &op->err) < 0)
			rc = -1;
	}
	pthread_mutex_unlock(&s->read_lock);
	return rc;
}

/* A row that is in no folder here: GONE. */
static struct node *load_gone(struct vfs *v, struct op *op, uint64_t ino)
{
	struct store *s = v->store;
	struct node *n = NULL;

	pthread_mutex_lock(&s->read_lock);
	if (db_run(s->reader, &op->err,
		   "SELECT " ROW_COLUMNS " FROM nodes WHERE ino = ?", "i",
		   (int64_t)ino) == 1) {
		n = row_node(v, s->reader);
		if (db_next(s->reader, &op->err) < 0)
			log_debug(v->dir, "%s", op->err.msg);
	}
	pthread_mutex_unlock(&s->read_lock);
	return n;
}

struct node *store_node(struct vfs *v, struct op *op, uint64_t ino)
{
	struct node *n = node_find(v, ino);
	struct inos path = { 0 };
	uint64_t at = ino;

	while (!n && at && path.n < DEPTH_MAX) {
		uint64_t parent = 0;

		if (parent_of(v->store, op, at, &parent) != 1)
			break;
		*inos_add(&path) = at;
		if (parent == 0 && at != VFS_ROOT)
			load_gone(v, op, at);
		else
			at = parent;
		n = node_find(v, at);
	}
	while (n && path.n) {
		uint64_t want = path.at[--path.n];

		if (want == n->ino)
			continue;
		if (n->kind != ENTRY_DIR ||
		    (!n->dir && store_load(v, op, n) < 0))
			n = NULL;
		else
			n = node_find(v, want);
	}
	inos_free(&path);
	return n && n->ino == ino ? n : NULL;
}

bool store_has(struct vfs *v, struct op *op, uint64_t ino)
{
	uint64_t parent;

	/* in doubt it has: nothing is removed then */
	return parent_of(v->store, op, ino, &parent) != 0;
}

int store_load_root(struct vfs *v, struct op *op)
{
	struct store *s = v->store;
	int rc;

	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err,
		    "SELECT " ROW_COLUMNS " FROM nodes WHERE ino = ?", "i",
		    (int64_t)VFS_ROOT);
	if (rc == 1) {
		v->root = row_node(v, s->reader);
		rc = db_next(s->reader, &op->err);
	}
	pthread_mutex_unlock(&s->read_lock);
	if (rc < 0)
		return -1;
	if (v->root && v->root->kind != ENTRY_DIR)
		return err_set(&op->err, ERR_CORRUPT,
			       "\"%s\": the root is no folder", v->dir);
	if (!v->root)
		v->root = node_put_back(v, VFS_ROOT, ENTRY_DIR, "");
	/* a place tells no time of its own; what changes in it here sets one */
	if (!(v->root->flags & NODE_SAVED_ONCE) ||
	    v->root->mtime == MTIME_UNKNOWN) {
		v->root->mtime = v->root->ctime = clock_wall();
		store_save(v, v->root);
	}
	return store_load(v, op, v->root);
}

/* One that is pending: where it is here, and where at the place. */
struct pending {
	uint64_t ino, rparent;
	char *rname;
};

VEC(pendings, struct pending);

static int list_pending(struct vfs *v, struct op *op, struct pendings *out)
{
	struct store *s = v->store;
	int rc;

	pthread_mutex_lock(&s->read_lock);
	rc = db_run(s->reader, &op->err,
		    "SELECT ino, rparent, rname FROM nodes WHERE flags & 31",
		    "");
	for (; rc == 1; rc = db_next(s->reader, &op->err)) {
		const char *rname = db_text(s->reader, 2);

		*pendings_add(out) = (struct pending){
			.ino = (uint64_t)db_int(s->reader, 0),
			.rparent = (uint64_t)db_int(s->reader, 1),
			.rname = rname ? xstrdup(rname) : NULL,
		};
	}
	pthread_mutex_unlock(&s->read_lock);
	return rc;
}

/* The folder at the place, loaded; or NULL. */
static struct node *remote_folder(struct vfs *v, struct op *op, uint64_t ino)
{
	struct node *r = store_node(v, op, ino);

	if (!r || r->kind != ENTRY_DIR || (!r->dir && store_load(v, op, r) < 0))
		return NULL;
	return r;
}

int store_load_pending(struct vfs *v, struct op *op)
{
	struct pendings all = { 0 };
	int rc = list_pending(v, op, &all);

	for (size_t i = 0; i < all.n && rc == 0; i++)
		if (!store_node(v, op, all.at[i].ino))
			log_notice(v->dir, "a change of what is lost");
	for (size_t i = 0; i < all.n; i++) {
		struct pending *p = &all.at[i];
		struct node *n = node_find(v, p->ino), *r = NULL;

		if (n && p->rparent && p->rname)
			r = remote_folder(v, op, p->rparent);
		if (n && n->kind == ENTRY_DIR && !n->dir && rc == 0)
			rc = store_load(v, op, n);
		if (r)
			node_set_remote(v, n, r, p->rname);
		else if (n && n->flags & (NODE_GONE | NODE_AWAY))
			node_set_new(v, n); /* the database is not sound */
		free(p->rname);
	}
	pendings_free(&all);
	return rc;
}
