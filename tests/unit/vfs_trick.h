#ifndef TESTS_UNIT_VFS_TRICK_H
#define TESTS_UNIT_VFS_TRICK_H

#include "tests/unit/vfs_bed.h"

#include <signal.h>
#include <stdatomic.h>

/*
 * A place that counts what it is asked, fails as it is told, before or after
 * the work is done, and lets the test do something in the midst of a call.
 */
enum call {
	CALL_LIST,
	CALL_STAT,
	CALL_GET,
	CALL_PUT,
	CALL_MKDIR,
	CALL_RMDIR,
	CALL_UNLINK,
	CALL_MOVE,
	CALL_MOVE_DIR,
	CALL_TOUCH,
	CALL_HASH,
	CALLS
};

static const char *const trick_names[CALLS] = {
	[CALL_LIST] = "list",         [CALL_STAT] = "stat",
	[CALL_GET] = "get",           [CALL_PUT] = "put",
	[CALL_MKDIR] = "mkdir",       [CALL_RMDIR] = "rmdir",
	[CALL_UNLINK] = "unlink",     [CALL_MOVE] = "move",
	[CALL_MOVE_DIR] = "move_dir", [CALL_TOUCH] = "touch",
	[CALL_HASH] = "hash",
};

struct trick {
	struct backend base;
	struct backend *in;
	atomic_uint n[CALLS];
	atomic_uint before[CALLS];  /* so many of the next fail, undone */
	atomic_uint after[CALLS];   /* so many are done, and fail */
	atomic_uint kills[CALLS];   /* the last of so many is done, and kills */
	atomic_bool forgets_time;   /* a file has the time of its coming */
	atomic_bool no_moves;       /* from one disk to another, say */
	_Atomic enum err_kind kind; /* with this */
	atomic_uint rate; /* of 1000 fail, by chance, but list and get */
	_Atomic uint64_t seed;
	/* Called before the work is done, without any lock. */
	void (*_Atomic meet)(struct trick *t, enum call c, const char *path);
	void *arg;
};

static inline struct trick *trick_of(struct backend *be)
{
	return container_of(be, struct trick, base);
}

static inline void no_meeting(struct trick *t)
{
	void (*none)(struct trick *, enum call, const char *) = NULL;

	t->meet = none;
}

/* Counts down to 0; what it was before. */
static inline unsigned trick_takes(atomic_uint *n)
{
	unsigned k = atomic_load(n);

	while (k && !atomic_compare_exchange_weak(n, &k, k - 1))
		;
	return k;
}

static inline bool trick_chance(struct trick *t)
{
	uint64_t x = atomic_fetch_add(&t->seed, 1) + 1;

	x *= UINT64_C(0x9e3779b97f4a7c15);
	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return (x >> 32) % 1000 < t->rate;
}

static inline int trick_fails(struct trick *t, struct op *op)
{
	if (getenv("TRICK_TRACE"))
		fprintf(stderr, "  fails\n");
	return err_set(&op->err, t->kind, "as it was told to");
}

static inline bool trick_enter(struct trick *t, enum call c, const char *path)
{
	void (*meet)(struct trick *, enum call, const char *) = t->meet;

	atomic_fetch_add(&t->n[c], 1);
	if (getenv("TRICK_TRACE"))
		fprintf(stderr, "%s %s\n", trick_names[c], path);
	if (meet)
		meet(t, c, path);
	if (c == CALL_LIST || c == CALL_GET)
		return !trick_takes(&t->before[c]);
	return !trick_takes(&t->before[c]) && !(t->rate && trick_chance(t));
}

static inline int trick_leave(struct trick *t, struct op *op, enum call c,
			      int rc)
{
	if (getenv("TRICK_TRACE") && rc < 0)
		fprintf(stderr, "  %s: %s\n", trick_names[c], op->err.msg);
	if (rc == 0 && trick_takes(&t->kills[c]) == 1)
		kill(getpid(), SIGKILL);
	if (rc == 0 &&
	    (trick_takes(&t->after[c]) ||
	     (t->rate && c != CALL_LIST && c != CALL_GET && trick_chance(t))))
		return trick_fails(t, op);
	return rc;
}

#define TRICK(c, path, call)                        \
	do {                                        \
		struct trick *t = trick_of(be);     \
                                                    \
		if (!trick_enter(t, c, path))       \
			return trick_fails(t, op);  \
		return trick_leave(t, op, c, call); \
	} while (0)

static inline void trick_close(struct backend *be)
{
	struct trick *t = trick_of(be);

	be_close(t->in);
	free(t);
}

static inline int trick_list(struct backend *be, struct op *op, const char *dir,
			     entry_fn *fn, void *arg)
{
	TRICK(CALL_LIST, dir, t->in->ops->list(t->in, op, dir, fn, arg));
}

