#include "cmd/tidied.h"

#include <inttypes.h>

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "lib/json_write.h"
#include "lib/log.h"

static void add_count(struct buf *b, int64_t n, const char *what)
{
	if (n <= 0)
		return;
	buf_addf(b, "%s%" PRId64 " %s%s", b->len ? " and " : "", n, what,
		 n == 1 ? "" : "s");
}

static int say_json(struct cmd_ctx *cx, const char *command,
		    const struct tidied *t)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int rc;

	json_object(&j, NULL);
	json_str(&j, "event", "summary");
	json_str(&j, "command", command);
	if (t->files >= 0)
		json_int(&j, "files", t->files);
	if (t->dirs >= 0)
		json_int(&j, "dirs", t->dirs);
	if (t->bytes >= 0)
		json_int(&j, "bytes", t->bytes);
	json_int(&j, "left", t->left);
	json_end(&j);
	rc = out_line(&cx->op, &b);
	buf_free(&b);
	return rc;
}

int tidied_say(struct cmd_ctx *cx, const char *command, const char *done,
	       const struct tidied *t)
{
	struct buf b = BUF_INIT;

	if (t->left)
		log_notice(NULL,
			   "%" PRId64 " %s left alone, since something stands "
			   "there now; --overwrite puts it in its place",
			   t->left, t->left == 1 ? "was" : "were");
	if (cx->globals->json)
		return say_json(cx, command, t);
	add_count(&b, t->files, "file");
	add_count(&b, t->dirs, "folder");
	if (b.len == 0)
		buf_adds(&b, t->files < 0 ? "everything" : "nothing");
	log_info(NULL, "%s %s", b.data, done);
	buf_free(&b);
	return 0;
}

int tidied_check_whole(struct cmd_ctx *cx, const char *spec, const char *what)
{
	struct op *op = &cx->op;
	struct place place;
	const char *path;

	if (place_parse(&op->arena, spec, &place, &op->err) < 0)
		return -1;
	if (!place.remote && !place.driver)
		return 0; /* this machine's disk has no such service */
	if (place_clean(&op->arena, place.path, &path, &op->err) < 0)
		return -1;
	if (*path == '\0')
		return 0;
	return err_set(&op->err, ERR_INVALID,
		       "%s, not only \"%s\"; if that is meant, name the "
		       "remote without a path%s%s%s",
		       what, path, place.remote ? ": " : "",
		       place.remote ? place.remote : "",
		       place.remote ? ":" : "");
}
