/* What needs the bytes of local files, but copies none. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/hash_memory.h"
#include "backends/local/local.h"
#include "lib/acct.h"
#include "lib/clock.h"

enum { CHUNK = 128 * 1024 };

static ssize_t read_some(struct op *op, int fd, char *p, size_t n, int64_t off)
{
	size_t got = 0;

	while (got < n) {
		ssize_t k = pread(fd, p + got, n - got, off + (int64_t)got);

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_sys(&op->err, "read");
		if (k == 0)
			break;
		got += (size_t)k;
	}
	return (ssize_t)got;
}

static int hash_fd(struct op *op, int fd, unsigned want, struct digests *out)
{
	struct hasher *h = hasher_new(want);
	char *chunk = op_scratch(op, CHUNK);
	int64_t off = 0;
	ssize_t n;

	while ((n = read_some(op, fd, chunk, CHUNK, off)) > 0) {
		hasher_add(h, chunk, (size_t)n);
		off += n;
		if (acct_add(op, n) < 0) {
			n = -1;
			break;
		}
	}
	if (n == 0)
		hasher_end(h, out);
	hasher_free(h);
	return n < 0 ? -1 : 0;
}

int local_hash(struct backend *be, struct op *op, const char *path,
	       unsigned want, struct digests *out)
{
	struct local *l = local_of(be);
	struct hash_memory *memory = remotes_memory(l->remotes, op);
	int64_t began = clock_wall();
	struct digests known = { 0 };
	struct posix_meta m;
	struct entry e, after;
	struct stat st;
	int fd = local_open_file(l, op, path, &st), rc = -1;

	if (fd < 0)
		return -1;
	local_entry(&e, &m, path, &st);
	if (memory)
		hash_memory_get(memory, &e, &known);
	if ((known.have & want) != want) {
		if (hash_fd(op, fd, want, &known) < 0)
			goto out;
		if (fstat(fd, &st) < 0) {
			err_sys(&op->err, "stat");
			goto out;
		}
		local_entry(&after, &m, path, &st);
		if (after.size != e.size || after.mtime != e.mtime) {
			err_set(&op->err, ERR_CONFLICT,
				"changed while it was read");
			goto out;
		}
		if (memory)
			hash_memory_put(memory, &after, &known, began);
	}
	*out = known;
	rc = 0;
out:
	close(fd);
	return rc;
}

/* The first byte from `off` on that is no hole in both. */
static int64_t next_data(int a, int b, int64_t off, int64_t size)
{
	int64_t x = lseek(a, off, SEEK_DATA), y;

	if (x < 0 && errno == ENXIO)
		x = size;
	if (x <= off)
		return off;
	y = lseek(b, off, SEEK_DATA);
	if (y < 0 && errno == ENXIO)
		y = size;
	return y <= off ? off : x < y ? x : y;
}

static int compare(struct op *op, int a, int b, bool sparse, int64_t size,
		   bool *equal)
{
	char *p = op_scratch(op, 2 * CHUNK), *q = p + CHUNK;
	int64_t off = 0;

	*equal = true;
	/* Both have this size: no read is spent on seeing the end. */
	for (;;) {
		size_t want;
		ssize_t n, k;

		if (sparse)
			off = next_data(a, b, off, size);
		if (off >= size)
			return 0;
		want = size - off < CHUNK ? (size_t)(size - off) : CHUNK;
		n = read_some(op, a, p, want, off);
		if (n < 0)
			return -1;
		k = read_some(op, b, q, want, off);
		if (k < 0)
			return -1;
		if (n != k || memcmp(p, q, (size_t)n) != 0) {
			*equal = false;
			return 0;
		}
		if ((size_t)n < want)
			return err_set(&op->err, ERR_CONFLICT,
				       "changed while it was compared");
		if (acct_add(op, n) < 0)
			return -1;
		off += n;
	}
}

static bool has_holes(const struct stat *st)
{
	return st->st_blocks * 512 < st->st_size;
}

int local_equal(struct backend *be, struct op *op, const char *path,
		struct backend *other, const char *other_path, bool *equal)
{
	struct stat st_a, st_b;
	int a, b, rc = 0;

	if (!local_is(other))
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "not on the same service");
	a = local_open_file(local_of(be), op, path, &st_a);
	if (a < 0)
		return -1;
	b = local_open_file(local_of(other), op, other_path, &st_b);
	if (b < 0) {
		close(a);
		return -1;
	}
	if (st_a.st_size != st_b.st_size)
		*equal = false;
	else
		rc = compare(op, a, b, has_holes(&st_a) && has_holes(&st_b),
			     st_a.st_size, equal);
	close(a);
	close(b);
	return rc;
}
