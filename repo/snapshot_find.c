/* Snapshots as users name them, and what is at a path of one. */

#include "repo/snapshot.h"

#include <string.h>

#include "backends/remote.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "repo/snapshot_order.h"

/* "latest~2:/home/me" */
struct spec {
	const char *name; /* "latest", or the beginning of an id */
	int64_t back;     /* -1: no "~N" */
	const char *path; /* clean */
};

static int parse_spec(struct arena *a, const char *text, struct spec *out,
		      struct err *e)
{
	const char *colon = strchr(text, ':');
	char *name = arena_strdup(a, text), *tilde;

	*out = (struct spec){ .name = name, .back = -1, .path = "" };
	if (colon) {
		name[colon - text] = '\0';
		if (place_clean(a, colon + 1, &out->path, e) < 0)
			return -1;
	}
	tilde = strchr(name, '~');
	if (tilde) {
		*tilde++ = '\0';
		if (strspn(tilde, "0123456789") != strlen(tilde) ||
		    !parse_int(tilde, &out->back))
			return err_set(e, ERR_INVALID,
				       "\"%s\": a number belongs behind '~'",
				       text);
	}
	return 0;
}

/* The others are as good as they were. */
static int pass_over(void *arg, struct op *op, const struct id *id)
{
	(void)arg;
	(void)id;
	log_error(NULL, "passed over: %s", op->err.msg);
	err_clear(&op->err);
	return 0;
}

/* The one `back` before `*from`, or before what is newer than all. */
static int choose(struct op *op, const struct snapshots *all, const char *text,
		  const struct snapshot *from, int64_t back,
		  struct snapshot *out)
{
	size_t n = all->n;

	if (from)
		while (n > 0 && snapshot_compare(&all->at[n - 1], from) >= 0)
			n--;
	if (from && back == 0) {
		*out = *from;
		return 0;
	}
	if (!from)
		back++;
	if ((uint64_t)back > n)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is no snapshot \"%s\": %zu match%s", text,
			       all->n, all->n == 1 ? "es" : "");
	*out = all->at[n - (size_t)back];
	return 0;
}

int snapshot_find(struct repo *r, struct op *op, struct arena *a,
		  const struct snapshot_filter *f, const char *text,
		  struct snapshot *out, const char **path)
{
	struct snapshots all = { 0 };
	struct snapshot from;
	struct coder *c = NULL;
	struct spec spec;
	struct id id;
	bool latest;
	int rc;

	if (parse_spec(a, text, &spec, &op->err) < 0)
		return -1;
	if (path)
		*path = spec.path;
	latest = strcmp(spec.name, "latest") == 0;
	if (!latest) {
		if (store_find(r->store, op, FILE_SNAPSHOT, spec.name, &id) < 0)
			return -1;
		c = repo_coder(r);
		rc = snapshot_load(r, op, c, a, &id, &from);
		coder_free(c);
		if (rc == 0)
			*out = from;
		if (rc < 0 || spec.back <= 0)
			return rc;
	}
	rc = snapshots_load(r, op, a, f, pass_over, NULL, &all);
	if (rc == 0)
		rc = choose(op, &all, text, latest ? NULL : &from,
			    spec.back < 0 ? 0 : spec.back, out);
	snapshots_free(&all);
	return rc;
}

/* The node of one name in a tree. */
struct lookup {
	const char *name;
	size_t len;
	struct arena *arena;
	struct node *node;
	bool found;
};

static int look_at(void *arg, const struct node *n, const char *raw,
		   size_t raw_len)
{
	struct lookup *l = arg;

	(void)raw;
	(void)raw_len;
	if (n->name_len != l->len || memcmp(n->name, l->name, l->len) != 0)
		return 0;
	*l->node = node_copy(l->arena, n);
	l->found = true;
	return -1;
}

static int look_up(struct repo *r, struct op *op, struct coder *c,
		   const struct id *tree, struct lookup *l)
{
	struct buf text = BUF_INIT;
	struct arena a = { 0 };
	int rc = repo_load_blob(r, op, c, BLOB_TREE, tree, &text);

	l->found = false;
	if (rc == 0)
		rc = tree_parse(&a, text.data, text.len, look_at, l, &op->err);
	if (l->found)
		rc = 0;
	arena_free(&a);
	buf_free(&text);
	return rc;
}

int snapshot_descend(struct repo *r, struct op *op, struct coder *c,
		     struct arena *a, const struct id *tree, const char *path,
		     struct node *node, struct id *dir)
{
	const char *at = path;

	*node = (struct node){ .name = "", .type = NODE_DIR };
	*dir = *tree;
	while (*at) {
		struct lookup l = { .name = at,
				    .len = strcspn(at, "/"),
				    .arena = a,
				    .node = node };
		int done = (int)(at - path);

		if (node->type != NODE_DIR)
			return err_set(&op->err, ERR_NOT_FOUND,
				       "\"%.*s\" is no folder in the snapshot",
				       done ? done - 1 : 0, path);
		if (look_up(r, op, c, dir, &l) < 0)
			return -1;
		if (!l.found)
			return err_set(&op->err, ERR_NOT_FOUND,
				       "\"%.*s\" is not in the snapshot",
				       done + (int)l.len, path);
		if (node->type == NODE_DIR && !node->has_subtree)
			return err_set(&op->err, ERR_CORRUPT,
				       "the folder \"%.*s\" has no tree",
				       done + (int)l.len, path);
		if (node->type == NODE_DIR)
			*dir = node->subtree;
		at += l.len;
		at += *at == '/';
	}
	return 0;
}
