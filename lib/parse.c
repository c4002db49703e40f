#include "lib/parse.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/clock.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

struct decimal {
	int64_t whole;
	int64_t billionths;
};

/* Not strtod(), which knows hexadecimal, "inf" and the locale's comma. */
static bool read_decimal(const char **s, struct decimal *out)
{
	const char *p = *s;
	int64_t step = 100000000;
	bool any = false;

	*out = (struct decimal){ 0 };
	for (; is_digit(*p); p++, any = true)
		if (__builtin_mul_overflow(out->whole, 10, &out->whole) ||
		    __builtin_add_overflow(out->whole, *p - '0', &out->whole))
			return false;
	if (*p == '.')
		for (p++; is_digit(*p); p++, any = true, step /= 10)
			out->billionths += (*p - '0') * step;
	*s = p;
	return any;
}

static bool times(struct decimal d, int64_t unit, int64_t *out)
{
	/* up to 2^60 times 1e9: in two steps, so that nothing wraps */
	int64_t high = unit / NS_PER_SEC, low = unit % NS_PER_SEC;
	int64_t part = high * d.billionths + low * d.billionths / NS_PER_SEC;

	return !__builtin_mul_overflow(d.whole, unit, out) &&
	       !__builtin_add_overflow(*out, part, out);
}

/* "", "B", "K", "Ki", "KiB" and so on: bytes in one, 0 if it is none. */
static int64_t size_unit(const char *s, bool bare_k)
{
	static const char letters[] = "kmgtpe";
	const char *at;

	if (!*s)
		return bare_k ? 1024 : 1;
	if (strcasecmp(s, "b") == 0)
		return 1;
	at = strchr(letters, *s | 0x20);
	if (!at)
		return 0;
	if (s[1] && strcasecmp(s + 1, "i") != 0 && strcasecmp(s + 1, "ib") != 0)
		return 0;
	return INT64_C(1024) << 10 * (at - letters);
}

bool parse_size(const char *s, bool bare_k, int64_t *out)
{
	struct decimal d;
	int64_t unit;

	if (strcasecmp(s, "off") == 0) {
		*out = -1;
		return true;
	}
	if (!read_decimal(&s, &d))
		return false;
	unit = size_unit(s, bare_k);
	return unit && times(d, unit, out);
}

static const struct {
	const char *name; /* a longer one before one it starts with */
	int64_t ns;
} time_units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\u00b5s", 1000 }, /* the micro sign, as Go writes it */
	{ "ms", 1000000 },
	{ "s", NS_PER_SEC },
	{ "m", 60 * NS_PER_SEC },
	{ "h", 3600 * NS_PER_SEC },
	{ "d", 24 * 3600 * NS_PER_SEC },
	{ "w", 7 * 24 * 3600 * NS_PER_SEC },
	{ "M", 30 * 24 * 3600 * NS_PER_SEC },
	{ "y", 365 * 24 * 3600 * NS_PER_SEC },
};

static int64_t read_time_unit(const char **s)
{
	for (size_t i = 0; i < ARRAY_LEN(time_units); i++) {
		size_t n = strlen(time_units[i].name);

		if (strncmp(*s, time_units[i].name, n) == 0) {
			*s += n;
			return time_units[i].ns;
		}
	}
	return 0;
}

bool parse_duration(const char *s, int64_t *out)
{
	struct decimal d;
	int64_t sum = 0;
	bool first = true;

	if (strcasecmp(s, "off") == 0) {
		*out = -1;
		return true;
	}
	do {
		int64_t unit, part;

		if (!read_decimal(&s, &d))
			return false;
		unit = *s || !first ? read_time_unit(&s) : NS_PER_SEC;
		if (!unit || !times(d, unit, &part) ||
		    __builtin_add_overflow(sum, part, &sum))
			return false;
		first = false;
	} while (*s);
	*out = sum;
	return true;
}

bool parse_decimal(const char *s, double *out)
{
	struct decimal d;

	if (!read_decimal(&s, &d) || *s)
		return false;
	*out = (double)d.whole + (double)d.billionths / 1e9;
	return true;
}

