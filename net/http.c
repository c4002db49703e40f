#include "net/http.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/gate.h"
#include "net/request.h"

enum { REDIRECTS_MAX = 5, REFUSED_MAX = 3 };

struct http {
	const struct http_settings *settings;
	struct http_conf conf; /* what it points at lies in `arena` */
	struct arena arena;
	struct handles *handles;
	struct gate *gate;
	_Atomic int64_t requests;
	atomic_bool digest; /* the server has asked for it */
};

static const char *copy(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

static const struct http_header *copy_headers(struct arena *a,
					      const struct http_header *from)
{
	struct http_header *to;
	size_t n = 0;

	if (!from)
		return NULL;
	while (from[n].name)
		n++;
	to = arena_alloc(a, (n + 1) * sizeof(*to));
	for (size_t i = 0; i < n; i++)
		to[i] = (struct http_header){
			.name = arena_strdup(a, from[i].name),
			.value = arena_strdup(a, from[i].value),
		};
	return to;
}

struct http *http_new(const struct http_settings *settings,
		      const struct http_conf *conf)
{
	struct http *h = xcalloc(1, sizeof(*h));

	h->settings = settings;
	h->conf = (struct http_conf){
		.name = copy(&h->arena, conf->name),
		.ca_cert = copy(&h->arena, conf->ca_cert),
		.headers = copy_headers(&h->arena, conf->headers),
		.user = copy(&h->arena, conf->user),
		.pass = copy(&h->arena, conf->pass),
		.authorize = conf->authorize,
		.arg = conf->arg,
	};
	h->handles = handles_new(settings, &h->conf);
	h->gate = gate_new(settings->in_flight);
	return h;
}

static void wipe(const char *secret)
{
	union {
		const char *got;
		char *ours; /* copied by http_new() */
	} p = { .got = secret };

	if (p.ours)
		explicit_bzero(p.ours, strlen(p.ours));
}

void http_free(struct http *h)
{
	if (!h)
		return;
	gate_free(h->gate);
	handles_free(h->handles);
	wipe(h->conf.user);
	wipe(h->conf.pass);
	arena_free(&h->arena);
	free(h);
}

int64_t http_requests(const struct http *h)
{
	return atomic_load(&h->requests);
}

/* One request on its way through redirects and refusals. */
struct attempt {
	struct http *h;
	struct op *op;
	const struct http_request *rq;
	struct url url;
	const char *authorization;
	enum handle_auth auth;
	bool pulled; /* the source is no longer where the body begins */
	struct http_answer *out;
};

static int rewind_source(struct attempt *at)
{
	if (!at->pulled)
		return 0;
	at->pulled = false;
	return request_rewind(at->op, at->rq);
}

static enum gate_end ended(const struct http_answer *a, int rc)
{
	if (rc < 0)
		return GATE_FAILED;
	return a->status == 429 || a->status == 503 ? GATE_SLOW_DOWN
						    : GATE_DONE;
}

static int exchange_on(struct attempt *at, struct handle *hd, int64_t *bytes)
{
	struct http *h = at->h;
	int rc;

	for (bool fresh = false;; fresh = true) {
		struct exchange x = { .op = at->op,
				      .settings = h->settings,
				      .rq = at->rq,
				      .url = &at->url,
				      .headers = h->conf.headers,
				      .authorization = at->authorization,
				      .fresh = fresh };

		atomic_fetch_add(&h->requests, 1);
		rc = exchange_run(&x, hd);
		*at->out = x.answer;
		*bytes += x.bytes;
		at->pulled = at->pulled || x.pulled;
		/* the other side had closed the connection meanwhile */
		if (rc == 0 || !x.lost_kept || fresh ||
		    !request_only_asks(at->rq) ||
		    (at->pulled && !at->rq->source->seek))
			return rc;
		if (rewind_source(at) < 0)
			return -1;
	}
}

static int send_once(struct attempt *at)
{
	struct http *h = at->h;
	struct handle *hd;
	int64_t bytes = 0;
	int rc;

	if (h->settings->requests &&
	    rate_take(h->settings->requests, at->op, 1) < 0)
		return -1;
	if (gate_enter(h->gate, at->op) < 0)
		return -1;
	rc = handles_take(h->handles, at->op, &hd);
	if (rc == 0) {
		handle_set_auth(h->handles, hd, at->auth);
		rc = exchange_on(at, hd, &bytes);
		handles_put(h->handles, hd);
	}
	gate_leave(h->gate, ended(at->out, rc), bytes);
	return rc;
}

static bool offers_digest(const struct http_answer *a)
{
	for (const struct http_header *h = a->headers; h->name; h++) {
		if (strcasecmp(h->name, "WWW-Authenticate") != 0)
			continue;
		if (strncasecmp(h->value, "Digest ", 7) == 0 ||
		    strcasestr(h->value, ", Digest "))
			return true;
	}
	return false;
}

/*
 * After a 401: 1 if there is another way to prove who asks, 0 if there is
 * none and the answer stands.
 */
static int other_credentials(struct attempt *at)
{
	struct http *h = at->h;
	const char *value = NULL;

	if (at->rq->no_auth ||
	    (at->pulled && at->rq->source && !at->rq->source->seek))
		return 0;
	if (at->auth == AUTH_BASIC && offers_digest(at->out)) {
		atomic_store(&h->digest, true);
		at->auth = AUTH_DIGEST;
		return 1;
	}
	if (!h->conf.authorize)
		return 0;
	if (h->conf.authorize(h->conf.arg, at->op, at->authorization, &value) <
	    0)
		return -1;
	if (!value ||
	    (at->authorization && strcmp(value, at->authorization) == 0))
		return 0;
	at->authorization = value;
	return 1;
}

/* Which redirects are followed with the same method and body. */
static bool may_follow(const struct attempt *at)
{
	const char *method = at->rq->method;
	bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	switch (at->out->status) {
	case 307:
	case 308: return true;
	case 301:
	case 302: return strcmp(method, "POST") != 0;
	case 303: return reads;
	default: return false;
	}
}

/* 1 if the request goes to another URL now, 0 if the answer stands. */
static int redirect(struct attempt *at)
{
	const char *to = http_header(at->out, "Location");
	struct err *e = &at->op->err;
	struct url next;

	if (!to || !may_follow(at))
		return 0;
	if (url_resolve(&at->op->arena, &at->url, to, &next, e) < 0) {
		e->kind = ERR_DENIED;
		return err_wrap(e, "%s redirects", at->url.host);
	}
	if (!url_same_origin(&at->url, &next) &&
	    !(next.tls && !at->url.tls && strcmp(next.host, at->url.host) == 0))
		return err_set(e, ERR_DENIED,
			       "%s redirects to another place, %s://%s:%u%s",
			       at->url.host, next.tls ? "https" : "http",
			       next.host, next.port, next.path);
	at->url = next;
	return 1;
}

static int begin(struct attempt *at)
{
	struct http *h = at->h;

	if (at->rq->gzip && at->rq->headers)
		for (const struct http_header *r = at->rq->headers; r->name;
		     r++)
			if (strcasecmp(r->name, "Range") == 0)
				BUG("a range of a compressed answer");
	if (url_parse(&at->op->arena, at->rq->url, &at->url, &at->op->err) < 0)
		return -1;
	if (at->rq->no_auth)
		return 0;
	if (h->conf.authorize)
		return h->conf.authorize(h->conf.arg, at->op, NULL,
					 &at->authorization);
	if (h->conf.user)
		at->auth = atomic_load(&h->digest) ? AUTH_DIGEST : AUTH_BASIC;
	return 0;
}

int http_do(struct http *h, struct op *op, const struct http_request *rq,
	    struct http_answer *out)
{
	struct attempt at = { .h = h, .op = op, .rq = rq, .out = out };
	unsigned redirects = 0;
	unsigned refused = 0;

	*out = (struct http_answer){ .body = "" };
	if (begin(&at) < 0)
		return -1;
	for (;;) {
		int again = 0;

		if (send_once(&at) < 0)
			return -1;
		if (out->status == 401 && refused++ < REFUSED_MAX) {
			again = other_credentials(&at);
		} else if (out->status > 300 && out->status < 400) {
			if (redirects++ == REDIRECTS_MAX)
				return err_set(&op->err, ERR_DENIED,
					       "%s redirects without end",
					       at.url.host);
			again = redirect(&at);
		}
		if (again <= 0)
			return again;
		if (rewind_source(&at) < 0)
			return -1;
	}
}
