/* ferry repo list, cat, unlock: the parts of a repository. */

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "lib/base64.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "repo/index_file.h"

struct parts_opts {
	struct repo_flags repo;
	bool remove_all, dry_run;
};

static const struct parts_opts parts_defaults = { 0 };

static const struct opt_group parts_groups[] = {
	REPO_GROUP(struct parts_opts, repo), { 0 }
};

struct kind {
	const char *name, *plural;
	enum file_type type;
};

static const struct kind kinds[] = {
	{ "key", "keys", FILE_KEY },
	{ "lock", "locks", FILE_LOCK },
	{ "snapshot", "snapshots", FILE_SNAPSHOT },
	{ "index", "index", FILE_INDEX },
	{ "pack", "packs", FILE_PACK },
};

static int print_id(void *arg, struct op *op, const struct id *id, int64_t size)
{
	char hex[ID_HEX + 1];

	(void)arg;
	(void)size;
	return out_printf(op, "%s\n", id_hex(id, hex));
}

/* "data 0123...": every blob that the index knows, each once. */
static int list_blobs(struct cmd_ctx *cx, struct repo_session *s)
{
	struct blob_at at, first;
	char hex[ID_HEX + 1];

	if (repo_load_index(s->repo, &cx->op, NULL, NULL) < 0)
		return -1;
	for (uint32_t i = 0; i < index_entries(s->repo->index); i++) {
		index_entry(s->repo->index, i, &at);
		if (index_find(s->repo->index, at.blob.type, &at.blob.id,
			       &first) &&
		    first.entry != i)
			continue;
		if (out_printf(&cx->op, "%s %s\n", blob_type_name(at.blob.type),
			       id_hex(&at.blob.id, hex)) < 0)
			return -1;
	}
	return 0;
}

static int list_kind(struct cmd_ctx *cx, struct repo_session *s)
{
	const char *what = cx->argv[0];

	if (strcmp(what, "blobs") == 0)
		return list_blobs(cx, s);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(what, kinds[i].plural) == 0)
			return store_list(s->repo->store, &cx->op,
					  kinds[i].type, print_id, NULL);
	return err_set(&cx->op.err, ERR_INVALID,
		       "\"%s\" is not blobs, packs, index, snapshots, keys or "
		       "locks",
		       what);
}

static int list_run(struct cmd_ctx *cx)
{
	const struct parts_opts *o = cx->opts;
	struct repo_session s;
	int rc = repo_begin(cx, &o->repo,
			    strcmp(cx->argv[0], "locks") == 0 ? REPO_NO_LOCK
							      : REPO_SHARED,
			    &s);

	if (rc == 0)
		rc = list_kind(cx, &s);
	repo_end(&s);
	return rc;
}

static const struct cmd_example list_examples[] = {
	{ "ferry repo list snapshots", "their whole ids, one a line" }, { 0 }
};

const struct cmd cmd_repo_list = {
	.name = "repo list",
	.args = "blobs|packs|index|snapshots|keys|locks",
	.summary = "list the ids of a repository's parts",
	.about = "One a line; a blob's with its type before it.",
	.min_args = 1,
	.max_args = 1,
	.groups = parts_groups,
	.opts_size = sizeof(struct parts_opts),
	.defaults = &parts_defaults,
	.examples = list_examples,
	.run = list_run,
};

static void add_secret(struct json *j, const char *key, const uint8_t *p,
		       size_t n)
{
	struct buf b = BUF_INIT;

	base64_encode(&b, p, n, false);
	json_str(j, key, b.data);
	explicit_bzero(b.data, b.len);
	buf_free(&b);
}

/* It opens everything: only who asks for it by its name gets to see it. */
static void add_master_key(struct buf *b, const struct envelope_key *k)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_object(&j, "mac");
	add_secret(&j, "k", k->mac_k, sizeof(k->mac_k));
	add_secret(&j, "r", k->mac_r, sizeof(k->mac_r));
	json_end(&j);
	add_secret(&j, "encrypt", k->encrypt, sizeof(k->encrypt));
	json_end(&j);
}

static int cat_blob(struct cmd_ctx *cx, struct repo_session *s, const char *hex,
		    struct buf *b)
{
	struct id id;

	if (!id_parse(hex, strlen(hex), &id))
		return err_set(&cx->op.err, ERR_INVALID,
			       "\"%s\" is not the whole id of a blob", hex);
	if (repo_load_index(s->repo, &cx->op, NULL, NULL) < 0)
		return -1;
	for (int t = 0; t < BLOB_TYPES; t++)
		if (index_has(s->repo->index, (enum blob_type)t, &id))
			return repo_load_blob(s->repo, &cx->op, s->coder,
					      (enum blob_type)t, &id, b);
	return err_set(&cx->op.err, ERR_NOT_FOUND, "no index has blob %s", hex);
}

/* The tree of a snapshot, or of a folder in it. */
static int cat_tree(struct cmd_ctx *cx, struct repo_session *s,
		    const char *spec, struct buf *b)
{
	struct snapshot_filter f = { 0 };
	struct snapshot snap;
	const char *path;
	struct node node;
	struct id dir;

	if (snapshot_find(s->repo, &cx->op, &cx->op.arena, &f, spec, &snap,
			  &path) < 0 ||
	    repo_load_index(s->repo, &cx->op, NULL, NULL) < 0 ||
	    snapshot_descend(s->repo, &cx->op, s->coder, &cx->op.arena,
			     &snap.tree, path, &node, &dir) < 0)
		return -1;
	if (node.type != NODE_DIR)
		return err_set(&cx->op.err, ERR_NOT_DIR, "%s: not a folder",
			       spec);
	return repo_load_blob(s->repo, &cx->op, s->coder, BLOB_TREE, &dir, b);
}

