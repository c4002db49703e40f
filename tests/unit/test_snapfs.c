#include "tests/unit/places.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "crypt/obscure.h"
#include "crypt/secret.h"
#include "lib/clock.h"
#include "repo/index_file.h"
#include "repo/snapfs.h"

#define AT       ":mem,name=r:"
#define SHORT    "repo:" AT ":"
#define TREE     ":repo,view=tree,repository=\"" AT "\":"
#define PASSWORD "correct horse"

enum { FILES = 3000, BLOBS = 40, FOLDERS = 600 };

static struct places p;
static struct op *op;
static struct repo *made; /* the repository, as who writes it has it */
static struct coder *coder;
static struct id snaps[4]; /* from the oldest to the newest */

/* Blobs of one pack on their way, and the pack in the index. */
struct packing {
	struct buf pack;
	struct pack_blobs blobs;
};

static struct id pack_add(struct packing *w, enum blob_type t, const void *text,
			  size_t n)
{
	struct pack_blob *b;
	struct buf sealed = BUF_INIT;
	struct id id;

	id_of(text, n, &id);
	b = pack_blobs_add(&w->blobs);
	*b = (struct pack_blob){ .id = id,
				 .type = t,
				 .off = (uint32_t)w->pack.len };
	coder_seal_blob(coder, t, text, n, &sealed, &b->raw_len);
	b->len = (uint32_t)sealed.len;
	buf_add(&w->pack, sealed.data, sealed.len);
	buf_free(&sealed);
	return id;
}

static struct id pack_end(struct packing *w)
{
	struct buf json = BUF_INIT;
	struct index_writer x;
	struct id id, index;

	pack_header_add(&w->pack, coder_envelope(coder), w->blobs.at,
			w->blobs.n);
	id_of(w->pack.data, w->pack.len, &id);
	CHECK(store_write(made->store, op, FILE_PACK, &id, w->pack.data,
			  w->pack.len) == 0);
	index_write_begin(&x, &json);
	index_write_pack(&x, &id, w->blobs.at, w->blobs.n);
	index_write_end(&x);
	CHECK(repo_save_file(made, op, coder, FILE_INDEX, json.data, json.len,
			     &index) == 0);
	buf_free(&json);
	buf_free(&w->pack);
	pack_blobs_free(&w->blobs);
	return id;
}

static struct node node(const char *name, enum node_type t, uint32_t mode)
{
	return (struct node){ .name = name,
			      .name_len = strlen(name),
			      .type = t,
			      .mode = node_mode_from_unix(mode),
			      .mtime = { .sec = 1600000000, .ns = 5 },
			      .ctime = { .sec = 1600000001, .ns = 7 },
			      .user = "",
			      .group = "",
			      .links = 1 };
}

static struct id tree_of(struct packing *w, const struct node *nodes, size_t n)
{
	struct buf text = BUF_INIT;
	struct tree_writer tw;
	struct id id;

	tree_begin(&tw, &text);
	for (size_t i = 0; i < n; i++)
		tree_add(&tw, &nodes[i]);
	tree_end(&tw);
	id = pack_add(w, BLOB_TREE, text.data, text.len);
	buf_free(&text);
	return id;
}

static struct node folder(const char *name, struct id tree)
{
	struct node n = node(name, NODE_DIR, S_IFDIR | 0750);

	n.has_subtree = true;
	n.subtree = tree;
	return n;
}

/* Blob `i` of the large file; they differ in length. */
static size_t blob_len(size_t i)
{
	return 1000 + i * 37;
}

static int64_t big_size(void)
{
	int64_t n = 0;

	for (size_t i = 0; i < BLOBS; i++)
		n += (int64_t)blob_len(i);
	return n;
}

/* The file `seed`, in blobs of packs of their own: small ones, many packs. */
static struct id *big_blobs(uint64_t seed, struct id *packs)
{
	struct id *ids = arena_alloc(&op->arena, BLOBS * sizeof(*ids));
	int64_t at = 0;

	for (size_t i = 0; i < BLOBS; i++) {
		struct packing w = { .pack = BUF_INIT };
		size_t n = blob_len(i);
		uint8_t *text = arena_alloc(&op->arena, n);

		for (size_t j = 0; j < n; j++)
			text[j] = bytes_at(seed, at++);
		ids[i] = pack_add(&w, BLOB_DATA, text, n);
		packs[i] = pack_end(&w);
	}
	return ids;
}

