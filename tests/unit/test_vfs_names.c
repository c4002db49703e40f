#include "tests/unit/vfs_bed.h"

#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static struct bed b;

static bool place_has(const char *path)
{
	struct entry e;
	bool has = be_stat(b.be, &b.p.op, path, &e) == 0;

	err_clear(&b.p.op.err);
	return has;
}

static void put(const char *path, uint64_t seed, int64_t size)
{
	CHECK(put_bytes(&b.p, b.be, path, seed, size) == 0);
}

static void what_the_place_has_is_shown(void)
{
	struct vfs_attr a;

	bed_begin(&b, ":mem:");
	put("d/e/f", 1, 1000);
	put("g", 2, 0);
	CHECK_NAMES(&b, "", "d g ");
	CHECK_NAMES(&b, "d", "e ");
	CHECK_NAMES(&b, "d/e", "f ");
	a = bed_attr(&b, "d/e/f");
	CHECK(a.size == 1000 && a.mode == (S_IFREG | 0644) && a.nlink == 1);
	CHECK(a.blocks == 2 && a.valid > BED_HOUR / 2);
	a = bed_attr(&b, "d");
	CHECK(a.mode == (S_IFDIR | 0755) && a.nlink == 3);
	CHECK(bed_ino(&b, "d/x") == 0);
	bed_end(&b);
}

static void what_is_made_here_is_there_after_a_restart(void)
{
	struct vfs_attr a, set = { .mode = 0640, .mtime = 1234567 };
	const char *target;

	bed_begin(&b, ":mem:");
	put("old", 1, 10);
	CHECK(bed_mkdir(&b, "d") == 0 && bed_mkdir(&b, "d/e") == 0);
	CHECK(bed_symlink(&b, "d/l", "to/there") == 0);
	CHECK(bed_rename(&b, "old", "d/new", 0) == 0);
	CHECK(vfs_setattr(b.v, &b.p.op, bed_ino(&b, "d/new"),
			  VFS_SET_MODE | VFS_SET_MTIME, &set, &a) == 0);
	bed_reopen(&b);
	CHECK_NAMES(&b, "", "d ");
	CHECK_NAMES(&b, "d", "e l new ");
	CHECK(vfs_readlink(b.v, &b.p.op, bed_ino(&b, "d/l"), &target) == 0);
	CHECK_STR(target, "to/there");
	a = bed_attr(&b, "d/new");
	CHECK(a.size == 10 && a.mode == (S_IFREG | 0640) && a.mtime == 1234567);
	bed_flush(&b);
	CHECK(!place_has("old") && place_has("d/e") && place_has("d/new"));
	bed_end(&b);
}

static void a_kill_loses_nothing_that_was_committed(void)
{
	pid_t pid;
	int st;

	bed_begin(&b, ":mem:");
	put("f", 1, 10);
	bed_close(&b);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		bed_open(&b);
		CHECK(bed_mkdir(&b, "d") == 0);
		CHECK(bed_rename(&b, "f", "d/f", 0) == 0);
		CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	bed_open(&b);
	CHECK_NAMES(&b, "", "d ");
	CHECK_NAMES(&b, "d", "f ");
	bed_end(&b);
}

static void what_others_change_is_seen_when_the_listing_is_old(void)
{
	bed_begin(&b, ":mem:");
	put("a", 1, 10);
	put("d/x", 1, 10);
	CHECK_NAMES(&b, "", "a d ");
	CHECK_NAMES(&b, "d", "x ");
	put("b", 1, 10);
	put("a", 2, 20);
	CHECK(be_purge(b.be, &b.p.op, "d") == 0);
	CHECK_NAMES(&b, "", "a d ");
	bed_close(&b);
	b.opt.dir_time = 0;
	bed_open(&b);
	CHECK_NAMES(&b, "", "a b ");
	CHECK(bed_attr(&b, "a").size == 20);
	CHECK(be_unlink(b.be, &b.p.op, "b") == 0);
	bed_end(&b);
}

