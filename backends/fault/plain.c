/*
 * The calls that carry neither entries nor bytes: counted, perhaps failed, and
 * handed on to the driver below.  Not to be_*(): retrying is for whoever
 * called us.
 */
#include "backends/fault/fault.h"

static int fault_stat(struct backend *be, struct op *op, const char *path,
		      struct entry *out)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_STAT, path) < 0)
		return -1;
	rc = c.inner->ops->stat(c.inner, op, path, out);
	if (rc == 0 && out)
		fault_entry(&c, op, out);
	return fault_end(&c, op, rc);
}

static int fault_mkdir(struct backend *be, struct op *op, const char *path)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_MKDIR, path) < 0)
		return -1;
	rc = c.inner->ops->mkdir(c.inner, op, path);
	return fault_end(&c, op, rc);
}

static int fault_rmdir(struct backend *be, struct op *op, const char *path)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_RMDIR, path) < 0)
		return -1;
	rc = c.inner->ops->rmdir(c.inner, op, path);
	return fault_end(&c, op, rc);
}

static int fault_unlink(struct backend *be, struct op *op, const char *path)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_UNLINK, path) < 0)
		return -1;
	rc = c.inner->ops->unlink(c.inner, op, path);
	return fault_end(&c, op, rc);
}

static int fault_copy(struct backend *be, struct op *op, struct backend *from,
		      const char *src, const struct entry *seen,
		      const char *dst, const struct put_opt *opt,
		      struct entry *out)
{
	const struct put_opt inner = fault_opt(opt);
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_COPY, dst) < 0)
		return -1;
	rc = c.inner->ops->copy(c.inner, op, fault_bare(from), src, seen, dst,
				&inner, out);
	if (rc == 0 && out)
		fault_entry(&c, op, out);
	return fault_end(&c, op, rc);
}

static int fault_move(struct backend *be, struct op *op, struct backend *from,
		      const char *src, const struct entry *seen,
		      const char *dst, const struct put_opt *opt,
		      struct entry *out)
{
	const struct put_opt inner = fault_opt(opt);
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_MOVE, dst) < 0)
		return -1;
	rc = c.inner->ops->move(c.inner, op, fault_bare(from), src, seen, dst,
				&inner, out);
	if (rc == 0 && out)
		fault_entry(&c, op, out);
	return fault_end(&c, op, rc);
}

static int fault_move_dir(struct backend *be, struct op *op,
			  struct backend *from, const char *src,
			  const char *dst)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_MOVE_DIR, dst) < 0)
		return -1;
	rc = c.inner->ops->move_dir(c.inner, op, fault_bare(from), src, dst);
	return fault_end(&c, op, rc);
}

static int fault_purge(struct backend *be, struct op *op, const char *dir)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_PURGE, dir) < 0)
		return -1;
	rc = c.inner->ops->purge(c.inner, op, dir);
	return fault_end(&c, op, rc);
}

static int fault_touch(struct backend *be, struct op *op, const char *path,
		       int64_t mtime)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_TOUCH, path) < 0)
		return -1;
	rc = c.inner->ops->touch(c.inner, op, path, mtime);
	return fault_end(&c, op, rc);
}

static int fault_hash(struct backend *be, struct op *op, const char *path,
		      unsigned want, struct digests *out)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_HASH, path) < 0)
		return -1;
	rc = c.inner->ops->hash(c.inner, op, path, want, out);
	return fault_end(&c, op, rc);
}

static int fault_get_xattrs(struct backend *be, struct op *op, const char *path,
			    struct xattrs *out)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_GET_XATTRS, path) < 0)
		return -1;
	rc = c.inner->ops->get_xattrs(c.inner, op, path, out);
	return fault_end(&c, op, rc);
}

static int fault_set_meta(struct backend *be, struct op *op, const char *path,
			  const struct entry *want, const struct xattrs *x)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_SET_META, path) < 0)
		return -1;
	rc = c.inner->ops->set_meta(c.inner, op, path, want, x);
	return fault_end(&c, op, rc);
}

