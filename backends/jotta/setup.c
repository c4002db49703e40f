/* `ferry config create NAME jottacloud` and `reconnect`. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backends/jotta/conf.h"
#include "backends/jotta/sign_in.h"

#define BUILT_IN "Jotta"

enum { NAMES_MAX = 10000 };

/* An account that is open before there is a section for it. */
struct opening {
	struct setup *setup;
	struct jotta_account account;
	struct jotta jotta;
	const char *authorization; /* "Bearer ..."; NULL: not yet */
	const char *username;
};

static int authorize(void *arg, struct op *op, const char *stale,
		     const char **value)
{
	struct opening *o = arg;

	(void)op;
	(void)stale; /* the same again ends the request with the 401 */
	*value = o->authorization;
	return 0;
}

static void opening_begin(struct opening *o)
{
	const struct remote_conf *conf = o->setup->conf;
	struct http_conf service = { .name = conf->name,
				     .ca_cert =
					     setup_given(o->setup, "ca_cert") };

	pthread_mutex_init(&o->account.lock, NULL);
	o->account.plain = http_new(&conf->remotes->http, &service);
	service.authorize = authorize;
	service.arg = o;
	o->account.http = http_new(&conf->remotes->http, &service);
	o->jotta.account = &o->account;
}

static void opening_end(struct opening *o)
{
	http_free(o->account.http);
	http_free(o->account.plain);
	pthread_mutex_destroy(&o->account.lock);
	free(o->account.username);
	free(o->account.api_url);
	free(o->account.jfs_url);
	free(o->account.www_url);
}

/*
 * A login token is good once: what comes after it is not given up for a busy
 * moment of the service.
 */
static bool again(struct op *op, unsigned n)
{
	return err_info(op->err.kind)->retry && n < 4 &&
	       op_sleep(op, 500u << n) == 0;
}

static int ask_username(struct opening *o, struct op *op)
{
	unsigned n = 0;

	while (jotta_username(&o->jotta, op, &o->username) < 0)
		if (!again(op, n++))
			return -1;
	return 0;
}

/* Names that a document lists, in its order. */
struct names {
	const char *at[NAMES_MAX];
	size_t n;
};

static int keep_name(void *arg, struct op *op, const struct jfs_node *n)
{
	struct names *names = arg;

	if (n->self || n->kind != JFS_FOLDER || n->deleted || !n->name ||
	    *n->name == '\0' || names->n == NAMES_MAX)
		return 0;
	names->at[names->n++] = arena_strdup(&op->arena, n->name);
	return 0;
}

static bool has_name(const struct names *names, const char *name, size_t *at)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcasecmp(names->at[i], name) == 0) {
			*at = i;
			return true;
		}
	}
	return false;
}

/*
 * A request about the account, its device, or the mountpoint on that; the names
 * in the answer.
 */
static int ask_jfs(struct opening *o, struct op *op, const char *method,
		   const char *device, const char *mountpoint,
		   const char *query, struct names *out)
{
	struct http_request rq = { .method = method };
	struct http_answer answer;
	unsigned n = 0;
	const char *raw = arena_printf(
		&op->arena, "%s%s%s", device ? device : "",
		mountpoint ? "/" : "", mountpoint ? mountpoint : "");

	if (jotta_url(&o->jotta, op, raw, query, &rq.url) < 0)
		return -1;
	while (jotta_ask(&o->jotta, op, &rq, &answer) < 0)
		if (!again(op, n++))
			return -1;
	return out ? jfs_parse(op, answer.body, answer.body_len, keep_name, out)
		   : 0;
}

/* What a name for a device or mountpoint may be. */
static int check_name(struct op *op, const char *key, const char *name)
{
	struct buf raw = BUF_INIT;
	bool good;

	jotta_encode(&raw, name);
	good = jotta_is_name(name) && strcmp(raw.data, name) == 0 &&
	       raw.len <= 255;
	buf_free(&raw);
	if (good)
		return 0;
	return err_set(&op->err, ERR_INVALID,
		       "%s: nothing can be called \"%s\" there", key, name);
}

