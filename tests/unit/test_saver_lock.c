#include "tests/unit/repos.h"
#include "tests/unit/scratch.h"

#include "lib/file.h"
#include "repo/lock_keep.h"
#include "repo/prune_parts.h"
#include "repo/recover.h"
#include "repo/saver.h"
#include "repo/tree.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;
static struct lock *lock;
static struct scratch tmp;

static void begin(const char *spec)
{
	memory_repo_begin_at(&m, spec);
	r = &m.repo;
	op = &m.places.op;
	r->index = index_new();
	CHECK(lock_take(r, op, false, 0, NULL, &lock) == 0);
}

static void end(void)
{
	lock_release(lock);
	memory_repo_end(&m);
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

static void add(struct saver *s, unsigned n)
{
	struct id id = { { 0 } };
	struct saved saved;
	char p[3000];

	for (size_t i = 0; i < sizeof(p); i++)
		p[i] = (char)bytes_at(n + 1, (int64_t)i);
	CHECK(saver_add(s, op, m.coder, BLOB_DATA, p, sizeof(p), &id, &saved) ==
	      0);
}

/* The machine slept, and somebody took our lock for stale. */
static void lose_lock(void)
{
	unsigned n;

	CHECK(lock_remove(r, op, true, &n) == 0 && n == 1);
	pthread_mutex_lock(&lock->lock);
	lock->written -= LOCK_TRUST_NS + NS_PER_SEC;
	pthread_mutex_unlock(&lock->lock);
}

static void wait_for_packs(size_t n)
{
	while (files(FILE_PACK) < n)
		CHECK(op_sleep(op, 1) == 0);
}

static void no_index_names_packs_that_a_prune_may_have_removed(void)
{
	struct saver_opt opt = { .pack_size = 2000 };
	struct saver *s;

	begin(":mem:");
	opt.lock = lock;
	s = saver_new(r, &opt, &m.places.cancel);
	add(s, 0);
	wait_for_packs(1);
	lose_lock();
	CHECK(saver_flush(s, op) < 0 && op->err.kind == ERR_LOCKED);
	saver_free(s);
	CHECK(files(FILE_INDEX) == 0);
	end();
}

static void nothing_is_stored_once_the_lock_is_lost(void)
{
	struct saver_opt opt = { .pack_size = 1 << 20, .no_index = true };
	struct saver *s;

	begin(":mem:");
	opt.lock = lock;
	s = saver_new(r, &opt, &m.places.cancel);
	add(s, 0);
	lose_lock();
	CHECK(saver_flush(s, op) < 0 && op->err.kind == ERR_LOCKED);
	saver_free(s);
	CHECK(files(FILE_PACK) == 0);
	end();
}

static void the_index_is_not_replaced_without_a_lock(void)
{
	const struct saver_opt opt = { .no_index = true };
	struct saver *s;

	begin(":mem:");
	s = saver_new(r, &opt, &m.places.cancel);
	add(s, 0);
	CHECK(saver_flush(s, op) == 0);
	saver_free(s);
	lose_lock();
	CHECK(index_replace(r, op, lock, NULL) < 0 &&
	      op->err.kind == ERR_LOCKED);
	CHECK(files(FILE_INDEX) == 0);
	end();
}

/* A pack with a blob of data and one with a tree that nothing leads to. */
static void store_two_packs(bool index)
{
	const struct saver_opt opt = { .no_index = !index };
	struct saver *s = saver_new(r, &opt, &m.places.cancel);
	const struct node n = { .name = "x",
				.name_len = 1,
				.type = NODE_FIFO,
				.user = "",
				.group = "" };
	struct id id = { { 0 } };
	struct buf text = BUF_INIT;
	struct tree_writer w;
	struct saved saved;

	add(s, 0);
	tree_begin(&w, &text);
	tree_add(&w, &n);
	tree_end(&w);
	CHECK(saver_add(s, op, m.coder, BLOB_TREE, text.data, text.len, &id,
			&saved) == 0);
	CHECK(saver_flush(s, op) == 0);
	saver_free(s);
	buf_free(&text);
	CHECK(files(FILE_PACK) == 2);
}

static void nothing_is_removed_once_the_lock_is_lost(void)
{
	struct id id[2];

	begin(":mem:");
	store_two_packs(true);
	for (uint32_t i = 0; i < 2; i++)
		index_pack_id(r->index, i, &id[i]);
	CHECK(files_remove(r, op, FILE_PACK, id, 1, lock) == 0);
	CHECK(files(FILE_PACK) == 1);
	lose_lock();
	CHECK(files_remove(r, op, FILE_PACK, id, 2, lock) < 0 &&
	      op->err.kind == ERR_LOCKED);
	CHECK(files(FILE_PACK) == 1);
	end();
}

static void what_is_found_again_is_not_saved_without_a_lock(void)
{
	const struct recover_opt opt = { 0 };
	struct recover_result result;

	begin(":mem:");
	store_two_packs(true);
	lose_lock();
	CHECK(recover_run(r, op, lock, &opt, &result) < 0 &&
	      op->err.kind == ERR_LOCKED);
	CHECK(files(FILE_SNAPSHOT) == 0 && files(FILE_PACK) == 2);
	end();
}

/* A power cut must not bring back what names packs that are gone. */
static void packs_stay_if_the_index_may_come_back(void)
{
	uint8_t gone[1] = { 3 };

	scratch_begin(&tmp);
	begin(arena_printf(&tmp.op.arena,
			   ":fault,remote=\"%s\",op=flush,error=io:", tmp.dir));
	store_two_packs(true);
	CHECK(files(FILE_INDEX) == 1);
	CHECK(index_replace(r, op, lock, gone) < 0 && op->err.kind == ERR_IO);
	CHECK(files(FILE_INDEX) == 0);
	end();
	scratch_end(&tmp);
}

static void a_damaged_pack_is_not_adopted(void)
{
	const struct saver_opt opt = { .no_index = true };
	struct buf b = BUF_INIT;
	char hex[ID_HEX + 1], *path;
	struct saver *s;
	unsigned packs;
	struct id id;

	scratch_begin(&tmp);
	begin(tmp.dir);
	s = saver_new(r, &opt, &m.places.cancel);
	add(s, 0);
	CHECK(saver_flush(s, op) == 0);
	saver_free(s);
	index_pack_id(r->index, 0, &id);
	CHECK(store_read(r->store, op, FILE_PACK, &id, 1 << 20, &b) == 0);
	b.data[100] ^= 1; /* in its blob; the header is whole */
	id_hex(&id, hex);
	path = arena_printf(&tmp.op.arena, "%s/data/%.2s/%s", tmp.dir, hex,
			    hex);
	CHECK(file_write(&tmp.op, path, b.data, b.len) == 0);
	index_free(r->index);
	r->index = index_new();
	CHECK(saver_adopt(r, op, &packs) == 0 && packs == 0);
	CHECK(files(FILE_INDEX) == 0 && index_entries(r->index) == 0);
	buf_free(&b);
	end();
	scratch_end(&tmp);
}

int main(void)
{
	RUN(no_index_names_packs_that_a_prune_may_have_removed);
	RUN(nothing_is_stored_once_the_lock_is_lost);
	RUN(the_index_is_not_replaced_without_a_lock);
	RUN(nothing_is_removed_once_the_lock_is_lost);
	RUN(what_is_found_again_is_not_saved_without_a_lock);
	RUN(packs_stay_if_the_index_may_come_back);
	RUN(a_damaged_pack_is_not_adopted);
	return 0;
}
