#include "tests/fuzz/fuzz.h"

#include "net/url.h"

/* What was understood is sent as something that is understood the same. */
static void check_url(struct arena *a, const struct url *u)
{
	struct buf one = BUF_INIT, two = BUF_INIT;
	struct url again;
	struct err e;

	CHECK(u->host && *u->host && u->path && *u->path == '/');
	CHECK(u->port > 0 && u->port < 65536);
	url_text(&one, u);
	for (size_t i = 0; i < one.len; i++)
		CHECK((uint8_t)one.data[i] > ' ' && one.data[i] != 0x7f);
	CHECK(url_parse(a, one.data, &again, &e) == 0);
	CHECK(url_same_origin(u, &again));
	url_text(&two, &again);
	CHECK_STR(two.data, one.data);
	buf_free(&one);
	buf_free(&two);
}

static void check_coding(const char *text, size_t n)
{
	struct buf coded = BUF_INIT, plain = BUF_INIT;

	url_encode(&coded, text);
	CHECK(url_decode(&plain, coded.data, coded.len));
	CHECK_STR(plain.data, text);
	buf_reset(&plain);
	if (url_decode(&plain, text, n))
		CHECK(plain.len <= n && strlen(plain.data) == plain.len);
	else
		CHECK(plain.len == 0);
	buf_free(&coded);
	buf_free(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena a = { 0 };
	struct url base, u;
	char *text = arena_alloc(&a, size + 1);
	struct err e;

	if (size)
		memcpy(text, data, size);
	CHECK(url_parse(&a, "https://h:8080/a/b/c?d", &base, &e) == 0);
	if (url_parse(&a, text, &u, &e) == 0)
		check_url(&a, &u);
	else
		CHECK(e.kind == ERR_INVALID);
	if (url_resolve(&a, &base, text, &u, &e) == 0)
		check_url(&a, &u);
	check_coding(text, size);
	arena_free(&a);
	return 0;
}
