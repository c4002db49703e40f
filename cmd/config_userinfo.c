/* ferry config userinfo: whose account a remote is signed in to. */

#include "cmd/config.h"

#include <string.h>

#include "cmd/events.h"
#include "cmd/globals.h"
#include "cmd/out.h"

struct lines {
	struct buf text;
	struct json json;
	bool as_json;
};

static int add_line(void *arg, struct op *op, const char *key,
		    const char *value)
{
	struct lines *l = arg;

	(void)op;
	if (l->as_json) {
		json_text_valid(&l->json, key, value);
		return 0;
	}
	buf_addf(&l->text, "%s: ", key);
	out_add_name(&l->text, value);
	buf_adds(&l->text, "\n");
	return 0;
}

static int write_lines(struct cmd_ctx *cx, struct backend *be)
{
	struct lines l = { .text = BUF_INIT, .as_json = cx->globals->json };
	int rc;

	l.json = (struct json)JSON_INIT(&l.text);
	if (l.as_json)
		json_object(&l.json, NULL);
	rc = be_userinfo(be, &cx->op, add_line, &l);
	if (l.as_json) {
		json_end(&l.json);
		buf_adds(&l.text, "\n");
	}
	if (rc == 0)
		rc = out_write(&cx->op, l.text.data, l.text.len);
	buf_free(&l.text);
	return rc;
}

static int userinfo_run(struct cmd_ctx *cx)
{
	const char *spec = cx->argv[0];
	struct backend *be;
	int rc;

	if (!strchr(spec, ':'))
		spec = arena_printf(&cx->op.arena, "%s:", spec);
	if (remote_open(cx->remotes, spec, &cx->op, &be) < 0)
		return -1;
	rc = write_lines(cx, be);
	be_close(be);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry config userinfo photos:", "Email: me@example.com and so on" },
	{ NULL, NULL }
};

const struct cmd cmd_config_userinfo = {
	.name = "config userinfo",
	.args = "NAME",
	.summary = "show whose account a remote is signed in to",
	.about = "Ask the service of the remote NAME whose account it is, and "
		 "print what it answers. With --json it is one object.",
	.min_args = 1,
	.max_args = 1,
	.examples = examples,
	.run = userinfo_run,
};
