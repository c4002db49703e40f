#include "tests/harness.h"

#include "lib/base64.h"

static void check(const char *plain, const char *standard, const char *url)
{
	struct buf b = BUF_INIT;
	const char *const texts[] = { standard, url };

	base64_encode(&b, plain, strlen(plain), false);
	CHECK_STR(b.data, standard);
	buf_reset(&b);
	base64_encode(&b, plain, strlen(plain), true);
	CHECK_STR(b.data, url);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_reset(&b);
		CHECK(base64_decode(&b, texts[i], strlen(texts[i])));
		CHECK_STR(b.data, plain);
	}
	buf_free(&b);
}

static void the_vectors_of_the_rfc_hold(void)
{
	check("", "", "");
	check("f", "Zg==", "Zg");
	check("fo", "Zm8=", "Zm8");
	check("foo", "Zm9v", "Zm9v");
	check("foob", "Zm9vYg==", "Zm9vYg");
	check("fooba", "Zm9vYmE=", "Zm9vYmE");
	check("foobar", "Zm9vYmFy", "Zm9vYmFy");
	check("\xfb\xff\xfe", "+//+", "-__-");
}

static void all_bytes_come_back(void)
{
	char bytes[256];
	struct buf text = BUF_INIT, back = BUF_INIT;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	base64_encode(&text, bytes, sizeof(bytes), true);
	buf_adds(&back, "kept ");
	CHECK(base64_decode(&back, text.data, text.len));
	CHECK(back.len == 5 + sizeof(bytes));
	CHECK(memcmp(back.data, "kept ", 5) == 0);
	CHECK(memcmp(back.data + 5, bytes, sizeof(bytes)) == 0);
	buf_free(&text);
	buf_free(&back);
}

static void blanks_around_are_cut_off(void)
{
	static const char text[] = " \r\n Zm9vYg== \t\n";
	struct buf b = BUF_INIT;

	CHECK(base64_decode(&b, text, strlen(text)));
	CHECK_STR(b.data, "foob");
	buf_free(&b);
}

static void what_is_no_base64_is_refused(void)
{
	static const char *const bad[] = {
		"Z",      "Zm9vY", "Zg=",      "Zg===",    "Zm9v=",
		"Zm9v==", "=",     "Zm 9v",    "Zm\n8",    "Zm9*",
		"Zh",     "Zm9",   "Zg==Zg==", "\xc3\xa4",
	};
	struct buf b = BUF_INIT;

	buf_adds(&b, "kept");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (base64_decode(&b, bad[i], strlen(bad[i]))) {
			fprintf(stderr, "\"%s\" was taken\n", bad[i]);
			abort();
		}
		CHECK_STR(b.data, "kept");
	}
	CHECK(!base64_decode(&b, "Zm\0v", 4));
	CHECK_STR(b.data, "kept");
	buf_free(&b);
}

int main(void)
{
	RUN(the_vectors_of_the_rfc_hold);
	RUN(all_bytes_come_back);
	RUN(blanks_around_are_cut_off);
	RUN(what_is_no_base64_is_refused);
	return 0;
}
