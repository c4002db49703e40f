#include "repo/id_map.h"

#include "crypt/secret.h"

enum { FIRST_SLOTS = 64 };

void id_map_init(struct id_map *m)
{
	*m = (struct id_map){ 0 };
	slots_init(&m->slots, FIRST_SLOTS);
	random_bytes(&m->seed, sizeof(m->seed));
}

void id_map_free(struct id_map *m)
{
	slots_free(&m->slots);
	id_knowns_free(&m->all);
}

/* Who fills a repository can choose the beginnings of ids: hence the seed. */
static uint64_t hash_of(const struct id_map *m, const struct id *id)
{
	uint64_t h;

	memcpy(&h, id->b, sizeof(h));
	h = (h ^ m->seed) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t known_hash(const void *arg, uint32_t number)
{
	const struct id_map *m = arg;

	return hash_of(m, &m->all.at[number].key);
}

struct id_known *id_map_find(const struct id_map *m, const struct id *key)
{
	struct probe p = slots_probe(&m->slots, hash_of(m, key));
	uint32_t no;

	while (slots_next(&m->slots, &p, &no))
		if (id_equal(&m->all.at[no].key, key))
			return &m->all.at[no];
	return NULL;
}

struct id_known *id_map_at(struct id_map *m, const struct id *key)
{
	struct id_known *k = id_map_find(m, key);
	struct probe p;
	uint32_t no;

	if (k)
		return k;
	p = slots_probe(&m->slots, hash_of(m, key));
	while (slots_next(&m->slots, &p, &no))
		continue;
	k = id_knowns_add(&m->all);
	*k = (struct id_known){ .key = *key };
	slots_put(&m->slots, &p, (uint32_t)(m->all.n - 1), known_hash, m);
	return k;
}
