#include "tests/unit/vfs_trick.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>

#include "vfs/parts.h"

/*
 * What nobody uses goes out of memory, and nothing is lost or wrong by that.
 */
static struct bed b;
static struct trick *t;

enum { FOLDERS = 8, FILES = 20 };

static void put(const char *path, uint64_t seed, int64_t size)
{
	CHECK(put_bytes(&b.p, b.be, path, seed, size) == 0);
}

static void begin(void)
{
	char path[40];

	t = bed_begin_trick(&b, ":mem:");
	for (int d = 0; d < FOLDERS; d++) {
		for (int f = 0; f < FILES; f++) {
			snprintf(path, sizeof(path), "d%d/f%02d", d, f);
			put(path, (uint64_t)(d * FILES + f), 100 + f);
		}
	}
}

static void end(void)
{
	bed_end_trick(&b, t);
}

static void read_all(void)
{
	struct buf names = BUF_INIT;
	char path[20];

	for (int d = 0; d < FOLDERS; d++) {
		snprintf(path, sizeof(path), "d%d", d);
		bed_list(&b, path, &names);
		CHECK(names.len >= (FILES - 1) * 4);
	}
	buf_free(&names);
}

static int64_t nodes(void)
{
	struct vfs_status st;

	vfs_status(b.v, &st);
	return st.files + st.dirs;
}

static void less(size_t most, int64_t idle)
{
	CHECK(trim(b.v, &b.p.op, most, idle) == 0);
}

/* As soon as all is saved, no more than these are in memory. */
static bool settles_to(int64_t want)
{
	for (unsigned i = 0; i < 2400; i++) {
		less(0, 0);
		if (nodes() <= want)
			return nodes() == want;
		usleep(50 * 1000);
	}
	fprintf(stderr, "%lld nodes\n", (long long)nodes());
	return false;
}

static void what_nobody_uses_goes_and_comes_again(void)
{
	struct vfs_attr was, is;
	unsigned lists;

	begin();
	CHECK_NAMES(&b, "", "d0 d1 d2 d3 d4 d5 d6 d7 ");
	read_all();
	was = bed_attr(&b, "d3/f07");
	CHECK(nodes() == 1 + FOLDERS * (1 + FILES));
	CHECK(settles_to(1 + FOLDERS));
	is = bed_attr(&b, "d3/f07");
	CHECK(is.ino == was.ino && is.size == 107 && is.mtime == was.mtime &&
	      is.ctime == was.ctime && is.mode == was.mode);
	CHECK(nodes() == 1 + FOLDERS + FILES);
	lists = t->n[CALL_LIST];
	read_all();
	CHECK(t->n[CALL_LIST] <= lists + FOLDERS);
	CHECK(nodes() == 1 + FOLDERS * (1 + FILES));
	/* nobody is in a hurry */
	less(1 + FOLDERS * (1 + FILES), 0);
	CHECK(nodes() == 1 + FOLDERS * (1 + FILES));
	less(0, BED_HOUR);
	CHECK(nodes() == 1 + FOLDERS * (1 + FILES));
	end();
}

static void what_was_kept_is_there_without_the_place(void)
{
	begin();
	read_all();
	CHECK(settles_to(1 + FOLDERS));
	t->kind = ERR_NETWORK;
	atomic_store(&t->before[CALL_LIST], 1000);
	read_all();
	CHECK(bed_attr(&b, "d5/f19").size == 119);
	end();
}

static void set_mode(const char *path, uint32_t mode, int64_t mtime)
{
	struct vfs_attr a, set = { .mode = mode, .mtime = mtime };

	CHECK(vfs_setattr(b.v, &b.p.op, bed_ino(&b, path),
			  VFS_SET_MODE | VFS_SET_MTIME, &set, &a) == 0);
}

