#include "vfs/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"

VEC(olds, struct content *);

/*
 * An open file.  Its content is had when it is first needed, and again when
 * the place has got another version of a file that nobody has changed here.
 */
struct vfs_file {
	struct node *node; /* in its `opens` */
	bool writes;
	bool made;      /* by opening it */
	bool fresh;     /* and its name is not saved yet; guarded by v->lock */
	bool unchanged; /* as vfs_file_unchanged() */

	pthread_mutex_t lock;    /* guards what follows; before v->lock */
	struct content *content; /* or NULL */
	struct olds old;         /* gone, but perhaps still read from */
	unsigned busy;           /* calls under way */
	bool hinted;             /* the neighbours were thought of */

	struct reader reader; /* guarded by the content's lock */
};

/* ---- its content --------------------------------------------------------- */

static bool is_gone(struct content *c)
{
	bool gone;

	pthread_mutex_lock(&c->lock);
	gone = c->gone;
	pthread_mutex_unlock(&c->lock);
	return gone;
}

static void give_back(struct vfs *v, struct vfs_file *f, struct content *c)
{
	fetch_leave(c, &f->reader);
	content_put(v, c);
}

/* The call is over; what is gone is read from no more if it was the last. */
static void release(struct vfs *v, struct vfs_file *f)
{
	struct olds old = { 0 };

	pthread_mutex_lock(&f->lock);
	if (--f->busy == 0) {
		old = f->old;
		f->old = (struct olds){ 0 };
	}
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < old.n; i++)
		give_back(v, f, old.at[i]);
	olds_free(&old);
}

/* The content, which stays until release(). */
static int acquire(struct vfs *v, struct op *op, struct vfs_file *f,
		   struct content **out)
{
	struct content *c, *now;

	pthread_mutex_lock(&f->lock);
	f->busy++;
	c = f->content;
	pthread_mutex_unlock(&f->lock);
	if (c && !is_gone(c)) {
		*out = c;
		return 0;
	}
	if (content_get(v, op, f->node, &now) < 0) {
		release(v, f);
		return -1;
	}
	pthread_mutex_lock(&f->lock);
	if (f->content == c) {
		if (c)
			*olds_add(&f->old) = c;
		f->content = now;
	} else {
		*olds_add(&f->old) = now; /* another call was faster */
		now = f->content;
	}
	pthread_mutex_unlock(&f->lock);
	*out = now;
	return 0;
}

/*
 * Whether to try again after op->err: what was here of the file is gone, since
 * the place has another version.  Then that is looked for first.
 */
static bool try_again(struct vfs *v, struct op *op, struct vfs_file *f,
		      unsigned *tries)
{
	struct node *dir;

	if (++*tries > 4 || op_check(op) < 0)
		return false;
	vfs_lock(v);
	dir = f->node->parent;
	if (dir) {
		node_hold(dir);
		if (folder_ready(v, op, dir) < 0)
			*tries = 4; /* once more with what is known */
		node_release(v, dir);
	}
	vfs_unlock(v);
	return true;
}

/* ---- opening ------------------------------------------------------------- */

/* With v->lock. */
static struct vfs_file *file_new(struct node *n, int flags)
{
	struct vfs_file *f = xcalloc(1, sizeof(*f));

	f->node = n;
	f->writes = (flags & O_ACCMODE) != O_RDONLY;
	f->unchanged = !(n->flags & NODE_NO_KEEP);
	n->flags &= ~(uint32_t)NODE_NO_KEEP;
	n->opens++;
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

typedef int change_fn(struct vfs *v, struct op *op, struct content *c,
		      void *arg);

/* On the content as it is when it is changed. */
static int change(struct vfs *v, struct op *op, struct vfs_file *f,
		  change_fn *fn, void *arg)
{
	unsigned tries = 0;
	struct content *c;
	bool again;
	int rc;

	do {
		if (acquire(v, op, f, &c) < 0)
			return -1;
		rc = fn(v, op, c, arg);
		again = rc < 0 && is_gone(c) && ++tries < 10;
		release(v, f);
	} while (again);
	return rc;
}

static int do_empty(struct vfs *v, struct op *op, struct content *c, void *arg)
{
	(void)arg;
	return content_truncate(v, op, c, 0);
}

/* A size that the place does not tell is only known when all has come. */
static int know_size(struct vfs *v, struct op *op, struct vfs_file *f)
{
	struct posix_meta m;
	struct content *c;
	struct entry e;
	bool unknown;
	int rc;

	vfs_lock(v);
	unknown = node_seen(f->node, &e, &m) && e.size == SIZE_UNKNOWN &&
		  !(f->node->flags & (NODE_WHOLE | NODE_DIRTY | NODE_NEW));
	vfs_unlock(v);
	if (!unknown)
		return 0;
	if (acquire(v, op, f, &c) < 0)
		return -1;
	rc = content_need(v, op, c, 0, 1);
	release(v, f);
	return rc;
}

/* What opening has to do beyond counting. */
static int prepare(struct vfs *v, struct op *op, struct vfs_file *f, int flags)
{
	return flags & O_TRUNC ? change(v, op, f, do_empty, NULL)
			       : know_size(v, op, f);
}

static int check_open(struct vfs *v, struct op *op, const struct node *n,
		      int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;

	if (n->kind == ENTRY_DIR)
		return vfs_fail(op, EISDIR, "open \"%s\"", n->name);
	if (n->kind == ENTRY_LINK)
		return vfs_fail(op, ELOOP, "open \"%s\"", n->name);
	if (n->kind != ENTRY_FILE)
		return vfs_fail(op, ENXIO, "open \"%s\"", n->name);
	if (writes && v->opt.read_only)
		return vfs_fail(op, EROFS, "open \"%s\"", n->name);
	return 0;
}

int vfs_open_file(struct vfs *v, struct op *op, uint64_t ino, int flags,
		  struct vfs_file **out)
{
	struct vfs_file *f = NULL;
	struct node *n;

