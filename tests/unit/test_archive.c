#include "tests/unit/repos.h"

#include "lib/clock.h"
#include "repo/archive.h"
#include "repo/saver.h"
#include "repo/walk.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;
static struct backend *src;
static struct archive_opt opt;
static struct archive_result res;
static unsigned told;
static struct repo_errors errors;

static void tell(struct repo_errors *e, struct op *o, const char *item,
		 const char *during)
{
	(void)e;
	(void)o;
	(void)item;
	CHECK(strcmp(during, "archival") == 0);
	__atomic_fetch_add(&told, 1, __ATOMIC_SEQ_CST);
}

static struct strings one(const char *text)
{
	const char **at = arena_alloc(&op->arena, sizeof(*at));

	*at = text;
	return (struct strings){ at, 1 };
}

static void begin(const char *spec)
{
	memory_repo_begin(&m);
	r = &m.repo;
	op = &m.places.op;
	r->index = index_new();
	r->polynomial = UINT64_C(0x3DA3358B4DC173);
	src = opened(&m.places, spec);
	told = 0;
	errors.tell = tell;
	opt = (struct archive_opt){
		.from = src,
		.paths = one("/top"),
		.show_paths = one("/top"),
		.hostname = "here",
		.username = "me",
		.time = node_time_local(0),
		.larger_than = -1,
		.chunks = { 64 << 10, 1 << 20, 16 },
		.program_version = "test",
		.errors = &errors,
	};
}

static void end(void)
{
	be_close(src);
	memory_repo_end(&m);
}

static void put(const char *path, uint64_t seed, int64_t size)
{
	CHECK(put_bytes(&m.places, src, path, seed, size) == 0);
}

static void run(void)
{
	int rc = archive_run(r, op, NULL, &opt, &res);

	if (rc < 0)
		fprintf(stderr, "%s\n", op->err.msg);
	CHECK(rc == 0);
}

/* All paths of the snapshot, each with a blank behind it. */
static enum walk_next note(void *arg, struct op *o, const struct walk_node *n)
{
	(void)o;
	buf_adds(arg, n->path);
	buf_adds(arg, " ");
	return WALK_ON;
}

static const char *tree(void)
{
	const struct walk_opt walk = { 0 };
	struct buf b = BUF_INIT;
	const char *text;

	CHECK(trees_walk(r, op, m.coder, &res.tree, "", &walk, note, &b) == 0);
	text = arena_strdup(&op->arena, b.data);
	buf_free(&b);
	return text;
}

/* Whether the file at `path` has just these bytes. */
static bool holds(const char *path, uint64_t seed, int64_t size)
{
	struct buf b = BUF_INIT;
	int64_t at = 0;
	bool same = true;
	struct node n;
	struct id dir;

	CHECK(snapshot_descend(r, op, m.coder, &op->arena, &res.tree, path, &n,
			       &dir) == 0);
	CHECK(n.type == NODE_FILE);
	for (size_t i = 0; i < n.ncontent; i++) {
		CHECK(repo_load_blob(r, op, m.coder, BLOB_DATA, &n.content[i],
				     &b) == 0);
		for (size_t k = 0; k < b.len; k++)
			same = same &&
			       (uint8_t)b.data[k] == bytes_at(seed, at++);
	}
	buf_free(&b);
	return same && at == size && n.size == (uint64_t)size;
}

static void what_is_saved_is_what_is_there(void)
{
	begin(":mem:");
	put("top/a", 1, 10);
	put("top/b/c", 2, 100000);
	put("top/b/large", 3, 3000000);
	put("top/none", 4, 0);
	put("aside", 5, 10);
	run();
	CHECK_STR(tree(), "/top /top/a /top/b /top/b/c /top/b/large "
			  "/top/none ");
	CHECK(holds("top/a", 1, 10) && holds("top/b/c", 2, 100000));
	CHECK(holds("top/b/large", 3, 3000000) && holds("top/none", 4, 0));
	CHECK(res.stored && res.errors == 0);
	CHECK(res.summary.files_new == 4 && res.summary.dirs_new == 2);
	CHECK(res.summary.total_bytes_processed == 3100010);
	CHECK(res.summary.data_added > 3100010);
	end();
}

static void a_large_file_is_whole_whoever_reads_and_saves_it(void)
{
	begin(":mem:");
	put("top/large", 9, 20000000);
	for (opt.readers = 1; opt.readers < 6; opt.readers += 2) {
		run();
		CHECK(holds("top/large", 9, 20000000));
	}
	CHECK(res.summary.data_blobs == 0);
	end();
}