static void what_differs_from_the_place_stays(void)
{
	const char *all = "f00 f01 f02 f03 f04 f05 f06 f07 f08 f09 f10 f11 "
			  "f12 f13 f14 f15 f16 f17 f18 f19 ";
	const void *value;
	struct vfs_attr a;
	size_t len;

	begin();
	read_all();
	CHECK(bed_unlink(&b, "d0/f00") == 0);
	CHECK(bed_rename(&b, "d1/f00", "d2/moved", 0) == 0);
	CHECK(bed_rename(&b, "d3/f00", "d3/f0", 0) == 0);
	CHECK(bed_mkdir(&b, "d4/new") == 0);
	set_mode("d5/f03", 0600, 1234567);
	CHECK(vfs_setxattr(b.v, &b.p.op, bed_ino(&b, "d6/f04"), "user.x", "y",
			   1, 0) == 0);
	/* all but d6 and d7 have something in them, or once had */
	CHECK(settles_to(1 + FOLDERS + 6 * FILES + 1));
	CHECK_NAMES(&b, "d7", all);
	CHECK(vfs_getxattr(b.v, &b.p.op, bed_ino(&b, "d6/f04"), "user.x",
			   &value, &len) == 0);
	CHECK(len == 1 && memcmp(value, "y", 1) == 0);
	bed_flush(&b);
	CHECK(settles_to(1 + FOLDERS));
	CHECK_NAMES(&b, "d0", all + 4);
	CHECK_NAMES(&b, "d1", all + 4);
	CHECK(bed_attr(&b, "d2/moved").size == 100);
	CHECK(bed_ino(&b, "d3/f00") == 0 && bed_attr(&b, "d3/f0").size == 100);
	CHECK(bed_attr(&b, "d4/new").mode == (S_IFDIR | 0755));
	a = bed_attr(&b, "d5/f03");
	CHECK(a.mode == (S_IFREG | 0600) && a.mtime == 1234567);
	CHECK(settles_to(1 + FOLDERS));
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "d0", all + 4);
	CHECK(bed_attr(&b, "d5/f03").mode == (S_IFREG | 0600));
	end();
}

static void what_was_deleted_does_not_come_back(void)
{
	char path[20];

	begin();
	read_all();
	CHECK(settles_to(1 + FOLDERS));
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "d%d/f%02d", i % 2, i);
		CHECK(bed_unlink(&b, path) == 0);
		less(0, 0);
		CHECK(bed_ino(&b, path) == 0);
		if (i % 4 == 3)
			bed_flush(&b);
		less(0, 0);
		CHECK(bed_ino(&b, path) == 0);
	}
	/* made here, and gone before the place has heard of it */
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "d2/x%d", i);
		CHECK(bed_mkdir(&b, path) == 0);
		CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
		CHECK(bed_rmdir(&b, path) == 0);
		less(0, 0);
		CHECK(bed_ino(&b, path) == 0);
	}
	bed_flush(&b);
	CHECK(settles_to(1 + FOLDERS));
	CHECK_NAMES(&b, "d0", "f01 f03 f05 f07 f09 f11 f13 f15 f17 f19 ");
	CHECK_NAMES(&b, "d1", "f00 f02 f04 f06 f08 f10 f12 f14 f16 f18 ");
	end();
}

/* A listing would show that it is gone: there is none. */
static void not_even_where_nobody_lists(void)
{
	begin();
	read_all();
	CHECK(settles_to(1 + FOLDERS));
	read_all();
	CHECK(bed_unlink(&b, "d0/f00") == 0);
	bed_flush(&b);
	t->kind = ERR_NETWORK;
	atomic_store(&t->before[CALL_LIST], 1000);
	less(0, 0);
	CHECK(nodes() == 1 + FOLDERS);
	CHECK(bed_ino(&b, "d0/f00") == 0 && bed_ino(&b, "d0/f01") != 0);
	end();
}

/* The kernel, which gives back a name that it is told to forget. */
struct kernel {
	uint64_t dir, file;
	unsigned files, others;
	bool forgets;
};

static void be_told(void *arg, uint64_t parent, const char *name, uint64_t ino)
{
	struct kernel *k = arg;

	if (ino == 0 && parent == k->dir && strcmp(name, "f00") == 0)
		k->files++;
	else
		k->others++;
	if (k->forgets && k->file)
		vfs_forget(b.v, k->file, 1);
	if (k->forgets)
		k->file = 0;
}

static void the_kernel_is_asked_for_names_and_not_for_folders(void)
{
	struct kernel k = { .forgets = false };
	struct vfs_attr a;

	t = bed_begin_trick(&b, ":mem:");
	put("d/f00", 1, 1);
	put("d/f01", 1, 1);
	put("e/sub/f", 1, 1);
	b.opt.stale = be_told;
	b.opt.arg = &k;
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "d", "f00 f01 ");
	CHECK(vfs_lookup(b.v, &b.p.op, VFS_ROOT, "d", &a) == 0);
	k.dir = a.ino;
	CHECK(vfs_lookup(b.v, &b.p.op, k.dir, "f00", &a) == 0);
	k.file = a.ino;
	CHECK(vfs_lookup(b.v, &b.p.op, bed_ino(&b, "e"), "sub", &a) == 0);
	CHECK_NAMES(&b, "e/sub", "f ");
	/* the root, d, f00, f01, e, sub */
	CHECK(settles_to(6));
	for (unsigned i = 0; i < 100 && k.files == 0; i++) {
		less(0, 0);
		usleep(50 * 1000);
	}
	CHECK(k.files == 1 && k.others == 0);
	less(0, 0);
	CHECK(k.files == 1); /* once is enough, */
	CHECK(bed_ino(&b, "d/f00") == k.file);
	k.forgets = true;
	CHECK(settles_to(4)); /* until it is looked at again */
	CHECK(k.files == 2 && k.others == 0);
	CHECK_NAMES(&b, "d", "f00 f01 ");
	end();
	b.opt.stale = NULL;
}