	*out = NULL;
	vfs_lock(v);
	n = node_find(v, ino);
	if (!n)
		vfs_fail(op, ENOENT, "file %llu", (unsigned long long)ino);
	else if (check_open(v, op, n, flags) == 0)
		f = file_new(n, flags);
	vfs_unlock(v);
	if (!f)
		return -1;
	if (prepare(v, op, f, flags) < 0) {
		vfs_release(v, f);
		return -1;
	}
	*out = f;
	return 0;
}

int vfs_create(struct vfs *v, struct op *op, uint64_t parent, const char *name,
	       uint32_t mode, int flags, struct vfs_attr *attr,
	       struct vfs_file **out)
{
	struct vfs_file *f = NULL;
	struct node *dir, *n;
	bool fresh;

	*out = NULL;
	if (names_begin(v, op, parent, name, &dir, &n) < 0)
		return -1;
	fresh = !n;
	if (n && flags & O_EXCL) {
		vfs_fail(op, EEXIST, "create \"%s\"", name);
	} else if (fresh || check_open(v, op, n, flags) == 0) {
		if (fresh) {
			n = names_add(v, dir, name, ENTRY_FILE, mode);
			n->flags |= NODE_DIRTY | NODE_WHOLE;
		}
		f = file_new(n, flags);
		f->made = f->fresh = fresh;
		if (fresh)
			queue_changed(v, n);
		n->lookups++;
		node_attr(v, n, attr);
	}
	names_end(v, dir);
	if (!f)
		return -1;
	if (!fresh && prepare(v, op, f, flags) < 0) {
		vfs_release(v, f);
		vfs_forget(v, attr->ino, 1);
		return -1;
	}
	if (!fresh) {
		vfs_lock(v);
		node_attr(v, f->node, attr);
		vfs_unlock(v);
	}
	*out = f;
	return 0;
}

bool vfs_file_unchanged(struct vfs_file *f)
{
	return f->unchanged;
}

/* ---- reading ------------------------------------------------------------- */

/* How much of [off, off + n) there is; with c->lock. */
static size_t clip(const struct content *c, int64_t off, size_t n)
{
	int64_t left = c->size - off;

	if (off < 0 || left <= 0)
		return 0;
	return (uint64_t)left < n ? (size_t)left : n;
}

/* Whoever reads one small file after the other may want the next one, too. */
static void hint(struct vfs *v, struct vfs_file *f)
{
	bool was;

	pthread_mutex_lock(&f->lock);
	was = f->hinted;
	f->hinted = true;
	pthread_mutex_unlock(&f->lock);
	if (!was && v->opt.read_ahead > 0 && be_can(v->be, BE_REMOTE))
		neighbours_hint(v, f->node);
}

int vfs_read_begin(struct vfs *v, struct op *op, struct vfs_file *f,
		   int64_t off, size_t n, int *fd, size_t *got)
{
	unsigned tries = 0;

	for (;;) {
		struct content *c;
		bool here, gone;
		int rc;

		if (acquire(v, op, f, &c) < 0)
			return -1;
		pthread_mutex_lock(&c->lock);
		here = c->whole && !c->gone;
		*fd = c->fd;
		*got = clip(c, off, n);
		pthread_mutex_unlock(&c->lock);
		if (off == 0)
			hint(v, f);
		if (here)
			return 0;
		rc = fetch_need(v, op, c, &f->reader, off, (int64_t)n);
		if (rc == 0) {
			pthread_mutex_lock(&c->lock);
			*got = clip(c, off, n);
			pthread_mutex_unlock(&c->lock);
			return 0;
		}
		gone = is_gone(c);
		release(v, f);
		if (!gone || !try_again(v, op, f, &tries))
			return -1;
	}
}

void vfs_read_end(struct vfs *v, struct vfs_file *f)
{
	release(v, f);
}

/* ---- changing ------------------------------------------------------------ */

struct write_args {
	const void *p;
	size_t n;
	int64_t off;
};

static int do_write(struct vfs *v, struct op *op, struct content *c, void *arg)
{
	const struct write_args *a = arg;

	return content_write(v, op, c, a->p, a->n, a->off);
}

int vfs_write(struct vfs *v, struct op *op, struct vfs_file *f, const void *p,
	      size_t n, int64_t off)
{
	struct write_args a = { p, n, off };

	return change(v, op, f, do_write, &a);
}

struct allocate_args {
	int mode;
	int64_t off, len;
};

static int do_allocate(struct vfs *v, struct op *op, struct content *c,
		       void *arg)
{
	const struct allocate_args *a = arg;

	return content_fallocate(v, op, c, a->mode, a->off, a->len);
}

int vfs_fallocate(struct vfs *v, struct op *op, struct vfs_file *f, int mode,
		  int64_t off, int64_t len)
{
	struct allocate_args a = { mode, off, len };

	return change(v, op, f, do_allocate, &a);
}

int vfs_seek(struct vfs *v, struct op *op, struct vfs_file *f, int64_t off,
	     int whence, int64_t *out)
{
	struct content *c;
	int64_t size;
	bool whole;
	int rc = 0;

	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return vfs_fail(op, EINVAL, "no such place in a file");
	if (acquire(v, op, f, &c) < 0)
		return -1;
	pthread_mutex_lock(&c->lock);
	whole = c->whole;
	size = c->size;
	pthread_mutex_unlock(&c->lock);
	if (off < 0 || off >= size) {
		rc = vfs_fail(op, ENXIO, "behind the end");
	} else if (whole) {
		*out = lseek(c->fd, off, whence);
		if (*out < 0)
			rc = err_sys(&op->err, "seek in the cache");
	} else {
		/* what is missing may be anything */
		*out = whence == SEEK_DATA ? off : size;
	}
	release(v, f);
	return rc;
}

/* ---- keeping ------------------------------------------------------------- */

/*
 * Whether rows are to be committed, for what was done to it so far to be kept:
 * *writes tells what that is.
 */
static bool is_unkept(struct vfs *v, struct vfs_file *f, struct content *c,
		      uint64_t *writes)
{
	struct node *n = f->node;
	bool is;

	vfs_lock(v);
	is = f->fresh || (n->flags & NODE_PENDING && n->flags & NODE_LOG);
	if (c) {
		*writes = c->writes;
		is |= c->kept != c->writes && n->flags & NODE_DIRTY;
	}
	is = is && !(n->flags & NODE_DROPPED);
	vfs_unlock(v);
	return is;
}

/* The rows, and the ranges of a file of which some is here. */
static int keep(struct vfs *v, struct op *op, struct vfs_file *f,
		struct content *c, bool durable, bool always)
{
	uint64_t writes = 0;
	bool unkept = is_unkept(v, f, c, &writes);

