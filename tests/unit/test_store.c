#include "tests/unit/places.h"
#include "tests/unit/scratch.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/pool.h"
#include "repo/store.h"

static struct places p;
static struct scratch tmp;
static struct backend *be;
static struct store *store;

static void begin_at(const char *spec, const char *cache)
{
	places_begin(&p);
	scratch_begin(&tmp);
	be = opened(&p, spec);
	store = store_new(be, cache ? scratch_path(&tmp, cache) : NULL);
}

static void end(void)
{
	store_free(store);
	be_close(be);
	scratch_end(&tmp);
	places_end(&p);
}

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && p.op.err.kind == kind;
}

static struct id id_of_text(const char *text)
{
	struct id id;

	id_of(text, strlen(text), &id);
	return id;
}

static struct id put(enum file_type t, const char *text)
{
	struct id id = id_of_text(text);

	CHECK(store_write(store, &p.op, t, &id, text, strlen(text)) == 0);
	return id;
}

static const char *path_of(enum file_type t, const struct id *id)
{
	static const char *const folders[] = { "",          "keys",  "locks",
					       "snapshots", "index", "data" };
	char hex[ID_HEX + 1];

	id_hex(id, hex);
	if (t == FILE_PACK)
		return arena_printf(&p.op.arena, "data/%.2s/%s", hex, hex);
	return arena_printf(&p.op.arena, "%s/%s", folders[t], hex);
}

/* Behind the store's back. */
static void spoil(const char *path, uint64_t seed, int64_t size)
{
	CHECK(put_bytes(&p, be, path, seed, size) == 0);
}

static bool reads(enum file_type t, const struct id *id, const char *want)
{
	struct buf b = BUF_INIT;
	bool good = store_read(store, &p.op, t, id, 1000, &b) == 0 &&
		    strcmp(b.data, want) == 0;

	buf_free(&b);
	return good;
}

static bool read_fails(enum file_type t, const struct id *id, size_t max,
		       enum err_kind kind)
{
	struct buf b = BUF_INIT;
	bool good = fails_with(store_read(store, &p.op, t, id, max, &b), kind);

	CHECK(b.len == 0);
	buf_free(&b);
	return good;
}

static bool reads_part(const struct id *pack, int64_t off, size_t len,
		       bool trees, const char *want)
{
	struct buf b = BUF_INIT;
	bool good =
		store_read_part(store, &p.op, pack, off, len, trees, &b) == 0 &&
		strcmp(b.data, want) == 0;

	buf_free(&b);
	return good;
}

static void files_lie_where_restic_has_them(void)
{
	struct id id;
	struct entry e;

	begin_at(":mem:", NULL);
	for (enum file_type t = FILE_KEY; t < FILE_TYPES; t++) {
		id = put(t, file_type_name(t));
		CHECK(be_stat(be, &p.op, path_of(t, &id), &e) == 0);
		CHECK(reads(t, &id, file_type_name(t)));
	}
	CHECK(store_write(store, &p.op, FILE_CONFIG, NULL, "c", 1) == 0);
	CHECK(be_stat(be, &p.op, "config", &e) == 0 && e.size == 1);
	CHECK(reads(FILE_CONFIG, NULL, "c"));
	end();
}

static void a_new_repository_has_its_folders_and_nobody_else_looks(void)
{
	struct stat st;

	begin_at(":mem:", NULL);
	be_close(be);
	store_free(store);
	be = opened(&p, scratch_path(&tmp, "new"));
	store = store_new(be, NULL);
	CHECK(store_init(store, &p.op) == 0);
	CHECK(scratch_count(&tmp, "new") == 5);
	CHECK(scratch_count(&tmp, "new/data") == 256);
	CHECK(stat(scratch_path(&tmp, "new"), &st) == 0);
	CHECK((st.st_mode & 0777) == 0700);
	CHECK(stat(scratch_path(&tmp, "new/keys"), &st) == 0);
	CHECK((st.st_mode & 0777) == 0700);
	CHECK(store_write(store, &p.op, FILE_CONFIG, NULL, "c", 1) == 0);
	CHECK(stat(scratch_path(&tmp, "new/config"), &st) == 0);
	CHECK((st.st_mode & 0777) == 0400);
	end();
}