static int ask_new_name(struct opening *o, struct op *op, const char *key,
			const char *question, const char **out)
{
	struct dialog *d = o->setup->dialog;

	return d->ask(d, op, key, question, false, out);
}

/*
 * One of `names`, or, with `other` for a last choice, a new one.  `first` is
 * offered first if it is there.
 */
static int choose_name(struct opening *o, struct op *op, const char *key,
		       const char *question, const struct names *names,
		       const char *first, const char *other, const char **out)
{
	struct dialog *d = o->setup->dialog;
	const char **choices =
		arena_alloc(&op->arena, (names->n + 1) * sizeof(*choices));
	size_t n = names->n, chosen = 0;

	if (n)
		memcpy(choices, names->at, n * sizeof(*choices));
	if (!has_name(names, first, &chosen))
		chosen = 0;
	if (other)
		choices[n++] = other;
	if (n == 0)
		return err_set(&op->err, ERR_NOT_FOUND,
			       "there is nothing to choose for %s", key);
	if (d->choose(d, op, key, question, choices, n, &chosen) < 0)
		return -1;
	*out = choices[chosen];
	if (chosen == names->n)
		return ask_new_name(o, op, key, "What shall it be called?",
				    out);
	return 0;
}

/* The service's own spelling, if it has one of that name. */
static bool spelled(const struct names *names, const char **name)
{
	size_t at;

	if (!has_name(names, *name, &at))
		return false;
	*name = names->at[at];
	return true;
}

static int choose_device(struct opening *o, struct op *op, const char **out)
{
	struct names *names = arena_alloc(&op->arena, sizeof(*names));
	const char *given = setup_given(o->setup, "device");

	if (!given && !o->setup->dialog->interactive) {
		*out = BUILT_IN;
		return 0;
	}
	if (ask_jfs(o, op, "GET", NULL, NULL, NULL, names) < 0)
		return err_wrap(&op->err, "listing the devices");
	*out = given ? given : "";
	if (!given &&
	    choose_name(o, op, "device",
			"Which device? " BUILT_IN
			" has the archive and the synced folder; "
			"each other one is a backup",
			names, BUILT_IN, "a new backup device", out) < 0)
		return -1;
	if (check_name(op, "device", *out) < 0)
		return -1;
	if (spelled(names, out) || strcasecmp(*out, BUILT_IN) == 0)
		return 0;
	if (ask_jfs(o, op, "POST", *out, NULL, "type=WORKSTATION", NULL) < 0)
		return err_wrap(&op->err, "making the device \"%s\"", *out);
	return 0;
}

/* Views of the service, in which nothing can be put. */
static bool is_view(const char *name)
{
	static const char *const views[] = { "Shared", "Links", "Latest",
					     "Trash" };

	for (size_t i = 0; i < ARRAY_LEN(views); i++)
		if (strcasecmp(views[i], name) == 0)
			return true;
	return false;
}

static void drop_views(struct names *names)
{
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++)
		if (!is_view(names->at[i]))
			names->at[n++] = names->at[i];
	names->n = n;
}

static int unknown_mountpoint(struct op *op, const struct names *names,
			      const char *name)
{
	const char *known = "";

	for (size_t i = 0; i < names->n; i++)
		known = arena_printf(&op->arena, "%s%s%s", known, i ? ", " : "",
				     names->at[i]);
	return err_set(&op->err, ERR_INVALID,
		       "mountpoint: device " BUILT_IN " has no \"%s\" and "
		       "takes no new ones; it has: %s",
		       name, known);
}

