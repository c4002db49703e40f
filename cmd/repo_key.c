/* ferry repo key: the passwords of a repository. */

#include "repo/keys.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/repo_open.h"
#include "cmd/text.h"
#include "crypt/envelope.h"
#include "crypt/secret.h"
#include "lib/json_write.h"
#include "lib/log.h"
#include "lib/parse.h"
#include "lib/vec.h"
#include "repo/tree.h"

struct key_opts {
	struct repo_flags repo;
	const char *file, *user, *host;
	bool no_password;
};

static const struct key_opts key_defaults = { 0 };

static const struct opt_group list_groups[] = {
	REPO_GROUP(struct key_opts, repo), { 0 }
};

#define KEY(type, name, arg, field, help) \
	OPT_AT(type, 0, name, arg, struct key_opts, field, help)

static const struct opt new_flags[] = {
	REPO_DRY_RUN(struct key_opts),
	KEY(OPT_STR, "new-password-file", "FILE", file,
	    "a file with the new password"),
	KEY(OPT_BOOL, "new-insecure-no-password", NULL, no_password,
	    "the new password is empty: anybody can read the repository"),
	KEY(OPT_STR, "user", "NAME", user, "whose key it is"),
	KEY(OPT_STR, "host", "NAME", host, "of which machine"),
	{ .type = OPT_END }
};

static const struct opt remove_flags[] = { REPO_DRY_RUN(struct key_opts),
					   { .type = OPT_END } };

static const struct opt_group remove_groups[] = {
	{ "Flags", remove_flags, 0 }, REPO_GROUP(struct key_opts, repo), { 0 }
};

static const struct opt_group new_groups[] = {
	{ "Flags", new_flags, 0 }, REPO_GROUP(struct key_opts, repo), { 0 }
};

VEC(key_list, struct key_info);

static int keep(void *arg, struct op *op, const struct key_info *k)
{
	struct key_list *list = arg;

	(void)op; /* its texts are in the op's arena */
	*key_list_add(list) = *k;
	return 0;
}

static int by_created(const void *a, const void *b)
{
	const struct key_info *x = a, *y = b;
	int order = strcmp(x->created, y->created);

	return order ? order : memcmp(&x->id, &y->id, sizeof(x->id));
}

/* "2024-05-06 07:08:09", in the local zone. */
static void add_created(struct buf *b, const struct key_info *k)
{
	struct node_time t;

	if (node_time_parse(k->created, strlen(k->created), &t))
		show_time(b, node_time_ns(t), 0);
	else
		out_add_name(b, k->created);
}

static void add_json(struct buf *b, const struct key_list *list,
		     const struct id *current)
{
	struct json j = JSON_INIT(b);
	char hex[ID_HEX + 1];

	json_array(&j, NULL);
	for (size_t i = 0; i < list->n; i++) {
		const struct key_info *k = &list->at[i];
		struct buf created = BUF_INIT;

		add_created(&created, k);
		json_object(&j, NULL);
		json_bool(&j, "current", id_equal(&k->id, current));
		json_str(&j, "id", id_hex(&k->id, hex));
		json_text_valid(&j, "userName", k->username);
		json_text_valid(&j, "hostName", k->hostname);
		json_text_valid(&j, "created", created.data);
		json_end(&j);
		buf_free(&created);
	}
	json_end(&j);
	buf_adds(b, "\n");
}

/* A name in a column. */
static void add_column(struct buf *b, const char *name, size_t width)
{
	size_t was = b->len, used;

	out_add_name(b, name);
	used = text_width(b->data + was, b->len - was);
	buf_addf(b, "%*s", (int)(used < width ? width - used + 2 : 2), "");
}

static size_t widest(const struct key_list *list, bool users, size_t least)
{
	for (size_t i = 0; i < list->n; i++) {
		const char *s =
			users ? list->at[i].username : list->at[i].hostname;
		size_t n = text_width(s, strlen(s));

		least = n > least && n < 60 ? n : least;
	}
	return least;
}

