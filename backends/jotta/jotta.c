#include "backends/jotta/jotta.h"

#include <stdlib.h>
#include <string.h>

#include "backends/jotta/alias.h"
#include "backends/jotta/conf.h"
#include "backends/jotta/fail.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "net/url.h"

static const struct backend_ops jotta_ops;

struct jotta *jotta_of(struct backend *be)
{
	return be->ops == &jotta_ops ? container_of(be, struct jotta, base)
				     : NULL;
}

static void jotta_close(struct backend *be)
{
	struct jotta *j = jotta_of(be);

	free(j->device);
	free(j->mountpoint);
	free(j->root);
	free(j);
}

/*
 * What a proxy, or a service that is being worked on, sends with 200: nothing
 * was done, and another time it may be.
 */
static bool is_page(const struct http_answer *a)
{
	const char *p = a->body + strspn(a->body, " \t\r\n");

	return strncasecmp(p, "<html", 5) == 0 ||
	       strncasecmp(p, "<!doctype html", 14) == 0;
}

int jotta_ask(struct jotta *j, struct op *op, struct http_request *rq,
	      struct http_answer *out)
{
	struct http_answer answer;

	if (!out)
		out = &answer;
	if (http_do(j->account->http, op, rq, out) < 0)
		return -1;
	if (out->status / 100 != 2)
		return jotta_fail(op, out);
	if (rq->sink || !is_page(out))
		return 0;
	return err_set(&op->err, ERR_SERVER,
		       "a web page came instead of the service's answer");
}

int jotta_customer(struct jotta *j, struct op *op, const struct json_node **out)
{
	struct http_request rq = { .method = "GET", .gzip = true };
	struct http_answer answer;

	rq.url = arena_printf(&op->arena, "%saccount/v1/customer",
			      j->account->api_url);
	if (jotta_ask(j, op, &rq, &answer) < 0)
		return -1;
	return json_parse(&op->arena, answer.body, answer.body_len, out,
			  &op->err);
}

/* What the service calls the user; not the login name. */
static int ask_username(struct jotta *j, struct op *op, const char **out)
{
	const struct json_node *root;

	if (jotta_customer(j, op, &root) < 0)
		return err_wrap(&op->err, "asking who owns the account");
	*out = json_text(json_get(root, "username"), "");
	if (!jotta_is_name(*out))
		return err_set(&op->err, ERR_CORRUPT,
			       "the service does not tell the account's "
			       "username");
	return 0;
}

int jotta_username(struct jotta *j, struct op *op, const char **out)
{
	struct jotta_account *a = j->account;
	const char *asked = NULL;

	pthread_mutex_lock(&a->lock);
	*out = a->username;
	pthread_mutex_unlock(&a->lock);
	if (*out)
		return 0;
	/* Two threads may ask at once: they get the same answer. */
	if (ask_username(j, op, &asked) < 0)
		return -1;
	pthread_mutex_lock(&a->lock);
	if (!a->username)
		a->username = xstrdup(asked);
	*out = a->username;
	pthread_mutex_unlock(&a->lock);
	return 0;
}

int jotta_url(struct jotta *j, struct op *op, const char *raw,
	      const char *query, const char **out)
{
	const char *username;
	struct buf url = BUF_INIT;

	if (jotta_username(j, op, &username) < 0)
		return -1;
	buf_adds(&url, j->account->jfs_url);
	url_encode(&url, username);
	if (*raw) {
		buf_adds(&url, "/");
		url_encode_path(&url, raw);
	}
	if (query)
		buf_addf(&url, "?%s", query);
	*out = arena_strdup(&op->arena, url.data);
	buf_free(&url);
	return 0;
}

int jotta_jfs(struct jotta *j, struct op *op, const char *path,
	      const char *query, struct http_request *rq,
	      struct http_answer *out)
{
	if (jotta_url(j, op, jotta_raw(j, op, path), query, &rq->url) < 0)
		return -1;
	return jotta_ask(j, op, rq, out);
}

/* The shown path from the account's root, as the aliases know it. */
static void add_shown(struct buf *b, const struct jotta *j, const char *path)
{
	buf_addf(b, "%s/%s%s%s%s%s", j->device, j->mountpoint,
		 *j->root ? "/" : "", j->root, *path ? "/" : "", path);
}

/*
 * Name by name: each is encoded, unless the path so far was listed under
 * another raw one.
 */
static void add_raw(struct buf *raw, const struct jotta_alias *aliases,
		    char *shown, size_t skip)
{
	char *p = shown + skip, saved, *end;

	buf_add(raw, shown, skip);
	for (; *p; p = end) {
		const char *known;

		end = strchrnul(p + 1, '/');
		saved = *end;
		*end = '\0';
		known = jotta_alias_get(aliases, shown);
		if (known) {
			buf_reset(raw);
			buf_adds(raw, known);
		} else {
			buf_adds(raw, "/");
			jotta_encode(raw, p + 1);
		}
		*end = saved;
	}
}

