#ifndef BACKENDS_JOTTA_ALIAS_H
#define BACKENDS_JOTTA_ALIAS_H

#include "lib/base.h"

/*
 * Raw paths by shown path, for those that do not follow from it.  Of more than
 * JOTTA_ALIASES_MAX the oldest are forgotten: what they name must be listed
 * again before it can be reached.  Not for several threads at once.
 */
enum { JOTTA_ALIASES_MAX = 100000 };

struct jotta_alias;

struct jotta_alias *jotta_alias_new(void);
void jotta_alias_free(struct jotta_alias *a);

void jotta_alias_put(struct jotta_alias *a, const char *shown, const char *raw);

/* The raw path, or NULL. Lasts until the next put. */
const char *jotta_alias_get(const struct jotta_alias *a, const char *shown);
size_t jotta_alias_count(const struct jotta_alias *a);

#endif
