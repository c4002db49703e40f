/*
 * Folders out of one listing of a whole tree, from a service made up here.
 */
#include "tests/unit/places.h"

#include "backends/lister.h"

static struct places p;

/* `dirs` folders called d0, d1, ... with `files` files each, and a file. */
struct fake {
	struct backend base;
	int dirs, files;
	int trees, lists; /* how often it was asked */
	bool broken;      /* it cannot list all at once after all */
	bool gone;        /* there is no such folder */
};

static struct fake *fake_of(struct backend *be)
{
	return container_of(be, struct fake, base);
}

static void fake_close(struct backend *be)
{
	free(fake_of(be));
}

static int give(struct op *op, entry_fn *fn, void *arg, enum entry_kind kind,
		const char *name)
{
	const struct entry e = { .kind = kind, .name = name, .size = 7 };

	return fn(arg, op, &e);
}

static int fake_list(struct backend *be, struct op *op, const char *dir,
		     entry_fn *fn, void *arg)
{
	struct fake *f = fake_of(be);
	char name[64];

	f->lists++;
	for (int i = 0; i < (*dir ? f->files : f->dirs); i++) {
		snprintf(name, sizeof(name), *dir ? "f%d" : "d%d", i);
		if (give(op, fn, arg, *dir ? ENTRY_FILE : ENTRY_DIR, name) < 0)
			return -1;
	}
	return *dir ? 0 : give(op, fn, arg, ENTRY_FILE, "x");
}

static int fake_list_tree(struct backend *be, struct op *op, const char *dir,
			  entry_fn *fn, void *arg)
{
	struct fake *f = fake_of(be);
	char name[64];

	(void)dir;
	f->trees++;
	if (f->gone)
		return err_set(&op->err, ERR_NO_DIR, "no such directory");
	if (f->broken)
		return err_set(&op->err, ERR_DENIED, "not today");
	/* In an order that helps nobody. */
	for (int i = 0; i < f->dirs; i++) {
		snprintf(name, sizeof(name), "d%d", i);
		if (give(op, fn, arg, ENTRY_DIR, name) < 0)
			return -1;
	}
	for (int k = f->files; k-- > 0;)
		for (int i = 0; i < f->dirs; i++) {
			snprintf(name, sizeof(name), "d%d/f%d", i, k);
			if (give(op, fn, arg, ENTRY_FILE, name) < 0)
				return -1;
		}
	return give(op, fn, arg, ENTRY_FILE, "x");
}

static int no_stat(struct backend *be, struct op *op, const char *path,
		   struct entry *out)
{
	(void)be, (void)path, (void)out;
	return err_set(&op->err, ERR_NOT_FOUND, "nothing");
}

static int no_get(struct backend *be, struct op *op, const char *path,
		  const struct get_opt *opt, struct sink *dst)
{
	(void)be, (void)path, (void)opt, (void)dst;
	return err_set(&op->err, ERR_NOT_FOUND, "nothing");
}

static int no_put(struct backend *be, struct op *op, const char *path,
		  struct source *src, const struct put_opt *opt,
		  struct entry *out)
{
	(void)be, (void)path, (void)src, (void)opt, (void)out;
	return err_set(&op->err, ERR_DENIED, "no");
}

static int no_change(struct backend *be, struct op *op, const char *path)
{
	(void)be, (void)path;
	return err_set(&op->err, ERR_DENIED, "no");
}

static const struct backend_ops fake_ops = {
	.close = fake_close,
	.list = fake_list,
	.stat = no_stat,
	.get = no_get,
	.put = no_put,
	.mkdir = no_change,
	.rmdir = no_change,
	.unlink = no_change,
	.list_tree = fake_list_tree,
};

static struct fake *fake_new(int dirs, int files)
{
	struct fake *f = xcalloc(1, sizeof(*f));

	f->dirs = dirs;
	f->files = files;
	backend_init(&f->base, &fake_ops, "fake:", "fake:", 0);
	return f;
}

