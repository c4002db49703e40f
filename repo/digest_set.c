#include "repo/digest_set.h"

#include <stdlib.h>

enum { FIRST = 1024 };

void digest_set_free(struct digest_set *s)
{
	free(s->at);
	*s = (struct digest_set){ 0 };
}

static struct digest digest_of_id(const struct id *id)
{
	struct digest d;

	memcpy(&d, id->b, sizeof(d));
	if (d.a == 0 && d.b == 0)
		d.a = 1;
	return d;
}

/* Where it is, or the free place that it would have. */
static struct digest *find(const struct digest_set *s, struct digest d)
{
	size_t i = (size_t)d.a & (s->cap - 1);

	while ((s->at[i].a || s->at[i].b) &&
	       (s->at[i].a != d.a || s->at[i].b != d.b))
		i = (i + 1) & (s->cap - 1);
	return &s->at[i];
}

static void grow(struct digest_set *s)
{
	struct digest_set more = { .n = s->n,
				   .cap = s->cap ? s->cap * 2 : FIRST };

	more.at = xcalloc(more.cap, sizeof(*more.at));
	for (size_t i = 0; i < s->cap; i++)
		if (s->at[i].a || s->at[i].b)
			*find(&more, s->at[i]) = s->at[i];
	free(s->at);
	*s = more;
}

bool digest_set_add(struct digest_set *s, const struct id *id)
{
	struct digest d = digest_of_id(id), *at;

	if (s->n >= s->cap / 4 * 3)
		grow(s);
	at = find(s, d);
	if (at->a || at->b)
		return false;
	*at = d;
	s->n++;
	return true;
}

bool digest_set_has(const struct digest_set *s, const struct id *id)
{
	const struct digest *at;

	if (s->cap == 0)
		return false;
	at = find(s, digest_of_id(id));
	return at->a || at->b;
}

void digest_of_pair(const struct id *id, const void *p, size_t n,
		    struct id *out)
{
	struct buf b = BUF_INIT;

	buf_add(&b, id, sizeof(*id));
	buf_add(&b, p, n);
	id_of(b.data, b.len, out);
	buf_free(&b);
}
