#include "tests/unit/repos.h"

#include <pthread.h>

#include "repo/saver.h"
#include "repo/saver_pending.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;
static struct saver *s;

static void begin(const char *spec, const struct saver_opt *opt)
{
	memory_repo_begin_at(&m, spec);
	r = &m.repo;
	op = &m.places.op;
	r->index = index_new();
	s = saver_new(r, opt, &m.places.cancel);
}

static void end(void)
{
	saver_free(s);
	memory_repo_end(&m);
}

static void bytes_fill(char *out, unsigned seed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (char)bytes_at(seed, (int64_t)i);
}

/* Text number `n`, of some thousand bytes that do not compress. */
static size_t text(unsigned n, char out[4096])
{
	size_t len = 1000 + n % 3000;

	bytes_fill(out, n + 1, len);
	return len;
}

static int add(unsigned n, enum blob_type t, struct id *id, struct saved *out)
{
	char p[4096];
	size_t len = text(n, p);

	*id = (struct id){ { 0 } };
	return saver_add(s, op, m.coder, t, p, len, id, out);
}

static bool reads_back(unsigned n, enum blob_type t)
{
	struct buf b = BUF_INIT;
	char p[4096];
	size_t len = text(n, p);
	struct id id;
	bool same;

	id_of(p, len, &id);
	same = repo_load_blob(r, op, m.coder, t, &id, &b) == 0 &&
	       b.len == len && memcmp(b.data, p, len) == 0;
	buf_free(&b);
	return same;
}

/* Forget what is known, and read the index files. */
static void load_again(void)
{
	index_free(r->index);
	r->index = NULL;
	CHECK(repo_load_index(r, op, NULL, NULL) == 0);
}

static int count(void *arg, struct op *o, const struct id *id, int64_t size)
{
	(void)o;
	(void)id;
	(void)size;
	++*(size_t *)arg;
	return 0;
}

static size_t files(enum file_type t)
{
	size_t n = 0;

	CHECK(store_list(r->store, op, t, count, &n) == 0);
	return n;
}

static void what_is_flushed_is_found_by_the_next_who_looks(void)
{
	const struct saver_opt opt = { .pack_size = 20000 };
	struct saved saved;
	struct id id;

	begin(":mem:", &opt);
	for (unsigned i = 0; i < 100; i++)
		CHECK(add(i, i % 10 ? BLOB_DATA : BLOB_TREE, &id, &saved) ==
			      0 &&
		      saved.added);
	CHECK(saver_flush(s, op) == 0);
	saver_free(s);
	s = NULL;
	CHECK(files(FILE_INDEX) == 1 && files(FILE_PACK) > 4);
	load_again();
	CHECK(index_entries(r->index) == 100);
	for (unsigned i = 0; i < 100; i++)
		CHECK(reads_back(i, i % 10 ? BLOB_DATA : BLOB_TREE));
	end();
}

static void a_blob_is_stored_once_also_before_its_pack_is(void)
{
	const struct saver_opt opt = { 0 };
	struct saver_totals t;
	struct saved saved;
	struct id id;

	begin(":mem:", &opt);
	CHECK(add(1, BLOB_DATA, &id, &saved) == 0 && saved.added);
	CHECK(saved.blobs == 1 && saved.raw == 1001);
	CHECK(add(1, BLOB_DATA, &id, &saved) == 0 && !saved.added);
	CHECK(saved.blobs == 0 && saved.raw == 0 && saved.stored == 0);
	CHECK(add(1, BLOB_TREE, &id, &saved) == 0 && saved.added);
	CHECK(saver_flush(s, op) == 0);
	saver_totals(s, &t);
	CHECK(t.blobs[BLOB_DATA] == 1 && t.blobs[BLOB_TREE] == 1);
	CHECK(t.packs == 2);
	end();
}

static void a_bad_copy_is_stored_again_when_asked_for(void)
{
	const struct saver_opt opt = { .pack_size = 2000 };
	struct saved saved;
	char p[4096];
	size_t n = text(5, p);
	struct id id;

	begin(":mem:", &opt);
	for (unsigned i = 0; i < 9; i++)
		CHECK(add(i, BLOB_DATA, &id, &saved) == 0);
	CHECK(saver_flush(s, op) == 0);
	id_of(p, n, &id);
	CHECK(saver_add_again(s, op, m.coder, BLOB_DATA, p, n, &id, &saved) ==
		      0 &&
	      saved.added);
	CHECK(saver_flush(s, op) == 0);
	CHECK(index_entries(r->index) == 10);
	end();
}

static void a_blob_larger_than_a_pack_has_one_of_its_own(void)
{
	const struct saver_opt opt = { .pack_size = 10000 };
	enum { HUGE = 20 << 20 };
	char *p = xcalloc(1, HUGE);
	struct buf b = BUF_INIT;
	struct saved saved;
	struct id id = { { 0 } };

	begin(":mem:", &opt);
	bytes_fill(p, 7, HUGE);
	CHECK(add(1, BLOB_DATA, &id, &saved) == 0);
	id = (struct id){ { 0 } };
	CHECK(saver_add(s, op, m.coder, BLOB_DATA, p, HUGE, &id, &saved) == 0);
	CHECK(saver_flush(s, op) == 0);
	CHECK(files(FILE_PACK) == 2);
	CHECK(repo_load_blob(r, op, m.coder, BLOB_DATA, &id, &b) == 0);
	CHECK(b.len == HUGE && memcmp(b.data, p, HUGE) == 0);
	buf_free(&b);
	free(p);
	end();
}

