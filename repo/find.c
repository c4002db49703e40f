#include "repo/find.h"

#include <stdlib.h>
#include <string.h>

#include "lib/vec.h"
#include "repo/digest_set.h"
#include "repo/each.h"
#include "repo/exclude.h"
#include "repo/walk.h"

/* The beginning of an id. */
struct prefix {
	enum blob_type type;
	char hex[ID_HEX + 1];
};

VEC(prefixes, struct prefix);
VEC(counts, uint64_t);

struct find {
	struct repo *r;
	struct coder *c;
	struct find_opt opt;
	struct patterns *patterns;
	struct prefixes prefixes;
	struct digest_set wanted; /* whole ids of blobs and trees, of packs */
	bool objects;             /* are looked for, not names */
	uint64_t hits;
	struct counts outside;    /* hits before each folder that we are in */
	struct digest_set barren; /* trees, at their paths, without hits */
	struct digest_set told;   /* objects that are in `found` */
	struct found {
		struct id id;
		enum blob_type type;
	} * found;
	size_t nfound, cap;
};

struct find *find_new(struct repo *r, const struct find_opt *opt)
{
	struct find *f = xcalloc(1, sizeof(*f));

	f->r = r;
	f->c = repo_coder(r);
	f->opt = *opt;
	f->patterns = patterns_new();
	return f;
}

void find_free(struct find *f)
{
	if (!f)
		return;
	coder_free(f->c);
	patterns_free(f->patterns);
	prefixes_free(&f->prefixes);
	counts_free(&f->outside);
	digest_set_free(&f->wanted);
	digest_set_free(&f->barren);
	digest_set_free(&f->told);
	free(f->found);
	free(f);
}

int find_add_pattern(struct find *f, const char *text, bool ignore_case,
		     struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	/* nothing is taken back here: a '!' is one */
	buf_adds(&b, *text == '!' ? "\\" : "");
	buf_adds(&b, text);
	rc = patterns_add(f->patterns, b.data, ignore_case, e);
	buf_free(&b);
	return rc;
}

static int check_hex(const char *hex, struct err *e)
{
	size_t n = strlen(hex);

	if (n && n <= ID_HEX && strspn(hex, "0123456789abcdef") == n)
		return 0;
	return err_set(e, ERR_INVALID,
		       "\"%s\" is not an id, nor the beginning of one", hex);
}

int find_add_id(struct find *f, enum blob_type t, const char *hex,
		struct err *e)
{
	struct prefix *p;

	if (check_hex(hex, e) < 0)
		return -1;
	f->objects = true;
	p = prefixes_add(&f->prefixes);
	p->type = t;
	memcpy(p->hex, hex, strlen(hex) + 1);
	return 0;
}

/* A tree and a blob of one id would not be the same. */
static struct id key_of(enum blob_type t, const struct id *id)
{
	struct id key = *id;

	key.b[0] ^= (uint8_t)t;
	return key;
}

int find_add_pack(struct find *f, const char *hex, struct err *e)
{
	struct pack_blobs blobs = { 0 };
	char name[ID_HEX + 1];
	bool any = false;
	struct id pack;

	if (check_hex(hex, e) < 0)
		return -1;
	f->objects = true;
	for (uint32_t i = 0; i < index_packs(f->r->index); i++) {
		index_pack_id(f->r->index, i, &pack);
		if (strncmp(id_hex(&pack, name), hex, strlen(hex)) != 0)
			continue;
		any = true;
		index_pack_blobs(f->r->index, i, &blobs);
		for (size_t k = 0; k < blobs.n; k++) {
			struct id key =
				key_of(blobs.at[k].type, &blobs.at[k].id);

			digest_set_add(&f->wanted, &key);
		}
	}
	pack_blobs_free(&blobs);
	if (any)
		return 0;
	return err_set(e, ERR_NOT_FOUND, "no index names a pack %s", hex);
}