/* How many entries `dir` has, each after the one before; -1 on an error. */
static int count(struct lister *l, const char *dir)
{
	struct listing list = LISTING_INIT;
	struct posix_meta meta;
	struct entry e;
	char last[64] = "";
	int rc = lister_list(l, &p.op, dir, &list), n = 0;

	while (rc == 0 && (rc = listing_next(&list, &p.op, &e, &meta)) > 0) {
		CHECK(strcmp(last, e.name) < 0 && e.size == 7);
		snprintf(last, sizeof(last), "%s", e.name);
		n++;
		rc = 0;
	}
	listing_free(&list);
	return rc < 0 ? -1 : n;
}

static void every_folder_comes_out_of_one_request(void)
{
	struct fake *f = fake_new(300, 40);
	struct lister *l = lister_new(&f->base, LISTER_WHOLE);
	char dir[64];

	places_begin(&p);
	CHECK(count(l, "") == 301);
	for (int i = 300; i-- > 0;) {
		snprintf(dir, sizeof(dir), "d%d", i);
		CHECK(count(l, dir) == 40);
	}
	CHECK(count(l, "d1/none") == 0);
	CHECK(f->trees == 1 && f->lists == 0);
	lister_free(l);
	be_close(&f->base);
	places_end(&p);
}

static void a_few_folders_are_listed_by_themselves(void)
{
	struct fake *f = fake_new(100, 3);
	struct lister *l = lister_new(&f->base, LISTER_LATER);
	char dir[64];

	places_begin(&p);
	CHECK(count(l, "") == 101 && count(l, "d5") == 3);
	CHECK(f->trees == 0 && f->lists == 2);
	for (int i = 0; i < 100; i++) {
		snprintf(dir, sizeof(dir), "d%d", i);
		CHECK(count(l, dir) == 3);
	}
	CHECK(f->trees == 1 && f->lists < 40);
	lister_free(l);
	be_close(&f->base);
	places_end(&p);
}

static void what_cannot_list_all_lists_each(void)
{
	struct fake *f = fake_new(5, 2);
	struct lister *l = lister_new(&f->base, LISTER_WHOLE);

	places_begin(&p);
	f->broken = true;
	CHECK(count(l, "") == 6 && count(l, "d1") == 2 && count(l, "d2") == 2);
	CHECK(f->trees == 1 && f->lists == 3);
	lister_free(l);
	be_close(&f->base);
	places_end(&p);
}

static int look_at(struct fake *f, enum lister_mode mode, int then)
{
	struct lister *l = lister_new(&f->base, mode);
	int rc = lister_look(l, &p.op);

	CHECK(rc < 0 || count(l, "") == then);
	lister_free(l);
	return rc;
}

static void the_listing_is_the_look_at_the_root(void)
{
	struct fake *f = fake_new(5, 2);

	places_begin(&p);
	CHECK(look_at(f, LISTER_WHOLE, 6) == 1);
	CHECK(f->trees == 1 && f->lists == 0);
	CHECK(look_at(f, LISTER_LATER, 6) == 0);
	CHECK(f->trees == 1 && f->lists == 1);
	f->broken = true;
	CHECK(look_at(f, LISTER_WHOLE, 6) == 0);
	CHECK(f->trees == 2 && f->lists == 2);
	f->gone = true;
	CHECK(look_at(f, LISTER_WHOLE, 0) == -1);
	CHECK(p.op.err.kind == ERR_NO_DIR);
	CHECK(f->trees == 3 && f->lists == 2);
	be_close(&f->base);
	places_end(&p);
}

static void another_case_is_the_same_folder(void)
{
	struct fake *f = fake_new(5, 2);
	struct lister *l;

	places_begin(&p);
	f->base.caps |= BE_NO_CASE;
	l = lister_new(&f->base, LISTER_WHOLE);
	CHECK(count(l, "") == 6 && count(l, "D1") == 2 && count(l, "d1") == 2);
	CHECK(f->trees == 1 && f->lists == 0);
	lister_free(l);
	be_close(&f->base);
	places_end(&p);
}

int main(void)
{
	RUN(every_folder_comes_out_of_one_request);
	RUN(a_few_folders_are_listed_by_themselves);
	RUN(the_listing_is_the_look_at_the_root);
	RUN(what_cannot_list_all_lists_each);
	RUN(another_case_is_the_same_folder);
	return 0;
}
