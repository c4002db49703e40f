/*
 * Blobs of which only a part was needed: the next piece of a file that is read
 * in small ones is in the same blob.
 */

#include <stdlib.h>

#include "repo/snapfs.h"

/* What is kept beyond what is in use. */
enum { KEEP_BYTES = 16 << 20, KEEP_BLOBS = 16 };

static void kept_free(struct kept *k)
{
	buf_free(&k->text);
	free(k);
}

void kepts_drop(struct kepts *all)
{
	for (size_t i = 0; i < all->n; i++)
		kept_free(all->at[i]);
	kepts_free(all);
}

/* With s->lock held. */
static struct kept *take(struct snap_open *o, const struct id *id)
{
	for (size_t i = 0; i < o->kept.n; i++) {
		struct kept *k = o->kept.at[i];

		if (!id_equal(&k->id, id))
			continue;
		k->users++;
		k->used = ++o->uses;
		return k;
	}
	return NULL;
}

/* With s->lock held: those longest unused that are too many. */
static void trim(struct snap_open *o)
{
	while (o->kept_bytes > KEEP_BYTES || o->kept.n > KEEP_BLOBS) {
		size_t oldest = o->kept.n;

		for (size_t i = 0; i < o->kept.n; i++)
			if (o->kept.at[i]->users == 0 &&
			    (oldest == o->kept.n ||
			     o->kept.at[i]->used < o->kept.at[oldest]->used))
				oldest = i;
		if (oldest == o->kept.n)
			return;
		o->kept_bytes -= o->kept.at[oldest]->text.cap;
		kept_free(o->kept.at[oldest]);
		o->kept.at[oldest] = o->kept.at[--o->kept.n];
	}
}

struct kept *kept_get(struct snap_repo *s, const struct id *id)
{
	struct kept *k;

	pthread_mutex_lock(&s->lock);
	k = take(&s->open, id);
	pthread_mutex_unlock(&s->lock);
	return k;
}

void kept_put(struct snap_repo *s, struct kept *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&s->lock);
	k->users--;
	trim(&s->open);
	pthread_mutex_unlock(&s->lock);
}

void kept_add(struct snap_repo *s, const struct id *id, const char *text,
	      size_t n)
{
	struct kept *k, *there;

	if (n > KEEP_BYTES)
		return;
	k = xcalloc(1, sizeof(*k));
	*k = (struct kept){ .id = *id, .text = BUF_INIT };
	buf_add(&k->text, text, n);
	pthread_mutex_lock(&s->lock);
	there = take(&s->open, id);
	if (there) {
		there->users--;
	} else {
		k->used = ++s->open.uses;
		s->open.kept_bytes += k->text.cap;
		*kepts_add(&s->open.kept) = k;
		trim(&s->open);
	}
	pthread_mutex_unlock(&s->lock);
	if (there)
		kept_free(k);
}
