#include "tests/unit/repos.h"

#include "repo/check.h"
#include "repo/id_map.h"
#include "repo/rewrite.h"
#include "repo/saver.h"
#include "repo/walk.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;
static struct saver *saver;

static void begin(void)
{
	const struct saver_opt opt = { 0 };

	memory_repo_begin(&m);
	r = &m.repo;
	op = &m.places.op;
	r->index = index_new();
	saver = saver_new(r, &opt, op->cancel);
}

/* What was made is stored, and the index is as if nobody had read it yet. */
static void made(void)
{
	CHECK(saver_flush(saver, op) == 0);
	saver_free(saver);
	index_free(r->index);
	r->index = NULL;
}

static void end(void)
{
	memory_repo_end(&m);
}

static struct id put_blob(enum blob_type t, const void *p, size_t n)
{
	struct id id = { 0 };
	struct saved saved;

	CHECK(saver_add(saver, op, m.coder, t, p, n, &id, &saved) == 0);
	return id;
}

static struct id put_tree(const char *json)
{
	return put_blob(BLOB_TREE, json, strlen(json));
}

static struct id put_snapshot(const struct id *tree)
{
	struct snapshot s = { .tree = *tree, .hostname = "h", .username = "u" };
	struct id id;

	CHECK(snapshot_save(r, op, m.coder, &s, &id) == 0);
	return id;
}

static struct id missing(char c)
{
	struct id id;

	memset(&id, c, sizeof(id));
	return id;
}

#define TIMES                                 \
	"\"mtime\":\"2020-01-01T00:00:00Z\"," \
	"\"atime\":\"2020-01-01T00:00:00Z\"," \
	"\"ctime\":\"2020-01-01T00:00:00Z\"," \
	"\"uid\":0,\"gid\":0"

static void add_file(struct buf *b, const char *name, const struct id *content)
{
	buf_addf(b,
		 "{\"name\":\"%s\",\"type\":\"file\",\"mode\":420," TIMES
		 ",\"size\":4,\"content\":[\"",
		 name);
	id_add_hex(b, content);
	buf_adds(b, "\"]}");
}

static void add_dir(struct buf *b, const char *name, const struct id *tree)
{
	buf_addf(b,
		 "{\"name\":\"%s\",\"type\":\"dir\",\"mode\":2147484141," TIMES
		 ",\"later\":[1],\"subtree\":\"",
		 name);
	id_add_hex(b, tree);
	buf_adds(b, "\"}");
}

/* How often each kind was told. */
struct told {
	unsigned of[HINT_DUPLICATE + 1];
	unsigned with_path;
	char more[64], path[256];
};

static void note(void *arg, struct op *o, const struct damage *d)
{
	struct told *t = arg;

	(void)o;
	t->of[d->kind]++;
	if (d->kind != DAMAGE_FILE)
		return;
	if (d->path) {
		t->with_path++;
		snprintf(t->path, sizeof(t->path), "%s", d->path);
	} else {
		snprintf(t->more, sizeof(t->more), "%s", d->text);
	}
}

static struct check_result checked(bool read_data, struct told *told)
{
	const struct check_opt opt = { .read_data = read_data,
				       .tell = note,
				       .arg = told };
	struct check_result out;

	*told = (struct told){ 0 };
	CHECK(check_run(r, op, &opt, &out) == 0);
	return out;
}

static void what_is_whole_has_no_damage(void)
{
	struct buf b = BUF_INIT;
	struct check_result out;
	struct told told;
	struct id blob;

	begin();
	blob = put_blob(BLOB_DATA, "text", 4);
	buf_adds(&b, "{\"nodes\":[");
	add_file(&b, "a", &blob);
	buf_adds(&b, "]}\n");
	blob = put_tree(b.data);
	put_snapshot(&blob);
	made();
	out = checked(true, &told);
	CHECK(out.errors == 0 && out.packs == 2 && out.packs_read == 2);
	CHECK(out.snapshots == 1 && out.blobs == 2 && out.orphans == 0);
	end();
	buf_free(&b);
}

static void of_many_files_of_one_damage_a_few_are_named(void)
{
	struct id lost = missing('x'), tree;
	struct buf b = BUF_INIT;
	struct check_result out;
	struct told told;

	begin();
	buf_adds(&b, "{\"nodes\":[");
	for (unsigned i = 0; i < 100; i++) {
		char name[8];

		snprintf(name, sizeof(name), "f%03u", i);
		buf_adds(&b, i ? "," : "");
		add_file(&b, name, &lost);
	}
	buf_adds(&b, "]}\n");
	tree = put_tree(b.data);
	put_snapshot(&tree);
	made();
	out = checked(false, &told);
	CHECK(out.errors == 1 && told.of[DAMAGE_MISSING] == 1);
	CHECK(told.with_path == CHECK_FILES);
	CHECK(strcmp(told.more, "and 80 more") == 0);
	end();
	buf_free(&b);
}

