/* Which snapshots a policy keeps. */

#include "repo/forget.h"

#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"

enum { WITHIN_MAX = 10 * 1000 * 1000, DAY = 86400, HOUR = 3600, ALL = -1 };

bool forget_within_parse(const char *s, struct forget_within *out)
{
	struct forget_within w = { 0 };

	while (*s) {
		int n = 0;

		if (*s < '0' || *s > '9')
			return false;
		for (; *s >= '0' && *s <= '9'; s++)
			if ((n = n * 10 + (*s - '0')) > WITHIN_MAX)
				return false;
		switch (*s++) {
		case 'y': w.years = n; break;
		case 'm': w.months = n; break;
		case 'd': w.days = n; break;
		case 'h': w.hours = n; break;
		default: return false;
		}
	}
	*out = w;
	return true;
}

static bool is_zero(const struct forget_within *w)
{
	return !w->years && !w->months && !w->days && !w->hours;
}

static void show_within(struct buf *b, const struct forget_within *w)
{
	if (w->years)
		buf_addf(b, "%dy", w->years);
	if (w->months)
		buf_addf(b, "%dm", w->months);
	if (w->days)
		buf_addf(b, "%dd", w->days);
	if (w->hours)
		buf_addf(b, "%dh", w->hours);
}

/* "[a, b]" for "a,b" */
static void show_tags(struct buf *b, const char *tags)
{
	buf_adds(b, "[");
	for (; *tags; tags++) {
		if (*tags == ',')
			buf_adds(b, ", ");
		else
			buf_add(b, tags, 1);
	}
	buf_adds(b, "]");
}

/* What a snapshot's clock shows, as if that were UTC. */
static struct tm clock_of(const struct node_time *t)
{
	time_t sec = (time_t)(t->sec + t->zone);
	struct tm tm;

	if (!gmtime_r(&sec, &tm))
		BUG("a time that no calendar has");
	return tm;
}

/*
 * What is the same for all times of an hour, a day and so on, and for no
 * other; `no` is the snapshot's number.
 */
typedef int64_t bucket_fn(const struct node_time *t, size_t no);

static int64_t each(const struct node_time *t, size_t no)
{
	(void)t;
	return (int64_t)no;
}

static int64_t year(const struct node_time *t, size_t no)
{
	struct tm tm = clock_of(t);

	(void)no;
	return tm.tm_year + INT64_C(1900);
}

static int64_t month(const struct node_time *t, size_t no)
{
	struct tm tm = clock_of(t);

	return year(t, no) * 100 + tm.tm_mon + 1;
}

/* ISO 8601: a week belongs to the year that its Thursday is in. */
static int64_t week(const struct node_time *t, size_t no)
{
	struct tm tm = clock_of(t);
	struct node_time thursday = *t;

	thursday.sec += (3 - (tm.tm_wday + 6) % 7) * (int64_t)DAY;
	tm = clock_of(&thursday);
	return year(&thursday, no) * 100 + tm.tm_yday / 7 + 1;
}

static int64_t day(const struct node_time *t, size_t no)
{
	struct tm tm = clock_of(t);

	return month(t, no) * 100 + tm.tm_mday;
}

static int64_t hour(const struct node_time *t, size_t no)
{
	struct tm tm = clock_of(t);

	return day(t, no) * 100 + tm.tm_hour;
}

enum { BUCKETS = 6 };

/* In the order of the reasons; `counted` is how many, `within` how long. */
static const struct bucket {
	const char *name, *plural;
	bucket_fn *of;
	size_t counted, within;
} buckets[BUCKETS] = {
	{ "last", "latest", each, offsetof(struct forget_policy, last), 0 },
	{ "hourly", "hourly", hour, offsetof(struct forget_policy, hourly),
	  offsetof(struct forget_policy, within_hourly) },
	{ "daily", "daily", day, offsetof(struct forget_policy, daily),
	  offsetof(struct forget_policy, within_daily) },
	{ "weekly", "weekly", week, offsetof(struct forget_policy, weekly),
	  offsetof(struct forget_policy, within_weekly) },
	{ "monthly", "monthly", month, offsetof(struct forget_policy, monthly),
	  offsetof(struct forget_policy, within_monthly) },
	{ "yearly", "yearly", year, offsetof(struct forget_policy, yearly),
	  offsetof(struct forget_policy, within_yearly) },
};