static struct id save(const struct id *tree, int64_t sec)
{
	struct snapshot s = { .time.sec = sec,
			      .tree = *tree,
			      .hostname = sec % 2 ? "odd" : "even",
			      .username = "",
			      .uid = 77,
			      .gid = 78 };
	struct id id;

	CHECK(snapshot_save(made, op, coder, &s, &id) == 0);
	return id;
}

static struct id big_packs[BLOBS];

static struct id everything(struct packing *w)
{
	static const char target[] = "to\nwhere\xff";
	static const struct node_xattr xattrs[] = {
		{ "user.b", "two", 3 },
		{ "system.other", "x", 1 },
		{ "user.a", NULL, 0 },
	};
	struct node n[8];
	struct id one = pack_add(w, BLOB_DATA, "one blob", 8);

	n[0] = node("a\"\n\xff", NODE_FILE, S_IFREG | 04711);
	n[0].has_content = true;
	n[0].content = &one;
	n[0].ncontent = 1;
	n[0].size = 8;
	n[0].uid = 12;
	n[0].gid = 13;
	n[0].inode = 99;
	n[0].device_id = 5;
	n[0].links = 2;
	n[0].xattrs = xattrs;
	n[0].nxattrs = ARRAY_LEN(xattrs);
	n[1] = node("big", NODE_FILE, S_IFREG | 0600);
	n[1].has_content = true;
	n[1].content = big_blobs(7, big_packs);
	n[1].ncontent = BLOBS;
	n[1].size = (uint64_t)big_size();
	n[2] = node("dev", NODE_CHARDEV, S_IFCHR | 0666);
	n[2].device = 0x105;
	n[3] = node("empty", NODE_FILE, S_IFREG | 0600);
	n[3].has_content = true;
	n[4] = node("fifo", NODE_FIFO, S_IFIFO | 0600);
	n[5] = node("link", NODE_SYMLINK, S_IFLNK | 0777);
	n[5].target = target;
	n[5].target_len = sizeof(target) - 1;
	n[6] = folder("nothing", tree_of(w, NULL, 0));
	n[7] = node("odd", NODE_IRREGULAR, 0600);
	return tree_of(w, n, ARRAY_LEN(n));
}

static struct id many_files(struct packing *w)
{
	struct node *n = arena_alloc(&op->arena, FILES * sizeof(*n));

	for (size_t i = 0; i < FILES; i++) {
		n[i] = node(arena_printf(&op->arena, "f%05zu", i), NODE_FILE,
			    S_IFREG | 0644);
		n[i].uid = (uint32_t)i;
		n[i].has_content = true;
	}
	return tree_of(w, n, FILES);
}

static struct id many_folders(struct packing *w)
{
	struct node *n = arena_alloc(&op->arena, FOLDERS * sizeof(*n));

	for (size_t i = 0; i < FOLDERS; i++) {
		struct node in = node(arena_printf(&op->arena, "in%zu", i),
				      NODE_FIFO, S_IFIFO | 0644);

		n[i] = folder(arena_printf(&op->arena, "d%05zu", i),
			      tree_of(w, &in, 1));
	}
	return tree_of(w, n, FOLDERS);
}

static void make(void)
{
	struct packing w = { .pack = BUF_INIT };
	struct backend *be;
	struct node top[3];
	struct id tree;

	places_begin(&p);
	op = &p.op;
	be = opened(&p, AT);
	CHECK(repo_init(op, be, PASSWORD, 2, NULL, &made) == 0);
	coder = repo_coder(made);
	top[0] = folder("all", everything(&w));
	top[1] = folder("files", many_files(&w));
	top[2] = folder("folders", many_folders(&w));
	tree = tree_of(&w, top, 3);
	snaps[0] = save(&tree, 1500000000);
	snaps[1] = save(&top[0].subtree, 1500000001);
	snaps[2] = save(&tree, 1500000002);
	pack_end(&w);
	setenv("FERRY_PASSWORD", PASSWORD, 1);
}

static void unmake(void)
{
	struct backend *be = store_backend(made->store);

	coder_free(coder);
	repo_close(made);
	be_close(be);
	places_end(&p);
}

static bool fails_with(int rc, enum err_kind kind)
{
	if (rc != -1 || op->err.kind != kind)
		fprintf(stderr, "%d: %s\n", rc, op->err.msg);
	return rc == -1 && op->err.kind == kind;
}

static struct entry stat_of(struct backend *be, const char *path)
{
	struct entry e = { .size = -7 };

	if (be_stat(be, op, path, &e) < 0)
		fprintf(stderr, "%s\n", op->err.msg);
	CHECK(e.size != -7);
	return e;
}

