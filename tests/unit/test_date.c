#include "tests/harness.h"

#include "lib/clock.h"
#include "lib/date.h"

typedef bool parse_fn(const char *s, int64_t *ns);

static void check(parse_fn *parse, const char *s, int64_t want)
{
	int64_t got = -99;

	if (!parse(s, &got) || got != want) {
		fprintf(stderr, "\"%s\" is %lld\n", s, (long long)got);
		abort();
	}
}

static void refuse(parse_fn *parse, const char *const *bad, size_t n)
{
	int64_t ns;

	for (size_t i = 0; i < n; i++)
		if (parse(bad[i], &ns)) {
			fprintf(stderr, "\"%s\" was taken\n", bad[i]);
			abort();
		}
}

static const int64_t then = 784111777 * NS_PER_SEC;

static void http_has_three_forms(void)
{
	check(date_parse_http, "Sun, 06 Nov 1994 08:49:37 GMT", then);
	check(date_parse_http, "Sunday, 06-Nov-94 08:49:37 GMT", then);
	check(date_parse_http, "Sun Nov  6 08:49:37 1994", then);
	check(date_parse_http, "Wed Nov 16 08:49:37 1994",
	      then + 10 * 86400 * NS_PER_SEC);
	check(date_parse_http, "Thu, 01 Jan 1970 00:00:00 GMT", 0);
	check(date_parse_http, "Wed, 31 Dec 1969 23:59:59 GMT", -NS_PER_SEC);
	check(date_parse_http, "Thursday, 01-Jan-70 00:00:00 GMT", 0);
	check(date_parse_http, "Monday, 06-May-24 07:08:09 GMT",
	      1714979289 * NS_PER_SEC);
	check(date_parse_http, "Tue, 30 Jun 2015 23:59:60 GMT",
	      1435708800 * NS_PER_SEC);
}

static void rfc3339_has_any_offset_and_fraction(void)
{
	check(date_parse_rfc3339, "1994-11-06T08:49:37Z", then);
	check(date_parse_rfc3339, "1994-11-06t08:49:37z", then);
	check(date_parse_rfc3339, "1994-11-06 08:49:37Z", then);
	check(date_parse_rfc3339, "1994-11-06T09:49:37+01:00", then);
	check(date_parse_rfc3339, "1994-11-06T00:19:37-08:30", then);
	check(date_parse_rfc3339, "1994-11-07T08:48:37+23:59", then);
	check(date_parse_rfc3339, "1994-11-06T08:49:37.5Z",
	      then + NS_PER_SEC / 2);
	check(date_parse_rfc3339, "1994-11-06T09:49:37.123456789+01:00",
	      then + 123456789);
	check(date_parse_rfc3339, "1994-11-06T08:49:37.12345678999999Z",
	      then + 123456789);
	check(date_parse_rfc3339, "2000-02-29T00:00:00Z",
	      951782400 * NS_PER_SEC);
	check(date_parse_rfc3339, "1969-12-31T23:59:59.75Z", -NS_PER_SEC / 4);
}

static void jfs_has_one_more_dash(void)
{
	check(date_parse_jfs, "1994-11-06-T08:49:37Z", then);
	check(date_parse_jfs, "1994-11-06-T09:49:37+0100", then);
	check(date_parse_jfs, "1994-11-06-T09:49:37+01:00", then);
}

static void years_end_where_nanoseconds_do(void)
{
	int64_t ns;

	check(date_parse_rfc3339, "1678-01-01T00:00:00Z",
	      -9214560000 * NS_PER_SEC);
	check(date_parse_rfc3339, "2261-12-31T23:59:59Z",
	      9214646399 * NS_PER_SEC);
	/* offsets lead a little beyond, and that fits, too */
	CHECK(date_parse_rfc3339("1678-01-01T00:00:00+23:59", &ns));
	CHECK(date_parse_rfc3339("2261-12-31T23:59:60.9-23:59", &ns));
	CHECK(!date_parse_rfc3339("1677-12-31T23:59:59Z", &ns));
	CHECK(!date_parse_rfc3339("2262-01-01T00:00:00Z", &ns));
	CHECK(!date_parse_rfc3339("0000-01-01T00:00:00Z", &ns));
	CHECK(!date_parse_rfc3339("9999-12-31T23:59:59Z", &ns));
	CHECK(!date_parse_http("Mon, 01 Jan 1601 00:00:00 GMT", &ns));
}

