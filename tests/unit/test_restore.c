/* Trees that no honest program writes, and what becomes of the target. */

#include "tests/unit/repos.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "repo/restore.h"
#include "repo/saver.h"

static struct memory_repo m;
static struct saver *saver;
static struct op *op;
static char top[64];

static int remove_one(const char *path, const struct stat *st, int type,
		      struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static void begin(void)
{
	const struct saver_opt opt = { 0 };

	memory_repo_begin(&m);
	op = &m.places.op;
	CHECK(repo_load_index(&m.repo, op, NULL, NULL) == 0);
	saver = saver_new(&m.repo, &opt, op->cancel);
	snprintf(top, sizeof(top), "/tmp/ferry-test-XXXXXX");
	CHECK(mkdtemp(top));
}

static void end(void)
{
	saver_free(saver);
	CHECK(nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0);
	memory_repo_end(&m);
}

static struct id save(enum blob_type t, const char *text, size_t n)
{
	struct saved s = { 0 };
	struct id id = { 0 };

	CHECK(saver_add(saver, op, m.coder, t, text, n, &id, &s) == 0);
	return id;
}

/* A node as JSON, into `b`; content or tree by id, or neither. */
static void add_file(struct buf *b, const char *name, size_t size,
		     const struct id *content, const char *more)
{
	buf_addf(b,
		 "%s{\"name\":\"%s\",\"type\":\"file\",\"mode\":420,"
		 "\"mtime\":\"2020-01-01T00:00:00Z\",\"size\":%zu%s,"
		 "\"content\":[\"",
		 b->len ? "," : "", name, size, more);
	id_add_hex(b, content);
	buf_adds(b, "\"]}");
}

static void add_dir(struct buf *b, const char *name, const struct id *tree)
{
	buf_addf(b,
		 "%s{\"name\":\"%s\",\"type\":\"dir\",\"mode\":2147484141,"
		 "\"mtime\":\"2020-01-01T00:00:00Z\",\"content\":null,"
		 "\"subtree\":\"",
		 b->len ? "," : "", name);
	id_add_hex(b, tree);
	buf_adds(b, "\"}");
}

static struct id save_tree(struct buf *nodes)
{
	struct buf b = BUF_INIT;
	struct id id;

	buf_addf(&b, "{\"nodes\":[%s]}\n", nodes->data);
	id = save(BLOB_TREE, b.data, b.len);
	buf_free(&b);
	buf_free(nodes);
	return id;
}

struct told {
	struct repo_errors base;
	_Atomic unsigned n;
};

static void tell(struct repo_errors *base, struct op *where, const char *item,
		 const char *during)
{
	struct told *t = container_of(base, struct told, base);

	CHECK(*item == '/' && strcmp(during, "restore") == 0);
	CHECK(where->err.kind != ERR_OK);
	t->n++;
}

/* How many failures are told. */
static unsigned restore(const struct id *tree, struct restore_opt opt,
			struct restore_result *out)
{
	struct told t = { .base = { .tell = tell } };
	struct snapshot s = { .tree = *tree };
	struct restore_result r;

	CHECK(saver_flush(saver, op) == 0);
	opt.target = top;
	opt.errors = &t.base;
	opt.no_owner = true;
	CHECK(restore_run(&m.repo, op, &s, "", &opt, &r) == 0);
	CHECK(r.errors == t.n);
	if (out)
		*out = r;
	return t.n;
}

static bool has(const char *name, const char *want)
{
	char path[256], text[256] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	fd = open(path, O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n >= 0 && strcmp(text, want) == 0;
}

static unsigned count(const char *name)
{
	char path[256];
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/%s", top, name);
	dir = opendir(path);
	CHECK(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
	closedir(dir);
	return n;
}

static void a_name_that_leads_out_is_not_restored(void)
{
	static const char *const names[] = { "..",  "../x", "/etc/x",
					     "a/b", ".",    "" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buf b = BUF_INIT, up = BUF_INIT;
		struct id text, inner, tree;

		begin();
		text = save(BLOB_DATA, "evil", 4);
		add_file(&b, names[i], 4, &text, "");
		inner = save_tree(&b);
		b = (struct buf)BUF_INIT;
		add_dir(&up, "bad", &inner);
		add_file(&up, "good", 4, &text, "");
		tree = save_tree(&up);
		CHECK(restore(&tree, (struct restore_opt){ 0 }, NULL) == 1);
		CHECK(count("") == 2 && count("bad") == 0);
		CHECK(has("good", "evil"));
		end();
	}
}

/* One after the other, so that the later one is whole. */
static void a_name_that_comes_twice_is_one_of_both(void)
{
	struct buf b = BUF_INIT;
	struct id one, two, tree;

	begin();
	one = save(BLOB_DATA, "one", 3);
	two = save(BLOB_DATA, "two", 3);
	add_file(&b, "same", 3, &one, "");
	add_file(&b, "same", 3, &two, "");
	add_file(&b, "earlier", 3, &two, "");
	tree = save_tree(&b);
	CHECK(restore(&tree, (struct restore_opt){ 0 }, NULL) == 0);
	CHECK(has("same", "two") && has("earlier", "two"));
	CHECK(count("") == 2);
	end();
}

static void a_link_under_a_folders_name_is_not_entered(void)
{
	struct buf b = BUF_INIT, up = BUF_INIT;
	struct id text, inner, tree;
	char link[128];
	struct stat st;

	begin();
	text = save(BLOB_DATA, "text", 4);
	add_file(&b, "ferry-test-evil", 4, &text, "");
	inner = save_tree(&b);
	buf_adds(&up, "{\"name\":\"d\",\"type\":\"symlink\",\"mode\":134218239,"
		      "\"linktarget\":\"/tmp\",\"content\":null}");
	add_dir(&up, "d", &inner); /* the same tree makes the trap */
	tree = save_tree(&up);
	CHECK(restore(&tree, (struct restore_opt){ 0 }, NULL) == 0);
	snprintf(link, sizeof(link), "%s/d", top);
	CHECK(lstat(link, &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(has("d/ferry-test-evil", "text"));
	CHECK(access("/tmp/ferry-test-evil", F_OK) < 0);
	end();
}

/* Of what is lost, each file is named; the others are there. */
static void lost_blobs_and_sizes_that_cannot_be_are_told(void)
{
	struct id text, gone, tree;
	struct buf b = BUF_INIT;

	begin();
	text = save(BLOB_DATA, "text", 4);
	id_of("never saved", 11, &gone);
	add_file(&b, "a", 4, &text, "");
	add_file(&b, "b", 11, &gone, "");
	add_file(&b, "c", 5, &text, "");
	add_file(&b, "d", (size_t)1 << 60, &text, "");
	add_file(&b, "e", 4, &text, "");
	tree = save_tree(&b);
	CHECK(restore(&tree, (struct restore_opt){ 0 }, NULL) == 3);
	CHECK(has("a", "text") && has("e", "text") && count("") == 2);
	end();
}

static void a_lost_tree_leaves_the_others(void)
{
	struct buf b = BUF_INIT;
	struct id text, gone, tree;
	char extra[128];
	int fd;

	begin();
	text = save(BLOB_DATA, "text", 4);
	id_of("never saved", 11, &gone);
	add_dir(&b, "a", &gone);
	add_file(&b, "b", 4, &text, "");
	tree = save_tree(&b);
	snprintf(extra, sizeof(extra), "%s/a", top);
	CHECK(mkdir(extra, 0700) == 0);
	snprintf(extra, sizeof(extra), "%s/a/precious", top);
	fd = open(extra, O_WRONLY | O_CREAT, 0600);
	CHECK(fd >= 0);
	close(fd);
	CHECK(restore(&tree, (struct restore_opt){ .remove_others = true },
		      NULL) == 1);
	CHECK(has("b", "text"));
	CHECK(has("a/precious", "")); /* nobody knows that it is not in it */
	end();
}

/* With other content it is no other name, whatever its numbers. */
static void hard_links_must_have_one_content(void)
{
	static const char numbers[] =
		",\"inode\":5,\"device_id\":9,\"links\":3";
	struct buf b = BUF_INIT;
	struct id one, two, tree;
	struct stat st;
	char path[128];

	begin();
	one = save(BLOB_DATA, "one", 3);
	two = save(BLOB_DATA, "two", 3);
	add_file(&b, "a", 3, &one, numbers);
	add_file(&b, "b", 3, &one, numbers);
	add_file(&b, "c", 3, &two, numbers);
	add_file(&b, "d", 3, &one, numbers);
	add_file(&b, "e", 3, &one, numbers); /* one more than it says */
	tree = save_tree(&b);
	CHECK(restore(&tree, (struct restore_opt){ 0 }, NULL) == 0);
	CHECK(has("a", "one") && has("b", "one") && has("c", "two") &&
	      has("d", "one") && has("e", "one"));
	snprintf(path, sizeof(path), "%s/a", top);
	CHECK(stat(path, &st) == 0 && st.st_nlink == 3);
	end();
}

/* Each level in one more tree; and one too many of them. */
static void folders_may_be_deep_but_not_endless(void)
{
	enum { DEEP = 4000 };
	struct restore_result r;
	struct buf b = BUF_INIT;
	struct id tree, text;

	begin();
	text = save(BLOB_DATA, "text", 4);
	add_file(&b, "f", 4, &text, "");
	tree = save_tree(&b);
	for (int i = 0; i < DEEP; i++) {
		b = (struct buf)BUF_INIT;
		add_dir(&b, "d", &tree);
		tree = save_tree(&b);
	}
	CHECK(restore(&tree, (struct restore_opt){ 0 }, &r) == 0);
	CHECK(r.files_restored == DEEP + 1);
	CHECK(restore(&tree,
		      (struct restore_opt){ .overwrite = OVERWRITE_NEVER },
		      &r) == 0);
	CHECK(r.files_restored == DEEP && r.files_skipped == 1);
	for (int i = 0; i < 200; i++) {
		b = (struct buf)BUF_INIT;
		add_dir(&b, "d", &tree);
		if (i == 199)
			add_file(&b, "e", 4, &text, "");
		tree = save_tree(&b);
	}
	CHECK(restore(&tree, (struct restore_opt){ 0 }, &r) == 1);
	CHECK(has("e", "text"));
	b = (struct buf)BUF_INIT;
	add_file(&b, "f", 4, &text, "");
	tree = save_tree(&b);
	CHECK(restore(&tree, (struct restore_opt){ .remove_others = true },
		      &r) == 0);
	CHECK(count("") == 1 && r.files_deleted == 2);
	end();
}

/* One blob at many places of a file that is made of several. */
static void a_blob_goes_to_all_its_places(void)
{
	struct buf b = BUF_INIT;
	struct id x, y, tree;

	begin();
	x = save(BLOB_DATA, "xx", 2);
	y = save(BLOB_DATA, "y", 1);
	buf_adds(&b, "{\"name\":\"f\",\"type\":\"file\",\"mode\":420,"
		     "\"mtime\":\"2020-01-01T00:00:00Z\",\"size\":7,"
		     "\"content\":[");
	for (int i = 0; i < 4; i++) {
		buf_adds(&b, i ? ",\"" : "\"");
		id_add_hex(&b, i == 1 ? &y : &x);
		buf_adds(&b, "\"");
	}
	buf_adds(&b, "]}");
	tree = save_tree(&b);
	CHECK(restore(&tree, (struct restore_opt){ .verify = true }, NULL) ==
	      0);
	CHECK(has("f", "xxyxxxx") && count("") == 1);
	end();
}

int main(void)
{
	RUN(a_name_that_leads_out_is_not_restored);
	RUN(a_name_that_comes_twice_is_one_of_both);
	RUN(a_link_under_a_folders_name_is_not_entered);
	RUN(lost_blobs_and_sizes_that_cannot_be_are_told);
	RUN(a_lost_tree_leaves_the_others);
	RUN(hard_links_must_have_one_content);
	RUN(folders_may_be_deep_but_not_endless);
	RUN(a_blob_goes_to_all_its_places);
	return 0;
}
