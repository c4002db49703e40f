#include "tests/fuzz/fuzz.h"

#include "lib/clock.h"
#include "net/oauth_token.h"

static void check_same(const char *a, const char *b)
{
	CHECK(!a == !b);
	if (a)
		CHECK_STR(a, b);
}

/* What was read and written is read again. */
static void check_again(struct arena *a, const struct oauth_token *t)
{
	struct oauth_token again;
	struct buf b = BUF_INIT;
	struct err e;

	oauth_token_write(&b, t);
	CHECK(oauth_token_parse(a, b.data, &again, &e) == 0);
	check_same(again.access, t->access);
	check_same(again.refresh, t->refresh);
	check_same(again.type, t->type ? t->type : "Bearer");
	CHECK(again.expiry == t->expiry);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int64_t asked = 1700000000 * NS_PER_SEC;
	const char *error, *text;
	struct buf b = BUF_INIT;
	struct arena a = { 0 };
	struct oauth_token t;
	struct err e;

	buf_add(&b, data, size);
	if (oauth_token_parse(&a, b.data, &t, &e) == 0)
		check_again(&a, &t);
	else
		CHECK(e.kind == ERR_CORRUPT);
	if (oauth_answer_parse(&a, b.data, b.len, asked, &t, &e) == 0) {
		CHECK(t.access && *t.access);
		CHECK(t.expiry == 0 || t.expiry > asked);
		check_again(&a, &t);
	} else {
		CHECK(e.kind == ERR_CORRUPT);
	}
	oauth_refusal_parse(&a, b.data, b.len, &error, &text);
	for (const char *p = error; *p; p++)
		CHECK((unsigned char)*p >= ' ');
	for (const char *p = text; p && *p; p++)
		CHECK((unsigned char)*p >= ' ');
	buf_free(&b);
	arena_free(&a);
	return 0;
}