/* Each folder has the next one twice: 2^200 paths lead to what is lost. */
static void folders_that_multiply_are_walked_in_finite_time(void)
{
	struct id lost = missing('x'), tree;
	struct buf b = BUF_INIT;
	struct check_result out;
	struct told told;

	begin();
	buf_adds(&b, "{\"nodes\":[");
	add_file(&b, "f", &lost);
	buf_adds(&b, "]}\n");
	tree = put_tree(b.data);
	for (unsigned i = 0; i < 20; i++) {
		buf_reset(&b);
		buf_adds(&b, "{\"nodes\":[");
		add_dir(&b, "a", &tree);
		buf_adds(&b, ",");
		add_dir(&b, "b", &tree);
		buf_adds(&b, "]}\n");
		tree = put_tree(b.data);
	}
	put_snapshot(&tree);
	made();
	out = checked(false, &told);
	CHECK(out.errors == 1 && told.with_path == CHECK_FILES);
	CHECK(strstr(told.more, " more or so"));
	end();
	buf_free(&b);
}

static void a_folder_too_deep_is_a_damage(void)
{
	struct buf b = BUF_INIT;
	struct told told;
	struct id tree;

	begin();
	tree = missing('x');
	for (unsigned i = 0; i < WALK_DEPTH + 10; i++) {
		buf_reset(&b);
		buf_adds(&b, "{\"nodes\":[");
		add_dir(&b, "d", &tree);
		buf_adds(&b, "]}\n");
		tree = put_tree(b.data);
	}
	put_snapshot(&tree);
	made();
	CHECK(checked(false, &told).errors == 1);
	CHECK(told.of[DAMAGE_TREE] == 1 && told.with_path == 1);
	end();
	buf_free(&b);
}

static void trees_of_bad_form_are_damage(void)
{
	static const char *const trees[] = {
		"{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\"," TIMES "}]}\n",
		"{\"nodes\":[{\"name\":\"..\",\"type\":\"dir\"}]}\n",
		"{\"nodes\":[",
		"",
	};

	for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
		struct told told;
		struct id tree;

		begin();
		tree = put_tree(trees[i]);
		put_snapshot(&tree);
		made();
		CHECK(checked(true, &told).errors == 1);
		CHECK(told.of[DAMAGE_TREE] == 1 && told.of[DAMAGE_PACK] == 0);
		end();
	}
}

static void packs_have_the_shape_of_their_blobs(void)
{
	struct pack_blobs l = { 0 };
	int64_t size;

	CHECK(check_shape(&l, (int64_t)pack_header_len(NULL, 0)));
	*pack_blobs_add(&l) = (struct pack_blob){ .len = 50 };
	*pack_blobs_add(&l) = (struct pack_blob){ .off = 50, .len = 60 };
	size = 110 + (int64_t)pack_header_len(l.at, l.n);
	CHECK(check_shape(&l, size));
	CHECK(!check_shape(&l, size - 1) && !check_shape(&l, size + 1));
	CHECK(!check_shape(&l, -1));
	l.at[1].off = 51;
	CHECK(!check_shape(&l, size) && !check_shape(&l, size + 1));
	l.at[1].off = 49;
	CHECK(!check_shape(&l, size) && !check_shape(&l, size - 1));
	pack_blobs_free(&l);
}

static struct snapshots loaded(struct snapshot_filter *f)
{
	struct snapshots v = { 0 };

	CHECK(repo_load_index(r, op, NULL, NULL) == 0);
	CHECK(snapshots_load(r, op, &op->arena, f, NULL, NULL, &v) == 0);
	return v;
}

/* The root, text, of the one snapshot that there is. */
static void read_root(struct buf *out)
{
	struct snapshot_filter all = { 0 };
	struct snapshots v = { 0 };

	CHECK(snapshots_load(r, op, &op->arena, &all, NULL, NULL, &v) == 0);
	CHECK(v.n == 1);
	CHECK(repo_load_blob(r, op, m.coder, BLOB_TREE, &v.at[0].tree, out) ==
	      0);
	snapshots_free(&v);
}

static int rewritten(const struct snapshots *v, const struct rewrite_opt *opt,
		     struct rewrite_result *out)
{
	struct lock *lock;
	int rc = lock_take(r, op, true, 0, NULL, &lock);