static int counted(const struct forget_policy *p, const struct bucket *b)
{
	return *(const int *)(const void *)((const char *)p + b->counted);
}

/* NULL: that is not asked for. */
static const struct forget_within *within(const struct forget_policy *p,
					  const struct bucket *b)
{
	const struct forget_within *w =
		(const void *)((const char *)p + b->within);

	return b->of == each || is_zero(w) ? NULL : w;
}

bool forget_policy_empty(const struct forget_policy *p)
{
	for (size_t i = 0; i < BUCKETS; i++)
		if (counted(p, &buckets[i]) || within(p, &buckets[i]))
			return false;
	return p->tags.n == 0 && is_zero(&p->within);
}

void forget_policy_show(struct buf *b, const struct forget_policy *p)
{
	const char *sep = "keep ";

	for (size_t i = 0; i < BUCKETS; i++) {
		int n = counted(p, &buckets[i]);

		if (n == 0)
			continue;
		if (n == ALL)
			buf_addf(b, "%sall %s", sep, buckets[i].plural);
		else
			buf_addf(b, "%s%d %s", sep, n, buckets[i].plural);
		sep = ", ";
	}
	buf_adds(b, strcmp(sep, ", ") == 0 ? " snapshots" : "");
	for (size_t i = 0; i < BUCKETS; i++) {
		const struct forget_within *w = within(p, &buckets[i]);

		if (!w)
			continue;
		buf_addf(b, "%s%s snapshots within ", sep, buckets[i].plural);
		show_within(b, w);
		sep = ", ";
	}
	if (!is_zero(&p->within)) {
		buf_addf(b, "%sall snapshots within ", sep);
		show_within(b, &p->within);
		sep = ", ";
	}
	for (size_t i = 0; i < p->tags.n; i++) {
		buf_addf(b, "%sall snapshots with tags ", sep);
		show_tags(b, p->tags.at[i]);
		sep = ", ";
	}
}

static bool is_after(const struct node_time *a, const struct node_time *b)
{
	return a->sec != b->sec ? a->sec > b->sec : a->ns > b->ns;
}

/* How far the local clock was from UTC then. */
static int64_t local_zone(int64_t sec)
{
	return node_time_at(sec, 0).zone;
}

/*
 * That long before `t`, counted on its own clock: a month before the 31st of
 * March is the 31st of February, which is the 3rd of March.  Where that clock
 * is this machine's, it goes on being so, summer or winter; as in Go.
 */
static struct node_time before(const struct node_time *t,
			       const struct forget_within *w)
{
	struct node_time out = *t;
	struct tm tm = clock_of(t);
	int64_t zone = t->zone;

	tm.tm_year -= w->years;
	tm.tm_mon -= w->months;
	tm.tm_mday -= w->days;
	out.sec = timegm(&tm);
	/* "Z" is UTC to Go, also where the local clock shows that just now */
	if (t->zone && local_zone(t->sec) == t->zone) {
		zone = local_zone(out.sec);
		if (zone)
			zone = local_zone(out.sec - zone);
	}
	out.sec -= zone + (int64_t)w->hours * HOUR;
	return out;
}

/* One run over the snapshots, newest first. */
struct run {
	const struct forget_policy *policy;
	struct node_time latest;
	int left[BUCKETS];
	int64_t last[BUCKETS], last_within[BUCKETS];
	struct arena *arena;
	struct forget_reason *out;
	const char **matches; /* of the snapshot at hand */
};

/* All may come true, and each tag. */
static size_t matches_max(const struct forget_policy *p)
{
	return p->tags.n + 1 + 2 * BUCKETS;
}

