#include "tests/unit/http_server.h"

#include <signal.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "net/http.h"

struct fixture {
	struct server server;
	struct cancel cancel;
	struct op op;
	struct http_settings settings;
	struct http_conf conf;
	struct http *http;
	struct http_request rq;
	struct http_answer answer;
	char url[64];
};

static void begin(struct fixture *t, const struct reply *script)
{
	*t = (struct fixture){ .conf.name = "test" };
	server_start(&t->server, script);
	cancel_init(&t->cancel);
	t->op = op_begin(&t->cancel);
	snprintf(t->url, sizeof(t->url), "http://127.0.0.1:%u/a%%20b?q",
		 t->server.port);
	t->rq = (struct http_request){ .method = "GET", .url = t->url };
}

static int ask(struct fixture *t)
{
	int rc;

	if (!t->http)
		t->http = http_new(&t->settings, &t->conf);
	rc = http_do(t->http, &t->op, &t->rq, &t->answer);
	/* what the server has counted is to be seen */
	pthread_mutex_lock(&t->server.lock);
	pthread_mutex_unlock(&t->server.lock);
	return rc;
}

static void end(struct fixture *t)
{
	http_free(t->http);
	server_stop(&t->server);
	op_end(&t->op);
	cancel_free(&t->cancel);
}

#define OK(body, length) \
	"HTTP/1.1 200 OK\r\nContent-Length: " length "\r\n\r\n" body

static void an_answer_has_status_headers_and_body(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
			  "HTTP/1.1 207 Multi-Status\r\nETag:  \"x\" \r\n"
			  "x-two: a\r\nX-Two: b\r\nEmpty:\r\n"
			  "Transfer-Encoding: chunked\r\n\r\n"
			  "5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n" },
		{ 0 }
	};
	static const struct http_header more[] = { { "Depth", "1" },
						   { "Blank", "" },
						   { NULL, NULL } };
	struct fixture t;

	begin(&t, script);
	t.rq.method = "PROPFIND";
	t.rq.headers = more;
	t.rq.body = "<x/>";
	t.rq.body_len = 4;
	CHECK(ask(&t) == 0);
	CHECK(t.answer.status == 207);
	CHECK(t.answer.body_len == 5);
	CHECK_STR(t.answer.body, "hello");
	CHECK_STR(http_header(&t.answer, "etag"), "\"x\"");
	CHECK_STR(http_header(&t.answer, "X-TWO"), "b");
	CHECK_STR(http_header(&t.answer, "empty"), "");
	CHECK(!http_header(&t.answer, "X-Early"));
	CHECK(!http_header(&t.answer, "X-Late"));
	CHECK(strncmp(t.server.heads[0].data, "PROPFIND /a%20b?q HTTP/1.1\r\n",
		      28) == 0);
	CHECK(strstr(t.server.heads[0].data, "\r\nDepth: 1\r\n"));
	CHECK(strstr(t.server.heads[0].data, "\r\nBlank:\r\n"));
	CHECK(strstr(t.server.heads[0].data, "\r\nUser-Agent: ferry/"));
	CHECK(!strstr(t.server.heads[0].data, "Expect"));
	CHECK(!strstr(t.server.heads[0].data, "Content-Type"));
	CHECK_STR(t.server.bodies[0].data, "<x/>");
	end(&t);
}

static void a_connection_is_kept_also_after_errors(void)
{
	static const struct reply script[] = {
		{ .text = OK("a", "1") },
		{ .text = "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabc" },
		{ .text = "HTTP/1.1 500 No\r\nContent-Length: 131072\r\n\r\n",
		  .endless = 131072 },
		{ .text = "HTTP/1.1 204 Yes\r\n\r\n" },
		{ 0 }
	};
	struct fixture t;

	begin(&t, script);
	t.rq.max_body = 100;
	for (int i = 0; i < 4; i++) {
		CHECK(ask(&t) == 0);
		t.rq.method = i == 2 ? "PUT" : "GET";
	}
	CHECK(t.answer.status == 204);
	CHECK(t.server.n_connections == 1);
	CHECK(http_requests(t.http) == 4);
	CHECK(strstr(t.server.heads[3].data, "Content-Length: 0\r\n"));
	end(&t);
}

