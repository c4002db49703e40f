#include <string.h>

#include "lib/clock.h"
#include "net/oauth_token.h"
#include "net/url.h"

enum {
	ANSWER_MS = 120000, /* a request is given up after that, ... */
	GRACE_MS = 20000,   /* ... or that long after a Ctrl-C */
	STEP_MS = 100,
	BODY_MAX = 256 * 1024,
	TOLD_MIN = 12 /* what a text may not repeat of what was sent */
};

static void add_form(struct buf *b, const struct http_header *form)
{
	for (; form->name; form++) {
		buf_adds(b, b->len ? "&" : "");
		url_encode(b, form->name);
		buf_adds(b, "=");
		url_encode(b, form->value);
	}
}

static bool repeats_a_secret(const char *text, const struct http_header *form)
{
	for (; form->name; form++)
		if (strlen(form->value) >= TOLD_MIN &&
		    strstr(text, form->value))
			return true;
	return false;
}

static bool is_refusal(int status)
{
	return status >= 400 && status < 500 && status != 408 &&
	       status != 425 && status != 429;
}

/* `*lost` if it says that the refresh token is good for nothing. */
static int refused(struct op *op, const struct http_answer *answer,
		   const struct http_header *form, bool *lost)
{
	const char *error, *text;

	oauth_refusal_parse(&op->arena, answer->body, answer->body_len, &error,
			    &text);
	*lost = strcmp(error, "invalid_grant") == 0;
	if (text && repeats_a_secret(text, form))
		text = NULL;
	err_set(&op->err, ERR_AUTH, "the sign-in was refused: %s%s%s",
		*error ? error : "no reason given", text ? ": " : "",
		text ? text : "");
	op->err.code = answer->status;
	return -1;
}

static int ask(struct http *h, struct op *op, const char *token_url,
	       const struct http_header *form, struct oauth_token *out,
	       bool *lost)
{
	/*
	 * A connection kept open may turn out to be closed, and the request
	 * would be sent again: this one must not be.
	 */
	static const struct http_header headers[] = {
		{ "Content-Type", "application/x-www-form-urlencoded" },
		{ "Accept", "application/json" },
		{ "Connection", "close" },
		{ NULL, NULL }
	};
	struct http_answer answer;
	struct http_request rq = { .method = "POST",
				   .url = token_url,
				   .headers = headers,
				   .max_body = BODY_MAX,
				   .no_auth = true };
	struct buf body = BUF_INIT;
	int64_t asked = clock_wall();
	int rc;

	*lost = false;
	add_form(&body, form);
	rq.body = body.data;
	rq.body_len = body.len;
	rc = http_do(h, op, &rq, &answer);
	explicit_bzero(body.data, body.len);
	buf_free(&body);
	if (rc < 0)
		return -1;
	if (is_refusal(answer.status))
		return refused(op, &answer, form, lost);
	if (answer.status / 100 != 2)
		return http_fail(op, &answer);
	if (oauth_answer_parse(&op->arena, answer.body, answer.body_len, asked,
			       out, &op->err) < 0)
		return err_wrap(&op->err, "the answer to the sign-in");
	return 0;
}

int oauth_ask(struct http *h, struct op *op, const char *token_url,
	      const struct http_header *form, struct oauth_token *out)
{
	bool lost;

	return ask(h, op, token_url, form, out, &lost);
}

/* Calls a request off that takes too long; see oauth_ask_surely(). */
struct watch {
	pthread_t thread;
	struct cancel *user;   /* whose work it is done for */
	struct cancel request; /* the request's own */
	struct cancel over;    /* the watch's */
	bool running;
};

static void *watch_run(void *arg)
{
	struct watch *w = arg;
	struct op op = op_begin(&w->over);
	unsigned waited = 0, called_off = 0;

	while (op_sleep(&op, STEP_MS) == 0) {
		waited += STEP_MS;
		if (atomic_load(&w->user->set))
			called_off += STEP_MS;
		if (waited >= ANSWER_MS || called_off >= GRACE_MS) {
			cancel_set(&w->request);
			break;
		}
	}
	op_end(&op);
	return NULL;
}

static void watch_begin(struct watch *w, struct cancel *user)
{
	*w = (struct watch){ .user = user };
	cancel_init(&w->request);
	cancel_init(&w->over);
	w->running = pthread_create(&w->thread, NULL, watch_run, w) == 0;
}

static void watch_end(struct watch *w)
{
	if (w->running) {
		cancel_set(&w->over);
		pthread_join(w->thread, NULL);
	}
	cancel_free(&w->request);
	cancel_free(&w->over);
}

static void copy_token(struct arena *a, const struct oauth_token *from,
		       struct oauth_token *to)
{
	*to = *from;
	to->access = arena_strdup(a, from->access);
	to->refresh = from->refresh ? arena_strdup(a, from->refresh) : NULL;
	to->type = from->type ? arena_strdup(a, from->type) : NULL;
}

int oauth_ask_surely(const struct oauth_endpoint *at, struct op *op,
		     const char *refresh, struct oauth_token *out, bool *lost)
{
	const struct http_header form[] = {
		{ "grant_type", "refresh_token" },
		{ "refresh_token", refresh },
		{ "client_id", at->client_id },
		{ at->client_secret ? "client_secret" : NULL,
		  at->client_secret },
		{ NULL, NULL }
	};
	struct oauth_token found = { 0 };
	struct watch w;
	struct op own;
	int rc;

	watch_begin(&w, op->cancel);
	own = op_begin(&w.request);
	rc = ask(at->http, &own, at->token_url, form, &found, lost);
	if (rc == 0)
		copy_token(&op->arena, &found, out);
	else if (own.err.kind == ERR_CANCELED)
		err_set(&op->err, ERR_TIMEOUT,
			"the sign-in is not answered in time");
	else
		op->err = own.err;
	op_end(&own);
	watch_end(&w);
	return rc;
}
