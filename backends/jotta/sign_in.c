#include "backends/jotta/sign_in.h"

#include <stdlib.h>
#include <string.h>

#include "backends/jotta/login_token.h"
#include "lib/clock.h"
#include "lib/json.h"
#include "net/redirect.h"
#include "net/url.h"

#define BROWSER_PATIENCE (600 * NS_PER_SEC)
#define TOKEN_CLIENT     "jottacli"
#define BROWSER_CLIENT   "desktop"
#define BROWSER_SCOPE    "openid jotta-default offline_access"

/*
 * The same service under other names; only its own can be signed in to without
 * a browser.
 */
struct service {
	const char *name, *title;
	const char *host, *realm;
	const char *client, *scope; /* NULL: BROWSER_... */
};

static const struct service services[] = {
	{ "jottacloud", "Jottacloud", "id.jottacloud.com", "jottacloud", NULL,
	  NULL },
	{ "elgiganten_dk", "Elgiganten Cloud (Denmark)", "cloud.elgiganten.dk",
	  "elgiganten", NULL, NULL },
	{ "elgiganten_se", "Elgiganten Cloud (Sweden)", "cloud.elgiganten.se",
	  "elgiganten", NULL, NULL },
	{ "elkjop", "Elkjøp Cloud (Norway)", "cloud.elkjop.no", "elkjop", NULL,
	  NULL },
	{ "elko", "ELKO Cloud (Iceland)", "cloud.elko.is", "elko", NULL, NULL },
	{ "gigantti", "Gigantti Cloud (Finland)", "cloud.gigantti.fi",
	  "gigantti", NULL, NULL },
	{ "letsgo", "Let's Go Cloud (Germany)", "letsgo.jotta.cloud", "letsgo",
	  "desktop-win", "openid offline_access" },
	{ "mediamarkt", "MediaMarkt Cloud", "mediamarkt.jottacloud.com",
	  "mediamarkt", NULL, NULL },
	{ "onlime", "Onlime (Denmark)", "cloud-auth.onlime.dk", "onlime_wl",
	  NULL, NULL },
	{ "tele2", "Tele2 Cloud (Sweden)", "mittcloud-auth.tele2.se", "comhem",
	  NULL, NULL },
	{ "telia_no", "Telia Sky (Norway)", "sky-auth.telia.no", "get", NULL,
	  NULL },
	{ "telia_se", "Telia Cloud (Sweden)", "cloud-auth.telia.se", "telia_se",
	  NULL, NULL },
};

const char *setup_given(const struct setup *s, const char *key)
{
	const struct remote_conf *c = s->conf;

	for (size_t i = c->n_options; i-- > 0;)
		if (strcmp(c->options[i].key, key) == 0)
			return *c->options[i].value ? c->options[i].value
						    : NULL;
	return NULL;
}

/* What a service says about signing in to it. */
struct well_known {
	const char *token_url, *browser_url;
};

static int get_well_known(struct op *op, struct http *http, const char *url,
			  struct well_known *out)
{
	struct http_request rq = { .method = "GET", .url = url };
	const struct json_node *root;
	struct http_answer answer;

	if (login_token_check_url(&op->arena, url, &op->err) < 0)
		return -1;
	if (http_do(http, op, &rq, &answer) < 0)
		return err_wrap(&op->err, "asking how to sign in");
	if (answer.status / 100 != 2) {
		http_fail(op, &answer);
		return err_wrap(&op->err, "asking how to sign in");
	}
	if (json_parse(&op->arena, answer.body, answer.body_len, &root,
		       &op->err) < 0)
		return err_wrap(&op->err, "the answer to how to sign in");
	out->token_url = json_text(json_get(root, "token_endpoint"), "");
	out->browser_url =
		json_text(json_get(root, "authorization_endpoint"), "");
	if (login_token_check_url(&op->arena, out->token_url, &op->err) < 0)
		return err_wrap(&op->err, "the answer to how to sign in");
	return 0;
}

/* The page where a personal login token is made. */
static const char *token_page(struct op *op, const char *www_url)
{
	return arena_printf(&op->arena, "%sweb/secure", www_url);
}

/* A token that cannot be renewed is no login. */
static int check_token(struct op *op, const struct oauth_token *t)
{
	if (t->refresh && *t->refresh)
		return 0;
	return err_set(&op->err, ERR_AUTH,
		       "the service has given no token that can be renewed");
}