static void a_kept_connection_that_was_closed_is_no_error(void)
{
	static const struct reply script[] = {
		{ .text = OK("a", "1") },
		{ .text = "", .after = CLOSE }, /* as the request comes */
		{ .text = OK("b", "1") },
		{ 0 }
	};
	struct fixture t;

	begin(&t, script);
	CHECK(ask(&t) == 0);
	CHECK(ask(&t) == 0);
	CHECK_STR(t.answer.body, "b");
	CHECK(t.server.n_connections == 2);
	end(&t);
}

static void a_new_connection_that_is_closed_is_an_error(void)
{
	static const struct reply script[] = { { .text = "", .after = CLOSE },
					       { 0 } };
	struct fixture t;

	begin(&t, script);
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_NETWORK);
	CHECK(strstr(t.op.err.msg, "127.0.0.1"));
	CHECK(t.server.n_requests == 1);
	end(&t);
}

/* Authorization values 1, 2, ...; the same again after `last`. */
struct keys {
	int last, given;
	const char *stale;
};

static int authorize(void *arg, struct op *op, const char *stale,
		     const char **value)
{
	struct keys *k = arg;

	k->stale = stale;
	if (k->given < k->last)
		k->given++;
	*value = arena_printf(&op->arena, "Bearer secret%d", k->given);
	return 0;
}

static void a_401_is_answered_with_new_credentials_once(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ 0 }
	};
	struct keys keys = { .last = 4 };
	struct fixture t;

	begin(&t, script);
	t.conf.authorize = authorize;
	t.conf.arg = &keys;
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	CHECK_STR(keys.stale, "Bearer secret1");
	CHECK(strstr(t.server.heads[0].data, "Bearer secret1\r\n"));
	CHECK(strstr(t.server.heads[1].data, "Bearer secret2\r\n"));
	CHECK(ask(&t) == 0 && t.answer.status == 401); /* 3 and 4: both bad */
	CHECK(t.server.n_requests == 4);
	/* no other value: no other request */
	CHECK(ask(&t) == 0 && t.answer.status == 401);
	CHECK(t.server.n_requests == 5);
	t.rq.no_auth = true;
	CHECK(ask(&t) == 0);
	CHECK(!strstr(t.server.heads[5].data, "Authorization"));
	end(&t);
}

static void a_name_and_password_are_sent_at_once(void)
{
	static const struct reply script[] = { { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { 0 } };
	struct fixture t;

	begin(&t, script);
	t.conf.user = "a:x";
	t.conf.pass = "b";
	for (int i = 0; i < 3; i++) {
		t.rq.no_auth = i == 1;
		CHECK(ask(&t) == 0);
		CHECK(!!strstr(t.server.heads[i].data,
			       "Authorization: Basic YTp4OmI=\r\n") !=
		      t.rq.no_auth);
	}
	CHECK(t.server.n_connections == 1);
	end(&t);
}

static void digest_is_used_where_it_is_asked_for(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 1\r\n"
			  "WWW-Authenticate: Digest realm=\"r\", "
			  "nonce=\"n\", qop=\"auth\"\r\n\r\nx" },
		{ .text = OK("y", "1") },
		{ .text = OK("z", "1") },
		{ 0 }
	};
	struct fixture t;

	begin(&t, script);
	t.conf.user = "a";
	t.conf.pass = "b";
	t.rq.method = "PUT";
	t.rq.body = "abc";
	t.rq.body_len = 3;
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	CHECK_STR(t.answer.body, "y");
	CHECK(!http_header(&t.answer, "WWW-Authenticate"));
	CHECK(strstr(t.server.heads[1].data, "Digest username=\"a\""));
	CHECK_STR(t.server.bodies[1].data, "abc");
	/* the next one knows already */
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	CHECK(strstr(t.server.heads[2].data, "Digest username=\"a\""));
	CHECK(t.server.n_requests == 3);
	end(&t);
}