const char *jotta_raw(struct jotta *j, struct op *op, const char *path)
{
	struct jotta_account *a = j->account;
	struct buf raw = BUF_INIT, shown = BUF_INIT;
	const char *out;

	add_shown(&shown, j, path);
	pthread_mutex_lock(&a->lock);
	add_raw(&raw, a->aliases, shown.data,
		strlen(j->device) + 1 + strlen(j->mountpoint));
	pthread_mutex_unlock(&a->lock);
	out = arena_strdup(&op->arena, raw.data);
	buf_free(&raw);
	buf_free(&shown);
	return out;
}

void jotta_remember_raw(struct jotta *j, const char *path, const char *raw)
{
	struct jotta_account *a = j->account;
	struct buf shown = BUF_INIT;

	add_shown(&shown, j, path);
	pthread_mutex_lock(&a->lock);
	jotta_alias_put(a->aliases, shown.data, raw);
	pthread_mutex_unlock(&a->lock);
	buf_free(&shown);
}

static const struct backend_extra extra = {
	.link = jotta_link,
	.links = jotta_links,
	.versions = jotta_versions,
	.version_restore = jotta_version_restore,
	.trash_list = jotta_trash_list,
	.trash_restore = jotta_trash_restore,
	.trash_empty = jotta_trash_empty,
	.cleanup = jotta_cleanup,
	.userinfo = jotta_userinfo,
};

static const struct backend_ops jotta_ops = {
	.close = jotta_close,
	.list = jotta_list,
	.stat = jotta_stat,
	.get = jotta_get,
	.put = jotta_put,
	.mkdir = jotta_mkdir,
	.rmdir = jotta_rmdir,
	.unlink = jotta_unlink,
	.list_tree = jotta_list_tree,
	.copy = jotta_copy,
	.move = jotta_move,
	.move_dir = jotta_move_dir,
	.purge = jotta_purge,
	.touch = jotta_touch,
	.quota = jotta_quota,
	.extra = &extra,
};

static void *account_new(void)
{
	struct jotta_account *a = xcalloc(1, sizeof(*a));

	pthread_mutex_init(&a->lock, NULL);
	a->aliases = jotta_alias_new();
	a->made = jotta_alias_new();
	return a;
}

static void account_drop(void *data)
{
	struct jotta_account *a = data;

	http_free(a->http);
	oauth_free(a->oauth);
	http_free(a->plain);
	free(a->api_url);
	free(a->jfs_url);
	free(a->www_url);
	free(a->username);
	jotta_alias_free(a->aliases);
	jotta_alias_free(a->made);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

#define OFFICIAL_TOKEN_URL                       \
	"https://id.jottacloud.com/auth/realms/" \
	"jottacloud/protocol/openid-connect/token"

/* clang-format off */
static const struct driver_option options[] = {
	{ .name = "device",
	  .fallback = "Jotta",
	  .help = "\"Jotta\", or the name of a backup device" },
	{ .name = "mountpoint",
	  .fallback = "Archive",
	  .help = "\"Archive\", \"Sync\", or a folder of a backup device" },
	{ .name = "token",
	  .secret = true,
	  .help = "what signing in has brought; kept up to date by ferry" },
	{ .name = "tokenURL",
	  .fallback = OFFICIAL_TOKEN_URL,
	  .help = "where tokens are renewed" },
	{ .name = "client_id",
	  .fallback = "jottacli",
	  .help = "what ferry calls itself there" },
	{ .name = "client_secret",
	  .secret = true,
	  .help = "for services that want one" },
	{ .name = "username",
	  .help = "taken from rclone's sections, not used" },
	{ .name = "configVersion",
	  .help = "taken from rclone's sections: 1; a login of version 0 is "
		  "no longer possible" },
	{ .name = "user",
	  .help = "of an old kind of login, no longer possible" },
	{ .name = "pass",
	  .secret = true,
	  .help = "of an old kind of login, no longer possible" },
	{ .name = "hard_delete",
	  .type = OPTION_BOOL,
	  .help = "delete for good instead of into the trash" },
	{ .name = "md5_memory_limit",
	  .type = OPTION_SIZE,
	  .help = "taken from rclone's sections, not needed" },
	{ .name = "upload_resume_limit",
	  .type = OPTION_SIZE,
	  .help = "taken from rclone's sections, not needed: every upload "
		  "can be resumed" },
	{ .name = "trashed_only",
	  .type = OPTION_BOOL,
	  .help = "of rclone; must be false, see \"ferry trash\"" },
	{ .name = "no_versions",
	  .type = OPTION_BOOL,
	  .help = "taken from rclone's sections, not used: old versions are "
		  "kept by the service" },
	{ .name = "encoding",
	  .help = "of rclone; only its default, which ferry always uses" },
	{ .name = "api_url",
	  .fallback = "https://api.jottacloud.com/",
	  .help = "root of the service's JSON interface" },
	{ .name = "jfs_url",
	  .fallback = "https://jfs.jottacloud.com/jfs/",
	  .help = "root of the service's file interface" },
	{ .name = "www_url",
	  .fallback = "https://www.jottacloud.com/",
	  .help = "root of public links" },
	{ .name = "ca_cert",
	  .help = "PEM file of authorities to trust besides the system's" },
	JOTTA_SETUP_OPTIONS,
	{ .name = NULL },
};
/* clang-format on */

/*
 * The section that the token lies in.  A refreshed token must be stored before
 * it is used, so there must be one.
 */
static int find_section(const struct remote_conf *conf, struct op *op,
			const char **out)
{
	struct place place;
	struct ini *ini;
	const char *stored, *given = conf_str(conf, "token");

	if (place_parse(&op->arena, conf->name, &place, &op->err) < 0)
		return -1;
	if (!place.remote)
		return err_set(&op->err, ERR_INVALID,
			       "%s: a place on the spot cannot keep its token, "
			       "which changes with each login; make a remote "
			       "with: ferry config create NAME jottacloud",
			       conf->name);
	if (remotes_config(conf->remotes, op, &ini) < 0)
		return -1;
	stored = ini_get(ini, place.remote, "token");
	if (!given || *given == '\0')
		return err_set(&op->err, ERR_AUTH,
			       "%s: not signed in yet; run: ferry config "
			       "reconnect %s",
			       conf->name, place.remote);
	if (!stored || strcmp(stored, given) != 0)
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"token\" must stand in section "
			       "[%s], where it is kept up to date",
			       conf->name, place.remote);
	*out = place.remote;
	return 0;
}

