#include "backends/remote.h"

#include <string.h>

#include "backends/conf.h"
#include "lib/vec.h"

enum { WRAPS_MAX = 16 };

VEC(conf_options, struct place_option);

/* A place, looked up; everything in it lasts as long as the op's arena. */
struct target {
	struct place place;
	struct remote_conf conf;
	const char *path;  /* place.path, cleaned */
	const char *front; /* "repo:PLACE:", to show for snapshots; or NULL */
	bool local;        /* the path is one of this machine */
};

/* "local, mem, webdav" */
static const char *list_drivers(struct arena *a)
{
	const char *list = "";

	for (const struct driver *const *d = driver_all(); *d; d++)
		list = arena_printf(a, "%s%s%s", list, *list ? ", " : "",
				    (*d)->name);
	return list;
}

static int find_driver(struct target *t, const char *type, struct op *op)
{
	t->conf.driver = driver_find(type);
	if (t->conf.driver)
		return 0;
	return err_set(&op->err, ERR_INVALID,
		       "%s: there is no driver \"%s\"; those known are: %s",
		       t->conf.name, type, list_drivers(&op->arena));
}

/* The driver and the options that stand in the configuration. */
static int find_section(struct remotes *r, struct target *t, struct op *op,
			struct conf_options *options)
{
	const char *key, *value, *name = t->place.remote, *type;
	struct ini *ini;

	if (remotes_config(r, op, &ini) < 0)
		return -1;
	if (!ini_has(ini, name))
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is no remote \"%s\" in %s; for a file of "
			       "this machine write \"./\" in front of it",
			       name,
			       r->config_path ? r->config_path
					      : "the configuration");
	type = ini_get(ini, name, "type");
	if (!type || *type == '\0')
		return err_set(&op->err, ERR_INVALID,
			       "remote \"%s\" has no \"type\"; write a line "
			       "\"type = ...\" into its section, one of: %s",
			       name, list_drivers(&op->arena));
	if (find_driver(t, type, op) < 0)
		return -1;
	for (size_t i = 0; ini_item(ini, name, i, &key, &value); i++) {
		struct place_option *o;

		if (strcmp(key, "type") == 0 || strcmp(key, "description") == 0)
			continue;
		o = conf_options_add(options);
		o->key = arena_strdup(&op->arena, key);
		o->value = arena_strdup(&op->arena, value);
	}
	return 0;
}

/* The options: those of the section, then those of the place. */
static int find_conf(struct remotes *r, struct target *t, struct op *op)
{
	struct conf_options options = { 0 };
	int rc = -1;

	if (t->place.remote) {
		if (find_section(r, t, op, &options) < 0)
			goto out;
	} else if (find_driver(t, t->place.driver ? t->place.driver : "local",
			       op) < 0) {
		goto out;
	}
	for (size_t i = 0; i < t->place.n_options; i++)
		*conf_options_add(&options) = t->place.options[i];
	t->conf.options = arena_memdup(&op->arena, options.at,
				       options.n * sizeof(*options.at));
	t->conf.n_options = options.n;
	rc = 0;
out:
	conf_options_free(&options);
	return rc;
}

/* Whether the configuration has a section of that name. */
static int has_section(struct remotes *r, struct op *op, const char *name,
		       bool *has)
{
	struct ini *ini;

	if (remotes_config(r, op, &ini) < 0)
		return -1;
	*has = ini_has(ini, name);
	return 0;
}

/* The place of a repository as it may be shown; `text` if it is no place. */
static const char *shown_place(struct arena *a, const char *text)
{
	struct err unused;
	struct place p;

	if (place_parse(a, text, &p, &unused) < 0 || (!p.remote && !p.driver))
		return text;
	/* Not knowing a section's driver, all of its options are secret. */
	return conf_place_name(a, p.driver ? driver_find(p.driver) : NULL, &p,
			       p.path);
}

/*
 * "repo:PLACE:SNAPSHOT/path", where no remote is called "repo": what
 * ":repo,repository=PLACE:SNAPSHOT/path" says at length.
 */