static void keep(struct run *r, const char *reason)
{
	r->matches[r->out->matches.n++] = reason;
	r->out->keep = true;
}

static const char *reason_within(struct run *r, const char *what,
				 const struct forget_within *w)
{
	struct buf b = BUF_INIT;
	const char *text;

	buf_addf(&b, "%swithin ", what);
	show_within(&b, w);
	text = arena_strdup(r->arena, b.data);
	buf_free(&b);
	return text;
}

static bool is_within(const struct run *r, const struct snapshot *s,
		      const struct forget_within *w)
{
	struct node_time from = before(&r->latest, w);

	return is_after(&s->time, &from);
}

static void match_tags(struct run *r, const struct snapshot *s)
{
	const struct strings *tags = &r->policy->tags;

	for (size_t i = 0; i < tags->n; i++) {
		const struct snapshot_filter f = { .tags = { .at = &tags->at[i],
							     .n = 1 } };
		struct buf b = BUF_INIT;

		if (!snapshot_matches(s, &f))
			continue;
		buf_adds(&b, "has tags ");
		show_tags(&b, tags->at[i]);
		keep(r, arena_strdup(r->arena, b.data));
		buf_free(&b);
	}
}

/*
 * The oldest one of all is kept as long as there is something left to keep: so
 * the time that is covered is as long as it can be.
 */
static void match_counted(struct run *r, const struct snapshot *s, size_t no,
			  bool oldest)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		const struct bucket *b = &buckets[i];
		int64_t is;

		if (r->left[i] == 0)
			continue;
		is = b->of(&s->time, no);
		if (is == r->last[i] && !oldest)
			continue;
		keep(r,
		     arena_printf(r->arena, "%s%s snapshot",
				  is == r->last[i] ? "oldest " : "", b->name));
		r->last[i] = is;
		if (r->left[i] != ALL)
			r->left[i]--;
	}
}

static void match_within(struct run *r, const struct snapshot *s, size_t no,
			 bool oldest)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		const struct bucket *b = &buckets[i];
		const struct forget_within *w = within(r->policy, b);
		int64_t is;

		if (!w || !is_within(r, s, w))
			continue;
		is = b->of(&s->time, no);
		if (is == r->last_within[i] && !oldest)
			continue;
		keep(r, reason_within(r,
				      arena_printf(r->arena, "%s%s ",
						   is == r->last_within[i]
							   ? "oldest "
							   : "",
						   b->name),
				      w));
		r->last_within[i] = is;
	}
}

/* The newest that is not of the future; if all are, they are all kept. */
static struct node_time find_latest(const struct snapshot *s, size_t n,
				    int64_t now)
{
	struct node_time at = node_time_local(now);

	while (n > 0 && !is_after(&at, &s[n - 1].time))
		n--;
	return n > 0 ? s[n - 1].time : (struct node_time){ 0 };
}

void forget_apply(struct arena *a, const struct snapshot *s, size_t n,
		  const struct forget_policy *p, int64_t now,
		  struct forget_reason *out)
{
	struct run r = { .policy = p, .arena = a };

	r.latest = find_latest(s, n, now);
	for (size_t i = 0; i < BUCKETS; i++) {
		r.left[i] = counted(p, &buckets[i]);
		r.last[i] = r.last_within[i] = -1;
	}
	for (size_t i = 0; i < n; i++) {
		const struct snapshot *at = &s[n - 1 - i];

		r.out = &out[n - 1 - i];
		*r.out = (struct forget_reason){ 0 };
		r.matches = arena_alloc(a, matches_max(p) * sizeof(char *));
		r.out->matches.at = r.matches;
		if (forget_policy_empty(p)) {
			keep(&r, "policy is empty");
			continue;
		}
		match_tags(&r, at);
		if (!is_zero(&p->within) && is_within(&r, at, &p->within))
			keep(&r, reason_within(&r, "", &p->within));
		match_counted(&r, at, i, i + 1 == n);
		match_within(&r, at, i, i + 1 == n);
	}
}
