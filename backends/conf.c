#include "backends/conf.h"

#include <string.h>

#include "crypt/obscure.h"
#include "lib/parse.h"

static const char *given(const struct remote_conf *c, const char *key)
{
	for (size_t i = c->n_options; i-- > 0;)
		if (strcmp(c->options[i].key, key) == 0)
			return c->options[i].value;
	return NULL;
}

static const char *text_of(const struct remote_conf *c,
			   const struct driver_option *o)
{
	const char *value = given(c, o->name);

	if (value && *value == '\0' && o->type != OPTION_STR)
		value = NULL; /* "key =" in a section stands for "not set" */
	return value ? value : o->fallback;
}

static bool number_of(enum option_type type, const char *text, int64_t *out)
{
	switch (type) {
	case OPTION_INT: return parse_int(text, out);
	case OPTION_SIZE: return parse_size(text, false, out);
	case OPTION_DURATION: return parse_duration(text, out);
	case OPTION_STR:
	case OPTION_BOOL: break;
	}
	BUG("option type %d is no number", (int)type);
}

static const struct driver_option *must_have(const struct remote_conf *c,
					     const char *key, bool type_fits,
					     const struct driver_option *o)
{
	if (!o || !type_fits)
		BUG("driver %s has no such option \"%s\"", c->driver->name,
		    key);
	return o;
}

const char *conf_str(const struct remote_conf *c, const char *key)
{
	const struct driver_option *o = driver_option_find(c->driver, key);

	return text_of(c, must_have(c, key, true, o));
}

bool conf_bool(const struct remote_conf *c, const char *key)
{
	const struct driver_option *o = driver_option_find(c->driver, key);
	const char *text;
	bool value = false;

	must_have(c, key, o && o->type == OPTION_BOOL, o);
	text = text_of(c, o);
	if (text && !parse_bool(text, &value))
		BUG("option \"%s\" was not checked", key);
	return value;
}

int64_t conf_int(const struct remote_conf *c, const char *key)
{
	const struct driver_option *o = driver_option_find(c->driver, key);
	const char *text;
	int64_t value = 0;

	must_have(c, key, o && o->type != OPTION_BOOL && o->type != OPTION_STR,
		  o);
	text = text_of(c, o);
	if (text && !number_of(o->type, text, &value))
		BUG("option \"%s\" was not checked", key);
	return value;
}

int conf_password(const struct remote_conf *c, const char *key, struct op *op,
		  const char **out)
{
	const struct driver_option *o = driver_option_find(c->driver, key);
	struct buf plain = BUF_INIT;
	const char *text;
	int rc = 0;

	text = text_of(c, must_have(c, key, o && o->obscured, o));
	*out = NULL;
	if (!text || *text == '\0')
		return 0;
	if (reveal(&plain, text, &op->err) < 0)
		rc = err_set(&op->err, ERR_INVALID,
			     "%s: the value of \"%s\" is no obscured password; "
			     "\"ferry obscure -\" makes one",
			     c->name, key);
	else
		*out = arena_strdup(&op->arena, plain.data);
	explicit_bzero(plain.data, plain.len);
	buf_free(&plain);
	return rc;
}

/* What a value of that type is called, for messages. */
static const char *const type_names[] = {
	[OPTION_STR] = "text",
	[OPTION_BOOL] = "true or false",
	[OPTION_INT] = "a whole number",
	[OPTION_SIZE] = "a size such as 10M",
	[OPTION_DURATION] = "a duration such as 1m30s",
};

bool conf_is_secret(const struct driver_option *o)
{
	return o->secret || o->obscured;
}

static bool fits(const struct driver_option *o, const char *text)
{
	int64_t number;
	bool truth;

	if (o->type == OPTION_STR)
		return true;
	if (o->type == OPTION_BOOL)
		return parse_bool(text, &truth);
	return number_of(o->type, text, &number);
}