/* Bytes 0, 1, 2, ... 250, 0, ..., `end` of them. */
struct numbers {
	struct source base;
	int64_t at, end;
	int seeks;
};

static ssize_t numbers_read(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	struct numbers *s = container_of(src, struct numbers, base);
	uint8_t *to = buf;

	if (s->end < 0)
		return err_set(&op->err, ERR_IO, "broken disk");
	if (n > 70000)
		n = 70000;
	if ((int64_t)n > s->end - s->at)
		n = (size_t)(s->end - s->at);
	for (size_t i = 0; i < n; i++)
		to[i] = (uint8_t)(s->at++ % 251);
	return (ssize_t)n;
}

static int numbers_seek(struct source *src, struct op *op, int64_t off)
{
	struct numbers *s = container_of(src, struct numbers, base);

	(void)op;
	s->at = off;
	s->seeks++;
	return 0;
}

static struct numbers numbers(struct fixture *t, int64_t size, int64_t end)
{
	t->rq.method = "PUT";
	t->rq.size = size;
	return (struct numbers){ .base = { .size = size,
					   .read = numbers_read,
					   .seek = numbers_seek },
				 .end = end };
}

static void check_numbers(const struct buf *b, size_t n)
{
	CHECK(b->len == n);
	for (size_t i = 0; i < n; i++)
		CHECK((uint8_t)b->data[i] == i % 251);
}

static void a_source_is_sent_byte_by_byte(void)
{
	static const struct reply script[] = { { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { 0 } };
	static const int64_t sizes[] = { 3000000, 5, 0 };
	struct fixture t;

	begin(&t, script);
	for (size_t i = 0; i < 3; i++) {
		struct numbers s = numbers(&t, sizes[i], sizes[i]);

		t.rq.source = &s.base;
		CHECK(ask(&t) == 0 && t.answer.status == 200);
		check_numbers(&t.server.bodies[i], (size_t)sizes[i]);
		CHECK(!!strstr(t.server.heads[i].data, "Expect: 100") ==
		      (i == 0));
	}
	CHECK(t.server.n_connections == 1);
	end(&t);
}

static void a_source_is_sent_again_from_where_it_began(void)
{
	static const struct reply script[] = {
		{ .text = OK("", "0") },
		{ .text = "", .after = CLOSE },
		{ .text = "HTTP/1.1 307 There\r\nLocation: /there\r\n"
			  "Content-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ 0 }
	};
	struct keys keys = { .last = 100 };
	struct fixture t;
	struct numbers s;

	begin(&t, script);
	t.conf.authorize = authorize;
	t.conf.arg = &keys;
	CHECK(ask(&t) == 0);
	s = numbers(&t, 300000 - 251, 300000);
	s.base.size = 300000;
	s.at = t.rq.source_at = 251;
	t.rq.source = &s.base;
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	check_numbers(&t.server.bodies[4], 300000 - 251);
	CHECK(strncmp(t.server.heads[4].data, "PUT /there HTTP/1.1\r\n", 21) ==
	      0);
	CHECK(t.server.n_requests == 5);
	end(&t);
}

static void a_source_that_ends_early_is_a_conflict(void)
{
	static const struct reply script[] = { { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { .text = OK("", "0") },
					       { 0 } };
	struct fixture t;
	struct numbers s;

	begin(&t, script);
	s = numbers(&t, 100000, 90000);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CONFLICT);
	CHECK_STR(t.op.err.msg, "ended after 90000 of 100000 bytes");
	/* and one that has grown */
	s = numbers(&t, 100, 101);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CONFLICT);
	/* and one that fails says so itself */
	s = numbers(&t, 100, -1);
	t.rq.source = &s.base;
	CHECK(ask(&t) == -1);
	CHECK_STR(t.op.err.msg, "broken disk");
	end(&t);
}

struct pit {
	struct sink base;
	struct buf got;
	int heads;
	bool refuse, full;
};

static int pit_write(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct pit *pit = container_of(dst, struct pit, base);

	CHECK(pit->heads == 1);
	if (pit->full)
		return err_set(&op->err, ERR_NO_SPACE, "disk full");
	buf_add(&pit->got, p, n);
	return 0;
}

static int pit_head(void *arg, struct op *op, const struct http_answer *a)
{
	struct pit *pit = arg;

	CHECK(a->status / 100 == 2);
	pit->heads++;
	if (pit->refuse)
		return err_set(&op->err, ERR_CORRUPT, "wrong etag");
	return 0;
}

static struct pit dig(struct fixture *t, struct pit *at)
{
	t->rq.sink = &at->base;
	t->rq.head = pit_head;
	t->rq.head_arg = at;
	return (struct pit){ .base = { .write = pit_write }, .got = BUF_INIT };
}

static void what_a_sink_and_a_head_say_wins(void)
{
	static const struct reply script[] = {
		{ .text = OK("hello", "5") },
		{ .text = OK("hello", "5") },
		{ .text = OK("hello", "5") },
		{ .text = OK("", "0") },
		{ .text = "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nabc" },
		{ 0 }
	};
	struct fixture t;
	struct pit pit;

	begin(&t, script);
	pit = dig(&t, &pit);
	CHECK(ask(&t) == 0);
	CHECK_STR(pit.got.data, "hello");
	CHECK_STR(t.answer.body, "");
	buf_free(&pit.got);
	pit = dig(&t, &pit);
	pit.full = true;
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_NO_SPACE);
	pit = dig(&t, &pit);
	pit.refuse = true;
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CORRUPT);
	CHECK(pit.got.len == 0);
	/* also where there is nothing to write */
	pit = dig(&t, &pit);
	CHECK(ask(&t) == 0 && pit.heads == 1);
	/* an error's text is not for the sink */
	pit = dig(&t, &pit);
	CHECK(ask(&t) == 0 && pit.heads == 0 && t.answer.status == 404);
	CHECK_STR(t.answer.body, "abc");
	end(&t);
}