static void what_has_not_changed_is_not_read_again(void)
{
	struct snapshot parent = { 0 };

	begin(":fault,remote=':mem:',op=get,calls=4-,error=denied:");
	for (unsigned i = 0; i < 3; i++)
		put(arena_printf(&op->arena, "top/f%u", i), i, 1000 + i);
	run();
	CHECK(told == 0 && res.summary.files_new == 3);
	parent.tree = res.tree;
	opt.parent = &parent;
	run();
	CHECK(told == 0 && res.summary.files_unmodified == 3);
	CHECK(res.summary.dirs_unmodified == 1);
	CHECK(res.summary.data_added == 0 && id_equal(&parent.tree, &res.tree));
	put("top/f1", 7, 1001);
	run(); /* which is to be read, and cannot be */
	CHECK(told == 1 && res.errors == 1);
	CHECK_STR(tree(), "/top /top/f0 /top/f2 ");
	opt.skip_if_unchanged = true;
	parent.tree = res.tree;
	run();
	CHECK(!res.stored);
	end();
}

static void a_change_is_told_from_what_is_new(void)
{
	struct snapshot parent = { 0 };

	begin(":mem:");
	put("top/a", 1, 1000);
	put("top/d/b", 2, 1000);
	run();
	parent.tree = res.tree;
	opt.parent = &parent;
	put("top/a", 3, 1001);
	put("top/c", 4, 1000);
	run();
	CHECK(res.summary.files_new == 1 && res.summary.files_changed == 1);
	CHECK(res.summary.files_unmodified == 1);
	CHECK(res.summary.dirs_changed == 1 &&
	      res.summary.dirs_unmodified == 1);
	CHECK(holds("top/a", 3, 1001) && holds("top/d/b", 2, 1000));
	end();
}

/* Its pack was lost, say, and the index has been repaired. */
static void an_unchanged_file_whose_content_is_lost_is_read_again(void)
{
	struct snapshot parent = { 0 };

	begin(":mem:");
	put("top/a", 1, 1000);
	run();
	parent.tree = res.tree;
	opt.parent = &parent;
	index_free(r->index);
	r->index = index_new();
	run();
	CHECK(res.summary.data_blobs == 1 && holds("top/a", 1, 1000));
	end();
}

static void what_is_excluded_is_left_out(void)
{
	const char *marks[] = { "NOBACKUP:no" };

	begin(":mem:");
	put("top/a", 1, 10);
	put("top/large", 1, 5000);
	put("top/cache/CACHEDIR.TAG", 1, 10); /* without its signature */
	put("top/cache/x", 1, 10);
	put("top/no/NOBACKUP", 1, 10);
	put("top/no/x", 1, 10);
	opt.larger_than = 4999;
	opt.exclude_caches = true;
	opt.if_present = (struct strings){ marks, 1 };
	run();
	CHECK_STR(tree(), "/top /top/a /top/cache /top/cache/CACHEDIR.TAG "
			  "/top/cache/x /top/no /top/no/NOBACKUP /top/no/x ");
	marks[0] = "NOBACKUP";
	run();
	CHECK_STR(tree(), "/top /top/a /top/cache /top/cache/CACHEDIR.TAG "
			  "/top/cache/x /top/no /top/no/NOBACKUP ");
	end();
}

static void a_folder_that_cannot_be_listed_is_told_and_left_out(void)
{
	begin(":fault,remote=':mem:',op=list,path=top/bad,error=denied:");
	put("top/a", 1, 10);
	put("top/bad/b", 1, 10);
	run();
	CHECK(told == 1 && res.errors == 1 && res.stored);
	CHECK_STR(tree(), "/top /top/a ");
	end();
}

static void a_backup_of_nothing_fails(void)
{
	begin(":mem:");
	opt.paths = one("/missing");
	CHECK(archive_run(r, op, NULL, &opt, &res) == -1);
	CHECK(op->err.kind == ERR_NOT_FOUND && !res.stored && told == 1);
	end();
}

static void a_cancelled_backup_ends_without_a_snapshot(void)
{
	begin(":mem:");
	for (unsigned i = 0; i < 500; i++)
		put(arena_printf(&op->arena, "top/%u/f", i), i, 1000);
	cancel_set(&m.places.cancel);
	CHECK(archive_run(r, op, NULL, &opt, &res) == -1);
	CHECK(op->err.kind == ERR_CANCELED && !res.stored);
	end();
}

