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

/* They would have become a '/', or the name's end. */
static void overlong_characters_are_no_text(void)
{
	CHECK(folds_to("\xE0\x80\x80", "\xE0\x80\x80"));
	CHECK(folds_to("a\xE0\x80\xAF\xE0\x80\xAF"
		       "b",
		       "a\xE0\x80\xAF\xE0\x80\xAF"
		       "b"));
	CHECK(folds_to("\xF0\x80\x80\xAF", "\xF0\x80\x80\xAF"));
	CHECK(folds_to("\xF4\x90\x80\x80", "\xF4\x90\x80\x80"));
	CHECK(folds_to("\xED\xA0\x80", "\xED\xA0\x80"));
}

static void no_other_letter_becomes_a_latin_one(void)
{
	CHECK(folds_to("\xC4\xB0", "\xC4\xB0"));         /* I with a dot */
	CHECK(folds_to("\xE2\x84\xAA", "\xE2\x84\xAA")); /* Kelvin */
}

int main(void)
{
	RUN(letters_become_small);
	RUN(everything_else_stays);
	RUN(bytes_that_are_no_text_stay);
	RUN(overlong_characters_are_no_text);
	RUN(no_other_letter_becomes_a_latin_one);
	return 0;
}
