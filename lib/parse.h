#ifndef LIB_PARSE_H
#define LIB_PARSE_H

#include "lib/buf.h"

/*
 * Values as users write them; rclone's forms.  Each is false if `s` is not
 * one, or does not fit.
 */

/*
 * "10", "10k", "1.5M", "2Gi" and "off" (-1): bytes, 1024 a step.  A bare
 * number is bytes, or KiB where `bare_k` (rclone counts --bwlimit and the
 * like so).
 */
bool parse_size(const char *s, bool bare_k, int64_t *out);

/* "1m30s", "500ms", "1.5h", "2d", "1w", "1M" (30 days), "1y", "off" (-1) and
   plain numbers of seconds: ns. */
bool parse_duration(const char *s, int64_t *out);

/* _n: the `n` bytes at `s`, wherever the text ends. */
bool parse_int(const char *s, int64_t *out);
bool parse_int_n(const char *s, size_t n, int64_t *out);

/* The value of a hexadecimal digit of either case; -1 if it is none. */
int parse_hex_digit(char c);

/* "10", "0.5": no sign and no exponent. */
bool parse_decimal(const char *s, double *out);
bool parse_bool(const char *s, bool *out);

/* "1.234 GiB", "17 B": as rclone shows sizes. */
void show_size(struct buf *b, int64_t n);

/* "1h2m3s", "4.2s", "120ms" */
void show_duration(struct buf *b, int64_t ns);

/* "2024-05-06 07:08:09.000000000", local time, for `digits` 0 or 9. */
void show_time(struct buf *b, int64_t ns, int digits);

/* RFC 3339 in UTC with nanoseconds: for JSON. */
void show_time_utc(struct buf *b, int64_t ns);

#endif