static int find_snapshot(struct remotes *r, struct target *t, struct op *op)
{
	static const char name[] = "repo";
	struct arena *a = &op->arena;
	struct place_option *options;
	const char *place, *rest;
	size_t n = t->place.n_options;
	bool has;

	if (!t->place.remote || strcmp(t->place.remote, name) != 0)
		return 0;
	if (has_section(r, op, name, &has) < 0)
		return -1;
	if (has)
		return 0;
	if (has_section(r, op,
			arena_printf(a, "%.*s",
				     (int)strcspn(t->place.path, ",:"),
				     t->place.path),
			&has) < 0 ||
	    place_split_snapshot(a, t->place.path, has, &place, &rest,
				 &op->err) < 0)
		return -1;
	options = arena_alloc(a, (n + 1) * sizeof(*options));
	if (n)
		memcpy(options, t->place.options, n * sizeof(*options));
	options[n] = (struct place_option){ "repository", place };
	t->front = arena_printf(a, "%s:%s:", name, shown_place(a, place));
	t->place.remote = NULL;
	t->place.driver = driver_repo.name;
	t->place.options = options;
	t->place.n_options = n + 1;
	t->place.path = rest;
	return 0;
}

/* The place with another path, as the user wrote it. */
static const char *name_at(const struct target *t, struct op *op,
			   const char *path)
{
	if (t->front)
		return arena_printf(&op->arena, "%s%s", t->front, path);
	return conf_place_name(&op->arena, t->conf.driver, &t->place, path);
}

static int find_target(struct remotes *r, const char *spec, struct op *op,
		       struct target *t)
{
	struct arena *a = &op->arena;

	*t = (struct target){ .conf = { .remotes = r } };
	if (place_parse(a, spec, &t->place, &op->err) < 0 ||
	    find_snapshot(r, t, op) < 0)
		return -1;
	t->conf.name = t->place.driver ? arena_printf(a, ":%s", t->place.driver)
				       : t->place.remote;
	if (find_conf(r, t, op) < 0)
		return -1;
	t->local = t->conf.driver == &driver_local;
	t->path = t->place.path;
	if (conf_check(&t->conf, t->place.remote, &op->err) < 0)
		return -1;
	if (!t->local && place_clean(a, t->place.path, &t->path, &op->err) < 0)
		return err_wrap(&op->err, "%s", t->conf.name);
	return 0;
}

static int open_at(struct target *t, const char *path, struct op *op,
		   struct backend **out)
{
	if (t->local && *path == '\0')
		path = ".";
	t->conf.name = name_at(t, op, path);
	return t->conf.driver->open(&t->conf, path, op, out);
}

int remote_open(struct remotes *r, const char *spec, struct op *op,
		struct backend **out)
{
	struct target t;

	if (find_target(r, spec, op, &t) < 0)
		return -1;
	return open_at(&t, t.path, op, out);
}

int remote_open_inner(const struct remote_conf *outer, const char *spec,
		      const char *path, struct op *op, struct backend **out)
{
	struct target t;
	unsigned wraps = 1;

	for (const struct remote_conf *c = outer->outer; c; c = c->outer)
		wraps++;
	if (wraps > WRAPS_MAX)
		return err_set(&op->err, ERR_INVALID,
			       "%s: more than %d remotes inside each other; "
			       "does its \"remote\" lead back to itself?",
			       outer->name, WRAPS_MAX);
	if (place_join(&op->arena, spec, path, &spec, &op->err) < 0 ||
	    find_target(outer->remotes, spec, op, &t) < 0)
		return -1;
	t.conf.outer = outer;
	return open_at(&t, t.path, op, out);
}

/*
 * Split at the last component: false if there is none, or one that no file
 * can have.  Slashes at the end do not count.
 */
