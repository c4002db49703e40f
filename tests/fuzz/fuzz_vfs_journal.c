#include "tests/fuzz/fuzz.h"

#include "vfs/journal.h"
#include "vfs/store.h"

/* What is said to be sound has its strings within it. */
static void check_row(const char *p, size_t n)
{
	const char *from = p + sizeof(struct row), *end = p + n;
	struct row r;
	uint32_t at[3];

	memcpy(&r, p, sizeof(r));
	at[0] = r.name;
	at[1] = r.rname;
	at[2] = r.target;
	CHECK(r.len == n && r.name);
	for (unsigned i = 0; i < 3; i++)
		CHECK(at[i] == 0 || (p + at[i] >= from &&
				     p + at[i] + strlen(p + at[i]) < end));
	CHECK(p + r.seen + r.seen_len <= end);
	free(seen_parse(p + r.seen, r.seen_len));
}

static void check_side(const struct side *s, const struct record *r)
{
	const char *end = r->p + r->n;

	CHECK(s->key + strlen(s->key) < s->value);
	CHECK(s->value + s->len < end && s->value[s->len] == '\0');
}

/*
 * The bytes as the file that was found, and as the records of a frame that is
 * right: whatever they are, nothing outside of them is looked at.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frames f = { .p = (const char *)data, .n = size };
	struct buf file = BUF_INIT, records = BUF_INIT, none = BUF_INIT;
	struct record r;
	struct side side;
	const char *p;
	size_t n;

	while (frames_next(&f, &p, &n) == 1)
		CHECK(p >= f.p && p + n <= f.p + f.n);
	buf_add(&records, data, size);
	frame_pack(&file, 1, 7, &records, &none);
	f = (struct frames){ .p = file.data, .n = file.len };
	CHECK(frames_next(&f, &p, &n) == 1 && n == size);
	CHECK(size == 0 || memcmp(p, data, size) == 0);
	while (journal_next(&p, &n, &r) == 1) {
		/* of its own, so that a sanitizer sees where it ends */
		char *copy = xrealloc(NULL, r.n + 1, 1);

		memcpy(copy, r.p, r.n);
		r.p = copy = xrealloc(copy, r.n ? r.n : 1, 1);
		if (r.kind == JOURNAL_ROW && row_is_sound(r.p, r.n))
			check_row(r.p, r.n);
		if (r.kind == JOURNAL_SIDE && side_unpack(r.p, r.n, &side))
			check_side(&side, &r);
		free(copy);
	}
	buf_free(&file);
	buf_free(&records);
	return 0;
}