/* "url, vendor, user" */
static const char *list_options(struct buf *b, const struct driver *d)
{
	buf_reset(b);
	for (const struct driver_option *o = d->options; o && o->name; o++)
		buf_addf(b, "%s%s", b->len ? ", " : "", o->name);
	return b->len ? b->data : "none";
}

static int check_known(const struct remote_conf *c, struct err *e)
{
	for (size_t i = 0; i < c->n_options; i++) {
		struct buf list = BUF_INIT;

		if (driver_option_find(c->driver, c->options[i].key))
			continue;
		err_set(e, ERR_INVALID,
			"%s: driver %s has no option \"%s\"; its options are: "
			"%s",
			c->name, c->driver->name, c->options[i].key,
			list_options(&list, c->driver));
		buf_free(&list);
		return -1;
	}
	return 0;
}

static int missing(const struct remote_conf *c, const char *key,
		   const char *section, struct err *e)
{
	if (section)
		return err_set(e, ERR_INVALID,
			       "%s: option \"%s\" is missing; write a line "
			       "\"%s = ...\" into section [%s] of %s",
			       c->name, key, key, section,
			       c->remotes->config_path ? c->remotes->config_path
						       : "the configuration");
	return err_set(e, ERR_INVALID,
		       "%s: option \"%s\" is missing; write \":%s,%s=...:\"",
		       c->name, key, c->driver->name, key);
}

int conf_check_values(const struct remote_conf *c, struct err *e)
{
	const struct driver_option *o = c->driver->options;

	if (check_known(c, e) < 0)
		return -1;
	for (; o && o->name; o++) {
		const char *text = text_of(c, o);

		if (text && !fits(o, text))
			return err_set(e, ERR_INVALID,
				       "%s: option \"%s\" must be %s, which "
				       "\"%s\" is not",
				       c->name, o->name, type_names[o->type],
				       conf_is_secret(o) ? "***" : text);
	}
	return 0;
}

int conf_check(const struct remote_conf *c, const char *section, struct err *e)
{
	const struct driver_option *o = c->driver->options;

	if (conf_check_values(c, e) < 0)
		return -1;
	for (; o && o->name; o++) {
		const char *text = text_of(c, o);

		if (o->setup && given(c, o->name))
			return err_set(
				e, ERR_INVALID,
				"%s: option \"%s\" is taken by \"ferry "
				"config create\" and \"reconnect\" alone",
				c->name, o->name);
		if (o->required && (!text || *text == '\0'))
			return missing(c, o->name, section, e);
	}
	return 0;
}

static void add_value(struct buf *b, const char *value)
{
	if (!strpbrk(value, ",:\"'")) {
		buf_adds(b, value);
		return;
	}
	buf_adds(b, "\"");
	for (; *value; value++)
		buf_addf(b, *value == '"' ? "\"%c" : "%c", *value);
	buf_adds(b, "\"");
}

/*
 * A place within a place (an overlay's `remote`) may hold secrets of its own,
 * so of a value that begins like one only the driver is shown.
 */
static void add_option(struct buf *b, const struct driver_option *known,
		       const struct place_option *o)
{
	const char *comma = strchr(o->value, ',');

	buf_addf(b, ",%s=", o->key);
	if (!known || conf_is_secret(known))
		buf_adds(b, "***");
	else if (o->value[0] == ':' && comma)
		buf_addf(b, "\"%.*s,...\"", (int)(comma - o->value), o->value);
	else
		add_value(b, o->value);
}

const char *conf_place_name(struct arena *a, const struct driver *driver,
			    const struct place *place, const char *path)
{
	struct buf b = BUF_INIT;
	const char *name;

	if (!place->remote && !place->driver)
		return arena_strdup(a, path);
	buf_addf(&b, "%s%s", place->remote ? "" : ":",
		 place->remote ? place->remote : place->driver);
	for (size_t i = 0; i < place->n_options; i++)
		add_option(&b,
			   driver_option_find(driver, place->options[i].key),
			   &place->options[i]);
	buf_addf(&b, ":%s", path);
	name = arena_strdup(a, b.data);
	buf_free(&b);
	return name;
}
