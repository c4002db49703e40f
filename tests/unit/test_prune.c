#include "tests/unit/repos.h"

#include <stdarg.h>

#include "repo/each.h"
#include "repo/index_file.h"
#include "repo/prune.h"
#include "repo/walk.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;
static struct lock *lock;
static struct prune_stats stats;

static void begin(void)
{
	memory_repo_begin(&m);
	r = &m.repo;
	op = &m.places.op;
	CHECK(lock_take(r, op, true, 0, NULL, &lock) == 0);
}

static void end(void)
{
	lock_release(lock);
	memory_repo_end(&m);
}

/* A pack and what is in it. */
struct made {
	struct id id;
	struct pack_blob blobs[8];
	size_t n;
	struct buf bytes;
};

static void made_begin(struct made *k)
{
	*k = (struct made){ .bytes = BUF_INIT };
}

/* Add a blob; its id. */
static struct id add(struct made *k, enum blob_type t, const char *text)
{
	struct pack_blob *b = &k->blobs[k->n++];
	struct buf sealed = BUF_INIT;

	b->type = t;
	id_of(text, strlen(text), &b->id);
	coder_seal_blob(m.coder, t, text, strlen(text), &sealed, &b->raw_len);
	b->off = (uint32_t)k->bytes.len;
	b->len = (uint32_t)sealed.len;
	buf_add(&k->bytes, sealed.data, sealed.len);
	buf_free(&sealed);
	return b->id;
}

/* `broken`: a blob whose bytes are not what they should be, or -1. */
static void store(struct made *k, int broken)
{
	pack_header_add(&k->bytes, coder_envelope(m.coder), k->blobs, k->n);
	if (broken >= 0)
		k->bytes.data[k->blobs[broken].off + 20] ^= 1;
	id_of(k->bytes.data, k->bytes.len, &k->id);
	CHECK(store_write(r->store, op, FILE_PACK, &k->id, k->bytes.data,
			  k->bytes.len) == 0);
	buf_free(&k->bytes);
}

/* An index file of these packs; NULL ends them. */
static struct id name(const struct made *k, ...)
{
	struct buf json = BUF_INIT;
	struct index_writer w;
	struct id id;
	va_list ap;

	index_write_begin(&w, &json);
	va_start(ap, k);
	for (; k; k = va_arg(ap, const struct made *))
		index_write_pack(&w, &k->id, k->blobs, k->n);
	va_end(ap);
	index_write_end(&w);
	CHECK(repo_save_file(r, op, m.coder, FILE_INDEX, json.data, json.len,
			     &id) == 0);
	buf_free(&json);
	return id;
}

#define TIMES                                 \
	"\"mtime\":\"2026-11-22T04:00:01Z\"," \
	"\"atime\":\"2026-11-22T04:00:01Z\",\"ctime\":\"2026-11-22T04:00:01Z\","

/* A pack with the tree of one file, and a snapshot of it. */
static void snapshot(struct made *k, const struct id *content, size_t n)
{
	static const char *const paths[] = { "/a" };
	struct snapshot s = { .paths = { paths, 1 }, .hostname = "h" };
	struct buf b = BUF_INIT;
	char hex[ID_HEX + 1];
	struct id id;

	buf_adds(&b, "{\"nodes\":[{\"name\":\"f\",\"type\":\"file\"," TIMES
		     "\"content\":[");
	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s\"%s\"", i ? "," : "",
			 id_hex(&content[i], hex));
	buf_adds(&b, "]}]}\n");
	made_begin(k);
	s.tree = add(k, BLOB_TREE, b.data);
	store(k, -1);
	CHECK(snapshot_save(r, op, m.coder, &s, &id) == 0);
	buf_free(&b);
}

static int prune_with(const struct prune_opt *opt)
{
	index_free(r->index);
	r->index = NULL;
	return prune_run(r, op, lock, opt, NULL, 0, &stats);
}

static int prune(void)
{
	static const struct prune_opt all = { .max_unused = 0,
					      .max_repack = -1 };

	return prune_with(&all);
}

static size_t count(enum file_type t)
{
	struct ids ids = { 0 };
	size_t n;

	CHECK(ids_list(r->store, op, t, &ids) == 0);
	n = ids.n;
	ids_free(&ids);
	return n;
}

static int count_blobs(void *arg, const struct id *pack,
		       const struct pack_blob *blobs, size_t n)
{
	size_t *sum = arg;

	(void)pack;
	(void)blobs;
	*sum += n;
	return 0;
}

