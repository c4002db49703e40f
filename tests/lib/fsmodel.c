/*
 * Random work on a folder and on its twin at once: each call is made on both
 * and must give the same result, the same errno and the same bytes.
 *
 *	fsmodel [OPTION...] DIR TWIN
 *
 * DIR is what is judged, TWIN a folder of a file system that is right, tmpfs
 * say.  Both hold the same at the start, which is checked; at the end all is
 * closed, fsync()ed and compared.  So the work can go on with another seed
 * after a remount, or after the mount was killed: what fsync and close have
 * acknowledged must be there, and here that is everything.
 *
 *	--seed N	where to begin (1); the same seed does the same
 *	--ops N		how many operations (2000); 0: compare only
 *	--seconds N	go on for so long instead
 *	--max BYTES	largest file (300000)
 *	--every N	compare everything after so many operations (500)
 *	--without WHAT	of these, joined by commas: mmap, modes, times, nlink,
 *			exchange, symlinks, xattrs, fallocate, unlinked (files
 *			that are worked on though they have no name)
 *	--verbose	say each operation before it is made
 *
 * Exit: 0 the same, 1 a difference, 2 usage, 3 DIR has gone (ENOTCONN).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum { FILES = 6, RING = 30, PATH = 64, BLOCK = 1 << 16 };

/* What a place may not be able to do. */
enum without {
	NO_MMAP = 1 << 0,
	NO_MODES = 1 << 1,
	NO_TIMES = 1 << 2,
	NO_NLINK = 1 << 3,
	NO_EXCHANGE = 1 << 4,
	NO_SYMLINKS = 1 << 5,
	NO_XATTRS = 1 << 6,
	NO_FALLOCATE = 1 << 7,
	NO_UNLINKED = 1 << 8
};

static const char *const without_names[] = {
	"mmap",     "modes",  "times",     "nlink",   "exchange",
	"symlinks", "xattrs", "fallocate", "unlinked"
};

/* A file open on both sides. */
struct pair {
	int fd[2]; /* -1: none */
	int flags;
	char path[PATH]; /* when it was opened */
};

struct model {
	const char *name[2]; /* DIR, TWIN */
	int top[2];
	uint64_t random;
	unsigned without;
	bool verbose;
	int64_t max;
	long ops, every, op;
	time_t until;
	struct pair files[FILES];
	char ring[RING][300];
	uint8_t *data, *other; /* max bytes each */
};

struct result {
	long ret;
	int err;
};

static const char *const sides[] = { "here", "twin" };

static uint64_t below(struct model *m, uint64_t n)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (m->random * 0x2545f4914f6cdd1dULL >> 16) % n;
}

static void history(const struct model *m)
{
	for (long i = m->op < RING ? 0 : m->op - RING + 1; i <= m->op; i++)
		fprintf(stderr, "%s\n", m->ring[i % RING]);
}