static void files_of_a_repository_shared_with_a_group_are_too(void)
{
	struct id id = id_of_text("x");
	struct stat st;

	begin_at(":mem:", NULL);
	be_close(be);
	store_free(store);
	CHECK(file_write(&p.op, scratch_path(&tmp, "config"), "c", 1) == 0);
	CHECK(chmod(scratch_path(&tmp, "config"), 0440) == 0);
	be = opened(&p, tmp.dir);
	store = store_new(be, NULL);
	put(FILE_KEY, "x");
	CHECK(stat(scratch_path(&tmp, path_of(FILE_KEY, &id)), &st) == 0);
	CHECK((st.st_mode & 0777) == 0440);
	end();
}

static void what_is_there_is_left_and_what_was_cut_short_is_replaced(void)
{
	struct id id;

	begin_at(":mem:", NULL);
	id = put(FILE_SNAPSHOT, "twelve bytes");
	put(FILE_SNAPSHOT, "twelve bytes");
	spoil(path_of(FILE_SNAPSHOT, &id), 1, 5);
	put(FILE_SNAPSHOT, "twelve bytes");
	CHECK(reads(FILE_SNAPSHOT, &id, "twelve bytes"));
	end();
}

static void a_second_config_is_refused(void)
{
	begin_at(":mem:", NULL);
	CHECK(store_write(store, &p.op, FILE_CONFIG, NULL, "a", 1) == 0);
	CHECK(fails_with(store_write(store, &p.op, FILE_CONFIG, NULL, "b", 1),
			 ERR_EXISTS));
	CHECK(reads(FILE_CONFIG, NULL, "a"));
	end();
}

static void a_write_is_tried_again_with_the_whole_source(void)
{
	struct id id;

	begin_at(":fault,remote=':mem:',op=put,calls=1-2,cut=3,error=network:",
		 NULL);
	id = put(FILE_INDEX, "more than three bytes");
	CHECK(reads(FILE_INDEX, &id, "more than three bytes"));
	CHECK(be->retries == 2);
	end();
}

static void a_write_whose_answer_was_lost_has_worked(void)
{
	struct id id;

	begin_at(":fault,remote=':mem:',op=put,calls=1,after,error=network:",
		 NULL);
	id = put(FILE_INDEX, "text");
	CHECK(reads(FILE_INDEX, &id, "text"));
	end();
}

static void a_file_that_breaks_off_is_read_on_without_a_tag(void)
{
	char text[100];
	struct id id;

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		text[i] = (char)('!' + i % 90);
	text[sizeof(text) - 1] = '\0';
	begin_at(":fault,remote=':mem:',op=get,calls=1-3,cut=20,error=network:",
		 NULL);
	id = put(FILE_PACK, text);
	CHECK(reads_part(&id, 1, sizeof(text) - 2, false, text + 1));
	end();
}

static void what_is_not_there_is_not_found(void)
{
	struct id id = id_of_text("nothing");
	int64_t size;

	begin_at(":mem:none", NULL);
	CHECK(read_fails(FILE_PACK, &id, 100, ERR_NOT_FOUND));
	CHECK(read_fails(FILE_CONFIG, NULL, 100, ERR_NOT_FOUND));
	CHECK(fails_with(store_size(store, &p.op, FILE_KEY, &id, &size),
			 ERR_NOT_FOUND));
	CHECK(store_remove(store, &p.op, FILE_PACK, &id) == 0);
	end();
}

static void what_does_not_hash_to_its_name_is_corrupt(void)
{
	struct id id;

	begin_at(":mem:", NULL);
	id = put(FILE_SNAPSHOT, "right");
	spoil(path_of(FILE_SNAPSHOT, &id), 1, 5);
	CHECK(read_fails(FILE_SNAPSHOT, &id, 100, ERR_CORRUPT));
	end();
}

static void one_wrong_reading_is_made_up_for(void)
{
	struct id id;

	begin_at(":fault,remote=':mem:',op=get,calls=1,changed:", NULL);
	id = put(FILE_SNAPSHOT, "right");
	CHECK(reads(FILE_SNAPSHOT, &id, "right"));
	end();
}

static void a_file_longer_than_allowed_is_corrupt(void)
{
	struct id id;

	begin_at(":mem:", NULL);
	id = put(FILE_LOCK, "12345");
	CHECK(reads(FILE_LOCK, &id, "12345"));
	CHECK(read_fails(FILE_LOCK, &id, 4, ERR_CORRUPT));
	end();
}

