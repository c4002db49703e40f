/*
 * Listings.  Most raw names are just what their shown name encodes to; these
 * are handed out as they arrive.  An odd one (made by another client) is shown
 * decoded if nothing else in its folder is shown so, else as it is, and is
 * remembered.  What is taken in the folder is found by listing it once more:
 * odd names are rare, and no list of all names is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/jotta/alias.h"
#include "backends/jotta/read.h"
#include "lib/log.h"
#include "lib/vec.h"

enum { ODD_MAX = 10000, DEPTH_MAX = 200 };

struct odd {
	struct jfs_node node;
	const char *shown;
};

VEC(odds, struct odd);

struct listed {
	struct jotta *j;
	const char *dir; /* shown */
	const char *raw; /* the same for the service */
	bool odd_only;
	entry_fn *fn;
	void *arg;
	struct buf shown, again;

	struct arena arena; /* of odds */
	struct odds odds;
	struct jotta_alias *wanted, *taken; /* used as sets of names */
};

/* Whether it is shown as it is, without a closer look: most are. */
static bool is_plain(const char *raw)
{
	const char *p = raw;

	while (*p > ' ' && *p < 0x7f && !strchr("\"*:<>?|%/", *p))
		p++;
	return *p == '\0' && *raw != '.' && p != raw;
}

/* Put the shown name into `shown`: false if the raw one is odd. */
static bool decode(struct buf *shown, struct buf *again, const char *raw)
{
	buf_reset(shown);
	if (is_plain(raw)) {
		buf_adds(shown, raw);
		return true;
	}
	buf_reset(again);
	jotta_decode(shown, raw);
	jotta_encode(again, shown->data);
	return jotta_is_name(shown->data) && strcmp(again->data, raw) == 0;
}

static void report(struct listed *l, const char *raw, const char *why)
{
	const char *name = l->j->base.name;
	size_t n = strlen(name);

	buf_reset(&l->again);
	buf_addf(&l->again, "%s%s%s", name,
		 *l->dir && n && !strchr(":/", name[n - 1]) ? "/" : "", l->dir);
	log_notice(l->again.data, "left out, since %s: \"%s\"", why, raw);
}

static int give(struct listed *l, struct op *op, const struct jfs_node *n,
		const char *name)
{
	char tag[JOTTA_TAG_MAX];
	struct entry e;

	jotta_fill(n, name, tag, &e);
	return l->fn(l->arg, op, &e);
}

static void add_odd(struct listed *l, const struct jfs_node *n)
{
	struct odd *o;

	if (l->odds.n == ODD_MAX) {
		report(l, n->name, "there are too many such names");
		return;
	}
	o = odds_add(&l->odds);
	o->node = *n;
	o->node.name = arena_strdup(&l->arena, n->name);
	o->node.mime = n->mime ? arena_strdup(&l->arena, n->mime) : NULL;
	o->node.uuid = n->uuid ? arena_strdup(&l->arena, n->uuid) : NULL;
	o->shown = arena_strdup(&l->arena, l->shown.data);
}

static bool is_shown(const struct jfs_node *n)
{
	return n->kind != JFS_REVISION && !n->self && jotta_lives(n);
}

static int show(void *arg, struct op *op, const struct jfs_node *n)
{
	struct listed *l = arg;

	if (n->self)
		return jotta_check_dir(op, n);
	if (!is_shown(n))
		return 0;
	if (op_check(op) < 0)
		return -1;
	if (!jotta_is_name(n->name)) {
		if (!l->odd_only) /* which comes after it was reported */
			report(l, n->name, "it has an impossible name");
		return 0;
	}
	if (!decode(&l->shown, &l->again, n->name)) {
		add_odd(l, n);
		return 0;
	}
	return l->odd_only ? 0 : give(l, op, n, l->shown.data);
}

