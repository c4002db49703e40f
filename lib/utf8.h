#ifndef LIB_UTF8_H
#define LIB_UTF8_H

#include "lib/buf.h"

/* RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF. */
bool utf8_valid(const char *s, size_t n);

/*
 * Append `s` so that a terminal shows it and does nothing else: control
 * characters (C0, DEL, C1) and bytes that are not UTF-8 become \n, \t, \r or
 * \xHH; all other characters stay as they are.
 */
void utf8_add_printable(struct buf *b, const char *s, size_t n);

/* Append `s` with every byte that is not UTF-8 as U+FFFD. */
void utf8_add_valid(struct buf *b, const char *s, size_t n);

#endif