static void parts_are_read_also_without_ranges(void)
{
	struct buf b = BUF_INIT;
	struct id id;

	begin_at(":mem:", NULL);
	id = put(FILE_PACK, "0123456789");
	for (int i = 0; i < 2; i++) {
		CHECK(reads_part(&id, 0, 10, false, "0123456789"));
		CHECK(reads_part(&id, 3, 4, false, "3456"));
		CHECK(fails_with(
			store_read_part(store, &p.op, &id, 8, 4, false, &b),
			ERR_CORRUPT));
		CHECK(b.len == 0);
		be->caps &= ~(unsigned)BE_RANGE;
	}
	buf_free(&b);
	end();
}

static int count(void *arg, struct op *op, const struct id *id, int64_t size)
{
	size_t *n = arg;

	(void)op;
	(void)id;
	CHECK(size > 0);
	++*n;
	return 0;
}

static size_t listed(enum file_type t)
{
	size_t n = 0;

	CHECK(store_list(store, &p.op, t, count, &n) == 0);
	return n;
}

static void lists_have_what_is_ours_and_nothing_else(void)
{
	struct id a, b;
	char hex[ID_HEX + 1];

	begin_at(":mem:", NULL);
	CHECK(listed(FILE_PACK) == 0 && listed(FILE_KEY) == 0);
	a = put(FILE_PACK, "a");
	put(FILE_PACK, "b");
	put(FILE_KEY, "k");
	b = id_of_text("elsewhere");
	spoil("keys/readme.txt", 1, 1);
	spoil("data/readme.txt", 1, 1);
	spoil("data/00/readme.txt", 1, 1);
	spoil("data/zz/readme.txt", 1, 1);
	spoil(arena_printf(&p.op.arena, "data/%s", id_hex(&a, hex)), 1, 1);
	spoil(arena_printf(&p.op.arena, "data/00/%s", id_hex(&b, hex)), 1, 1);
	for (int i = 0; i < 2; i++) {
		CHECK(listed(FILE_PACK) == 2);
		CHECK(listed(FILE_KEY) == 1);
		CHECK(listed(FILE_INDEX) == 0);
		be->caps |= BE_REMOTE; /* by several threads */
	}
	end();
}

static void a_symbolic_link_in_the_place_of_a_file_is_no_missing_file(void)
{
	static const char *const links[] = {
		"data/00", "keys/00000000000000000000000000000000"
			   "00000000000000000000000000000000"
	};

	begin_at(":mem:", NULL);
	be_close(be);
	store_free(store);
	be = opened(&p, tmp.dir);
	store = store_new(be, NULL);
	put(FILE_PACK, "a");
	put(FILE_KEY, "k");
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		enum file_type t = i ? FILE_KEY : FILE_PACK;
		size_t n = 0;

		CHECK(symlink("/elsewhere", scratch_path(&tmp, links[i])) == 0);
		CHECK(fails_with(store_list(store, &p.op, t, count, &n),
				 ERR_CONFLICT));
		CHECK(unlink(scratch_path(&tmp, links[i])) == 0);
		CHECK(listed(t) == 1);
	}
	end();
}

static void a_listing_that_cannot_be_made_fails(void)
{
	size_t n = 0;

	begin_at(":fault,remote=':mem:',op=list,error=denied,calls=3-:", NULL);
	for (unsigned i = 0; i < 20; i++)
		put(FILE_PACK, arena_printf(&p.op.arena, "pack %u", i));
	be->caps |= BE_REMOTE;
	CHECK(fails_with(store_list(store, &p.op, FILE_PACK, count, &n),
			 ERR_DENIED));
	CHECK(n == 0);
	end();
}

static void a_file_is_found_by_the_beginning_of_its_name(void)
{
	struct id want, id, other;
	char hex[ID_HEX + 1];

	begin_at(":mem:", NULL);
	want = put(FILE_SNAPSHOT, "one");
	id_hex(&want, hex);
	CHECK(store_find(store, &p.op, FILE_SNAPSHOT, hex, &id) == 0);
	CHECK(id_equal(&id, &want));
	hex[6] = '\0';
	CHECK(store_find(store, &p.op, FILE_SNAPSHOT, hex, &id) == 0);
	CHECK(id_equal(&id, &want));
	other = want;
	other.b[31] ^= 1;
	spoil(path_of(FILE_SNAPSHOT, &other), 1, 1);
	CHECK(fails_with(store_find(store, &p.op, FILE_SNAPSHOT, hex, &id),
			 ERR_INVALID));
	hex[0] = hex[0] == '0' ? '1' : '0';
	CHECK(fails_with(store_find(store, &p.op, FILE_SNAPSHOT, hex, &id),
			 ERR_NOT_FOUND));
	CHECK(fails_with(store_find(store, &p.op, FILE_SNAPSHOT, "", &id),
			 ERR_NOT_FOUND));
	CHECK(fails_with(store_find(store, &p.op, FILE_SNAPSHOT, "../x", &id),
			 ERR_NOT_FOUND));
	end();
}