/* How many blobs all index files name, those that come twice twice. */
static size_t named(void)
{
	struct buf json = BUF_INIT;
	struct ids ids = { 0 };
	size_t n = 0;

	CHECK(ids_list(r->store, op, FILE_INDEX, &ids) == 0);
	for (size_t i = 0; i < ids.n; i++) {
		CHECK(repo_load_file(r, op, m.coder, FILE_INDEX, &ids.at[i],
				     INDEX_JSON_MAX, &json) == 0);
		CHECK(index_file_parse(json.data, json.len, count_blobs, NULL,
				       &n, &op->err) == 0);
	}
	ids_free(&ids);
	buf_free(&json);
	return n;
}

static bool there(enum file_type t, const struct id *id)
{
	int64_t size;

	return store_size(r->store, op, t, id, &size) == 0;
}

/* With nothing but what is stored. */
static bool loads(const struct id *data)
{
	struct buf text = BUF_INIT;
	bool good;

	index_free(r->index);
	r->index = NULL;
	CHECK(repo_load_index(r, op, NULL, NULL) == 0);
	good = repo_load_blob(r, op, m.coder, BLOB_DATA, data, &text) == 0;
	buf_free(&text);
	return good;
}

static void unused_packs_go_and_used_blobs_move(void)
{
	struct made used, mixed, unused, tree;
	struct id content[2];

	begin();
	made_begin(&used);
	content[0] = add(&used, BLOB_DATA, "one");
	store(&used, -1);
	made_begin(&mixed);
	add(&mixed, BLOB_DATA, "nobody's");
	content[1] = add(&mixed, BLOB_DATA, "two");
	store(&mixed, -1);
	made_begin(&unused);
	add(&unused, BLOB_DATA, "nobody's, either");
	store(&unused, -1);
	snapshot(&tree, content, 2);
	name(&used, &mixed, &unused, &tree, NULL);

	CHECK(prune() == 0);
	CHECK(stats.packs_kept == 2 && stats.packs_repacked == 1 &&
	      stats.packs_removed == 1);
	CHECK(stats.blobs_used == 3 && stats.blobs_unused == 2);
	CHECK(stats.blobs_dropped == 1 && stats.blobs_remaining == 3);
	CHECK(stats.bytes_unused_after == 0);
	CHECK(there(FILE_PACK, &used.id) && there(FILE_PACK, &tree.id));
	CHECK(!there(FILE_PACK, &mixed.id) && !there(FILE_PACK, &unused.id));
	CHECK(count(FILE_PACK) == 3 && count(FILE_INDEX) == 1);
	CHECK(loads(&content[0]) && loads(&content[1]));
	CHECK(index_entries(r->index) == 3);

	CHECK(prune() == 0);
	CHECK(stats.packs_kept == 3 && stats.blobs_unused == 0);
	end();
}

static void of_copies_the_one_stays_that_frees_most(void)
{
	struct made alone, with, again, tree;
	struct id content[2];

	begin();
	made_begin(&alone);
	content[0] = add(&alone, BLOB_DATA, "twice");
	store(&alone, -1);
	made_begin(&with);
	add(&with, BLOB_DATA, "twice");
	content[1] = add(&with, BLOB_DATA, "once");
	store(&with, -1);
	made_begin(&again);
	add(&again, BLOB_DATA, "twice");
	store(&again, -1);
	snapshot(&tree, content, 2);
	name(&alone, &with, NULL);
	name(&again, &tree, NULL);
	CHECK(prune() == 0);
	CHECK(stats.blobs_used == 3 && stats.blobs_duplicate == 2);
	CHECK(stats.packs_removed == 2 && stats.packs_repacked == 0);
	CHECK(there(FILE_PACK, &with.id));
	CHECK(loads(&content[0]) && loads(&content[1]));
	end();
}

static void a_copy_whose_pack_is_gone_does_not_count(void)
{
	struct made gone, is, tree;
	struct id content;

	begin();
	made_begin(&gone);
	content = add(&gone, BLOB_DATA, "twice");
	store(&gone, -1);
	made_begin(&is);
	add(&is, BLOB_DATA, "twice");
	add(&is, BLOB_DATA, "nobody's");
	store(&is, -1);
	snapshot(&tree, &content, 1);
	name(&gone, &is, &tree, NULL);
	CHECK(store_remove(r->store, op, FILE_PACK, &gone.id) == 0);
	CHECK(prune() == 0);
	CHECK(stats.packs_missing == 1 && stats.packs_repacked == 1);
	CHECK(loads(&content) && index_entries(r->index) == 2);
	end();
}