static void what_becomes_another_kind_is_another_node(void)
{
	uint64_t ino;

	bed_begin(&b, ":mem:");
	bed_close(&b);
	b.opt.dir_time = 0;
	bed_open(&b);
	put("a", 1, 10);
	ino = bed_ino(&b, "a");
	CHECK(be_unlink(b.be, &b.p.op, "a") == 0);
	put("a/b", 1, 10);
	CHECK(bed_ino(&b, "a") != ino);
	CHECK_NAMES(&b, "a", "b ");
	CHECK(be_purge(b.be, &b.p.op, "a") == 0);
	put("a", 1, 11);
	CHECK(bed_attr(&b, "a").size == 11);
	bed_end(&b);
}

static void what_was_deleted_or_moved_here_does_not_come_back(void)
{
	bed_begin(&b, ":mem:");
	put("a", 1, 10);
	put("b", 2, 10);
	put("d/c", 3, 10);
	bed_close(&b);
	b.opt.dir_time = 0;
	bed_open(&b);
	CHECK(bed_unlink(&b, "a") == 0);
	CHECK(bed_rename(&b, "b", "d/b", 0) == 0);
	CHECK(bed_rename(&b, "d", "e", 0) == 0);
	/* others see the folder where it is at the place */
	put("d/z", 4, 10);
	for (int i = 0; i < 2; i++) {
		CHECK_NAMES(&b, "", "e ");
		CHECK_NAMES(&b, "e", "b c z ");
		bed_reopen(&b);
	}
	CHECK(bed_rename(&b, "e", "d", 0) == 0);
	CHECK(bed_rename(&b, "d/b", "b", 0) == 0);
	CHECK_NAMES(&b, "", "b d ");
	bed_flush(&b);
	CHECK(!place_has("a") && place_has("b") && place_has("d/c"));
	bed_end(&b);
}

static void names_that_cannot_be_are_refused(void)
{
	char longest[300];

	bed_begin(&b, ":mem:");
	put("f", 1, 10);
	put("d/g", 1, 10);
	memset(longest, 'x', sizeof(longest));
	longest[256] = '\0';
	CHECK(bed_mkdir(&b, longest) == ENAMETOOLONG);
	longest[255] = '\0';
	CHECK(bed_mkdir(&b, longest) == 0);
	CHECK(bed_rmdir(&b, longest) == 0);
	CHECK(bed_mkdir(&b, ".ferry-tmp.1") == EINVAL);
	CHECK(bed_mkdir(&b, "f") == EEXIST);
	CHECK(bed_mkdir(&b, "x/y") == ENOENT);
	CHECK(bed_mkdir(&b, "f/y") == ENOTDIR);
	CHECK(bed_unlink(&b, "d") == EISDIR);
	CHECK(bed_unlink(&b, "x") == ENOENT);
	CHECK(bed_rmdir(&b, "f") == ENOTDIR);
	CHECK(bed_rmdir(&b, "d") == ENOTEMPTY);
	CHECK(bed_rename(&b, "d", "d/e", 0) == EINVAL);
	CHECK(bed_rename(&b, "f", "d", 0) == EISDIR);
	CHECK(bed_rename(&b, "d", "f", 0) == ENOTDIR);
	CHECK(bed_rename(&b, "f", "d/g", RENAME_NOREPLACE) == EEXIST);
	CHECK(bed_rename(&b, "f", "x", RENAME_EXCHANGE) == ENOENT);
	CHECK(bed_rename(&b, "d/g", "d", RENAME_EXCHANGE) == EINVAL);
	CHECK(bed_mkdir(&b, "e") == 0);
	CHECK(bed_rename(&b, "e", "d", 0) == ENOTEMPTY);
	CHECK(bed_rename(&b, "d", "e", 0) == 0);
	CHECK_NAMES(&b, "", "e f ");
	CHECK(bed_rename(&b, "e/g", "f", RENAME_EXCHANGE) == 0);
	CHECK_NAMES(&b, "", "e f ");
	bed_end(&b);
}

