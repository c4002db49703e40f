/* Rules of POSIX (and Linux) for names, folders and links: see posix.h. */
#include "tests/lib/posix.h"

#include <dirent.h>
#include <limits.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

/* ENAMETOOLONG, ENOENT, ENOTDIR, ELOOP are the same wherever a path goes. */
static void paths_of(struct rules *r, const char *call, int (*f)(const char *))
{
	char name[300], rule_name[100], path[PATH_MAX + 10];
	static const struct {
		const char *path, *says;
		int want;
	} cases[] = {
		{ "none/x", "a folder that is not there: ENOENT", ENOENT },
		{ "file/x", "a file in place of a folder: ENOTDIR", ENOTDIR },
		{ "loop/x", "a loop of links: ELOOP", ELOOP },
		{ "", "an empty path: ENOENT", ENOENT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(rule_name, sizeof(rule_name), "%s: %s", call,
			 cases[i].says);
		ends(r, rule_name, cases[i].want, f(cases[i].path));
	}
	memset(name, 'n', 256);
	name[256] = '\0';
	snprintf(rule_name, sizeof(rule_name),
		 "%s: a name of 256 bytes: ENAMETOOLONG", call);
	ends(r, rule_name, ENAMETOOLONG, f(name));
	memset(path, '/', sizeof(path));
	memcpy(path, ".", 1);
	path[sizeof(path) - 2] = 'x';
	path[sizeof(path) - 1] = '\0';
	snprintf(rule_name, sizeof(rule_name),
		 "%s: a path over PATH_MAX: ENAMETOOLONG", call);
	ends(r, rule_name, ENAMETOOLONG, f(path));
}

static int do_open(const char *p)
{
	return open(p, O_RDONLY);
}
static int do_creat(const char *p)
{
	return open(p, O_WRONLY | O_CREAT, 0644);
}
static int do_mkdir(const char *p)
{
	return mkdir(p, 0755);
}
static int do_unlink(const char *p)
{
	return unlink(p);
}
static int do_rmdir(const char *p)
{
	return rmdir(p);
}
static int do_rename(const char *p)
{
	return rename(p, "new");
}
static int do_rename_to(const char *p)
{
	return rename("file", p);
}
static int do_symlink(const char *p)
{
	return symlink("x", p);
}
static int do_stat(const char *p)
{
	return stat(p, &(struct stat){ 0 });
}
static int do_chmod(const char *p)
{
	return chmod(p, 0600);
}
static int do_chown(const char *p)
{
	return chown(p, 0, 0);
}
static int do_truncate(const char *p)
{
	return truncate(p, 0);
}
static int do_utimens(const char *p)
{
	return utimensat(AT_FDCWD, p, NULL, 0);
}
static int do_access(const char *p)
{
	return access(p, F_OK);
}
static int do_opendir(const char *p)
{
	return opendir(p) ? 0 : -1;
}
static int do_readlink(const char *p)
{
	return (int)readlink(p, (char[9]){ 0 }, 9);
}

static void paths(struct rules *r)
{
	static const struct {
		const char *name;
		int (*f)(const char *);
	} calls[] = {
		{ "open", do_open },           { "creat", do_creat },
		{ "mkdir", do_mkdir },         { "unlink", do_unlink },
		{ "rmdir", do_rmdir },         { "rename from", do_rename },
		{ "rename to", do_rename_to }, { "symlink", do_symlink },
		{ "stat", do_stat },           { "chmod", do_chmod },
		{ "chown", do_chown },         { "truncate", do_truncate },
		{ "utimensat", do_utimens },   { "access", do_access },
		{ "opendir", do_opendir },     { "readlink", do_readlink },
	};

	file("file", "text");
	if (!can(r, "symlinks"))
		return;
	if (symlink("loop2", "loop") < 0 || symlink("loop", "loop2") < 0)
		perror("symlink");
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		paths_of(r, calls[i].name, calls[i].f);
}

static void spellings(struct rules *r)
{
	static const char *const names[] = {
		" leading",    "trailing ",        "tab\there", "new\nline",
		"back\\slash", "quo\"te",          "per%cent",  "que?ry",
		"hash#",       "co:lon",           "st*r",      "\xc3\xa4",
		"a\xcc\x88",   "\xf0\x9f\x98\x80", ".hidden",   "...",
		"-dash",       "semi;colon",       "pi|pe",     "<less>",
		"dot."
	};
	char name[300], says[300];

	memset(name, 'l', 255);
	name[255] = '\0';
	if (can(r, "long-names")) {
		file(name, "long");
		rule(r, "a name of 255 bytes", holds(name, "long"));
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(says, sizeof(says), "a file of the name %zu", i);
		file(names[i], says);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(says, sizeof(says), "a file of the name %zu", i);
		rule(r, says, holds(names[i], says));
	}
	ends_in(r, "a name that is not UTF-8: kept or refused",
		open("a\xff", O_WRONLY | O_CREAT, 0644), 0, EILSEQ, EINVAL, -1);
	file("Case", "1");
	rule(r, "names that differ in case are two", !here("case"));
	ends(r, "a name that changes in case", 0, rename("Case", "case"));
	rule(r, "is the other one then", holds("case", "1") && !here("Case"));
}

static void opens(struct rules *r)
{
	int fd;

	mkdir("dir", 0755);
	file("file", "text");
	ends(r, "open: no file: ENOENT", ENOENT, open("none", O_RDONLY));
	ends(r, "open: O_EXCL and a file: EEXIST", EEXIST,
	     open("file", O_RDWR | O_CREAT | O_EXCL, 0644));
	ends(r, "open: O_EXCL and a folder: EEXIST", EEXIST,
	     open("dir", O_RDWR | O_CREAT | O_EXCL, 0644));
	ends(r, "open: a folder to write: EISDIR", EISDIR,
	     open("dir", O_WRONLY));
	ends(r, "open: O_CREAT and a folder: EISDIR", EISDIR,
	     open("dir", O_RDONLY | O_CREAT, 0644));
	ends(r, "open: O_DIRECTORY and a file: ENOTDIR", ENOTDIR,
	     open("file", O_RDONLY | O_DIRECTORY));
	ends(r, "open: a file with a slash behind: ENOTDIR", ENOTDIR,
	     open("file/", O_RDONLY));
	ends(r, "open: O_CREAT with a slash behind: EISDIR", EISDIR,
	     open("new/", O_WRONLY | O_CREAT, 0644));
	ends(r, "open: O_TRUNC", 0, fd = open("file", O_WRONLY | O_TRUNC));
	rule(r, "it is empty then", stat_of("file").st_size == 0);
	close(fd);
	umask(027);
	fd = open("mode", O_WRONLY | O_CREAT | O_EXCL, 0766);
	umask(022);
	if (can(r, "modes"))
		rule(r, "a new file's mode goes by umask",
		     stat_of("mode").st_mode == (S_IFREG | 0740));
	rule(r, "and belongs to who made it",
	     stat_of("mode").st_uid == geteuid());
	close(fd);
	fd = open("readonly", O_RDWR | O_CREAT | O_EXCL, 0400);
	ends(r, "a file made without the right to write is written", 2,
	     write(fd, "ab", 2) == 2 ? (errno = 2, -1) : 0);
	close(fd);
	if (!can(r, "symlinks"))
		return;
	ends(r, "a link that leads nowhere", 0, symlink("target", "link"));
	ends(r, "open: such a link: ENOENT", ENOENT, open("link", O_RDONLY));
	ends(r, "open: O_EXCL and such a link: EEXIST", EEXIST,
	     open("link", O_RDWR | O_CREAT | O_EXCL, 0644));
	ends(r, "open: O_NOFOLLOW and a link: ELOOP", ELOOP,
	     open("link", O_RDONLY | O_NOFOLLOW));
	ends(r, "open: O_CREAT through such a link", 0,
	     fd = open("link", O_WRONLY | O_CREAT, 0644));
	rule(r, "makes what it leads to", here("target"));
	close(fd);
}

static void folders(struct rules *r)
{
	struct stat before = stat_of("."), st;

	tick();
	umask(027);
	ends(r, "mkdir", 0, mkdir("dir", 0777));
	umask(022);
	st = stat_of(".");
	if (can(r, "modes"))
		rule(r, "its mode goes by umask",
		     stat_of("dir").st_mode == (S_IFDIR | 0750));
	rule(r, "it has two links", stat_of("dir").st_nlink == 2);
	rule(r, "its parent has one more", st.st_nlink == before.st_nlink + 1);
	rule(r, "and another mtime", later(st.st_mtim, before.st_mtim));
	rule(r, "and ctime", later(st.st_ctim, before.st_ctim));
	file("file", "text");
	ends(r, "mkdir: a folder is there: EEXIST", EEXIST, mkdir("dir", 0755));
	ends(r, "mkdir: a file is there: EEXIST", EEXIST, mkdir("file", 0755));
	ends(r, "mkdir: with a slash behind", 0, mkdir("dir/in/", 0755));
	ends(r, "mkdir: dot: EEXIST", EEXIST, mkdir(".", 0755));
	ends_in(r, "rmdir: not empty: ENOTEMPTY", rmdir("dir"), ENOTEMPTY,
		EEXIST, -1);
	ends(r, "rmdir: a file: ENOTDIR", ENOTDIR, rmdir("file"));
	ends(r, "rmdir: none: ENOENT", ENOENT, rmdir("none"));
	ends(r, "rmdir: dot: EINVAL", EINVAL, rmdir("dir/."));
	ends_in(r, "rmdir: dot dot: ENOTEMPTY", rmdir("dir/in/.."), ENOTEMPTY,
		EINVAL, -1);
	ends(r, "rmdir", 0, rmdir("dir/in"));
	rule(r, "its parent has one link less", stat_of("dir").st_nlink == 2);
	ends(r, "unlink: a folder: EISDIR", EISDIR, unlink("dir"));
	if (can(r, "symlinks")) {
		if (symlink("dir", "link") < 0)
			perror("link");
		ends(r, "mkdir: a link is there: EEXIST", EEXIST,
		     mkdir("link", 0755));
		ends(r, "rmdir: a link to a folder: ENOTDIR", ENOTDIR,
		     rmdir("link"));
		ends(r, "unlink: a link to a folder", 0, unlink("link"));
		rule(r, "takes the link alone", here("dir"));
	}
	ends(r, "rmdir: the folder that somebody is in", 0,
	     chdir("dir") || rmdir("../dir"));
	ends(r, "a file in a folder that is gone: ENOENT", ENOENT,
	     open("x", O_WRONLY | O_CREAT, 0644));
	ends(r, "leaving it", 0, chdir(".."));
}

static void unlinks(struct rules *r)
{
	int fd = make("file", "old");
	struct stat before = stat_of("."), st;
	char got[10] = "";

	ends(r, "unlink: none: ENOENT", ENOENT, unlink("none"));
	ends_in(r, "unlink: a slash behind: ENOTDIR", unlink("file/"), ENOTDIR,
		-1);
	tick();
	ends(r, "unlink of an open file", 0, unlink("file"));
	rule(r, "changes the folder's mtime",
	     later(stat_of(".").st_mtim, before.st_mtim));
	rule(r, "the name is gone", !here("file"));
	rule(r, "fstat: no link is left",
	     fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_size == 3);
	rule(r, "it can be read",
	     pread(fd, got, 9, 0) == 3 && strcmp(got, "old") == 0);
	rule(r, "and written", pwrite(fd, "er", 2, 3) == 2 && fsync(fd) == 0);
	file("file", "other");
	rule(r, "while its name is another file's", holds("file", "other"));
	rule(r, "and has what was written",
	     pread(fd, got, 9, 0) == 5 && !memcmp(got, "older", 5));
	ends(r, "and be truncated", 0, ftruncate(fd, 1));
	ends(r, "and closed", 0, close(fd));
	rule(r, "the other file is whole", holds("file", "other"));
}

static void rename_errors(struct rules *r)
{
	mkdir("dir", 0755);
	mkdir("dir/in", 0755);
	mkdir("full", 0755);
	file("full/x", "x");
	file("file", "text");
	ends(r, "rename: none: ENOENT", ENOENT, rename("none", "x"));
	ends(r, "rename: a folder to a file: ENOTDIR", ENOTDIR,
	     rename("dir", "file"));
	ends(r, "rename: a file to a folder: EISDIR", EISDIR,
	     rename("file", "dir"));
	ends_in(r, "rename: to a folder that is not empty: ENOTEMPTY",
		rename("dir", "full"), ENOTEMPTY, EEXIST, -1);
	ends(r, "rename: into itself: EINVAL", EINVAL,
	     rename("dir", "dir/in/x"));
	ends_in(r, "rename: to what it is in: ENOTEMPTY",
		rename("dir/in", "dir"), ENOTEMPTY, EEXIST, -1);
	ends_in(r, "rename: dot: EBUSY", rename(".", "x"), EBUSY, EINVAL, -1);
	ends_in(r, "rename: dot dot: EBUSY", rename("dir/..", "x"), EBUSY,
		EINVAL, -1);
	ends(r, "rename: a file to a name with a slash behind: ENOTDIR",
	     ENOTDIR, rename("file", "x/"));
	ends(r, "rename: onto itself", 0, rename("file", "file"));
	rule(r, "changes nothing", holds("file", "text"));
	ends(r, "rename: RENAME_NOREPLACE and a file: EEXIST", EEXIST,
	     renameat2(AT_FDCWD, "file", AT_FDCWD, "dir", RENAME_NOREPLACE));
	ends(r, "rename: RENAME_NOREPLACE and none", 0,
	     renameat2(AT_FDCWD, "file", AT_FDCWD, "new", RENAME_NOREPLACE));
	ends(r, "rename: RENAME_EXCHANGE and none: ENOENT", ENOENT,
	     renameat2(AT_FDCWD, "new", AT_FDCWD, "x", RENAME_EXCHANGE));
	ends(r, "rename: RENAME_EXCHANGE of a file and a folder", 0,
	     renameat2(AT_FDCWD, "new", AT_FDCWD, "full", RENAME_EXCHANGE));
	rule(r, "both have the other's name",
	     holds("full", "text") && holds("new/x", "x"));
	ends(r, "rename: flags that are none: EINVAL", EINVAL,
	     renameat2(AT_FDCWD, "new", AT_FDCWD, "x", 1u << 20));
}

static void renames(struct rules *r)
{
	struct stat was, a, b;
	int fd, old;

	mkdir("a", 0755);
	mkdir("b", 0755);
	mkdir("a/sub", 0755);
	file("a/sub/x", "x");
	old = make("b/file", "old");
	fd = make("a/file", "new");
	was = stat_of("a/file");
	a = stat_of("a");
	b = stat_of("b");
	tick();
	ends(r, "rename over an open file, into another folder", 0,
	     rename("a/file", "b/file"));
	rule(r, "it is the one with the new content",
	     holds("b/file", "new") && !here("a/file"));
	rule(r, "with the same number", stat_of("b/file").st_ino == was.st_ino);
	rule(r, "both folders have another mtime",
	     later(stat_of("a").st_mtim, a.st_mtim) &&
		     later(stat_of("b").st_mtim, b.st_mtim));
	rule(r, "the file has not",
	     !later(stat_of("b/file").st_mtim, was.st_mtim));
	rule(r, "its descriptor goes on", pwrite(fd, "newer", 5, 0) == 5);
	rule(r, "what was written is under the new name",
	     holds("b/file", "newer"));
	rule(r, "the replaced one's, too",
	     pwrite(old, "elder", 5, 0) == 5 && holds("b/file", "newer"));
	close(fd);
	close(old);
	ends(r, "rename of a folder", 0, rename("a/sub", "b/sub"));
	rule(r, "takes along what is in it", holds("b/sub/x", "x"));
	rule(r, "its dot dot is the new one",
	     stat_of("b/sub/..").st_ino == stat_of("b").st_ino);
	rule(r, "links of both are right",
	     stat_of("a").st_nlink == 2 && stat_of("b").st_nlink == 3);
	mkdir("a/empty", 0755);
	ends(r, "rename of a folder over an empty one", 0,
	     rename("b/sub", "a/empty"));
	rule(r, "replaces it", holds("a/empty/x", "x"));
	rule(r, "links of both are right again",
	     stat_of("a").st_nlink == 3 && stat_of("b").st_nlink == 2);
	ends(r, "rename of a folder with an open file in it", 0,
	     rename("a/empty", "c"));
	rule(r, "paths through it", holds("c/x", "x") && !here("a/empty/x"));
}

static void links(struct rules *r)
{
	char target[PATH_MAX], got[PATH_MAX + 1];
	struct stat st;

	file("file", "text");
	ends_in(r, "link: works or EPERM", link("file", "hard"), 0, EPERM,
		EOPNOTSUPP, ENOSYS, -1);
	ends_in(r, "mknod of a pipe: works or EPERM",
		mknod("pipe", S_IFIFO | 0644, 0), 0, EPERM, EOPNOTSUPP, ENOSYS,
		-1);
	ends(r, "readlink: a file: EINVAL", EINVAL, readlink("file", got, 9));
	if (!can(r, "symlinks"))
		return;
	ends(r, "symlink", 0, symlink("to/../there ", "link"));
	rule(r, "readlink gives the same bytes",
	     readlink("link", got, sizeof(got)) == 12 &&
		     memcmp(got, "to/../there ", 12) == 0);
	st = stat_of("link");
	rule(r, "lstat: a link of the target's length",
	     S_ISLNK(st.st_mode) && st.st_size == 12);
	rule(r, "readlink into little room is cut",
	     readlink("link", got, 2) == 2);
	ends(r, "symlink: a file is there: EEXIST", EEXIST,
	     symlink("x", "file"));
	ends(r, "symlink: a link is there: EEXIST", EEXIST,
	     symlink("x", "link"));
	memset(target, 't', sizeof(target));
	target[sizeof(target) - 2] = '\0';
	ends(r, "symlink: as long as can be", 0, symlink(target, "long"));
	rule(r, "is whole",
	     readlink("long", got, sizeof(got)) == (ssize_t)strlen(target));
	file("other", "other");
	ends(r, "rename of a link", 0, rename("link", "moved"));
	rule(r, "is of the link itself", S_ISLNK(stat_of("moved").st_mode));
	ends(r, "rename of a file over a link", 0, rename("other", "moved"));
	rule(r, "replaces the link", holds("moved", "other"));
	if (symlink("file", "good") < 0)
		perror("good");
	rule(r, "a file through a link", holds("good", "text"));
	ends(r, "unlink of a link", 0, unlink("good"));
	rule(r, "takes the link alone", holds("file", "text"));
}

static int count(DIR *d, const char *but)
{
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		if (strcmp(e->d_name, but) != 0)
			n++;
	return n;
}

static void many(const char *prefix, int n)
{
	char name[40];

	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s-%d", prefix, i);
		close(open(name, O_WRONLY | O_CREAT, 0644));
	}
}

