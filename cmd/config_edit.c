/* ferry config create, ferry config delete: what changes the file. */

#include "cmd/config.h"

#include <string.h>
#include <unistd.h>

#include "backends/conf.h"
#include "cmd/globals.h"
#include "lib/file.h"
#include "lib/log.h"

enum { CONFIG_MAX = 16 * 1024 * 1024, LOCK_MS = 10 * 1000 };

typedef int change_fn(struct cmd_ctx *cx, struct ini *ini);

static int read_config(struct op *op, const char *path, struct ini *ini)
{
	struct buf text = BUF_INIT;
	int rc = -1;

	if (file_read(op, path, CONFIG_MAX, &text) < 0) {
		if (op->err.kind != ERR_NOT_FOUND)
			goto out;
		err_clear(&op->err); /* the first remote */
	}
	if (ini_parse(ini, text.data, text.len, &op->err) < 0) {
		err_wrap(&op->err, "%s", path);
		goto out;
	}
	rc = 0;
out:
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	return rc;
}

/*
 * Change the file as it is now, with other ferries locked out: one that added
 * a remote or got a new token meanwhile loses nothing.
 */
static int change_config(struct cmd_ctx *cx, change_fn *change)
{
	const char *path = cx->remotes->config_path;
	struct op *op = &cx->op;
	struct ini *ini = ini_new();
	struct buf text = BUF_INIT;
	int rc = -1, lock;

	lock = file_lock(op, path, LOCK_MS);
	if (lock < 0) {
		if (op->err.kind == ERR_LOCKED) /* that is a repository's */
			op->err.kind = ERR_BUSY;
		goto out;
	}
	if (read_config(op, path, ini) < 0 || change(cx, ini) < 0)
		goto out;
	ini_write(ini, &text);
	if (file_write(op, path, text.data, text.len) < 0)
		goto out;
	rc = 0;
out:
	if (lock >= 0)
		close(lock);
	explicit_bzero(text.data, text.len);
	buf_free(&text);
	ini_free(ini);
	return rc;
}

struct create_opts {
	bool force;
};

static const struct create_opts create_defaults = { 0 };

/* The arguments from the third on as options of the driver. */
static int parse_options(struct cmd_ctx *cx, struct place_option *options)
{
	for (int i = 2; i < cx->argc; i++) {
		char *eq = strchr(cx->argv[i], '=');

		if (!eq || eq == cx->argv[i])
			return err_set(&cx->op.err, ERR_INVALID,
				       "option %d is not key=value", i - 1);
		options[i - 2] = (struct place_option){
			.key = arena_printf(&cx->op.arena, "%.*s",
					    (int)(eq - cx->argv[i]),
					    cx->argv[i]),
			.value = eq + 1,
		};
	}
	return 0;
}

static const char *value_of(const struct remote_conf *c, const char *key)
{
	for (size_t i = c->n_options; i-- > 0;)
		if (strcmp(c->options[i].key, key) == 0)
			return c->options[i].value;
	return NULL;
}

static int check_required(const struct remote_conf *c, struct err *e)
{
	const struct driver_option *o = c->driver->options;

	for (; o && o->name; o++) {
		const char *value = value_of(c, o->name);

		if (o->required && (!value || !*value) && !o->fallback)
			return err_set(e, ERR_INVALID,
				       "a remote of type %s needs %s=...",
				       c->driver->name, o->name);
	}
	return 0;
}

/* "local, mem, fault" */
static const char *known_types(struct arena *a)
{
	const char *list = "";

	for (const struct driver *const *d = driver_all(); *d; d++)
		list = arena_printf(a, "%s%s%s", list, *list ? ", " : "",
				    (*d)->name);
	return list;
}

