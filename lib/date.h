#ifndef LIB_DATE_H
#define LIB_DATE_H

#include "lib/buf.h"

/*
 * Times as servers write them, to and from ns since 1970 (UTC).  Each parser
 * takes a whole NUL-terminated text, with nothing before or after; it is false
 * if `s` is not one or lies outside the years 1678 to 2261, which fit.
 */

/* All three forms of RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT". */
bool date_parse_http(const char *s, int64_t *ns);
void date_http(struct buf *b, int64_t ns);

/* RFC 3339, any offset and number of digits: "1994-11-06T08:49:37.5+01:00". */
bool date_parse_rfc3339(const char *s, int64_t *ns);

/* In UTC, with whole seconds: "1994-11-06T08:49:37Z". */
void date_rfc3339(struct buf *b, int64_t ns);

/* Jottacloud's JFS, as RFC 3339 but for one '-': "1994-11-06-T08:49:37Z". */
bool date_parse_jfs(const char *s, int64_t *ns);
void date_jfs(struct buf *b, int64_t ns);

#endif