static inline int trick_stat(struct backend *be, struct op *op,
			     const char *path, struct entry *out)
{
	TRICK(CALL_STAT, path, t->in->ops->stat(t->in, op, path, out));
}

static inline int trick_get(struct backend *be, struct op *op, const char *path,
			    const struct get_opt *opt, struct sink *dst)
{
	TRICK(CALL_GET, path, t->in->ops->get(t->in, op, path, opt, dst));
}

static inline int trick_put(struct backend *be, struct op *op, const char *path,
			    struct source *src, const struct put_opt *opt,
			    struct entry *out)
{
	struct put_opt o = *opt;

	if (trick_of(be)->forgets_time)
		o.mtime = MTIME_UNKNOWN;
	TRICK(CALL_PUT, path, t->in->ops->put(t->in, op, path, src, &o, out));
}

static inline int trick_mkdir(struct backend *be, struct op *op,
			      const char *path)
{
	TRICK(CALL_MKDIR, path, t->in->ops->mkdir(t->in, op, path));
}

static inline int trick_rmdir(struct backend *be, struct op *op,
			      const char *path)
{
	TRICK(CALL_RMDIR, path, t->in->ops->rmdir(t->in, op, path));
}

static inline int trick_unlink(struct backend *be, struct op *op,
			       const char *path)
{
	TRICK(CALL_UNLINK, path, t->in->ops->unlink(t->in, op, path));
}

static inline int trick_move(struct backend *be, struct op *op,
			     struct backend *from, const char *src,
			     const struct entry *seen, const char *dst,
			     const struct put_opt *opt, struct entry *out)
{
	struct backend *in = trick_of(from)->in;

	if (getenv("TRICK_TRACE"))
		fprintf(stderr, "to %s: ", dst);
	if (trick_of(be)->no_moves)
		return err_set(&op->err, ERR_UNSUPPORTED, "not to there");
	TRICK(CALL_MOVE, src,
	      t->in->ops->move(t->in, op, in, src, seen, dst, opt, out));
}

static inline int trick_move_dir(struct backend *be, struct op *op,
				 struct backend *from, const char *src,
				 const char *dst)
{
	struct backend *in = trick_of(from)->in;

	if (getenv("TRICK_TRACE"))
		fprintf(stderr, "to %s: ", dst);
	if (trick_of(be)->no_moves)
		return err_set(&op->err, ERR_UNSUPPORTED, "not to there");
	TRICK(CALL_MOVE_DIR, src,
	      t->in->ops->move_dir(t->in, op, in, src, dst));
}

static inline int trick_touch(struct backend *be, struct op *op,
			      const char *path, int64_t mtime)
{
	TRICK(CALL_TOUCH, path, t->in->ops->touch(t->in, op, path, mtime));
}

static inline int trick_hash(struct backend *be, struct op *op,
			     const char *path, unsigned want,
			     struct digests *out)
{
	TRICK(CALL_HASH, path, t->in->ops->hash(t->in, op, path, want, out));
}

static const struct backend_ops trick_ops = {
	.close = trick_close,
	.list = trick_list,
	.stat = trick_stat,
	.get = trick_get,
	.put = trick_put,
	.mkdir = trick_mkdir,
	.rmdir = trick_rmdir,
	.unlink = trick_unlink,
	.move = trick_move,
	.move_dir = trick_move_dir,
	.touch = trick_touch,
	.hash = trick_hash,
};

/* Owns `in`. */
static inline struct trick *trick_new(struct backend *in)
{
	const unsigned by_itself = BE_LIST_TREE - 1;
	struct trick *t = xcalloc(1, sizeof(*t));

	backend_init(&t->base, &trick_ops, "trick:", in->identity,
		     in->caps & by_itself);
	t->base.hashes = in->hashes;
	t->base.listed = in->listed;
	t->base.asked = in->asked;
	t->base.mtime_step = in->mtime_step;
	t->base.tries = 1;
	t->in = in;
	t->kind = ERR_SERVER;
	return t;
}

/* A vfs on a trick on `place`; b->be is for the test itself. */
static inline struct trick *bed_begin_trick(struct bed *b, const char *place)
{
	struct backend *in, *be;
	struct trick *t;

	bed_begin(b, place);
	bed_close(b);
	in = opened(&b->p, place);
	t = trick_new(in);
	be = b->be;
	b->be = &t->base;
	bed_open(b);
	b->be = be;
	return t;
}

static inline void bed_reopen_trick(struct bed *b, struct trick *t)
{
	struct backend *be = b->be;

	if (b->v)
		bed_close(b);
	b->be = &t->base;
	bed_open(b);
	b->be = be;
}

static inline void bed_end_trick(struct bed *b, struct trick *t)
{
	bed_close(b);
	be_close(&t->base);
	bed_end(b);
}

#endif
