/* Whether all that the snapshots need is known, and every tree can be read. */

#include <stdlib.h>

#include "repo/check_parts.h"
#include "repo/walk.h"

static bool told_before(struct check *c, enum blob_type t, const struct id *id)
{
	bool first;

	pthread_mutex_lock(&c->lock);
	first = pending_add(&c->told, t, id);
	c->lost = true;
	pthread_mutex_unlock(&c->lock);
	return !first;
}

/* Its bytes are the right ones: it was made so. */
static bool is_whole(struct check *c, struct op *op, const struct id *tree)
{
	struct coder *coder = repo_coder(c->r);
	struct buf text = BUF_INIT;
	bool whole =
		repo_load_blob(c->r, op, coder, BLOB_TREE, tree, &text) == 0;

	buf_free(&text);
	coder_free(coder);
	return whole;
}

/* The packs whose copy of a tree could not be read. */
static void blame_packs(struct check *c, struct op *op, const struct id *tree)
{
	char hex[ID_HEX + 1];
	struct blob_at at;
	bool more = index_find(c->r->index, BLOB_TREE, tree, &at);

	if (!more || is_whole(c, op, tree))
		return;
	while (more) {
		check_mark(c, at.pack_no, &at.blob);
		if (c->sizes[at.pack_no] >= 0)
			check_tell_pack(c, op, at.pack_no,
					"its tree %s is damaged",
					id_hex(tree, hex));
		more = index_find_next(c->r->index, &at);
	}
}

static int bad(void *arg, struct op *op, enum blob_type t, const struct id *id,
	       const struct id *tree)
{
	struct check *c = arg;
	struct err why = op->err;
	char hex[ID_HEX + 1];

	if (!check_is_damage(op))
		return -1;
	if (told_before(c, t, id))
		return 0;
	if (t == BLOB_DATA) {
		check_tell(c, op, DAMAGE_MISSING, id,
			   "a file in tree %s needs it, and no index has it",
			   id_hex(tree, hex));
		return 0;
	}
	if (why.kind == ERR_CORRUPT)
		blame_packs(c, op, id);
	op->err = why;
	check_tell_err(c, op, DAMAGE_TREE, id);
	return 0;
}

static enum walk_next node(void *arg, struct op *op, const struct walk_node *n)
{
	struct check *c = arg;

	if (n->node->type == NODE_DIR && !n->node->has_subtree &&
	    !told_before(c, BLOB_TREE, n->parent))
		check_tell(c, op, DAMAGE_TREE, n->parent,
			   "the folder \"%s\" in it has no tree", n->path);
	return WALK_ON;
}

int check_trees(struct check *c, struct op *op)
{
	struct trees_opt opt = {
		.fn = node, .bad = bad, .missing = true, .arg = c
	};
	struct blob_set *seen = blob_set_new(c->r->index);
	struct id *roots = xcalloc(c->snapshots.n + 1, sizeof(*roots));
	int rc;

	for (size_t i = 0; i < c->snapshots.n; i++)
		roots[i] = c->snapshots.at[i].tree;
	rc = trees_mark(c->r, op, roots, c->snapshots.n, seen, &opt);
	blob_set_free(seen);
	free(roots);
	return rc;
}
