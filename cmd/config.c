/* ferry config: the remotes that have a name. */

#include "cmd/config.h"

#include <string.h>
#include <strings.h>

#include "backends/conf.h"
#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"

bool config_is_secret(const struct driver *d, const char *key)
{
	static const char *const words[] = { "pass", "token", "secret", "key" };
	const struct driver_option *o = driver_option_find(d, key);

	if (o)
		return conf_is_secret(o);
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(key, words[i]))
			return true;
	return false;
}

static const char *type_of(const struct ini *ini, const char *name)
{
	const char *type = ini_get(ini, name, "type");

	return type ? type : "";
}

/*
 * What may be shown of a value.  One that is itself a place made on the spot
 * may hold secrets, of which its driver's name is left.
 */
static const char *shown(struct arena *a, const struct driver *d,
			 const char *key, const char *value)
{
	if (!*value)
		return value;
	if (config_is_secret(d, key))
		return "***";
	if (strchr(value, ',') && strchr(value, ':'))
		return arena_printf(a, "%.*s,***", (int)strcspn(value, ","),
				    value);
	return value;
}

static void add_text(struct buf *b, struct arena *a, const struct ini *ini,
		     const char *name)
{
	const struct driver *d = driver_find(type_of(ini, name));
	const char *key, *value;

	buf_adds(b, "[");
	out_add_name(b, name);
	buf_adds(b, "]\n");
	for (size_t i = 0; ini_item(ini, name, i, &key, &value); i++) {
		buf_addf(b, "%s = ", key);
		out_add_name(b, shown(a, d, key, value));
		buf_adds(b, "\n");
	}
}

static void add_json(struct buf *b, struct arena *a, const struct ini *ini,
		     const char *name)
{
	const struct driver *d = driver_find(type_of(ini, name));
	struct json j = JSON_INIT(b);
	const char *key, *value;

	json_object(&j, NULL);
	json_text_valid(&j, "name", name);
	json_text_valid(&j, "type", type_of(ini, name));
	json_object(&j, "options");
	for (size_t i = 0; ini_item(ini, name, i, &key, &value); i++)
		if (strcmp(key, "type") != 0)
			json_text_valid(&j, key, shown(a, d, key, value));
	json_end(&j);
	json_end(&j);
	buf_adds(b, "\n");
}

static int show_run(struct cmd_ctx *cx)
{
	const char *only = cx->argc ? cx->argv[0] : NULL;
	bool json = cx->globals->json;
	struct buf text = BUF_INIT;
	struct ini *ini;
	int rc;

	if (remotes_config(cx->remotes, &cx->op, &ini) < 0)
		return -1;
	if (only && !ini_has(ini, only))
		return err_set(&cx->op.err, ERR_NOT_FOUND,
			       "there is no remote \"%s\" in %s", only,
			       cx->remotes->config_path);
	for (size_t i = 0; i < ini_sections(ini); i++) {
		const char *name = ini_section(ini, i);

		if (only && strcmp(name, only) != 0)
			continue;
		if (text.len && !json)
			buf_adds(&text, "\n");
		(json ? add_json : add_text)(&text, &cx->op.arena, ini, name);
	}
	rc = out_write(&cx->op, text.data, text.len);
	buf_free(&text);
	return rc;
}

static void add_line(struct buf *b, const struct ini *ini, const char *name,
		     bool json)
{
	struct json j = JSON_INIT(b);

	if (json) {
		json_object(&j, NULL);
		json_text_valid(&j, "name", name);
		json_text_valid(&j, "type", type_of(ini, name));
		json_end(&j);
	} else {
		out_add_name(b, name);
		buf_adds(b, ":");
	}
	buf_adds(b, "\n");
}

static int list_run(struct cmd_ctx *cx)
{
	struct buf text = BUF_INIT;
	struct ini *ini;
	int rc;

	if (remotes_config(cx->remotes, &cx->op, &ini) < 0)
		return -1;
	for (size_t i = 0; i < ini_sections(ini); i++)
		add_line(&text, ini, ini_section(ini, i), cx->globals->json);
	rc = out_write(&cx->op, text.data, text.len);
	buf_free(&text);
	return rc;
}

static int path_run(struct cmd_ctx *cx)
{
	struct buf text = BUF_INIT;
	int rc;

	out_add_name(&text, cx->remotes->config_path);
	buf_adds(&text, "\n");
	rc = out_write(&cx->op, text.data, text.len);
	buf_free(&text);
	return rc;
}

static const struct cmd_example list_examples[] = {
	{ "ferry listremotes", "nas:, work: and so on, one a line" },
	{ NULL, NULL }
};

static const struct cmd_example show_examples[] = {
	{ "ferry config show nas", "the options of that remote" },
	{ NULL, NULL }
};

static const struct cmd_example path_examples[] = {
	{ "cp \"$(ferry config path)\" ~/backup/", "keep the configuration" },
	{ NULL, NULL }
};

const struct cmd cmd_config_show = {
	.name = "config show",
	.args = "[NAME]",
	.summary = "show a remote or all of them, without secrets",
	.about = "Show the remote NAME, or all. Passwords, tokens and other "
		 "secrets are shown as ***.",
	.max_args = 1,
	.examples = show_examples,
	.run = show_run,
};

const struct cmd cmd_config_list = {
	.name = "config list",
	.args = "",
	.summary = "list the names of the remotes",
	.about =
		"List the names of all remotes in the configuration, each with "
		"its colon.",
	.examples = list_examples,
	.run = list_run,
};

const struct cmd cmd_listremotes = {
	.name = "listremotes",
	.args = "",
	.summary = "list the names of the remotes, as config list",
	.about =
		"List the names of all remotes in the configuration, each with "
		"its colon.",
	.examples = list_examples,
	.run = list_run,
};

const struct cmd cmd_config_path = {
	.name = "config path",
	.args = "",
	.summary = "print where the configuration file is",
	.about =
		"Print the path of the configuration file, whether it is there "
		"or not. --config and FERRY_CONFIG change it.",
	.examples = path_examples,
	.run = path_run,
};

static const struct cmd *const subs[] = {
	&cmd_config_create,   &cmd_config_show,
	&cmd_config_list,     &cmd_config_delete,
	&cmd_config_path,     &cmd_config_reconnect,
	&cmd_config_userinfo, NULL
};

static const struct cmd_example examples[] = {
	{ "ferry config create disk local", "add a remote of type local" },
	{ "ferry config show", "show all of them" },
	{ NULL, NULL }
};

const struct cmd cmd_config = {
	.name = "config",
	.summary = "manage the remotes of the configuration",
	.about =
		"Remotes have a name, a type and options; they are sections of "
		"a file that rclone can read, too. NAME:path is a place there.",
	.subs = subs,
	.examples = examples,
};
