#include "tests/unit/http_server.h"

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

static void the_head_alone_has_no_body(void)
{
	static const struct reply script[] = { { .text = OK("", "5") },
					       { .text = OK("hello", "5") },
					       { .text = OK("", "0") },
					       { .text = OK("hello", "5") },
					       { 0 } };
	struct fixture t;

	begin(&t, script);
	for (int i = 0; i < 4; i++) {
		t.rq.method = i % 2 ? "GET" : i ? "POST" : "HEAD";
		CHECK(ask(&t) == 0 && t.answer.status == 200);
		CHECK_STR(t.answer.body, i % 2 ? "hello" : "");
		CHECK(!!strstr(t.server.heads[i].data, "Content-Length: 0") ==
		      (i == 2));
	}
	CHECK_STR(http_header(&t.answer, "content-length"), "5");
	CHECK(strncmp(t.server.heads[0].data, "HEAD /a%20b?q ", 14) == 0);
	CHECK(t.server.n_connections == 1);
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

static void what_changes_something_is_sent_only_once(void)
{
	static const struct reply script[] = {
		{ .text = OK("a", "1") },
		{ .text = "", .after = CLOSE }, /* it may have been done */
		{ .text = OK("b", "1") },
		{ 0 }
	};
	static const char *const methods[] = { "MOVE", "DELETE", "PUT" };

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		struct fixture t;

		begin(&t, script);
		CHECK(ask(&t) == 0);
		t.rq.method = methods[i];
		CHECK(ask(&t) == -1 && t.op.err.kind == ERR_NETWORK);
		CHECK(t.server.n_requests == 2);
		end(&t);
	}
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

/* The token of an hour ago, or of a second; one that is not believed ends. */
static void a_401_is_answered_with_new_credentials(void)
{
	static const struct reply script[] = {
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n" },
		{ .text = OK("", "0") },
		{ 0 }
	};
	struct keys keys = { .last = 10 };
	struct fixture t;

	begin(&t, script);
	t.conf.authorize = authorize;
	t.conf.arg = &keys;
	CHECK(ask(&t) == 0 && t.answer.status == 200);
	CHECK_STR(keys.stale, "Bearer secret1");
	CHECK(strstr(t.server.heads[0].data, "Bearer secret1\r\n"));
	CHECK(strstr(t.server.heads[1].data, "Bearer secret2\r\n"));
	CHECK(ask(&t) == 0 && t.answer.status == 200); /* 3, 4, 5; 6 */
	CHECK(strstr(t.server.heads[5].data, "Bearer secret6\r\n"));
	CHECK(t.server.n_requests == 6);
	CHECK(ask(&t) == 0 && t.answer.status == 401); /* 7 to 10 */
	CHECK(t.server.n_requests == 10);
	/* no other value: no other request */
	CHECK(ask(&t) == 0 && t.answer.status == 401);
	CHECK(t.server.n_requests == 11);
	t.rq.no_auth = true;
	CHECK(ask(&t) == 0);
	CHECK(!strstr(t.server.heads[11].data, "Authorization"));
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
		  "certificate file \"/dev/null\": no certificate in it (PEM)");
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
	http_test_environment();
	RUN(an_answer_has_status_headers_and_body);
	RUN(a_connection_is_kept_also_after_errors);
	RUN(the_head_alone_has_no_body);
	RUN(a_kept_connection_that_was_closed_is_no_error);
	RUN(what_changes_something_is_sent_only_once);
	RUN(a_new_connection_that_is_closed_is_an_error);
	RUN(a_401_is_answered_with_new_credentials);
	RUN(a_name_and_password_are_sent_at_once);
	RUN(digest_is_used_where_it_is_asked_for);
	RUN(a_redirect_leads_no_further_than_it_may);
	RUN(redirects_in_a_circle_end);
	RUN(a_hanging_answer_can_be_called_off);
	RUN(silence_is_a_timeout);
	RUN(nobody_there_is_said_with_host_and_port);
	RUN(no_line_can_be_smuggled_into_a_request);
	RUN(certificates_that_cannot_be_read_are_named);
	RUN(threads_ask_at_the_same_time);
	return 0;
}
