#include "tests/harness.h"

#include "crypt/obscure.h"

static void check_revealed(const char *text, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e;

	CHECK(reveal(&b, text, &e) == 0);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

/* Made by `rclone obscure`. */
static void what_rclone_obscured_is_revealed(void)
{
	check_revealed("knVTz7HUaySM9YoPgXTzMK0pbjcefWN8smimumt8jw",
		       "pot\xc3\xa4to \"x\" 123");
	check_revealed("0SA8332KIew0dC3YCWeAqg", "");
	check_revealed("qoC8g0EPg2LDQWp03ocZ1Dw", "x");
}

static void what_was_obscured_is_revealed(void)
{
	static const char *const plain[] = { "", "x", "sixteen letters.",
					     "\x01\xff \t\n" };
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		buf_reset(&b);
		obscure(&b, plain[i]);
		CHECK(!strpbrk(b.data, "+/="));
		check_revealed(b.data, plain[i]);
	}
	buf_free(&b);
}

/* It would be taken for a flag. */
static void none_begins_with_a_dash(void)
{
	struct buf b = BUF_INIT;

	for (int i = 0; i < 2000; i++) {
		buf_reset(&b);
		obscure(&b, "password");
		CHECK(b.data[0] != '-');
	}
	buf_free(&b);
}

static void the_same_password_looks_different_each_time(void)
{
	struct buf a = BUF_INIT, b = BUF_INIT;

	obscure(&a, "password");
	obscure(&b, "password");
	CHECK(a.len == 32 && b.len == 32);
	CHECK(strcmp(a.data, b.data) != 0);
	buf_free(&a);
	buf_free(&b);
}

static void what_is_not_obscured_is_refused(void)
{
	static const char *const bad[] = {
		"",
		"secret",
		"hunter2",
		"0SA8332KIew0dC3YCWeA",
		"0SA8332KIew0dC3YCWeAq!",
		"0SA8332KIew0dC3YCWeAqg==",
		" 0SA8332KIew0dC3YCWeAqg",
		"0SA8332KIew0dC3YCWeAq/",
		/* one byte, a NUL */
		"AAAAAAAAAAAAAAAAAAAAAEQ",
	};
	struct buf b = BUF_INIT;
	struct err e;

	buf_adds(&b, "kept");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK(reveal(&b, bad[i], &e) < 0);
		CHECK(e.kind == ERR_INVALID);
		CHECK(*bad[i] == '\0' || !strstr(e.msg, bad[i]));
		CHECK_STR(b.data, "kept");
	}
	buf_free(&b);
}

int main(void)
{
	RUN(what_rclone_obscured_is_revealed);
	RUN(what_was_obscured_is_revealed);
	RUN(none_begins_with_a_dash);
	RUN(the_same_password_looks_different_each_time);
	RUN(what_is_not_obscured_is_refused);
	return 0;
}
