#ifndef LIB_LIBRARIES_H
#define LIB_LIBRARIES_H

#include "lib/buf.h"

/*
 * The libraries that this process runs with.  `name` of number `i`, and its
 * version appended to `version`; NULL beyond the last.
 */
const char *library_name(size_t i);
void library_version(size_t i, struct buf *version);

#endif
