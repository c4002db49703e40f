#include "lib/timetable.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/parse.h"

enum { DAY = 24 * 60, DAYS = 7, WORDS_MAX = 1000 };

static bool read_two(const char *s, unsigned limit, unsigned *out)
{
	if (s[0] < '0' || s[0] > '9' || s[1] < '0' || s[1] > '9')
		return false;
	*out = (unsigned)(s[0] - '0') * 10 + (unsigned)(s[1] - '0');
	return *out < limit;
}

/* "Mon-08:00" or "08:00", whose day is DAYS. */
static bool read_time(const char *s, unsigned *day, unsigned *minute)
{
	static const char *const days[DAYS] = { "Sun", "Mon", "Tue", "Wed",
						"Thu", "Fri", "Sat" };
	const char *dash = strchr(s, '-');
	unsigned hour;

	*day = DAYS;
	if (dash) {
		for (unsigned i = 0; i < DAYS; i++)
			if (dash - s == 3 && strncasecmp(s, days[i], 3) == 0)
				*day = i;
		if (*day == DAYS)
			return false;
		s = dash + 1;
	}
	if (!read_two(s, 24, &hour) || s[2] != ':' ||
	    !read_two(s + 3, 60, minute) || s[5])
		return false;
	*minute += hour * 60;
	return true;
}

static int read_size(const char *s, int64_t *out, struct err *e)
{
	if (strchr(s, ':'))
		return err_set(e, ERR_INVALID,
			       "\"%s\": a limit is one for both directions, "
			       "not UP:DOWN",
			       s);
	if (!parse_size(s, true, out))
		return err_set(e, ERR_INVALID,
			       "\"%s\" is not a size like 100k, 1.5M, 2G or "
			       "off",
			       s);
	if (*out < 0)
		*out = 0;
	return 0;
}

static int add_word(struct timetable *t, char *word, struct err *e)
{
	char *comma = strchr(word, ',');
	unsigned day, minute;
	int64_t size;

	if (!comma)
		return err_set(e, ERR_INVALID,
			       "\"%s\" is not like 08:00,512k or "
			       "Mon-08:00,512k",
			       word);
	*comma = '\0';
	if (!read_time(word, &day, &minute))
		return err_set(e, ERR_INVALID,
			       "\"%s\" is not a time like 08:00 or Mon-08:00",
			       word);
	if (read_size(comma + 1, &size, e) < 0)
		return -1;
	for (unsigned i = 0; i < DAYS; i++)
		if (day == DAYS || day == i)
			t->slots[t->n++] = (struct timetable_slot){
				.minute = i * DAY + minute,
				.per_second = size,
			};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct timetable_slot *x = a, *y = b;

	return (x->minute > y->minute) - (x->minute < y->minute);
}

static int add_words(struct timetable *t, struct arena *a, const char *text,
		     struct err *e)
{
	char *rest = arena_strdup(a, text), *word;
	size_t words = 1;

	for (const char *p = text; *p; p++)
		words += *p == ' ';
	if (words > WORDS_MAX)
		return err_set(e, ERR_INVALID, "more than %d times", WORDS_MAX);
	t->slots = arena_alloc(a, words * DAYS * sizeof(*t->slots));
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word && add_word(t, word, e) < 0)
			return -1;
	if (t->n == 0)
		return err_set(e, ERR_INVALID, "no limit in \"%s\"", text);
	qsort(t->slots, t->n, sizeof(*t->slots), compare);
	for (size_t i = 1; i < t->n; i++)
		if (t->slots[i].minute == t->slots[i - 1].minute)
			return err_set(e, ERR_INVALID,
				       "two limits for the same time");
	return 0;
}

int timetable_parse(struct arena *a, const char *text, struct timetable *out,
		    struct err *e)
{
	int64_t size;

	*out = (struct timetable){ 0 };
	if (strchr(text, ','))
		return add_words(out, a, text, e);
	if (read_size(text, &size, e) < 0)
		return -1;
	out->slots = arena_alloc(a, sizeof(*out->slots));
	out->slots[0] = (struct timetable_slot){ .per_second = size };
	out->n = 1;
	return 0;
}

int64_t timetable_at(const struct timetable *t, unsigned minute)
{
	size_t i = t->n;

	/* before the first of the week last week's last still holds */
	while (i > 0 && t->slots[i - 1].minute > minute)
		i--;
	return t->slots[i > 0 ? i - 1 : t->n - 1].per_second;
}

unsigned timetable_minute(int64_t wall)
{
	time_t seconds = timespec_of(wall).tv_sec;
	struct tm tm;

	if (!localtime_r(&seconds, &tm))
		return 0;
	return (unsigned)(tm.tm_wday * DAY + tm.tm_hour * 60 + tm.tm_min);
}
