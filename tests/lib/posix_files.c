/* Rules of POSIX (and Linux) for content, attributes and locks: posix.h. */
#include "tests/lib/posix.h"

#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static bool zeros(const char *p, size_t n)
{
	while (n > 0 && p[n - 1] == 0)
		n--;
	return n == 0;
}

static void contents(struct rules *r)
{
	int fd = make("file", "0123456789"), other;
	char got[8192];

	rule(r, "read at the end: 0", pread(fd, got, 10, 10) == 0);
	rule(r, "read behind the end: 0", pread(fd, got, 10, 5000) == 0);
	rule(r, "read over the end is cut", pread(fd, got, 10, 7) == 3);
	ends(r, "read from a negative offset: EINVAL", EINVAL,
	     pread(fd, got, 1, -1));
	other = open("file", O_WRONLY);
	ends(r, "read of what is open to write: EBADF", EBADF,
	     read(other, got, 1));
	rule(r, "what one writes the other reads",
	     pwrite(other, "ab", 2, 2) == 2 && pread(fd, got, 5, 0) == 5 &&
		     memcmp(got, "01ab4", 5) == 0);
	close(other);
	other = open("file", O_RDONLY);
	ends(r, "write to what is open to read: EBADF", EBADF,
	     write(other, got, 1));
	close(other);
	rule(r, "a write behind the end",
	     pwrite(fd, "end", 3, 6000) == 3 &&
		     stat_of("file").st_size == 6003);
	rule(r, "leaves zeros between",
	     pread(fd, got, 8192, 0) == 6003 && zeros(got + 10, 5990) &&
		     memcmp(got + 6000, "end", 3) == 0);
	rule(r, "O_APPEND writes at the end, wherever it stands",
	     (other = open("file", O_WRONLY | O_APPEND)) >= 0 &&
		     pwrite(fd, "x", 1, 7000) == 1 &&
		     lseek(other, 0, SEEK_SET) == 0 &&
		     write(other, "yz", 2) == 2 &&
		     stat_of("file").st_size == 7003);
	close(other);
	rule(r, "lseek to the end",
	     lseek(fd, -3, SEEK_END) == 7000 && read(fd, got, 9) == 3 &&
		     memcmp(got, "xyz", 3) == 0);
	ends(r, "lseek before the beginning: EINVAL", EINVAL,
	     lseek(fd, -1, SEEK_SET));
	rule(r, "SEEK_DATA finds data", lseek(fd, 0, SEEK_DATA) == 0);
	rule(r, "SEEK_HOLE ends at the end at the latest",
	     lseek(fd, 6999, SEEK_HOLE) <= 7003);
	ends(r, "SEEK_DATA behind the end: ENXIO", ENXIO,
	     lseek(fd, 8000, SEEK_DATA));
	ends(r, "fsync", 0, fsync(fd));
	ends(r, "fdatasync", 0, fdatasync(fd));
	ends(r, "close", 0, close(fd));
	fd = open(".", O_RDONLY | O_DIRECTORY);
	ends(r, "fsync of a folder", 0, fsync(fd));
	ends(r, "read of a folder: EISDIR", EISDIR, read(fd, got, 1));
	close(fd);
}

static void truncates(struct rules *r)
{
	int fd = make("file", "0123456789");
	struct stat was = stat_of("file");
	char got[100];

	mkdir("dir", 0755);
	tick();
	ends(r, "truncate", 0, truncate("file", 4));
	rule(r, "cuts", holds("file", "0123"));
	rule(r, "and changes mtime and ctime",
	     later(stat_of("file").st_mtim, was.st_mtim) &&
		     later(stat_of("file").st_ctim, was.st_ctim));
	ends(r, "ftruncate to more", 0, ftruncate(fd, 60));
	rule(r, "adds zeros, not what was there before",
	     pread(fd, got, 100, 0) == 60 && zeros(got + 4, 56));
	ends(r, "truncate: a folder: EISDIR", EISDIR, truncate("dir", 0));
	ends(r, "truncate: none: ENOENT", ENOENT, truncate("none", 0));
	ends(r, "truncate: a negative size: EINVAL", EINVAL,
	     truncate("file", -1));
	close(fd);
	fd = open("file", O_RDONLY);
	ends(r, "ftruncate of what is open to read: EINVAL", EINVAL,
	     ftruncate(fd, 0));
	close(fd);
	file("big", "x");
	ends(r, "a file of 3 GiB that is all hole", 0,
	     truncate("big", (int64_t)3 << 30));
	fd = open("big", O_RDWR);
	rule(r, "is written over 2 GiB",
	     pwrite(fd, "y", 1, ((int64_t)3 << 30) - 1) == 1 &&
		     pread(fd, got, 9, ((int64_t)3 << 30) - 2) == 2 &&
		     got[1] == 'y');
	close(fd);
	unlink("big");
}