static char *cached(const char *folder, const struct id *id)
{
	char hex[ID_HEX + 1];

	return arena_printf(&p.op.arena, "%s/cache/%s/%s", tmp.dir, folder,
			    id_hex(id, hex));
}

static void the_cache_serves_what_it_has(void)
{
	struct stat st;
	struct id id;

	begin_at(":mem:", "cache");
	id = put(FILE_INDEX, "index");
	CHECK(be_unlink(be, &p.op, path_of(FILE_INDEX, &id)) == 0);
	CHECK(reads(FILE_INDEX, &id, "index"));
	CHECK(stat(cached("index", &id), &st) == 0);
	CHECK((st.st_mode & 0777) == 0600);
	CHECK(stat(scratch_path(&tmp, "cache"), &st) == 0);
	CHECK((st.st_mode & 0777) == 0700);
	CHECK(access(scratch_path(&tmp, "cache/CACHEDIR.TAG"), R_OK) == 0);
	CHECK(store_remove(store, &p.op, FILE_INDEX, &id) == 0);
	CHECK(read_fails(FILE_INDEX, &id, 100, ERR_NOT_FOUND));
	end();
}

static void a_damaged_cache_is_not_believed(void)
{
	struct id id;

	begin_at(":mem:", "cache");
	id = put(FILE_SNAPSHOT, "right");
	CHECK(file_write(&p.op, cached("snapshots", &id), "wrong", 5) == 0);
	CHECK(reads(FILE_SNAPSHOT, &id, "right"));
	CHECK(be_unlink(be, &p.op, path_of(FILE_SNAPSHOT, &id)) == 0);
	CHECK(reads(FILE_SNAPSHOT, &id, "right")); /* it was put right */
	CHECK(truncate(cached("snapshots", &id), 3) == 0);
	CHECK(read_fails(FILE_SNAPSHOT, &id, 100, ERR_NOT_FOUND));
	end();
}

static void packs_of_trees_are_cached_whole_and_others_not(void)
{
	struct id trees, data;

	begin_at(":mem:", "cache");
	trees = put(FILE_PACK, "0123456789");
	data = put(FILE_PACK, "abcdefghij");
	CHECK(reads_part(&trees, 2, 3, true, "234"));
	CHECK(reads_part(&data, 2, 3, false, "cde"));
	CHECK(scratch_count(&tmp, "cache/packs") == 1);
	CHECK(be_unlink(be, &p.op, path_of(FILE_PACK, &trees)) == 0);
	CHECK(reads_part(&trees, 5, 5, true, "56789"));
	end();
}

static void a_damaged_pack_is_not_cached_but_read(void)
{
	struct buf b = BUF_INIT;
	struct id id;

	begin_at(":mem:", "cache");
	id = put(FILE_PACK, "0123456789");
	spoil(path_of(FILE_PACK, &id), 1, 10);
	CHECK(store_read_part(store, &p.op, &id, 2, 3, true, &b) == 0);
	CHECK(b.len == 3);
	CHECK(scratch_count(&tmp, "cache/packs") == 0);
	buf_free(&b);
	end();
}

static void a_cached_pack_that_was_changed_is_read_anew_by_the_next_run(void)
{
	struct id id;

	begin_at(":mem:", "cache");
	id = put(FILE_PACK, "0123456789");
	CHECK(reads_part(&id, 2, 3, true, "234"));
	CHECK(file_write(&p.op, cached("packs", &id), "9876543210", 10) == 0);
	store_free(store);
	store = store_new(be, scratch_path(&tmp, "cache"));
	CHECK(reads_part(&id, 2, 3, true, "234"));
	end();
}

static void what_cannot_be_cached_is_not_fetched_whole_again(void)
{
	struct id id;

	/* one whole, and two parts */
	begin_at(":fault,remote=':mem:',op=get,error=denied,calls=4:", "cache");
	id = put(FILE_PACK, "0123456789");
	spoil(path_of(FILE_PACK, &id), 1, 10);
	for (int i = 0; i < 2; i++) {
		struct buf b = BUF_INIT;

		CHECK(store_read_part(store, &p.op, &id, 2, 3, true, &b) == 0);
		buf_free(&b);
	}
	end();
}