__attribute__((format(printf, 2, 3), noreturn)) static void
differ(const struct model *m, const char *fmt, ...)
{
	va_list ap;

	history(m);
	fprintf(stderr, "fsmodel: %s: ", m->name[0]);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

__attribute__((format(printf, 2, 3))) static void say(struct model *m,
						      const char *fmt, ...)
{
	char *out = m->ring[m->op % RING];
	va_list ap;
	int n = snprintf(out, sizeof(m->ring[0]), "%6ld ", m->op);

	va_start(ap, fmt);
	vsnprintf(out + n, sizeof(m->ring[0]) - (size_t)n, fmt, ap);
	va_end(ap);
	if (m->verbose)
		fprintf(stderr, "%s\n", out);
}

static struct result result(long ret)
{
	return (struct result){ ret, ret < 0 ? errno : 0 };
}

static void gone(const struct model *m, int err)
{
	if (err == ENOTCONN || err == ECONNABORTED || err == ESHUTDOWN) {
		fprintf(stderr, "fsmodel: %s has gone at %ld\n", m->name[0],
			m->op);
		exit(3);
	}
}

/* Both calls ended in the same way. */
static void same(struct model *m, const struct result r[2])
{
	gone(m, r[0].err);
	if (r[0].ret == r[1].ret && r[0].err == r[1].err)
		return;
	differ(m, "%ld (%s), and the twin says %ld (%s)", r[0].ret,
	       r[0].err ? strerror(r[0].err) : "no error", r[1].ret,
	       r[1].err ? strerror(r[1].err) : "no error");
}

static void same_bytes(struct model *m, const char *what, const uint8_t *a,
		       const uint8_t *b, size_t n, int64_t off)
{
	size_t i = 0;

	if (memcmp(a, b, n) == 0)
		return;
	while (a[i] == b[i])
		i++;
	differ(m, "%s: byte %lld is %02x, not %02x", what,
	       (long long)off + (long long)i, a[i], b[i]);
}

/* ---- comparing everything ------------------------------------------------ */

static int other_than_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static void same_stat(struct model *m, const char *path, const struct stat *a,
		      const struct stat *b)
{
	mode_t mask = m->without & NO_MODES ? S_IFMT : (mode_t)~0u;

	if ((a->st_mode & mask) != (b->st_mode & mask))
		differ(m, "%s: mode %o, not %o", path, a->st_mode, b->st_mode);
	if (!S_ISDIR(b->st_mode) && a->st_size != b->st_size)
		differ(m, "%s: size %lld, not %lld", path,
		       (long long)a->st_size, (long long)b->st_size);
	/* A folder of one link is one whose folders have not been counted. */
	if (!(m->without & NO_NLINK) && a->st_nlink != b->st_nlink &&
	    !(S_ISDIR(b->st_mode) && a->st_nlink == 1))
		differ(m, "%s: %lu links, not %lu", path, a->st_nlink,
		       b->st_nlink);
	/* Only one that we have set is the same on both sides. */
	if (!(m->without & NO_TIMES) && S_ISREG(b->st_mode) &&
	    b->st_mtime < 1200000000 && a->st_mtime != b->st_mtime)
		differ(m, "%s: mtime %lld, not %lld", path,
		       (long long)a->st_mtime, (long long)b->st_mtime);
}

static void same_content(struct model *m, const char *path, int a, int b)
{
	for (int64_t at = 0;; at += BLOCK) {
		struct result r[2] = {
			result(pread(a, m->data, BLOCK, at)),
			result(pread(b, m->other, BLOCK, at)),
		};

		same(m, r);
		if (r[0].ret <= 0)
			break;
		same_bytes(m, path, m->data, m->other, (size_t)r[0].ret, at);
	}
}

static void same_xattr(struct model *m, const char *path, int a, int b)
{
	struct result r[2];

	if (m->without & NO_XATTRS)
		return;
	r[0] = result(fgetxattr(a, "user.model", m->data, BLOCK));
	r[1] = result(fgetxattr(b, "user.model", m->other, BLOCK));
	same(m, r);
	if (r[0].ret > 0)
		same_bytes(m, path, m->data, m->other, (size_t)r[0].ret, 0);
}

static void same_link(struct model *m, const char *path, const int at[2],
		      const char *name)
{
	struct result r[2] = {
		result(readlinkat(at[0], name, (char *)m->data, BLOCK)),
		result(readlinkat(at[1], name, (char *)m->other, BLOCK)),
	};

	same(m, r);
	if (r[0].ret > 0)
		same_bytes(m, path, m->data, m->other, (size_t)r[0].ret, 0);
}

static void same_folder(struct model *m, const char *path, const int at[2],
			const char *name);

static void same_entry(struct model *m, const char *path, const int at[2],
		       const char *name)
{
	struct stat st[2] = { 0 };
	struct result r[2];
	int fd[2];

	for (int s = 0; s < 2; s++)
		r[s] = result(
			fstatat(at[s], name, &st[s], AT_SYMLINK_NOFOLLOW));
	gone(m, r[0].err);
	if (r[0].ret < 0 || r[1].ret < 0)
		differ(m, "%s: stat: %s, and the twin: %s", path,
		       strerror(r[0].err), strerror(r[1].err));
	same_stat(m, path, &st[0], &st[1]);
	if (S_ISDIR(st[1].st_mode)) {
		same_folder(m, path, at, name);
		return;
	}
	if (S_ISLNK(st[1].st_mode)) {
		same_link(m, path, at, name);
		return;
	}
	for (int s = 0; s < 2; s++) {
		fd[s] = openat(at[s], name, O_RDONLY | O_CLOEXEC);
		if (fd[s] < 0) {
			gone(m, errno);
			differ(m, "%s: open on the side of %s: %s", path,
			       sides[s], strerror(errno));
		}
	}
	same_content(m, path, fd[0], fd[1]);
	same_xattr(m, path, fd[0], fd[1]);
	close(fd[0]);
	close(fd[1]);
}

/* Names that only one of the two has, told and counted. */
static int strangers(struct dirent **a, int n, struct dirent **b, int k,
		     const char *path, const char *side)
{
	int found = 0;

	for (int i = 0, j = 0; i < n; i++) {
		while (j < k && strcmp(b[j]->d_name, a[i]->d_name) < 0)
			j++;
		if (j < k && strcmp(b[j]->d_name, a[i]->d_name) == 0)
			continue;
		fprintf(stderr, "only %s: %s/%s\n", side, path, a[i]->d_name);
		found++;
	}
	return found;
}

static void same_folder(struct model *m, const char *path, const int at[2],
			const char *name)
{
	struct dirent **names[2];
	int n[2], fd[2];
	char below_it[4096];

	for (int s = 0; s < 2; s++) {
		fd[s] = openat(at[s], name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		n[s] = scandirat(at[s], name, &names[s], other_than_dots,
				 alphasort);
		if (fd[s] < 0 || n[s] < 0) {
			gone(m, errno);
			differ(m, "%s: list on the side of %s: %s", path,
			       sides[s], strerror(errno));
		}
	}
	if (strangers(names[0], n[0], names[1], n[1], path, sides[0]) +
	    strangers(names[1], n[1], names[0], n[0], path, sides[1]))
		differ(m, "%s: other names", path);
	for (int i = 0; i < n[1]; i++) {
		snprintf(below_it, sizeof(below_it), "%s/%s", path,
			 names[1][i]->d_name);
		if (names[0][i]->d_type != DT_UNKNOWN &&
		    names[0][i]->d_type != names[1][i]->d_type)
			differ(m, "%s: d_type %d, not %d", below_it,
			       names[0][i]->d_type, names[1][i]->d_type);
		same_entry(m, below_it, fd, names[1][i]->d_name);
	}
	for (int s = 0; s < 2; s++) {
		for (int i = 0; i < n[s]; i++)
			free(names[s][i]);
		free(names[s]);
		close(fd[s]);
	}
}

static void same_open(struct model *m, struct pair *p)
{
	struct stat st[2];
	struct result r[2];

	for (int s = 0; s < 2; s++)
		r[s] = result(fstat(p->fd[s], &st[s]));
	same(m, r);
	if (r[0].ret == 0)
		same_stat(m, p->path, &st[0], &st[1]);
	if ((p->flags & O_ACCMODE) != O_WRONLY)
		same_content(m, p->path, p->fd[0], p->fd[1]);
}

static void same_all(struct model *m)
{
	for (int i = 0; i < FILES; i++)
		if (m->files[i].fd[0] >= 0)
			same_open(m, &m->files[i]);
	same_folder(m, ".", m->top, ".");
}

/* ---- operations on open files -------------------------------------------- */

static void fill(struct model *m, size_t n)
{
	uint64_t x = below(m, 1ULL << 40) * 2 + 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		m->data[i] = (uint8_t)(x >> 56);
	}
}

/* Anywhere, small or large, on page boundaries more often than chance. */
static void extent(struct model *m, int64_t *off, size_t *n)
{
	uint64_t most = below(m, 4) ? 5000 : (uint64_t)m->max / 2;

	*off = (int64_t)below(m, (uint64_t)m->max - 1);
	if (below(m, 3) == 0)
		*off &= ~(int64_t)4095;
	*n = below(m, most) + 1;
	if (below(m, 3) == 0)
		*n = (*n + 4095) & ~(size_t)4095;
	if ((int64_t)*n > m->max - *off)
		*n = (size_t)(m->max - *off);
}

static struct pair *some_pair(struct model *m)
{
	struct pair *p = &m->files[below(m, FILES)];

	return p->fd[0] >= 0 ? p : NULL;
}

static void op_close(struct model *m, struct pair *p)
{
	struct result r[2];

	say(m, "close %s", p->path);
	for (int s = 0; s < 2; s++) {
		r[s] = result(close(p->fd[s]));
		p->fd[s] = -1;
	}
	same(m, r);
}

static void op_read(struct model *m, struct pair *p)
{
	struct result r[2];
	int64_t off;
	size_t n;

	extent(m, &off, &n);
	say(m, "pread %s [%lld, +%zu)", p->path, (long long)off, n);
	r[0] = result(pread(p->fd[0], m->data, n, off));
	r[1] = result(pread(p->fd[1], m->other, n, off));
	same(m, r);
	if (r[0].ret > 0)
		same_bytes(m, "read", m->data, m->other, (size_t)r[0].ret, off);
}

static void op_write(struct model *m, struct pair *p)
{
	struct result r[2];
	struct stat st;
	int64_t off;
	size_t n;

	extent(m, &off, &n);
	if (p->flags & O_APPEND && fstat(p->fd[1], &st) == 0) {
		if (st.st_size >= m->max)
			return;
		if ((int64_t)n > m->max - st.st_size)
			n = (size_t)(m->max - st.st_size);
	}
	fill(m, n);
	say(m, "pwrite %s [%lld, +%zu)%s", p->path, (long long)off, n,
	    p->flags & O_APPEND ? " at the end" : "");
	for (int s = 0; s < 2; s++)
		r[s] = result(pwrite(p->fd[s], m->data, n, off));
	same(m, r);
}

static void op_ftruncate(struct model *m, struct pair *p)
{
	int64_t size = (int64_t)below(m, (uint64_t)m->max);
	struct result r[2];

	say(m, "ftruncate %s %lld", p->path, (long long)size);
	for (int s = 0; s < 2; s++)
		r[s] = result(ftruncate(p->fd[s], size));
	same(m, r);
}

static void op_fsync(struct model *m, struct pair *p)
{
	struct result r[2];

	say(m, "fsync %s", p->path);
	for (int s = 0; s < 2; s++)
		r[s] = result(fsync(p->fd[s]));
	same(m, r);
}

static void op_fstat(struct model *m, struct pair *p)
{
	say(m, "fstat, read %s", p->path);
	same_open(m, p);
}

static void op_fallocate(struct model *m, struct pair *p)
{
	static const int modes[] = { 0, FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_KEEP_SIZE |
					     FALLOC_FL_PUNCH_HOLE };
	int mode = modes[below(m, 3)];
	struct result r[2];
	int64_t off;
	size_t n;

	extent(m, &off, &n);
	if (m->without & NO_FALLOCATE)
		return;
	say(m, "fallocate %s mode %d [%lld, +%zu)", p->path, mode,
	    (long long)off, n);
	for (int s = 0; s < 2; s++)
		r[s] = result(fallocate(p->fd[s], mode, off, (off_t)n));
	same(m, r);
}

/* Some bytes through a mapping: compared, changed, written back. */
static void op_mmap(struct model *m, struct pair *p)
{
	bool writes = (p->flags & O_ACCMODE) == O_RDWR && below(m, 2);
	struct stat st;
	uint8_t *map[2];
	size_t size, off, n;

	if (m->without & NO_MMAP || (p->flags & O_ACCMODE) == O_WRONLY ||
	    fstat(p->fd[1], &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
		return;
	size = (size_t)st.st_size;
	off = below(m, size);
	n = below(m, size - off) + 1;
	fill(m, n);
	say(m, "mmap %s [%zu, +%zu) %s", p->path, off, n,
	    writes ? "write" : "read");
	for (int s = 0; s < 2; s++) {
		map[s] = mmap(NULL, size, PROT_READ | (writes ? PROT_WRITE : 0),
			      MAP_SHARED, p->fd[s], 0);
		if (map[s] == MAP_FAILED) {
			gone(m, errno);
			differ(m, "mmap: %s", strerror(errno));
		}
		if (writes)
			memcpy(map[s] + off, m->data, n);
	}
	same_bytes(m, "mapping", map[0] + off, map[1] + off, n, (int64_t)off);
	for (int s = 0; s < 2; s++) {
		if (writes && msync(map[s], size, MS_SYNC) < 0) {
			gone(m, errno);
			differ(m, "msync: %s", strerror(errno));
		}
		munmap(map[s], size);
	}
}

/* ---- operations on names ------------------------------------------------- */

/* Few names, so that they meet: up to two folders, then a file or a folder. */
static void some_path(struct model *m, bool folder, char out[PATH])
{
	int n = 0;

	for (uint64_t depth = below(m, 3); depth > 0; depth--)
		n += snprintf(out + n, (size_t)(PATH - n), "d%d/",
			      (int)below(m, 3));
	if (below(m, 12) == 0)
		folder = !folder;
	snprintf(out + n, (size_t)(PATH - n), folder ? "d%d" : "file-%d",
		 (int)below(m, folder ? 3 : 7));
}

static void op_open(struct model *m, struct pair *p)
{
	static const int modes[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	int flags = modes[below(m, 4)] | O_CLOEXEC | O_NOFOLLOW;
	struct result r[2];

	if (p->fd[0] >= 0)
		op_close(m, p);
	some_path(m, false, p->path);
	flags |= below(m, 2) ? O_CREAT : 0;
	flags |= below(m, 8) == 0 ? O_EXCL | O_CREAT : 0;
	flags |= below(m, 5) == 0 ? O_TRUNC : 0;
	flags |= below(m, 6) == 0 ? O_APPEND : 0;
	say(m, "open %s 0%o", p->path, flags);
	for (int s = 0; s < 2; s++) {
		p->fd[s] = openat(m->top[s], p->path, flags, 0644);
		r[s] = result(p->fd[s] < 0 ? -1 : 0);
	}
	same(m, r);
	p->flags = flags;
}

static bool is_open(const struct model *m, const char *path)
{
	struct stat a, b;

	if (fstatat(m->top[1], path, &a, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (int i = 0; i < FILES; i++)
		if (m->files[i].fd[1] >= 0 &&
		    fstat(m->files[i].fd[1], &b) == 0 && a.st_ino == b.st_ino)
			return true;
	return false;
}

static void op_unlink(struct model *m)
{
	char path[PATH];
	struct result r[2];

	some_path(m, false, path);
	if (m->without & NO_UNLINKED && is_open(m, path))
		return;
	say(m, "unlink %s", path);
	for (int s = 0; s < 2; s++)
		r[s] = result(unlinkat(m->top[s], path, 0));
	same(m, r);
}

static void op_rename(struct model *m)
{
	unsigned flags = (unsigned)below(m, 12);
	bool folder = below(m, 3) == 0;
	char from[PATH], to[PATH];
	struct result r[2];

	some_path(m, folder, from);
	some_path(m, folder, to);
	flags = flags > 2 ? 0 : flags; /* RENAME_NOREPLACE, RENAME_EXCHANGE */
	if (m->without & NO_EXCHANGE)
		flags = 0;
	if (m->without & NO_UNLINKED && is_open(m, to))
		return;
	say(m, "rename %s %s, flags %u", from, to, flags);
	for (int s = 0; s < 2; s++)
		r[s] = result(renameat2(m->top[s], from, m->top[s], to, flags));
	same(m, r);
}

static void op_mkdir(struct model *m)
{
	char path[PATH];
	struct result r[2];

	some_path(m, true, path);
	say(m, "mkdir %s", path);
	for (int s = 0; s < 2; s++)
		r[s] = result(mkdirat(m->top[s], path, 0755));
	same(m, r);
}

static void op_rmdir(struct model *m)
{
	char path[PATH];
	struct result r[2];

	some_path(m, true, path);
	say(m, "rmdir %s", path);
	for (int s = 0; s < 2; s++)
		r[s] = result(unlinkat(m->top[s], path, AT_REMOVEDIR));
	same(m, r);
}

static void op_symlink(struct model *m)
{
	char path[PATH], target[PATH];
	struct result r[2];

	some_path(m, false, path);
	some_path(m, false, target);
	if (m->without & NO_SYMLINKS)
		return;
	say(m, "symlink %s %s", path, target);
	for (int s = 0; s < 2; s++)
		r[s] = result(symlinkat(target, m->top[s], path));
	same(m, r);
}

static void op_truncate(struct model *m)
{
	int64_t size = (int64_t)below(m, (uint64_t)m->max);
	char path[PATH], whole[4096];
	struct result r[2];

	some_path(m, false, path);
	say(m, "truncate %s %lld", path, (long long)size);
	for (int s = 0; s < 2; s++) {
		snprintf(whole, sizeof(whole), "%s/%s", m->name[s], path);
		r[s] = result(truncate(whole, size));
	}
	same(m, r);
}

static void op_chmod(struct model *m)
{
	mode_t mode = 0600 | (mode_t)(below(m, 64));
	char path[PATH];
	struct result r[2];

	some_path(m, below(m, 4) == 0, path);
	if (m->without & NO_MODES)
		return;
	say(m, "chmod %s %o", path, mode);
	for (int s = 0; s < 2; s++)
		r[s] = result(fchmodat(m->top[s], path, mode, 0));
	same(m, r);
}

static void op_utimens(struct model *m)
{
	struct timespec t[2] = { { .tv_nsec = UTIME_OMIT },
				 { .tv_sec = 1000000000 +
					     (time_t)below(m, 100000000) } };
	char path[PATH];
	struct result r[2];

	some_path(m, false, path);
	if (m->without & NO_TIMES)
		return;
	say(m, "utimens %s %lld", path, (long long)t[1].tv_sec);
	for (int s = 0; s < 2; s++)
		r[s] = result(
			utimensat(m->top[s], path, t, AT_SYMLINK_NOFOLLOW));
	same(m, r);
}

static void op_setxattr(struct model *m, struct pair *p)
{
	size_t n = below(m, 200);
	bool remove = below(m, 4) == 0;
	struct result r[2];
	struct stat st;

	fill(m, n);
	/* What has no name any more need not keep them. */
	if (m->without & NO_XATTRS || fstat(p->fd[1], &st) < 0 ||
	    st.st_nlink == 0)
		return;
	say(m, "%s xattr %s", remove ? "remove" : "set", p->path);
	for (int s = 0; s < 2; s++)
		r[s] = result(remove ? fremovexattr(p->fd[s], "user.model")
				     : fsetxattr(p->fd[s], "user.model",
						 m->data, n, 0));
	same(m, r);
}

static void op_list(struct model *m)
{
	char path[PATH];
	struct result r[2];
	struct stat st;

	some_path(m, true, path);
	say(m, "list %s", path);
	for (int s = 0; s < 2; s++)
		r[s] = result(
			fstatat(m->top[s], path, &st, AT_SYMLINK_NOFOLLOW));
	same(m, r);
	if (r[1].ret == 0 && S_ISDIR(st.st_mode))
		same_folder(m, path, m->top, path);
}

/* ---- the run ------------------------------------------------------------- */

struct chance {
	int parts; /* of the sum of all */
	void (*on_file)(struct model *m, struct pair *p);
	void (*on_name)(struct model *m);
};

static const struct chance chances[] = {
	{ 14, op_read, NULL },     { 20, op_write, NULL },
	{ 5, op_ftruncate, NULL }, { 3, op_fsync, NULL },
	{ 3, op_fstat, NULL },     { 3, op_fallocate, NULL },
	{ 7, op_mmap, NULL },      { 3, op_close, NULL },
	{ 2, op_setxattr, NULL },  { 12, op_open, NULL },
	{ 5, NULL, op_unlink },    { 9, NULL, op_rename },
	{ 5, NULL, op_mkdir },     { 2, NULL, op_rmdir },
	{ 2, NULL, op_symlink },   { 3, NULL, op_truncate },
	{ 2, NULL, op_chmod },     { 2, NULL, op_utimens },
	{ 3, NULL, op_list },
};

enum { CHANCES = sizeof(chances) / sizeof(chances[0]) };

static void one(struct model *m)
{
	int at = (int)below(m, 105);
	const struct chance *c = chances;
	struct pair *p;

	while (c < &chances[CHANCES - 1] && at >= c->parts)
		at -= (c++)->parts;
	if (c->on_name) {
		c->on_name(m);
		return;
	}
	p = c->on_file == op_open ? &m->files[below(m, FILES)] : some_pair(m);
	if (p)
		c->on_file(m, p);
}

/* Acknowledged: from here on nothing of this may be lost. */
static void settle(struct model *m)
{
	struct result r;

	for (int i = 0; i < FILES; i++)
		if (m->files[i].fd[0] >= 0)
			op_close(m, &m->files[i]);
	say(m, "fsync of the folder");
	r = result(fsync(m->top[0]));
	gone(m, r.err);
	if (r.ret < 0 && r.err != EINVAL && r.err != ENOSYS)
		differ(m, "fsync of the folder: %s", strerror(r.err));
}

static void run(struct model *m)
{
	say(m, "the start");
	same_all(m);
	while (m->until ? time(NULL) < m->until : m->op < m->ops) {
		m->op++;
		say(m, "-");
		one(m);
		if (m->op % m->every == 0)
			same_all(m);
	}
	m->op++;
	say(m, "the end");
	same_all(m);
	settle(m);
	same_all(m);
}

static void usage(void)
{
	fprintf(stderr, "usage: fsmodel [--seed N] [--ops N | --seconds N]\n"
			"\t[--max BYTES] [--every N] [--without WHAT,...]\n"
			"\t[--verbose] DIR TWIN\n");
	exit(2);
}

static unsigned without(char *text)
{
	unsigned out = 0, i;
	char *save;

	for (char *w = strtok_r(text, ",", &save); w;
	     w = strtok_r(NULL, ",", &save)) {
		for (i = 0; strcmp(w, without_names[i]) != 0;)
			if (++i == sizeof(without_names) / sizeof(char *))
				usage();
		out |= 1u << i;
	}
	return out;
}

static void options(struct model *m, int argc, char **argv)
{
	static const struct option opts[] = {
		{ "seed", required_argument, NULL, 's' },
		{ "ops", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 't' },
		{ "max", required_argument, NULL, 'm' },
		{ "every", required_argument, NULL, 'e' },
		{ "without", required_argument, NULL, 'w' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 }
	};
	long n;
	int c;

	while ((c = getopt_long(argc, argv, "", opts, NULL)) >= 0) {
		n = optarg && c != 'w' ? strtol(optarg, NULL, 10) : 0;
		if (c == 's')
			m->random = (uint64_t)n * 0x9e3779b97f4a7c15ULL + 1;
		else if (c == 'n')
			m->ops = n;
		else if (c == 't')
			m->until = time(NULL) + n;
		else if (c == 'm')
			m->max = n;
		else if (c == 'e')
			m->every = n;
		else if (c == 'w')
			m->without = without(optarg);
		else if (c == 'v')
			m->verbose = true;
		else
			usage();
	}
	if (argc - optind != 2 || m->max < 10000 || m->every < 1)
		usage();
	m->name[0] = argv[optind];
	m->name[1] = argv[optind + 1];
}

int main(int argc, char **argv)
{
	struct model m = { .random = 0x9e3779b97f4a7c15ULL,
			   .ops = 2000,
			   .every = 500,
			   .max = 300000 };

	options(&m, argc, argv);
	umask(022);
	m.data = malloc((size_t)m.max + BLOCK);
	m.other = malloc((size_t)m.max + BLOCK);
	for (int i = 0; i < FILES; i++)
		m.files[i] = (struct pair){ .fd = { -1, -1 } };
	for (int s = 0; s < 2; s++) {
		m.top[s] = open(m.name[s], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (m.top[s] < 0 || !m.data || !m.other) {
			perror(m.name[s]);
			return 2;
		}
	}
	run(&m);
	printf("%ld operations, the same\n", m.op);
	free(m.data);
	free(m.other);
	return 0;
}
