/* The progress display as text: pure functions into a buffer. */

#include "cmd/progress.h"

#include "cmd/text.h"
#include "lib/clock.h"
#include "tests/harness.h"

static void add_flight(struct progress_view *v, const char *path, int64_t size,
		       int64_t done)
{
	struct sync_flight *f = &v->flights[v->n_flights++];

	snprintf(f->path, sizeof(f->path), "%s", path);
	f->size = size;
	f->done = done;
	f->started = 0;
}

static void make_view(struct progress_view *v)
{
	*v = (struct progress_view){ .files_done = 1234,
				     .files_total = 5678,
				     .bytes_done = INT64_C(3) << 30,
				     .bytes_total = INT64_C(12) << 30,
				     .checked = 1000000,
				     .deleted = 7,
				     .failed = 2,
				     .more = true,
				     .now = 10 * NS_PER_SEC,
				     .elapsed = 10 * NS_PER_SEC,
				     .rate = 300e6 };
	add_flight(v, "a short name", 1 << 20, 1 << 19);
	add_flight(v,
		   "a/very/long/path/that/fits/no/terminal/of/eighty/columns/"
		   "and/then/some/more.tar.gz",
		   INT64_MAX, INT64_MAX / 3);
	add_flight(v,
		   "\u65e5\u672c\u8a9e\u306e\u9577\u3044\u540d\u524d"
		   "\u306e\u30d5\u30a1\u30a4\u30eb\u3067\u3059\u306d.txt",
		   -1, 77);
	add_flight(v, "not \xff\xfe UTF-8, \033[31m and \n a line", 0, 0);
	add_flight(v,
		   "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"
		   "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301",
		   100, 1000);
}

/* How many lines; each must fit. */
static unsigned check_lines(const char *s, size_t width)
{
	unsigned lines = 0;

	for (;; s++, lines++) {
		size_t n = strcspn(s, "\n");

		CHECK(text_width(s, n) <= width);
		s += n;
		if (!*s)
			return lines + 1;
	}
}

static void no_line_is_wider_than_the_window(void)
{
	struct progress_view v;
	struct buf b = BUF_INIT;

	make_view(&v);
	for (size_t width = 1; width <= 300; width++) {
		for (int look = 0; look < 4; look++) {
			struct progress_style style = { .width = width,
							.lines = 24,
							.color = look & 1,
							.unicode = look & 2 };

			buf_reset(&b);
			progress_picture(&b, &v, &style);
			CHECK(check_lines(b.data, width) == 2 + v.n_flights);
		}
	}
	buf_free(&b);
}

static void there_are_no_more_lines_than_the_window_has(void)
{
	struct progress_view v;
	struct buf b = BUF_INIT;

	make_view(&v);
	for (size_t lines = 1; lines < 10; lines++) {
		struct progress_style style = { .width = 80, .lines = lines };

		buf_reset(&b);
		progress_picture(&b, &v, &style);
		CHECK(check_lines(b.data, 80) <= lines);
	}
	buf_free(&b);
}

