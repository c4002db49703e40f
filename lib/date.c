#include "lib/date.h"

#include <string.h>
#include <time.h>

#include "lib/clock.h"

/*
 * Not strptime(), which takes the locale's names, and blanks and signs where
 * none belong.
 */

enum { YEAR_MIN = 1678, YEAR_MAX = 2261 };

struct date {
	int year, month, day; /* month and day from 1 */
	int hour, minute, second;
	int64_t fraction; /* ns */
	int east;         /* minutes ahead of UTC */
};

static const char *const months[] = {
	"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"
};

static const char *const days[] = { "Sunday",    "Monday",   "Tuesday",
				    "Wednesday", "Thursday", "Friday",
				    "Saturday" };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take(const char **s, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(*s, text, n) != 0)
		return false;
	*s += n;
	return true;
}

/* Exactly `n` digits. */
static bool take_digits(const char **s, int n, int *out)
{
	*out = 0;
	for (; n; n--, ++*s) {
		if (!is_digit(**s))
			return false;
		*out = *out * 10 + (**s - '0');
	}
	return true;
}

static bool take_month(const char **s, int *out)
{
	for (size_t i = 0; i < ARRAY_LEN(months); i++)
		if (take(s, months[i])) {
			*out = (int)i + 1;
			return true;
		}
	return false;
}

/* "Sunday" or "Sun"; whether it is the right one does not matter. */
static bool take_weekday(const char **s, bool whole)
{
	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		size_t n = whole ? strlen(days[i]) : 3;

		if (strncmp(*s, days[i], n) == 0) {
			*s += n;
			return true;
		}
	}
	return false;
}

/* "08:49:37" */
static bool take_clock(const char **s, struct date *d)
{
	return take_digits(s, 2, &d->hour) && take(s, ":") &&
	       take_digits(s, 2, &d->minute) && take(s, ":") &&
	       take_digits(s, 2, &d->second);
}

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(int year, int month)
{
	static const int n[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
	};

	return n[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01. */
static int64_t day_number(const struct date *d)
{
	/* years begin in March here, so that a leap day is their last */
	int64_t year = d->month > 2 ? d->year : d->year - 1;
	int64_t month = d->month > 2 ? d->month - 3 : d->month + 9;
	int64_t leaps = year / 4 - year / 100 + year / 400;

	return year * 365 + leaps + (month * 153 + 2) / 5 + d->day - 1 - 719468;
}

static bool to_ns(const struct date *d, int64_t *ns)
{
	int64_t seconds;

	if (d->year < YEAR_MIN || d->year > YEAR_MAX || d->month < 1 ||
	    d->month > 12 || d->day < 1 ||
	    d->day > month_days(d->year, d->month))
		return false;
	/* 60: a leap second, which is the next minute's first to us */
	if (d->hour > 23 || d->minute > 59 || d->second > 60)
		return false;
	seconds = day_number(d) * 86400 + d->hour * 3600 +
		  (d->minute - d->east) * 60 + d->second;
	*ns = seconds * NS_PER_SEC + d->fraction;
	return true;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
static bool read_imf(const char *s, struct date *d)
{
	return take_weekday(&s, false) && take(&s, ", ") &&
	       take_digits(&s, 2, &d->day) && take(&s, " ") &&
	       take_month(&s, &d->month) && take(&s, " ") &&
	       take_digits(&s, 4, &d->year) && take(&s, " ") &&
	       take_clock(&s, d) && take(&s, " GMT") && *s == '\0';
}

/* "Sunday, 06-Nov-94 08:49:37 GMT" */
static bool read_rfc850(const char *s, struct date *d)
{
	bool ok = take_weekday(&s, true) && take(&s, ", ") &&
		  take_digits(&s, 2, &d->day) && take(&s, "-") &&
		  take_month(&s, &d->month) && take(&s, "-") &&
		  take_digits(&s, 2, &d->year) && take(&s, " ") &&
		  take_clock(&s, d) && take(&s, " GMT") && *s == '\0';

	d->year += d->year < 70 ? 2000 : 1900;
	return ok;
}

/* "Sun Nov  6 08:49:37 1994" */
static bool read_asctime(const char *s, struct date *d)
{
	bool ok = take_weekday(&s, false) && take(&s, " ") &&
		  take_month(&s, &d->month) && take(&s, " ");

	if (!ok || !take_digits(&s, take(&s, " ") ? 1 : 2, &d->day))
		return false;
	return take(&s, " ") && take_clock(&s, d) && take(&s, " ") &&
	       take_digits(&s, 4, &d->year) && *s == '\0';
}

bool date_parse_http(const char *s, int64_t *ns)
{
	struct date d = { 0 };

	if (!read_imf(s, &d) && !read_rfc850(s, &d) && !read_asctime(s, &d))
		return false;
	return to_ns(&d, ns);
}

static void take_fraction(const char **s, int64_t *ns)
{
	int64_t step = NS_PER_SEC / 10;

	for (; is_digit(**s); ++*s, step /= 10)
		*ns += (**s - '0') * step;
}

/* "Z", "+01:00" and, in JFS, "+0100" */
static bool take_offset(const char **s, bool jfs, int *east)
{
	bool west = **s == '-';
	int hours, minutes;

	if (take(s, "Z") || (!jfs && take(s, "z")))
		return true;
	if (!take(s, "+") && !take(s, "-"))
		return false;
	if (!take_digits(s, 2, &hours) || (!take(s, ":") && !jfs) ||
	    !take_digits(s, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*east = (hours * 60 + minutes) * (west ? -1 : 1);
	return true;
}

static bool read_iso(const char *s, bool jfs, int64_t *ns)
{
	struct date d = { 0 };

	if (!take_digits(&s, 4, &d.year) || !take(&s, "-") ||
	    !take_digits(&s, 2, &d.month) || !take(&s, "-") ||
	    !take_digits(&s, 2, &d.day))
		return false;
	/* RFC 3339 allows for "t" and, for readability, a blank */
	if (jfs ? !take(&s, "-T")
		: !take(&s, "T") && !take(&s, "t") && !take(&s, " "))
		return false;
	if (!take_clock(&s, &d))
		return false;
	if (*s == '.' && is_digit(s[1])) {
		s++;
		take_fraction(&s, &d.fraction);
	}
	return take_offset(&s, jfs, &d.east) && *s == '\0' && to_ns(&d, ns);
}

bool date_parse_rfc3339(const char *s, int64_t *ns)
{
	return read_iso(s, false, ns);
}

bool date_parse_jfs(const char *s, int64_t *ns)
{
	return read_iso(s, true, ns);
}

static struct tm utc(int64_t ns)
{
	struct timespec t = timespec_of(ns);
	struct tm tm;

	gmtime_r(&t.tv_sec, &tm);
	return tm;
}

void date_http(struct buf *b, int64_t ns)
{
	struct tm tm = utc(ns);

	buf_addf(b, "%.3s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
		 tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour,
		 tm.tm_min, tm.tm_sec);
}

static void add_iso(struct buf *b, int64_t ns, const char *between)
{
	struct tm tm = utc(ns);

	buf_addf(b, "%04d-%02d-%02d%s%02d:%02d:%02dZ", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, between, tm.tm_hour, tm.tm_min,
		 tm.tm_sec);
}

void date_rfc3339(struct buf *b, int64_t ns)
{
	add_iso(b, ns, "T");
}

void date_jfs(struct buf *b, int64_t ns)
{
	add_iso(b, ns, "-T");
}
