/* What is there, what of it is needed, and what becomes of each pack. */

#include <stdlib.h>

#include "repo/prune_parts.h"

/* Few small packs are not worth the trouble, as with restic. */
enum { SMALL_PACKS = 10 };

static int note_file(void *arg, struct op *op, const struct id *id,
		     int64_t size)
{
	struct prune *p = arg;
	uint32_t no;

	(void)op;
	if (index_find_pack(p->r->index, id, &no)) {
		p->pack[no].size = size;
		return 0;
	}
	*ids_add(&p->strays) = *id;
	p->stats->packs_unreferenced++;
	p->stats->bytes_unreferenced += (uint64_t)size;
	return 0;
}

/*
 * Bits for the entries whose blob is needed, and for those whose blob has
 * several places.
 */
struct places {
	uint8_t *needed, *several;
};

static int find_places(struct prune *p, struct op *op, struct places *out)
{
	const struct index *ix = p->r->index;
	struct blob_at at, first;

	for (uint32_t i = 0; i < p->entries; i++) {
		if (i % 65536 == 0 && op_check(op) < 0)
			return -1;
		index_entry(ix, i, &at);
		if (!index_find(ix, at.blob.type, &at.blob.id, &first))
			BUG("the index does not find its own entry");
		if (blob_set_has_entry(p->seen, first.entry))
			bit_set(out->needed, i);
		if (first.entry != i) {
			bit_set(out->several, i);
			bit_set(out->several, first.entry);
		}
	}
	return 0;
}

/* A needed blob's place comes to count, or what does not count is noted. */
static void count_used(struct prune *p, const struct blob_at *at)
{
	struct prune_pack *k = &p->pack[at->pack_no];

	k->used++;
	k->used_bytes += at->blob.len;
	p->stats->blobs_used++;
	p->stats->bytes_used += at->blob.len;
	bit_set(p->chosen, at->entry);
}

static void count_unused(struct prune *p, const struct blob_at *at, bool needed)
{
	struct prune_pack *k = &p->pack[at->pack_no];

	k->unused++;
	k->unused_bytes += at->blob.len;
	k->duplicates += needed;
	if (needed) {
		p->stats->blobs_duplicate++;
		p->stats->bytes_duplicate += at->blob.len;
	} else {
		p->stats->blobs_unused++;
		p->stats->bytes_unused += at->blob.len;
	}
}

static void count_entry(struct prune *p, const struct blob_at *at, bool needed,
			bool several)
{
	struct prune_pack *k = &p->pack[at->pack_no];

	k->header += pack_header_len(&at->blob, 1) - pack_header_len(NULL, 0);
	k->data = k->data || at->blob.type == BLOB_DATA;
	k->trees = k->trees || at->blob.type == BLOB_TREE;
	k->plain = k->plain || at->blob.raw_len == 0;
	if (needed && !several)
		count_used(p, at);
	else
		count_unused(p, at, needed);
}

static int64_t expected_size(const struct prune_pack *k)
{
	return (int64_t)(k->header + k->used_bytes + k->unused_bytes);
}

/* How good it is to go on using a blob's copy in this pack. */
static int worth(const struct prune_pack *k)
{
	if (k->size < 0)
		return 0;
	if (k->size != expected_size(k))
		return 1;
	if (k->used > 0)
		return 4; /* it is needed anyway */
	return k->duplicates == k->unused ? 3 : 2;
}

/*
 * Of several copies of a needed blob one counts, so that as many packs as
 * possible are not needed at all.
 */
static void choose(struct prune *p, const struct blob_at *first)
{
	struct blob_at at = *first, best = *first;
	struct prune_pack *k;

	while (index_find_next(p->r->index, &at) && at.entry < p->entries)
		if (worth(&p->pack[at.pack_no]) > worth(&p->pack[best.pack_no]))
			best = at;
	k = &p->pack[best.pack_no];
	k->unused--;
	k->duplicates--;
	k->unused_bytes -= best.blob.len;
	p->stats->blobs_duplicate--;
	p->stats->bytes_duplicate -= best.blob.len;
	count_used(p, &best);
}

