#ifndef TESTS_UNIT_VFS_FILES_H
#define TESTS_UNIT_VFS_FILES_H

#include "tests/unit/vfs_trick.h"

#include <fcntl.h>

#include "vfs/parts.h"

/*
 * Open files of the vfs of a test: what programs do with them, in one line.
 */
enum { MIB = 1 << 20 };

static struct bed b;

static inline struct vfs_file *open_file(const char *path, int flags)
{
	struct vfs_file *f;

	if (vfs_open_file(b.v, &b.p.op, bed_ino(&b, path), flags, &f) < 0) {
		fprintf(stderr, "%s\n", b.p.op.err.msg);
		abort();
	}
	return f;
}

static inline void close_file(struct vfs_file *f)
{
	CHECK(vfs_flush_file(b.v, &b.p.op, f) == 0);
	vfs_release(b.v, f);
}

static inline struct vfs_file *create(const char *path)
{
	struct vfs_attr a;
	struct vfs_file *f;
	const char *name;
	uint64_t dir = bed_dir(&b, path, &name);

	CHECK(vfs_create(b.v, &b.p.op, dir, name, 0644, O_RDWR | O_EXCL, &a,
			 &f) == 0);
	vfs_forget(b.v, a.ino, 1);
	return f;
}

static inline void write_at(struct vfs_file *f, const void *p, size_t n,
			    int64_t off)
{
	if (vfs_write(b.v, &b.p.op, f, p, n, off) < 0) {
		fprintf(stderr, "%s\n", b.p.op.err.msg);
		abort();
	}
}

/* How many bytes there are, or -errno. */
static inline ssize_t read_with(struct op *op, struct vfs_file *f, void *buf,
				size_t n, int64_t off)
{
	size_t got, done = 0;
	int fd;

	if (vfs_read_begin(b.v, op, f, off, n, &fd, &got) < 0)
		return -vfs_errno(&op->err);
	CHECK(got <= n);
	while (done < got) {
		ssize_t r = pread(fd, (char *)buf + done, got - done,
				  off + (int64_t)done);

		CHECK(r > 0);
		done += (size_t)r;
	}
	vfs_read_end(b.v, f);
	return (ssize_t)got;
}

static inline ssize_t read_at(struct vfs_file *f, void *buf, size_t n,
			      int64_t off)
{
	return read_with(&b.p.op, f, buf, n, off);
}

/* These bytes of the file are those of `seed`. */
static inline void check_bytes(struct vfs_file *f, uint64_t seed, int64_t off,
			       size_t n)
{
	uint8_t *p = xcalloc(n ? n : 1, 1);
	ssize_t got = read_at(f, p, n, off);

	if (got < 0)
		fprintf(stderr, "%s\n", b.p.op.err.msg);
	CHECK(got == (ssize_t)n);
	for (size_t i = 0; i < n; i++)
		CHECK(p[i] == bytes_at(seed, off + (int64_t)i));
	free(p);
}

static inline void check_text(const char *path, const char *want)
{
	struct vfs_file *f = open_file(path, O_RDONLY);
	char got[200];
	ssize_t n = read_at(f, got, sizeof(got) - 1, 0);

	CHECK(n >= 0);
	got[n] = '\0';
	CHECK_STR(got, want);
	vfs_release(b.v, f);
}

static inline void put_text(const char *path, const char *text)
{
	struct vfs_file *f = create(path);

	write_at(f, text, strlen(text), 0);
	close_file(f);
}

static inline size_t data_files(void)
{
	size_t n = 0;
	char name[20];

	for (unsigned i = 0; i < 256; i++) {
		snprintf(name, sizeof(name), "vfs/data/%02x", i);
		if (access(scratch_path(&b.s, name), F_OK) == 0)
			n += scratch_count(&b.s, name);
	}
	return n;
}

/* What is on its way goes when it has arrived. */
static inline bool no_data_files(void)
{
	for (unsigned i = 0; i < 6000; i++) {
		CHECK(vfs_fsyncdir(b.v, &b.p.op) == 0);
		if (data_files() == 0)
			return true;
		usleep(10000);
	}
	return false;
}

#endif
