/* The paths that were given, as a tree. */

#include <string.h>

#include "backends/listing.h"
#include "repo/archive_parts.h"

/* The target of a name, made where it belongs if it is not there. */
static struct target *child(struct arena *a, struct target *of,
			    const char *name, size_t n)
{
	struct target **at = &of->below, *t;

	for (; *at; at = &(*at)->next) {
		int order = strncmp((*at)->name, name, n);

		if (order == 0 && (*at)->name[n] == '\0')
			return *at;
		if (order > 0 || (order == 0 && (*at)->name[n]))
			break;
	}
	t = arena_alloc(a, sizeof(*t));
	t->name = arena_printf(a, "%.*s", (int)n, name);
	t->next = *at;
	*at = t;
	return t;
}

/* How often a path can go up: "a/b" of "/x/a/b" is two. */
static size_t steps_in(const char *place)
{
	size_t n = *place != '\0';

	for (; *place; place++)
		n += *place == '/';
	return n;
}

/* The first part of an absolute path, without its last `n` names. */
static const char *above(struct arena *a, const char *path, size_t n)
{
	char *copy = arena_strdup(a, path);

	for (; n; n--) {
		char *slash = strrchr(copy, '/');

		if (!slash)
			return "/";
		*slash = '\0';
	}
	return *copy ? copy : "/";
}

/*
 * What lies below another path that was given is saved with that, but where it
 * goes elsewhere in the snapshot.
 */
static int add(struct arena *a, struct target *root, const char *path,
	       const char *place, struct err *e)
{
	size_t left = steps_in(place);
	struct target *t = root;

	while (*place && !t->leaf) {
		size_t n = strcspn(place, "/");

		t = child(a, t, place, n);
		place += n + (place[n] == '/');
		left--;
		if (!t->path)
			t->path = above(a, path, left);
		else if (strcmp(t->path, above(a, path, left)) != 0)
			return err_set(e, ERR_INVALID,
				       "\"%s\" and \"%s\" would have the same "
				       "place in the snapshot",
				       t->path, above(a, path, left));
	}
	t->path = t->leaf ? t->path : path;
	t->leaf = true;
	t->below = NULL;
	return 0;
}

int targets_new(struct arena *a, const struct archive_opt *opt,
		struct target **root, struct err *e)
{
	*root = arena_alloc(a, sizeof(**root));
	(*root)->name = (*root)->path = "";
	for (size_t i = 0; i < opt->paths.n; i++) {
		const char *path = opt->paths.at[i];
		const char *place =
			opt->places.n ? opt->places.at[i] : path + 1;

		if (add(a, *root, path, place, e) < 0)
			return -1;
	}
	return 0;
}

VEC(texts, const char *);

/* "a/../b//c/." is "b/c"; of a relative path the ".." at its beginning stay. */
static const char *clean(struct arena *a, const char *path)
{
	bool absolute = *path == '/';
	struct buf b = BUF_INIT;
	size_t floor, n;
	const char *out;

	if (absolute)
		buf_adds(&b, "/");
	floor = b.len;
	for (; *path; path += n + (path[n] == '/')) {
		n = strcspn(path, "/");
		if (n == 0 || (n == 1 && *path == '.'))
			continue;
		if (n == 2 && path[0] == '.' && path[1] == '.') {
			char *slash = memrchr(b.data, '/', b.len);
			size_t to = slash && (size_t)(slash - b.data) >= floor
					    ? (size_t)(slash - b.data)
					    : floor;

			if (b.len > floor) {
				buf_cut(&b, to);
				continue;
			}
			if (absolute)
				continue;
			buf_adds(&b, b.len ? "/.." : "..");
			floor = b.len;
			continue;
		}
		if (b.len && b.data[b.len - 1] != '/')
			buf_adds(&b, "/");
		buf_add(&b, path, n);
	}
	out = arena_strdup(a, b.data);
	buf_free(&b);
	return out;
}

struct placing {
	struct arena *a;
	const char *cwd;
	struct texts paths, places;
	struct texts roots, names; /* of each first name: where it lies */
};

/* The name that the first one gets in the snapshot's root. */
static const char *root_name(struct placing *p, const char *name,
			     const char *root)
{
	const char *given = name;

	for (unsigned n = 0;; n++) {
		size_t i = 0;

		if (n)
			given = arena_printf(p->a, "%s-%u", name, n);
		while (i < p->names.n && strcmp(p->names.at[i], given) != 0)
			i++;
		if (i < p->names.n && strcmp(p->roots.at[i], root) == 0)
			return given;
		if (i < p->names.n)
			continue;
		*texts_add(&p->names) = given;
		*texts_add(&p->roots) = root;
		return given;
	}
}

/* `path` is clean and has a name. */
static void place(struct placing *p, const char *path)
{
	const char *rest = path, *root, *first, *whole;
	size_t n;

	if (*rest == '/')
		rest++;
	while (strncmp(rest, "../", 3) == 0)
		rest += 3;
	n = strcspn(rest, "/");
	root = arena_printf(p->a, "%.*s", (int)(rest - path), path);
	first = root_name(p, arena_printf(p->a, "%.*s", (int)n, rest), root);
	whole = *path == '/' ? path : arena_printf(p->a, "%s/%s", p->cwd, path);
	*texts_add(&p->paths) = clean(p->a, whole);
	*texts_add(&p->places) = arena_printf(p->a, "%s%s", first, rest + n);
}

static int place_entries(struct placing *p, struct op *op, struct backend *from,
			 const char *path)
{
	struct listing list = LISTING_INIT;
	const char *whole = path;
	struct posix_meta meta;
	struct entry e;
	int rc;

	if (*path != '/')
		whole = clean(p->a, arena_printf(p->a, "%s/%s", p->cwd, path));
	rc = be_list(from, op, whole + 1, &list);
	while (rc >= 0 && (rc = listing_next(&list, op, &e, &meta)) > 0) {
		if (*path == '\0')
			place(p, arena_strdup(p->a, e.name));
		else
			place(p, arena_printf(p->a, "%s%s%s", path,
					      path[1] ? "/" : "", e.name));
	}
	listing_free(&list);
	return rc;
}

static struct strings strings_in(struct arena *a, const struct texts *v)
{
	return (struct strings){
		.at = arena_memdup(a, v->at, v->n * sizeof(*v->at)),
		.n = v->n,
	};
}

int archive_places(struct arena *a, struct op *op, struct backend *from,
		   const char *cwd, const struct strings *given,
		   struct strings *paths, struct strings *places)
{
	struct placing p = { .a = a, .cwd = cwd };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < given->n; i++) {
		const char *path = clean(a, given->at[i]);
		size_t n = strlen(path);
		bool up = n >= 2 && strcmp(path + n - 2, "..") == 0 &&
			  (n == 2 || path[n - 3] == '/');

		if (*path == '\0' || strcmp(path, "/") == 0 || up)
			rc = place_entries(&p, op, from, path);
		else
			place(&p, path);
	}
	*paths = strings_in(a, &p.paths);
	*places = strings_in(a, &p.places);
	texts_free(&p.paths);
	texts_free(&p.places);
	texts_free(&p.roots);
	texts_free(&p.names);
	return rc;
}