/* Of two copies in packs that are both to be packed anew. */
static void two_copies(struct id content[2], bool both_broken)
{
	struct made first, second, tree;

	made_begin(&first);
	content[0] = add(&first, BLOB_DATA, "twice");
	content[1] = add(&first, BLOB_DATA, "once");
	add(&first, BLOB_DATA, "nobody's");
	store(&first, 0);
	made_begin(&second);
	add(&second, BLOB_DATA, "twice");
	add(&second, BLOB_DATA, "nobody's, either");
	store(&second, both_broken ? 0 : -1);
	snapshot(&tree, content, 2);
	name(&first, &second, &tree, NULL);
}

static void a_damaged_blob_is_replaced_by_another_copy(void)
{
	struct id content[2];

	begin();
	two_copies(content, false);
	CHECK(prune() == 0);
	CHECK(loads(&content[0]) && loads(&content[1]));
	CHECK(count(FILE_PACK) == 2);
	end();
}

static void nothing_is_removed_if_a_needed_blob_is_damaged(void)
{
	struct id content[2], missing;
	struct made tree;
	size_t packs;

	begin();
	two_copies(content, true);
	packs = count(FILE_PACK);
	CHECK(prune() == -1 && op->err.kind == ERR_CORRUPT);
	CHECK(strstr(op->err.msg, "snapshot ") &&
	      strstr(op->err.msg, "bad MAC"));
	CHECK(count(FILE_PACK) >= packs && count(FILE_INDEX) == 1);

	/* and if one is missing altogether, nothing is even begun */
	id_of("missing", 7, &missing);
	snapshot(&tree, &missing, 1);
	name(&tree, NULL);
	packs = count(FILE_PACK);
	CHECK(prune() == -1);
	CHECK(strstr(op->err.msg, "no index has blob"));
	CHECK(count(FILE_PACK) == packs && count(FILE_INDEX) == 2);
	end();
}

static void nothing_is_removed_if_a_needed_pack_is_missing(void)
{
	struct made k, unused, tree;
	struct id content;
	char hex[ID_HEX + 1];

	begin();
	made_begin(&k);
	content = add(&k, BLOB_DATA, "one");
	store(&k, -1);
	made_begin(&unused);
	add(&unused, BLOB_DATA, "nobody's");
	store(&unused, -1);
	snapshot(&tree, &content, 1);
	name(&k, &unused, &tree, NULL);
	CHECK(store_remove(r->store, op, FILE_PACK, &k.id) == 0);
	CHECK(prune() == -1 && op->err.kind == ERR_CORRUPT);
	CHECK(strstr(op->err.msg, id_hex(&k.id, hex)) &&
	      strstr(op->err.msg, "not there"));
	CHECK(strstr(op->err.msg, id_hex(&content, hex)));
	CHECK(there(FILE_PACK, &unused.id) && named() == 3);
	end();
}

/* A run that was killed after it had written the new index. */
static void packs_named_twice_are_named_once(void)
{
	struct made used, unused, tree;
	struct id content;

	begin();
	made_begin(&used);
	content = add(&used, BLOB_DATA, "one");
	store(&used, -1);
	made_begin(&unused);
	add(&unused, BLOB_DATA, "nobody's");
	store(&unused, -1);
	snapshot(&tree, &content, 1);
	name(&used, &unused, &tree, NULL);
	name(&used, &tree, NULL);
	CHECK(prune() == 0);
	CHECK(stats.blobs_duplicate == 0 && stats.packs_removed == 1);
	CHECK(loads(&content) && !there(FILE_PACK, &unused.id));
	CHECK(named() == 2);
	end();
}

static void index_files_that_do_not_change_stay(void)
{
	struct made used, unused, tree;
	struct id content, stays, goes;

	begin();
	made_begin(&used);
	content = add(&used, BLOB_DATA, "one");
	store(&used, -1);
	made_begin(&unused);
	add(&unused, BLOB_DATA, "nobody's");
	store(&unused, -1);
	snapshot(&tree, &content, 1);
	stays = name(&used, NULL);
	goes = name(&unused, &tree, NULL);
	CHECK(prune() == 0);
	CHECK(there(FILE_INDEX, &stays) && !there(FILE_INDEX, &goes));
	CHECK(count(FILE_INDEX) == 2 && loads(&content) && named() == 2);
	end();
}