static void a_full_disk_ends_the_caching(void)
{
	struct rlimit before, small;
	struct id id[2];

	begin_at(":fault,remote=':mem:',op=get,error=denied,calls=4:", "cache");
	for (int i = 0; i < 2; i++)
		id[i] = put(FILE_PACK, i ? "0123456789" : "abcdefghij");
	put(FILE_INDEX, "");
	CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
	CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
	small = before;
	small.rlim_cur = 5;
	CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
	CHECK(reads_part(&id[0], 2, 3, true, "cde"));
	CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
	CHECK(reads_part(&id[1], 2, 3, true, "234"));
	CHECK(scratch_count(&tmp, "cache/packs") == 0);
	end();
}

static void without_a_place_for_the_cache_all_works_as_well(void)
{
	struct id id, pack;

	begin_at(":mem:", "file/cache");
	CHECK(file_write(&p.op, scratch_path(&tmp, "file"), "x", 1) == 0);
	id = put(FILE_SNAPSHOT, "text");
	pack = put(FILE_PACK, "0123456789");
	CHECK(reads(FILE_SNAPSHOT, &id, "text"));
	CHECK(reads_part(&pack, 2, 3, true, "234"));
	end();
}

static bool is_kept(void *arg, const struct id *id)
{
	return id_equal(arg, id);
}

static void the_cache_is_swept(void)
{
	struct id a, b;

	begin_at(":mem:", "cache");
	a = put(FILE_INDEX, "a");
	b = put(FILE_INDEX, "b");
	CHECK(store_cache_sweep(store, &p.op, FILE_INDEX, is_kept, &a) == 0);
	CHECK(access(cached("index", &a), F_OK) == 0);
	CHECK(access(cached("index", &b), F_OK) < 0);
	end();
}

static int read_many(struct op *op, void *arg)
{
	struct buf b = BUF_INIT;

	for (int64_t i = 0; i < 10; i++) {
		buf_reset(&b);
		CHECK(store_read_part(store, op, arg, i, 1, true, &b) == 0);
		CHECK(b.data[0] == (char)('0' + i));
	}
	buf_free(&b);
	return 0;
}

static void many_threads_fetch_a_pack_once(void)
{
	struct pool *pool;
	struct group *g;
	struct id id;

	/* a second get of it would fail */
	begin_at(":fault,remote=':mem:',op=get,calls=2-,error=denied:",
		 "cache");
	id = put(FILE_PACK, "0123456789");
	pool = pool_new(8, 8, &p.cancel);
	g = group_new(pool);
	for (int i = 0; i < 8; i++)
		CHECK(group_add(g, &p.op, read_many, &id) == 0);
	CHECK(group_wait(g, &p.op) == 0);
	pool_free(pool);
	end();
}

int main(void)
{
	RUN(files_lie_where_restic_has_them);
	RUN(a_new_repository_has_its_folders_and_nobody_else_looks);
	RUN(files_of_a_repository_shared_with_a_group_are_too);
	RUN(what_is_there_is_left_and_what_was_cut_short_is_replaced);
	RUN(a_second_config_is_refused);
	RUN(a_write_is_tried_again_with_the_whole_source);
	RUN(a_write_whose_answer_was_lost_has_worked);
	RUN(a_file_that_breaks_off_is_read_on_without_a_tag);
	RUN(what_is_not_there_is_not_found);
	RUN(what_does_not_hash_to_its_name_is_corrupt);
	RUN(one_wrong_reading_is_made_up_for);
	RUN(a_file_longer_than_allowed_is_corrupt);
	RUN(parts_are_read_also_without_ranges);
	RUN(lists_have_what_is_ours_and_nothing_else);
	RUN(a_symbolic_link_in_the_place_of_a_file_is_no_missing_file);
	RUN(a_listing_that_cannot_be_made_fails);
	RUN(a_file_is_found_by_the_beginning_of_its_name);
	RUN(the_cache_serves_what_it_has);
	RUN(a_damaged_cache_is_not_believed);
	RUN(packs_of_trees_are_cached_whole_and_others_not);
	RUN(a_damaged_pack_is_not_cached_but_read);
	RUN(a_cached_pack_that_was_changed_is_read_anew_by_the_next_run);
	RUN(what_cannot_be_cached_is_not_fetched_whole_again);
	RUN(a_full_disk_ends_the_caching);
	RUN(without_a_place_for_the_cache_all_works_as_well);
	RUN(the_cache_is_swept);
	RUN(many_threads_fetch_a_pack_once);
	return 0;
}
