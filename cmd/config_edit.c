/* ferry config create, reconnect, delete: what changes the file. */

#include "cmd/config.h"

#include <string.h>
#include <unistd.h>

#include "backends/conf.h"
#include "cmd/config_values.h"
#include "cmd/globals.h"
#include "lib/ini_file.h"
#include "lib/log.h"
#include "lib/vec.h"
#include "net/oauth.h"

enum { LOCK_MS = 10 * 1000 };

struct create_opts {
	bool force;
	struct config_obscuring obscuring;
};

static const struct create_opts create_defaults = { 0 };

VEC(edits, struct place_option); /* a value NULL takes the key out */

/* A remote on its way into the file, and what its driver's setup() is given. */
struct making {
	struct setup setup;
	struct remote_conf conf; /* what is stored and given */
	struct cmd_dialog dialog;
	struct edits edits; /* what shall be changed in the section */
	bool force;
};

static struct place_option *all_options(struct arena *a, size_t n)
{
	return arena_alloc(a, (n ? n : 1) * sizeof(struct place_option));
}

static void making_begin(struct making *m, struct cmd_ctx *cx)
{
	*m = (struct making){ 0 };
	m->conf.remotes = cx->remotes;
	dialog_init(&m->dialog, cx->term);
}

static void making_end(struct making *m)
{
	edits_free(&m->edits);
	dialog_free(&m->dialog);
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

static int find_driver(struct cmd_ctx *cx, const char *type,
		       const struct driver **out)
{
	*out = driver_find(type);
	if (*out)
		return 0;
	return err_set(&cx->op.err, ERR_INVALID,
		       "there is no type \"%s\"; the types are: %s", type,
		       known_types(&cx->op.arena));
}

static bool is_for_setup(const struct driver *d, const char *key)
{
	for (const struct driver_option *o = d->options; o && o->name; o++)
		if (strcmp(o->name, key) == 0)
			return o->setup;
	return false;
}

/* The arguments from `first` on, after the `n` options that are there. */
static int take_arguments(struct making *m, struct cmd_ctx *cx, int first,
			  const struct config_obscuring *how,
			  const struct place_option *stored, size_t n)
{
	size_t given = (size_t)(cx->argc - first);
	struct place_option *all = all_options(&cx->op.arena, n + given);

	if (n)
		memcpy(all, stored, n * sizeof(*all));
	m->conf.options = all;
	m->conf.n_options = n;
	if (config_values(cx, &m->dialog, first, m->conf.driver, how, all + n) <
	    0)
		return -1;
	m->conf.n_options += given;
	for (size_t i = n; i < n + given; i++)
		if (!is_for_setup(m->conf.driver, all[i].key))
			*edits_add(&m->edits) = all[i];
	return conf_check_values(&m->conf, &cx->op.err);
}

static int take_change(struct setup *s, struct op *op, const char *key,
		       const char *value)
{
	struct making *m = container_of(s, struct making, setup);

	*edits_add(&m->edits) = (struct place_option){
		.key = arena_strdup(&op->arena, key),
		.value = value ? arena_strdup(&op->arena, value) : NULL,
	};
	return 0;
}

static int change_nothing(void *arg, struct op *op, struct ini *ini)
{
	(void)arg;
	(void)op;
	(void)ini;
	return 0;
}

/*
 * Sign in and choose, as the driver does it.  What it gets may be good for
 * once, so the file is known to take it before.
 */
static int run_setup(struct making *m, struct cmd_ctx *cx, bool reconnect)
{
	const struct driver *d = m->conf.driver;

	if (!d->setup)
		return 0;
	if (ini_change(&cx->op, cx->remotes->config_path, LOCK_MS,
		       change_nothing, NULL) < 0)
		return -1;
	dialog_look(&m->dialog);
	m->setup = (struct setup){ .conf = &m->conf,
				   .dialog = &m->dialog.base,
				   .reconnect = reconnect,
				   .set = take_change };
	return d->setup(&m->setup, &cx->op);
}

/* What the section will hold can be opened: as far as is known without. */
static int check_result(struct making *m, struct cmd_ctx *cx)
{
	size_t n = 0, n_all = m->conf.n_options + m->edits.n;
	struct place_option *all = all_options(&cx->op.arena, n_all);
	struct remote_conf result = m->conf;

	for (size_t i = 0; i < n_all; i++) {
		const struct place_option *o =
			i < m->conf.n_options
				? &m->conf.options[i]
				: &m->edits.at[i - m->conf.n_options];
		size_t kept = 0;

		if (is_for_setup(m->conf.driver, o->key))
			continue;
		for (size_t k = 0; k < n; k++)
			if (strcmp(all[k].key, o->key) != 0)
				all[kept++] = all[k];
		n = kept;
		if (o->value)
			all[n++] = *o;
	}
	result.options = all;
	result.n_options = n;
	if (check_required(&result, &cx->op.err) < 0)
		return -1;
	return conf_check(&result, m->conf.name, &cx->op.err);
}

static int apply(const struct making *m, struct ini *ini, struct err *e)
{
	for (size_t i = 0; i < m->edits.n; i++)
		if (ini_set(ini, m->conf.name, m->edits.at[i].key,
			    m->edits.at[i].value, e) < 0)
			return -1;
	return 0;
}

/*
 * Not called off any more: a login that was made must not be lost; nor is it
 * written while a process renews the old one, which would be put on top of it.
 */
static int write_down(struct making *m, struct cmd_ctx *cx, ini_change_fn *fn)
{
	const char *path = cx->remotes->config_path;
	struct cancel never;
	int rc, lock = -1;
	struct op op;

	cancel_init(&never);
	op = op_begin(&never);
	if (m->conf.driver->setup) {
		lock = oauth_lock(&op, path, m->conf.name);
		err_clear(&op.err); /* who holds it for minutes hangs */
	}
	rc = ini_change(&op, path, LOCK_MS, fn, m);
	if (lock >= 0)
		close(lock);
	if (rc < 0)
		cx->op.err = op.err;
	else
		log_info(m->conf.name, "written to %s", path);
	op_end(&op);
	cancel_free(&never);
	return rc;
}

static int refuse_second(const struct making *m, struct ini *ini, struct err *e)
{
	if (!ini_has(ini, m->conf.name) || m->force)
		return 0;
	return err_set(e, ERR_EXISTS,
		       "there is a remote \"%s\" already; --force replaces it",
		       m->conf.name);
}

static int add_remote(void *arg, struct op *op, struct ini *ini)
{
	const struct making *m = arg;

	if (refuse_second(m, ini, &op->err) < 0)
		return -1;
	ini_delete(ini, m->conf.name);
	if (ini_set(ini, m->conf.name, "type", m->conf.driver->name, &op->err) <
	    0)
		return -1;
	return apply(m, ini, &op->err);
}

/* What is wrong by itself need not wait for the lock, or cost a login. */
static int check_name(struct making *m, struct cmd_ctx *cx)
{
	struct ini *ini;
	int rc = -1;

	if (!remote_name_valid(m->conf.name))
		return err_set(&cx->op.err, ERR_INVALID,
			       "no remote may be called \"%s\": use letters, "
			       "digits and the signs _ . + @ -",
			       m->conf.name);
	ini = ini_new();
	if (ini_load(&cx->op, cx->remotes->config_path, ini) < 0 ||
	    refuse_second(m, ini, &cx->op.err) < 0)
		goto out;
	rc = 0;
out:
	ini_free(ini);
	return rc;
}

static int create_run(struct cmd_ctx *cx)
{
	const struct create_opts *o = cx->opts;
	struct making m;
	int rc = -1;

	making_begin(&m, cx);
	m.conf.name = cx->argv[0];
	m.force = o->force;
	if (find_driver(cx, cx->argv[1], &m.conf.driver) < 0 ||
	    check_name(&m, cx) < 0 ||
	    take_arguments(&m, cx, 2, &o->obscuring, NULL, 0) < 0 ||
	    run_setup(&m, cx, false) < 0 || check_result(&m, cx) < 0 ||
	    write_down(&m, cx, add_remote) < 0)
		goto out;
	rc = 0;
out:
	making_end(&m);
	return rc;
}

static int no_remote(struct cmd_ctx *cx, const char *name, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND, "there is no remote \"%s\" in %s",
		       name, cx->remotes->config_path);
}

