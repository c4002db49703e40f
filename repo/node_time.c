#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "repo/tree.h"

enum { DAY = 86400, YEAR_MAX = 9999 };

struct civil {
	int64_t year;
	int month, day; /* from 1 */
};

/* Of the Gregorian calendar, in days since 1970-01-01. */
static int64_t day_of(const struct civil *c)
{
	/* years begin in March here, so that a leap day is their last */
	int64_t year = c->month > 2 ? c->year : c->year - 1;
	int64_t month = c->month > 2 ? c->month - 3 : c->month + 9;
	int64_t cycle = (year >= 0 ? year : year - 399) / 400;
	int64_t y = year - cycle * 400;

	return cycle * 146097 + y * 365 + y / 4 - y / 100 +
	       (month * 153 + 2) / 5 + c->day - 1 - 719468;
}

static struct civil civil_of(int64_t day)
{
	struct civil c;
	int64_t cycle, in_cycle, year, in_year, month;

	day += 719468;
	cycle = (day >= 0 ? day : day - 146096) / 146097;
	in_cycle = day - cycle * 146097;
	year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 -
		in_cycle / 146096) /
	       365;
	in_year = in_cycle - (365 * year + year / 4 - year / 100);
	month = (5 * in_year + 2) / 153;
	c.day = (int)(in_year - (153 * month + 2) / 5) + 1;
	c.month = (int)(month < 10 ? month + 3 : month - 9);
	c.year = cycle * 400 + year + (c.month <= 2);
	return c;
}

/* Rounded down, unlike '/'. */
static int64_t days_in(int64_t sec)
{
	return sec / DAY - (sec % DAY < 0);
}

/* How far the local zone is from UTC at that instant. */
static int32_t zone_at(int64_t sec)
{
	time_t t = (time_t)sec;
	struct tm tm;

	/* fails for years that an int does not hold, which we change anyway */
	return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

struct node_time node_time_at(int64_t sec, uint32_t ns)
{
	/* beyond it, sums would not fit; it is a year of twelve digits */
	const int64_t most = INT64_MAX / 4;
	struct node_time t = { .ns = ns };
	struct civil c;
	int64_t local, day;

	t.sec = sec > most ? most : sec < -most ? -most : sec;
	t.zone = zone_at(t.sec);
	/* most times are nowhere near to where years must be looked at */
	if (t.sec > -INT64_C(62000000000) && t.sec < INT64_C(253000000000))
		return t;
	local = t.sec + t.zone;
	day = days_in(local);
	c = civil_of(day);
	if (c.year >= 0 && c.year <= YEAR_MAX)
		return t;
	/* restic keeps the day and all below it; the zone is that of then */
	c.year = c.year < 0 ? 0 : YEAR_MAX;
	t.sec = day_of(&c) * DAY + (local - day * DAY) - t.zone;
	t.zone = zone_at(t.sec);
	return t;
}

struct node_time node_time_local(int64_t ns)
{
	int64_t part = ns % NS_PER_SEC;

	if (part < 0)
		part += NS_PER_SEC;
	return node_time_at(ns / NS_PER_SEC - (ns % NS_PER_SEC < 0),
			    (uint32_t)part);
}

int64_t node_time_ns(struct node_time t)
{
	int64_t ns;

	/* a negative one's first part alone may be too much for the type */
	if (t.sec == INT64_MIN / NS_PER_SEC - 1 &&
	    t.ns >= NS_PER_SEC + INT64_MIN % NS_PER_SEC)
		return INT64_MIN + t.ns - (NS_PER_SEC + INT64_MIN % NS_PER_SEC);
	if (__builtin_mul_overflow(t.sec, NS_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)t.ns, &ns))
		return t.sec < 0 ? INT64_MIN : INT64_MAX;
	return ns;
}

static char *put_digits(char *at, unsigned value, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--, value /= 10)
		at[i - 1] = (char)('0' + value % 10);
	return at + digits;
}

static char *put_pair(char *at, char before, int value)
{
	*at = before;
	return put_digits(at + 1, (unsigned)value, 2);
}