static int cat_file(struct cmd_ctx *cx, struct repo_session *s,
		    const struct kind *k, const char *prefix, struct buf *b)
{
	struct snapshot_filter f = { 0 };
	struct snapshot snap;
	const char *path;
	struct id id;

	if (k->type == FILE_SNAPSHOT) {
		if (snapshot_find(s->repo, &cx->op, &cx->op.arena, &f, prefix,
				  &snap, &path) < 0)
			return -1;
		id = snap.id;
	} else if (store_find(s->repo->store, &cx->op, k->type, prefix, &id) <
		   0) {
		return -1;
	}
	if (k->type == FILE_PACK || k->type == FILE_KEY)
		return store_read(s->repo->store, &cx->op, k->type, &id,
				  SIZE_MAX / 2, b);
	return repo_load_file(s->repo, &cx->op, s->coder, k->type, &id,
			      INDEX_JSON_MAX, b);
}

static int cat_what(struct cmd_ctx *cx, struct repo_session *s, struct buf *b)
{
	const char *what = cx->argv[0], *id = cx->argc > 1 ? cx->argv[1] : NULL;

	if (strcmp(what, "masterkey") == 0) {
		add_master_key(b, s->repo->key);
		return 0;
	}
	if (strcmp(what, "config") == 0)
		return repo_load_file(s->repo, &cx->op, s->coder, FILE_CONFIG,
				      NULL, 1 << 20, b);
	if (!id)
		return err_set(&cx->op.err, ERR_INVALID,
			       "repo cat %s: which one? Give its ID", what);
	if (strcmp(what, "blob") == 0)
		return cat_blob(cx, s, id, b);
	if (strcmp(what, "tree") == 0)
		return cat_tree(cx, s, id, b);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(what, kinds[i].name) == 0)
			return cat_file(cx, s, &kinds[i], id, b);
	return err_set(&cx->op.err, ERR_INVALID,
		       "\"%s\" is not masterkey, config, pack, blob, snapshot, "
		       "index, key, lock or tree",
		       what);
}

static int cat_run(struct cmd_ctx *cx)
{
	const struct parts_opts *o = cx->opts;
	struct buf b = BUF_INIT;
	struct repo_session s;
	bool binary = strcmp(cx->argv[0], "pack") == 0 ||
		      strcmp(cx->argv[0], "blob") == 0;
	int rc = repo_begin(cx, &o->repo, REPO_SHARED, &s);

	if (rc == 0)
		rc = cat_what(cx, &s, &b);
	if (rc == 0 && !binary && b.len && b.data[b.len - 1] != '\n')
		buf_adds(&b, "\n");
	if (rc == 0)
		rc = out_write(&cx->op, b.data, b.len);
	explicit_bzero(b.data, b.len);
	buf_free(&b);
	repo_end(&s);
	return rc;
}

static const struct cmd_example cat_examples[] = {
	{ "ferry repo cat snapshot latest", "what the last snapshot says" },
	{ "ferry repo cat tree latest:/home", "a folder's tree" },
	{ 0 }
};

const struct cmd cmd_repo_cat = {
	.name = "repo cat",
	.args = "masterkey|config|pack|blob|snapshot|index|key|lock|tree [ID]",
	.summary = "print a part of a repository",
	.about = "JSON as it is stored; a pack or a blob as bytes.",
	.min_args = 1,
	.max_args = 2,
	.groups = parts_groups,
	.opts_size = sizeof(struct parts_opts),
	.defaults = &parts_defaults,
	.examples = cat_examples,
	.run = cat_run,
};

static const struct opt unlock_flags[] = {
	OPT_AT(OPT_BOOL, 0, "remove-all", NULL, struct parts_opts, remove_all,
	       "also locks that are in use: only if you know that nobody does"),
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct parts_opts, dry_run,
	       "print the locks, remove none"),
	{ .type = OPT_END }
};

static const struct opt_group unlock_groups[] = {
	{ "Flags", unlock_flags, 0 }, REPO_GROUP(struct parts_opts, repo), { 0 }
};

static int print_lock(void *arg, struct op *op, const struct id *id,
		      const char *json, size_t n)
{
	char brief[9];

	(void)arg;
	return out_printf(op, "%s %.*s\n", id_short(id, brief), (int)n, json);
}

static int unlock_run(struct cmd_ctx *cx)
{
	const struct parts_opts *o = cx->opts;
	struct repo_session s;
	unsigned n = 0;
	int rc = repo_begin(cx, &o->repo, REPO_NO_LOCK, &s);

	if (rc == 0 && o->dry_run)
		rc = lock_each(s.repo, &cx->op, print_lock, NULL);
	else if (rc == 0)
		rc = lock_remove(s.repo, &cx->op, o->remove_all, &n);
	if (rc == 0 && n)
		log_notice(NULL, "%u lock%s removed", n, n == 1 ? "" : "s");
	repo_end(&s);
	return rc;
}

static const struct cmd_example unlock_examples[] = {
	{ "ferry repo unlock -r nas:backup", "after a crash" }, { 0 }
};

const struct cmd cmd_repo_unlock = {
	.name = "repo unlock",
	.summary = "remove locks that dead processes have left",
	.about = "A lock is stale when it is older than half an hour (a live "
		 "process renews its own\nevery five minutes), or when its "
		 "process was on this machine and is gone.",
	.groups = unlock_groups,
	.opts_size = sizeof(struct parts_opts),
	.defaults = &parts_defaults,
	.examples = unlock_examples,
	.run = unlock_run,
};