/* ---- meanwhile ----------------------------------------------------------- */

enum { WORKERS = 3, TURNS = 150 };

struct work {
	pthread_t thread;
	unsigned id;
};

static uint64_t look(struct op *op, uint64_t dir, const char *name)
{
	struct vfs_attr a;

	if (vfs_lookup(b.v, op, dir, name, &a) < 0) {
		CHECK(vfs_errno(&op->err) == ENOENT);
		err_clear(&op->err);
		return 0;
	}
	return a.ino;
}

static bool count(void *arg, const char *name, const struct vfs_attr *a,
		  int64_t next)
{
	unsigned *n = arg;

	(void)name;
	(void)a;
	(void)next;
	++*n;
	return true;
}

static unsigned entries(struct op *op, uint64_t dir)
{
	struct vfs_dir *d;
	unsigned n = 0;

	CHECK(vfs_opendir(b.v, op, dir, &d) == 0);
	CHECK(vfs_readdir(b.v, op, d, 0, false, count, &n) == 0);
	vfs_closedir(b.v, d);
	return n - 2;
}

static void make(struct op *op, uint64_t dir, const char *name)
{
	struct vfs_file *f;
	struct vfs_attr a;

	CHECK(vfs_create(b.v, op, dir, name, 0644, O_WRONLY, &a, &f) == 0);
	CHECK(vfs_write(b.v, op, f, name, strlen(name), 0) == 0);
	CHECK(vfs_flush_file(b.v, op, f) == 0);
	vfs_release(b.v, f);
	vfs_forget(b.v, a.ino, 1);
}

/* In two folders of its own, which nobody else changes. */
static void *work(void *arg)
{
	const struct work *w = arg;
	struct cancel none;
	struct op op;
	char here[20], there[20], name[20];
	unsigned made = 0;

	cancel_init(&none);
	op = op_begin(&none);
	snprintf(here, sizeof(here), "d%u", 2 * w->id);
	snprintf(there, sizeof(there), "d%u", 2 * w->id + 1);
	for (unsigned i = 0; i < TURNS; i++) {
		uint64_t from = look(&op, VFS_ROOT, here);
		uint64_t to = look(&op, VFS_ROOT, there);
		uint64_t known;

		CHECK(from && to);
		CHECK(entries(&op, from) == FILES);
		snprintf(name, sizeof(name), "n%u", i);
		make(&op, from, name);
		if (i % 3 == 0) {
			CHECK(vfs_unlink(b.v, &op, from, name) == 0);
		} else {
			CHECK(vfs_rename(b.v, &op, from, name, to, name, 0) ==
			      0);
			made++;
		}
		CHECK(look(&op, from, name) == 0);
		CHECK(entries(&op, to) == FILES + made);
		known = look(&op, to, "f05");
		CHECK(known);
		vfs_forget(b.v, known, 1);
		vfs_forget(b.v, from, 1);
		vfs_forget(b.v, to, 1);
		arena_reset(&op.arena);
	}
	op_end(&op);
	cancel_free(&none);
	return NULL;
}

static void what_is_used_meanwhile_stays_right(void)
{
	struct work w[WORKERS];
	struct buf names = BUF_INIT;

	begin();
	bed_close(&b);
	b.opt.write_back = NS_PER_SEC / 100;
	bed_reopen_trick(&b, t);
	for (unsigned i = 0; i < WORKERS; i++) {
		w[i].id = i;
		CHECK(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0);
	}
	for (unsigned i = 0; i < WORKERS; i++) {
		while (pthread_tryjoin_np(w[i].thread, NULL) != 0) {
			less(0, 0);
			usleep(1000);
		}
	}
	bed_flush(&b);
	CHECK(settles_to(1 + FOLDERS));
	bed_list(&b, "d1", &names);
	CHECK(strstr(names.data, "f00 ") && strstr(names.data, " n1 ") &&
	      !strstr(names.data, " n3 "));
	buf_free(&names);
	end();
	b.opt.write_back = BED_HOUR;
}

int main(void)
{
	RUN(what_nobody_uses_goes_and_comes_again);
	RUN(what_was_kept_is_there_without_the_place);
	RUN(what_differs_from_the_place_stays);
	RUN(what_was_deleted_does_not_come_back);
	RUN(not_even_where_nobody_lists);
	RUN(the_kernel_is_asked_for_names_and_not_for_folders);
	RUN(what_is_used_meanwhile_stays_right);
	return 0;
}