static void what_is_no_time_is_refused(void)
{
	static const char *const http[] = {
		"",
		"Sun",
		"Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 GMT ",
		" Sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:00:00 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT",
		"Sun, 06 Nov 1994 08:49:61 GMT",
		"Son, 06 Nov 1994 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994",
		"Sun Nov  16 08:49:37 1994",
		"1994-11-06T08:49:37Z",
	};
	static const char *const rfc3339[] = {
		"",
		"1994-11-06",
		"1994-11-06T08:49:37",
		"1994-11-06T08:49Z",
		"1994-11-06-T08:49:37Z",
		"1994-11-06T08:49:37.Z",
		"1994-11-06T08:49:37+0100",
		"1994-11-06T08:49:37+01",
		"1994-11-06T08:49:37+24:00",
		"1994-11-06T08:49:37+01:60",
		"1994-11-06T08:49:37Zz",
		"1994-13-06T08:49:37Z",
		"1994-00-06T08:49:37Z",
		"1994-02-29T08:49:37Z",
		"1900-02-29T08:49:37Z",
		"+994-11-06T08:49:37Z",
		"1994-1-06T08:49:37Z",
		"1994-11-06T 8:49:37Z",
	};
	static const char *const jfs[] = {
		"",
		"1994-11-06T08:49:37Z",
		"1994-11-06-t08:49:37Z",
		"1994-11-06-08:49:37Z",
	};

	refuse(date_parse_http, http, ARRAY_LEN(http));
	refuse(date_parse_rfc3339, rfc3339, ARRAY_LEN(rfc3339));
	refuse(date_parse_jfs, jfs, ARRAY_LEN(jfs));
}

static void a_written_time_is_read_back(void)
{
	static const struct {
		void (*write)(struct buf *b, int64_t ns);
		parse_fn *parse;
	} forms[] = { { date_http, date_parse_http },
		      { date_rfc3339, date_parse_rfc3339 },
		      { date_jfs, date_parse_jfs } };
	const int64_t step = 8639903 * NS_PER_SEC;
	struct buf b = BUF_INIT;

	for (int64_t ns = -9214560000 * NS_PER_SEC;
	     ns < 9214560000 * NS_PER_SEC; ns += step)
		for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
			buf_reset(&b);
			forms[i].write(&b, ns);
			check(forms[i].parse, b.data, ns);
		}
	buf_free(&b);
}

static void times_are_written_in_whole_seconds(void)
{
	struct buf b = BUF_INIT;

	date_http(&b, then + 999999999);
	CHECK_STR(b.data, "Sun, 06 Nov 1994 08:49:37 GMT");
	buf_reset(&b);
	date_rfc3339(&b, then);
	CHECK_STR(b.data, "1994-11-06T08:49:37Z");
	buf_reset(&b);
	date_rfc3339(&b, -1);
	CHECK_STR(b.data, "1969-12-31T23:59:59Z");
	buf_reset(&b);
	date_jfs(&b, then);
	CHECK_STR(b.data, "1994-11-06-T08:49:37Z");
	buf_free(&b);
}

int main(void)
{
	RUN(http_has_three_forms);
	RUN(rfc3339_has_any_offset_and_fraction);
	RUN(jfs_has_one_more_dash);
	RUN(years_end_where_nanoseconds_do);
	RUN(what_is_no_time_is_refused);
	RUN(a_written_time_is_read_back);
	RUN(times_are_written_in_whole_seconds);
	return 0;
}