/* The options in the section, as for remote_open(). */
static int read_section(struct making *m, struct cmd_ctx *cx,
			struct edits *stored)
{
	struct arena *a = &cx->op.arena;
	const char *key, *value;
	struct ini *ini = ini_new();
	int rc = -1;

	if (ini_load(&cx->op, cx->remotes->config_path, ini) < 0)
		goto out;
	if (!ini_has(ini, m->conf.name)) {
		no_remote(cx, m->conf.name, &cx->op.err);
		goto out;
	}
	value = ini_get(ini, m->conf.name, "type");
	if (find_driver(cx, value ? value : "", &m->conf.driver) < 0)
		goto out;
	for (size_t i = 0; ini_item(ini, m->conf.name, i, &key, &value); i++)
		if (strcmp(key, "type") != 0 && strcmp(key, "description") != 0)
			*edits_add(stored) = (struct place_option){
				.key = arena_strdup(a, key),
				.value = arena_strdup(a, value),
			};
	rc = 0;
out:
	ini_free(ini);
	return rc;
}

static int change_remote(void *arg, struct op *op, struct ini *ini)
{
	const struct making *m = arg;

	if (!ini_has(ini, m->conf.name))
		return err_set(&op->err, ERR_CONFLICT,
			       "the remote \"%s\" was deleted meanwhile",
			       m->conf.name);
	return apply(m, ini, &op->err);
}

