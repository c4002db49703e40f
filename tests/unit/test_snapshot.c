#include "tests/unit/repos.h"

#include "repo/snapshot.h"

static struct memory_repo m;
static struct repo *r;
static struct op *op;
static struct arena *a;

static void begin(void)
{
	memory_repo_begin(&m);
	r = &m.repo;
	op = &m.places.op;
	a = &op->arena;
}

static void end(void)
{
	memory_repo_end(&m);
}

static bool fails_with(int rc, enum err_kind kind)
{
	return rc == -1 && op->err.kind == kind;
}

#define TREE "1059fc8c9653c8a36622a44034c8d7cd4348c7d6e027e890fcdfbc9c50c2c656"
#define PARENT \
	"b0fda94ae9426be8f4eb4efca8560ca85297af538a1f41a209cd87771da39771"

/* By restic 0.18.0 and, without a summary, 0.14.0. */
static const char *const restics[] = {
	"{\"time\":\"2026-11-22T04:00:01.047293849Z\",\"parent\":\"" PARENT
	"\",\"tree\":\"" TREE
	"\",\"paths\":[\"/b\",\"/a\\u003c\\u0026\"],\"hostname\":\"vm\","
	"\"username\":\"root\",\"excludes\":[\"*.o\\u003c\"],"
	"\"tags\":[\"a\",\"b\"],\"program_version\":\"restic 0.18.0\","
	"\"summary\":{\"backup_start\":\"2026-11-22T04:00:01.047293849Z\","
	"\"backup_end\":\"2026-11-22T04:00:01.803571564Z\",\"files_new\":143,"
	"\"files_changed\":1,\"files_unmodified\":2,\"dirs_new\":4,"
	"\"dirs_changed\":3,\"dirs_unmodified\":5,\"data_blobs\":142,"
	"\"tree_blobs\":6,\"data_added\":498738,\"data_added_packed\":206831,"
	"\"total_files_processed\":146,\"total_bytes_processed\":447621}}",
	"{\"time\":\"2026-11-22T05:00:01.5+01:00\",\"tree\":\"" TREE
	"\",\"paths\":[\"/a\"],\"hostname\":\"vm\",\"username\":\"me\","
	"\"uid\":1000,\"gid\":100,\"original\":\"" PARENT "\"}",
};

static void restics_snapshots_are_read_and_written_as_they_were(void)
{
	struct buf b = BUF_INIT;
	struct snapshot s;
	struct err e;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(restics); i++) {
		CHECK(snapshot_parse(a, restics[i], strlen(restics[i]), &s,
				     &e) == 0);
		buf_reset(&b);
		snapshot_write(&b, &s);
		CHECK_STR(b.data, restics[i]);
	}
	CHECK(s.uid == 1000 && s.time.zone == 3600 && !s.summary);
	buf_reset(&b);
	snapshot_show(&b, &s);
	CHECK(strstr(b.data, "\",\"id\":\"0000000000000000000000000000000000000"
			     "000000000000000000000000000\","
			     "\"short_id\":\"00000000\"}"));
	buf_free(&b);
	end();
}

static void bad_snapshots_are_corrupt(void)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"paths\":[\"/a\"]}",
		"{\"time\":\"2026-11-22\",\"tree\":\"" TREE "\"}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":\"1059\"}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":null}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":\"" TREE
		"\",\"parent\":1}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":\"" TREE
		"\",\"tags\":[1]}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":\"" TREE
		"\",\"paths\":{}}",
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":\"" TREE
		"\",\"paths\":[\"/a\\u0000b\"]}",
	};
	static const char least[] =
		"{\"time\":\"2026-11-22T04:00:01Z\",\"tree\":\"" TREE
		"\",\"paths\":null,\"new\":{\"x\":[1]}}";
	struct snapshot s;
	struct err e;

	begin();
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(snapshot_parse(a, bad[i], strlen(bad[i]), &s, &e) < 0 &&
		      e.kind == ERR_CORRUPT);
	CHECK(snapshot_parse(a, least, strlen(least), &s, &e) == 0);
	CHECK(s.paths.n == 0 && !s.summary);
	CHECK_STR(s.hostname, "");
	end();
}

static struct strings strings(size_t n, const char *const *at)
{
	return (struct strings){ .at = at, .n = n };
}