static void add_table(struct buf *b, const struct key_list *list,
		      const struct id *current)
{
	size_t user = widest(list, true, 4), host = widest(list, false, 4);
	char brief[9];

	buf_addf(b, " ID        %-*s  %-*s  Created\n", (int)user, "User",
		 (int)host, "Host");
	for (size_t i = 0; i < list->n; i++) {
		const struct key_info *k = &list->at[i];

		buf_addf(b, "%c%s  ", id_equal(&k->id, current) ? '*' : ' ',
			 id_short(&k->id, brief));
		add_column(b, k->username, user);
		add_column(b, k->hostname, host);
		add_created(b, k);
		buf_adds(b, "\n");
	}
}

static int list_keys(struct cmd_ctx *cx, struct repo_session *s)
{
	const struct id *current = &s->repo->key_id;
	struct key_list list = { 0 };
	struct buf b = BUF_INIT;
	int rc = keys_each(s->repo->store, &cx->op, keep, &list);

	if (list.n)
		qsort(list.at, list.n, sizeof(*list.at), by_created);
	if (rc == 0) {
		if (cx->globals->json)
			add_json(&b, &list, current);
		else
			add_table(&b, &list, current);
		rc = out_write(&cx->op, b.data, b.len);
	}
	buf_free(&b);
	key_list_free(&list);
	return rc;
}

/* What was made must open the repository before anybody relies on it. */
static int verify(struct op *op, struct repo_session *s, const char *password,
		  const struct id *id)
{
	struct envelope_key *again = secret_alloc(sizeof(*again));
	char hex[ID_HEX + 1];
	struct id fitted;
	int rc = keys_open(s->repo->store, op, password, id_hex(id, hex), again,
			   &fitted);

	if (rc == 0 && (!id_equal(&fitted, id) ||
			memcmp(again, s->repo->key, sizeof(*again)) != 0))
		rc = err_set(&op->err, ERR_CORRUPT,
			     "the new key does not open the repository");
	secret_free(again);
	return rc;
}

static int add_key(struct cmd_ctx *cx, struct repo_session *s, struct id *id)
{
	const struct key_opts *o = cx->opts;
	const struct repo_flags fresh = { .password_file = o->file,
					  .no_password = o->no_password,
					  .fresh = true };
	struct op *op = &cx->op;
	struct err why;
	char *password;
	int rc;

	if (repo_password(cx, &fresh, "New password", true, &password) < 0)
		return -1;
	rc = keys_add(s->repo->store, op, s->repo->key, password, o->host,
		      o->user, id);
	if (rc == 0 && !o->repo.dry_run) {
		rc = verify(op, s, password, id);
		why = op->err;
		if (rc < 0 && !err_info(why.kind)->retry &&
		    store_remove(s->repo->store, op, FILE_KEY, id) < 0)
			log_error(NULL, "the new key is left: %s", op->err.msg);
		if (rc < 0)
			op->err = why;
	}
	secret_free(password);
	return rc;
}

static int say(struct cmd_ctx *cx, const char *what, const struct id *id)
{
	char hex[ID_HEX + 1];

	if (cx->globals->json)
		return out_printf(&cx->op,
				  "{\"message_type\":\"key\",\"action\":"
				  "\"%s\",\"id\":\"%s\"}\n",
				  what, id_hex(id, hex));
	if (cx->globals->quiet)
		return 0;
	return out_printf(&cx->op, "%s key %s\n", what, id_hex(id, hex));
}

static int add(struct cmd_ctx *cx, struct repo_session *s)
{
	struct id id;

	return add_key(cx, s, &id) < 0 ? -1 : say(cx, "added", &id);
}

static int remove_key(struct cmd_ctx *cx, struct repo_session *s)
{
	struct op *op = &cx->op;
	char brief[9];
	struct id id;

	if (store_find(s->repo->store, op, FILE_KEY, cx->argv[0], &id) < 0)
		return -1;
	if (id_equal(&id, &s->repo->key_id))
		return err_set(&op->err, ERR_INVALID,
			       "key %s is the one in use: to remove it, open "
			       "the repository by another",
			       id_short(&id, brief));
	if (lock_check(s->lock, op) < 0 ||
	    store_remove(s->repo->store, op, FILE_KEY, &id) < 0)
		return -1;
	return say(cx, "removed", &id);
}

