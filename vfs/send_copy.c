/*
 * What the place cannot move, as from one of its disks to another, or on a
 * server without MOVE: it is copied, there or by way of this machine.
 */
#include <unistd.h>

#include "lib/file.h"
#include "lib/spool.h"
#include "vfs/sending.h"

/* ---- by way of this machine ---------------------------------------------- */

struct detour {
	struct sink down;
	struct source up;
	int fd;
	int64_t at;
};

static int take(struct sink *dst, struct op *op, const void *p, size_t n)
{
	struct detour *d = container_of(dst, struct detour, down);

	if (write_all(d->fd, p, n) < 0)
		return err_sys(&op->err, "write a temporary file");
	return 0;
}

static ssize_t give(struct source *src, struct op *op, void *buf, size_t n)
{
	struct detour *d = container_of(src, struct detour, up);
	ssize_t got = pread(d->fd, buf, n, d->at);

	if (got < 0)
		return err_sys(&op->err, "read a temporary file");
	d->at += got;
	return got;
}

static int give_from(struct source *src, struct op *op, int64_t off)
{
	(void)op;
	container_of(src, struct detour, up)->at = off;
	return 0;
}

static int detour(struct job *j, const char *src, const struct entry *e,
		  const char *dst, const struct put_opt *opt, struct entry *out)
{
	const struct get_opt get = { .len = -1,
				     .tag = e->tag,
				     .want = &e->hash };
	struct detour d = { .down.write = take,
			    .up.stable = true,
			    .up.read = give,
			    .up.seek = give_from,
			    .fd = temp_file(j->op) };
	struct backend *be = j->v->be;
	int rc;

	if (d.fd < 0)
		return -1;
	rc = be_get(be, j->op, src, &get, &d.down);
	if (rc == 0) {
		d.up.size = lseek(d.fd, 0, SEEK_CUR);
		rc = be_put(be, j->op, dst, &d.up, opt, out);
	}
	close(d.fd);
	return rc;
}

/* -------------------------------------------------------------------------- */

static int copy_link(struct job *j, const struct entry *e, const char *dst,
		     const struct put_opt *opt, struct entry *out)
{
	struct backend *be = j->v->be;

	if (be_mknode(be, j->op, dst, e, opt) < 0)
		return -1;
	return be_stat(be, j->op, dst, out);
}

int copy_at_place(struct job *j, const char *src, const struct entry *e,
		  const char *dst, const struct put_opt *plain,
		  struct entry *out)
{
	struct put_opt opt = *plain;
	struct backend *be = j->v->be;
	int rc;

	opt.mtime = e->mtime;
	opt.hash = e->hash;
	opt.meta = e->posix && e->posix->mode ? e : NULL;
	/* the source is deleted after that */
	opt.durable = !be_can(be, BE_REMOTE);
	if (e->kind == ENTRY_LINK)
		return job_heard(j, copy_link(j, e, dst, &opt, out));
	rc = be_copy(be, j->op, be, src, e, dst, &opt, out);
	if (rc < 0 && j->op->err.kind == ERR_UNSUPPORTED) {
		err_clear(&j->op->err);
		rc = detour(j, src, e, dst, &opt, out);
	}
	return job_heard(j, rc);
}