struct settings {
	const char *section;
	struct jotta_roots roots;
};

/* With the account's lock held. */
static void account_open(struct jotta_account *a,
			 const struct remote_conf *conf,
			 const struct settings *s, struct op *op)
{
	const struct oauth_conf login = {
		.name = s->section,
		.config_path = conf->remotes->config_path,
		.token_url = jotta_option(conf, "tokenURL"),
		.client_id = jotta_option(conf, "client_id"),
		.client_secret = jotta_option(conf, "client_secret"),
		.remedy = arena_printf(&op->arena,
				       "run: ferry config reconnect %s",
				       s->section),
	};
	struct http_conf service = {
		.name = s->section,
		.ca_cert = jotta_option(conf, "ca_cert"),
	};

	jotta_set_roots(a, &s->roots);
	a->plain = http_new(&conf->remotes->http, &service);
	a->oauth = oauth_new(a->plain, &login);
	service.authorize = oauth_authorize;
	service.arg = a->oauth;
	a->http = http_new(&conf->remotes->http, &service);
}

/* One account for all that agree in what it is made of. */
static struct jotta_account *find_account(const struct remote_conf *conf,
					  const struct settings *s,
					  struct op *op)
{
	static const char *const keys[] = { "tokenURL", "client_id",
					    "client_secret", "ca_cert" };
	const char *key = arena_printf(&op->arena, "jotta\n%s\n%s\n%s\n%s\n%s",
				       s->section, conf->remotes->config_path,
				       s->roots.api_url, s->roots.jfs_url,
				       s->roots.www_url);
	struct jotta_account *a;

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *text = jotta_option(conf, keys[i]);

		key = arena_printf(&op->arena, "%s\n%s", key, text ? text : "");
	}
	a = remotes_share(conf->remotes, key, account_new, account_drop);

	pthread_mutex_lock(&a->lock);
	if (!a->oauth)
		account_open(a, conf, s, op);
	pthread_mutex_unlock(&a->lock);
	return a;
}

static int jotta_open(const struct remote_conf *conf, const char *root,
		      struct op *op, struct backend **out)
{
	const char *identity;
	struct settings s;
	struct jotta *j;

	if (jotta_check_login(conf, op) < 0 ||
	    jotta_check_options(conf, op, &s.roots) < 0 ||
	    find_section(conf, op, &s.section) < 0)
		return -1;
	j = xcalloc(1, sizeof(*j));
	j->account = find_account(conf, &s, op);
	j->device = xstrdup(jotta_option(conf, "device"));
	j->mountpoint = xstrdup(jotta_option(conf, "mountpoint"));
	j->root = xstrdup(root);
	j->hard_delete =
		conf->remotes->hard_delete || conf_bool(conf, "hard_delete");
	identity = arena_printf(&op->arena, "jotta:%s:%s:%s/%s/%s",
				s.roots.jfs_url, s.section, j->device,
				j->mountpoint, root);
	backend_init(&j->base, &jotta_ops, conf->name, identity,
		     BE_RANGE | BE_PUT_MD5 | BE_PUT_ATOMIC | BE_SET_MTIME |
			     BE_EMPTY_DIR | BE_NO_CASE | BE_REMOTE |
			     BE_KEEP_OLD | BE_LOOSE_CREATE);
	j->base.mtime_step = NS_PER_SEC;
	j->base.hashes = j->base.listed = 1u << HASH_MD5;
	j->base.calls = 64;
	*out = &j->base;
	return 0;
}

const struct driver driver_jotta = {
	.name = "jottacloud",
	.summary = "Jottacloud, and the same service under other names",
	.options = options,
	.open = jotta_open,
	.setup = jotta_setup,
};
