#include "tests/fuzz/fuzz.h"

#include "backends/jotta/jotta.h"
#include "lib/utf8.h"

/* Any name comes back, and what is stored is what the service can store. */
static void check_name(const char *name)
{
	struct buf raw = BUF_INIT, again = BUF_INIT;
	size_t n;

	jotta_encode(&raw, name);
	CHECK(utf8_valid(raw.data, raw.len));
	CHECK(!strpbrk(raw.data, "\"*:<>?|%\x7f"));
	for (size_t i = 0; i < raw.len; i++)
		CHECK((unsigned char)raw.data[i] >= ' ');
	n = raw.len;
	CHECK(n == 0 || (raw.data[0] != ' ' && raw.data[n - 1] != ' '));
	jotta_decode(&again, raw.data);
	CHECK_STR(again.data, name);
	buf_free(&raw);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *name = malloc(size + 1);
	struct buf shown = BUF_INIT;
	size_t n = 0;

	CHECK(name);
	for (size_t i = 0; i < size; i++)
		if (data[i] != '/' && data[i] != '\0')
			name[n++] = (char)data[i];
	name[n] = '\0';
	check_name(name);
	jotta_decode(&shown, name); /* as if it were a raw one */
	CHECK(!strchr(shown.data, '/'));
	CHECK(shown.len <= n);
	free(name);
	buf_free(&shown);
	return 0;
}
