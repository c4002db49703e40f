/* Bytes between local files and other services. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/local/aside.h"
#include "backends/local/local.h"
#include "backends/local/meta.h"
#include "lib/file.h"

enum { CHUNK = 256 * 1024 };

int local_open_file(struct local *l, struct op *op, const char *path,
		    struct stat *st)
{
	struct dir *dir;
	const char *name;
	int fd;

	if (*path == '\0')
		return err_set(&op->err, ERR_IS_DIR, "a folder");
	if (dir_of(&l->dirs, op, path, &dir, &name) < 0) {
		if (op->err.kind == ERR_NO_DIR)
			op->err.kind = ERR_NOT_FOUND;
		return -1;
	}
	fd = openat(dir->fd, name,
		    O_RDONLY | O_NONBLOCK | O_CLOEXEC |
			    (l->follow ? 0 : O_NOFOLLOW));
	dir_put(&l->dirs, dir);
	if (fd < 0)
		return err_sys(&op->err, "open");
	if (fstat(fd, st) < 0) {
		err_sys(&op->err, "stat");
	} else if (S_ISDIR(st->st_mode)) {
		err_set(&op->err, ERR_IS_DIR, "a folder");
	} else if (!S_ISREG(st->st_mode)) {
		err_set(&op->err, ERR_CONFLICT, "no longer a plain file");
	} else {
		return fd;
	}
	close(fd);
	return -1;
}

int local_get(struct backend *be, struct op *op, const char *path,
	      const struct get_opt *opt, struct sink *dst)
{
	int64_t off = opt->off, left = opt->len;
	struct stat st;
	char *chunk;
	int fd = local_open_file(local_of(be), op, path, &st), rc = -1;

	if (fd < 0)
		return -1;
	chunk = xrealloc(NULL, CHUNK, 1);
	while (left != 0) {
		size_t want = left >= 0 && left < CHUNK ? (size_t)left : CHUNK;
		ssize_t n = pread(fd, chunk, want, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_sys(&op->err, "read");
			goto out;
		}
		if (n == 0)
			break;
		if (op_check(op) < 0 ||
		    dst->write(dst, op, chunk, (size_t)n) < 0)
			goto out;
		off += n;
		if (left > 0)
			left -= n;
	}
	rc = 0;
out:
	free(chunk);
	close(fd);
	return rc;
}

struct reader {
	struct source base;
	int fd;
	int64_t at;
	bool as_it_is;  /* it may change while it is read */
	bool ended;     /* its end was seen: no need to look once more */
	struct stat st; /* as it was opened */
};

static ssize_t reader_read(struct source *src, struct op *op, void *buf,
			   size_t n)
{
	struct reader *r = container_of(src, struct reader, base);
	struct stat now;
	ssize_t got;

	if (r->ended)
		return 0;
	do
		got = pread(r->fd, buf, n, r->at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(&op->err, "read");
	r->at += got;
	/* Less than was asked for may be an error; not where the size is. */
	r->ended = r->as_it_is && got > 0 && (size_t)got < n &&
		   r->at == r->st.st_size;
	if (r->as_it_is || (got > 0 && r->at < r->st.st_size))
		return got;
	if (fstat(r->fd, &now) < 0)
		return err_sys(&op->err, "stat");
	if (r->at != r->st.st_size || now.st_size != r->st.st_size ||
	    now.st_mtim.tv_sec != r->st.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != r->st.st_mtim.tv_nsec)
		return err_set(&op->err, ERR_CONFLICT,
			       "changed while it was read");
	return got;
}

static int reader_seek(struct source *src, struct op *op, int64_t off)
{
	struct reader *r = container_of(src, struct reader, base);

	(void)op;
	r->at = off;
	r->ended = false;
	return 0;
}

static int64_t reader_hole_end(struct source *src, int64_t off)
{
	struct reader *r = container_of(src, struct reader, base);
	int64_t data = lseek(r->fd, off, SEEK_DATA);
	struct stat now;

	if (data < 0 && errno == ENXIO) /* none is behind it */
		data = r->st.st_size;
	if (fstat(r->fd, &now) < 0 || data > now.st_size)
		return off;
	return data > off ? data : off;
}

static bool is_sparse(const struct stat *st)
{
	return st->st_size / 512 > st->st_blocks;
}

int local_open_reader(struct backend *be, struct op *op, const char *path,
		      const struct entry *seen, struct source **out)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->fd = local_open_file(local_of(be), op, path, &r->st);
	if (r->fd < 0) {
		free(r);
		return -1;
	}
	if (seen && seen->size != SIZE_UNKNOWN && seen->size != r->st.st_size) {
		close(r->fd);
		free(r);
		return err_set(&op->err, ERR_CONFLICT,
			       "changed since it was listed");
	}
	r->as_it_is = !seen;
	r->base = (struct source){ .size = r->st.st_size,
				   .stable = seen,
				   .read = reader_read,
				   .seek = reader_seek };
	if (is_sparse(&r->st))
		r->base.hole_end = reader_hole_end;
	*out = &r->base;
	return 0;
}