static void count_all(struct prune *p, const struct places *l)
{
	const struct index *ix = p->r->index;
	struct blob_at at, first;

	for (uint32_t i = 0; i < p->entries; i++) {
		index_entry(ix, i, &at);
		count_entry(p, &at, bit_is_set(l->needed, i),
			    bit_is_set(l->several, i));
	}
	for (uint32_t i = 0; i < p->entries; i++) {
		if (!bit_is_set(l->needed, i) || !bit_is_set(l->several, i))
			continue;
		index_entry(ix, i, &at);
		if (index_find(ix, at.blob.type, &at.blob.id, &first) &&
		    first.entry == i)
			choose(p, &first);
	}
}

/* A blob that counts in this pack, for a message. */
static void name_blob(struct prune *p, uint32_t pack, struct blob_name *about)
{
	struct blob_at at;

	for (uint32_t i = 0; i < p->entries; i++) {
		if (!bit_is_set(p->chosen, i))
			continue;
		index_entry(p->r->index, i, &at);
		if (at.pack_no != pack)
			continue;
		*about = (struct blob_name){ true, at.blob.type, at.blob.id };
		return;
	}
}

/* Nothing may be done while something that is needed is missing. */
static int check_packs(struct prune *p, struct op *op, struct blob_name *about)
{
	char hex[ID_HEX + 1];
	struct id id;

	for (uint32_t i = 0; i < p->packs; i++) {
		const struct prune_pack *k = &p->pack[i];

		if (k->used == 0 || k->size == expected_size(k))
			continue;
		name_blob(p, i, about);
		index_pack_id(p->r->index, i, &id);
		if (k->size < 0)
			return err_set(&op->err, ERR_CORRUPT,
				       "pack %s is needed and not there",
				       id_hex(&id, hex));
		return err_set(&op->err, ERR_CORRUPT,
			       "pack %s has %lld bytes, not the %lld that the "
			       "index speaks of",
			       id_hex(&id, hex), (long long)k->size,
			       (long long)expected_size(k));
	}
	return 0;
}

int64_t prune_small(const struct prune_opt *opt)
{
	int64_t target = opt->pack_size ? opt->pack_size : PACK_SIZE;

	if (opt->small > 0)
		return opt->small;
	return opt->repack_small ? target / 5 * 4 : target / 25;
}

/* What may be packed anew, and in which order. */
struct candidate {
	uint32_t pack;
	bool has_trees, small;
	double unused; /* share of its bytes */
};
VEC(candidates, struct candidate);

static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->has_trees != y->has_trees)
		return x->has_trees ? -1 : 1;
	if (x->small != y->small)
		return x->small ? -1 : 1;
	if (x->unused != y->unused)
		return x->unused > y->unused ? -1 : 1;
	return (x->pack > y->pack) - (x->pack < y->pack);
}

static void add_candidate(struct candidates *c, const struct prune *p,
			  uint32_t no)
{
	const struct prune_pack *k = &p->pack[no];

	*candidates_add(c) = (struct candidate){
		.pack = no,
		.has_trees = k->trees,
		.small = k->size < prune_small(p->opt),
		.unused = (double)k->unused_bytes /
			  (double)(k->used_bytes + k->unused_bytes),
	};
}

/* Whole packs, and those where there is a choice. */
static void sort_out(struct prune *p, struct candidates *all)
{
	struct candidates small = { 0 };
	struct prune_stats *s = p->stats;

	for (uint32_t i = 0; i < p->packs; i++) {
		struct prune_pack *k = &p->pack[i];

		if (!k->used) {
			s->blobs_removed += k->unused;
			s->bytes_removed += k->unused_bytes;
		}
		if (k->size < 0) {
			k->fate = FATE_FORGET;
			s->packs_missing++;
			continue;
		}
		s->packs_used += k->used && !k->unused;
		s->packs_partly_used += k->used && k->unused;
		s->packs_unused += !k->used;
		k->compress = k->plain && p->r->version >= 2 &&
			      (!k->data || p->opt->repack_uncompressed);
		if (!k->used) {
			k->fate = FATE_REMOVE;
			s->packs_removed++;
		} else if (p->opt->repack_cacheable_only && !k->trees) {
			continue;
		} else if (k->unused || (k->data && k->trees) || k->compress) {
			add_candidate(all, p, i);
		} else if (k->size < prune_small(p->opt)) {
			add_candidate(&small, p, i);
		}
	}
	if (small.n >= SMALL_PACKS)
		for (size_t i = 0; i < small.n; i++)
			*candidates_add(all) = small.at[i];
	candidates_free(&small);
}

