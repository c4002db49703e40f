#include "backends/webdav/token.h"

#include <stdlib.h>
#include <string.h>

#include "lib/command.h"

/* The output without blanks around it. */
static int trim(struct op *op, struct buf *b, char **token)
{
	static const char blanks[] = " \t\r\n";
	char *p;

	while (b->len && strchr(blanks, b->data[b->len - 1]))
		buf_cut(b, b->len - 1);
	p = b->data + strspn(b->data, blanks);
	if (*p == '\0')
		return err_set(&op->err, ERR_AUTH,
			       "bearer_token_command: it prints nothing");
	for (const char *c = p; c < b->data + b->len; c++)
		if (*c <= ' ' || *c == 0x7f)
			return err_set(&op->err, ERR_AUTH,
				       "bearer_token_command: it prints more "
				       "than a token");
	*token = p;
	return 0;
}

static int run_command(struct webdav_service *s, struct op *op)
{
	struct buf b = BUF_INIT, value = BUF_INIT;
	char *token = NULL;
	int rc;

	rc = command_run(op, "bearer_token_command", s->bearer_command, &b);
	if (rc == 0)
		rc = trim(op, &b, &token);
	if (rc == 0) {
		buf_room(&value, strlen(token) + 8);
		buf_addf(&value, "Bearer %s", token);
		if (s->token)
			explicit_bzero(s->token, strlen(s->token));
		free(s->token);
		s->token = xstrdup(value.data);
	}
	explicit_bzero(b.data, b.len);
	explicit_bzero(value.data, value.len);
	buf_free(&b);
	buf_free(&value);
	return rc;
}

int webdav_authorize(void *arg, struct op *op, const char *stale,
		     const char **value)
{
	struct webdav_service *s = arg;
	int rc = 0;

	if (!s->bearer_command) {
		*value = s->bearer;
		return 0;
	}
	pthread_mutex_lock(&s->token_lock);
	if (!s->token || (stale && strcmp(stale, s->token) == 0))
		rc = run_command(s, op);
	if (rc == 0)
		*value = arena_strdup(&op->arena, s->token);
	pthread_mutex_unlock(&s->token_lock);
	return rc;
}
