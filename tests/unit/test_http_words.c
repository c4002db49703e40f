#include "tests/unit/http_server.h"

#include "lib/log.h"

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
	static const struct http_header own[] = {
		{ "X-Api-Key", "open secret" },
		{ NULL, NULL },
	};
	struct keys keys = { .last = 1 };
	struct buf log = BUF_INIT;
	struct fixture t;

	begin(&t, script);
	t.conf.headers = own;
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
	CHECK(strstr(log.data, "test: > X-Api-Key: ***\n"));
	CHECK(strstr(log.data, "a=b&client_secret=***&grant=x&"
			       "refresh_token=***\n"));
	CHECK(strstr(log.data, "\"n\":1"));
	buf_free(&log);
	end(&t);
}

int main(void)
{
	http_test_environment();
	RUN(a_status_is_put_into_words);
	RUN(retry_after_is_seconds_or_a_date);
	RUN(a_dump_has_no_secrets);
	return 0;
}