static uint64_t most_unused(const struct prune *p)
{
	double part = p->opt->max_unused_part;

	if (p->opt->unlimited_unused)
		return UINT64_MAX;
	if (p->opt->max_unused >= 0)
		return (uint64_t)p->opt->max_unused;
	if (part >= 1)
		return UINT64_MAX;
	return (uint64_t)(part / (1 - part) * (double)p->stats->bytes_used);
}

static uint64_t still_unused(const struct prune_stats *s)
{
	return s->bytes_unused + s->bytes_duplicate - s->bytes_removed -
	       s->bytes_dropped;
}

static void repack(struct prune *p, uint32_t no)
{
	struct prune_pack *k = &p->pack[no];
	struct prune_stats *s = p->stats;

	k->fate = FATE_REPACK;
	*numbers_add(&p->repack) = no;
	s->packs_repacked++;
	s->blobs_repacked += k->used + (uint64_t)k->unused;
	s->bytes_repacked += k->used_bytes + k->unused_bytes;
	s->blobs_dropped += k->unused;
	s->bytes_dropped += k->unused_bytes;
}

static void decide(struct prune *p)
{
	struct candidates all = { 0 };
	struct prune_stats *s = p->stats;
	uint64_t most_repack = UINT64_MAX, unused;

	if (p->opt->max_repack >= 0)
		most_repack = (uint64_t)p->opt->max_repack;
	sort_out(p, &all);
	if (all.n)
		qsort(all.at, all.n, sizeof(*all.at), compare);
	unused = most_unused(p);
	for (size_t i = 0; i < all.n; i++) {
		const struct candidate *c = &all.at[i];
		const struct prune_pack *k = &p->pack[c->pack];
		uint64_t bytes = k->used_bytes + k->unused_bytes;

		if (bytes >= most_repack - s->bytes_repacked)
			continue;
		/* what has trees is read often: nothing idle is left there */
		if (c->has_trees || k->compress || c->small ||
		    still_unused(s) >= unused)
			repack(p, c->pack);
	}
	candidates_free(&all);
}

static void sum_up(struct prune_stats *s, const struct prune *p)
{
	uint64_t blobs = s->blobs_used + s->blobs_duplicate + s->blobs_unused;
	uint64_t bytes = s->bytes_used + s->bytes_duplicate + s->bytes_unused;

	for (uint32_t i = 0; i < p->packs; i++)
		s->packs_kept += p->pack[i].fate == FATE_KEEP;
	s->blobs_remaining = blobs - s->blobs_removed - s->blobs_dropped;
	s->bytes_remaining = bytes - s->bytes_removed - s->bytes_dropped;
	s->bytes_unused_after = s->bytes_remaining - s->bytes_used;
}

int prune_plan(struct prune *p, struct op *op, struct blob_name *about)
{
	struct places places;
	int rc;

	p->entries = index_entries(p->r->index);
	p->packs = index_packs(p->r->index);
	p->pack = xcalloc((size_t)p->packs + 1, sizeof(*p->pack));
	for (uint32_t i = 0; i < p->packs; i++) {
		p->pack[i].size = -1;
		p->pack[i].header = pack_header_len(NULL, 0);
	}
	p->chosen = bits_new(p->entries);
	places.needed = bits_new(p->entries);
	places.several = bits_new(p->entries);
	rc = store_list(p->r->store, op, FILE_PACK, note_file, p);
	if (rc == 0)
		rc = find_places(p, op, &places);
	if (rc == 0)
		count_all(p, &places);
	free(places.needed);
	free(places.several);
	if (rc == 0)
		rc = check_packs(p, op, about);
	if (rc < 0)
		return -1;
	decide(p);
	sum_up(p->stats, p);
	return 0;
}
