#include "tests/unit/vfs_trick.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "vfs/parts.h"

/*
 * What others do at the place while something else is done here.
 */
static struct bed b;
static struct trick *t;

static void begin(void)
{
	t = bed_begin_trick(&b, ":mem:");
	bed_close(&b);
	b.opt.dir_time = 0; /* each look is a new one */
	bed_reopen_trick(&b, t);
}

static void end(void)
{
	bed_end_trick(&b, t);
}

static void put(const char *path, uint64_t seed, int64_t size)
{
	CHECK(put_bytes(&b.p, b.be, path, seed, size) == 0);
}

static bool place_has(const char *path)
{
	bool has = be_stat(b.be, &b.p.op, path, NULL) == 0;

	err_clear(&b.p.op.err);
	return has;
}

/* Bytes of `seed` into a file that is there, or not yet. */
static void write_bytes(const char *path, uint64_t seed, int64_t size)
{
	uint8_t *bytes = xcalloc((size_t)size, 1);
	struct vfs_file *f;
	struct vfs_attr a;
	const char *name;
	uint64_t dir = bed_dir(&b, path, &name);

	for (int64_t i = 0; i < size; i++)
		bytes[i] = bytes_at(seed, i);
	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, O_RDWR | O_TRUNC, &a,
			 &f) == 0);
	CHECK(vfs_write(b.v, &b.p.op, f, bytes, (size_t)size, 0) == 0);
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	vfs_release(b.v, f);
	vfs_forget(b.v, a.ino, 1);
	free(bytes);
}

static void read_whole(const char *path)
{
	struct vfs_file *f;
	size_t got;
	int fd;

	CHECK(vfs_open_file(b.v, &b.p.op, bed_ino(&b, path), O_RDONLY, &f) ==
	      0);
	CHECK(vfs_read_begin(b.v, &b.p.op, f, 0, 1000, &fd, &got) == 0);
	vfs_read_end(b.v, f);
	vfs_release(b.v, f);
}

static void a_folder_that_both_sides_make_is_one(void)
{
	begin();
	CHECK(bed_mkdir(&b, "d") == 0);
	write_bytes("d/ours", 1, 10);
	put("d/theirs", 2, 20);
	CHECK_NAMES(&b, "", "d ");
	CHECK_NAMES(&b, "d", "ours theirs ");
	bed_flush(&b);
	CHECK(gets_bytes(&b.p, b.be, "d/ours", 1, 10));
	CHECK(gets_bytes(&b.p, b.be, "d/theirs", 2, 20));
	end();
}

static void what_was_changed_here_outlives_its_deletion_there(void)
{
	begin();
	put("d/e/f", 1, 10);
	put("d/e/g", 2, 10);
	put("d/h", 2, 10);
	CHECK_NAMES(&b, "d/e", "f g ");
	write_bytes("d/e/f", 3, 30);
	CHECK(be_purge(b.be, &b.p.op, "d") == 0);
	CHECK_NAMES(&b, "", "d ");
	CHECK_NAMES(&b, "d", "e ");
	CHECK_NAMES(&b, "d/e", "f ");
	bed_flush(&b);
	CHECK(gets_bytes(&b.p, b.be, "d/e/f", 3, 30));
	CHECK(!place_has("d/h"));
	end();
}

static void what_was_moved_here_is_made_again_if_it_can(void)
{
	begin();
	put("here", 1, 10);
	put("there", 2, 10);
	CHECK_NAMES(&b, "", "here there ");
	read_whole("here");
	CHECK(bed_mkdir(&b, "d") == 0);
	CHECK(bed_rename(&b, "here", "d/here", 0) == 0);
	CHECK(bed_rename(&b, "there", "d/there", 0) == 0);
	CHECK(be_unlink(b.be, &b.p.op, "here") == 0);
	CHECK(be_unlink(b.be, &b.p.op, "there") == 0);
	CHECK_NAMES(&b, "", "d ");
	bed_flush(&b);
	CHECK_NAMES(&b, "d", "here ");
	CHECK(gets_bytes(&b.p, b.be, "d/here", 1, 10));
	end();
}