static int fault_mknode(struct backend *be, struct op *op, const char *path,
			const struct entry *e, const struct put_opt *opt)
{
	const struct put_opt inner = fault_opt(opt);
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_MKNODE, path) < 0)
		return -1;
	rc = c.inner->ops->mknode(c.inner, op, path, e, &inner);
	return fault_end(&c, op, rc);
}

static int fault_hardlink(struct backend *be, struct op *op, const char *from,
			  const char *to)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_HARDLINK, to) < 0)
		return -1;
	rc = c.inner->ops->hardlink(c.inner, op, from, to);
	return fault_end(&c, op, rc);
}

static int fault_equal(struct backend *be, struct op *op, const char *path,
		       struct backend *other, const char *other_path,
		       bool *equal)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_EQUAL, path) < 0)
		return -1;
	rc = c.inner->ops->equal(c.inner, op, path, fault_bare(other),
				 other_path, equal);
	return fault_end(&c, op, rc);
}

static int fault_quota(struct backend *be, struct op *op, struct quota *out)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_QUOTA, "") < 0)
		return -1;
	rc = c.inner->ops->quota(c.inner, op, out);
	return fault_end(&c, op, rc);
}

static int fault_flush(struct backend *be, struct op *op)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_FLUSH, "") < 0)
		return -1;
	rc = c.inner->ops->flush(c.inner, op);
	return fault_end(&c, op, rc);
}

static int fault_strays(struct backend *be, struct op *op, unsigned *removed)
{
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_STRAYS, "") < 0)
		return -1;
	rc = c.inner->ops->strays(c.inner, op, removed);
	return fault_end(&c, op, rc);
}

static int fault_open_writer(struct backend *be, struct op *op,
			     const char *path, int64_t size,
			     const struct put_opt *opt, struct sink **out)
{
	const struct put_opt inner = fault_opt(opt);
	struct fault_call c;
	int rc;

	if (fault_begin(&c, be, op, FAULT_OPEN_WRITER, path) < 0)
		return -1;
	rc = c.inner->ops->open_writer(c.inner, op, path, size, &inner, out);
	if (rc == 0 && fault_end(&c, op, rc) < 0) {
		struct err why = op->err;

		(void)!c.inner->ops->close_writer(c.inner, op, *out, false,
						  NULL);
		op->err = why;
		return -1;
	}
	return rc;
}

/* The sink is the inner one's own, and must be freed whatever happens. */
static int fault_close_writer(struct backend *be, struct op *op,
			      struct sink *sink, bool commit, struct entry *out)
{
	struct fault_call c;
	bool failed = fault_begin(&c, be, op, FAULT_CLOSE_WRITER, "") < 0;
	struct err why = op->err;
	int rc;

	rc = c.inner->ops->close_writer(c.inner, op, sink, commit && !failed,
					out);
	if (failed) {
		op->err = why;
		return -1;
	}
	if (rc == 0 && commit && out)
		fault_entry(&c, op, out);
	return fault_end(&c, op, rc);
}

const struct backend_ops fault_ops = {
	.list = fault_list,
	.stat = fault_stat,
	.get = fault_get,
	.put = fault_put,
	.mkdir = fault_mkdir,
	.rmdir = fault_rmdir,
	.unlink = fault_unlink,
	.list_tree = fault_list_tree,
	.copy = fault_copy,
	.move = fault_move,
	.move_dir = fault_move_dir,
	.purge = fault_purge,
	.touch = fault_touch,
	.hash = fault_hash,
	.get_xattrs = fault_get_xattrs,
	.set_meta = fault_set_meta,
	.mknode = fault_mknode,
	.hardlink = fault_hardlink,
	.equal = fault_equal,
	.quota = fault_quota,
	.flush = fault_flush,
	.strays = fault_strays,
	.open_reader = fault_open_reader,
	.close_reader = fault_close_reader,
	.open_writer = fault_open_writer,
	.close_writer = fault_close_writer,
};
