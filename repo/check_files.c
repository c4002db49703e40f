/* Which files of which snapshots are touched by what is lost. */

#include <inttypes.h>
#include <stdlib.h>

#include "repo/check_parts.h"
#include "repo/id_map.h"
#include "repo/walk.h"

enum {
	/*
	 * A folder that is touched is walked again for each path to it, and
	 * who means ill may have made any number of these.  So many for each
	 * snapshot, beside one for each blob that there is.
	 */
	FOLDERS_MAX = 1 << 16
};

struct search {
	struct check *c;
	struct blob_set *clean; /* trees below which nothing is lost */
	struct id_map told;     /* .files: how many for each lost blob */
	const struct id *snapshot;
	unsigned inside;              /* depth of the nodes of this folder */
	bool touched[WALK_DEPTH + 2]; /* what is at that depth, or below */
	uint64_t folders;             /* of this snapshot, so far */
	bool stopped;                 /* at one that had too many */
};

static void tell(struct search *s, struct op *op, const struct id *lost,
		 const char *path, const char *text)
{
	struct id_known *k = id_map_at(&s->told, lost);
	const struct damage d = { .kind = DAMAGE_FILE,
				  .id = lost,
				  .snapshot = s->snapshot,
				  .path = path,
				  .text = text };

	s->touched[s->inside] = true;
	if (k->files++ < CHECK_FILES)
		check_tell_file(s->c, op, &d);
}

static int bad(void *arg, struct op *op, const char *path,
	       const struct id *tree)
{
	if (!check_is_damage(op))
		return -1;
	tell(arg, op, tree, path, "this folder and all in it cannot be read");
	return 0;
}

static void leave(struct search *s, const struct walk_node *n)
{
	s->inside = n->depth;
	if (s->touched[n->depth + 1])
		s->touched[n->depth] = true;
	else
		(void)blob_set_add(s->clean, BLOB_TREE, &n->node->subtree);
}

static enum walk_next look(void *arg, struct op *op, const struct walk_node *n)
{
	struct search *s = arg;

	if (n->left) {
		leave(s, n);
		return WALK_ON;
	}
	s->inside = n->depth;
	if (n->node->has_subtree) {
		if (blob_set_has(s->clean, BLOB_TREE, &n->node->subtree))
			return WALK_SKIP;
		if (++s->folders > FOLDERS_MAX + (uint64_t)s->c->entries) {
			s->stopped = s->touched[1] = true;
			return WALK_STOP;
		}
		s->inside++;
		s->touched[s->inside] = false;
		return WALK_ON;
	}
	for (size_t i = 0; i < n->node->ncontent; i++) {
		if (!check_is_lost(s->c, BLOB_DATA, &n->node->content[i]))
			continue;
		tell(s, op, &n->node->content[i], n->path,
		     "a part of its content is lost");
		break;
	}
	return WALK_ON;
}

static int search(struct search *s, struct op *op, struct coder *coder,
		  const struct snapshot *snap)
{
	const struct walk_opt opt = { .leave = true, .bad = bad };

	s->snapshot = &snap->id;
	s->folders = 0;
	s->inside = 1;
	s->touched[1] = false;
	if (trees_walk(s->c->r, op, coder, &snap->tree, "", &opt, look, s) == 0)
		goto done;
	if (!check_is_damage(op))
		return -1;
	/* nested too deeply */
	tell(s, op, &snap->tree, "/", op->err.msg);
	err_clear(&op->err);
done:
	if (!s->touched[1])
		(void)blob_set_add(s->clean, BLOB_TREE, &snap->tree);
	return 0;
}

static void tell_more(struct search *s, struct op *op)
{
	for (size_t i = 0; i < s->told.all.n; i++) {
		const struct id_known *k = &s->told.all.at[i];

		if (k->files > CHECK_FILES)
			check_tell(s->c, op, DAMAGE_FILE, &k->key,
				   "and %" PRIu64 " more%s",
				   k->files - CHECK_FILES,
				   s->stopped ? " or so" : "");
	}
}

int check_files(struct check *c, struct op *op)
{
	struct search *s = xcalloc(1, sizeof(*s));
	struct coder *coder = repo_coder(c->r);
	int rc = 0;

	s->c = c;
	s->clean = blob_set_new(c->r->index);
	id_map_init(&s->told);
	for (size_t i = 0; rc == 0 && i < c->snapshots.n; i++)
		if (!blob_set_has(s->clean, BLOB_TREE,
				  &c->snapshots.at[i].tree))
			rc = search(s, op, coder, &c->snapshots.at[i]);
	if (rc == 0)
		tell_more(s, op);
	blob_set_free(s->clean);
	id_map_free(&s->told);
	coder_free(coder);
	free(s);
	return rc;
}
