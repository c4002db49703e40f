#ifndef REPO_FORGET_H
#define REPO_FORGET_H

#include "repo/snapshot.h"

/*
 * Which snapshots a policy keeps (doc/060_forget.rst): pure computation.
 */
struct forget_within { /* "1y5m7d2h" */
	int years, months, days, hours;
};
/* False also for what is negative, or beyond ten million of anything. */
bool forget_within_parse(const char *s, struct forget_within *out);

struct forget_policy {
	int last, hourly, daily, weekly, monthly, yearly; /* -1: all of them */
	struct forget_within within, within_hourly, within_daily, within_weekly,
		within_monthly, within_yearly;
	struct strings tags; /* each "a,b"; "": those without tags */
};
bool forget_policy_empty(const struct forget_policy *p);

/* "keep 1 latest, 5 yearly snapshots and all ...": for people. */
void forget_policy_show(struct buf *b, const struct forget_policy *p);

/*
 * Of `n` snapshots of one group, sorted by time, newest last: keep[i], and why
 * in matches (a list in `a`: "last snapshot", "daily snapshot", ...).  Hours,
 * days and so on are those of the zone that a snapshot was made in.  An empty
 * policy keeps all.  `now`: ns; "within" counts from the newest that is older.
 */
struct forget_reason {
	bool keep;
	struct strings matches;
};
void forget_apply(struct arena *a, const struct snapshot *s, size_t n,
		  const struct forget_policy *p, int64_t now,
		  struct forget_reason *out);

/* Groups of snapshots: of equal host, paths and tags, as `by` says. */
enum { GROUP_HOST = 1, GROUP_PATHS = 2, GROUP_TAGS = 4 };
bool group_by_parse(const char *s, unsigned *by);

struct snapshot_group {
	const char *host; /* "" if not grouped by it */
	struct strings paths, tags;
	struct snapshots snapshots; /* sorted by time */
};
VEC(snapshot_group_list, struct snapshot_group);
void snapshots_group(struct arena *a, const struct snapshots *all, unsigned by,
		     struct snapshot_group_list *out);
void snapshot_groups_free(struct snapshot_group_list *g);

#endif