static void an_answer_that_ends_early_is_an_error(void)
{
	static const struct reply script[] = {
		{ .text = OK("hello", "9"), .after = CLOSE },
		{ .text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
			  "\r\n9\r\nhello",
		  .after = CLOSE },
		{ .text = "HTTP/1.1 200 OK\r\nContent-Le", .after = CLOSE },
		{ 0 }
	};
	struct fixture t;

	begin(&t, script);
	for (int i = 0; i < 3; i++) {
		CHECK(ask(&t) == -1);
		CHECK(t.op.err.kind == ERR_NETWORK);
	}
	end(&t);
}

static void a_redirect_leads_no_further_than_it_may(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 302 There\r\nLocation: there?x\r\n"
			  "Content-Length: 4\r\n\r\ngone" },
		{ .text = OK("here", "4") },
		{ .text = "HTTP/1.1 302 There\r\n"
			  "Location: http://example.org/?token=secret\r\n"
			  "Content-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 302 There\r\nLocation: ftp://127.0.0.1/\r\n"
			  "Content-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 302 There\r\nLocation: /x\r\n"
			  "Content-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 303 There\r\nLocation: /x\r\n"
			  "Content-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 304 Same\r\n\r\n" },
		{ 0 }
	};
	struct fixture t;

	begin(&t, script);
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	CHECK_STR(t.answer.body, "here");
	CHECK(strncmp(t.server.heads[1].data, "GET /there?x HTTP", 17) == 0);
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_DENIED);
	CHECK(strstr(t.op.err.msg, "http://example.org:80/"));
	CHECK(!strstr(t.op.err.msg, "secret"));
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_DENIED);
	/* what was sent must not become a GET */
	t.rq.method = "POST";
	CHECK(ask(&t) == 0 && t.answer.status == 302);
	t.rq.method = "PUT";
	CHECK(ask(&t) == 0 && t.answer.status == 303);
	t.rq.method = "GET";
	CHECK(ask(&t) == 0 && t.answer.status == 304);
	end(&t);
}

