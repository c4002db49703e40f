#include "net/oauth_token.h"

#include <string.h>

#include "lib/clock.h"
#include "lib/date.h"
#include "lib/json.h"
#include "lib/json_write.h"
#include "lib/parse.h"
#include "lib/utf8.h"

/* Ten years; nobody means more, and no sum with it can wrap. */
static const int64_t LIFE_MAX = INT64_C(315360000) * NS_PER_SEC;

/* In 2261, whose last hours cannot be written with every offset. */
static const int64_t EXPIRY_MAX = INT64_C(9214000000) * NS_PER_SEC;

enum { REFUSAL_MAX = 200 };

/* The text, NULL if there is none or it is empty; -1 if it holds a NUL. */
static int get_text(const struct json_node *obj, const char *key,
		    const char **out, struct err *e)
{
	const struct json_node *n = json_get(obj, key);

	*out = json_text(n, NULL);
	if (!*out)
		return 0;
	if (strlen(*out) != n->len)
		return err_set(e, ERR_CORRUPT, "\"%s\" holds a NUL byte", key);
	if (**out == '\0')
		*out = NULL;
	return 0;
}

static int get_token(const struct json_node *root, struct oauth_token *out,
		     struct err *e)
{
	*out = (struct oauth_token){ 0 };
	if (!root || root->type != JSON_OBJECT)
		return err_set(e, ERR_CORRUPT, "this is no JSON object");
	if (get_text(root, "access_token", &out->access, e) < 0 ||
	    get_text(root, "refresh_token", &out->refresh, e) < 0 ||
	    get_text(root, "token_type", &out->type, e) < 0)
		return -1;
	return 0;
}

/* A number of seconds, which some services put into quotes. */
static int64_t life_of(const struct json_node *n)
{
	int64_t ns;

	if (!n || (n->type != JSON_NUMBER && n->type != JSON_STRING) ||
	    !parse_duration(n->text, &ns) || ns <= 0)
		return 0;
	return ns < LIFE_MAX ? ns : LIFE_MAX;
}

int oauth_token_parse(struct arena *a, const char *json,
		      struct oauth_token *out, struct err *e)
{
	const struct json_node *root;
	const char *expiry;

	if (json_parse(a, json, strlen(json), &root, e) < 0 ||
	    get_token(root, out, e) < 0)
		return -1;
	if (!out->access && !out->refresh)
		return err_set(e, ERR_CORRUPT, "there is no token in it");
	expiry = json_text(json_get(root, "expiry"), "");
	/* Go's zero time is of the year 1 */
	if (!date_parse_rfc3339(expiry, &out->expiry) || out->expiry < 0 ||
	    out->expiry > EXPIRY_MAX)
		out->expiry = 0;
	out->life = life_of(json_get(root, "expires_in"));
	return 0;
}

void oauth_token_write(struct buf *b, const struct oauth_token *t)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_str(&j, "access_token", t->access ? t->access : "");
	json_str(&j, "token_type", t->type ? t->type : "Bearer");
	if (t->refresh)
		json_str(&j, "refresh_token", t->refresh);
	if (t->expiry) {
		struct buf when = BUF_INIT;

		show_time_utc(&when, t->expiry);
		json_str(&j, "expiry", when.data);
		buf_free(&when);
	}
	if (t->life >= NS_PER_SEC)
		json_int(&j, "expires_in", t->life / NS_PER_SEC);
	json_end(&j);
}

int oauth_answer_parse(struct arena *a, const char *body, size_t n,
		       int64_t asked, struct oauth_token *out, struct err *e)
{
	const struct json_node *root;

	if (json_parse(a, body, n, &root, e) < 0 || get_token(root, out, e) < 0)
		return -1;
	if (!out->access)
		return err_set(e, ERR_CORRUPT, "there is no token in it");
	out->life = life_of(json_get(root, "expires_in"));
	if (out->life)
		out->expiry = asked + out->life;
	return 0;
}

/* A server's text, short and harmless. */
static const char *tame(struct arena *a, const char *text)
{
	struct buf b = BUF_INIT;
	const char *copy;

	utf8_add_printable(&b, text, strnlen(text, REFUSAL_MAX));
	copy = arena_strdup(a, b.data);
	buf_free(&b);
	return copy;
}

void oauth_refusal_parse(struct arena *a, const char *body, size_t n,
			 const char **error, const char **text)
{
	const struct json_node *root;
	const char *said;
	struct err e;

	*error = "";
	*text = NULL;
	if (json_parse(a, body, n, &root, &e) < 0)
		return;
	*error = tame(a, json_text(json_get(root, "error"), ""));
	said = json_text(json_get(root, "error_description"), NULL);
	if (said && *said)
		*text = tame(a, said);
}
