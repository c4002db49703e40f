#include "tests/suite/suite.h"

#include <sys/stat.h>

#include "lib/clock.h"

#define WHEN (INT64_C(987654321) * NS_PER_SEC + 12345)

static int look(struct suite *s, const char *name, struct entry *e)
{
	return be_stat(s->be, &s->op, in(s, name), e);
}

static void put_keeps_mode_and_time(struct suite *s)
{
	const struct posix_meta meta = { .mode = S_IFREG | 0640 };
	const struct entry want = { .kind = ENTRY_FILE,
				    .mtime = WHEN,
				    .posix = &meta };
	struct put_opt opt = { .mtime = 0, .meta = &want };
	struct posix_meta mine;
	struct entry e, own;

	/* Owners are kept only if they are ours to give. */
	WANT(put(s, "mine", 1, 1) == 0 && look(s, "mine", &e) == 0);
	mine = meta;
	mine.uid = e.posix->uid;
	mine.gid = e.posix->gid;
	own = want;
	own.posix = &mine;
	opt.meta = &own;
	WANT(put_with(s, "f", 1, 1000, &opt) == 0);
	WANT(holds(s, "f", 1, 1000));
	WANT(look(s, "f", &e) == 0);
	WANT((e.posix->mode & 07777) == 0640);
	WANT(S_ISREG(e.posix->mode) && e.posix->nlink == 1);
	WANT(same_time(s, e.mtime, WHEN));
	WANT(e.posix->uid == mine.uid && e.posix->gid == mine.gid);
}

static void set_meta_changes_what_is_there(struct suite *s)
{
	struct posix_meta meta;
	struct entry e, want;

	WANT(put(s, "d/f", 1, 1000) == 0);
	WANT(look(s, "d/f", &e) == 0);
	want = e;
	meta = *e.posix;
	meta.mode = S_IFREG | 0600;
	want.posix = &meta;
	want.mtime = WHEN;
	WANT(be_set_meta(s->be, &s->op, in(s, "d/f"), &want, NULL) == 0);
	WANT(look(s, "d/f", &e) == 0);
	WANT((e.posix->mode & 07777) == 0600);
	WANT(same_time(s, e.mtime, WHEN));
	WANT(holds(s, "d/f", 1, 1000));
	WANT(look(s, "d", &e) == 0);
	want = e;
	meta = *e.posix;
	meta.mode = S_IFDIR | 0711;
	want.posix = &meta;
	want.mtime = WHEN;
	WANT(be_set_meta(s->be, &s->op, in(s, "d"), &want, NULL) == 0);
	WANT(look(s, "d", &e) == 0);
	WANT(e.kind == ENTRY_DIR && (e.posix->mode & 07777) == 0711);
	WANT(same_time(s, e.mtime, WHEN));
}

/* The owner and group of what we make, into `*meta`. */
static int ours(struct suite *s, struct posix_meta *meta)
{
	struct entry e;

	if (put(s, "mine", 1, 1) < 0 || look(s, "mine", &e) < 0)
		return -1;
	meta->uid = e.posix->uid;
	meta->gid = e.posix->gid;
	return be_unlink(s->be, &s->op, in(s, "mine"));
}

static void links_are_kept_and_not_followed(struct suite *s)
{
	struct posix_meta meta = { .mode = S_IFLNK | 0777 };
	struct entry link = { .kind = ENTRY_LINK,
			      .mtime = WHEN,
			      .posix = &meta };
	struct entry *at, e;
	size_t n;

	WANT(ours(s, &meta) == 0);
	WANT(put(s, "d/f", 1, 1000) == 0);
	meta.target = "d";
	WANT(be_mknode(s->be, &s->op, in(s, "to-dir"), &link, &put_plainly) ==
	     0);
	meta.target = "no such \xff thing";
	WANT(be_mknode(s->be, &s->op, in(s, "broken"), &link, &put_plainly) ==
	     0);
	WANT(look(s, "to-dir", &e) == 0);
	WANT(e.kind == ENTRY_LINK && strcmp(e.posix->target, "d") == 0);
	WANT(same_time(s, e.mtime, WHEN));
	WANT(look(s, "broken", &e) == 0);
	WANT(e.kind == ENTRY_LINK);
	WANT(strcmp(e.posix->target, meta.target) == 0);
	WANT(list_all(s, "", &at, &n) == 0);
	WANT(n == 3 && at[0].kind == ENTRY_LINK && at[2].kind == ENTRY_LINK);
	WANT(strcmp(at[2].posix->target, "d") == 0);
	meta.target = "other"; /* replaces, as put() does */
	WANT(be_mknode(s->be, &s->op, in(s, "to-dir"), &link, &put_plainly) ==
	     0);
	WANT(look(s, "to-dir", &e) == 0);
	WANT(strcmp(e.posix->target, "other") == 0);
	WANT(be_unlink(s->be, &s->op, in(s, "to-dir")) == 0);
	WANT(is_gone(s, "to-dir") && holds(s, "d/f", 1, 1000));
}

