/* What the options of a remote say, as far as that needs no service. */
#include "backends/jotta/conf.h"

#include <string.h>

#include "net/url.h"

const char *jotta_option(const struct remote_conf *conf, const char *key)
{
	const char *text = conf_str(conf, key);
	const struct driver_option *o;

	if (text && *text)
		return text;
	o = driver_option_find(conf->driver, key);
	return o ? o->fallback : NULL;
}

/*
 * rclone's default, in any order; with or without what its versions differ in,
 * and what ferry does more.
 */
static bool is_default_encoding(struct op *op, const char *text)
{
	static const char *const names[] = {
		"Slash",     "LtGt",        "DoubleQuote", "Colon",
		"Question",  "Asterisk",    "Pipe",        "Del",
		"Ctl",       "InvalidUtf8", "Dot",         "Percent",
		"LeftSpace", "RightSpace", /* may be missing */
	};
	const unsigned needed = (1u << (ARRAY_LEN(names) - 3)) - 1;
	char *copy = arena_strdup(&op->arena, text), *save = NULL;
	unsigned seen = 0;

	for (char *p = strtok_r(copy, ", ", &save); p;
	     p = strtok_r(NULL, ", ", &save)) {
		size_t i = 0;

		while (i < ARRAY_LEN(names) && strcmp(names[i], p) != 0)
			i++;
		if (i == ARRAY_LEN(names))
			return false;
		seen |= 1u << i;
	}
	return (seen & needed) == needed;
}

int jotta_check_login(const struct remote_conf *conf, struct op *op)
{
	const char *version = conf_str(conf, "configVersion");

	if (!jotta_option(conf, "user") && !jotta_option(conf, "pass") &&
	    !(version && strcmp(version, "0") == 0))
		return 0;
	return err_set(
		&op->err, ERR_INVALID,
		"%s: this kind of login (with \"user\" and \"pass\") is no "
		"longer possible; for the one that is, run: ferry "
		"config reconnect",
		conf->name);
}

static int check_values(const struct remote_conf *conf, struct op *op)
{
	const char *encoding = jotta_option(conf, "encoding");

	if (encoding && !is_default_encoding(op, encoding))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "%s: option \"encoding\": names are written as "
			       "rclone does by default and in no other way; "
			       "take the option out",
			       conf->name);
	if (conf_bool(conf, "trashed_only"))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "%s: option \"trashed_only\": see \"ferry "
			       "trash\" for what was deleted",
			       conf->name);
	return 0;
}

static int check_component(const struct remote_conf *conf, struct op *op,
			   const char *key)
{
	const char *name = jotta_option(conf, key);

	if (jotta_is_name(name))
		return 0;
	return err_set(&op->err, ERR_INVALID,
		       "%s: option \"%s\": \"%s\" is not a single name",
		       conf->name, key, name);
}

/* The root of an interface, with '/' at its end. */
static int root_url(const struct remote_conf *conf, struct op *op,
		    const char *key, const char **out)
{
	const char *text = jotta_option(conf, key);
	struct url url;

	if (url_parse(&op->arena, text, &url, &op->err) < 0)
		return err_wrap(&op->err, "%s: option \"%s\"", conf->name, key);
	if (url.query)
		return err_set(&op->err, ERR_INVALID,
			       "%s: option \"%s\": there is a '?' in it",
			       conf->name, key);
	*out = text[strlen(text) - 1] == '/'
		       ? text
		       : arena_printf(&op->arena, "%s/", text);
	return 0;
}

int jotta_check_options(const struct remote_conf *conf, struct op *op,
			struct jotta_roots *out)
{
	if (check_values(conf, op) < 0 ||
	    check_component(conf, op, "device") < 0 ||
	    check_component(conf, op, "mountpoint") < 0 ||
	    root_url(conf, op, "api_url", &out->api_url) < 0 ||
	    root_url(conf, op, "jfs_url", &out->jfs_url) < 0 ||
	    root_url(conf, op, "www_url", &out->www_url) < 0)
		return -1;
	return 0;
}

void jotta_set_roots(struct jotta_account *a, const struct jotta_roots *r)
{
	a->api_url = xstrdup(r->api_url);
	a->jfs_url = xstrdup(r->jfs_url);
	a->www_url = xstrdup(r->www_url);
}
