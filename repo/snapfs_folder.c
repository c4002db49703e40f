/*
 * Trees that were read lately.  A path is looked up from the snapshot's root
 * for each call, so the trees on the way are needed again at once; and of a
 * folder with 100,000 files each is looked up by name.
 */

#include <stdlib.h>
#include <string.h>

#include "lib/fnv.h"
#include "repo/snapfs.h"

/* What is kept beyond what is in use: this much, and so many. */
enum { KEEP_BYTES = 32 << 20, KEEP_FOLDERS = 256 };

struct folder_slot {
	uint32_t hash;    /* of the name */
	uint32_t at, len; /* the node's own text in the tree's */
};

VEC(slots_found, struct folder_slot);

void folder_free(struct folder *f)
{
	buf_free(&f->text);
	free(f->slots);
	free(f);
}

static size_t size_of(const struct folder *f)
{
	return sizeof(*f) + f->text.cap + f->n * sizeof(*f->slots);
}

/* With s->lock held: NULL, or the folder with one more user. */
static struct folder *take(struct snap_open *o, const struct id *tree)
{
	for (size_t i = 0; i < o->folders.n; i++) {
		struct folder *f = o->folders.at[i];

		if (!id_equal(&f->tree, tree))
			continue;
		f->users++;
		f->used = ++o->uses;
		return f;
	}
	return NULL;
}

/* With s->lock held: the one that nobody has used for longest, or NULL. */
static struct folder *drop_oldest(struct snap_open *o)
{
	size_t oldest = o->folders.n;
	struct folder *f;

	for (size_t i = 0; i < o->folders.n; i++)
		if (o->folders.at[i]->users == 0 &&
		    (oldest == o->folders.n ||
		     o->folders.at[i]->used < o->folders.at[oldest]->used))
			oldest = i;
	if (oldest == o->folders.n)
		return NULL;
	f = o->folders.at[oldest];
	o->folders.at[oldest] = o->folders.at[--o->folders.n];
	o->folder_bytes -= size_of(f);
	return f;
}

/* With s->lock held.  The newest stays, however large. */
static void trim(struct snap_open *o)
{
	while (o->folders.n > 1 &&
	       (o->folder_bytes > KEEP_BYTES || o->folders.n > KEEP_FOLDERS)) {
		struct folder *f = drop_oldest(o);

		if (!f)
			return;
		folder_free(f);
	}
}

int folder_get(struct snap_repo *s, struct op *op, const struct id *tree,
	       struct folder **out)
{
	struct folder *f, *read;

	pthread_mutex_lock(&s->lock);
	*out = take(&s->open, tree);
	pthread_mutex_unlock(&s->lock);
	if (*out)
		return 0;
	read = xcalloc(1, sizeof(*read));
	read->tree = *tree;
	read->text = (struct buf)BUF_INIT;
	read->users = 1;
	if (snapfs_tree(s, op, tree, &read->text) < 0) {
		folder_free(read);
		return -1;
	}
	pthread_mutex_lock(&s->lock);
	f = take(&s->open, tree); /* somebody else may have been quicker */
	if (!f) {
		read->used = ++s->open.uses;
		*folders_add(&s->open.folders) = f = read;
		s->open.folder_bytes += size_of(f);
		trim(&s->open);
	}
	pthread_mutex_unlock(&s->lock);
	if (f != read)
		folder_free(read);
	*out = f;
	return 0;
}

void folder_put(struct snap_repo *s, struct folder *f)
{
	pthread_mutex_lock(&s->lock);
	f->users--;
	trim(&s->open);
	pthread_mutex_unlock(&s->lock);
}

static int compare(const void *a, const void *b)
{
	const struct folder_slot *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

static uint32_t hash_of(const char *name, size_t len)
{
	uint64_t h = fnv(name, len);

	return (uint32_t)(h ^ h >> 32);
}

struct gathering {
	const char *text;
	struct slots_found found;
};

static int gather(void *arg, const struct node *n, const char *raw,
		  size_t raw_len)
{
	struct gathering *g = arg;

	/* A blob is at most BLOB_LEN_MAX long. */
	*slots_found_add(&g->found) = (struct folder_slot){
		.hash = hash_of(n->name, n->name_len),
		.at = (uint32_t)(raw - g->text),
		.len = (uint32_t)raw_len,
	};
	return 0;
}

static int find_names(struct snap_repo *s, struct op *op, struct folder *f)
{
	struct gathering g = { .text = f->text.data };
	struct arena a = { 0 };
	int rc =
		tree_parse(&a, f->text.data, f->text.len, gather, &g, &op->err);

	arena_free(&a);
	if (rc < 0) {
		slots_found_free(&g.found);
		return -1;
	}
	if (g.found.n)
		qsort(g.found.at, g.found.n, sizeof(*g.found.at), compare);
	else
		slots_found_add(&g.found);
	pthread_mutex_lock(&s->lock);
	if (!f->slots) {
		s->open.folder_bytes -= size_of(f);
		f->slots = g.found.at;
		f->n = g.found.n;
		s->open.folder_bytes += size_of(f);
		g.found = (struct slots_found){ 0 };
	}
	pthread_mutex_unlock(&s->lock);
	slots_found_free(&g.found);
	return 0;
}

/* The node in a slot: 1 if it has that name. */
static int look_at(struct op *op, const struct folder *f,
		   const struct folder_slot *slot, const char *name, size_t len,
		   struct node *out)
{
	struct tree_reader r;
	struct buf b = BUF_INIT;
	struct arena a = { 0 };
	struct node n;
	int rc;

	buf_adds(&b, "{\"nodes\":[");
	buf_add(&b, f->text.data + slot->at, slot->len);
	buf_adds(&b, "]}\n");
	rc = tree_read_begin(&r, &a, b.data, b.len, &op->err);
	if (rc == 0)
		rc = tree_read_next(&r, &n, &op->err);
	if (rc == 1 && (n.name_len != len || memcmp(n.name, name, len) != 0))
		rc = 0;
	if (rc == 1)
		*out = node_copy(&op->arena, &n);
	arena_free(&a);
	buf_free(&b);
	return rc;
}

int folder_find(struct snap_repo *s, struct op *op, struct folder *f,
		const char *name, size_t len, struct node *out)
{
	uint32_t hash = hash_of(name, len);
	size_t low = 0, high;
	bool known;

	pthread_mutex_lock(&s->lock);
	known = f->slots;
	pthread_mutex_unlock(&s->lock);
	if (!known && find_names(s, op, f) < 0)
		return -1;
	high = f->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->slots[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < f->n && f->slots[low].hash == hash; low++) {
		int rc = look_at(op, f, &f->slots[low], name, len, out);

		if (rc != 0)
			return rc;
	}
	return 0;
}