static void what_both_sides_delete_is_gone(void)
{
	struct vfs_status st;

	begin();
	put("f", 1, 10);
	put("d/g", 1, 10);
	CHECK(bed_unlink(&b, "f") == 0);
	CHECK(bed_unlink(&b, "d/g") == 0 && bed_rmdir(&b, "d") == 0);
	CHECK(be_unlink(b.be, &b.p.op, "f") == 0);
	CHECK(be_purge(b.be, &b.p.op, "d") == 0);
	CHECK_NAMES(&b, "", "");
	bed_flush(&b);
	CHECK(store_save_all(b.v, &b.p.op) == 0);
	vfs_status(b.v, &st);
	CHECK(st.queued == 0 && st.files == 0 && st.dirs == 1);
	end();
}

static void a_folder_that_goes_takes_what_was_moved_out_along(void)
{
	begin();
	put("d/f", 1, 10);
	put("d/g", 2, 10);
	CHECK_NAMES(&b, "d", "f g ");
	read_whole("d/g");
	CHECK(bed_rename(&b, "d/f", "f", 0) == 0);
	CHECK(bed_rename(&b, "d/g", "g", 0) == 0);
	CHECK(be_purge(b.be, &b.p.op, "d") == 0);
	CHECK(!bed_ino(&b, "d"));
	bed_flush(&b);
	CHECK_NAMES(&b, "", "g ");
	CHECK(!place_has("f") && gets_bytes(&b.p, b.be, "g", 2, 10));
	end();
}

static void a_file_that_becomes_a_folder_is_both_when_it_was_written(void)
{
	begin();
	put("a", 1, 10);
	CHECK_NAMES(&b, "", "a ");
	write_bytes("a", 2, 20);
	CHECK(be_unlink(b.be, &b.p.op, "a") == 0);
	put("a/b", 3, 30);
	CHECK(S_ISREG(bed_attr(&b, "a").mode));
	(void)!vfs_flush(b.v, &b.p.op, "");
	err_clear(&b.p.op.err);
	CHECK(gets_bytes(&b.p, b.be, "a/b", 3, 30));
	end();
}

/* ---- out of reach -------------------------------------------------------- */

static void cut_off(bool yes)
{
	t->kind = ERR_NETWORK;
	for (unsigned c = 0; c < CALLS; c++)
		t->before[c] = yes ? UINT_MAX : 0;
}

static int list_errno(const char *path)
{
	struct vfs_attr a;

	return bed_rc(&b, vfs_lookup(b.v, &b.p.op, bed_ino(&b, path), "x", &a));
}

static void what_is_ours_of_it_is_shown_without_a_network(void)
{
	begin();
	CHECK(bed_mkdir(&b, "d") == 0);
	write_bytes("d/ours", 1, 10);
	put("d/theirs", 2, 20);
	CHECK_NAMES(&b, "", "d ");
	cut_off(true);
	CHECK_NAMES(&b, "d", "ours ");
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "d", "ours ");
	cut_off(false);
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "d", "ours theirs ");
	end();
}

static void without_a_network_what_is_known_is_shown(void)
{
	struct vfs_status st;

	begin();
	put("d/f", 1, 10);
	put("e/g", 1, 10);
	CHECK_NAMES(&b, "", "d e ");
	CHECK_NAMES(&b, "d", "f ");
	cut_off(true);
	for (int i = 0; i < 2; i++) {
		CHECK_NAMES(&b, "", "d e ");
		CHECK(bed_mkdir(&b, "d/new") == (i ? EEXIST : 0));
		CHECK_NAMES(&b, "d", "f new ");
		CHECK(list_errno("e") == ENETDOWN);
		vfs_status(b.v, &st);
		CHECK(!st.online);
		bed_reopen_trick(&b, t);
	}
	cut_off(false);
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "d", "f new ");
	CHECK(list_errno("e") == ENOENT);
	bed_flush(&b);
	CHECK(place_has("d/new"));
	end();
}

static void a_root_that_is_not_mounted_is_not_empty(void)
{
	t = bed_begin_trick(&b, ":mem:root");
	bed_close(&b);
	b.opt.dir_time = 0;
	bed_reopen_trick(&b, t);
	CHECK_NAMES(&b, "", ""); /* nobody has made it yet */
	put("f", 1, 10);
	CHECK_NAMES(&b, "", "f ");
	t->before[CALL_LIST] = 1000;
	t->kind = ERR_NO_DIR;
	CHECK_NAMES(&b, "", "f ");
	end();
}

/* ---- while the queue is at work ------------------------------------------ */

/* The listing is made before the queue's action, and comes after it. */
static void dawdle(struct trick *trick, enum call c, const char *path)
{
	(void)trick;
	(void)path;
	if (c == CALL_LIST || c == CALL_UNLINK)
		usleep(1000 * (1 + (unsigned)(clock_mono() / 1000 % 3)));
}