void local_close_reader(struct source *src)
{
	struct reader *r = container_of(src, struct reader, base);

	close(r->fd);
	free(r);
}

struct writer {
	struct sink base;
	struct aside aside;
	int64_t size, done;
	struct put_opt opt;
	struct entry meta; /* copies of what opt points at */
	struct entry over;
	struct arena arena;
};

static int writer_write(struct sink *sink, struct op *op, const void *buf,
			size_t n)
{
	struct writer *w = container_of(sink, struct writer, base);

	if (w->size >= 0 && (int64_t)n > w->size - w->done)
		return err_set(&op->err, ERR_CONFLICT,
			       "more bytes came than the %lld expected",
			       (long long)w->size);
	if (write_all(w->aside.fd, buf, n) < 0)
		return err_sys(&op->err, "write");
	w->done += (int64_t)n;
	return 0;
}

static const struct entry *keep_entry(struct writer *w, struct entry *at,
				      const struct entry *e)
{
	if (!e)
		return NULL;
	*at = entry_copy(&w->arena, e);
	return at;
}

int local_open_writer(struct backend *be, struct op *op, const char *path,
		      int64_t size, const struct put_opt *opt,
		      struct sink **out)
{
	struct writer *w = xcalloc(1, sizeof(*w));

	/* The aside's name is a part of this path. */
	path = arena_strdup(&w->arena, path);
	if (aside_open(local_of(be), op, path, NULL, opt->meta ? 0600 : 0666,
		       &w->aside) < 0) {
		arena_free(&w->arena);
		free(w);
		return -1;
	}
	w->base.write = writer_write;
	w->size = size;
	w->opt = *opt;
	w->opt.meta = keep_entry(w, &w->meta, opt->meta);
	w->opt.over = keep_entry(w, &w->over, opt->over);
	if (opt->keep_old)
		w->opt.keep_old = arena_strdup(&w->arena, opt->keep_old);
	*out = &w->base;
	return 0;
}

static int finish(struct writer *w, struct op *op)
{
	struct entry plain = { .mtime = w->opt.mtime };
	const struct entry *want = w->opt.meta ? w->opt.meta : &plain;
	struct inode i = { .fd = w->aside.fd };
	struct xattrs has = { 0 };
	struct stat st;

	if (w->size >= 0 && w->done != w->size)
		return err_set(&op->err, ERR_CONFLICT,
			       "%lld bytes came of the %lld expected",
			       (long long)w->done, (long long)w->size);
	if (fstat(i.fd, &st) < 0)
		return err_sys(&op->err, "stat");
	if (st.st_size != w->done)
		return err_set(&op->err, ERR_CORRUPT,
			       "%lld bytes were written, %lld are there",
			       (long long)w->done, (long long)st.st_size);
	if (w->opt.xattrs && meta_read_xattrs(w->aside.local, op, i, &has) < 0)
		return -1;
	return meta_apply(w->aside.local, op, i, &st, want, w->opt.xattrs,
			  &has);
}

int local_close_writer(struct backend *be, struct op *op, struct sink *sink,
		       bool commit, struct entry *out)
{
	struct writer *w = container_of(sink, struct writer, base);
	struct arena arena = w->arena;
	const char *name = w->aside.name;
	struct posix_meta *m;
	struct stat st;
	int rc = -1;

	(void)be;
	if (!commit)
		rc = 0;
	if (!commit || finish(w, op) < 0) {
		aside_abandon(&w->aside, false);
		goto out;
	}
	if (out) {
		if (fstat(w->aside.fd, &st) < 0) {
			err_sys(&op->err, "stat");
			aside_abandon(&w->aside, false);
			goto out;
		}
		m = arena_alloc(&op->arena, sizeof(*m));
		local_entry(out, m, arena_strdup(&op->arena, name), &st);
	}
	rc = aside_commit(&w->aside, op, &w->opt);
out:
	free(w);
	arena_free(&arena);
	return rc;
}

int local_put(struct backend *be, struct op *op, const char *path,
	      struct source *src, const struct put_opt *opt, struct entry *out)
{
	struct sink *sink;
	char *chunk;
	ssize_t n;

	if (local_open_writer(be, op, path, src->size, opt, &sink) < 0)
		return -1;
	chunk = xrealloc(NULL, CHUNK, 1);
	while ((n = src->read(src, op, chunk, CHUNK)) > 0)
		if (op_check(op) < 0 ||
		    sink->write(sink, op, chunk, (size_t)n) < 0) {
			n = -1;
			break;
		}
	free(chunk);
	if (n < 0) {
		struct err why = op->err;

		(void)!local_close_writer(be, op, sink, false, NULL);
		op->err = why;
		return -1;
	}
	return local_close_writer(be, op, sink, true, out);
}