static int exchange_token(struct op *op, struct http *http, const char *www_url,
			  const struct login_token *login, struct sign_in *out)
{
	const struct http_header form[] = {
		{ "client_id", TOKEN_CLIENT },
		{ "grant_type", "password" },
		{ "username", login->username },
		{ "password", login->secret },
		{ "scope", "openid offline_access" },
		{ NULL, NULL }
	};
	struct oauth_token *token = arena_alloc(&op->arena, sizeof(*token));
	struct well_known at = { 0 };

	if (get_well_known(op, http, login->well_known, &at) < 0)
		return -1;
	if (oauth_ask(http, op, at.token_url, form, token) < 0) {
		if (op->err.kind != ERR_AUTH)
			return -1;
		return err_wrap(&op->err,
				"the login token was not accepted (each is "
				"good once, and not for long; make a new one "
				"at %s)",
				token_page(op, www_url));
	}
	*out = (struct sign_in){ token, at.token_url, TOKEN_CLIENT };
	return check_token(op, token);
}

static int sign_in_by_token(struct setup *s, struct op *op, struct http *http,
			    const char *www_url, struct sign_in *out)
{
	const char *text = setup_given(s, "login_token");
	struct login_token login;
	int rc;

	if (!text && s->dialog->ask(s->dialog, op, "login_token",
				    arena_printf(&op->arena,
						 "Personal login token, which "
						 "is made at %s",
						 token_page(op, www_url)),
				    true, &text) < 0)
		return -1;
	if (login_token_parse(&op->arena, text, &login, &op->err) < 0)
		return -1;
	rc = exchange_token(op, http, www_url, &login, out);
	explicit_bzero(login.secret, strlen(login.secret));
	return rc;
}

/* A service that is signed in to with a browser. */
struct browser {
	const char *well_known, *client, *scope;
};

static void add_query(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "%c%s=", strchr(b->data, '?') ? '&' : '?', name);
	url_encode(b, value);
}

static int send_browser(struct setup *s, struct op *op, struct redirect *r,
			const struct browser *to, const char *url,
			const char **code)
{
	struct buf at = BUF_INIT;

	buf_adds(&at, url);
	add_query(&at, "client_id", to->client);
	add_query(&at, "redirect_uri", redirect_uri(r));
	add_query(&at, "response_type", "code");
	add_query(&at, "scope", to->scope);
	add_query(&at, "state", redirect_state(r));
	s->dialog->say(s->dialog, "Open this address in a browser on this "
				  "machine, and sign in there:");
	s->dialog->say(s->dialog, at.data);
	buf_free(&at);
	return redirect_wait(r, op, BROWSER_PATIENCE, code);
}

static int exchange_code(struct setup *s, struct op *op, struct http *http,
			 const struct redirect *r, const struct browser *to,
			 const struct well_known *at, const char *code,
			 struct oauth_token *token)
{
	const char *secret = setup_given(s, "client_secret");
	const struct http_header form[] = {
		{ "client_id", to->client },
		{ "grant_type", "authorization_code" },
		{ "code", code },
		{ "redirect_uri", redirect_uri(r) },
		{ secret ? "client_secret" : NULL, secret },
		{ NULL, NULL }
	};

	if (oauth_ask(http, op, at->token_url, form, token) < 0)
		return -1;
	return check_token(op, token);
}

static int sign_in_by_browser(struct setup *s, struct op *op, struct http *http,
			      const struct browser *to, struct sign_in *out)
{
	struct oauth_token *token = arena_alloc(&op->arena, sizeof(*token));
	int64_t port = conf_int(s->conf, "redirect_port");
	struct redirect *r = NULL;
	struct well_known at = { 0 };
	const char *code = NULL;
	int rc = -1;

	if (get_well_known(op, http, to->well_known, &at) < 0 ||
	    login_token_check_url(&op->arena, at.browser_url, &op->err) < 0)
		return -1;
	if (port < 0 || port > UINT16_MAX)
		return err_set(&op->err, ERR_INVALID,
			       "redirect_port: there is no such port");
	if (redirect_open(op, (unsigned)port, &r) < 0)
		return err_wrap(&op->err, "waiting for the browser");
	if (send_browser(s, op, r, to, at.browser_url, &code) == 0)
		rc = exchange_code(s, op, http, r, to, &at, code, token);
	redirect_close(r);
	*out = (struct sign_in){ token, at.token_url, to->client };
	return rc;
}