static int choose_mountpoint(struct opening *o, struct op *op,
			     const char *device, const char **out)
{
	struct names *names = arena_alloc(&op->arena, sizeof(*names));
	const char *given = setup_given(o->setup, "mountpoint");
	bool built_in = strcasecmp(device, BUILT_IN) == 0;

	if (!given && built_in && !o->setup->dialog->interactive) {
		*out = "Archive";
		return 0;
	}
	if (ask_jfs(o, op, "GET", device, NULL, NULL, names) < 0)
		return err_wrap(&op->err, "listing the mountpoints of \"%s\"",
				device);
	if (built_in && !(given && is_view(given)))
		drop_views(names);
	*out = given ? given : "";
	if (!given &&
	    choose_name(o, op, "mountpoint", "Which folder of it?", names,
			"Archive", built_in ? NULL : "a new folder", out) < 0)
		return -1;
	if (spelled(names, out))
		return 0;
	if (built_in)
		return unknown_mountpoint(op, names, *out);
	if (check_name(op, "mountpoint", *out) < 0)
		return -1;
	if (ask_jfs(o, op, "POST", device, *out, NULL, NULL) < 0)
		return err_wrap(&op->err, "making the mountpoint \"%s\"", *out);
	return 0;
}

/* A remote's paths and times were another account's: not to be mixed. */
static int check_owner(struct opening *o, struct op *op)
{
	const char *before = setup_given(o->setup, "username");
	const char *version = setup_given(o->setup, "configVersion");

	if (!o->setup->reconnect || !before || !version ||
	    strcmp(version, "1") != 0 || strcmp(before, o->username) == 0)
		return 0;
	return err_set(&op->err, ERR_INVALID,
		       "this login is of another account (%s) than the "
		       "remote's (%s); for that, make a remote of its own",
		       o->username, before);
}

static int set_all(struct setup *s, struct op *op,
		   const struct http_header *values)
{
	for (; values->name; values++)
		if (s->set(s, op, values->name, values->value) < 0)
			return -1;
	return 0;
}

static int store(struct opening *o, struct op *op, const struct sign_in *in,
		 const char *device, const char *mountpoint)
{
	struct buf token = BUF_INIT;
	int rc;

	oauth_token_write(&token, in->token);
	const struct http_header values[] = { { "token", token.data },
					      { "tokenURL", in->token_url },
					      { "client_id", in->client_id },
					      { "configVersion", "1" },
					      { "username", o->username },
					      { "device", device },
					      { "mountpoint", mountpoint },
					      { "user", NULL },
					      { "pass", NULL },
					      { "login_token", NULL },
					      { NULL, NULL } };

	rc = set_all(o->setup, op, values);
	explicit_bzero(token.data, token.len);
	buf_free(&token);
	return rc;
}

/*
 * All that can be known to be wrong before a login is spent on it.  An old
 * login is what a reconnect takes out.
 */
static int check_before(struct opening *o, struct op *op,
			struct jotta_roots *roots)
{
	const struct setup *s = o->setup;
	const char *device = setup_given(s, "device");

	if (!s->reconnect && jotta_check_login(s->conf, op) < 0)
		return -1;
	if (!s->reconnect && device && check_name(op, "device", device) < 0)
		return -1;
	return jotta_check_options(s->conf, op, roots);
}

static int set_up(struct opening *o, struct op *op)
{
	const char *device = setup_given(o->setup, "device");
	const char *mountpoint = setup_given(o->setup, "mountpoint");
	struct sign_in in = { 0 };
	struct jotta_roots roots;

	if (check_before(o, op, &roots) < 0)
		return -1;
	jotta_set_roots(&o->account, &roots);
	if (sign_in(o->setup, op, o->account.plain, roots.www_url, &in) < 0)
		return -1;
	o->authorization =
		arena_printf(&op->arena, "Bearer %s", in.token->access);
	if (ask_username(o, op) < 0 || check_owner(o, op) < 0)
		return -1;
	/* Of a remote in use both were chosen once; none is the default. */
	if (!o->setup->reconnect &&
	    (choose_device(o, op, &device) < 0 ||
	     choose_mountpoint(o, op, device, &mountpoint) < 0))
		return -1;
	return store(o, op, &in, device, mountpoint);
}

int jotta_setup(struct setup *s, struct op *op)
{
	struct opening o = { .setup = s };
	int rc;

	opening_begin(&o);
	rc = set_up(&o, op);
	opening_end(&o);
	return rc;
}
