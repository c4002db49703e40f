#include "backends/remote.h"

#include <string.h>

#include "lib/buf.h"
#include "lib/utf8.h"
#include "lib/vec.h"

enum {
	PLACE_OPTIONS_MAX = 256,
	SNAPSHOT_DIGITS_MIN = 4,
	SNAPSHOT_DIGITS_MAX = 64
};

VEC(parsed_options, struct place_option);

/*
 * Reads a spec from its front.  Messages name the remote but never show a
 * value: it may be a password.
 */
struct parser {
	struct arena *a;
	const char *at;
	const char *remote; /* "name" or ":driver", for messages */
	struct parsed_options options;
	struct err *e;
};

static bool plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_';
}

bool remote_name_valid(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || name[0] == '-' || name[0] == ' ' || name[n - 1] == ' ')
		return false;
	for (size_t i = 0; i < n; i++)
		if (!plain(name[i]) && !strchr(".+@- ", name[i]) &&
		    (unsigned char)name[i] < 0x80)
			return false;
	return utf8_valid(name, n);
}

static const char *cut(struct arena *a, const char *s, size_t n)
{
	char *copy = arena_alloc(a, n + 1); /* zeroed */

	if (n)
		memcpy(copy, s, n);
	return copy;
}

/* A value in quotes; p->at is at the opening one. */
static int parse_quoted(struct parser *p, const char *key, const char **out)
{
	char quote = *p->at++;
	char *value = arena_alloc(p->a, strlen(p->at) + 1);
	size_t n = 0;

	for (;;) {
		if (*p->at == '\0')
			return err_set(p->e, ERR_INVALID,
				       "%s: the quote in front of the value of "
				       "\"%s\" has no other at its end",
				       p->remote, key);
		if (*p->at == quote && *++p->at != quote)
			break;
		value[n++] = *p->at++;
	}
	if (*p->at != ',' && *p->at != ':')
		return err_set(p->e, ERR_INVALID,
			       "%s: after the quoted value of \"%s\" there "
			       "must be ',' or ':'",
			       p->remote, key);
	*out = value;
	return 0;
}

static int parse_value(struct parser *p, const char *key, const char **out)
{
	size_t n;

	if (*p->at == '"' || *p->at == '\'')
		return parse_quoted(p, key, out);
	n = strcspn(p->at, ",:");
	if (p->at[n] == '\0')
		return err_set(p->e, ERR_INVALID,
			       "%s: after the value of \"%s\" there must be "
			       "':' and the path",
			       p->remote, key);
	*out = cut(p->a, p->at, n);
	p->at += n;
	return 0;
}

/* One "key=value" or "key", which is "true", up to the ',' or ':' after it. */
static int parse_option(struct parser *p)
{
	struct place_option *o;
	const char *key, *value = "true";
	size_t n = 0;

	while (plain(p->at[n]))
		n++;
	if (n == 0)
		return err_set(p->e, ERR_INVALID,
			       "%s: an option's name must follow each ','",
			       p->remote);
	key = cut(p->a, p->at, n);
	p->at += n;
	if (*p->at == '\0')
		return err_set(p->e, ERR_INVALID,
			       "%s: after the option \"%s\" there must be "
			       "':' and the path",
			       p->remote, key);
	if (!strchr("=,:", *p->at))
		return err_set(p->e, ERR_INVALID,
			       "%s: an option's name has only letters, digits "
			       "and '_', unlike what begins with \"%s\"",
			       p->remote, key);
	if (*p->at == '=') {
		p->at++;
		if (parse_value(p, key, &value) < 0)
			return -1;
	}
	if (p->options.n == PLACE_OPTIONS_MAX)
		return err_set(p->e, ERR_INVALID, "%s: more than %d options",
			       p->remote, PLACE_OPTIONS_MAX);
	o = parsed_options_add(&p->options);
	o->key = key;
	o->value = value;
	return 0;
}

static bool ends_in_slash(const char *path)
{
	size_t n = strlen(path);

	return n && path[n - 1] == '/';
}

/* Whether `spec` is a path of this machine; `*n`: where a name would end. */
static bool is_local(const char *spec, size_t *n)
{
	bool spot = spec[0] == ':';

	*n = spot + strcspn(spec + spot, "/:,");
	return !spot && (spec[*n] == '/' || !strchr(spec, ':'));
}

