#include "repo/stats.h"

#include <stdlib.h>

#include "repo/digest_set.h"
#include "repo/walk.h"

struct stats {
	struct repo *r;
	enum stats_mode mode;
	struct repo_errors *errors;
	struct stats_result *out;
	struct digest_set contents; /* lists of blobs */
	struct digest_set paths;
	struct digest_set blobs; /* with the path that has them */
	struct digest_set links; /* inodes of the snapshot at hand */
};

/* Names of one file are one file. */
static bool is_first_name(struct stats *s, const struct node *n)
{
	const uint64_t key[] = { n->inode, n->device_id };
	struct id id;

	if (n->links == 1 || n->type == NODE_DIR || n->inode == 0)
		return true;
	id_of(key, sizeof(key), &id);
	return digest_set_add(&s->links, &id);
}

/* Counts a blob of a file unless that path had it already. */
static int count_blob(struct stats *s, struct op *op, const char *path,
		      const struct id *blob)
{
	char hex[ID_HEX + 1];
	struct blob_at at;
	struct id pair;

	digest_of_pair(blob, path, strlen(path), &pair);
	if (!digest_set_add(&s->blobs, &pair))
		return 0;
	if (!index_find(s->r->index, BLOB_DATA, blob, &at)) {
		err_set(&op->err, ERR_NOT_FOUND, "no index has blob %s",
			id_hex(blob, hex));
		s->errors->tell(s->errors, op, path, "stats");
		err_clear(&op->err);
		return 0;
	}
	s->out->size += pack_blob_text_len(&at.blob);
	s->out->blobs++;
	return 0;
}

static int count_contents(struct stats *s, struct op *op,
			  const struct walk_node *w)
{
	const struct node *n = w->node;
	struct id id;

	id_of(n->content, n->ncontent * sizeof(*n->content), &id);
	if (!digest_set_add(&s->contents, &id))
		return 0;
	if (s->mode == STATS_FILES_BY_CONTENTS) {
		s->out->size += n->size;
		s->out->files++;
		return 0;
	}
	if (n->ncontent == 0)
		return 0;
	id_of(w->path, strlen(w->path), &id);
	if (digest_set_add(&s->paths, &id))
		s->out->files++;
	for (size_t i = 0; i < n->ncontent; i++)
		if (count_blob(s, op, w->path, &n->content[i]) < 0)
			return -1;
	return 0;
}

static enum walk_next count_node(void *arg, struct op *op,
				 const struct walk_node *w)
{
	struct stats *s = arg;

	if (s->mode != STATS_RESTORE_SIZE)
		return count_contents(s, op, w) < 0 ? WALK_FAIL : WALK_ON;
	s->out->files++;
	if (is_first_name(s, w->node))
		s->out->size += w->node->size;
	return WALK_ON;
}

static int bad_tree(void *arg, struct op *op, const char *path,
		    const struct id *tree)
{
	struct stats *s = arg;

	(void)tree;
	s->errors->tell(s->errors, op, path, "stats");
	return 0;
}

static int walk_all(struct stats *s, struct op *op, const struct snapshots *v)
{
	const struct walk_opt opt = { .bad = bad_tree };
	struct coder *c = repo_coder(s->r);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < v->n; i++) {
		digest_set_free(&s->links);
		rc = trees_walk(s->r, op, c, &v->at[i].tree, "", &opt,
				count_node, s);
	}
	coder_free(c);
	return rc;
}

static int bad_blob(void *arg, struct op *op, enum blob_type t,
		    const struct id *id, const struct id *tree)
{
	struct stats *s = arg;
	char hex[ID_HEX + 1];

	(void)t;
	(void)tree;
	s->errors->tell(s->errors, op, id_hex(id, hex), "stats");
	return 0;
}

/* What the blobs take that the trees reach. */
static int count_raw(struct stats *s, struct op *op, const struct snapshots *v)
{
	const struct trees_opt opt = { .bad = bad_blob,
				       .missing = true,
				       .arg = s };
	struct id *roots = xcalloc(v->n + 1, sizeof(*roots));
	struct blob_set *seen = blob_set_new(s->r->index);
	struct blob_at at;
	int rc;

	for (size_t i = 0; i < v->n; i++)
		roots[i] = v->at[i].tree;
	rc = trees_mark(s->r, op, roots, v->n, seen, &opt);
	for (uint32_t i = 0; rc == 0 && i < index_entries(s->r->index); i++) {
		uint64_t text;

		if (!blob_set_has_entry(seen, i))
			continue;
		index_entry(s->r->index, i, &at);
		s->out->blobs++;
		s->out->size += at.blob.len;
		if (s->r->version < 2)
			continue;
		text = (uint64_t)pack_blob_text_len(&at.blob) + ENVELOPE_EXTRA;
		s->out->uncompressed += text;
		if (at.blob.raw_len) {
			s->out->packed += at.blob.len;
			s->out->packed_text += text;
		}
	}
	blob_set_free(seen);
	free(roots);
	return rc;
}

int stats_run(struct repo *r, struct op *op, const struct snapshots *snapshots,
	      enum stats_mode mode, struct repo_errors *errors,
	      struct stats_result *out)
{
	struct stats s = { .r = r, .mode = mode, .errors = errors, .out = out };
	int rc;

	*out = (struct stats_result){ .snapshots = snapshots->n };
	rc = mode == STATS_RAW_DATA ? count_raw(&s, op, snapshots)
				    : walk_all(&s, op, snapshots);
	digest_set_free(&s.contents);
	digest_set_free(&s.paths);
	digest_set_free(&s.blobs);
	digest_set_free(&s.links);
	return rc;
}