static void redirects_in_a_circle_end(void)
{
	struct reply script[10] = { { 0 } };
	struct fixture t;

	for (int i = 0; i < 9; i++)
		script[i].text = "HTTP/1.1 308 There\r\nLocation: /\r\n"
				 "Content-Length: 0\r\n\r\n";
	begin(&t, script);
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_DENIED);
	CHECK(t.server.n_requests == 6);
	end(&t);
}

static void endless_headers_and_bodies_are_bounded(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nX: ",
		  .endless = 1 << 20,
		  .after = CLOSE },
		{ .text = OK("", "9999999999"),
		  .endless = 4 << 20,
		  .after = CLOSE },
		{ .text = "HTTP/1.1 500 No\r\nContent-Length: 9999999999\r\n"
			  "\r\n",
		  .endless = 4 << 20,
		  .after = CLOSE },
		{ 0 }
	};
	struct reply many[2] = { { .after = CLOSE } };
	struct buf text = BUF_INIT;
	struct fixture t;

	begin(&t, script);
	CHECK(ask(&t) == -1);
	CHECK(t.op.err.kind == ERR_CORRUPT);
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CORRUPT);
	t.rq.max_body = 1000;
	CHECK(ask(&t) == 0 && t.answer.status == 500);
	CHECK(t.answer.body_len == 1000 && strlen(t.answer.body) == 1000);
	end(&t);

	buf_adds(&text, "HTTP/1.1 200 OK\r\n");
	for (int i = 0; i < 129; i++)
		buf_addf(&text, "X-%d: y\r\n", i);
	buf_adds(&text, "Content-Length: 0\r\n\r\n");
	many[0].text = text.data;
	begin(&t, many);
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CORRUPT);
	end(&t);
	buf_free(&text);
}

static void *cancel_soon(void *arg)
{
	usleep(50000);
	cancel_set(arg);
	return NULL;
}

static void a_hanging_answer_can_be_called_off(void)
{
	static const struct reply script[] = { { .text = "HTTP/1.1 200 OK\r\n"
							 "Content-Length: 5\r\n"
							 "\r\n",
						 .after = HANG },
					       { 0 } };
	struct fixture t;
	pthread_t thread;

	begin(&t, script);
	CHECK(!pthread_create(&thread, NULL, cancel_soon, &t.cancel));
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_CANCELED);
	pthread_join(thread, NULL);
	end(&t);
}

static void silence_is_a_timeout(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 200 OK\r\n", .after = HANG }, { 0 }
	};
	struct fixture t;

	begin(&t, script);
	t.settings.timeout = NS_PER_SEC / 10;
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_TIMEOUT);
	CHECK_STR(t.op.err.msg, "127.0.0.1: no byte moved for 0.1 seconds");
	end(&t);
}

static void nobody_there_is_said_with_host_and_port(void)
{
	struct fixture t;

	begin(&t, NULL);
	t.rq.url = "http://127.0.0.1:1/";
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_NETWORK);
	CHECK_STR(t.op.err.msg, "cannot connect to 127.0.0.1 port 1: "
				"Connection refused");
	t.rq.url = "https://user:secret@h/";
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_INVALID);
	CHECK(!strstr(t.op.err.msg, "secret"));
	end(&t);
}

static void no_line_can_be_smuggled_into_a_request(void)
{
	struct http_header bad[] = { { "X-A", "b\r\nX-C: d" }, { 0 } };
	struct fixture t;

	begin(&t, NULL);
	t.rq.headers = bad;
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_INVALID);
	bad[0] = (struct http_header){ "X-A: y\r\nX-B", "z" };
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_INVALID);
	CHECK(t.server.n_requests == 0);
	end(&t);
}

