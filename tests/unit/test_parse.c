#include "tests/harness.h"

#include "lib/clock.h"
#include "lib/parse.h"

static const int64_t KI = 1024;

static void check_size(const char *s, int64_t want)
{
	int64_t got = -99;

	if (!parse_size(s, false, &got) || got != want) {
		fprintf(stderr, "size \"%s\" is %lld\n", s, (long long)got);
		abort();
	}
}

static void sizes_are_read_as_rclone_reads_them(void)
{
	int64_t n;

	check_size("0", 0);
	check_size("10", 10);
	check_size("10b", 10);
	check_size("10B", 10);
	check_size("10k", 10 * KI);
	check_size("10K", 10 * KI);
	check_size("2Ki", 2 * KI);
	check_size("2KiB", 2 * KI);
	check_size("1.5M", 3 * KI * KI / 2);
	check_size(".5k", 512);
	check_size("1.k", KI);
	check_size("2Gi", 2 * KI * KI * KI);
	check_size("1T", KI * KI * KI * KI);
	check_size("1P", KI * KI * KI * KI * KI);
	check_size("7E", 7 * KI * KI * KI * KI * KI * KI);
	check_size("0.125E", KI * KI * KI * KI * KI * KI / 8);
	check_size("off", -1);
	check_size("OFF", -1);
	check_size("9223372036854775807", INT64_MAX);
	CHECK(parse_size("10", true, &n) && n == 10 * KI);
	CHECK(parse_size("10b", true, &n) && n == 10);
	CHECK(parse_size("10k", true, &n) && n == 10 * KI);
}

static void what_is_no_size_is_refused(void)
{
	static const char *const bad[] = {
		"",     "k",
		"-1",   "+1",
		"1x",   "1 k",
		" 1",   "1k ",
		".",    "1..2",
		"0x10", "1e3",
		"inf",  "nan",
		"1KB",  "1kk",
		"8E",   "9223372036854775808",
		"1,5M", "1KiBB",
		"1i",   "99999999999999999999999999k",
		"offf",
	};
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!parse_size(bad[i], false, &n));
}

static void check_duration(const char *s, int64_t want)
{
	int64_t got = -99;

	if (!parse_duration(s, &got) || got != want) {
		fprintf(stderr, "duration \"%s\" is %lld\n", s, (long long)got);
		abort();
	}
}

static void durations_are_read_in_all_units(void)
{
	check_duration("0", 0);
	check_duration("90", 90 * NS_PER_SEC);
	check_duration("1.5", 3 * NS_PER_SEC / 2);
	check_duration("500ms", NS_PER_SEC / 2);
	check_duration("17ns", 17);
	check_duration("3us", 3000);
	check_duration("1m30s", 90 * NS_PER_SEC);
	check_duration("1h2m3.5s", 7447 * NS_PER_SEC / 2);
	check_duration("1.5h", 5400 * NS_PER_SEC);
	check_duration("2d", 2 * 86400 * NS_PER_SEC);
	check_duration("1w", 7 * 86400 * NS_PER_SEC);
	check_duration("1M", 30 * 86400 * NS_PER_SEC);
	check_duration("1y", 365 * 86400 * NS_PER_SEC);
	check_duration("off", -1);
}

static void what_is_no_duration_is_refused(void)
{
	static const char *const bad[] = {
		"",     "s",    "-1s",
		"1x",   "1m30", "1m 30s",
		"300y", "1s1",  "99999999999999999999s",
		"1mm",  ".s",   "1h-2m",
	};
	int64_t n;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!parse_duration(bad[i], &n));
}

static void integers_are_read_to_their_limits(void)
{
	static const char *const bad[] = {
		"",
		"-",
		"+",
		"1.0",
		" 1",
		"1 ",
		"0x1",
		"--1",
		"9223372036854775808",
		"-9223372036854775809",
	};
	int64_t n;

	CHECK(parse_int("9223372036854775807", &n) && n == INT64_MAX);
	CHECK(parse_int("-9223372036854775808", &n) && n == INT64_MIN);
	CHECK(parse_int("+7", &n) && n == 7);
	CHECK(parse_int("-0", &n) && n == 0);
	CHECK(parse_int_n("123/", 3, &n) && n == 123);
	CHECK(parse_int_n("123", 1, &n) && n == 1);
	CHECK(parse_int_n("-12", 2, &n) && n == -1);
	CHECK(!parse_int_n("123/", 4, &n));
	CHECK(!parse_int_n("-1", 1, &n));
	CHECK(!parse_int_n("1", 0, &n));
	CHECK(!parse_int_n("1\0", 2, &n));
	CHECK(!parse_int_n("9223372036854775808", 19, &n));
	CHECK(parse_int_n("9223372036854775808", 18, &n));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!parse_int(bad[i], &n));
}

