#include "tests/harness.h"

#include "lib/fold.h"

static bool folds_to(const char *name, const char *want)
{
	struct buf b = BUF_INIT;
	bool same;

	fold_case(&b, name);
	same = strcmp(b.data, want) == 0;
	buf_free(&b);
	return same;
}

static void letters_become_small(void)
{
	CHECK(folds_to("README.TXT", "readme.txt"));
	CHECK(folds_to("ÄÖÜ-Σ-Ж", "äöü-σ-ж"));
	CHECK(folds_to("\xF0\x90\x90\x80", "\xF0\x90\x90\xA8"));
}

static void everything_else_stays(void)
{
	CHECK(folds_to("", ""));
	CHECK(folds_to("a 1_日本語.\xF0\x9F\x98\x80",
		       "a 1_日本語.\xF0\x9F\x98\x80"));
}

static void bytes_that_are_no_text_stay(void)
{
	CHECK(folds_to("A\xFF\xC3", "a\xFF\xC3"));
	CHECK(folds_to("\xE2\x82", "\xE2\x82"));
	CHECK(folds_to("\xC3"
		       "A",
		       "\xC3"
		       "a"));
}

int main(void)
{
	RUN(letters_become_small);
	RUN(everything_else_stays);
	RUN(bytes_that_are_no_text_stay);
	return 0;
}
