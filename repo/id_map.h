#ifndef REPO_ID_MAP_H
#define REPO_ID_MAP_H

#include "repo/slots.h"
#include "lib/vec.h"
#include "repo/id.h"

/*
 * What is known of an id.  Not for several threads at once.
 */
struct id_known {
	struct id key, value;
	uint64_t files, bytes;
};

VEC(id_knowns, struct id_known);

struct id_map {
	struct id_knowns all; /* in the order in which they came */
	struct slots slots;
	uint64_t seed;
};

void id_map_init(struct id_map *m);
void id_map_free(struct id_map *m);

/* NULL if there is none.  Good until one is added. */
struct id_known *id_map_find(const struct id_map *m, const struct id *key);

/* That of a key, made (all zero but for the key) if there is none. */
struct id_known *id_map_at(struct id_map *m, const struct id *key);

#endif
