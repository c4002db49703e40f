#include "repo/forget.h"

#include <stdarg.h>
#include <time.h>

#include "lib/clock.h"
#include "tests/harness.h"

/*
 * Snapshots are written as times, the newest last; what is kept is compared as
 * text: a reason's list for each, newest first, "-" for what goes.
 */
static struct arena a;

#define NOW "2026-06-01T00:00:00Z"

static struct node_time at(const char *text)
{
	struct node_time t;

	CHECK(node_time_parse(text, strlen(text), &t));
	return t;
}

static void check_keeps(const struct forget_policy *p, const struct snapshot *s,
			size_t n, const char *want)
{
	struct forget_reason *r = arena_alloc(&a, (n + 1) * sizeof(*r));
	struct buf b = BUF_INIT;

	forget_apply(&a, s, n, p, node_time_ns(at(NOW)), r);
	for (size_t i = n; i-- > 0;) {
		buf_adds(&b, b.len ? "; " : "");
		CHECK(r[i].keep == (r[i].matches.n > 0));
		buf_adds(&b, r[i].keep ? "" : "-");
		for (size_t k = 0; k < r[i].matches.n; k++)
			buf_addf(&b, "%s%s", k ? ", " : "", r[i].matches.at[k]);
	}
	CHECK_STR(b.data, want);
	buf_free(&b);
	arena_reset(&a);
}

/* The times, oldest first, ended by NULL. */
static void keeps(const struct forget_policy *p, const char *want, ...)
{
	struct snapshot s[16] = { 0 };
	const char *text;
	size_t n = 0;
	va_list ap;

	va_start(ap, want);
	while ((text = va_arg(ap, const char *))) {
		s[n].time = at(text);
		s[n++].hostname = "h";
	}
	va_end(ap);
	check_keeps(p, s, n, want);
}

static void durations_are_read_as_they_are_written(void)
{
	static const char *const bad[] = {
		"7",   "d",    "7w",        "-1d", " 1d",
		"1d ", "1.5d", "99999999d", "1d2", "99999999999999999999y"
	};
	struct forget_within w;

	CHECK(forget_within_parse("1y5m7d2h", &w));
	CHECK(w.years == 1 && w.months == 5 && w.days == 7 && w.hours == 2);
	CHECK(forget_within_parse("2h1y", &w) && w.hours == 2 && w.years == 1);
	CHECK(forget_within_parse("", &w) && !w.years && !w.hours);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(!forget_within_parse(bad[i], &w));
}

static void an_empty_policy_keeps_everything(void)
{
	struct forget_policy p = { 0 };

	CHECK(forget_policy_empty(&p));
	keeps(&p, "policy is empty; policy is empty", "2026-01-01T00:00:00Z",
	      "2026-01-02T00:00:00Z", NULL);
	keeps(&p, "", NULL);
	p.last = -1;
	CHECK(!forget_policy_empty(&p));
	p = (struct forget_policy){ .within_yearly.hours = 1 };
	CHECK(!forget_policy_empty(&p));
}

static void of_each_hour_and_day_the_last_is_kept(void)
{
	const struct forget_policy two = { .last = 1, .hourly = 2, .daily = 2 };
	const struct forget_policy all = { .daily = -1 };

	keeps(&two,
	      "last snapshot, hourly snapshot, daily snapshot; "
	      "hourly snapshot; -; daily snapshot; -",
	      "2026-01-01T10:00:00Z", "2026-01-01T23:59:59Z",
	      "2026-01-02T09:00:00Z", "2026-01-02T09:30:00Z",
	      "2026-01-02T10:00:00Z", NULL);
	keeps(&all, "daily snapshot; -; daily snapshot", "2026-01-01T23:59:59Z",
	      "2026-01-02T00:00:00Z", "2026-01-02T23:59:59.999999999Z", NULL);
}

static void the_oldest_is_kept_while_a_count_is_left(void)
{
	const struct forget_policy p = { .monthly = 3 };

	keeps(&p, "monthly snapshot; oldest monthly snapshot",
	      "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", NULL);
	keeps(&p, "monthly snapshot; monthly snapshot; monthly snapshot; -",
	      "2025-10-02T00:00:00Z", "2025-11-02T00:00:00Z",
	      "2025-12-02T00:00:00Z", "2026-01-02T00:00:00Z", NULL);
}

static void weeks_are_those_of_iso_8601(void)
{
	const struct forget_policy p = { .weekly = 9 };

	/* the last week of 2020 has days of 2021; the 3rd is a Sunday */
	keeps(&p, "weekly snapshot; weekly snapshot; -; -; weekly snapshot",
	      "2020-12-27T23:00:00Z", "2020-12-28T00:00:00Z",
	      "2021-01-01T00:00:00Z", "2021-01-03T23:59:59Z",
	      "2021-01-04T00:00:00Z", NULL);
}

static void hours_and_days_are_those_of_the_snapshots_own_zone(void)
{
	const struct forget_policy p = { .daily = 9 };

	/* two days there, and one by UTC; one day there, and two by UTC */
	keeps(&p, "daily snapshot; daily snapshot", "2026-01-01T23:30:00+05:00",
	      "2026-01-02T00:30:00+05:00", NULL);
	keeps(&p, "daily snapshot; -; daily snapshot",
	      "2026-01-01T23:00:00-05:00", "2026-01-02T18:30:00-05:00",
	      "2026-01-02T20:30:00-05:00", NULL);
}

