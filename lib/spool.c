#include "lib/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * A record lies between two copies of its length, so that it can be found from
 * either side.  `tail` goes to the file whole: no record is in both.
 */
enum { RECORD_MAX = 1024 * 1024, WINDOW = 64 * 1024 };

static const char *temp_dir(void)
{
	const char *dir = getenv("TMPDIR");

	return dir && *dir ? dir : "/tmp";
}

int temp_file(struct op *op)
{
	const char *dir = temp_dir();
	char *path;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* EISDIR and ENOENT come from kernels that do not know the flag */
	if (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)
		return err_sys(&op->err, "temporary file in \"%s\"", dir);
	path = arena_printf(&op->arena, "%s/ferry-XXXXXX", dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return err_sys(&op->err, "temporary file in \"%s\"", dir);
	unlink(path);
	return fd;
}

void spool_init(struct spool *s)
{
	*s = (struct spool){
		.tail = BUF_INIT,
		.fd = -1,
		.record = BUF_INIT,
		.window = BUF_INIT,
	};
	pthread_mutex_init(&s->lock, NULL);
}

void spool_free(struct spool *s)
{
	if (s->fd >= 0)
		close(s->fd);
	buf_free(&s->tail);
	buf_free(&s->record);
	buf_free(&s->window);
	pthread_mutex_destroy(&s->lock);
}

/* A failure may leave bytes after `flushed`; the next try overwrites them. */
static int flush(struct spool *s, struct op *op)
{
	size_t done = 0;

	if (s->fd < 0)
		s->fd = temp_file(op);
	if (s->fd < 0)
		return -1;
	while (done < s->tail.len) {
		ssize_t n =
			pwrite(s->fd, s->tail.data + done, s->tail.len - done,
			       s->flushed + (int64_t)done);

		if (n < 0 && errno != EINTR)
			return err_sys(&op->err, "writing a temporary file");
		done += n < 0 ? 0 : (size_t)n;
	}
	s->flushed += (int64_t)done;
	buf_reset(&s->tail);
	return 0;
}

int spool_add(struct spool *s, struct op *op, const void *p, size_t n)
{
	size_t framed = n + 2 * sizeof(uint32_t);
	uint32_t len = (uint32_t)n;
	int rc = -1;

	if (n > RECORD_MAX)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "a record of %zu bytes is too long", n);
	pthread_mutex_lock(&s->lock);
	if (s->tail.len && s->tail.len + framed > SPOOL_MEMORY &&
	    flush(s, op) < 0)
		goto out;
	buf_add(&s->tail, &len, sizeof(len));
	buf_add(&s->tail, p, n);
	buf_add(&s->tail, &len, sizeof(len));
	s->count++;
	rc = 0;
out:
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* Bytes `off` to `off + n` of the file, by way of the window. */
static int fetch_file(struct spool *s, struct op *op, int64_t off, size_t n,
		      void *out)
{
	int64_t end = off + (int64_t)n;
	int64_t window_end = s->window_at + (int64_t)s->window.len;

	if (off < s->window_at || end > window_end) {
		int64_t size = n > WINDOW ? (int64_t)n : WINDOW;
		bool backwards = off < s->window_at;
		int64_t from = !backwards ? off : end > size ? end - size : 0;
		size_t want =
			(size_t)(s->flushed - from < size ? s->flushed - from
							  : size);

		s->window_at = from;
		buf_reset(&s->window);
		buf_room(&s->window, want);
		while (s->window.len < want) {
			ssize_t got =
				pread(s->fd, s->window.data + s->window.len,
				      want - s->window.len,
				      from + (int64_t)s->window.len);

			if (got == 0)
				errno = EIO; /* somebody cut our file */
			if (got == 0 || (got < 0 && errno != EINTR))
				return err_sys(&op->err,
					       "reading a temporary file");
			s->window.len += got < 0 ? 0 : (size_t)got;
		}
	}
	memcpy(out, s->window.data + (off - s->window_at), n);
	return 0;
}

static int fetch(struct spool *s, struct op *op, int64_t off, size_t n,
		 void *out)
{
	if (n == 0)
		return 0;
	if (off < s->flushed)
		return fetch_file(s, op, off, n, out);
	memcpy(out, s->tail.data + (off - s->flushed), n);
	return 0;
}

static int64_t spool_end(const struct spool *s)
{
	return s->flushed + (int64_t)s->tail.len;
}

void spool_rewind_first(struct spool *s)
{
	s->at = 0;
}

void spool_rewind_last(struct spool *s)
{
	s->at = spool_end(s);
}

/* The record of `n` bytes at `off`, copied to where it is aligned. */
static int take(struct spool *s, struct op *op, int64_t off, size_t n,
		const char **p)
{
	buf_reset(&s->record);
	if (n > RECORD_MAX)
		return err_set(&op->err, ERR_CORRUPT,
			       "a temporary file was changed");
	if (fetch(s, op, off, n, buf_room(&s->record, n)) < 0)
		return -1;
	s->record.len = n;
	s->record.data[n] = '\0';
	*p = s->record.data;
	return 1;
}

int spool_next(struct spool *s, struct op *op, const char **p, size_t *n)
{
	uint32_t len;

	if (s->at == spool_end(s))
		return 0;
	if (fetch(s, op, s->at, sizeof(len), &len) < 0 ||
	    take(s, op, s->at + (int64_t)sizeof(len), len, p) < 0)
		return -1;
	s->at += (int64_t)(len + 2 * sizeof(len));
	*n = len;
	return 1;
}

int spool_prev(struct spool *s, struct op *op, const char **p, size_t *n)
{
	uint32_t len = 0;

	if (s->at == 0)
		return 0;
	if (fetch(s, op, s->at - (int64_t)sizeof(len), sizeof(len), &len) < 0 ||
	    take(s, op, s->at - (int64_t)(len + sizeof(len)), len, p) < 0)
		return -1;
	s->at -= (int64_t)(len + 2 * sizeof(len));
	*n = len;
	return 1;
}