static void what_is_deleted_meanwhile_does_not_come_back(void)
{
	char name[16];

	begin();
	bed_close(&b);
	b.opt.write_back = 0;
	bed_reopen_trick(&b, t);
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%02d", i);
		put(name, 1, 1);
	}
	CHECK(bed_ino(&b, "f00"));
	t->meet = dawdle;
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "f%02d", i);
		CHECK(bed_unlink(&b, name) == 0);
		CHECK(!bed_ino(&b, name));
		snprintf(name, sizeof(name), "f%02d", i / 2);
		CHECK(!bed_ino(&b, name));
	}
	bed_flush(&b);
	no_meeting(t);
	CHECK_NAMES(&b, "", "");
	end();
}

/* ---- what the kernel is told --------------------------------------------- */

struct told {
	unsigned n;
	struct buf names;
	pthread_mutex_t lock;
};

static void take_stale(void *arg, uint64_t parent, const char *name,
		       uint64_t ino)
{
	struct told *to = arg;

	(void)parent;
	(void)ino;
	pthread_mutex_lock(&to->lock);
	to->n++;
	if (name)
		buf_addf(&to->names, "%s ", name);
	pthread_mutex_unlock(&to->lock);
}

static void the_kernel_is_told_of_names_that_come_and_go(void)
{
	struct told told = { .names = BUF_INIT,
			     .lock = PTHREAD_MUTEX_INITIALIZER };

	begin();
	bed_close(&b);
	b.opt.stale = take_stale;
	b.opt.arg = &told;
	bed_reopen_trick(&b, t);
	put("a", 1, 10);
	put("b", 1, 10);
	CHECK_NAMES(&b, "", "a b ");
	CHECK(told.n == 0);
	put("c", 1, 10);
	CHECK(be_unlink(b.be, &b.p.op, "a") == 0);
	CHECK_NAMES(&b, "", "b c ");
	CHECK_STR(told.names.data, "c a ");
	CHECK(told.n == 3);
	end();
	b.opt.stale = NULL;
	buf_free(&told.names);
}

/* ---- a walk -------------------------------------------------------------- */

static void read_folder(const char *path)
{
	struct buf names = BUF_INIT;

	bed_list(&b, path, &names);
	buf_free(&names);
}

/* Who stands still for three seconds does not walk, so this one goes on. */
static unsigned lists_after(unsigned want, const char *one, const char *other)
{
	for (int i = 0; i < 6000 && t->n[CALL_LIST] < want; i++) {
		if (i % 100 == 99)
			read_folder(i % 200 == 199 ? one : other);
		usleep(10 * 1000);
	}
	return t->n[CALL_LIST];
}

static void who_walks_finds_folders_listed(void)
{
	char name[32];

	t = bed_begin_trick(&b, ":mem:");
	bed_close(&b);
	t->base.caps |= BE_REMOTE;
	bed_reopen_trick(&b, t);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "d%02d/e/f", i);
		put(name, 1, 1);
	}
	/* down a path is no walk */
	CHECK(bed_ino(&b, "d00/e/f") && bed_ino(&b, "d01"));
	read_folder("d00");
	read_folder("d00/e");
	CHECK(lists_after(3, "d00", "d00/e") == 3);
	read_folder("d01");
	CHECK(lists_after(1 + 2 * 30, "d00", "d01") == 1 + 2 * 30);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "d%02d/e", i);
		CHECK_NAMES(&b, name, "f ");
	}
	CHECK(t->n[CALL_LIST] == 1 + 2 * 30);
	end();
}

int main(void)
{
	RUN(a_folder_that_both_sides_make_is_one);
	RUN(what_was_changed_here_outlives_its_deletion_there);
	RUN(what_was_moved_here_is_made_again_if_it_can);
	RUN(what_both_sides_delete_is_gone);
	RUN(a_folder_that_goes_takes_what_was_moved_out_along);
	RUN(a_file_that_becomes_a_folder_is_both_when_it_was_written);
	RUN(what_is_ours_of_it_is_shown_without_a_network);
	RUN(without_a_network_what_is_known_is_shown);
	RUN(a_root_that_is_not_mounted_is_not_empty);
	RUN(what_is_deleted_meanwhile_does_not_come_back);
	RUN(the_kernel_is_told_of_names_that_come_and_go);
	RUN(who_walks_finds_folders_listed);
	return 0;
}