static void truth_has_several_names(void)
{
	bool b = false;

	CHECK(parse_bool("true", &b) && b);
	CHECK(parse_bool("False", &b) && !b);
	CHECK(parse_bool("1", &b) && b);
	CHECK(parse_bool("no", &b) && !b);
	CHECK(!parse_bool("", &b) && !parse_bool("2", &b));
	CHECK(!parse_bool("truely", &b));
}

static void check_shown(void show(struct buf *, int64_t), int64_t n,
			const char *want)
{
	struct buf b = BUF_INIT;

	show(&b, n);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

static void sizes_are_shown_as_rclone_shows_them(void)
{
	check_shown(show_size, 0, "0 B");
	check_shown(show_size, 17, "17 B");
	check_shown(show_size, 1023, "1023 B");
	check_shown(show_size, 1024, "1 KiB");
	check_shown(show_size, 1536, "1.500 KiB");
	check_shown(show_size, 1325000000, "1.234 GiB");
	check_shown(show_size, INT64_MAX, "8.000 EiB");
	check_shown(show_size, -1, "off");
}

static void durations_are_shown_short(void)
{
	check_shown(show_duration, 0, "0s");
	check_shown(show_duration, 17, "17ns");
	check_shown(show_duration, 1500, "1us");
	check_shown(show_duration, 120 * 1000000, "120ms");
	check_shown(show_duration, 42 * NS_PER_SEC / 10, "4.2s");
	check_shown(show_duration, 59999999999, "59.9s");
	check_shown(show_duration, 60 * NS_PER_SEC, "1m");
	check_shown(show_duration, 3723 * NS_PER_SEC, "1h2m3s");
	check_shown(show_duration, 90061 * NS_PER_SEC, "1d1h1m1s");
	check_shown(show_duration, -1, "off");
}

static void a_shown_whole_duration_is_read_back(void)
{
	for (int64_t s = 1; s < 40000000; s = s * 3 + 1) {
		struct buf b = BUF_INIT;

		show_duration(&b, s * NS_PER_SEC);
		check_duration(b.data, s * NS_PER_SEC);
		buf_free(&b);
	}
}

static void times_are_shown_to_the_nanosecond(void)
{
	struct buf b = BUF_INIT;

	check_shown(show_time_utc, 0, "1970-01-01T00:00:00.000000000Z");
	check_shown(show_time_utc, -1, "1969-12-31T23:59:59.999999999Z");
	check_shown(show_time_utc, 1714979289123456789,
		    "2024-05-06T07:08:09.123456789Z");
	check_shown(show_time_utc, INT64_MAX, "2262-04-11T23:47:16.854775807Z");
	CHECK(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) == 0);
	tzset();
	show_time(&b, 1714979289123456789, 9);
	CHECK_STR(b.data, "2024-05-06 09:08:09.123456789");
	buf_reset(&b);
	show_time(&b, 1704438489000000000, 0);
	CHECK_STR(b.data, "2024-01-05 08:08:09");
	buf_free(&b);
}

static void numbers_may_have_a_fraction(void)
{
	static const char *const bad[] = { "",    ".",   "-1",   "1e3",
					   "0x1", "inf", "1.5k", " 1" };
	double d;

	CHECK(parse_decimal("10", &d) && d == 10);
	CHECK(parse_decimal("0.25", &d) && d == 0.25);
	CHECK(parse_decimal(".5", &d) && d == 0.5);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!parse_decimal(bad[i], &d));
}

static void digits_are_hexadecimal_in_either_case(void)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 16; i++)
		CHECK(parse_hex_digit(digits[i]) == i);
	CHECK(parse_hex_digit('A') == 10 && parse_hex_digit('F') == 15);
	for (const char *none = "/:@G`g -"; *none; none++)
		CHECK(parse_hex_digit(*none) == -1);
	CHECK(parse_hex_digit('\0') == -1);
}

int main(void)
{
	RUN(sizes_are_read_as_rclone_reads_them);
	RUN(what_is_no_size_is_refused);
	RUN(durations_are_read_in_all_units);
	RUN(what_is_no_duration_is_refused);
	RUN(integers_are_read_to_their_limits);
	RUN(truth_has_several_names);
	RUN(sizes_are_shown_as_rclone_shows_them);
	RUN(durations_are_shown_short);
	RUN(a_shown_whole_duration_is_read_back);
	RUN(times_are_shown_to_the_nanosecond);
	RUN(numbers_may_have_a_fraction);
	RUN(digits_are_hexadecimal_in_either_case);
	return 0;
}
