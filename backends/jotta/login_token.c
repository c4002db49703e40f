#include "backends/jotta/login_token.h"

#include <string.h>

#include "lib/base64.h"
#include "lib/json.h"
#include "net/url.h"

enum { TOKEN_MAX = 16 * 1024 };

static bool is_this_machine(const char *host)
{
	return strcmp(host, "localhost") == 0 || strcmp(host, "::1") == 0 ||
	       strcmp(host, "127.0.0.1") == 0;
}

int login_token_check_url(struct arena *a, const char *text, struct err *e)
{
	struct url url;

	if (url_parse(a, text, &url, e) < 0)
		return err_wrap(e, "the address to sign in at");
	if (url.tls || is_this_machine(url.host))
		return 0;
	return err_set(e, ERR_DENIED,
		       "the address to sign in at is without TLS: %s",
		       url.host);
}

static int no_token(struct err *e, const char *why)
{
	return err_set(e, ERR_INVALID,
		       "this is no personal login token: %s; copy it as a "
		       "whole",
		       why);
}

static int parse(struct arena *a, const struct buf *json,
		 struct login_token *out, struct err *e)
{
	const struct json_node *root;
	const char *secret;

	if (json_parse(a, json->data, json->len, &root, e) < 0 ||
	    root->type != JSON_OBJECT)
		return no_token(e, "something else is in it");
	out->username = json_text(json_get(root, "username"), "");
	out->well_known = json_text(json_get(root, "well_known_link"), "");
	secret = json_text(json_get(root, "auth_token"), "");
	if (!*out->username || !*out->well_known || !*secret)
		return no_token(e, "a part of it is missing");
	out->secret = arena_strdup(a, secret);
	return login_token_check_url(a, out->well_known, e);
}

int login_token_parse(struct arena *a, const char *text,
		      struct login_token *out, struct err *e)
{
	size_t n = strnlen(text, TOKEN_MAX + 1);
	struct buf json = BUF_INIT;
	int rc;

	*out = (struct login_token){ .secret = NULL };
	if (n > TOKEN_MAX)
		return no_token(e, "it is too long");
	if (!base64_decode(&json, text, n))
		return no_token(e, "there are signs in it that none has");
	rc = parse(a, &json, out, e);
	explicit_bzero(json.data, json.len);
	buf_free(&json);
	return rc;
}
