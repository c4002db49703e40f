#include "repo/forget.h"

#include <stdlib.h>

bool group_by_parse(const char *s, unsigned *by)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = {
		{ "host", GROUP_HOST },  { "hosts", GROUP_HOST },
		{ "path", GROUP_PATHS }, { "paths", GROUP_PATHS },
		{ "tag", GROUP_TAGS },   { "tags", GROUP_TAGS },
	};

	*by = 0;
	while (*s) {
		size_t n = strcspn(s, ",");
		unsigned bit = 0;

		for (size_t i = 0; i < ARRAY_LEN(names); i++)
			if (strlen(names[i].name) == n &&
			    memcmp(names[i].name, s, n) == 0)
				bit = names[i].bit;
		if (!bit && n)
			return false;
		*by |= bit;
		s += n + (s[n] == ',');
	}
	return true;
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static struct strings sorted(struct arena *a, const struct strings *l)
{
	const char **at = arena_alloc(a, (l->n + 1) * sizeof(*at));

	for (size_t i = 0; i < l->n; i++)
		at[i] = l->at[i];
	qsort(at, l->n, sizeof(*at), by_text);
	return (struct strings){ .at = at, .n = l->n };
}

/* Groups are few as a rule, snapshots at most some thousands. */
void snapshots_group(struct arena *a, const struct snapshots *all, unsigned by,
		     struct snapshot_group_list *out)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct snapshot *s = &all->at[i];
		struct snapshot_group key = { .host = "" }, *g = NULL;

		if (by & GROUP_HOST)
			key.host = s->hostname;
		if (by & GROUP_PATHS)
			key.paths = sorted(a, &s->paths);
		if (by & GROUP_TAGS)
			key.tags = sorted(a, &s->tags);
		for (size_t k = 0; k < out->n && !g; k++)
			if (strcmp(out->at[k].host, key.host) == 0 &&
			    strings_equal(&out->at[k].paths, &key.paths) &&
			    strings_equal(&out->at[k].tags, &key.tags))
				g = &out->at[k];
		if (!g) {
			g = snapshot_group_list_add(out);
			*g = key;
		}
		*snapshots_add(&g->snapshots) = *s;
	}
}

void snapshot_groups_free(struct snapshot_group_list *g)
{
	for (size_t i = 0; i < g->n; i++)
		snapshots_free(&g->at[i].snapshots);
	snapshot_group_list_free(g);
}