static void what_was_stored_before_a_failure_is_in_an_index(void)
{
	const struct saver_opt opt = { .pack_size = 20000 };
	struct saved saved;
	struct id id;
	size_t found = 0;
	int rc = 0;

	begin(":fault,remote=':mem:',op=put,calls=3-3,error=denied:", &opt);
	for (unsigned i = 0; i < 1000 && rc == 0; i++)
		rc = add(i, BLOB_DATA, &id, &saved);
	if (rc == 0)
		rc = saver_flush(s, op);
	CHECK(rc == -1 && op->err.kind == ERR_DENIED);
	CHECK(add(2000, BLOB_DATA, &id, &saved) == -1);
	saver_free(s);
	s = NULL;
	CHECK(files(FILE_PACK) == 2 && files(FILE_INDEX) == 1);
	load_again();
	for (unsigned i = 0; i < 1000; i++)
		found += reads_back(i, BLOB_DATA);
	CHECK(found > 0 && found == index_entries(r->index));
	end();
}

static void a_dry_run_counts_and_stores_nothing(void)
{
	const struct saver_opt opt = { .dry_run = true };
	struct saved saved;
	struct id id;

	begin(":mem:", &opt);
	CHECK(add(1, BLOB_DATA, &id, &saved) == 0 && saved.stored > 1000);
	CHECK(add(1, BLOB_DATA, &id, &saved) == 0 && !saved.added);
	CHECK(saver_flush(s, op) == 0);
	CHECK(files(FILE_PACK) == 0 && files(FILE_INDEX) == 0);
	end();
}

static void packs_that_no_index_names_are_adopted(void)
{
	const struct saver_opt opt = { .pack_size = 5000, .no_index = true };
	struct saved saved;
	unsigned packs;
	struct id id;
	size_t n;

	begin(":mem:", &opt);
	for (unsigned i = 0; i < 20; i++)
		CHECK(add(i, BLOB_DATA, &id, &saved) == 0);
	CHECK(saver_flush(s, op) == 0);
	CHECK(saver_packs(s, &n) && n == files(FILE_PACK));
	CHECK(files(FILE_INDEX) == 0);
	/* and one that was cut */
	id_of("cut short", 9, &id);
	CHECK(store_write(r->store, op, FILE_PACK, &id, "cut short", 9) == 0);

	load_again();
	CHECK(saver_adopt(r, op, &packs) == 0);
	CHECK(packs == n && files(FILE_INDEX) == 1);
	load_again();
	for (unsigned i = 0; i < 20; i++)
		CHECK(reads_back(i, BLOB_DATA));
	CHECK(saver_adopt(r, op, &packs) == 0 && packs == 0);
	CHECK(files(FILE_INDEX) == 1);
	end();
}

static void *add_many(void *arg)
{
	struct op own = op_begin(&m.places.cancel);
	struct coder *c = repo_coder(r);
	size_t *added = arg;

	for (unsigned i = 0; i < 500; i++) {
		struct id id = { { 0 } };
		struct saved saved;
		char p[4096];
		size_t n = text(i, p);

		CHECK(saver_add(s, &own, c, BLOB_DATA, p, n, &id, &saved) == 0);
		*added += saved.added;
	}
	coder_free(c);
	op_end(&own);
	return NULL;
}

static void threads_that_save_the_same_store_it_once(void)
{
	const struct saver_opt opt = { .pack_size = 30000, .uploads = 3 };
	pthread_t thread[4];
	size_t added[4] = { 0 };

	begin(":mem:", &opt);
	for (int i = 0; i < 4; i++)
		CHECK(pthread_create(&thread[i], NULL, add_many, &added[i]) ==
		      0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	CHECK(added[0] + added[1] + added[2] + added[3] == 500);
	CHECK(saver_flush(s, op) == 0);
	CHECK(index_entries(r->index) == 500);
	for (unsigned i = 0; i < 500; i++)
		CHECK(reads_back(i, BLOB_DATA));
	end();
}

static void what_is_dropped_is_pending_no_more(void)
{
	struct pending p = { 0 };
	static bool in[3000];
	uint64_t x = 1;

	for (unsigned k = 0; k < 60000; k++) {
		unsigned i;
		struct id id;

		x = x * 6364136223846793005u + 1442695040888963407u;
		i = (unsigned)(x >> 40) % 3000;
		/* few homes, so that they collide */
		id_of(&i, sizeof(i), &id);
		id.b[0] = (uint8_t)(i % 7);
		id.b[1] = 0;
		if (in[i] && x >> 63) {
			pending_drop(&p, BLOB_DATA, &id);
			in[i] = false;
		} else {
			CHECK(pending_add(&p, BLOB_DATA, &id) == !in[i]);
			in[i] = true;
		}
	}
	pending_free(&p);
}

int main(void)
{
	RUN(what_is_flushed_is_found_by_the_next_who_looks);
	RUN(a_blob_is_stored_once_also_before_its_pack_is);
	RUN(a_bad_copy_is_stored_again_when_asked_for);
	RUN(a_blob_larger_than_a_pack_has_one_of_its_own);
	RUN(what_was_stored_before_a_failure_is_in_an_index);
	RUN(a_dry_run_counts_and_stores_nothing);
	RUN(packs_that_no_index_names_are_adopted);
	RUN(threads_that_save_the_same_store_it_once);
	RUN(what_is_dropped_is_pending_no_more);
	return 0;
}