/* "name" or ":driver", `n` bytes of `spec`. */
static int check_name(struct parser *p, const char *spec, size_t n)
{
	const char *name = cut(p->a, spec, n);
	bool spot = name[0] == ':';

	p->remote = name;
	p->at = spec + n;
	if (!remote_name_valid(name + spot))
		return err_set(p->e, ERR_INVALID,
			       spot ? "no driver may be called \"%s\"; a place "
				      "made on the spot is written "
				      "\":driver,key=value:path\""
				    : "no remote may be called \"%s\"; for a "
				      "file of this machine write \"./\" in "
				      "front of it",
			       name + spot);
	if (*p->at != ':' && *p->at != ',')
		return err_set(p->e, ERR_INVALID,
			       "%s: there must be ':' after the driver's name",
			       name);
	return 0;
}

int place_parse(struct arena *a, const char *spec, struct place *out,
		struct err *e)
{
	struct parser p = { .a = a, .e = e };
	size_t n;
	int rc = -1;

	*out = (struct place){ .path = spec, .dir_hint = ends_in_slash(spec) };
	if (*spec == '\0')
		return err_set(e, ERR_INVALID,
			       "a place is missing; \".\" is the folder here");
	if (is_local(spec, &n)) {
		out->path = arena_strdup(a, spec);
		return 0;
	}
	if (check_name(&p, spec, n) < 0)
		goto out;
	while (*p.at++ == ',')
		if (parse_option(&p) < 0)
			goto out;
	if (spec[0] == ':')
		out->driver = p.remote + 1;
	else
		out->remote = p.remote;
	if (p.options.n)
		out->options = arena_memdup(
			a, p.options.at, p.options.n * sizeof(*p.options.at));
	out->n_options = p.options.n;
	out->path = arena_strdup(a, p.at);
	rc = 0;
out:
	parsed_options_free(&p.options);
	return rc;
}

int place_clean(struct arena *a, const char *path, const char **out,
		struct err *e)
{
	char *to = arena_alloc(a, strlen(path) + 1);
	size_t len = 0;

	for (const char *p = path; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.') {
			if (len == 0)
				return err_set(e, ERR_INVALID,
					       "path \"%s\" leads out of the "
					       "remote's root",
					       path);
			while (len && to[--len] != '/')
				;
		} else if (n && !(n == 1 && p[0] == '.')) {
			if (len)
				to[len++] = '/';
			memcpy(to + len, p, n);
			len += n;
		}
		p += n;
		p += strspn(p, "/");
	}
	to[len] = '\0';
	*out = to;
	return 0;
}

bool place_is_snapshot(const char *s, size_t n)
{
	static const char latest[] = "latest";
	const char *tilde = memchr(s, '~', n);
	size_t name = tilde ? (size_t)(tilde - s) : n;

	for (size_t i = name + 1; i < n; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	if (tilde && name + 1 == n)
		return false;
	if (name == sizeof(latest) - 1 && memcmp(s, latest, name) == 0)
		return true;
	for (size_t i = 0; i < name; i++)
		if (!(s[i] >= '0' && s[i] <= '9') &&
		    !(s[i] >= 'a' && s[i] <= 'f'))
			return false;
	return name >= SNAPSHOT_DIGITS_MIN && name <= SNAPSHOT_DIGITS_MAX;
}

/* Where PLACE's path begins; before that each ':' is its own. */
static int head_of(struct arena *a, const char *text, size_t *out,
		   struct err *e)
{
	struct place place;

	if (place_parse(a, text, &place, e) < 0)
		return -1;
	*out = strlen(text) - strlen(place.path);
	return 0;
}

int place_split_snapshot(struct arena *a, const char *text, bool is_remote,
			 const char **place, const char **rest, struct err *e)
{
	size_t head = 0;

	if ((is_remote || *text == ':') && head_of(a, text, &head, e) < 0)
		return err_wrap(e, "repo");
	for (const char *p = text + head; (p = strchr(p, ':')); p++) {
		size_t n = strcspn(p + 1, "/");

		if (p == text || (n && !place_is_snapshot(p + 1, n)))
			continue;
		*place = cut(a, text, (size_t)(p - text));
		*rest = p + 1;
		return 0;
	}
	return err_set(
		e, ERR_INVALID,
		"\"repo:%s\": no snapshot is named; write "
		"\"repo:PLACE:SNAPSHOT/path\", SNAPSHOT being \"latest\", "
		"\"latest~1\" or the beginning of an id, or "
		"\"repo:PLACE:\" for all of them",
		strchr(text, ',') || *text == ':' ? "..." : text);
}

int place_join(struct arena *a, const char *spec, const char *path,
	       const char **out, struct err *e)
{
	struct place place;
	bool local;

	if (place_parse(a, spec, &place, e) < 0)
		return -1;
	local = !place.remote && !place.driver;
	if (*path == '\0')
		*out = arena_strdup(a, spec);
	else if (place.dir_hint || (!local && *place.path == '\0'))
		*out = arena_printf(a, "%s%s", spec, path);
	else
		*out = arena_printf(a, "%s/%s", spec, path);
	return 0;
}
