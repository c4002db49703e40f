#include "cmd/config_values.h"

#include <string.h>

#include "cmd/config.h"
#include "crypt/obscure.h"

static int read_value(struct cmd_ctx *cx, struct cmd_dialog *d,
		      const struct driver *driver, struct place_option *o)
{
	bool secret = config_is_secret(driver, o->key);
	const char *question = "";

	if (d->tty >= 0)
		question = arena_printf(&cx->op.arena, "%s: ", o->key);
	if (dialog_ask(d, &cx->op, question, secret, &o->value) == 0)
		return 0;
	return cx->op.err.kind == ERR_INVALID
		       ? err_wrap(&cx->op.err, "%s=-", o->key)
		       : -1;
}

/* As rclone guesses: what can be revealed has been obscured. */
static bool looks_obscured(const char *value)
{
	struct buf plain = BUF_INIT;
	struct err e;
	bool can = reveal(&plain, value, &e) == 0;

	explicit_bzero(plain.data, plain.len);
	buf_free(&plain);
	return can;
}

static void obscure_value(struct arena *a, const struct config_obscuring *how,
			  struct place_option *o)
{
	struct buf b = BUF_INIT;

	if (how->never || *o->value == '\0' ||
	    (!how->always && looks_obscured(o->value)))
		return;
	obscure(&b, o->value);
	o->value = arena_strdup(a, b.data);
	buf_free(&b);
}

int config_values(struct cmd_ctx *cx, struct cmd_dialog *d, int first,
		  const struct driver *driver,
		  const struct config_obscuring *how,
		  struct place_option *options)
{
	if (how->always && how->never)
		return err_set(&cx->op.err, ERR_INVALID,
			       "only one of --obscure and --no-obscure can be "
			       "used");
	for (int i = first; i < cx->argc; i++) {
		char *arg = cx->argv[i], *eq = strchr(arg, '=');
		struct place_option *o = &options[i - first];
		const struct driver_option *known;

		if (!eq || eq == arg)
			return err_set(&cx->op.err, ERR_INVALID,
				       "option %d is not key=value",
				       i - first + 1);
		o->key = arena_printf(&cx->op.arena, "%.*s", (int)(eq - arg),
				      arg);
		o->value = eq + 1;
		known = driver_option_find(driver, o->key);
		if (known && strcmp(o->value, "-") == 0 &&
		    read_value(cx, d, driver, o) < 0)
			return -1;
		if (known && known->obscured)
			obscure_value(&cx->op.arena, how, o);
	}
	return 0;
}