	if (rc == 0) {
		rc = rewrite_snapshots(r, op, lock, v, opt, out);
		lock_release(lock);
	}
	return rc;
}

static void a_rewritten_tree_keeps_the_bytes_of_what_stays(void)
{
	const struct rewrite_opt opt = { .exclude = patterns_new(),
					 .forget = true };
	struct buf b = BUF_INIT, want = BUF_INIT;
	struct snapshot_filter all = { 0 };
	struct rewrite_result out;
	struct snapshots v;
	struct id blob, sub, tree;

	CHECK(patterns_add((struct patterns *)(uintptr_t)opt.exclude, "/d/x",
			   false, &(struct err){ 0 }) == 0);
	begin();
	blob = put_blob(BLOB_DATA, "text", 4);
	buf_adds(&b, "{\"nodes\":[");
	add_file(&b, "x", &blob);
	buf_adds(&b, "]}\n");
	sub = put_tree(b.data);
	buf_reset(&b);
	buf_adds(&b, "{\"nodes\":[");
	add_file(&b, "a", &blob);
	buf_adds(&b, ",");
	buf_add(&want, b.data, b.len);
	add_dir(&b, "d", &sub);
	buf_adds(&b, "]}\n");
	tree = put_tree(b.data);
	put_snapshot(&tree);
	made();
	v = loaded(&all);
	CHECK(rewritten(&v, &opt, &out) == 0);
	CHECK(out.changed == 1);
	id_of("{\"nodes\":[]}\n", 13, &sub);
	add_dir(&want, "d", &sub);
	buf_adds(&want, "]}\n");
	read_root(&b);
	CHECK(b.len == want.len && memcmp(b.data, want.data, b.len) == 0);
	snapshots_free(&v);
	patterns_free((struct patterns *)(uintptr_t)opt.exclude);
	end();
	buf_free(&b);
	buf_free(&want);
}

static void repair_puts_names_into_order(void)
{
	const struct rewrite_opt opt = { .repair = true, .forget = true };
	struct buf b = BUF_INIT, want = BUF_INIT;
	struct snapshot_filter all = { 0 };
	struct rewrite_result out;
	struct snapshots v;
	struct id blob, tree;

	begin();
	blob = put_blob(BLOB_DATA, "text", 4);
	buf_adds(&b, "{\"nodes\":[");
	add_file(&b, "b", &blob);
	buf_adds(&b, ",");
	add_file(&b, "a", &blob);
	buf_adds(&b, ",");
	add_file(&b, "b", &blob);
	buf_adds(&b, "]}\n");
	tree = put_tree(b.data);
	put_snapshot(&tree);
	made();
	v = loaded(&all);
	CHECK(rewritten(&v, &opt, &out) == 0);
	buf_adds(&want, "{\"nodes\":[");
	add_file(&want, "a", &blob);
	buf_adds(&want, ",");
	add_file(&want, "b", &blob);
	buf_adds(&want, "]}\n");
	read_root(&b);
	CHECK(b.len == want.len && memcmp(b.data, want.data, b.len) == 0);
	snapshots_free(&v);
	end();
	buf_free(&b);
	buf_free(&want);
}

static void what_is_known_of_ids_is_found_again(void)
{
	struct id_map map;
	struct id id = { 0 };

	id_map_init(&map);
	for (unsigned i = 0; i < 10000; i++) {
		id.b[31] = (uint8_t)i;
		id.b[7] = (uint8_t)(i >> 8);
		CHECK(!id_map_find(&map, &id));
		id_map_at(&map, &id)->files = i;
	}
	for (unsigned i = 0; i < 10000; i++) {
		id.b[31] = (uint8_t)i;
		id.b[7] = (uint8_t)(i >> 8);
		CHECK(id_map_find(&map, &id)->files == i);
		CHECK(id_map_at(&map, &id)->files == i);
	}
	CHECK(map.all.n == 10000);
	id_map_free(&map);
}

int main(void)
{
	RUN(what_is_whole_has_no_damage);
	RUN(of_many_files_of_one_damage_a_few_are_named);
	RUN(folders_that_multiply_are_walked_in_finite_time);
	RUN(a_folder_too_deep_is_a_damage);
	RUN(trees_of_bad_form_are_damage);
	RUN(packs_have_the_shape_of_their_blobs);
	RUN(a_rewritten_tree_keeps_the_bytes_of_what_stays);
	RUN(repair_puts_names_into_order);
	RUN(what_is_known_of_ids_is_found_again);
	return 0;
}
