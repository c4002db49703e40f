#ifndef LIB_BASE64_H
#define LIB_BASE64_H

#include "lib/buf.h"

/* RFC 4648.  `url`: the alphabet with '-' and '_', and no padding. */
void base64_encode(struct buf *b, const void *p, size_t n, bool url);

/*
 * Append what `s` stands for.  Either alphabet, padding or none, white space
 * at both ends; false for anything else, and then `b` is as it was.
 */
bool base64_decode(struct buf *b, const char *s, size_t n);

#endif