static void a_mount_to_read_changes_nothing(void)
{
	struct vfs_attr a;

	bed_begin(&b, ":mem:");
	put("f", 1, 10);
	bed_close(&b);
	b.opt.read_only = true;
	bed_open(&b);
	a = bed_attr(&b, "f");
	CHECK(bed_mkdir(&b, "d") == EROFS && bed_unlink(&b, "f") == EROFS);
	CHECK(bed_rename(&b, "f", "g", 0) == EROFS);
	CHECK(bed_rc(&b, vfs_setattr(b.v, &b.p.op, a.ino, VFS_SET_MODE, &a,
				     &a)) == EROFS);
	bed_end(&b);
}

static int setx(const char *path, const char *name, const char *value,
		int flags)
{
	return bed_rc(&b, vfs_setxattr(b.v, &b.p.op, bed_ino(&b, path), name,
				       value, strlen(value), flags));
}

static void attributes_are_kept_here(void)
{
	const void *value;
	const char *names;
	size_t len;

	bed_begin(&b, ":mem:");
	put("f", 1, 10);
	CHECK(setx("f", "security.x", "1", 0) == ENOTSUP);
	CHECK(setx("f", "user.a", "1", XATTR_REPLACE) == ENODATA);
	CHECK(setx("f", "user.a", "one", XATTR_CREATE) == 0);
	CHECK(setx("f", "user.a", "one", XATTR_CREATE) == EEXIST);
	CHECK(setx("f", "user.b", "", 0) == 0);
	for (int i = 0; i < 2; i++) {
		uint64_t ino = bed_ino(&b, "f");

		CHECK(vfs_getxattr(b.v, &b.p.op, ino, "user.a", &value, &len) ==
		      0);
		CHECK(len == 3 && memcmp(value, "one", 3) == 0);
		CHECK(vfs_listxattr(b.v, &b.p.op, ino, &names, &len) == 0);
		CHECK(len == 14);
		CHECK(memcmp(names, "user.a\0user.b", 14) == 0 ||
		      memcmp(names, "user.b\0user.a", 14) == 0);
		bed_reopen(&b);
	}
	CHECK(vfs_removexattr(b.v, &b.p.op, bed_ino(&b, "f"), "user.a") == 0);
	CHECK(vfs_listxattr(b.v, &b.p.op, bed_ino(&b, "f"), &names, &len) == 0);
	CHECK(len == 7);
	bed_end(&b);
}

static void a_folder_of_the_cache_belongs_to_one_place(void)
{
	struct backend *other;
	struct vfs *v;

	bed_begin(&b, ":mem:");
	CHECK(bed_rc(&b, vfs_open(&b.p.op, b.be, &b.opt, &v)) == EBUSY);
	bed_close(&b);
	other = opened(&b.p, ":mem,name=other:");
	CHECK(bed_rc(&b, vfs_open(&b.p.op, other, &b.opt, &v)) == EINVAL);
	be_close(other);
	bed_open(&b);
	bed_end(&b);
}

int main(void)
{
	RUN(what_the_place_has_is_shown);
	RUN(what_is_made_here_is_there_after_a_restart);
	RUN(a_kill_loses_nothing_that_was_committed);
	RUN(what_others_change_is_seen_when_the_listing_is_old);
	RUN(what_becomes_another_kind_is_another_node);
	RUN(what_was_deleted_or_moved_here_does_not_come_back);
	RUN(names_that_cannot_be_are_refused);
	RUN(a_mount_to_read_changes_nothing);
	RUN(attributes_are_kept_here);
	RUN(a_folder_of_the_cache_belongs_to_one_place);
	return 0;
}
