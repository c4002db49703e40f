#ifndef CMD_MIME_H
#define CMD_MIME_H

#include "backends/entry.h"

/*
 * The type that the service gave the entry, else one for its kind or the end of
 * its name: "text/plain; charset=utf-8".
 */
const char *mime_type(const char *path, const struct entry *e);

#endif
