#include "tests/harness.h"

#include "net/url.h"

/* The whole again, or "!" and why not. */
static void parses(const char *text, const char *want)
{
	struct arena a = { 0 };
	struct buf b = BUF_INIT;
	struct url u;
	struct err e;

	if (url_parse(&a, text, &u, &e) == 0) {
		url_text(&b, &u);
	} else {
		CHECK(e.kind == ERR_INVALID);
		buf_addf(&b, "!%s", e.msg);
	}
	CHECK_STR(b.data, want);
	buf_free(&b);
	arena_free(&a);
}

static void a_url_has_its_parts(void)
{
	struct arena a = { 0 };
	struct url u;
	struct err e;

	CHECK(url_parse(&a, "HTTPS://Nas.Local:8443/a%20b/?q=1#part", &u, &e) ==
	      0);
	CHECK(u.tls && u.port == 8443);
	CHECK_STR(u.host, "nas.local");
	CHECK_STR(u.path, "/a%20b/");
	CHECK_STR(u.query, "q=1");
	CHECK(url_parse(&a, "http://[FE80::1]:/x", &u, &e) == 0);
	CHECK(!u.tls && u.port == 80 && !u.query);
	CHECK_STR(u.host, "fe80::1");
	arena_free(&a);
}

static void a_url_comes_out_as_it_is_sent(void)
{
	parses("http://h", "http://h/");
	parses("http://h:80?a#b", "http://h/?a");
	parses("https://h:80/", "https://h:80/");
	parses("https://[::1]:443/a//b", "https://[::1]/a//b");
	parses("http://h/a/./b/../c", "http://h/a/c");
	parses("http://h/a/%2E%2e/..", "http://h/");
	parses("http://h/a/..b/...", "http://h/a/..b/...");
	parses("http://h/a/b/..", "http://h/a/");
	parses("http://h/\xc3\xa4|\\?\"", "http://h/%C3%A4%7C%5C?%22");
}

static void what_is_no_url_for_us_is_refused(void)
{
	parses("ftp://h/", "!URL \"ftp://h/\": neither \"http://\" nor "
			   "\"https://\"");
	parses("h/x", "!URL \"h/x\": neither \"http://\" nor \"https://\"");
	parses("http:h",
	       "!URL \"http:h\": neither \"http://\" nor \"https://\"");
	parses("http://u:secret@h/",
	       "!URL \"...\": a user or password does not belong in it");
	parses("http://h/\n?token=1",
	       "!URL \"http://h/\\n\": control character or blank in it");
	parses("http://h/a b",
	       "!URL \"http://h/a b\": control character or blank in it");
	parses("http:///x", "!URL \"http:///x\": wrong host");
	parses("http://a\\b/", "!URL \"http://a\\b/\": wrong host");
	parses("http://a%41/", "!URL \"http://a%41/\": wrong host");
	parses("http://\xff/", "!URL \"http://\\xff/\": wrong host");
	parses("http://[::1/", "!URL \"http://[::1/\": wrong host");
	parses("http://[::1]x/", "!URL \"http://[::1]x/\": wrong host");
	parses("http://[abc]/", "!URL \"http://[abc]/\": wrong host");
	parses("http://h:x/", "!URL \"http://h:x/\": wrong port");
	parses("http://h:0/", "!URL \"http://h:0/\": wrong port");
	parses("http://h:65536/", "!URL \"http://h:65536/\": wrong port");
	parses("http://h:18446744073709551696/",
	       "!URL \"http://h:18446744073709551696/\": wrong port");
}

static void resolves(const char *ref, const char *want)
{
	struct arena a = { 0 };
	struct buf b = BUF_INIT;
	struct url base, u;
	struct err e;

	CHECK(url_parse(&a, "https://h:1/a/b/c?q", &base, &e) == 0);
	if (url_resolve(&a, &base, ref, &u, &e) == 0)
		url_text(&b, &u);
	else
		buf_adds(&b, "!");
	CHECK_STR(b.data, want);
	buf_free(&b);
	arena_free(&a);
}

static void a_reference_is_read_where_it_stands(void)
{
	resolves("", "https://h:1/a/b/c?q");
	resolves("#x", "https://h:1/a/b/c?q");
	resolves("?r", "https://h:1/a/b/c?r");
	resolves("d", "https://h:1/a/b/d");
	resolves("./d/", "https://h:1/a/b/d/");
	resolves("../d", "https://h:1/a/d");
	resolves("../../../d", "https://h:1/d");
	resolves("..", "https://h:1/a/");
	resolves("/x?y#z", "https://h:1/x?y");
	resolves("//other/x", "https://other/x");
	resolves("//u@other/x", "!");
	resolves("HTTP://h/x", "http://h/x");
	resolves("mailto:x", "!");
	resolves("a b", "!");
	resolves("a/b:c", "https://h:1/a/b/a/b:c");
}

static bool same_origin(const char *one, const char *other)
{
	struct arena a = { 0 };
	struct url u, v;
	struct err e;
	bool same;

	CHECK(url_parse(&a, one, &u, &e) == 0);
	CHECK(url_parse(&a, other, &v, &e) == 0);
	same = url_same_origin(&u, &v);
	arena_free(&a);
	return same;
}

static void an_origin_is_scheme_host_and_port(void)
{
	CHECK(same_origin("http://h/a", "http://H:80/b?c"));
	CHECK(!same_origin("http://h/", "https://h/"));
	CHECK(!same_origin("http://h/", "http://h:81/"));
	CHECK(!same_origin("http://h/", "http://h.x/"));
}

static void encoding_keeps_little_as_it_is(void)
{
	struct buf b = BUF_INIT;

	url_encode_path(&b, "a/b c-_.~\xc3\xa4%:@&+");
	CHECK_STR(b.data, "a/b%20c-_.~%C3%A4%25%3A%40%26%2B");
	buf_reset(&b);
	url_encode(&b, "a/b=\n");
	CHECK_STR(b.data, "a%2Fb%3D%0A");
	buf_free(&b);
}

static void decoding_is_strict(void)
{
	static const char *const bad[] = { "%",   "%4",   "a%4g",
					   "%00", "%%41", "x%-1" };
	struct buf b = BUF_INIT;

	buf_adds(&b, ">");
	CHECK(url_decode(&b, "a%2Fb%c3%A4+", 12));
	CHECK_STR(b.data, ">a/b\xc3\xa4+");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(!url_decode(&b, bad[i], strlen(bad[i])));
		CHECK_STR(b.data, ">a/b\xc3\xa4+");
	}
	CHECK(!url_decode(&b, "a\0b", 3));
	CHECK(!url_decode(&b, "%41", 2));
	buf_free(&b);
}

int main(void)
{
	RUN(a_url_has_its_parts);
	RUN(a_url_comes_out_as_it_is_sent);
	RUN(what_is_no_url_for_us_is_refused);
	RUN(a_reference_is_read_where_it_stands);
	RUN(an_origin_is_scheme_host_and_port);
	RUN(encoding_keeps_little_as_it_is);
	RUN(decoding_is_strict);
	return 0;
}