/* The second time: who has a name that an odd one wants? */
static int mark_taken(void *arg, struct op *op, const struct jfs_node *n)
{
	struct listed *l = arg;

	(void)op;
	if (is_shown(n) && jotta_is_name(n->name) &&
	    decode(&l->shown, &l->again, n->name) &&
	    jotta_alias_get(l->wanted, l->shown.data))
		jotta_alias_put(l->taken, l->shown.data, "");
	return 0;
}

static int give_odd(struct listed *l, struct op *op, const struct odd *o)
{
	const char *name = o->shown, *raw = o->node.name;

	if (!jotta_is_name(name) || jotta_alias_get(l->taken, name))
		name = raw;
	if (jotta_alias_get(l->taken, name)) {
		report(l, raw, "another is shown under that name");
		return 0;
	}
	jotta_alias_put(l->taken, name, "");
	buf_reset(&l->shown);
	buf_addf(&l->shown, "%s%s%s", l->dir, *l->dir ? "/" : "", name);
	buf_reset(&l->again);
	buf_addf(&l->again, "%s/%s", l->raw, raw);
	jotta_remember_raw(l->j, l->shown.data, l->again.data);
	return give(l, op, &o->node, name);
}

static int give_odds(struct listed *l, struct op *op)
{
	int rc;

	l->wanted = jotta_alias_new();
	l->taken = jotta_alias_new();
	for (size_t i = 0; i < l->odds.n; i++) {
		jotta_alias_put(l->wanted, l->odds.at[i].shown, "");
		jotta_alias_put(l->wanted, l->odds.at[i].node.name, "");
	}
	rc = jfs_get(l->j, op, l->dir, mark_taken, l);
	for (size_t i = 0; rc == 0 && i < l->odds.n; i++)
		rc = give_odd(l, op, &l->odds.at[i]);
	jotta_alias_free(l->wanted);
	jotta_alias_free(l->taken);
	return rc;
}

static int list_folder(struct jotta *j, struct op *op, const char *dir,
		       bool odd_only, entry_fn *fn, void *arg)
{
	struct listed l = {
		.j = j,
		.dir = dir,
		.raw = jotta_raw(j, op, dir),
		.odd_only = odd_only,
		.fn = fn,
		.arg = arg,
		.shown = BUF_INIT,
		.again = BUF_INIT,
	};
	int rc = jfs_get(j, op, dir, show, &l);

	if (rc == 0 && l.odds.n)
		rc = give_odds(&l, op);
	if (rc < 0 && op->err.kind == ERR_NOT_FOUND)
		err_set(&op->err, ERR_NO_DIR, "no such directory");
	odds_free(&l.odds);
	arena_free(&l.arena);
	buf_free(&l.shown);
	buf_free(&l.again);
	return rc;
}

int jotta_list(struct backend *be, struct op *op, const char *dir, entry_fn *fn,
	       void *arg)
{
	return list_folder(jotta_of(be), op, dir, false, fn, arg);
}

static int show_nothing(void *arg, struct op *op, const struct entry *e)
{
	(void)arg, (void)op, (void)e;
	return 0;
}

int jotta_learn(struct jotta *j, struct op *op, const char *dir)
{
	return list_folder(j, op, dir, true, show_nothing, NULL);
}

VEC(paths, char *);

struct streamed {
	struct jotta *j;
	const char *dir;
	entry_fn *fn;
	void *arg;
	bool any;
	struct buf path, shown, again;

	struct jotta_alias *known; /* what is in odd, as a set */
	struct paths odd;          /* shown, below dir: folders that have odd
				      names directly in them */
};

static void add_odd_folder(struct streamed *s)
{
	if (jotta_alias_get(s->known, s->path.data))
		return;
	jotta_alias_put(s->known, s->path.data, "");
	*paths_add(&s->odd) = xstrdup(s->path.data);
}

/*
 * The shown path into s->path; false at the first odd name, with the path of
 * the folder that it is in.
 */