static char *put_fraction(char *at, uint32_t ns)
{
	char *end;

	*at = '.';
	end = put_digits(at + 1, ns, 9);
	while (end[-1] == '0')
		end--;
	return end;
}

void node_time_text(struct buf *b, struct node_time t)
{
	int64_t local = t.sec + t.zone, day = days_in(local);
	int second = (int)(local - day * DAY), zone = t.zone / 60;
	struct civil c = civil_of(day);
	char *start = buf_room(b, 40), *at;

	if (c.year < 0 || c.year > YEAR_MAX || t.ns >= NS_PER_SEC)
		BUG("time of the year %lld", (long long)c.year);
	at = put_digits(start, (unsigned)c.year, 4);
	at = put_pair(at, '-', c.month);
	at = put_pair(at, '-', c.day);
	at = put_pair(at, 'T', second / 3600);
	at = put_pair(at, ':', second / 60 % 60);
	at = put_pair(at, ':', second % 60);
	if (t.ns)
		at = put_fraction(at, t.ns);
	if (t.zone == 0) {
		*at++ = 'Z';
	} else {
		char sign = zone < 0 ? '-' : '+';

		zone = zone < 0 ? -zone : zone;
		at = put_pair(at, sign, zone / 60);
		at = put_pair(at, ':', zone % 60);
	}
	*at = '\0';
	b->len += (size_t)(at - start);
}

struct cursor {
	const char *at, *end;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool take_digits(struct cursor *c, int digits, int *out)
{
	*out = 0;
	for (; digits; digits--, c->at++) {
		if (c->at == c->end || !is_digit(*c->at))
			return false;
		*out = *out * 10 + (*c->at - '0');
	}
	return true;
}

static bool take(struct cursor *c, char wanted)
{
	if (c->at == c->end || *c->at != wanted)
		return false;
	c->at++;
	return true;
}

static bool take_date(struct cursor *c, struct civil *d)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	int year, leap;

	if (!take_digits(c, 4, &year) || !take(c, '-') ||
	    !take_digits(c, 2, &d->month) || !take(c, '-') ||
	    !take_digits(c, 2, &d->day) || d->month < 1 || d->month > 12)
		return false;
	d->year = year;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return d->day >= 1 &&
	       d->day <= days[d->month - 1] + (d->month == 2 && leap);
}

/* "14:47:59", as seconds; no leap second, which Go refuses. */
static bool take_clock(struct cursor *c, int *out)
{
	int hour, minute, second;

	if (!take_digits(c, 2, &hour) || !take(c, ':') ||
	    !take_digits(c, 2, &minute) || !take(c, ':') ||
	    !take_digits(c, 2, &second))
		return false;
	*out = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second < 60;
}

/* Digits beyond the ninth are cut off. */
static bool take_fraction(struct cursor *c, uint32_t *ns)
{
	uint32_t step = NS_PER_SEC / 10;

	*ns = 0;
	if (!take(c, '.'))
		return true;
	if (c->at == c->end || !is_digit(*c->at))
		return false;
	for (; c->at < c->end && is_digit(*c->at); c->at++, step /= 10)
		*ns += (uint32_t)(*c->at - '0') * step;
	return true;
}

static bool take_zone(struct cursor *c, int32_t *out)
{
	int sign = 1, hours, minutes;

	*out = 0;
	if (take(c, 'Z'))
		return true;
	if (take(c, '-'))
		sign = -1;
	else if (!take(c, '+'))
		return false;
	if (!take_digits(c, 2, &hours) || !take(c, ':') ||
	    !take_digits(c, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*out = sign * (hours * 3600 + minutes * 60);
	return true;
}

bool node_time_parse(const char *s, size_t n, struct node_time *out)
{
	struct cursor c = { .at = s, .end = s + n };
	struct civil d;
	int second;

	if (!take_date(&c, &d) || !take(&c, 'T') || !take_clock(&c, &second) ||
	    !take_fraction(&c, &out->ns) || !take_zone(&c, &out->zone))
		return false;
	out->sec = day_of(&d) * DAY + second - out->zone;
	return c.at == c.end;
}
