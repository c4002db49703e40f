/* A snapshot's JSON. */

#include "repo/snapshot.h"

#include <inttypes.h>
#include <string.h>

#include "lib/json.h"

/* Of the count that stands under a name in the summary. */
#define COUNT(member)                                              \
	{                                                          \
#member, offsetof(struct snapshot_summary, member) \
	}

/* All 64 bits wide; in restic's order. */
static const struct {
	const char *name;
	size_t at;
} counts[] = {
	COUNT(files_new),
	COUNT(files_changed),
	COUNT(files_unmodified),
	COUNT(dirs_new),
	COUNT(dirs_changed),
	COUNT(dirs_unmodified),
	COUNT(data_blobs),
	COUNT(tree_blobs),
	COUNT(data_added),
	COUNT(data_added_packed),
	COUNT(total_files_processed),
	COUNT(total_bytes_processed),
};

static int corrupt(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, "snapshot: %s", what);
}

/* A list of strings that may be missing or null. */
static int get_strings(struct arena *a, const struct json_node *root,
		       const char *key, struct strings *out, struct err *e)
{
	const struct json_node *list = json_get(root, key);
	const char **at;
	size_t n = 0;

	*out = (struct strings){ 0 };
	if (!list || list->type == JSON_NULL)
		return 0;
	if (list->type != JSON_ARRAY)
		return corrupt(e, "a list is none");
	for (const struct json_node *c = list->child; c; c = c->next, n++)
		if (c->type != JSON_STRING || strlen(c->text) != c->len)
			return corrupt(e, "a list holds what is no text");
	at = arena_alloc(a, (n + 1) * sizeof(*at));
	out->at = at;
	for (const struct json_node *c = list->child; c; c = c->next)
		at[out->n++] = c->text;
	return 0;
}

/* An id that may be missing or null. */
static int get_id(const struct json_node *root, const char *key, bool *has,
		  struct id *out, struct err *e)
{
	const struct json_node *n = json_get(root, key);

	*has = n && n->type != JSON_NULL;
	if (*has && (n->type != JSON_STRING || !id_parse(n->text, n->len, out)))
		return corrupt(e, "an id is none");
	return 0;
}

static uint32_t get_u32(const struct json_node *root, const char *key)
{
	int64_t n = json_number(json_get(root, key), 0);

	return n < 0 || n > UINT32_MAX ? 0 : (uint32_t)n;
}

static const struct snapshot_summary *get_summary(struct arena *a,
						  const struct json_node *root)
{
	const struct json_node *n = json_get(root, "summary");
	struct snapshot_summary *s;

	if (!n || n->type != JSON_OBJECT)
		return NULL;
	s = arena_alloc(a, sizeof(*s));
	s->backup_start = json_text(json_get(n, "backup_start"), "");
	s->backup_end = json_text(json_get(n, "backup_end"), "");
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t v = json_number(json_get(n, counts[i].name), 0);

		memcpy((char *)s + counts[i].at, &v, sizeof(v));
	}
	return s;
}

/*
 * Members that we do not know are not kept: what writes a snapshot anew
 * (tag, rewrite) writes those that this version knows.
 */
static int parse(struct arena *a, const struct json_node *root,
		 struct snapshot *out, struct err *e)
{
	const char *time = json_text(json_get(root, "time"), "");
	bool has_tree;

	*out = (struct snapshot){ 0 };
	if (!node_time_parse(time, strlen(time), &out->time))
		return corrupt(e, "bad time");
	if (get_id(root, "tree", &has_tree, &out->tree, e) < 0 ||
	    get_id(root, "parent", &out->has_parent, &out->parent, e) < 0 ||
	    get_id(root, "original", &out->has_original, &out->original, e) <
		    0 ||
	    get_strings(a, root, "paths", &out->paths, e) < 0 ||
	    get_strings(a, root, "excludes", &out->excludes, e) < 0 ||
	    get_strings(a, root, "tags", &out->tags, e) < 0)
		return -1;
	if (!has_tree)
		return corrupt(e, "no tree");
	out->hostname = json_text(json_get(root, "hostname"), "");
	out->username = json_text(json_get(root, "username"), "");
	out->uid = get_u32(root, "uid");
	out->gid = get_u32(root, "gid");
	out->program_version =
		json_text(json_get(root, "program_version"), NULL);
	out->summary = get_summary(a, root);
	return 0;
}

int snapshot_parse(struct arena *a, const char *json, size_t n,
		   struct snapshot *out, struct err *e)
{
	const struct json_node *root;

	if (json_parse(a, json, n, &root, e) < 0)
		return err_wrap(e, "snapshot");
	return parse(a, root, out, e);
}

static void put_text(struct buf *b, const char *key, const char *text)
{
	buf_addf(b, ",\"%s\":", key);
	json_go_string(b, text, strlen(text));
}

/* Go leaves empty ones out, of those that may be. */
static void put_opt_text(struct buf *b, const char *key, const char *text)
{
	if (text && *text)
		put_text(b, key, text);
}

static void put_id(struct buf *b, const char *key, const struct id *id)
{
	char hex[ID_HEX + 1];

	buf_addf(b, ",\"%s\":\"%s\"", key, id_hex(id, hex));
}

static void put_strings(struct buf *b, const char *key, const struct strings *s)
{
	buf_addf(b, ",\"%s\":[", key);
	for (size_t i = 0; i < s->n; i++) {
		if (i)
			buf_adds(b, ",");
		json_go_string(b, s->at[i], strlen(s->at[i]));
	}
	buf_adds(b, "]");
}

static void put_opt_strings(struct buf *b, const char *key,
			    const struct strings *s)
{
	if (s->n)
		put_strings(b, key, s);
}

static void put_opt_number(struct buf *b, const char *key, uint32_t n)
{
	if (n)
		buf_addf(b, ",\"%s\":%" PRIu32, key, n);
}

static void put_summary(struct buf *b, const struct snapshot_summary *s)
{
	buf_adds(b, ",\"summary\":{\"backup_start\":");
	json_go_string(b, s->backup_start, strlen(s->backup_start));
	put_text(b, "backup_end", s->backup_end);
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t v;

		memcpy(&v, (const char *)s + counts[i].at, sizeof(v));
		buf_addf(b, ",\"%s\":%" PRId64, counts[i].name, v);
	}
	buf_adds(b, "}");
}

/* All members, without the closing brace. */
static void put_members(struct buf *b, const struct snapshot *s)
{
	buf_adds(b, "{\"time\":\"");
	node_time_text(b, s->time);
	buf_adds(b, "\"");
	if (s->has_parent)
		put_id(b, "parent", &s->parent);
	put_id(b, "tree", &s->tree);
	put_strings(b, "paths", &s->paths);
	put_opt_text(b, "hostname", s->hostname);
	put_opt_text(b, "username", s->username);
	put_opt_number(b, "uid", s->uid);
	put_opt_number(b, "gid", s->gid);
	put_opt_strings(b, "excludes", &s->excludes);
	put_opt_strings(b, "tags", &s->tags);
	if (s->has_original)
		put_id(b, "original", &s->original);
	put_opt_text(b, "program_version", s->program_version);
	if (s->summary)
		put_summary(b, s->summary);
}

void snapshot_write(struct buf *b, const struct snapshot *s)
{
	put_members(b, s);
	buf_adds(b, "}");
}

void snapshot_show(struct buf *b, const struct snapshot *s)
{
	char hex[9];

	put_members(b, s);
	put_id(b, "id", &s->id);
	put_text(b, "short_id", id_short(&s->id, hex));
	buf_adds(b, "}");
}
