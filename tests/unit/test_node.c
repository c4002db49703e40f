#include "tests/harness.h"

#include <sys/stat.h>
#include <time.h>

#include "repo/tree.h"

#define SEC INT64_C(1000000000)

static void in_zone(const char *name)
{
	setenv("TZ", name, 1);
	tzset();
}

static void check_time(struct node_time t, const char *want)
{
	struct buf b = BUF_INIT;

	node_time_text(&b, t);
	CHECK_STR(b.data, want);
	buf_free(&b);
}

static void zeros_behind_the_fraction_are_dropped(void)
{
	in_zone("UTC");
	check_time(node_time_local(0), "1970-01-01T00:00:00Z");
	check_time(node_time_local(1), "1970-01-01T00:00:00.000000001Z");
	check_time(node_time_local(-1), "1969-12-31T23:59:59.999999999Z");
	check_time(node_time_local(1500000000 * SEC + 123000000),
		   "2017-07-14T02:40:00.123Z");
	check_time(node_time_local(INT64_MAX),
		   "2262-04-11T23:47:16.854775807Z");
	check_time(node_time_local(INT64_MIN),
		   "1677-09-21T00:12:43.145224192Z");
}

static void the_zone_is_that_of_the_time(void)
{
	in_zone("Europe/Berlin");
	check_time(node_time_local(1700000000 * SEC),
		   "2023-11-14T23:13:20+01:00");
	check_time(node_time_local(1690000000 * SEC),
		   "2023-07-22T06:26:40+02:00");
	in_zone("America/St_Johns");
	check_time(node_time_local(1690000000 * SEC),
		   "2023-07-22T01:56:40-02:30");
}

/* All that follows was seen in restic's trees, 0.14 and 0.18. */
static void zones_with_seconds_are_cut_to_minutes(void)
{
	in_zone("Asia/Kolkata");
	check_time(node_time_local(-2147483648 * SEC),
		   "1901-12-14T02:07:02+05:21");
	in_zone("Africa/Monrovia");
	check_time(node_time_at(-3786825600, 0), "1849-12-31T23:16:52-00:43");
	in_zone("Africa/Accra");
	check_time(node_time_at(-3786825600, 0), "1849-12-31T23:59:08+00:00");
}

static void years_are_kept_within_four_digits(void)
{
	in_zone("UTC");
	check_time(node_time_at(13574599201, 500000000),
		   "2400-02-29T10:00:01.5Z");
	check_time(node_time_at(253402300799, 999999999),
		   "9999-12-31T23:59:59.999999999Z");
	check_time(node_time_at(253402300800, 0), "9999-01-01T00:00:00Z");
	check_time(node_time_at(99999999999999, 0), "9999-11-07T09:46:39Z");
	check_time(node_time_at(316521338401, 0), "9999-03-01T10:00:01Z");
	check_time(node_time_at(-62167219200, 0), "0000-01-01T00:00:00Z");
	check_time(node_time_at(-62167219201, 0), "0000-12-31T23:59:59Z");
	check_time(node_time_at(-99999999999999, 0), "0000-02-24T14:13:21Z");
	in_zone("Europe/Berlin");
	check_time(node_time_at(253402300799, 0), "9999-01-01T00:59:59+01:00");
	check_time(node_time_at(-62167219201, 0), "0000-01-01T00:53:27+00:53");
	(void)node_time_at(INT64_MAX, 999999999);
	(void)node_time_at(INT64_MIN, 0);
}

static void times_come_back(void)
{
	static const char *const texts[] = {
		"0000-01-01T00:00:00Z",
		"0000-01-01T00:00:00+23:59",
		"9999-12-31T23:59:59.999999999-23:59",
		"1969-12-31T23:59:59.999999999Z",
		"2000-02-29T12:00:00.00012+05:30",
		"1901-12-14T02:07:02+05:21",
		"1849-12-31T23:16:52-00:43",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct node_time t;

		CHECK(node_time_parse(texts[i], strlen(texts[i]), &t));
		check_time(t, texts[i]);
	}
}