static void spaces(struct rules *r)
{
	int fd = make("file", "0123456789");
	char got[100];

	if (!can(r, "fallocate"))
		return;
	ends(r, "fallocate", 0, fallocate(fd, 0, 5, 20));
	rule(r, "adds zeros",
	     pread(fd, got, 100, 0) == 25 &&
		     memcmp(got, "0123456789", 10) == 0 && zeros(got + 10, 15));
	ends(r, "fallocate that keeps the size", 0,
	     fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10000));
	rule(r, "does", stat_of("file").st_size == 25);
	ends(r, "fallocate that punches a hole", 0,
	     fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3));
	rule(r, "leaves zeros there",
	     pread(fd, got, 100, 0) == 25 && memcmp(got,
						    "01\0\0\0"
						    "567",
						    8) == 0);
	ends(r, "fallocate of nothing: EINVAL", EINVAL, fallocate(fd, 0, 0, 0));
	ends_in(r, "fallocate that inserts: works or EOPNOTSUPP",
		fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096), EOPNOTSUPP,
		EINVAL, 0, -1);
	close(fd);
}

static void mappings(struct rules *r)
{
	int fd = make("file", "0123456789");
	char *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *private =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	char got[10];

	if (!rule(r, "mmap, shared and private",
		  shared != MAP_FAILED && private != MAP_FAILED))
		return;
	rule(r, "behind the end are zeros", zeros(shared + 10, 4086));
	shared[1] = 'S';
	private[2] = 'P';
	rule(r, "read sees what the shared one changed",
	     pread(fd, got, 10, 0) == 10 && memcmp(got, "0S23", 4) == 0);
	rule(r, "the mapping sees what is written",
	     pwrite(fd, "W", 1, 3) == 1 && shared[3] == 'W');
	ends(r, "msync", 0, msync(shared, 4096, MS_SYNC));
	ends(r, "close of a file that is mapped", 0, close(fd));
	shared[4] = 'L';
	ends(r, "munmap", 0, munmap(shared, 4096));
	rule(r, "what was changed after that is there",
	     holds("file", "0S2WL56789"));
	munmap(private, 4096);
	fd = open("file", O_RDWR);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	shared[0] = 'U';
	unlink("file");
	rule(r, "a mapping of what was deleted",
	     shared[0] == 'U' && msync(shared, 4096, MS_SYNC) == 0);
	munmap(shared, 4096);
	close(fd);
}