static bool split(struct arena *a, const struct target *t, const char **parent,
		  const char **name)
{
	char *path = arena_strdup(a, t->path);
	size_t n = strlen(path);
	char *slash, *leaf;

	while (n && path[n - 1] == '/')
		path[--n] = '\0';
	slash = strrchr(path, '/');
	leaf = slash ? slash + 1 : path;
	if (*leaf == '\0' || strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0)
		return false;
	*name = arena_strdup(a, leaf);
	*leaf = '\0';
	while (slash > path && slash[-1] == '/')
		slash--;
	if (slash > path)
		*slash = '\0';
	*parent = path; /* "", "a", "/" or "/a" */
	return true;
}

int remote_open_parent(struct remotes *r, const char *spec, struct op *op,
		       struct backend **out, const char **name)
{
	struct target t;
	const char *parent;

	if (find_target(r, spec, op, &t) < 0)
		return -1;
	if (!split(&op->arena, &t, &parent, name))
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\": the name of a file is missing",
			       name_at(&t, op, t.path));
	return open_at(&t, parent, op, out);
}

/* Whether op->err says no more than that there is nothing of that name. */
static bool is_absent(struct op *op)
{
	enum err_kind kind = op->err.kind;

	if (kind != ERR_NOT_FOUND && kind != ERR_NO_DIR && kind != ERR_NOT_DIR)
		return false;
	err_clear(&op->err);
	return true;
}

/* Whether something is a directory: 1 yes, 0 no, 2 there is nothing, or -1. */
static int look(struct backend *be, struct op *op, const char *path,
		enum entry_kind *kind)
{
	struct entry e;

	if (be_stat(be, op, path, &e) < 0)
		return is_absent(op) ? 2 : -1;
	*kind = e.kind;
	return e.kind == ENTRY_DIR;
}

/* The place as a directory: as look(), and open if it is one. */
static int open_if_dir(struct target *t, struct op *op, struct backend **out)
{
	struct entry e = { .kind = ENTRY_DIR };
	int dir;

	if (open_at(t, t->path, op, out) < 0)
		return is_absent(op) ? 2 : -1;
	/* A remote's own root needs no look. */
	if ((t->local || *t->path) && be_stat(*out, op, "", &e) < 0) {
		bool is_file = op->err.kind == ERR_NOT_DIR;

		dir = !is_absent(op) ? -1 : is_file ? 0 : 2;
	} else {
		dir = e.kind == ENTRY_DIR;
	}
	if (dir != 1) {
		be_close(*out);
		*out = NULL;
	}
	return dir;
}

static int open_dir(struct target *t, struct op *op, struct backend **out)
{
	int dir = open_if_dir(t, op, out);

	if (dir == 2)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is no directory \"%s\"", t->conf.name);
	if (dir == 0)
		return err_set(&op->err, ERR_NOT_DIR,
			       "\"%s\" is not a directory", t->conf.name);
	return dir < 0 ? -1 : 0;
}

int remote_open_source(struct remotes *r, const char *spec, struct op *op,
		       struct backend **out, const char **file)
{
	const char *parent, *name;
	enum entry_kind kind = ENTRY_FILE;
	struct backend *be;
	struct target t;
	int dir;

	*file = NULL;
	if (find_target(r, spec, op, &t) < 0)
		return -1;
	if (t.place.dir_hint || !split(&op->arena, &t, &parent, &name))
		return open_dir(&t, op, out);
	if (open_at(&t, parent, op, &be) < 0)
		return -1;
	dir = look(be, op, name, &kind);
	if (dir == 0 && kind == ENTRY_LINK) { /* to a directory? then that */
		dir = open_if_dir(&t, op, out);
		if (dir == 2)
			dir = 0;
	} else if (dir == 1) {
		dir = open_dir(&t, op, out) < 0 ? -1 : 1;
	}
	if (dir == 0) {
		*file = name;
		*out = be;
		return 0;
	}
	be_close(be);
	if (dir == 2)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is no file or directory \"%s\"",
			       name_at(&t, op, t.path));
	return dir < 0 ? -1 : 0;
}