static void a_time_is_an_instant(void)
{
	static const char text[] = "2014-12-22T14:47:59.9124187+01:00";
	struct node_time t;

	CHECK(node_time_parse(text, sizeof(text) - 1, &t));
	CHECK(t.sec == 1419256079 && t.ns == 912418700 && t.zone == 3600);
	CHECK(node_time_ns(t) == 1419256079912418700);
	in_zone("Asia/Kolkata");
	CHECK(node_time_ns(node_time_local(-1)) == -1);
	CHECK(node_time_ns(node_time_local(INT64_MIN)) == INT64_MIN);
	CHECK(node_time_ns(node_time_local(INT64_MAX)) == INT64_MAX);
	CHECK(node_time_ns((struct node_time){ .sec = 1 << 30 }) ==
	      (1 << 30) * SEC);
	t.sec = INT64_C(253402300799);
	CHECK(node_time_ns(t) == INT64_MAX);
	t.sec = -t.sec;
	CHECK(node_time_ns(t) == INT64_MIN);
	t = (struct node_time){ .sec = -9223372037, .ns = 0 };
	CHECK(node_time_ns(t) == INT64_MIN);
}

static void other_times_are_refused(void)
{
	static const char *const bad[] = {
		"",
		"2014-12-22",
		"2014-12-22T14:47:59",
		"2014-12-22t14:47:59Z",
		"2014-12-22 14:47:59Z",
		"2014-12-22T14:47:59z",
		"2014-12-22T14:47:59.Z",
		"2014-12-22T14:47:59,5Z",
		"2014-12-22T14:47:60Z",
		"2014-12-22T24:47:00Z",
		"2014-12-22T14:60:00Z",
		"2014-13-22T14:00:00Z",
		"2014-00-22T14:00:00Z",
		"2014-02-29T14:00:00Z",
		"2014-02-00T14:00:00Z",
		"1900-02-29T14:00:00Z",
		"12014-02-01T14:00:00Z",
		"-201-02-01T14:00:00Z",
		"2014-12-22T14:47:59+24:00",
		"2014-12-22T14:47:59+01:60",
		"2014-12-22T14:47:59+0100",
		"2014-12-22T14:47:59Z ",
	};
	struct node_time t;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!node_time_parse(bad[i], strlen(bad[i]), &t));
}

static void modes_are_gos(void)
{
	static const struct {
		uint32_t posix, go;
		const char *text;
	} modes[] = {
		{ S_IFREG | 0644, 420, "-rw-r--r--" },
		{ S_IFREG, 0, "----------" },
		{ S_IFREG | 04755, 8389101, "urwxr-xr-x" },
		{ S_IFREG | 06755, 12583405, "ugrwxr-xr-x" },
		{ S_IFDIR | 0755, 2147484141, "drwxr-xr-x" },
		{ S_IFDIR | 01777, 2148532735, "dtrwxrwxrwx" },
		{ S_IFLNK | 0777, 134218239, "Lrwxrwxrwx" },
		{ S_IFBLK | 0644, 67109284, "Drw-r--r--" },
		{ S_IFCHR | 0644, 69206436, "Dcrw-r--r--" },
		{ S_IFIFO | 0644, 33554852, "prw-r--r--" },
		{ S_IFSOCK | 0755, 16777709, "Srwxr-xr-x" },
	};

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		struct buf b = BUF_INIT;

		CHECK(node_mode_from_unix(modes[i].posix) == modes[i].go);
		CHECK(node_mode_to_unix(modes[i].go) == modes[i].posix);
		node_mode_text(&b, modes[i].go);
		CHECK_STR(b.data, modes[i].text);
		buf_free(&b);
	}
	CHECK(node_mode_from_unix(0) == 1 << 19);
	CHECK(node_mode_to_unix(1 << 19 | 0600) == 0600);
	CHECK(node_mode_to_unix(UINT32_MAX) == 07777);
}

int main(void)
{
	RUN(zeros_behind_the_fraction_are_dropped);
	RUN(the_zone_is_that_of_the_time);
	RUN(zones_with_seconds_are_cut_to_minutes);
	RUN(years_are_kept_within_four_digits);
	RUN(times_come_back);
	RUN(a_time_is_an_instant);
	RUN(other_times_are_refused);
	RUN(modes_are_gos);
	return 0;
}
