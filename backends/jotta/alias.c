#include "backends/jotta/alias.h"

#include <stdlib.h>
#include <string.h>

#include "lib/fnv.h"

enum { BUCKETS_FIRST = 64 };

struct node {
	struct node *next; /* in its bucket */
	struct node *newer;
	char *raw;
	uint64_t hash;
	char shown[];
};

struct jotta_alias {
	struct node **buckets;
	size_t n_buckets, n;
	struct node *oldest, *newest;
};

struct jotta_alias *jotta_alias_new(void)
{
	struct jotta_alias *a = xcalloc(1, sizeof(*a));

	a->n_buckets = BUCKETS_FIRST;
	a->buckets = xcalloc(a->n_buckets, sizeof(struct node *));
	return a;
}

void jotta_alias_free(struct jotta_alias *a)
{
	if (!a)
		return;
	while (a->oldest) {
		struct node *node = a->oldest;

		a->oldest = node->newer;
		free(node->raw);
		free(node);
	}
	free(a->buckets);
	free(a);
}

static struct node **slot(const struct jotta_alias *a, uint64_t hash)
{
	return &a->buckets[hash % a->n_buckets];
}

static struct node *find(const struct jotta_alias *a, const char *shown)
{
	uint64_t hash = fnv(shown, strlen(shown));
	struct node *node = *slot(a, hash);

	while (node && (node->hash != hash || strcmp(node->shown, shown) != 0))
		node = node->next;
	return node;
}

static void drop_oldest(struct jotta_alias *a)
{
	struct node *old = a->oldest, **at = slot(a, old->hash);

	while (*at != old)
		at = &(*at)->next;
	*at = old->next;
	a->oldest = old->newer;
	if (!a->oldest)
		a->newest = NULL;
	a->n--;
	free(old->raw);
	free(old);
}

static void grow(struct jotta_alias *a)
{
	a->n_buckets *= 2;
	a->buckets = xrealloc(a->buckets, a->n_buckets, sizeof(struct node *));
	memset(a->buckets, 0, a->n_buckets * sizeof(struct node *));
	for (struct node *node = a->oldest; node; node = node->newer) {
		struct node **at = slot(a, node->hash);

		node->next = *at;
		*at = node;
	}
}

void jotta_alias_put(struct jotta_alias *a, const char *shown, const char *raw)
{
	struct node *node = find(a, shown), **at;
	size_t len = strlen(shown) + 1;

	if (node) {
		char *copy = xstrdup(raw);

		free(node->raw);
		node->raw = copy;
		return;
	}
	if (a->n == JOTTA_ALIASES_MAX)
		drop_oldest(a);
	if (a->n == a->n_buckets)
		grow(a);
	node = xcalloc(1, sizeof(*node) + len);
	memcpy(node->shown, shown, len);
	node->raw = xstrdup(raw);
	node->hash = fnv(shown, strlen(shown));
	at = slot(a, node->hash);
	node->next = *at;
	*at = node;
	if (a->newest)
		a->newest->newer = node;
	else
		a->oldest = node;
	a->newest = node;
	a->n++;
}

const char *jotta_alias_get(const struct jotta_alias *a, const char *shown)
{
	const struct node *node = find(a, shown);

	return node ? node->raw : NULL;
}

size_t jotta_alias_count(const struct jotta_alias *a)
{
	return a->n;
}
