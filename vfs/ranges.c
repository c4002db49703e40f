#include "vfs/ranges.h"

#include <stdlib.h>
#include <string.h>

/* What a store may hold of one file; no disk has a file in more pieces. */
#define RANGES_MAX 1000000u

/* The first range that ends at or behind `off`; r->n if none does. */
static size_t first_at(const struct ranges *r, int64_t off)
{
	size_t low = 0, high = r->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (r->at[mid].end < off)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* In place of the ranges i .. j-1 come `n` of `with`. */
static void replace(struct ranges *r, size_t i, size_t j,
		    const struct range *with, size_t n)
{
	size_t total = r->n - (j - i) + n;

	if (total > r->cap) {
		r->cap = total < 8 ? 8 : total * 2;
		r->at = xrealloc(r->at, r->cap, sizeof(*r->at));
	}
	if (r->n > j)
		memmove(&r->at[i + n], &r->at[j], (r->n - j) * sizeof(*r->at));
	if (n)
		memcpy(&r->at[i], with, n * sizeof(*r->at));
	r->n = total;
}

void ranges_add(struct ranges *r, int64_t off, int64_t end)
{
	size_t i, j;

	if (off < 0)
		BUG("range from %lld", (long long)off);
	if (off >= end)
		return;
	/* What comes in order only makes the last one longer. */
	if (r->n && r->at[r->n - 1].end == off) {
		r->at[r->n - 1].end = end;
		return;
	}
	i = first_at(r, off);
	for (j = i; j < r->n && r->at[j].off <= end; j++) {
		if (r->at[j].off < off)
			off = r->at[j].off;
		if (r->at[j].end > end)
			end = r->at[j].end;
	}
	replace(r, i, j, &(struct range){ off, end }, 1);
}

void ranges_remove(struct ranges *r, int64_t off, int64_t end)
{
	struct range left[2];
	size_t i, j, n = 0;

	if (off >= end)
		return;
	i = first_at(r, off);
	if (i < r->n && r->at[i].end == off)
		i++;
	for (j = i; j < r->n && r->at[j].off < end; j++) {
		/* only the first can begin before, only the last end after */
		if (r->at[j].off < off)
			left[n++] = (struct range){ r->at[j].off, off };
		if (r->at[j].end > end)
			left[n++] = (struct range){ end, r->at[j].end };
	}
	if (j > i)
		replace(r, i, j, left, n);
}

int64_t ranges_until(const struct ranges *r, int64_t off)
{
	size_t i = first_at(r, off);

	if (i < r->n && r->at[i].end == off)
		i++;
	return i < r->n && r->at[i].off <= off ? r->at[i].end : off;
}

bool ranges_has(const struct ranges *r, int64_t off, int64_t end)
{
	return off >= end || ranges_until(r, off) >= end;
}

bool ranges_missing(const struct ranges *r, int64_t off, int64_t end,
		    struct range *out)
{
	size_t i;

	off = ranges_until(r, off);
	if (off >= end)
		return false;
	i = first_at(r, off);
	if (i < r->n && r->at[i].end == off)
		i++;
	*out = (struct range){ off, end };
	if (i < r->n && r->at[i].off < end)
		out->end = r->at[i].off;
	return true;
}

int64_t ranges_bytes(const struct ranges *r)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->n; i++)
		sum += r->at[i].end - r->at[i].off;
	return sum;
}

void ranges_free(struct ranges *r)
{
	free(r->at);
	*r = (struct ranges){ 0 };
}

/*
 * Packed: for each range how far behind the last one it begins, and how long
 * it is, seven bits a byte, the lowest first, the eighth set if more follow.
 */
static void put_number(struct buf *out, uint64_t n)
{
	uint8_t b[10];
	size_t len = 0;

	do {
		b[len++] = (uint8_t)(n & 0x7f) | (n > 0x7f ? 0x80 : 0);
		n >>= 7;
	} while (n);
	buf_add(out, b, len);
}

/* False where there is no number, or one that pack never makes. */
static bool take_number(const uint8_t **p, const uint8_t *end, int64_t *out)
{
	uint64_t n = 0;

	for (unsigned shift = 0; *p < end && shift < 63; shift += 7) {
		uint8_t b = *(*p)++;

		n |= (uint64_t)(b & 0x7f) << shift;
		if (b & 0x80)
			continue;
		*out = (int64_t)n;
		return b || shift == 0;
	}
	return false;
}

void ranges_pack(const struct ranges *r, struct buf *out)
{
	int64_t last = 0;

	for (size_t i = 0; i < r->n; i++) {
		put_number(out, (uint64_t)(r->at[i].off - last));
		put_number(out, (uint64_t)(r->at[i].end - r->at[i].off));
		last = r->at[i].end;
	}
}

int ranges_parse(const void *bytes, size_t n, struct ranges *out, struct err *e)
{
	const uint8_t *p = bytes, *end = p + n;
	struct ranges r = { 0 };
	int64_t last = 0;

	*out = r;
	while (p < end) {
		int64_t gap, len, off, till;

		if (!take_number(&p, end, &gap) ||
		    !take_number(&p, end, &len) || (gap == 0 && r.n) ||
		    len == 0 || r.n >= RANGES_MAX ||
		    __builtin_add_overflow(last, gap, &off) ||
		    __builtin_add_overflow(off, len, &till)) {
			ranges_free(&r);
			return err_set(e, ERR_CORRUPT,
				       "the map of a file's bytes is damaged");
		}
		ranges_add(&r, off, till);
		last = till;
	}
	*out = r;
	return 0;
}