/* Both are good until the old one is gone. */
static int change(struct cmd_ctx *cx, struct repo_session *s)
{
	struct id id;

	if (add_key(cx, s, &id) < 0 || say(cx, "added", &id) < 0)
		return -1;
	if (lock_check(s->lock, &cx->op) < 0 ||
	    store_remove(s->repo->store, &cx->op, FILE_KEY, &s->repo->key_id) <
		    0)
		return err_wrap(&cx->op.err, "the old password is still good");
	return say(cx, "removed", &s->repo->key_id);
}

static int with_repo(struct cmd_ctx *cx, enum repo_need need,
		     int (*fn)(struct cmd_ctx *cx, struct repo_session *s))
{
	const struct key_opts *o = cx->opts;
	struct repo_session s;
	int rc = repo_begin(cx, &o->repo, need, &s);

	if (rc == 0)
		rc = fn(cx, &s);
	repo_end(&s);
	return rc;
}

static int list_run(struct cmd_ctx *cx)
{
	return with_repo(cx, REPO_SHARED, list_keys);
}

static int add_run(struct cmd_ctx *cx)
{
	return with_repo(cx, REPO_SHARED, add);
}

static int remove_run(struct cmd_ctx *cx)
{
	return with_repo(cx, REPO_EXCLUSIVE, remove_key);
}

static int change_run(struct cmd_ctx *cx)
{
	return with_repo(cx, REPO_EXCLUSIVE, change);
}

static const struct cmd_example list_examples[] = {
	{ "ferry repo key list", "whose keys there are" }, { 0 }
};

static const struct cmd key_list_command = {
	.name = "repo key list",
	.summary = "list the keys of a repository",
	.about = "The one with a '*' is that of the password that was given.",
	.groups = list_groups,
	.opts_size = sizeof(struct key_opts),
	.defaults = &key_defaults,
	.examples = list_examples,
	.run = list_run,
};

static const struct cmd_example add_examples[] = {
	{ "ferry repo key add --new-password-file new", "a second password" },
	{ 0 }
};

static const struct cmd key_add_command = {
	.name = "repo key add",
	.summary = "add a password",
	.about = "The new password is asked for, or read from "
		 "--new-password-file.",
	.groups = new_groups,
	.opts_size = sizeof(struct key_opts),
	.defaults = &key_defaults,
	.examples = add_examples,
	.run = add_run,
};

static const struct cmd_example remove_examples[] = {
	{ "ferry repo key remove 1a2b3c4d",
	  "its password no longer opens anything" },
	{ 0 }
};

static const struct cmd key_remove_command = {
	.name = "repo key remove",
	.args = "ID",
	.summary = "remove a password",
	.about = "Not the one that was given.  Who has copied the key's file "
		 "before can still use it\nwith its password.",
	.min_args = 1,
	.max_args = 1,
	.groups = remove_groups,
	.opts_size = sizeof(struct key_opts),
	.defaults = &key_defaults,
	.examples = remove_examples,
	.run = remove_run,
};

static const struct cmd_example passwd_examples[] = {
	{ "ferry repo key passwd", "asks for the new one, twice" }, { 0 }
};

static const struct cmd key_passwd_command = {
	.name = "repo key passwd",
	.summary = "change the password that was given",
	.about = "The new one is added before the old one is removed: broken "
		 "off in between, both\nare good.",
	.groups = new_groups,
	.opts_size = sizeof(struct key_opts),
	.defaults = &key_defaults,
	.examples = passwd_examples,
	.run = change_run,
};

/* clang-format off */
static const struct cmd *const subs[] = {
	&key_list_command,
	&key_add_command,
	&key_remove_command,
	&key_passwd_command,
	NULL
};
/* clang-format on */

static const struct cmd_example key_examples[] = {
	{ "ferry repo key list -r /srv/backup", "who has a password" },
	{ "ferry repo key add -r nas:backup --user anna", "give another one" },
	{ 0 }
};

const struct cmd cmd_repo_key = {
	.name = "repo key",
	.args = "list|add|remove|passwd",
	.summary = "manage the passwords of a repository",
	.about = "Each key file holds the repository's one key, sealed by a "
		 "password of its own.",
	.subs = subs,
	.examples = key_examples,
};