static void times(struct rules *r)
{
	struct timespec t[2] = { { 1000000000, 123456789 },
				 { 1100000000, 987654321 } };
	struct stat was, st;
	int fd = make("file", "text");

	was = stat_of("file");
	tick();
	if (write(fd, "more", 4) != 4)
		perror("write");
	rule(r, "write changes mtime and ctime",
	     later(stat_of("file").st_mtim, was.st_mtim) &&
		     later(stat_of("file").st_ctim, was.st_ctim));
	close(fd);
	was = stat_of("file");
	tick();
	ends(r, "utimensat", 0, utimensat(AT_FDCWD, "file", t, 0));
	st = stat_of("file");
	rule(r, "sets the mtime, to the second",
	     st.st_mtim.tv_sec == 1100000000);
	if (can(r, "nanoseconds"))
		rule(r, "and to the nanosecond",
		     st.st_mtim.tv_nsec == 987654321);
	rule(r, "and the ctime to now", later(st.st_ctim, was.st_ctim));
	t[1].tv_nsec = UTIME_OMIT;
	ends(r, "utimensat with UTIME_OMIT", 0,
	     utimensat(AT_FDCWD, "file", t, 0));
	rule(r, "leaves the mtime",
	     stat_of("file").st_mtim.tv_sec == 1100000000);
	t[1].tv_nsec = UTIME_NOW;
	ends(r, "utimensat with UTIME_NOW", 0,
	     utimensat(AT_FDCWD, "file", t, 0));
	rule(r, "sets it to now",
	     stat_of("file").st_mtim.tv_sec >= was.st_mtim.tv_sec);
	t[1].tv_nsec = 1000000000;
	ends(r, "utimensat with too many nanoseconds: EINVAL", EINVAL,
	     utimensat(AT_FDCWD, "file", t, 0));
	fd = open("file", O_RDWR);
	if (pwrite(fd, "x", 1, 0) != 1)
		perror("write");
	t[1] = (struct timespec){ 1000000007, 0 };
	ends(r, "futimens after a write", 0, futimens(fd, t));
	ends(r, "and close", 0, close(fd));
	rule(r, "is what counts", stat_of("file").st_mtim.tv_sec == 1000000007);
	mkdir("dir", 0755);
	ends(r, "utimensat of a folder", 0, utimensat(AT_FDCWD, "dir", t, 0));
	rule(r, "sets it", stat_of("dir").st_mtim.tv_sec == 1000000007);
	file("dir/new", "");
	rule(r, "until something is made in it",
	     stat_of("dir").st_mtim.tv_sec > 1000000007);
	rule(r, "years before 1970 and after 2038",
	     (t[1].tv_sec = 5000000000) &&
		     utimensat(AT_FDCWD, "file", t, 0) == 0 &&
		     stat_of("file").st_mtim.tv_sec == 5000000000);
}

static void modes(struct rules *r)
{
	struct stat was;

	file("file", "text");
	mkdir("dir", 0755);
	if (!can(r, "modes"))
		return;
	was = stat_of("file");
	tick();
	ends(r, "chmod", 0, chmod("file", 0640));
	rule(r, "sets the mode", stat_of("file").st_mode == (S_IFREG | 0640));
	rule(r, "and the ctime alone",
	     later(stat_of("file").st_ctim, was.st_ctim) &&
		     !later(stat_of("file").st_mtim, was.st_mtim));
	ends(r, "chmod of a folder", 0, chmod("dir", 01711));
	rule(r, "sets it", stat_of("dir").st_mode == (S_IFDIR | 01711));
	ends(r, "chmod: none: ENOENT", ENOENT, chmod("none", 0644));
	if (geteuid() != 0 || !can(r, "owners"))
		return;
	ends(r, "chown", 0, chown("file", 12, 34));
	rule(r, "sets both",
	     stat_of("file").st_uid == 12 && stat_of("file").st_gid == 34);
	ends(r, "chown of the group alone", 0, chown("file", (uid_t)-1, 56));
	rule(r, "sets it",
	     stat_of("file").st_uid == 12 && stat_of("file").st_gid == 56);
	ends(r, "chown of neither", 0, chown("file", (uid_t)-1, (gid_t)-1));
	ends(r, "chmod u+s", 0, chmod("file", 04755));
	ends(r, "chown after it", 0, chown("file", 0, 0));
	rule(r, "takes it away", (stat_of("file").st_mode & 04000) == 0);
}

