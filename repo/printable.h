#ifndef REPO_PRINTABLE_H
#define REPO_PRINTABLE_H

#include <stdbool.h>
#include <stdint.h>

/* Go's unicode.IsPrint(). */
bool printable(uint32_t c);

#endif
