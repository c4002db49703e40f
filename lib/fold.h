#ifndef LIB_FOLD_H
#define LIB_FOLD_H

#include "lib/buf.h"

/*
 * Append `name` as a service that does not tell upper from lower case compares
 * it: every letter of Unicode that has a lower-case one becomes that.  Bytes
 * that are not UTF-8 stay as they are.
 */
void fold_case(struct buf *b, const char *name);

#endif
