#include "tests/harness.h"

#include "lib/clock.h"
#include "lib/timetable.h"

enum { DAY = 24 * 60 };

static unsigned at(unsigned day, unsigned hour, unsigned minute)
{
	return day * DAY + hour * 60 + minute;
}

static void one_limit_holds_always(void)
{
	struct arena a = { 0 };
	struct timetable t;
	struct err e;

	CHECK(timetable_parse(&a, "10M", &t, &e) == 0);
	CHECK(timetable_at(&t, 0) == 10 << 20);
	CHECK(timetable_at(&t, at(6, 23, 59)) == 10 << 20);
	CHECK(timetable_parse(&a, "512", &t, &e) == 0);
	CHECK(timetable_at(&t, 5) == 512 << 10);
	CHECK(timetable_parse(&a, "off", &t, &e) == 0);
	CHECK(timetable_at(&t, 5) == 0);
	CHECK(timetable_parse(&a, "0", &t, &e) == 0);
	CHECK(timetable_at(&t, 5) == 0);
	arena_free(&a);
}

static void times_of_day_hold_until_the_next_one(void)
{
	struct arena a = { 0 };
	struct timetable t;
	struct err e;

	CHECK(timetable_parse(&a, "08:00,512k  19:00,10M 23:00,off ", &t, &e) ==
	      0);
	for (unsigned day = 0; day < 7; day++) {
		CHECK(timetable_at(&t, at(day, 0, 0)) == 0);
		CHECK(timetable_at(&t, at(day, 7, 59)) == 0);
		CHECK(timetable_at(&t, at(day, 8, 0)) == 512 << 10);
		CHECK(timetable_at(&t, at(day, 18, 59)) == 512 << 10);
		CHECK(timetable_at(&t, at(day, 19, 0)) == 10 << 20);
		CHECK(timetable_at(&t, at(day, 23, 59)) == 0);
	}
	arena_free(&a);
}

static void days_of_the_week_hold_until_the_next_one(void)
{
	struct arena a = { 0 };
	struct timetable t;
	struct err e;

	CHECK(timetable_parse(&a, "Sat-06:30,2M mon-08:00,1M", &t, &e) == 0);
	CHECK(timetable_at(&t, at(0, 12, 0)) == 2 << 20); /* Sunday */
	CHECK(timetable_at(&t, at(1, 7, 59)) == 2 << 20);
	CHECK(timetable_at(&t, at(1, 8, 0)) == 1 << 20);
	CHECK(timetable_at(&t, at(6, 6, 29)) == 1 << 20);
	CHECK(timetable_at(&t, at(6, 6, 30)) == 2 << 20);
	CHECK(timetable_parse(&a, "12:00,1M Wed-18:00,2M", &t, &e) == 0);
	CHECK(timetable_at(&t, at(3, 17, 0)) == 1 << 20);
	CHECK(timetable_at(&t, at(3, 19, 0)) == 2 << 20);
	CHECK(timetable_at(&t, at(4, 11, 0)) == 2 << 20);
	CHECK(timetable_at(&t, at(4, 13, 0)) == 1 << 20);
	arena_free(&a);
}

static void refuses(const char *text, const char *want)
{
	struct arena a = { 0 };
	struct timetable t;
	struct err e;

	CHECK(timetable_parse(&a, text, &t, &e) == -1);
	CHECK(e.kind == ERR_INVALID);
	CHECK_STR(e.msg, want);
	arena_free(&a);
}

static void what_is_wrong_is_said(void)
{
	refuses("fast", "\"fast\" is not a size like 100k, 1.5M, 2G or off");
	refuses("", "\"\" is not a size like 100k, 1.5M, 2G or off");
	refuses("10M:1M", "\"10M:1M\": a limit is one for both directions, "
			  "not UP:DOWN");
	refuses("08:00,10M:off", "\"10M:off\": a limit is one for both "
				 "directions, not UP:DOWN");
	refuses("08:00,1M 19:00",
		"\"19:00\" is not like 08:00,512k or Mon-08:00,512k");
	refuses("8:00,1M", "\"8:00\" is not a time like 08:00 or Mon-08:00");
	refuses("24:00,1M", "\"24:00\" is not a time like 08:00 or Mon-08:00");
	refuses("12:60,1M", "\"12:60\" is not a time like 08:00 or Mon-08:00");
	refuses("12:000,1M",
		"\"12:000\" is not a time like 08:00 or Mon-08:00");
	refuses("12,1M", "\"12\" is not a time like 08:00 or Mon-08:00");
	refuses(",1M", "\"\" is not a time like 08:00 or Mon-08:00");
	refuses("Xyz-08:00,1M",
		"\"Xyz-08:00\" is not a time like 08:00 or Mon-08:00");
	refuses("-08:00,1M",
		"\"-08:00\" is not a time like 08:00 or Mon-08:00");
	refuses("08:00,", "\"\" is not a size like 100k, 1.5M, 2G or off");
	refuses("08:00,1M Mon-08:00,2M", "two limits for the same time");
}

static void clocks_here_say_what_minute_it_is(void)
{
	setenv("TZ", "UTC0", 1);
	tzset();
	CHECK(timetable_minute(0) == at(4, 0, 0)); /* a Thursday */
	CHECK(timetable_minute(INT64_C(784111777) * NS_PER_SEC) ==
	      at(0, 8, 49));
	setenv("TZ", "XXX-2", 1);
	tzset();
	CHECK(timetable_minute(0) == at(4, 2, 0));
}

int main(void)
{
	RUN(one_limit_holds_always);
	RUN(times_of_day_hold_until_the_next_one);
	RUN(days_of_the_week_hold_until_the_next_one);
	RUN(what_is_wrong_is_said);
	RUN(clocks_here_say_what_minute_it_is);
	return 0;
}