/* As rm -r does: what was seen is deleted while the rest is read. */
static int remove_all(void)
{
	DIR *d = opendir(".");
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && unlink(e->d_name) == 0)
			n++;
	closedir(d);
	return n;
}

static void listings(struct rules *r)
{
	DIR *d;
	struct dirent *e;
	bool dots[2] = { false }, inos = true, types = true;
	char at[300];
	long where;

	many("f", 700);
	d = opendir(".");
	while ((e = readdir(d))) {
		dots[0] |= strcmp(e->d_name, ".") == 0;
		dots[1] |= strcmp(e->d_name, "..") == 0;
		if (e->d_name[0] != '.') {
			inos &= e->d_ino == stat_of(e->d_name).st_ino;
			types &= e->d_type == DT_REG;
		}
	}
	rule(r, "readdir: dot and dot dot are there", dots[0] && dots[1]);
	rule(r, "d_ino is st_ino", inos);
	rule(r, "d_type is right", types);
	close(open("late", O_WRONLY | O_CREAT, 0644));
	rewinddir(d);
	rule(r, "rewinddir shows what came since", count(d, "") == 703);
	rewinddir(d);
	for (int i = 0; i < 300; i++)
		e = readdir(d);
	where = telldir(d);
	e = readdir(d);
	snprintf(at, sizeof(at), "%s", e->d_name);
	for (int i = 0; i < 200; i++)
		e = readdir(d);
	seekdir(d, where);
	e = readdir(d);
	rule(r, "seekdir goes back to where telldir was",
	     e && strcmp(at, e->d_name) == 0);
	rule(r, "and what is left is what was", count(d, "") == 402);
	rewinddir(d);
	for (int i = 0; i < 100; i++)
		e = readdir(d);
	many("new", 50);
	rule(r, "what was made meanwhile loses nothing", count(d, "") >= 603);
	closedir(d);
	rule(r, "deleting while listing deletes all", remove_all() == 751);
	rule(r, "so that nothing is left", remove_all() == 0);
	mkdir("gone", 0755);
	d = opendir("gone");
	rmdir("gone");
	rule(r, "a folder that was deleted while open is empty",
	     count(d, ".") <= 1);
	closedir(d);
}

static void whole(struct rules *r)
{
	struct statvfs st;

	rule(r, "statvfs: names of 255 bytes",
	     statvfs(".", &st) == 0 && st.f_namemax >= 255);
	rule(r, "statvfs: there is room", st.f_blocks > 0 && st.f_bsize > 0);
}

int main(int argc, char **argv)
{
	static const struct group groups[] = {
		{ "paths", paths },       { "spellings", spellings },
		{ "opens", opens },       { "folders", folders },
		{ "unlinks", unlinks },   { "rename-errors", rename_errors },
		{ "renames", renames },   { "links", links },
		{ "listings", listings }, { "whole", whole },
	};
	struct rules r = { .program = "posix_names" };

	return argc == 2 ? run_groups(&r, argv[1], groups,
				      sizeof(groups) / sizeof(groups[0]))
			 : 2;
}
