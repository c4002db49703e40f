/*
 * What the place cannot move, as from one of its disks to another, or on a
 * server without MOVE: it is copied, there or by way of this machine.
 */
#include "backends/spooled.h"
#include "vfs/sending.h"

/* By way of this machine. */
static int detour(struct job *j, const char *src, const struct entry *e,
		  const char *dst, const struct put_opt *opt, struct entry *out)
{
	const struct get_opt get = { .len = -1,
				     .tag = e->tag,
				     .want = &e->hash };
	struct backend *be = j->v->be;
	struct source *here;
	int rc = spooled_get(be, j->op, src, &get, &here);

	if (rc == 0) {
		rc = be_put(be, j->op, dst, here, opt, out);
		spooled_close(here);
	}
	return rc;
}

static int copy_node(struct job *j, const struct entry *e, const char *dst,
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
	if (e->kind != ENTRY_FILE)
		return job_heard(j, copy_node(j, e, dst, &opt, out));
	rc = be_copy(be, j->op, be, src, e, dst, &opt, out);
	if (rc < 0 && j->op->err.kind == ERR_UNSUPPORTED) {
		err_clear(&j->op->err);
		rc = detour(j, src, e, dst, &opt, out);
	}
	return job_heard(j, rc);
}
