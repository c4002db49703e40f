#include "cmd/events.h"

#include <string.h>

#include "cmd/out.h"
#include "cmd/term.h"
#include "lib/utf8.h"

void json_text_valid(struct json *j, const char *key, const char *text)
{
	struct buf b = BUF_INIT;

	utf8_add_valid(&b, text, strlen(text));
	json_str(j, key, b.data);
	buf_free(&b);
}

void json_error(struct json *j, const struct err *e)
{
	json_str(j, "kind", err_info(e->kind)->name);
	json_text_valid(j, "message", e->msg);
}

int result_put(const struct cmd_ctx *cx, struct op *op, const struct buf *b,
	       bool flush)
{
	bool shared = out_is_terminal() && cx->term->is_terminal;
	int rc;

	if (shared)
		term_hide(cx->term);
	rc = out_write(op, b->data, b->len);
	if (rc == 0 && flush)
		rc = out_flush(op);
	if (shared)
		term_show(cx->term);
	return rc;
}

int event_failed(struct op *op, const struct err *e)
{
	struct buf text = BUF_INIT;
	struct json j = JSON_INIT(&text);
	int rc;

	json_object(&j, NULL);
	json_str(&j, "event", "error");
	json_error(&j, e);
	json_int(&j, "exit", err_info(e->kind)->exit);
	json_end(&j);
	buf_adds(&text, "\n");
	rc = out_write(op, text.data, text.len);
	buf_free(&text);
	return rc;
}

void event_exit_error(struct buf *line, const struct err *e)
{
	struct json j = JSON_INIT(line);

	json_object(&j, NULL);
	json_str(&j, "message_type", "exit_error");
	json_int(&j, "code", err_info(e->kind)->exit);
	json_error(&j, e);
	json_end(&j);
	buf_adds(line, "\n");
}