static struct browser browser_of(const struct service *s, struct op *op)
{
	return (struct browser){
		.well_known = arena_printf(&op->arena,
					   "https://%s/auth/realms/%s/"
					   ".well-known/openid-configuration",
					   s->host, s->realm),
		.client = s->client ? s->client : BROWSER_CLIENT,
		.scope = s->scope ? s->scope : BROWSER_SCOPE,
	};
}

static int find_service(struct op *op, const char *name, struct browser *out)
{
	const char *known = "";

	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		if (strcmp(services[i].name, name) == 0) {
			*out = browser_of(&services[i], op);
			return 0;
		}
		known = arena_printf(&op->arena, "%s%s%s", known,
				     *known ? ", " : "", services[i].name);
	}
	return err_set(&op->err, ERR_INVALID,
		       "service: \"%s\" is not known; those known are: %s. For "
		       "another give well_known_url",
		       name, known);
}

/* A login that is to be renewed by browser: the way it was first had. */
static bool is_stored_browser(const struct setup *s, struct op *op,
			      struct browser *out)
{
	static const char end[] = "/protocol/openid-connect/token";
	const char *url = setup_given(s, "tokenURL");
	const char *client = setup_given(s, "client_id");
	size_t n = url ? strlen(url) : 0, k = sizeof(end) - 1;

	if (!s->reconnect || !client || strcmp(client, TOKEN_CLIENT) == 0 ||
	    n <= k || strcmp(url + n - k, end) != 0)
		return false;
	*out = (struct browser){
		.well_known = arena_printf(&op->arena,
					   "%.*s/.well-known/"
					   "openid-configuration",
					   (int)(n - k), url),
		.client = client,
		.scope = BROWSER_SCOPE,
	};
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (services[i].scope && strstr(url, services[i].host))
			out->scope = services[i].scope;
	return true;
}

/* With the first, a login token; the rest by browser. */
static int choose_service(struct setup *s, struct op *op, struct browser *out)
{
	const char *titles[ARRAY_LEN(services)];
	size_t chosen = 0;

	titles[0] = "Jottacloud, with a personal login token";
	for (size_t i = 1; i < ARRAY_LEN(services); i++)
		titles[i] = services[i].title;
	if (s->dialog->choose(s->dialog, op, "service", "Which service is it?",
			      titles, ARRAY_LEN(titles), &chosen) < 0)
		return -1;
	if (chosen >= ARRAY_LEN(services))
		BUG("choice %zu of %zu", chosen, ARRAY_LEN(services));
	if (chosen)
		*out = browser_of(&services[chosen], op);
	return 0;
}

/* Each says by itself where and how to sign in. */
static int check_one_way(const struct setup *s, struct op *op)
{
	static const char *const ways[] = { "login_token", "service",
					    "well_known_url" };
	const char *given = NULL;

	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		if (!setup_given(s, ways[i]))
			continue;
		if (given)
			return err_set(&op->err, ERR_INVALID,
				       "only one of %s and %s can be given",
				       given, ways[i]);
		given = ways[i];
	}
	return 0;
}

int sign_in(struct setup *s, struct op *op, struct http *http,
	    const char *www_url, struct sign_in *out)
{
	const char *service = setup_given(s, "service");
	const char *well_known = setup_given(s, "well_known_url");
	const char *client = setup_given(s, "client_id");
	struct browser to = { .well_known = NULL };
	int rc = 0;

	if (check_one_way(s, op) < 0)
		return -1;
	if (setup_given(s, "login_token"))
		return sign_in_by_token(s, op, http, www_url, out);
	if (well_known)
		to = (struct browser){ .well_known = well_known,
				       .client =
					       client ? client : BROWSER_CLIENT,
				       .scope = BROWSER_SCOPE };
	else if (service)
		rc = find_service(op, service, &to);
	else if (!is_stored_browser(s, op, &to) && !s->reconnect &&
		 s->dialog->interactive)
		rc = choose_service(s, op, &to);
	if (rc < 0)
		return -1;
	return to.well_known ? sign_in_by_browser(s, op, http, &to, out)
			     : sign_in_by_token(s, op, http, www_url, out);
}