static void certificates_that_cannot_be_read_are_named(void)
{
	struct fixture t;

	begin(&t, NULL);
	t.settings.ca_cert = "/nonexistent/ca.pem";
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_INVALID);
	CHECK(strstr(t.op.err.msg, "/nonexistent/ca.pem"));
	http_free(t.http);
	t.http = NULL;
	t.settings.ca_cert = "/dev/null";
	CHECK(ask(&t) == -1 && t.op.err.kind == ERR_INVALID);
	CHECK_STR(t.op.err.msg,
		  "--ca-cert \"/dev/null\": no certificate in it (PEM)");
	end(&t);
}

static void fails(int status, const char *header, const char *value,
		  const char *body, enum err_kind kind, const char *text)
{
	struct http_header headers[] = { { header, value }, { 0 } };
	struct http_answer a = { .status = status,
				 .headers = headers,
				 .body = body,
				 .body_len = strlen(body) };
	struct cancel c;
	struct op op;

	cancel_init(&c);
	op = op_begin(&c);
	CHECK(http_fail(&op, &a) == -1);
	CHECK(op.err.kind == kind && op.err.code == status);
	CHECK_STR(op.err.msg, text);
	op_end(&op);
	cancel_free(&c);
}

static void a_status_is_put_into_words(void)
{
	fails(404, "Content-Type", "text/html", "<html>", ERR_NOT_FOUND,
	      "not found (404)");
	fails(507, "Content-Type", "text/plain; charset=utf-8",
	      "\n quota \x1b[1m\xff\r\n\texceeded\n", ERR_NO_SPACE,
	      "no space left on the server (507): quota [1m\\xff exceeded");
	fails(403, "Content-Type", "application/xml",
	      "<d:error><s:exception>x</s:exception>"
	      "<s:message>Not you</s:message></d:error>",
	      ERR_DENIED, "forbidden by the server (403): Not you");
	fails(418, "X", "y", "teapot", ERR_DENIED, "the server answered 418");
	fails(599, "X", "y", "", ERR_SERVER, "the server answered 599");
	fails(302, "X", "y", "", ERR_DENIED, "the server answered 302");
}

static unsigned waits(const char *value)
{
	struct http_header headers[] = { { "retry-after", value }, { 0 } };
	struct http_answer a = { .status = 429,
				 .headers = headers,
				 .body = "" };
	struct cancel c;
	struct op op;
	unsigned ms;

	cancel_init(&c);
	op = op_begin(&c);
	CHECK(http_fail(&op, &a) == -1 && op.err.kind == ERR_BUSY);
	ms = op.err.retry_after;
	op_end(&op);
	cancel_free(&c);
	return ms;
}

static void retry_after_is_seconds_or_a_date(void)
{
	CHECK(waits("7") == 7000);
	CHECK(waits("-7") == 0);
	CHECK(waits("soon") == 0);
	CHECK(waits("99999999999999999999") == 0);
	CHECK(waits("9223372036854775807") == 0);
	CHECK(waits("9999999") == 24 * 3600 * 1000);
	CHECK(waits("Sun, 06 Nov 1994 08:49:37 GMT") == 0);
	CHECK(waits("Fri, 31 Dec 2100 23:59:59 GMT") == 24 * 3600 * 1000);
}

static void to_buffer(void *arg, enum log_level level, const char *text)
{
	(void)level;
	buf_addf(arg, "%s\n", text);
}

