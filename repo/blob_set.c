#include "repo/walk.h"

#include <stdatomic.h>
#include <stdlib.h>

struct blob_set {
	const struct index *ix;
	uint32_t
		n; /* bits; blobs that are added to the index later have none */
	_Atomic uint64_t count;
	_Atomic uint64_t bits[];
};

struct blob_set *blob_set_new(const struct index *ix)
{
	uint32_t n = index_entries(ix);
	struct blob_set *s = xcalloc(1, sizeof(*s) + ((size_t)n / 64 + 1) *
							     sizeof(*s->bits));

	s->ix = ix;
	s->n = n;
	return s;
}

void blob_set_free(struct blob_set *s)
{
	free(s);
}

static bool find(const struct blob_set *s, enum blob_type t,
		 const struct id *id, uint32_t *entry)
{
	struct blob_at at;

	if (!index_find(s->ix, t, id, &at) || at.entry >= s->n)
		return false;
	*entry = at.entry;
	return true;
}

bool blob_set_add(struct blob_set *s, enum blob_type t, const struct id *id)
{
	uint32_t entry;
	uint64_t bit;

	if (!find(s, t, id, &entry))
		return false;
	bit = UINT64_C(1) << (entry % 64);
	if (atomic_load(&s->bits[entry / 64]) & bit ||
	    atomic_fetch_or(&s->bits[entry / 64], bit) & bit)
		return false;
	atomic_fetch_add(&s->count, 1);
	return true;
}

bool blob_set_has(const struct blob_set *s, enum blob_type t,
		  const struct id *id)
{
	uint32_t entry;

	return find(s, t, id, &entry) &&
	       atomic_load(&s->bits[entry / 64]) >> (entry % 64) & 1;
}

bool blob_set_has_entry(const struct blob_set *s, uint32_t entry)
{
	return entry < s->n &&
	       atomic_load(&s->bits[entry / 64]) >> (entry % 64) & 1;
}

uint64_t blob_set_count(const struct blob_set *s)
{
	return atomic_load(&s->count);
}