static bool decode_path(struct streamed *s, struct op *op, const char *raw)
{
	buf_reset(&s->path);
	for (const char *end;; raw = end + 1) {
		char *name;

		end = strchrnul(raw, '/');
		name = op_scratch(op, (size_t)(end - raw) + 1);
		memcpy(name, raw, (size_t)(end - raw));
		name[end - raw] = '\0';
		if (!decode(&s->shown, &s->again, name))
			return false;
		if (s->path.len)
			buf_adds(&s->path, "/");
		buf_adds(&s->path, s->shown.data);
		if (*end == '\0')
			return true;
	}
}

static int show_streamed(void *arg, struct op *op, const struct jfs_node *n)
{
	struct streamed *s = arg;
	char tag[JOTTA_TAG_MAX];
	struct entry e;

	if (n->self)
		return 0;
	if (op_check(op) < 0)
		return -1;
	s->any = true;
	if (!decode_path(s, op, n->name)) {
		add_odd_folder(s);
		return 0;
	}
	jotta_fill(n, s->path.data, tag, &e);
	return s->fn(s->arg, op, &e);
}

/* A folder that is listed by itself, since the stream's names are no use. */
struct below {
	struct streamed *s;
	const char *at; /* below s->dir */
	struct paths folders;
};

static int show_below(void *arg, struct op *op, const struct entry *e)
{
	struct below *b = arg;
	struct entry full = *e;
	char *path = NULL;
	int rc;

	if (*b->at) {
		path = xcalloc(1, strlen(b->at) + strlen(e->name) + 2);
		stpcpy(stpcpy(stpcpy(path, b->at), "/"), e->name);
		full.name = path;
	}
	rc = b->s->fn(b->s->arg, op, &full);
	if (rc == 0 && e->kind == ENTRY_DIR)
		*paths_add(&b->folders) = xstrdup(full.name);
	free(path);
	return rc;
}

static void paths_drop(struct paths *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->at[i]);
	paths_free(p);
}

static int walk_below(struct streamed *s, struct op *op, const char *at,
		      bool odd_only, unsigned depth)
{
	struct below b = { .s = s, .at = at };
	const char *dir = arena_printf(&op->arena, "%s%s%s", s->dir,
				       *s->dir && *at ? "/" : "", at);
	int rc;

	if (depth == DEPTH_MAX)
		return err_set(&op->err, ERR_CORRUPT,
			       "folders without end in each other");
	rc = list_folder(s->j, op, dir, odd_only, show_below, &b);
	for (size_t i = 0; rc == 0 && i < b.folders.n; i++)
		rc = walk_below(s, op, b.folders.at[i], false, depth + 1);
	paths_drop(&b.folders);
	return rc;
}

/* A listing without anything: is it a folder at all, or in the trash? */
static int check_folder(struct jotta *j, struct op *op, const char *dir)
{
	struct jfs_node self;

	if (jotta_node(j, op, dir, &self) == 0)
		return jotta_check_dir(op, &self);
	if (op->err.kind == ERR_NOT_FOUND)
		err_set(&op->err, ERR_NO_DIR, "no such directory");
	return -1;
}

int jotta_list_tree(struct backend *be, struct op *op, const char *dir,
		    entry_fn *fn, void *arg)
{
	struct jotta *j = jotta_of(be);
	struct streamed s = {
		.j = j,
		.dir = dir,
		.fn = fn,
		.arg = arg,
		.path = BUF_INIT,
		.shown = BUF_INIT,
		.again = BUF_INIT,
		.known = jotta_alias_new(),
	};
	int rc = jfs_stream(j, op, dir, show_streamed, &s);

	if (rc == 0 && !s.any)
		rc = check_folder(j, op, dir);
	else if (rc < 0 && op->err.kind == ERR_NOT_FOUND &&
		 check_folder(j, op, dir) == 0)
		err_set(&op->err, ERR_SERVER,
			"the service does not list a folder that it has");
	for (size_t i = 0; rc == 0 && i < s.odd.n; i++)
		rc = walk_below(&s, op, s.odd.at[i], true, 0);
	paths_drop(&s.odd);
	jotta_alias_free(s.known);
	buf_free(&s.path);
	buf_free(&s.shown);
	buf_free(&s.again);
	return rc;
}
