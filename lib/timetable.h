#ifndef LIB_TIMETABLE_H
#define LIB_TIMETABLE_H

#include "lib/arena.h"
#include "lib/err.h"

/*
 * Limits that change with the hour of the week, in rclone's form:
 *
 *	10M				always
 *	08:00,512k 19:00,10M 23:00,off	each day from these times on
 *	Mon-08:00,1M Sat-00:00,off	from these times of the week on
 *
 * Sizes are as in parse_size() with bare numbers in KiB; "off" and 0 stand for
 * no limit.
 */
struct timetable {
	struct timetable_slot {
		unsigned minute;    /* of the week, from Sunday 00:00 on */
		int64_t per_second; /* 0: no limit */
	} * slots;                  /* by time */
	size_t n;
};

/* The slots lie in `a`. ERR_INVALID says what is wrong. */
int timetable_parse(struct arena *a, const char *text, struct timetable *out,
		    struct err *e) MUST_CHECK;

/* What holds at a minute of the week. */
int64_t timetable_at(const struct timetable *t, unsigned minute);

/* The minute of the week at a time (ns since 1970), as clocks here show it. */
unsigned timetable_minute(int64_t wall);

#endif
