#include "sync/side.h"

#include <string.h>

void side_step(struct side *s, struct op *op)
{
	s->more = listing_next(&s->list, op, &s->e, &s->meta);
}

int sides_order(const struct side *a, const struct side *b)
{
	if (a->more <= 0)
		return 1;
	if (b->more <= 0)
		return -1;
	return strcmp(a->e.name, b->e.name);
}

int sides_end(const struct side *a, const struct side *b)
{
	return a->more < 0 || b->more < 0 ? -1 : 0;
}
