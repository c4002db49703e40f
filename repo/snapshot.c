#include "repo/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "repo/each.h"
#include "repo/snapshot_order.h"

/* Each path may be long, and a long list of excludes is in it. */
enum { SNAPSHOT_MAX = 64 << 20 };

bool strings_equal(const struct strings *a, const struct strings *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	return true;
}

int snapshot_load(struct repo *r, struct op *op, struct coder *c,
		  struct arena *a, const struct id *id, struct snapshot *out)
{
	struct buf json = BUF_INIT;
	char hex[ID_HEX + 1];
	int rc = repo_load_file(r, op, c, FILE_SNAPSHOT, id, SNAPSHOT_MAX,
				&json);

	if (rc == 0) {
		rc = snapshot_parse(a, json.data, json.len, out, &op->err);
		out->id = *id;
		if (rc < 0)
			err_wrap(&op->err, "%s", id_hex(id, hex));
	}
	buf_free(&json);
	return rc;
}

int snapshot_save(struct repo *r, struct op *op, struct coder *c,
		  const struct snapshot *s, struct id *id)
{
	struct buf json = BUF_INIT;
	int rc;

	snapshot_write(&json, s);
	rc = repo_save_file(r, op, c, FILE_SNAPSHOT, json.data, json.len, id);
	buf_free(&json);
	return rc;
}

static bool has(const struct strings *list, const char *s, size_t n)
{
	for (size_t i = 0; i < list->n; i++)
		if (strlen(list->at[i]) == n && memcmp(list->at[i], s, n) == 0)
			return true;
	return false;
}

/* All of "a,b,c" among the tags; "": there are none. */
static bool has_tags(const struct strings *tags, const char *wanted)
{
	if (*wanted == '\0')
		return tags->n == 0;
	for (;;) {
		size_t n = strcspn(wanted, ",");

		if (!has(tags, wanted, n))
			return false;
		if (wanted[n] == '\0')
			return true;
		wanted += n + 1;
	}
}

bool snapshot_matches(const struct snapshot *s, const struct snapshot_filter *f)
{
	bool tagged = f->tags.n == 0;

	if (f->hosts.n && !has(&f->hosts, s->hostname, strlen(s->hostname)))
		return false;
	for (size_t i = 0; i < f->paths.n; i++)
		if (!has(&s->paths, f->paths.at[i], strlen(f->paths.at[i])))
			return false;
	for (size_t i = 0; i < f->tags.n && !tagged; i++)
		tagged = has_tags(&s->tags, f->tags.at[i]);
	return tagged;
}

/* What the threads add to. */
struct loading {
	const struct snapshot_filter *filter;
	pthread_mutex_t lock; /* guards what follows */
	struct arena *arena;
	struct snapshots *out;
};

/* Twice, so that what does not match takes no memory of the caller's. */
static int load_one(void *arg, struct op *op, const struct id *id,
		    const char *json, size_t n)
{
	struct loading *l = arg;
	struct arena a = { 0 };
	char hex[ID_HEX + 1];
	struct snapshot s;
	int rc = snapshot_parse(&a, json, n, &s, &op->err);

	if (rc < 0)
		err_wrap(&op->err, "%s", id_hex(id, hex));
	else if (snapshot_matches(&s, l->filter)) {
		pthread_mutex_lock(&l->lock);
		rc = snapshot_parse(l->arena, json, n, &s, &op->err);
		s.id = *id;
		if (rc == 0)
			*snapshots_add(l->out) = s;
		pthread_mutex_unlock(&l->lock);
	}
	arena_free(&a);
	return rc;
}

int snapshot_compare(const void *a, const void *b)
{
	const struct snapshot *x = a, *y = b;

	if (x->time.sec != y->time.sec)
		return x->time.sec < y->time.sec ? -1 : 1;
	if (x->time.ns != y->time.ns)
		return x->time.ns < y->time.ns ? -1 : 1;
	return memcmp(&x->id, &y->id, sizeof(x->id));
}

int snapshots_load_some(struct repo *r, struct op *op, struct arena *a,
			const struct snapshot_filter *f, const struct ids *ids,
			repo_bad_fn *bad, void *arg, struct snapshots *out)
{
	static const struct snapshot_filter all;
	struct loading l = { .filter = f ? f : &all, .arena = a, .out = out };
	const struct each each = { .repo = r,
				   .type = FILE_SNAPSHOT,
				   .max = SNAPSHOT_MAX,
				   .fn = load_one,
				   .bad = bad,
				   .arg = &l,
				   .bad_arg = arg };
	int rc;

	pthread_mutex_init(&l.lock, NULL);
	rc = each_file(op, &each, ids);
	if (out->n)
		qsort(out->at, out->n, sizeof(*out->at), snapshot_compare);
	pthread_mutex_destroy(&l.lock);
	return rc;
}

int snapshots_load(struct repo *r, struct op *op, struct arena *a,
		   const struct snapshot_filter *f, repo_bad_fn *bad, void *arg,
		   struct snapshots *out)
{
	struct ids ids = { 0 };
	int rc = ids_list(r->store, op, FILE_SNAPSHOT, &ids);

	if (rc == 0)
		rc = snapshots_load_some(r, op, a, f, &ids, bad, arg, out);
	ids_free(&ids);
	return rc;
}