static void filters_choose_by_host_paths_and_tags(void)
{
	static const char *const paths[] = { "/a", "/b" };
	static const char *const tags[] = { "x", "y" };
	static const char *const hosts[] = { "other", "h" };
	static const char *const both[] = { "z", "x,y" };
	static const char *const one_wrong[] = { "x,z", "xy" };
	static const char *const untagged[] = { "" };
	static const char *const elsewhere[] = { "/c" };
	const struct snapshot s = { .hostname = "h",
				    .paths = strings(2, paths),
				    .tags = strings(2, tags) };
	const struct snapshot plain = { .hostname = "h" };
	struct snapshot_filter f = { 0 };

	CHECK(snapshot_matches(&s, &f));
	f.hosts = strings(1, hosts);
	CHECK(!snapshot_matches(&s, &f));
	f.hosts.n = 2;
	CHECK(snapshot_matches(&s, &f));
	f.paths = strings(2, paths);
	CHECK(snapshot_matches(&s, &f) && !snapshot_matches(&plain, &f));
	f.paths = strings(1, elsewhere);
	CHECK(!snapshot_matches(&s, &f));
	f = (struct snapshot_filter){ .tags = strings(2, both) };
	CHECK(snapshot_matches(&s, &f) && !snapshot_matches(&plain, &f));
	f.tags = strings(2, one_wrong);
	CHECK(!snapshot_matches(&s, &f));
	f.tags = strings(1, untagged);
	CHECK(!snapshot_matches(&s, &f) && snapshot_matches(&plain, &f));
}

static void lists_of_texts_are_equal_in_order_only(void)
{
	static const char *const ab[] = { "a", "b" };
	static const char *const ba[] = { "b", "a" };
	const struct strings x = strings(2, ab), y = strings(2, ba),
			     z = strings(1, ab), none = { 0 };

	CHECK(strings_equal(&x, &x) && strings_equal(&none, &none));
	CHECK(!strings_equal(&x, &y) && !strings_equal(&x, &z));
}

static struct id save(int64_t sec, const char *host, const struct id *tree)
{
	struct snapshot s = { .time.sec = sec,
			      .hostname = host,
			      .username = "" };
	struct id id;

	if (tree)
		s.tree = *tree;
	CHECK(snapshot_save(r, op, m.coder, &s, &id) == 0);
	return id;
}

static int pass_over(void *arg, struct op *o, const struct id *id)
{
	(void)o;
	(void)id;
	++*(size_t *)arg;
	return 0;
}

static void snapshots_come_in_order_of_time_and_damaged_ones_are_told(void)
{
	static const char *const hosts[] = { "h" };
	const struct snapshot_filter h = { .hosts = strings(1, hosts) };
	struct snapshots all = { 0 };
	char hex[ID_HEX + 1];
	size_t bad = 0;
	struct id id;

	begin();
	for (int64_t i = 0; i < 20; i++)
		save(i * 7 % 20, i % 2 ? "h" : "other", NULL);
	CHECK(snapshots_load(r, op, a, NULL, NULL, NULL, &all) == 0);
	CHECK(all.n == 20);
	for (size_t i = 0; i < all.n; i++)
		CHECK(all.at[i].time.sec == (int64_t)i);
	snapshots_free(&all);
	CHECK(snapshots_load(r, op, a, &h, NULL, NULL, &all) == 0);
	CHECK(all.n == 10);
	snapshots_free(&all);

	id = save(100, "h", NULL);
	CHECK(put_bytes(&m.places, m.be,
			arena_printf(a, "snapshots/%s", id_hex(&id, hex)), 1,
			50) == 0);
	CHECK(fails_with(snapshots_load(r, op, a, &h, NULL, NULL, &all),
			 ERR_CORRUPT));
	snapshots_free(&all);
	CHECK(snapshots_load(r, op, a, &h, pass_over, &bad, &all) == 0);
	CHECK(all.n == 10 && bad == 1);
	snapshots_free(&all);
	end();
}

static bool finds(const struct snapshot_filter *f, const char *spec,
		  const struct id *want, const char *want_path)
{
	struct snapshot s;
	const char *path;

	if (snapshot_find(r, op, a, f, spec, &s, &path) < 0)
		return false;
	CHECK_STR(path, want_path);
	return id_equal(&s.id, want);
}