static void many_small_index_files_become_one(void)
{
	struct made k;
	struct id content[12];
	char text[16];

	begin();
	for (int i = 0; i < 12; i++) {
		made_begin(&k);
		snprintf(text, sizeof(text), "blob%d", i);
		content[i] = add(&k, BLOB_DATA, text);
		store(&k, -1);
		name(&k, NULL);
	}
	r->index = index_new();
	CHECK(repo_load_index(r, op, NULL, NULL) == 0);
	CHECK(index_replace(r, op, lock, NULL) == 0);
	CHECK(count(FILE_INDEX) == 1 && named() == 12);
	for (int i = 0; i < 12; i++)
		CHECK(loads(&content[i]));
	end();
}

static void the_index_names_what_it_knows_and_drops_what_is_damaged(void)
{
	struct made a, b, c;
	struct id content[3], file, bad;

	begin();
	made_begin(&a);
	content[0] = add(&a, BLOB_DATA, "a");
	store(&a, -1);
	made_begin(&b);
	content[1] = add(&b, BLOB_DATA, "b1");
	content[2] = add(&b, BLOB_DATA, "b2");
	store(&b, -1);
	file = name(&a, NULL);
	id_of("no index", 8, &bad);
	CHECK(store_write(r->store, op, FILE_INDEX, &bad, "no index", 8) == 0);
	/* a file that has only half of what the pack has */
	c = b;
	c.n = 1;
	name(&c, NULL);

	r->index = index_new();
	index_add_pack(r->index, &a.id, a.blobs, a.n);
	index_add_pack(r->index, &b.id, b.blobs, b.n);
	CHECK(index_replace(r, op, lock, NULL) == 0);
	CHECK(!there(FILE_INDEX, &bad) && there(FILE_INDEX, &file));
	for (int i = 0; i < 3; i++)
		CHECK(loads(&content[i]));
	end();
}

static void packs_in_no_index_go(void)
{
	struct made k, tree;
	struct id content;

	begin();
	made_begin(&k);
	content = add(&k, BLOB_DATA, "one");
	store(&k, -1);
	snapshot(&tree, &content, 1);
	name(&k, &tree, NULL);
	made_begin(&k);
	add(&k, BLOB_DATA, "a run that was killed");
	store(&k, -1);
	CHECK(prune_with(&(struct prune_opt){ .max_repack = -1,
					      .dry_run = true }) == 0);
	CHECK(there(FILE_PACK, &k.id));
	CHECK(prune() == 0);
	CHECK(stats.packs_unreferenced == 1 && !there(FILE_PACK, &k.id));
	CHECK(loads(&content));
	end();
}

static void a_limit_of_moving_or_of_what_is_unused_is_kept(void)
{
	struct made mixed, tree;
	struct id content;
	struct prune_opt opt = { .max_unused = 0, .max_repack = 10 };

	begin();
	made_begin(&mixed);
	content = add(&mixed, BLOB_DATA, "one");
	add(&mixed, BLOB_DATA, "nobody's");
	store(&mixed, -1);
	snapshot(&tree, &content, 1);
	name(&mixed, &tree, NULL);
	CHECK(prune_with(&opt) == 0);
	CHECK(stats.packs_repacked == 0 && stats.bytes_unused_after > 0);
	/* a pack as small as these is always packed anew, so: none is small */
	opt = (struct prune_opt){ .max_unused = 1000,
				  .max_repack = -1,
				  .small = 1 };
	CHECK(prune_with(&opt) == 0 && stats.packs_repacked == 0);
	opt.max_unused = -1;
	opt.unlimited_unused = true;
	CHECK(prune_with(&opt) == 0 && stats.packs_repacked == 0);
	opt.unlimited_unused = false;
	opt.max_unused_part = 0.9;
	CHECK(prune_with(&opt) == 0 && stats.packs_repacked == 0);
	opt.max_unused_part = 0.05;
	CHECK(prune_with(&opt) == 0 && stats.packs_repacked == 1);
	CHECK(there(FILE_PACK, &tree.id) && loads(&content));
	end();
}

int main(void)
{
	RUN(unused_packs_go_and_used_blobs_move);
	RUN(of_copies_the_one_stays_that_frees_most);
	RUN(a_copy_whose_pack_is_gone_does_not_count);
	RUN(a_damaged_blob_is_replaced_by_another_copy);
	RUN(nothing_is_removed_if_a_needed_blob_is_damaged);
	RUN(nothing_is_removed_if_a_needed_pack_is_missing);
	RUN(packs_named_twice_are_named_once);
	RUN(index_files_that_do_not_change_stay);
	RUN(many_small_index_files_become_one);
	RUN(the_index_names_what_it_knows_and_drops_what_is_damaged);
	RUN(packs_in_no_index_go);
	RUN(a_limit_of_moving_or_of_what_is_unused_is_kept);
	return 0;
}
