#include "tests/fuzz/fuzz.h"

#include "backends/jotta/login_token.h"
#include "lib/base64.h"

/* As text, and as the JSON that a text would stand for. */
static void try(const char *text)
{
	struct login_token t;
	struct arena a = { 0 };
	struct err e = { .kind = ERR_OK };

	if (login_token_parse(&a, text, &t, &e) == 0) {
		CHECK(*t.username && *t.secret);
		CHECK(strncmp(t.well_known, "http", 4) == 0);
	} else {
		CHECK(e.kind != ERR_OK && e.msg[0]);
	}
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf text = BUF_INIT;

	buf_add(&text, data, size);
	try(text.data);
	buf_reset(&text);
	base64_encode(&text, data, size, true);
	try(text.data);
	buf_free(&text);
	return 0;
}