static void within_counts_from_the_newest_that_is_not_of_the_future(void)
{
	const struct forget_policy p = { .within = { .days = 2 } };
	const struct forget_policy daily = { .within_daily = { .days = 3 } };

	keeps(&p, "within 2d; within 2d; within 2d; -; -",
	      "2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z",
	      "2026-01-08T00:00:00.000000001Z", "2026-01-10T00:00:00Z",
	      "2027-01-01T00:00:00Z", NULL);
	keeps(&p, "within 2d; within 2d", "2027-01-01T00:00:00Z",
	      "2028-01-01T00:00:00Z", NULL);
	keeps(&daily, "daily within 3d; daily within 3d; -; -",
	      "2026-01-01T00:00:00Z", "2026-01-09T08:00:00Z",
	      "2026-01-09T09:00:00Z", "2026-01-10T09:00:00Z", NULL);
	keeps(&daily, "daily within 3d; oldest daily within 3d",
	      "2026-01-10T08:00:00Z", "2026-01-10T09:00:00Z", NULL);
}

static void months_are_counted_as_go_does(void)
{
	const struct forget_policy p = { .within = { .months = 1 } };

	/* a month before March 31st is "February 31st", March 3rd */
	keeps(&p, "within 1m; within 1m; -", "2026-03-03T12:00:00Z",
	      "2026-03-03T12:00:01Z", "2026-03-31T12:00:00Z", NULL);
}

static void the_local_clock_is_followed_over_a_change(void)
{
	const struct forget_policy p = { .within = { .days = 1 } };

	/* ten o'clock on the day before was 23 hours earlier */
	CHECK(setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1) == 0);
	tzset();
	keeps(&p, "within 1d; within 1d; -", "2026-03-28T10:00:00+01:00",
	      "2026-03-28T10:00:01+01:00", "2026-03-29T10:00:00+02:00", NULL);
	/* another zone's clock has no such thing */
	keeps(&p, "within 1d; within 1d; -", "2026-03-28T10:00:00+03:00",
	      "2026-03-28T10:00:01+03:00", "2026-03-29T10:00:00+03:00", NULL);
	CHECK(setenv("TZ", "UTC", 1) == 0);
	tzset();
}

static void tags_keep_without_counting(void)
{
	static const char *const wanted[] = { "x,y", "" };
	static const char *const tags[] = { "y", "x", "z" };
	const struct forget_policy p = { .tags = { wanted, 2 }, .last = 1 };
	struct snapshot s[] = {
		{ .time = at("2026-01-01T00:00:00Z") },
		{ .time = at("2026-01-02T00:00:00Z"), .tags = { tags, 1 } },
		{ .time = at("2026-01-03T00:00:00Z"), .tags = { tags, 3 } },
		{ .time = at("2026-01-04T00:00:00Z"), .tags = { tags, 2 } },
	};

	check_keeps(&p, s, ARRAY_LEN(s),
		    "has tags [x, y], last snapshot; has tags [x, y]; -; "
		    "has tags []");
}

static void a_policy_is_told_in_words(void)
{
	static const char *const tags[] = { "a,b" };
	const struct forget_policy p = { .last = 3,
					 .daily = -1,
					 .within = { .years = 1, .hours = 2 },
					 .within_weekly = { .months = 1 },
					 .tags = { tags, 1 } };
	const struct forget_policy one = { .within_daily = { .days = 7 } };
	struct buf b = BUF_INIT;

	forget_policy_show(&b, &p);
	CHECK_STR(b.data, "keep 3 latest, all daily snapshots, weekly "
			  "snapshots within 1m, all snapshots within 1y2h, all "
			  "snapshots with tags [a, b]");
	buf_reset(&b);
	forget_policy_show(&b, &one);
	CHECK_STR(b.data, "keep daily snapshots within 7d");
	buf_free(&b);
}

static void groups_are_of_equal_host_paths_and_tags(void)
{
	static const char *const ab[] = { "/a", "/b" };
	static const char *const ba[] = { "/b", "/a" };
	struct snapshot s[] = {
		{ .hostname = "h", .paths = { ab, 2 } },
		{ .hostname = "h", .paths = { ba, 2 }, .tags = { ab, 1 } },
		{ .hostname = "i", .paths = { ab, 1 } },
	};
	struct snapshots all = { .at = s, .n = ARRAY_LEN(s) };
	static const struct {
		const char *by;
		size_t groups;
	} cases[] = { { "", 1 },     { "host", 2 },      { "paths", 2 },
		      { "tags", 2 }, { "host,tags", 3 }, { "paths,hosts", 2 } };
	unsigned by;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct snapshot_group_list g = { 0 };

		CHECK(group_by_parse(cases[i].by, &by));
		snapshots_group(&a, &all, by, &g);
		CHECK(g.n == cases[i].groups);
		snapshot_groups_free(&g);
	}
	CHECK(!group_by_parse("host,nothing", &by));
	arena_reset(&a);
}

int main(void)
{
	RUN(durations_are_read_as_they_are_written);
	RUN(an_empty_policy_keeps_everything);
	RUN(of_each_hour_and_day_the_last_is_kept);
	RUN(the_oldest_is_kept_while_a_count_is_left);
	RUN(weeks_are_those_of_iso_8601);
	RUN(hours_and_days_are_those_of_the_snapshots_own_zone);
	RUN(within_counts_from_the_newest_that_is_not_of_the_future);
	RUN(months_are_counted_as_go_does);
	RUN(the_local_clock_is_followed_over_a_change);
	RUN(tags_keep_without_counting);
	RUN(a_policy_is_told_in_words);
	RUN(groups_are_of_equal_host_paths_and_tags);
	arena_free(&a);
	return 0;
}