static void a_dump_has_no_secrets(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 200 OK\r\nSet-Cookie: sid=secret\r\n"
			  "X-Auth-Token: secret\r\nContent-Length: 66\r\n\r\n"
			  "{\"access_token\" : \"sec\\\"ret\", \"n\":1, "
			  "\"password\":\"\", \"code\":secret}" },
		{ 0 }
	};
	struct keys keys = { .last = 1 };
	struct buf log = BUF_INIT;
	struct fixture t;

	begin(&t, script);
	t.settings.dump = HTTP_DUMP_HEADERS | HTTP_DUMP_BODIES;
	t.conf.authorize = authorize;
	t.conf.arg = &keys;
	t.rq.method = "POST";
	t.rq.body = "a=b&client_secret=secret&grant=x&refresh_token=secret";
	t.rq.body_len = strlen(t.rq.body);
	log_set_sink(to_buffer, &log);
	CHECK(ask(&t) == 0);
	log_set_sink(NULL, NULL);
	CHECK(!strstr(log.data, "secret1") && !strstr(log.data, "=secret"));
	CHECK(!strstr(log.data, "ret\"") && !strstr(log.data, ":secret"));
	CHECK(!strstr(log.data, ": secret"));
	CHECK(strstr(log.data, "test: > POST /a%20b?q HTTP/1.1\n"));
	CHECK(strstr(log.data, "test: > Authorization: ***\n"));
	CHECK(strstr(log.data, "test: < Set-Cookie: ***\n"));
	CHECK(strstr(log.data, "a=b&client_secret=***&grant=x&"
			       "refresh_token=***\n"));
	CHECK(strstr(log.data, "\"n\":1"));
	buf_free(&log);
	end(&t);
}

static void *ask_often(void *arg)
{
	struct fixture *t = arg;
	struct op op = op_begin(&t->cancel);
	struct http_answer a;

	for (int i = 0; i < 5; i++) {
		CHECK(http_do(t->http, &op, &t->rq, &a) == 0);
		CHECK(a.status == 200);
	}
	op_end(&op);
	return NULL;
}

static void threads_ask_at_the_same_time(void)
{
	struct reply script[31] = { { 0 } };
	struct fixture t;
	pthread_t threads[6];

	for (int i = 0; i < 30; i++)
		script[i].text = OK("x", "1");
	begin(&t, script);
	t.settings.in_flight = 2;
	t.http = http_new(&t.settings, &t.conf);
	for (int i = 0; i < 6; i++)
		CHECK(!pthread_create(&threads[i], NULL, ask_often, &t));
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	CHECK(t.server.n_requests == 30);
	CHECK(t.server.n_connections <= 2);
	end(&t);
}

int main(void)
{
	static const char *const proxies[] = { "http_proxy", "https_proxy",
					       "all_proxy", "HTTPS_PROXY",
					       "ALL_PROXY" };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(proxies); i++)
		unsetenv(proxies[i]);
	RUN(an_answer_has_status_headers_and_body);
	RUN(a_connection_is_kept_also_after_errors);
	RUN(a_kept_connection_that_was_closed_is_no_error);
	RUN(a_new_connection_that_is_closed_is_an_error);
	RUN(a_401_is_answered_with_new_credentials_once);
	RUN(a_name_and_password_are_sent_at_once);
	RUN(digest_is_used_where_it_is_asked_for);
	RUN(a_source_is_sent_byte_by_byte);
	RUN(a_source_is_sent_again_from_where_it_began);
	RUN(a_source_that_ends_early_is_a_conflict);
	RUN(what_a_sink_and_a_head_say_wins);
	RUN(an_answer_that_ends_early_is_an_error);
	RUN(a_redirect_leads_no_further_than_it_may);
	RUN(redirects_in_a_circle_end);
	RUN(endless_headers_and_bodies_are_bounded);
	RUN(a_hanging_answer_can_be_called_off);
	RUN(silence_is_a_timeout);
	RUN(nobody_there_is_said_with_host_and_port);
	RUN(no_line_can_be_smuggled_into_a_request);
	RUN(certificates_that_cannot_be_read_are_named);
	RUN(a_status_is_put_into_words);
	RUN(retry_after_is_seconds_or_a_date);
	RUN(a_dump_has_no_secrets);
	RUN(threads_ask_at_the_same_time);
	return 0;
}