static int parse_remote(struct cmd_ctx *cx, struct remote_conf *out)
{
	const char *name = cx->argv[0], *type = cx->argv[1];
	struct op *op = &cx->op;
	size_t n = (size_t)(cx->argc - 2);
	struct place_option *options;

	if (!remote_name_valid(name))
		return err_set(&op->err, ERR_INVALID,
			       "no remote may be called \"%s\": use letters, "
			       "digits and the signs _ . + @ -",
			       name);
	options = arena_alloc(&op->arena, n * sizeof(*options));
	*out = (struct remote_conf){ .name = name,
				     .driver = driver_find(type),
				     .remotes = cx->remotes,
				     .options = options,
				     .n_options = n };
	if (!out->driver)
		return err_set(&op->err, ERR_INVALID,
			       "there is no type \"%s\"; the types are: %s",
			       type, known_types(&op->arena));
	if (parse_options(cx, options) < 0 || check_required(out, &op->err) < 0)
		return -1;
	return conf_check(out, name, &op->err);
}

static int add_remote(struct cmd_ctx *cx, struct ini *ini)
{
	const struct create_opts *o = cx->opts;
	struct err *e = &cx->op.err;
	struct remote_conf c = { 0 };

	if (parse_remote(cx, &c) < 0)
		return -1;
	if (!c.driver)
		BUG("a remote without a driver");
	if (ini_has(ini, c.name) && !o->force)
		return err_set(e, ERR_EXISTS,
			       "there is a remote \"%s\" already; --force "
			       "replaces it",
			       c.name);
	ini_delete(ini, c.name);
	if (ini_set(ini, c.name, "type", c.driver->name, e) < 0)
		return -1;
	for (size_t i = 0; i < c.n_options; i++)
		if (ini_set(ini, c.name, c.options[i].key, c.options[i].value,
			    e) < 0)
			return -1;
	return 0;
}

static int create_run(struct cmd_ctx *cx)
{
	struct remote_conf c;

	/* what is wrong by itself need not wait for the lock */
	if (parse_remote(cx, &c) < 0 || change_config(cx, add_remote) < 0)
		return -1;
	log_info(cx->argv[0], "written to %s", cx->remotes->config_path);
	return 0;
}

static int drop_remote(struct cmd_ctx *cx, struct ini *ini)
{
	if (ini_delete(ini, cx->argv[0]))
		return 0;
	return err_set(&cx->op.err, ERR_NOT_FOUND,
		       "there is no remote \"%s\" in %s", cx->argv[0],
		       cx->remotes->config_path);
}

static int delete_run(struct cmd_ctx *cx)
{
	if (change_config(cx, drop_remote) < 0)
		return -1;
	log_info(cx->argv[0], "deleted from %s", cx->remotes->config_path);
	return 0;
}

static const struct opt create_flags[] = {
	OPT_AT(OPT_BOOL, 0, "force", NULL, struct create_opts, force,
	       "replace a remote of that name"),
	{ .type = OPT_END }
};

static const struct opt_group create_groups[] = { { "Flags", create_flags, 0 },
						  { NULL, NULL, 0 } };

static const struct cmd_example create_examples[] = {
	{ "ferry config create disk local",
	  "disk:/srv is then another name of /srv" },
	{ NULL, NULL }
};

const struct cmd cmd_config_create = {
	.name = "config create",
	.args = "NAME TYPE [KEY=VALUE]...",
	.summary = "add a remote",
	.about = "Add the remote NAME. \"ferry help TYPE\" tells which options "
		 "a type has. Nothing is asked of a server yet.",
	.min_args = 2,
	.max_args = -1,
	.groups = create_groups,
	.opts_size = sizeof(struct create_opts),
	.defaults = &create_defaults,
	.examples = create_examples,
	.run = create_run,
};

static const struct cmd_example delete_examples[] = {
	{ "ferry config delete nas", "forget that remote" }, { NULL, NULL }
};

const struct cmd cmd_config_delete = {
	.name = "config delete",
	.args = "NAME",
	.summary = "remove a remote from the configuration",
	.about =
		"Remove the remote NAME from the configuration. Its files stay "
		"where they are.",
	.min_args = 1,
	.max_args = 1,
	.examples = delete_examples,
	.run = delete_run,
};
