#include "sync/side.h"

#include <string.h>

void side_step(struct side *s, struct op *op)
{
	const char *end;

	s->more = listing_next(&s->list, op, &s->e, &s->meta);
	if (s->more <= 0)
		return;
	s->key = s->e.name;
	s->key_len = strlen(s->e.name);
	if (!s->list.fold)
		return;
	end = strstr(s->key, "//");
	if (!end)
		BUG("a folded listing without \"//\": %s", s->key);
	end += 2;
	s->key_len = (size_t)(end - s->key);
	s->e.name = end;
}

bool side_has_twin(const struct side *s)
{
	return s->list.fold &&
	       listing_has_twin(&s->list, s->key, s->key_len - 2);
}

int sides_order(const struct side *a, const struct side *b)
{
	int order;

	if (a->more <= 0)
		return 1;
	if (b->more <= 0)
		return -1;
	order = memcmp(a->key, b->key,
		       a->key_len < b->key_len ? a->key_len : b->key_len);
	if (order)
		return order;
	return a->key_len < b->key_len ? -1 : a->key_len > b->key_len;
}

int sides_end(const struct side *a, const struct side *b)
{
	return a->more < 0 || b->more < 0 ? -1 : 0;
}