static const char *without_colon(struct arena *a, const char *name)
{
	size_t n = strlen(name);

	return n && name[n - 1] == ':'
		       ? arena_printf(a, "%.*s", (int)(n - 1), name)
		       : name;
}

static int reconnect_run(struct cmd_ctx *cx)
{
	const struct create_opts *o = cx->opts;
	struct edits stored = { 0 };
	struct making m;
	int rc = -1;

	making_begin(&m, cx);
	m.conf.name = without_colon(&cx->op.arena, cx->argv[0]);
	if (read_section(&m, cx, &stored) < 0)
		goto out;
	if (!m.conf.driver->setup) {
		err_set(&cx->op.err, ERR_UNSUPPORTED,
			"remotes of type %s are not signed in to",
			m.conf.driver->name);
		goto out;
	}
	if (take_arguments(&m, cx, 1, &o->obscuring, stored.at, stored.n) < 0 ||
	    run_setup(&m, cx, true) < 0 || check_result(&m, cx) < 0 ||
	    write_down(&m, cx, change_remote) < 0)
		goto out;
	rc = 0;
out:
	edits_free(&stored);
	making_end(&m);
	return rc;
}

static int drop_remote(void *arg, struct op *op, struct ini *ini)
{
	struct cmd_ctx *cx = arg;

	if (ini_delete(ini, cx->argv[0]))
		return 0;
	return no_remote(cx, cx->argv[0], &op->err);
}

static int delete_run(struct cmd_ctx *cx)
{
	const char *path = cx->remotes->config_path;

	if (ini_change(&cx->op, path, LOCK_MS, drop_remote, cx) < 0)
		return -1;
	log_info(cx->argv[0], "deleted from %s", path);
	return 0;
}

/* clang-format off */
#define OBSCURING_FLAGS							\
	OPT_AT(OPT_BOOL, 0, "obscure", NULL, struct create_opts,	\
	       obscuring.always,					\
	       "obscure passwords also if they look obscured already"), \
	OPT_AT(OPT_BOOL, 0, "no-obscure", NULL, struct create_opts,	\
	       obscuring.never, "passwords are obscured already")

#define CONFIG_VALUES_ABOUT						\
	"KEY=- asks for the value or, where standard input is no "	\
	"terminal, takes one line of it, so that no secret stands "	\
	"where others see it. Passwords are stored obscured, as with "	\
	"rclone; one that looks as if it were so already is stored "	\
	"as it is."
/* clang-format on */

static const struct opt create_flags[] = {
	OPT_AT(OPT_BOOL, 0, "force", NULL, struct create_opts, force,
	       "replace a remote of that name"),
	OBSCURING_FLAGS,
	{ .type = OPT_END }
};

static const struct opt_group create_groups[] = { { "Flags", create_flags, 0 },
						  { NULL, NULL, 0 } };

static const struct cmd_example create_examples[] = {
	{ "ferry config create disk local",
	  "disk:/srv is then another name of /srv" },
	{ "ferry config create nas webdav url=https://nas.lan/dav user=me "
	  "pass=-",
	  "ask for the password, or read it from standard input" },
	{ NULL, NULL }
};

const struct cmd cmd_config_create = {
	.name = "config create",
	.args = "NAME TYPE [KEY=VALUE]...",
	.summary = "add a remote",
	.about =
		"Add the remote NAME. \"ferry help TYPE\" tells which options "
		"a type has. Of a type that is signed in to, that is done "
		"now; of others, nothing is asked of a server yet.\n\n" CONFIG_VALUES_ABOUT,
	.min_args = 2,
	.max_args = -1,
	.groups = create_groups,
	.opts_size = sizeof(struct create_opts),
	.defaults = &create_defaults,
	.examples = create_examples,
	.run = create_run,
};

static const struct opt reconnect_flags[] = { OBSCURING_FLAGS,
					      { .type = OPT_END } };

static const struct opt_group reconnect_groups[] = {
	{ "Flags", reconnect_flags, 0 }, { NULL, NULL, 0 }
};

static const struct cmd_example reconnect_examples[] = {
	{ "ferry config reconnect photos", "sign in again" }, { NULL, NULL }
};

const struct cmd cmd_config_reconnect = {
	.name = "config reconnect",
	.args = "NAME [KEY=VALUE]...",
	.summary = "sign in to a remote again",
	.about = "Sign in to the remote NAME again, after its sign-in has "
		 "expired or was spoilt by a copy of the configuration that "
		 "was used elsewhere. Its other options stay, but for those "
		 "given.\n\n" CONFIG_VALUES_ABOUT,
	.min_args = 1,
	.max_args = -1,
	.groups = reconnect_groups,
	.opts_size = sizeof(struct create_opts),
	.defaults = &create_defaults,
	.examples = reconnect_examples,
	.run = reconnect_run,
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