static bool is_wanted(const struct find *f, enum blob_type t,
		      const struct id *id)
{
	struct id key = key_of(t, id);
	char hex[ID_HEX + 1];

	if (digest_set_has(&f->wanted, &key))
		return true;
	if (f->prefixes.n)
		id_hex(id, hex);
	for (size_t i = 0; i < f->prefixes.n; i++) {
		const struct prefix *p = &f->prefixes.at[i];

		if (p->type == t && strncmp(hex, p->hex, strlen(p->hex)) == 0)
			return true;
	}
	return false;
}

static int object(struct find *f, struct op *op, enum blob_type t,
		  const struct id *id, const char *path,
		  const struct id *parent)
{
	struct id key = key_of(t, id);

	if (!is_wanted(f, t, id))
		return 0;
	f->hits++;
	if (digest_set_add(&f->told, &key)) {
		if (f->nfound == f->cap) {
			f->cap = f->cap ? f->cap * 2 : 16;
			f->found =
				xrealloc(f->found, f->cap, sizeof(*f->found));
		}
		f->found[f->nfound++] = (struct found){ *id, t };
	}
	return f->opt.object(f->opt.arg, op, t, id, path, parent);
}

static int look_for_objects(struct find *f, struct op *op,
			    const struct walk_node *w)
{
	const struct node *n = w->node;

	if (n->has_subtree &&
	    object(f, op, BLOB_TREE, &n->subtree, w->path, w->parent) < 0)
		return -1;
	for (size_t i = 0; i < n->ncontent; i++)
		if (object(f, op, BLOB_DATA, &n->content[i], w->path,
			   w->parent) < 0)
			return -1;
	return 0;
}

static bool is_earlier(struct node_time a, struct node_time b)
{
	return a.sec != b.sec ? a.sec < b.sec : a.ns < b.ns;
}

/* 1 if nothing below it can match. */
static int look_for_names(struct find *f, struct op *op,
			  const struct walk_node *w)
{
	const struct find_opt *o = &f->opt;
	const struct node *n = w->node;

	if (!patterns_match(f->patterns, w->path))
		return patterns_may_match_below(f->patterns, w->path) ? 0 : 1;
	if ((o->has_oldest && is_earlier(n->mtime, o->oldest)) ||
	    (o->has_newest && is_earlier(o->newest, n->mtime)))
		return 0;
	f->hits++;
	return o->node(o->arg, op, w->path, n);
}

static struct id place_of(const struct walk_node *w)
{
	struct id id;

	digest_of_pair(&w->node->subtree, w->path, strlen(w->path), &id);
	return id;
}

static enum walk_next visit(void *arg, struct op *op, const struct walk_node *w)
{
	struct find *f = arg;
	struct id place;
	int rc;

	if (w->left) {
		if (f->outside.at[--f->outside.n] == f->hits) {
			place = place_of(w);
			digest_set_add(&f->barren, &place);
		}
		return WALK_ON;
	}
	rc = f->objects ? look_for_objects(f, op, w) : look_for_names(f, op, w);
	if (rc < 0)
		return WALK_FAIL;
	if (!w->node->has_subtree)
		return WALK_ON;
	place = place_of(w);
	if (rc > 0 || digest_set_has(&f->barren, &place))
		return WALK_SKIP;
	*counts_add(&f->outside) = f->hits;
	return WALK_ON;
}

static int bad_tree(void *arg, struct op *op, const char *path,
		    const struct id *tree)
{
	struct find *f = arg;

	return f->opt.bad(f->opt.arg, op, path, tree);
}

int find_in(struct find *f, struct op *op, const struct id *tree)
{
	const struct walk_opt opt = { .leave = true, .bad = bad_tree };

	f->outside.n = 0;
	if (f->objects && object(f, op, BLOB_TREE, tree, "/", tree) < 0)
		return -1;
	return trees_walk(f->r, op, f->c, tree, "", &opt, visit, f);
}

int find_packs(struct find *f, struct op *op, find_pack_fn *fn, void *arg)
{
	for (size_t i = 0; i < f->nfound; i++) {
		struct blob_at at;
		bool more = index_find(f->r->index, f->found[i].type,
				       &f->found[i].id, &at);

		for (; more; more = index_find_next(f->r->index, &at))
			if (fn(arg, op, &at) < 0)
				return -1;
	}
	return 0;
}