	if (!unkept && !always)
		return 0;
	if (c && unkept)
		content_save(v, c);
	if (durable && c && content_sync(v, op, c) < 0)
		return -1;
	if (store_commit(v, op, durable) < 0)
		return -1;
	vfs_lock(v);
	f->fresh = false;
	if (c)
		c->kept = writes;
	vfs_unlock(v);
	return 0;
}

int vfs_flush_file(struct vfs *v, struct op *op, struct vfs_file *f)
{
	struct content *c;
	int rc;

	if (!f->writes && !f->made)
		return 0;
	pthread_mutex_lock(&f->lock);
	f->busy++;
	c = f->content;
	pthread_mutex_unlock(&f->lock);
	rc = keep(v, op, f, c, !v->opt.lazy_close, false);
	release(v, f);
	return rc;
}

int vfs_fsync(struct vfs *v, struct op *op, struct vfs_file *f)
{
	struct content *c = NULL;
	bool dirty;
	int rc;

	vfs_lock(v);
	dirty = f->node->flags & NODE_DIRTY;
	vfs_unlock(v);
	/* also what was written through another descriptor */
	if (dirty && acquire(v, op, f, &c) < 0)
		return -1;
	rc = keep(v, op, f, c, true, true);
	if (dirty)
		release(v, f);
	return rc;
}

void vfs_release(struct vfs *v, struct vfs_file *f)
{
	struct node *n = f->node;

	if (f->content)
		give_back(v, f, f->content);
	for (size_t i = 0; i < f->old.n; i++)
		give_back(v, f, f->old.at[i]);
	olds_free(&f->old);
	vfs_lock(v);
	node_hold(n);
	n->opens--;
	/* what is closed may be sent sooner */
	if (f->writes && n->flags & NODE_PENDING && !(n->flags & NODE_DROPPED))
		queue_changed(v, n);
	node_release(v, n);
	vfs_unlock(v);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