/* In a child that is nobody: what its status says. */
static int as_nobody(int (*f)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(98);
		_exit(f() < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static int may_stat(void)
{
	return access(".", F_OK);
}
static int may_read(void)
{
	return open("private", O_RDONLY);
}
static int may_write(void)
{
	return open("public", O_WRONLY);
}
static int may_make(void)
{
	return open("new", O_WRONLY | O_CREAT, 0644);
}
static int may_unlink(void)
{
	return unlink("public");
}
static int may_rename(void)
{
	return rename("public", "private");
}
static int may_chmod(void)
{
	return chmod("public", 0777);
}
static int may_chown(void)
{
	return chown("public", 65534, 65534);
}
static int may_touch(void)
{
	return utimensat(AT_FDCWD, "public", NULL, 0);
}
static int may_enter(void)
{
	return open("closed/x", O_RDONLY);
}
static int may_unstick(void)
{
	return unlink("sticky/mine");
}
static int may_read_public(void)
{
	return open("public", O_RDONLY);
}
static int may_truncate(void)
{
	return truncate("public", 0);
}

static void rights(struct rules *r)
{
	static const struct {
		const char *name;
		int (*f)(void);
		int want;
	} cases[] = {
		{ "read what all may read", may_read_public, 0 },
		{ "read what is private: EACCES", may_read, EACCES },
		{ "write what is another's: EACCES", may_write, EACCES },
		{ "truncate it: EACCES", may_truncate, EACCES },
		{ "make a file in another's folder: EACCES", may_make, EACCES },
		{ "unlink there: EACCES", may_unlink, EACCES },
		{ "rename there: EACCES", may_rename, EACCES },
		{ "chmod of another's: EPERM", may_chmod, EPERM },
		{ "chown: EPERM", may_chown, EPERM },
		{ "utimensat of another's: EACCES", may_touch, EACCES },
		{ "enter a closed folder: EACCES", may_enter, EACCES },
		{ "unlink another's in a sticky folder: EPERM", may_unstick,
		  EPERM },
	};
	char name[100];

	if (geteuid() != 0 || as_nobody(may_stat) != 0) {
		printf("skipped %s: rights of other users\n", r->program);
		return;
	}
	if (!can(r, "modes"))
		return;
	file("private", "x");
	file("public", "x");
	mkdir("closed", 0700);
	file("closed/x", "x");
	mkdir("sticky", 0755);
	file("sticky/mine", "x");
	if (chmod("private", 0600) < 0 || chmod("sticky", 01777) < 0)
		perror("chmod");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int err = as_nobody(cases[i].f);

		snprintf(name, sizeof(name), "nobody: %s", cases[i].name);
		errno = err;
		ends(r, name, cases[i].want, err ? -1 : 0);
	}
}

static int set_lock(int fd, int type, int cmd)
{
	struct flock l = { .l_type = (short)type,
			   .l_whence = SEEK_SET,
			   .l_start = 10,
			   .l_len = 10 };

	return fcntl(fd, cmd, &l);
}

/* The errno that another process gets who wants to lock. */
static int others_lock(int type)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		int fd = open("file", O_RDWR);

		_exit(fd < 0 || set_lock(fd, type, F_SETLK) < 0 ? errno : 0);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static void locks(struct rules *r)
{
	int a = make("file", "text"), b = open("file", O_RDWR);
	int err;

	ends(r, "flock", 0, flock(a, LOCK_EX | LOCK_NB));
	ends(r, "flock by another descriptor: EWOULDBLOCK", EWOULDBLOCK,
	     flock(b, LOCK_EX | LOCK_NB));
	ends(r, "flock, unlocked", 0, flock(a, LOCK_UN));
	ends(r, "two that share", 0,
	     flock(a, LOCK_SH | LOCK_NB) || flock(b, LOCK_SH | LOCK_NB));
	close(a);
	ends(r, "close ends a flock", 0, flock(b, LOCK_EX | LOCK_NB));
	flock(b, LOCK_UN);
	ends(r, "fcntl: a lock to write", 0, set_lock(b, F_WRLCK, F_SETLK));
	err = others_lock(F_RDLCK);
	rule(r, "another process has to wait", err == EAGAIN || err == EACCES);
	set_lock(b, F_RDLCK, F_SETLK);
	rule(r, "readers share", others_lock(F_RDLCK) == 0);
	err = others_lock(F_WRLCK);
	rule(r, "but not with a writer", err == EAGAIN || err == EACCES);
	close(b);
	rule(r, "close ends the lock", others_lock(F_WRLCK) == 0);
	a = open("file", O_RDWR);
	b = open("file", O_RDWR);
	ends(r, "a lock of an open file description", 0,
	     set_lock(a, F_WRLCK, F_OFD_SETLK));
	ends_in(r, "is one for another description",
		set_lock(b, F_WRLCK, F_OFD_SETLK), EAGAIN, EACCES, -1);
	close(a);
	ends(r, "until it is closed", 0, set_lock(b, F_WRLCK, F_OFD_SETLK));
	close(b);
}

static void xattrs(struct rules *r)
{
	char got[300], big[40000] = { 1 };
	const char *name = "user.a", *other = "user.other";

	file("file", "text");
	mkdir("dir", 0755);
	if (!can(r, "xattrs"))
		return;
	ends(r, "getxattr: none: ENODATA", ENODATA,
	     getxattr("file", name, got, 9));
	rule(r, "listxattr: none", listxattr("file", got, 300) == 0);
	ends(r, "setxattr: XATTR_REPLACE and none: ENODATA", ENODATA,
	     setxattr("file", name, "1", 1, XATTR_REPLACE));
	ends(r, "setxattr", 0, setxattr("file", name, "one\0two", 7, 0));
	rule(r, "getxattr has its bytes",
	     getxattr("file", name, got, 300) == 7 &&
		     memcmp(got, "one\0two", 7) == 0);
	rule(r, "and its length", getxattr("file", name, NULL, 0) == 7);
	ends(r, "getxattr into little room: ERANGE", ERANGE,
	     getxattr("file", name, got, 3));
	ends(r, "setxattr: XATTR_CREATE and one: EEXIST", EEXIST,
	     setxattr("file", name, "1", 1, XATTR_CREATE));
	ends(r, "setxattr: another", 0, setxattr("file", other, "", 0, 0));
	rule(r, "that is empty", getxattr("file", other, got, 9) == 0);
	rule(r, "listxattr has both", listxattr("file", got, 300) == 18);
	ends(r, "listxattr into little room: ERANGE", ERANGE,
	     listxattr("file", got, 9));
	ends(r, "removexattr", 0, removexattr("file", name));
	ends(r, "removexattr: none: ENODATA", ENODATA,
	     removexattr("file", name));
	ends(r, "setxattr of a folder", 0, setxattr("dir", name, "d", 1, 0));
	rule(r, "rename takes them along",
	     rename("file", "moved") == 0 &&
		     getxattr("moved", other, got, 9) == 0);
	ends_in(r, "setxattr of much: kept or E2BIG",
		setxattr("moved", name, big, sizeof(big), 0), 0, E2BIG, ENOSPC,
		-1);
	ends_in(r, "setxattr without a namespace: EOPNOTSUPP",
		setxattr("moved", "plain", "", 0, 0), EOPNOTSUPP, EPERM, -1);
	file("moved2", "");
	if (rename("moved2", "moved") == 0)
		ends(r, "a file that replaced it has none", ENODATA,
		     getxattr("moved", other, got, 9));
}

static void programs(struct rules *r)
{
	int in = open("/bin/true", O_RDONLY);
	int out = open("true", O_WRONLY | O_CREAT, 0755);
	char buf[65536];
	ssize_t n;

	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			perror("true");
	close(in);
	close(out);
	if (!can(r, "modes"))
		return;
	out = fork();
	if (out == 0) {
		execl("./true", "true", NULL);
		_exit(99);
	}
	waitpid(out, &in, 0);
	rule(r, "a program that was copied runs", in == 0);
}

static void copies(struct rules *r)
{
	int in = make("from", "0123456789"), out = make("to", "abc");
	off_t off = 2, to = 5;

	rule(r, "copy_file_range",
	     copy_file_range(in, &off, out, &to, 4, 0) == 4);
	rule(r, "copies",
	     stat_of("to").st_size == 9 && pwrite(out, "..", 2, 3) == 2 &&
		     holds("to", "abc..2345"));
	close(in);
	close(out);
}

int main(int argc, char **argv)
{
	static const struct group groups[] = {
		{ "contents", contents }, { "truncates", truncates },
		{ "spaces", spaces },     { "mappings", mappings },
		{ "times", times },       { "modes", modes },
		{ "rights", rights },     { "locks", locks },
		{ "xattrs", xattrs },     { "programs", programs },
		{ "copies", copies },
	};
	struct rules r = { .program = "posix_files" };

	return argc == 2 ? run_groups(&r, argv[1], groups,
				      sizeof(groups) / sizeof(groups[0]))
			 : 2;
}
