#include "backends/spooled.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "backends/listing.h"
#include "lib/file.h"
#include "lib/spool.h"

enum { CHUNK = 64 * 1024 };

struct spooled {
	struct source base;
	int fd;
	int64_t at;
};

static struct spooled *spooled_of(struct source *src)
{
	return container_of(src, struct spooled, base);
}

static ssize_t spooled_read(struct source *src, struct op *op, void *buf,
			    size_t n)
{
	struct spooled *s = spooled_of(src);
	ssize_t got = pread(s->fd, buf, n, s->at);

	if (got < 0)
		return err_sys(&op->err, "read a temporary file");
	s->at += got;
	return got;
}

static int spooled_seek(struct source *src, struct op *op, int64_t off)
{
	(void)op;
	spooled_of(src)->at = off;
	return 0;
}

static struct source *spooled_new(int fd, int64_t size)
{
	struct spooled *s = xcalloc(1, sizeof(*s));

	*s = (struct spooled){
		.base = { .size = size,
			  .stable = true,
			  .read = spooled_read,
			  .seek = spooled_seek },
		.fd = fd,
	};
	return &s->base;
}

/* All of `src` into `fd`: how many bytes, or -1. */
static int64_t drain(struct source *src, struct op *op, int fd,
		     struct hasher *h)
{
	char *chunk = xrealloc(NULL, CHUNK, 1);
	int64_t total = 0;
	ssize_t n;

	while ((n = src->read(src, op, chunk, CHUNK)) > 0) {
		if (op_check(op) < 0) {
			n = -1;
			break;
		}
		if (write_all(fd, chunk, (size_t)n) < 0) {
			n = err_sys(&op->err, "write a temporary file");
			break;
		}
		hasher_add(h, chunk, (size_t)n);
		total += n;
	}
	free(chunk);
	if (n == 0 && src->size >= 0 && total != src->size)
		return err_set(&op->err, ERR_CONFLICT,
			       "ended after %lld of %lld bytes",
			       (long long)total, (long long)src->size);
	return n < 0 ? -1 : total;
}

int spooled_open(struct source *src, struct op *op, struct digests *digests,
		 struct source **out)
{
	struct hasher *h = hasher_new((1u << HASH_TYPES) - 1);
	int fd = temp_file(op);
	int64_t size = fd < 0 ? -1 : drain(src, op, fd, h);

	if (size < 0) {
		if (fd >= 0)
			close(fd);
		hasher_free(h);
		return -1;
	}
	hasher_end(h, digests);
	hasher_free(h);
	*out = spooled_new(fd, size);
	return 0;
}

struct filler {
	struct sink base;
	int fd;
	int64_t size;
};

static int fill(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct filler *f = container_of(dst, struct filler, base);

	if (write_all(f->fd, p, n) < 0)
		return err_sys(&op->err, "write a temporary file");
	f->size += (int64_t)n;
	return 0;
}

int spooled_get(struct backend *be, struct op *op, const char *path,
		const struct get_opt *opt, struct source **out)
{
	struct filler f = { .base.write = fill, .fd = temp_file(op) };

	if (f.fd < 0)
		return -1;
	if (be_get(be, op, path, opt, &f.base) < 0) {
		close(f.fd);
		return -1;
	}
	*out = spooled_new(f.fd, f.size);
	return 0;
}

void spooled_close(struct source *src)
{
	struct spooled *s = spooled_of(src);

	close(s->fd);
	free(s);
}

int purge_by_entry(struct backend *be, struct op *op, const char *dir)
{
	struct listing l = LISTING_INIT;
	struct posix_meta meta;
	struct buf path = BUF_INIT;
	struct entry e;
	int rc = be_list(be, op, dir, &l);

	while (rc == 0 && (rc = listing_next(&l, op, &e, &meta)) > 0) {
		buf_reset(&path);
		buf_addf(&path, "%s%s%s", dir, *dir ? "/" : "", e.name);
		rc = e.kind == ENTRY_DIR ? purge_by_entry(be, op, path.data)
					 : be_unlink(be, op, path.data);
	}
	listing_free(&l);
	buf_free(&path);
	if (rc == 0)
		rc = be_rmdir(be, op, dir);
	return rc;
}