static void a_failure_of_the_repository_ends_the_backup(void)
{
	begin(":mem:");
	store_free(r->store);
	r->store = store_new(src, NULL);
	be_close(m.be);
	m.be = opened(&m.places, ":fault,remote=':mem:',op=put,error=denied:");
	store_free(r->store);
	r->store = store_new(m.be, NULL);
	for (unsigned i = 0; i < 500; i++)
		put(arena_printf(&op->arena, "top/%u/f", i), i, 100000);
	CHECK(archive_run(r, op, NULL, &opt, &res) == -1);
	CHECK(op->err.kind == ERR_DENIED && !res.stored);
	end();
}

static void a_stream_becomes_a_file(void)
{
	struct bytes_source s = bytes_source(6, 2500000);

	begin(":mem:");
	s.base.size = -1;
	CHECK(archive_stream(r, op, NULL, &opt, &s.base, "/a/b/in", &res) == 0);
	CHECK_STR(tree(), "/a /a/b /a/b/in ");
	CHECK(holds("a/b/in", 6, 2500000) && res.stored);
	s = bytes_source(6, 2500000);
	s.end = 100;
	s.error = ERR_IO;
	CHECK(archive_stream(r, op, NULL, &opt, &s.base, "/in", &res) == -1);
	CHECK(op->err.kind == ERR_IO && !res.stored);
	end();
}

static void paths_have_places_as_restic_gives_them(void)
{
	static const struct {
		const char *given, *path, *place;
	} cases[] = {
		{ "/x/y/", "/x/y", "x/y" },
		{ "a/b", "/home/me/a/b", "a/b" },
		{ "./a//c/../b", "/home/me/a/b", "a/b" },
		{ "../you/f", "/home/you/f", "you/f" },
		{ "../../../etc", "/etc", "etc" },
		{ ".", "/home/me/f1", "f1" },
		{ "..", "/home/me", "me" },
		{ "/", "/home", "home" },
	};
	const char *twice[] = { "/etc/x", "etc/y", "/etc/z" };
	struct strings given, paths, places;

	begin(":mem:");
	put("home/me/f1", 1, 1);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		given = one(cases[i].given);
		CHECK(archive_places(&op->arena, op, src, "/home/me", &given,
				     &paths, &places) == 0);
		CHECK(paths.n == 1 && places.n == 1);
		CHECK_STR(paths.at[0], cases[i].path);
		CHECK_STR(places.at[0], cases[i].place);
	}
	given = (struct strings){ twice, 3 };
	CHECK(archive_places(&op->arena, op, src, "/home/me", &given, &paths,
			     &places) == 0);
	CHECK_STR(places.at[0], "etc/x");
	CHECK_STR(places.at[1], "etc-1/y");
	CHECK_STR(places.at[2], "etc/z");
	put("etc/x", 1, 1);
	put("home/me/etc/y", 2, 2);
	put("etc/z", 3, 3);
	opt.paths = paths;
	opt.places = places;
	run();
	CHECK_STR(tree(), "/etc /etc/x /etc/z /etc-1 /etc-1/y ");
	CHECK(holds("etc-1/y", 2, 2));
	end();
}

static void a_path_within_another_is_saved_once(void)
{
	const char *at[] = { "/top", "/top/d/f", "/top2/g" };

	begin(":mem:");
	put("top/d/f", 1, 1);
	put("top/d/g", 2, 2);
	put("top2/f", 3, 3);
	put("top2/g", 4, 4);
	opt.paths = (struct strings){ at, 3 };
	run();
	CHECK_STR(tree(), "/top /top/d /top/d/f /top/d/g /top2 /top2/g ");
	end();
}

int main(void)
{
	RUN(what_is_saved_is_what_is_there);
	RUN(a_large_file_is_whole_whoever_reads_and_saves_it);
	RUN(what_has_not_changed_is_not_read_again);
	RUN(a_change_is_told_from_what_is_new);
	RUN(an_unchanged_file_whose_content_is_lost_is_read_again);
	RUN(what_is_excluded_is_left_out);
	RUN(a_folder_that_cannot_be_listed_is_told_and_left_out);
	RUN(a_backup_of_nothing_fails);
	RUN(a_cancelled_backup_ends_without_a_snapshot);
	RUN(a_failure_of_the_repository_ends_the_backup);
	RUN(a_stream_becomes_a_file);
	RUN(paths_have_places_as_restic_gives_them);
	RUN(a_path_within_another_is_saved_once);
	return 0;
}
