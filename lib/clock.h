#ifndef LIB_CLOCK_H
#define LIB_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC INT64_C(1000000000)

/* Nanoseconds of a clock that never jumps, from some fixed instant. */
static inline int64_t clock_mono(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* Nanoseconds since 1970. */
static inline int64_t clock_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/*
 * Between the two forms of a time; ns may be negative, and the second of such
 * a time is the one before it.  A time outside 1677..2262 is cut to that.
 */
static inline int64_t ns_of(int64_t sec, uint32_t nsec)
{
	int64_t ns;

	if (__builtin_mul_overflow(sec, NS_PER_SEC, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)nsec, &ns))
		return sec < 0 ? INT64_MIN + 1 : INT64_MAX;
	return ns;
}

static inline struct timespec timespec_of(int64_t ns)
{
	int64_t sec = ns / NS_PER_SEC, rest = ns % NS_PER_SEC;

	if (rest < 0) {
		rest += NS_PER_SEC;
		sec--;
	}
	return (struct timespec){ .tv_sec = sec, .tv_nsec = (long)rest };
}

#endif
