#include "repo/saver_pending.h"

#include <stdlib.h>
#include <string.h>

/* An id is a hash already. */
static size_t home(const struct pending *p, const struct id *id)
{
	uint64_t h;

	memcpy(&h, id->b, sizeof(h));
	return (size_t)h & (p->cap - 1);
}

/* Where it is, or the free slot where it would be put. */
static size_t find(const struct pending *p, uint8_t mark, const struct id *id)
{
	size_t i = home(p, id);

	while (p->at[i].mark &&
	       (p->at[i].mark != mark || !id_equal(&p->at[i].id, id)))
		i = (i + 1) & (p->cap - 1);
	return i;
}

static void grow(struct pending *p)
{
	struct pending old = *p;

	p->cap = p->cap ? p->cap * 2 : 1024;
	p->at = xcalloc(p->cap, sizeof(*p->at));
	for (size_t i = 0; i < old.cap; i++)
		if (old.at[i].mark)
			p->at[find(p, old.at[i].mark, &old.at[i].id)] =
				old.at[i];
	free(old.at);
}

bool pending_add(struct pending *p, enum blob_type t, const struct id *id)
{
	uint8_t mark = (uint8_t)(t + 1);
	size_t i;

	if (p->n >= p->cap / 4 * 3)
		grow(p);
	i = find(p, mark, id);
	if (p->at[i].mark)
		return false;
	p->at[i] = (struct pending_slot){ *id, mark };
	p->n++;
	return true;
}

/*
 * Linear probing without tombstones (Knuth, TAOCP 6.4, algorithm R): what lies
 * behind the hole is moved into it, unless its home is behind the hole as well.
 */
void pending_drop(struct pending *p, enum blob_type t, const struct id *id)
{
	size_t mask = p->cap - 1, hole, i;

	hole = p->cap ? find(p, (uint8_t)(t + 1), id) : 0;
	if (!p->cap || !p->at[hole].mark)
		BUG("a blob is not pending");
	for (i = (hole + 1) & mask; p->at[i].mark; i = (i + 1) & mask) {
		size_t from_home = (i - home(p, &p->at[i].id)) & mask;

		if (from_home < ((i - hole) & mask))
			continue;
		p->at[hole] = p->at[i];
		hole = i;
	}
	p->at[hole].mark = 0;
	p->n--;
}

void pending_free(struct pending *p)
{
	free(p->at);
	*p = (struct pending){ 0 };
}