static size_t count(struct backend *be, const char *dir)
{
	struct listing l = LISTING_INIT;
	size_t n;

	CHECK(be_list(be, op, dir, &l) == 0);
	n = l.total;
	listing_free(&l);
	return n;
}

static const char *short_of(const struct id *id)
{
	char hex[9];

	return arena_strdup(&op->arena, id_short(id, hex));
}

static unsigned locks(void)
{
	struct backend *be = opened(&p, AT);
	unsigned n = (unsigned)count(be, "locks");

	be_close(be);
	return n;
}

static void the_root_lists_the_snapshots(void)
{
	struct backend *be = opened(&p, SHORT);
	struct entry e;

	CHECK(count(be, "") == 3);
	e = stat_of(be, short_of(&snaps[1]));
	CHECK(e.kind == ENTRY_DIR && e.posix->uid == 77 &&
	      e.mtime == INT64_C(1500000001) * NS_PER_SEC);
	CHECK_STR(e.name, short_of(&snaps[1]));
	CHECK(stat_of(be, "").kind == ENTRY_DIR);
	CHECK(count(be, short_of(&snaps[1])) == 8);
	CHECK(count(be, "latest/all/nothing") == 0);
	be_close(be);
}

static void names_mean_what_they_mean_elsewhere(void)
{
	struct backend *be = opened(&p, SHORT);
	struct listing l = LISTING_INIT;

	CHECK_STR(stat_of(be, "latest~1").id,
		  stat_of(be, short_of(&snaps[1])).id);
	CHECK_STR(stat_of(be, "latest").name, "latest");
	CHECK_STR(stat_of(be, "latest/all/big").name, "big");
	CHECK(fails_with(be_stat(be, op, "latest~3", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(be, op, "nope", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(be, op, "latest:all", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(be, op, "latest/al", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(be, op, "latest/all/big/x", NULL),
			 ERR_NOT_DIR));
	CHECK(fails_with(be_list(be, op, "latest/al", &l), ERR_NO_DIR));
	CHECK(fails_with(be_list(be, op, "latest/all/big", &l), ERR_NOT_DIR));
	listing_free(&l);
	be_close(be);
}

static void what_latest_is_does_not_change_under_way(void)
{
	struct backend *be = opened(&p, SHORT "latest"), *other;
	char hex[ID_HEX + 1];
	struct id tree;

	CHECK(count(be, "") == 3);
	id_hex(&snaps[2], hex);
	CHECK_STR(stat_of(be, "").id, hex);
	{
		struct packing w = { .pack = BUF_INIT };

		tree = tree_of(&w, NULL, 0);
		pack_end(&w);
	}
	snaps[3] = save(&tree, 1500000003);
	CHECK(count(be, "") == 3);
	other = opened(&p, SHORT); /* of the same run */
	CHECK_STR(stat_of(other, "latest").id, hex);
	be_close(be);
	be_close(other);
	be = opened(&p, SHORT "latest");
	CHECK(count(be, "") == 0);
	CHECK(store_remove(made->store, op, FILE_SNAPSHOT, &snaps[3]) == 0);
	be_close(be);
}

static void entries_have_all_that_a_node_has(void)
{
	struct backend *be = opened(&p, SHORT "latest/all");
	struct entry e = stat_of(be, "a\"\n\xff");
	struct digests d;
	struct xattrs x;
	struct id id;

	CHECK(e.kind == ENTRY_FILE && e.size == 8 &&
	      e.mtime == INT64_C(1600000000) * NS_PER_SEC + 5);
	CHECK(e.posix->mode == (S_IFREG | 04711) && e.posix->uid == 12 &&
	      e.posix->gid == 13 && e.posix->nlink == 2 &&
	      e.posix->ctime == INT64_C(1600000001) * NS_PER_SEC + 7);
	id_of("one blob", 8, &id);
	CHECK(e.hash.have == 1u << HASH_SHA256 &&
	      memcmp(e.hash.sha256, &id, sizeof(id)) == 0);
	CHECK(be_hash(be, op, "a\"\n\xff", 1u << HASH_SHA256, &d) == 0 &&
	      memcmp(d.sha256, &id, sizeof(id)) == 0);
	CHECK(be_get_xattrs(be, op, "a\"\n\xff", &x) == 0 && x.n == 2);
	CHECK_STR(x.at[0].name, "user.a");
	CHECK(x.at[0].len == 0 && x.at[1].len == 3);
	CHECK(be_all_xattrs(be, op, "a\"\n\xff", &x) == 0 && x.n == 3);
	CHECK_STR(x.at[0].name, "user.b");
	e = stat_of(be, "dev");
	CHECK(e.kind == ENTRY_SPECIAL && S_ISCHR(e.posix->mode) &&
	      e.posix->rdev == 0x105);
	e = stat_of(be, "link");
	CHECK(e.kind == ENTRY_LINK);
	CHECK_STR(e.posix->target, "to\nwhere\xff");
	CHECK(S_ISFIFO(stat_of(be, "fifo").posix->mode));
	CHECK((stat_of(be, "odd").posix->mode & S_IFMT) == 0);
	CHECK(stat_of(be, "nothing").kind == ENTRY_DIR);
	e = stat_of(be, "big");
	CHECK(e.hash.have == 0 && e.size == big_size() &&
	      strcmp(e.tag, stat_of(be, "empty").tag) != 0);
	id_of("", 0, &id);
	e = stat_of(be, "empty");
	CHECK(memcmp(e.hash.sha256, &id, sizeof(id)) == 0);
	be_close(be);
}

static void files_of_two_snapshots_are_never_names_of_one(void)
{
	struct backend *be = opened(&p, SHORT);
	struct entry a = stat_of(be, "latest/all/a\"\n\xff");
	struct entry b = stat_of(be, "latest~1/a\"\n\xff");

	CHECK(a.posix->ino == b.posix->ino && a.posix->dev != b.posix->dev);
	/* --one-file-system shall not drop the files that name a device */
	CHECK(a.posix->dev == stat_of(be, "latest/all").posix->dev);
	be_close(be);
}

/* Whether these bytes of the large file come. */
static bool gets_part(struct backend *be, int64_t off, int64_t len)
{
	const struct get_opt part = { .off = off, .len = len };
	struct bytes_sink dst = bytes_sink(7, off);
	int64_t rest = off < big_size() ? big_size() - off : 0;

	CHECK(be_get(be, op, "big", &part, &dst.base) == 0);
	return dst.wrong == 0 && dst.n == (len < 0 || len > rest ? rest : len);
}

static void a_file_is_read_whole_and_in_part(void)
{
	struct backend *be = opened(&p, SHORT "latest/all");
	struct get_opt old = { .len = -1, .tag = "0123456789abcdef" };
	struct bytes_sink dst = bytes_sink(0, 0);

	CHECK(gets_part(be, 0, -1));
	CHECK(gets_part(be, 999, 2) && gets_part(be, 1000, 1037));
	CHECK(gets_part(be, 0, 0) && gets_part(be, 5000, 20000));
	CHECK(gets_part(be, big_size() - 1, -1) && gets_part(be, 3, INT64_MAX));
	CHECK(gets_part(be, big_size(), -1) &&
	      gets_part(be, big_size() + 9, 5));
	CHECK(gets_bytes(&p, be, "empty", 0, 0));
	CHECK(fails_with(be_get(be, op, "big", &old, &dst.base), ERR_CONFLICT));
	old.tag = NULL;
	CHECK(fails_with(be_get(be, op, "nothing", &old, &dst.base),
			 ERR_IS_DIR));
	CHECK(fails_with(be_get(be, op, "link", &old, &dst.base),
			 ERR_UNSUPPORTED));
	be_close(be);
}

static int full(struct sink *s, struct op *o, const void *buf, size_t n)
{
	(void)s;
	(void)buf;
	(void)n;
	return err_set(&o->err, ERR_NO_SPACE, "full");
}

static void a_sink_that_fails_ends_the_reading(void)
{
	struct backend *be = opened(&p, SHORT "latest/all");
	const struct get_opt all = { .len = -1 };
	struct sink sink = { .write = full };
	struct snapfs *f = container_of(be, struct snapfs, base);

	CHECK(fails_with(be_get(be, op, "big", &all, &sink), ERR_NO_SPACE));
	CHECK(f->shared->open.ahead == 0);
	be_close(be);
}

static void only_what_is_asked_for_is_read(void)
{
	struct backend *be = opened(&p, SHORT "latest/all");
	const struct get_opt all = { .len = -1 };
	struct bytes_sink dst = bytes_sink(7, 0);
	struct buf kept = BUF_INIT;
	char hex[ID_HEX + 1];

	CHECK(store_read(made->store, op, FILE_PACK, &big_packs[20], 1 << 20,
			 &kept) == 0);
	CHECK(store_remove(made->store, op, FILE_PACK, &big_packs[20]) == 0);
	CHECK(gets_part(be, 0, 5000) && gets_part(be, big_size() - 99, -1));
	CHECK(fails_with(be_get(be, op, "big", &all, &dst.base), ERR_CORRUPT));
	CHECK(dst.wrong == 0 && dst.n > 0);
	CHECK(strstr(op->err.msg, id_hex(&big_packs[20], hex)));
	CHECK(store_write(made->store, op, FILE_PACK, &big_packs[20], kept.data,
			  kept.len) == 0);
	CHECK(gets_part(be, 0, -1));
	buf_free(&kept);
	be_close(be);
}

static void a_blob_that_nobody_knows_is_named(void)
{
	struct packing w = { .pack = BUF_INIT };
	struct node n = node("x", NODE_FILE, S_IFREG | 0600);
	const struct get_opt all = { .len = -1 };
	struct bytes_sink dst = bytes_sink(0, 0);
	struct id blob, tree, snap;
	struct backend *be;
	char hex[ID_HEX + 1];

	id_of("lost", 4, &blob);
	n.has_content = true;
	n.content = &blob;
	n.ncontent = 1;
	n.size = 4;
	tree = tree_of(&w, &n, 1);
	pack_end(&w);
	snap = save(&tree, 1400000000);
	be = opened(&p, SHORT "latest~3");
	CHECK(stat_of(be, "x").size == 4);
	CHECK(fails_with(be_get(be, op, "x", &all, &dst.base), ERR_CORRUPT));
	CHECK(strstr(op->err.msg, id_hex(&blob, hex)));
	be_close(be);
	CHECK(store_remove(made->store, op, FILE_SNAPSHOT, &snap) == 0);
}

static void each_of_many_names_is_found(void)
{
	struct backend *be = opened(&p, SHORT "latest/files");

	CHECK(count(be, "") == FILES);
	for (uint32_t i = 0; i < FILES; i++) {
		const char *name = arena_printf(&op->arena, "f%05u", i);

		CHECK(stat_of(be, name).posix->uid == i);
	}
	CHECK(fails_with(be_stat(be, op, "f03000", NULL), ERR_NOT_FOUND));
	be_close(be);
}

static void only_some_folders_are_kept(void)
{
	struct backend *be = opened(&p, SHORT "latest/folders");
	struct snapfs *f = container_of(be, struct snapfs, base);

	for (size_t round = 0; round < 2; round++)
		for (size_t i = 0; i < FOLDERS; i++)
			CHECK(stat_of(be, arena_printf(&op->arena,
						       "d%05zu/in%zu", i, i))
				      .kind == ENTRY_SPECIAL);
	CHECK(f->shared->open.folders.n <= 256);
	CHECK(f->shared->open.folders.n > 100);
	be_close(be);
}

static void nothing_can_be_changed(void)
{
	struct backend *be = opened(&p, SHORT "latest/all");

	CHECK(fails_with(put_bytes(&p, be, "new", 1, 5), ERR_DENIED));
	CHECK(fails_with(be_mkdir(be, op, "new"), ERR_DENIED));
	CHECK(fails_with(be_rmdir(be, op, "nothing"), ERR_DENIED));
	CHECK(fails_with(be_unlink(be, op, "big"), ERR_DENIED));
	CHECK(strstr(op->err.msg, "a snapshot cannot be changed"));
	be_close(be);
}

static void the_repository_is_locked_while_it_is_read(void)
{
	struct backend *be = opened(&p, SHORT), *other = opened(&p, SHORT);

	CHECK(locks() == 0); /* nobody has asked for anything */
	CHECK(count(be, "") == 3 && count(other, "") == 3);
	CHECK(locks() == 1);
	be_close(be);
	CHECK(locks() == 1);
	be_close(other);
	CHECK(locks() == 0);
	be = opened(&p, "repo,no_lock:" AT ":latest");
	CHECK(count(be, "") == 3 && locks() == 0);
	be_close(be);
}

static void a_repository_that_cannot_be_written_to_is_read(void)
{
	struct backend *be =
		opened(&p, "repo:"
			   ":fault,remote=\"" AT "\",op=put,error=denied:"
			   ":latest");

	CHECK(count(be, "") == 3 && locks() == 0);
	be_close(be);
	be = opened(&p, "repo:"
			":fault,remote=\"" AT "\",op=put,error=no-space:"
			":latest");
	CHECK(fails_with(be_stat(be, op, "all", NULL), ERR_NO_SPACE));
	be_close(be);
}

static void the_password_is_asked_for_once(void)
{
	struct backend *be;

	setenv("FERRY_PASSWORD", "wrong", 1);
	be = opened(&p, SHORT "latest");
	CHECK(count(be, "") == 3); /* known since the first test */
	be_close(be);
	be = opened(&p, "repo,host=odd:" AT ":latest");
	CHECK(fails_with(be_stat(be, op, "", NULL), ERR_PASSWORD));
	CHECK(fails_with(be_stat(be, op, "", NULL), ERR_PASSWORD));
	unsetenv("FERRY_PASSWORD");
	CHECK(fails_with(be_stat(be, op, "", NULL), ERR_INVALID));
	CHECK(strstr(op->err.msg, "FERRY_PASSWORD"));
	setenv("FERRY_PASSWORD", PASSWORD, 1);
	CHECK(stat_of(be, "").mtime == INT64_C(1500000001) * NS_PER_SEC);
	be_close(be);
}

static void the_password_may_be_an_option(void)
{
	struct buf b = BUF_INIT;
	struct backend *be;

	obscure(&b, PASSWORD);
	unsetenv("FERRY_PASSWORD");
	be = opened(&p, arena_printf(&op->arena,
				     "repo,password=%s:" AT ":latest", b.data));
	CHECK(!strstr(be->name, b.data));
	CHECK(count(be, "") == 3);
	be_close(be);
	setenv("FERRY_PASSWORD", PASSWORD, 1);
	buf_free(&b);
}

static void where_there_is_no_repository_that_is_said(void)
{
	struct backend *be = opened(&p, "repo::mem,name=none::latest");

	CHECK(fails_with(be_stat(be, op, "", NULL), ERR_NO_REPO));
	be_close(be);
}

struct reader {
	pthread_t thread;
	struct backend *be;
	const char *big, *other;
	bool good;
};

static void *read_it(void *arg)
{
	struct reader *r = arg;
	struct op own = op_begin(&p.cancel);
	const struct get_opt all = { .len = -1 };
	struct bytes_sink dst = bytes_sink(7, 0);
	struct entry e;

	r->good = be_get(r->be, &own, r->big, &all, &dst.base) == 0 &&
		  dst.wrong == 0 && dst.n == big_size() &&
		  be_stat(r->be, &own, r->other, &e) == 0 && e.posix->uid == 7;
	op_end(&own);
	return NULL;
}

static void many_may_read_at_once(void)
{
	struct reader readers[8];

	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		bool tree = i % 2;

		readers[i] = (struct reader){
			.be = opened(&p,
				     tree ? TREE "snapshots" : SHORT "latest"),
			.big = tree ? "latest/all/big" : "all/big",
			.other = tree ? "latest/files/f00007" : "files/f00007"
		};
		CHECK(pthread_create(&readers[i].thread, NULL, read_it,
				     &readers[i]) == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		CHECK(pthread_join(readers[i].thread, NULL) == 0);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		CHECK(readers[i].good);
		be_close(readers[i].be);
	}
	CHECK(locks() == 0);
}

static const char *link_of(struct backend *be, const char *path)
{
	struct entry e = stat_of(be, path);

	CHECK(e.kind == ENTRY_LINK && S_ISLNK(e.posix->mode));
	return e.posix->target;
}

static void the_tree_has_ids_times_hosts_and_tags(void)
{
	struct backend *be = opened(&p, TREE);
	const char *id = short_of(&snaps[1]);
	struct entry e;

	CHECK(count(be, "") == 4 && count(be, "ids") == 3);
	CHECK(count(be, "snapshots") == 4 && count(be, "hosts") == 2);
	CHECK(count(be, "hosts/even") == 3 && count(be, "hosts/odd") == 2);
	CHECK(count(be, "tags") == 0);
	CHECK_STR(link_of(be, "snapshots/latest"), "2017-07-14T02:40:02Z");
	CHECK_STR(link_of(be, "hosts/odd/latest"), "2017-07-14T02:40:01Z");
	e = stat_of(be, arena_printf(&op->arena, "ids/%s", id));
	CHECK(e.kind == ENTRY_DIR && e.posix->uid == 77);
	CHECK_STR(stat_of(be, "hosts/odd/2017-07-14T02:40:01Z").id, e.id);
	CHECK_STR(stat_of(be, "hosts/odd/latest/big").name, "big");
	CHECK(stat_of(be, "hosts").mtime == INT64_C(1500000002) * NS_PER_SEC);
	CHECK(count(be, "snapshots/2017-07-14T02:40:00Z/all/nothing") == 0);
	be_close(be);
	be = opened(&p, TREE "hosts/odd");
	CHECK(count(be, "") == 2 && count(be, "2017-07-14T02:40:01Z") == 8);
	be_close(be);
}

static void what_is_not_in_the_tree_is_not_found(void)
{
	struct backend *be = opened(&p, TREE);
	const struct get_opt all = { .len = -1 };
	struct bytes_sink dst = bytes_sink(0, 0);
	struct listing l = LISTING_INIT;

	CHECK(fails_with(be_stat(be, op, "latest", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(be, op, "hosts/no", NULL), ERR_NOT_FOUND));
	CHECK(fails_with(be_stat(be, op, "hosts/odd/2017", NULL),
			 ERR_NOT_FOUND));
	CHECK(fails_with(be_list(be, op, "tags/x", &l), ERR_NO_DIR));
	CHECK(fails_with(be_list(be, op, "snapshots/latest", &l), ERR_NOT_DIR));
	CHECK(fails_with(be_get(be, op, "snapshots/latest", &all, &dst.base),
			 ERR_UNSUPPORTED));
	CHECK(fails_with(be_get(be, op, "hosts", &all, &dst.base), ERR_IS_DIR));
	CHECK(fails_with(be_mkdir(be, op, "ids/new"), ERR_DENIED));
	be_close(be);
	CHECK(remote_open(&p.remotes, "repo,view=other:" AT ":", op, &be) < 0);
	CHECK(op->err.kind == ERR_INVALID);
	listing_free(&l);
}

/* As if it had been looked at so long ago. */
static void looked_at(struct backend *be, int64_t ago)
{
	struct snapfs *f = container_of(be, struct snapfs, base);

	f->shared->open.viewed = clock_mono() - ago;
	f->shared->open.indexed = clock_mono() - ago;
}

static struct id save_tagged(const struct id *tree, uint32_t ns,
			     const char *tag)
{
	const char *const tags[] = { tag, "both", tag };
	struct snapshot s = {
		.time = { .sec = 1500000010, .ns = ns, .zone = 5400 },
		.tree = *tree,
		.hostname = "",
		.username = "",
		.tags = { tags, ARRAY_LEN(tags) }
	};
	struct id id;

	CHECK(snapshot_save(made, op, coder, &s, &id) == 0);
	return id;
}

static void new_snapshots_come_into_the_tree_and_old_ones_go(void)
{
	static const char *const tags[] = { "a/b", "..", "" };
	struct backend *be = opened(&p, TREE);
	struct packing w = { .pack = BUF_INIT };
	struct id id[ARRAY_LEN(tags)], tree, text;
	struct node n = node("new", NODE_FILE, S_IFREG | 0600);
	const struct get_opt all = { .len = -1 };
	struct bytes_sink dst = bytes_sink(0, 0);

	CHECK(count(be, "snapshots") == 4);
	text = pack_add(&w, BLOB_DATA, "as yet unknown", 14);
	n.has_content = true;
	n.content = &text;
	n.ncontent = 1;
	n.size = 14;
	tree = tree_of(&w, &n, 1);
	pack_end(&w);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		id[i] = save_tagged(&tree, 3 - (uint32_t)i, tags[i]);
	looked_at(be, 0);
	CHECK(count(be, "snapshots") == 4); /* it was just looked at */
	looked_at(be, 60 * NS_PER_SEC);
	CHECK(count(be, "hosts/_") == 4);
	CHECK(count(be, "tags") == 4 && count(be, "tags/both") == 4);
	CHECK(count(be, "tags/a_b") == 2 && count(be, "tags/__") == 2);
	CHECK(count(be, "tags/_") == 2);
	CHECK_STR(link_of(be, "tags/both/latest"),
		  "2017-07-14T04:10:10+01:30-2");
	CHECK_STR(link_of(be, "tags/a_b/latest"), "2017-07-14T04:10:10+01:30");
	CHECK_STR(stat_of(be, "snapshots/2017-07-14T04:10:10+01:30").id,
		  stat_of(be, "tags/_/2017-07-14T04:10:10+01:30").id);
	CHECK(be_get(be, op, "snapshots/latest/new", &all, &dst.base) == 0);
	CHECK(dst.n == 14);
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		CHECK(store_remove(made->store, op, FILE_SNAPSHOT, &id[i]) ==
		      0);
	looked_at(be, 60 * NS_PER_SEC);
	CHECK(count(be, "tags") == 0 && count(be, "hosts") == 2);
	CHECK(fails_with(be_stat(be, op, "tags/a_b", NULL), ERR_NOT_FOUND));
	be_close(be);
}

static void what_was_pruned_meanwhile_is_found_where_it_is(void)
{
	struct packing w = { .pack = BUF_INIT };
	struct node n = node("x", NODE_FILE, S_IFREG | 0600);
	struct backend *be;
	struct id blob, pack, tree, snap;

	blob = pack_add(&w, BLOB_DATA, "moved", 5);
	pack = pack_end(&w);
	n.has_content = true;
	n.content = &blob;
	n.ncontent = 1;
	n.size = 5;
	w = (struct packing){ .pack = BUF_INIT };
	tree = tree_of(&w, &n, 1);
	pack_end(&w);
	snap = save(&tree, 1500000009);
	be = opened(&p, SHORT "latest");
	CHECK(stat_of(be, "x").size == 5);
	w = (struct packing){ .pack = BUF_INIT };
	pack_add(&w, BLOB_TREE, "so that it is another pack", 26);
	pack_add(&w, BLOB_DATA, "moved", 5);
	pack_end(&w);
	CHECK(store_remove(made->store, op, FILE_PACK, &pack) == 0);
	looked_at(be, 0);
	CHECK(!gets_bytes(&p, be, "x", 0, 5));
	looked_at(be, 60 * NS_PER_SEC);
	{
		const struct get_opt all = { .len = -1 };
		struct bytes_sink dst = bytes_sink(0, 0);

		CHECK(be_get(be, op, "x", &all, &dst.base) == 0 && dst.n == 5);
	}
	be_close(be);
	CHECK(store_remove(made->store, op, FILE_SNAPSHOT, &snap) == 0);
}

static void splits(const char *text, bool is_remote, const char *place,
		   const char *rest)
{
	const char *got_place, *got_rest;

	CHECK(place_split_snapshot(&op->arena, text, is_remote, &got_place,
				   &got_rest, &op->err) == 0);
	CHECK_STR(got_place, place);
	CHECK_STR(got_rest, rest);
}

static void the_short_spelling_is_taken_apart(void)
{
	static const char *const bad[] = {
		"/srv/backup", "nas:backup",  "/srv:lates", ":latest",   "",
		"x:latest~",   "x:latest~1a", "x:abc",      "x:ABCDEF12"
	};
	const char *place, *rest;

	splits("/srv/backup:latest/home", false, "/srv/backup", "latest/home");
	splits("rel:latest", false, "rel", "latest");
	splits("/srv/backup:", false, "/srv/backup", "");
	splits("/srv/backup:/", false, "/srv/backup", "/");
	splits("nas:backup:latest~12/x", false, "nas:backup", "latest~12/x");
	/* A file's name may look like a snapshot's */
	splits("/r:latest/a:beef/b", false, "/r", "latest/a:beef/b");
	/* and so may what is behind a remote's name. */
	splits("nas:dead:beef/b", true, "nas:dead", "beef/b");
	splits("nas::beef/b", true, "nas:", "beef/b");
	splits(":webdav,url=\"http://h:8080/x\":r:latest", false,
	       ":webdav,url=\"http://h:8080/x\":r", "latest");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		CHECK(fails_with(place_split_snapshot(&op->arena, bad[i], false,
						      &place, &rest, &op->err),
				 ERR_INVALID));
	CHECK(fails_with(place_split_snapshot(&op->arena, "nas:latest", true,
					      &place, &rest, &op->err),
			 ERR_INVALID));
}

int main(void)
{
	make();
	RUN(the_root_lists_the_snapshots);
	RUN(names_mean_what_they_mean_elsewhere);
	RUN(what_latest_is_does_not_change_under_way);
	RUN(entries_have_all_that_a_node_has);
	RUN(files_of_two_snapshots_are_never_names_of_one);
	RUN(a_file_is_read_whole_and_in_part);
	RUN(a_sink_that_fails_ends_the_reading);
	RUN(only_what_is_asked_for_is_read);
	RUN(a_blob_that_nobody_knows_is_named);
	RUN(each_of_many_names_is_found);
	RUN(only_some_folders_are_kept);
	RUN(nothing_can_be_changed);
	RUN(the_repository_is_locked_while_it_is_read);
	RUN(a_repository_that_cannot_be_written_to_is_read);
	RUN(the_password_is_asked_for_once);
	RUN(the_password_may_be_an_option);
	RUN(where_there_is_no_repository_that_is_said);
	RUN(many_may_read_at_once);
	RUN(the_tree_has_ids_times_hosts_and_tags);
	RUN(what_is_not_in_the_tree_is_not_found);
	RUN(new_snapshots_come_into_the_tree_and_old_ones_go);
	RUN(what_was_pruned_meanwhile_is_found_where_it_is);
	RUN(the_short_spelling_is_taken_apart);
	unmake();
	return 0;
}