static void put_does_not_write_through_a_link(struct suite *s)
{
	struct posix_meta meta = { .mode = S_IFLNK | 0777, .target = "f" };
	const struct entry link = { .kind = ENTRY_LINK,
				    .mtime = WHEN,
				    .posix = &meta };
	struct entry e;

	WANT(ours(s, &meta) == 0);
	WANT(put(s, "f", 1, 1000) == 0);
	WANT(be_mknode(s->be, &s->op, in(s, "l"), &link, &put_plainly) == 0);
	WANT(put(s, "l", 2, 500) == 0);
	WANT(look(s, "l", &e) == 0);
	WANT(e.kind == ENTRY_FILE);
	WANT(holds(s, "f", 1, 1000) && holds(s, "l", 2, 500));
}

static void a_fifo_is_special(struct suite *s)
{
	struct posix_meta meta = { .mode = S_IFIFO | 0600 };
	const struct entry fifo = { .kind = ENTRY_SPECIAL,
				    .mtime = WHEN,
				    .posix = &meta };
	struct entry e;

	WANT(ours(s, &meta) == 0);
	WANT(be_mknode(s->be, &s->op, in(s, "p"), &fifo, &put_plainly) == 0);
	WANT(look(s, "p", &e) == 0);
	WANT(e.kind == ENTRY_SPECIAL && S_ISFIFO(e.posix->mode));
	WANT((e.posix->mode & 07777) == 0600);
	WANT(be_unlink(s->be, &s->op, in(s, "p")) == 0);
}

static void hard_links_are_one_file(struct suite *s)
{
	struct entry a, b;

	WANT(put(s, "a", 1, 1000) == 0);
	WANT(be_hardlink(s->be, &s->op, in(s, "a"), in(s, "d/b")) == 0);
	WANT(look(s, "a", &a) == 0 && look(s, "d/b", &b) == 0);
	WANT(a.posix->ino == b.posix->ino && a.posix->dev == b.posix->dev);
	WANT(a.posix->nlink == 2);
	WANT(holds(s, "d/b", 1, 1000));
	WANT(put(s, "c", 2, 500) == 0);
	WANT(be_hardlink(s->be, &s->op, in(s, "a"), in(s, "c")) == 0);
	WANT(holds(s, "c", 1, 1000));
	WANT(put(s, "a", 3, 300) == 0); /* a new file, the others stay */
	WANT(holds(s, "a", 3, 300) && holds(s, "d/b", 1, 1000));
}

static void attributes_are_kept(struct suite *s)
{
	const struct xattr one[] = {
		{ .name = "user.ferry", .value = "a\0b", .len = 3 },
		{ .name = "user.ferry2", .value = "", .len = 0 },
	};
	const struct xattrs want = { .at = one, .n = 2 }, none = { 0 };
	struct xattrs got;
	struct entry e;

	WANT(put(s, "f", 1, 1000) == 0 && look(s, "f", &e) == 0);
	if (be_set_meta(s->be, &s->op, in(s, "f"), &e, &want) < 0 &&
	    s->op.err.kind == ERR_UNSUPPORTED) {
		err_clear(&s->op.err);
		SKIP("there are no attributes on this file system");
	}
	WANT(be_get_xattrs(s->be, &s->op, in(s, "f"), &got) == 0);
	WANT(xattrs_equal(&got, &want));
	WANT(be_set_meta(s->be, &s->op, in(s, "f"), &e, &none) == 0);
	WANT(be_get_xattrs(s->be, &s->op, in(s, "f"), &got) == 0);
	WANT(xattrs_equal(&got, &none));
	WANT(holds(s, "f", 1, 1000));
}

const struct suite_test posix_tests[] = {
	TEST(put_keeps_mode_and_time, BE_POSIX),
	TEST(set_meta_changes_what_is_there, BE_POSIX | BE_SET_META),
	TEST(links_are_kept_and_not_followed, BE_POSIX | BE_MKNODE),
	TEST(put_does_not_write_through_a_link, BE_POSIX | BE_MKNODE),
	TEST(a_fifo_is_special, BE_POSIX | BE_MKNODE),
	TEST(hard_links_are_one_file, BE_POSIX | BE_HARDLINK),
	TEST(attributes_are_kept, BE_XATTRS | BE_SET_META),
	{ NULL, NULL, 0 },
};