static void snapshots_are_found_as_users_name_them(void)
{
	static const char *const hosts[] = { "h" };
	const struct snapshot_filter h = { .hosts = strings(1, hosts) };
	const struct snapshot_filter all = { 0 };
	char hex[ID_HEX + 1];
	struct id id[4];
	struct snapshot s;

	begin();
	CHECK(!finds(&all, "latest", &id[0], ""));
	CHECK(op->err.kind == ERR_NOT_FOUND);
	for (int i = 0; i < 4; i++)
		id[i] = save(i, i % 2 ? "h" : "other", NULL);
	CHECK(finds(&all, "latest", &id[3], ""));
	CHECK(finds(&all, "latest~0", &id[3], ""));
	CHECK(finds(&all, "latest~1", &id[2], ""));
	CHECK(finds(&all, "latest~3", &id[0], ""));
	CHECK(!finds(&all, "latest~4", &id[0], ""));
	CHECK(op->err.kind == ERR_NOT_FOUND);
	CHECK(finds(&h, "latest~1:/home//me/", &id[1], "home/me"));
	id_hex(&id[2], hex);
	CHECK(finds(&all, hex, &id[2], ""));
	CHECK(finds(&h, hex, &id[2], "")); /* whoever names it wants it */
	hex[8] = '\0';
	CHECK(finds(&all, arena_printf(a, "%s~2:x~1", hex), &id[0], "x~1"));
	CHECK(finds(&h, arena_printf(a, "%s~1", hex), &id[1], ""));
	CHECK(!finds(&h, arena_printf(a, "%s~2", hex), &id[1], ""));
	CHECK(fails_with(snapshot_find(r, op, a, &all, "latest~x", &s, NULL),
			 ERR_INVALID));
	CHECK(fails_with(snapshot_find(r, op, a, &all, "latest~", &s, NULL),
			 ERR_INVALID));
	CHECK(fails_with(snapshot_find(r, op, a, &all, "nosuch", &s, NULL),
			 ERR_NOT_FOUND));
	end();
}

/* A tree blob in a pack of its own. */
static struct id put_tree(const char *json)
{
	struct buf pack = BUF_INIT;
	struct pack_blob b = { .type = BLOB_TREE };
	struct id id;

	id_of(json, strlen(json), &b.id);
	coder_seal_blob(m.coder, BLOB_TREE, json, strlen(json), &pack,
			&b.raw_len);
	b.len = (uint32_t)pack.len;
	id_of(pack.data, pack.len, &id);
	CHECK(store_write(r->store, op, FILE_PACK, &id, pack.data, pack.len) ==
	      0);
	index_add_pack(r->index, &id, &b, 1);
	buf_free(&pack);
	return b.id;
}

#define TIMES                                 \
	"\"mtime\":\"2026-11-22T04:00:01Z\"," \
	"\"atime\":\"2026-11-22T04:00:01Z\",\"ctime\":\"2026-11-22T04:00:01Z\","

static struct id make_tree(void)
{
	char hex[ID_HEX + 1];
	struct id sub =
		put_tree("{\"nodes\":[{\"name\":\"f\",\"type\":\"file\"," TIMES
			 "\"size\":3,\"content\":[]}]}\n");

	return put_tree(arena_printf(
		a,
		"{\"nodes\":[{\"name\":\"d\",\"type\":\"dir\"," TIMES
		"\"content\":null,\"subtree\":\"%s\"},"
		"{\"name\":\"odd\",\"type\":\"dir\"," TIMES
		"\"content\":null}]}\n",
		id_hex(&sub, hex)));
}

static void paths_of_a_snapshot_lead_to_what_is_there(void)
{
	struct id tree, dir;
	struct node n;

	begin();
	r->index = index_new();
	tree = make_tree();
	CHECK(snapshot_descend(r, op, m.coder, a, &tree, "", &n, &dir) == 0);
	CHECK(n.type == NODE_DIR && id_equal(&dir, &tree));
	CHECK(snapshot_descend(r, op, m.coder, a, &tree, "d", &n, &dir) == 0);
	CHECK(n.type == NODE_DIR && id_equal(&dir, &n.subtree));
	CHECK(snapshot_descend(r, op, m.coder, a, &tree, "d/f", &n, &dir) == 0);
	CHECK(n.type == NODE_FILE && n.size == 3);
	CHECK(fails_with(
		snapshot_descend(r, op, m.coder, a, &tree, "d/g", &n, &dir),
		ERR_NOT_FOUND));
	CHECK(fails_with(
		snapshot_descend(r, op, m.coder, a, &tree, "d/f/x", &n, &dir),
		ERR_NOT_FOUND));
	CHECK(fails_with(
		snapshot_descend(r, op, m.coder, a, &tree, "odd", &n, &dir),
		ERR_CORRUPT));
	tree.b[0] ^= 1;
	CHECK(fails_with(
		snapshot_descend(r, op, m.coder, a, &tree, "d", &n, &dir),
		ERR_NOT_FOUND));
	end();
}

int main(void)
{
	RUN(restics_snapshots_are_read_and_written_as_they_were);
	RUN(bad_snapshots_are_corrupt);
	RUN(filters_choose_by_host_paths_and_tags);
	RUN(lists_of_texts_are_equal_in_order_only);
	RUN(snapshots_come_in_order_of_time_and_damaged_ones_are_told);
	RUN(snapshots_are_found_as_users_name_them);
	RUN(paths_of_a_snapshot_lead_to_what_is_there);
	return 0;
}