/* The picture of a view with one transfer at `width`. */
static void check_picture(size_t width, const char *want)
{
	struct progress_style style = { .width = width, .lines = 3 };
	struct buf b = BUF_INIT;
	struct progress_view v;

	make_view(&v);
	v.deleted = 0;
	v.failed = 0;
	progress_picture(&b, &v, &style);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

static void the_picture_at_several_widths(void)
{
	check_picture(20, "files 1,234/5,678+\n"
			  "3.0 GiB/12.0 GiB+\n"
			  " a s...ame");
	check_picture(40, "files 1,234/5,678+  21%\n"
			  "3.0 GiB/12.0 GiB+  25%  286.1 MiB/s  10s\n"
			  " a short name  50% of 1.0 MiB");
	check_picture(80, "files 1,234/5,678+ ======----------------------- "
			  " 21%  1,000,000 unchanged\n"
			  "3.0 GiB/12.0 GiB+  =======---------------------- "
			  " 25%  286.1 MiB/s  10s  ETA 32s\n"
			  " a short name                            ======-----"
			  "  50% of 1.0 MiB  51.2 KiB/s");
}

static void a_finished_run_shows_full_bars(void)
{
	struct progress_view v = { .files_done = 3, .files_total = 3 };
	struct progress_style style = { .width = 60, .lines = 1 };
	struct buf b = BUF_INIT;

	progress_picture(&b, &v, &style);
	CHECK(strstr(b.data, "100%"));
	CHECK(!strchr(b.data, '-'));
	buf_free(&b);
}

static void totals_that_are_unknown_have_no_bar(void)
{
	struct progress_view v = { .files_done = 1500,
				   .files_total = -1,
				   .differ = 3,
				   .bytes_done = 1 << 20,
				   .rate = 2 << 20,
				   .elapsed = NS_PER_SEC };
	struct progress_style style = { .width = 79, .lines = 24 };
	struct buf b = BUF_INIT;

	progress_picture(&b, &v, &style);
	CHECK_STR(b.data, "1,500 files   3 different\n"
			  "1.0 MiB 2.0 MiB/s  1s");
	buf_free(&b);
}

static void one_line_says_the_same(void)
{
	struct progress_view v = { .files_done = 10,
				   .files_total = 20,
				   .bytes_done = 1024,
				   .bytes_total = 2048,
				   .rate = 1024,
				   .elapsed = 60 * NS_PER_SEC };
	struct buf b = BUF_INIT;

	progress_line(&b, &v);
	CHECK_STR(b.data, "files 10/20 50%  1.0 KiB/2.0 KiB 50%  1.0 KiB/s  "
			  "1m  ETA 1s");
	buf_free(&b);
}

static void check_fit(const char *name, size_t width, const char *want)
{
	struct buf b = BUF_INIT;
	size_t took = text_fit(&b, name, width, true);

	CHECK_STR(b.data, want);
	CHECK(took == text_width(b.data, b.len) && took <= width);
	buf_free(&b);
}

static void long_names_are_cut_in_the_middle(void)
{
	check_fit("name", 4, "name");
	check_fit("abcdefghij", 7, "abc\u2026hij");
	check_fit("abcdefghij", 1, "a");
	check_fit("abcdefghij", 0, "");
	check_fit("", 0, "");
	/* two columns each: one is left over on each side */
	check_fit("\u65e5\u672c\u8a9e\u540d", 6, "\u65e5\u2026\u540d");
	check_fit("\u65e5\u672c", 4, "\u65e5\u672c");
	check_fit("\u65e5\u672c", 1, "");
	/* an accent goes with its letter */
	check_fit("e\u0301xxxxe\u0301", 3, "e\u0301\u2026e\u0301");
	check_fit("a\nb\033c\xff", 20, "a\\nb\\x1bc\\xff");
}

static void colours_take_no_columns(void)
{
	static const char text[] = "\033[32mab\033[0m\033[2mc\033[0m";

	CHECK(text_width(text, strlen(text)) == 3);
}

static void counts_have_commas(void)
{
	struct buf b = BUF_INIT;

	text_add_count(&b, 0);
	buf_adds(&b, " ");
	text_add_count(&b, 999);
	buf_adds(&b, " ");
	text_add_count(&b, 1000);
	buf_adds(&b, " ");
	text_add_count(&b, -1234567);
	CHECK_STR(b.data, "0 999 1,000 -1,234,567");
	buf_free(&b);
}

static void paragraphs_are_wrapped(void)
{
	struct buf b = BUF_INIT;

	text_wrap(&b, "one two three\nfour\n\n  kept  as it is, and long\nfive",
		  0, 2, 12);
	CHECK_STR(b.data, "one two\n  three four\n\n"
			  "    kept  as it is, and long\n  five");
	buf_free(&b);
}

int main(void)
{
	RUN(no_line_is_wider_than_the_window);
	RUN(there_are_no_more_lines_than_the_window_has);
	RUN(the_picture_at_several_widths);
	RUN(a_finished_run_shows_full_bars);
	RUN(totals_that_are_unknown_have_no_bar);
	RUN(one_line_says_the_same);
	RUN(long_names_are_cut_in_the_middle);
	RUN(colours_take_no_columns);
	RUN(counts_have_commas);
	RUN(paragraphs_are_wrapped);
	return 0;
}