bool parse_int_n(const char *s, size_t n, int64_t *out)
{
	const char *end = s + n;
	bool minus = n > 0 && *s == '-';
	int64_t v = 0;

	if (minus || (n > 0 && *s == '+'))
		s++;
	if (s == end)
		return false;
	for (; s < end; s++) {
		/* downwards, since INT64_MIN has no positive counterpart */
		if (!is_digit(*s) || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, *s - '0', &v))
			return false;
	}
	if (!minus && v == INT64_MIN)
		return false;
	*out = minus ? v : -v;
	return true;
}

bool parse_int(const char *s, int64_t *out)
{
	return parse_int_n(s, strlen(s), out);
}

int parse_hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool parse_bool(const char *s, bool *out)
{
	static const struct {
		const char *text;
		bool value;
	} words[] = {
		{ "true", true }, { "false", false }, { "1", true },
		{ "0", false },   { "yes", true },    { "no", false },
		{ "on", true },   { "off", false },   { "t", true },
		{ "f", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(s, words[i].text) == 0) {
			*out = words[i].value;
			return true;
		}
	return false;
}

void show_size(struct buf *b, int64_t n)
{
	static const char *const names[] = { "B",   "KiB", "MiB", "GiB",
					     "TiB", "PiB", "EiB" };
	size_t unit = 0;
	int64_t one = 1;

	if (n < 0) {
		buf_adds(b, "off");
		return;
	}
	while (n / one >= 1024) {
		one *= 1024;
		unit++;
	}
	if (n % one == 0)
		buf_addf(b, "%" PRId64 " %s", n / one, names[unit]);
	else
		buf_addf(b, "%.3f %s", (double)n / (double)one, names[unit]);
}

static void show_below_a_minute(struct buf *b, int64_t ns)
{
	int64_t tenths = ns / (NS_PER_SEC / 10);

	if (ns == 0)
		buf_adds(b, "0s");
	else if (ns < 1000)
		buf_addf(b, "%" PRId64 "ns", ns);
	else if (ns < 1000000)
		buf_addf(b, "%" PRId64 "us", ns / 1000);
	else if (ns < NS_PER_SEC)
		buf_addf(b, "%" PRId64 "ms", ns / 1000000);
	else if (tenths % 10)
		buf_addf(b, "%" PRId64 ".%" PRId64 "s", tenths / 10,
			 tenths % 10);
	else
		buf_addf(b, "%" PRId64 "s", tenths / 10);
}

void show_duration(struct buf *b, int64_t ns)
{
	static const struct {
		char name;
		int64_t seconds;
	} parts[] = {
		{ 'd', 86400 },
		{ 'h', 3600 },
		{ 'm', 60 },
		{ 's', 1 },
	};
	int64_t left = ns / NS_PER_SEC;

	if (ns < 0) {
		buf_adds(b, "off");
		return;
	}
	if (left < 60) {
		show_below_a_minute(b, ns);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		int64_t n = left / parts[i].seconds;

		if (n)
			buf_addf(b, "%" PRId64 "%c", n, parts[i].name);
		left %= parts[i].seconds;
	}
}

static void show_date_and_time(struct buf *b, const struct tm *tm, char between)
{
	buf_addf(b, "%04d-%02d-%02d%c%02d:%02d:%02d", tm->tm_year + 1900,
		 tm->tm_mon + 1, tm->tm_mday, between, tm->tm_hour, tm->tm_min,
		 tm->tm_sec);
}

void show_time(struct buf *b, int64_t ns, int digits)
{
	struct timespec t = timespec_of(ns);
	struct tm tm;

	localtime_r(&t.tv_sec, &tm);
	show_date_and_time(b, &tm, ' ');
	if (digits)
		buf_addf(b, ".%09ld", t.tv_nsec);
}

void show_time_utc(struct buf *b, int64_t ns)
{
	struct timespec t = timespec_of(ns);
	struct tm tm;

	gmtime_r(&t.tv_sec, &tm);
	show_date_and_time(b, &tm, 'T');
	buf_addf(b, ".%09ldZ", t.tv_nsec);
}
