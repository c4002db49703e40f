#include "tests/unit/http_server.h"
#include "tests/unit/places.h"

#define PROPFIND_ANSWER                                                  \
	"<?xml version=\"1.0\"?><D:multistatus xmlns:D=\"DAV:\">"        \
	"<D:response><D:href>/f</D:href><D:propstat><D:prop>"            \
	"<D:resourcetype/><D:getcontentlength>9</D:getcontentlength>"    \
	"<D:getetag>\"e\"</D:getetag></D:prop>"                          \
	"<D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response>" \
	"</D:multistatus>"
#define PROPFIND_REPLY                                       \
	"HTTP/1.1 207 Multi-Status\r\nConnection: close\r\n" \
	"Content-Type: application/xml; charset=utf-8\r\n\r\n" PROPFIND_ANSWER
#define PART                                                    \
	"HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n" \
	"ETag: \"e\"\r\nContent-Range: bytes 2-4/9\r\n\r\ncde"
#define WHOLE                                                         \
	"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nETag: \"e\"\r\n\r\n" \
	"abcdefghi"

struct text_sink {
	struct sink base;
	struct buf text;
};

static int add_text(struct sink *s, struct op *op, const void *p, size_t n)
{
	(void)op;
	buf_add(&container_of(s, struct text_sink, base)->text, p, n);
	return 0;
}

/* What comes of "f" from such a server, and how often that was asked. */
static int get(const struct reply *script, const struct get_opt *opt,
	       const char *want, unsigned requests)
{
	struct text_sink sink = { .base.write = add_text, .text = BUF_INIT };
	struct server server;
	struct backend *be;
	struct places p;
	int rc;

	server_start(&server, script);
	places_begin(&p);
	be = opened(&p, arena_printf(&p.op.arena,
				     ":webdav,url=\"http://127.0.0.1:%u/\":",
				     server.port));
	rc = be_get(be, &p.op, "f", opt, &sink.base);
	rc = rc < 0 ? (int)p.op.err.kind : 0;
	CHECK_STR(sink.text.data, want);
	be_close(be);
	places_end(&p);
	server_stop(&server);
	CHECK(server.n_requests == requests);
	buf_free(&sink.text);
	return rc;
}

static void a_part_that_its_reader_checks_takes_one_request(void)
{
	const struct reply script[] = { { PART, CLOSE, 0 }, { 0 } };
	const struct get_opt opt = { .off = 2, .len = 3, .own_check = true };

	CHECK(get(script, &opt, "cde", 1) == 0);
}

static void any_other_is_looked_at_before(void)
{
	const struct reply script[] = { { PROPFIND_REPLY, CLOSE, 0 },
					{ PART, CLOSE, 0 },
					{ 0 } };
	const struct get_opt opt = { .off = 2, .len = 3 };

	CHECK(get(script, &opt, "cde", 2) == 0);
}

static void what_is_not_there_is_not_found(void)
{
	const struct reply script[] = {
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", CLOSE,
		  0 },
		{ 0 }
	};
	const struct get_opt opt = { .off = 2, .len = 3, .own_check = true };

	CHECK(get(script, &opt, "", 1) == ERR_NOT_FOUND);
}

static void of_all_instead_of_a_part_the_end_is_cut_out(void)
{
	const struct reply script[] = { { WHOLE, CLOSE, 0 },
					{ PROPFIND_REPLY, CLOSE, 0 },
					{ WHOLE, CLOSE, 0 },
					{ 0 } };
	const struct get_opt opt = { .off = 2, .len = -1, .own_check = true };

	CHECK(get(script, &opt, "cdefghi", 3) == 0);
}

int main(void)
{
	RUN(a_part_that_its_reader_checks_takes_one_request);
	RUN(any_other_is_looked_at_before);
	RUN(what_is_not_there_is_not_found);
	RUN(of_all_instead_of_a_part_the_end_is_cut_out);
	return 0;
}
