/*
 * A snapshot into a folder.
 *
 * One thread walks the trees in order, makes the folders and what is no
 * regular file, and gathers the regular files in windows of some thousand.
 * What a window's files need is looked up in the index and sorted by pack and
 * place; what lies close together is a region, read once, and each region is a
 * task for the workers: they decode a blob, compare its SHA-256 with its id
 * and write it to all the places in the window that want it.  Two windows are
 * under way while the next is gathered.  So memory depends on the size of a
 * window and not on the snapshot's, and a blob is read again only where it is
 * used again thousands of files later.
 *
 * A file is written aside, under a temporary name in its folder, and renamed
 * when it is whole and has its metadata: at any instant there is the old one
 * or the new.  A small file is opened, written and renamed in one go; of a
 * larger one the temporary file has a name that the next run finds again, and
 * what is right in it (or in the file that is to be replaced) is not read from
 * the repository.
 *
 * A folder is a `struct dest` with references: of the walk, of each file in it
 * that is under way, of each folder in it.  When the last is gone, nothing
 * more will change it, and it gets its owner, mode and times.  Few of them keep
 * a descriptor; the others are opened by openat2() below the nearest that has
 * one, which follows no symbolic link.
 */
#include "repo/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/fnv.h"
#include "repo/restore_parts.h"

enum {
	REGION = 1 << 20,        /* for the processor's cache */
	REGION_REMOTE = 4 << 20, /* a request costs more */
	THREADS_MAX = 8,
	QUEUE = 64
};

void hashes_add(struct hashes *h, uint64_t v)
{
	if (h->n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 64;
		h->at = xrealloc(h->at, h->cap, sizeof(*h->at));
	}
	h->at[h->n++] = v;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void hashes_sort(struct hashes *h)
{
	if (h->n)
		qsort(h->at, h->n, sizeof(*h->at), by_value);
}

bool hashes_have(const struct hashes *h, uint64_t v)
{
	return h->n && bsearch(&v, h->at, h->n, sizeof(*h->at), by_value);
}

struct kit *kit_take(struct restore *rs)
{
	struct kit *k;

	pthread_mutex_lock(&rs->lock);
	k = rs->kits;
	if (k)
		rs->kits = k->next;
	pthread_mutex_unlock(&rs->lock);
	if (k)
		return k;
	k = xcalloc(1, sizeof(*k));
	k->coder = repo_coder(rs->repo);
	k->raw = k->text = (struct buf)BUF_INIT;
	return k;
}

void kit_give(struct restore *rs, struct kit *k)
{
	pthread_mutex_lock(&rs->lock);
	k->next = rs->kits;
	rs->kits = k;
	pthread_mutex_unlock(&rs->lock);
}

int restore_tell(struct restore *rs, struct op *op, const struct dest *dir,
		 const char *name)
{
	struct buf path = BUF_INIT;

	if (err_info(op->err.kind)->fatal) {
		atomic_store(&rs->stop, true);
		return -1;
	}
	dest_path(dir, name, &path);
	atomic_fetch_add(&rs->errors, 1);
	rs->opt->errors->tell(rs->opt->errors, op, path.data, "restore");
	buf_free(&path);
	err_clear(&op->err);
	return 0;
}

void restore_unverified(struct restore *rs, const struct dest *dir,
			const char *name)
{
	struct buf path = BUF_INIT;

	dest_path(dir, name, &path);
	pthread_mutex_lock(&rs->lock);
	hashes_add(&rs->unverified, fnv(path.data, path.len));
	pthread_mutex_unlock(&rs->lock);
	buf_free(&path);
}

void restore_progress(struct restore *rs, int64_t bytes)
{
	if (rs->opt->progress)
		atomic_fetch_add(&rs->opt->progress->bytes_done, bytes);
}

void restore_done(struct restore *rs, enum restore_action a,
		  const struct dest *dir, const char *name, bool is_dir,
		  uint64_t size)
{
	struct buf path = BUF_INIT;

	switch (a) {
	case RESTORE_RESTORED:
	case RESTORE_UPDATED:
		atomic_fetch_add(&rs->files_restored, 1);
		atomic_fetch_add(&rs->bytes_restored, size);
		break;
	case RESTORE_UNCHANGED:
		atomic_fetch_add(&rs->files_skipped, 1);
		atomic_fetch_add(&rs->bytes_skipped, size);
		break;
	case RESTORE_DELETED: atomic_fetch_add(&rs->files_deleted, 1); break;
	}
	if (rs->opt->progress && a != RESTORE_DELETED)
		atomic_fetch_add(&rs->opt->progress->files_done, 1);
	if (!rs->opt->item)
		return;
	dest_path(dir, name, &path);
	rs->opt->item(rs->opt->arg, a, path.data, is_dir, size);
	buf_free(&path);
}

/* What --include and --exclude say of a path: itself, and what is below. */
struct choice {
	bool itself, below;
};

static struct choice choose(const struct restore *rs, const char *path,
			    bool dir)
{
	const struct restore_opt *o = rs->opt;
	struct choice c = { true, dir };

	if (o->exclude && patterns_match(o->exclude, path))
		return (struct choice){ false, false };
	if (o->include) {
		c.itself = patterns_match(o->include, path);
		c.below = dir && (c.itself ||
				  patterns_may_match_below(o->include, path));
	}
	return c;
}

void restore_count(struct restore *rs, uint64_t bytes)
{
	struct repo_progress *p = rs->opt->progress;

	if (rs->verifying)
		return;
	atomic_fetch_add(&rs->files_total, 1);
	atomic_fetch_add(&rs->bytes_total, bytes);
	if (!p)
		return;
	atomic_fetch_add(&p->files_total, 1);
	atomic_fetch_add(&p->bytes_total, (int64_t)bytes);
}

/* Names that stay, whatever --delete finds: those under way as well. */
static void keep_name(struct dest *dir, const struct node *n)
{
	char temp[TEMP_NAME];
	struct buf b = BUF_INIT;

	hashes_add(&dir->keep, fnv(n->name, n->name_len));
	if (n->type == NODE_DIR)
		return;
	temp_name(dir, n->name, temp);
	hashes_add(&dir->keep, fnv(temp, strlen(temp)));
	if (n->type != NODE_FILE)
		return;
	buf_addf(&b, "%s.damaged", n->name);
	hashes_add(&dir->keep, fnv(b.data, b.len));
	buf_free(&b);
}

/*
 * Names rise.  Where they do not, one may come twice, and must not be under way
 * twice at once: then all is brought to its end first.
 */
static int check_order(struct restore *rs, struct op *op, struct dest *dir,
		       const struct node *n)
{
	size_t less = n->name_len < dir->last_len ? n->name_len : dir->last_len;
	int order = dir->last ? memcmp(n->name, dir->last, less) : 1;

	if (order == 0)
		order = n->name_len > dir->last_len ? 1 : -1;
	if (order < 0)
		return windows_drain(rs, op);
	dir->last = xrealloc(dir->last, n->name_len + 1, 1);
	memcpy(dir->last, n->name, n->name_len);
	dir->last_len = n->name_len;
	return 0;
}

static enum walk_next told(int rc)
{
	return rc < 0 ? WALK_FAIL : WALK_SKIP;
}

static void push(struct restore *rs, struct dest *f)
{
	if (rs->depth == rs->stack_cap) {
		rs->stack_cap = rs->stack_cap ? rs->stack_cap * 2 : 64;
		rs->stack = xrealloc(rs->stack, rs->stack_cap,
				     sizeof(struct dest *));
	}
	rs->stack[rs->depth++] = f;
}

static struct dest *pop(struct restore *rs)
{
	return rs->stack[--rs->depth];
}

static enum walk_next enter_folder(struct restore *rs, struct op *op,
				   struct dest *dir, const struct node *n,
				   struct choice c)
{
	struct dest *f;

	if (c.itself)
		restore_count(rs, 0);
	if (!n->has_subtree) {
		err_set(&op->err, ERR_CORRUPT, "a folder without a tree");
		return told(restore_tell(rs, op, dir, n->name));
	}
	f = dest_new(dir, n->name, n->name_len);
	f->tree = n->subtree;
	f->has_meta = true;
	meta_of(&f->meta, n, &f->arena);
	if ((c.itself || rs->verifying) && dest_make(rs, op, f) < 0) {
		enum walk_next next = WALK_SKIP;

		if (!rs->verifying)
			next = told(restore_tell(rs, op, dir, n->name));
		err_clear(&op->err); /* verifying: it was told */
		f->has_meta = false;
		dest_drop(rs, op, f);
		return next;
	}
	f->counted = c.itself;
	push(rs, f);
	return WALK_ON;
}

/* Out of the innermost folder. */
static enum walk_next leave_folder(struct restore *rs, struct op *op)
{
	struct dest *f = pop(rs);
	int rc = 0;

	if (rs->opt->remove_others && !rs->broken && !rs->verifying)
		rc = dest_delete_others(rs, op, f);
	rs->broken = false;
	dest_drop(rs, op, f);
	return rc < 0 ? WALK_FAIL : WALK_ON;
}

static int verify_file(struct restore *rs, struct op *op, struct dest *dir,
		       const struct node *n)
{
	struct buf path = BUF_INIT;
	bool leave;

	dest_path(dir, n->name, &path);
	leave = hashes_have(&rs->unverified, fnv(path.data, path.len));
	buf_free(&path);
	return leave || n->type != NODE_FILE ? 0
					     : window_add(rs, op, dir, n, NULL);
}

/* What is no folder, and was chosen. */
static int restore_entry(struct restore *rs, struct op *op, struct dest *dir,
			 const struct node *n)
{
	struct link_group *group = NULL;
	int rc;

	if (n->type == NODE_SOCKET)
		return 0; /* nobody would listen */
	if (rs->verifying)
		return verify_file(rs, op, dir, n);
	if (dest_make(rs, op, dir) < 0)
		return restore_tell(rs, op, dir, n->name);
	if (n->links > 1 && link_groups_find(rs, op, dir, n, &group)) {
		restore_count(rs, 0);
		return window_add_alias(rs, op, dir, n, group);
	}
	restore_count(rs, n->type == NODE_FILE ? n->size : 0);
	if (n->type == NODE_FILE)
		return window_add(rs, op, dir, n, group);
	rc = special_restore(rs, op, dir, n);
	return rc;
}

static enum walk_next visit(void *arg, struct op *op, const struct walk_node *w)
{
	struct restore *rs = arg;
	struct dest *dir = rs->stack[w->depth - 1];
	const struct node *n = w->node;
	bool is_dir = n->type == NODE_DIR;
	struct choice c;

	if (atomic_load(&rs->stop))
		return WALK_STOP;
	if (w->left)
		return leave_folder(rs, op);
	if (check_order(rs, op, dir, n) < 0)
		return WALK_FAIL;
	if (rs->opt->remove_others && !dir->fresh && !rs->verifying)
		keep_name(dir, n);
	c = choose(rs, w->path, is_dir);
	if (!c.itself && !c.below)
		return WALK_SKIP;
	rs->any |= c.itself;
	if (is_dir)
		return enter_folder(rs, op, dir, n, c);
	return restore_entry(rs, op, dir, n) < 0 ? WALK_FAIL : WALK_SKIP;
}

/* A tree that cannot be had: its folder is made, with what could be read. */
static int bad_tree(void *arg, struct op *op, const char *path,
		    const struct id *tree)
{
	struct restore *rs = arg;

	(void)tree;
	rs->broken = true;
	if (rs->verifying)
		return 0;
	err_wrap(&op->err, "what is in this folder is not known");
	atomic_fetch_add(&rs->errors, 1);
	rs->opt->errors->tell(rs->opt->errors, op, path, "restore");
	return 0;
}

/* What is to be restored: a folder's tree, or one thing that is no folder. */
struct origin {
	struct id tree;
	struct node node;
	bool is_dir, has_node;
};

static int walk(struct restore *rs, struct op *op, struct coder *c,
		const struct origin *from)
{
	static const struct walk_opt opt = { .leave = true, .bad = bad_tree };
	struct dest *top = rs->stack[0];
	int rc;

	if (from->is_dir)
		rc = trees_walk(rs->repo, op, c, &from->tree, "", &opt, visit,
				rs);
	else
		rc = restore_entry(rs, op, top, &from->node);
	if (rs->opt->progress)
		atomic_store(&rs->opt->progress->total_known, true);
	if (rc == 0)
		rc = windows_drain(rs, op);
	if (rc == 0 && rs->opt->remove_others && !rs->verifying &&
	    !rs->broken && rs->any && from->is_dir)
		rc = dest_delete_others(rs, op, top);
	rs->broken = false;
	return rc;
}

/* Nothing is under way any more: the folders get what is theirs. */
static void unwind(struct restore *rs, struct op *op, bool failed)
{
	struct err why = op->err;

	if (failed)
		atomic_store(&rs->stop, true);
	windows_free(rs, op);
	while (rs->depth)
		dest_drop(rs, op, pop(rs));
	link_groups_free(rs, op, rs->groups);
	rs->groups = NULL;
	op->err = why;
}

static int open_target(struct restore *rs, struct op *op, struct dest **out)
{
	const char *path = rs->opt->target;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dest *f;
	bool made = false;

	if (fd < 0 && errno == ENOENT && !rs->verifying) {
		made = true;
		if (!rs->opt->dry_run) {
			if (file_make_dirs(op, path) < 0)
				return err_wrap(&op->err, "make the target");
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		}
	}
	if (fd < 0 && !(made && rs->opt->dry_run))
		return err_sys(&op->err, "the target \"%s\"", path);
	f = dest_new(NULL, "", 0);
	f->fd = fd;
	f->made = true;
	f->fresh = made;
	f->gives_acl = fd >= 0 &&
		       fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
	*out = f;
	return 0;
}

static int find_origin(struct restore *rs, struct op *op, struct coder *c,
		       const struct snapshot *s, const char *path,
		       struct origin *out)
{
	if (snapshot_descend(rs->repo, op, c, &op->arena, &s->tree, path,
			     &out->node, &out->tree) < 0)
		return -1;
	out->is_dir = out->node.type == NODE_DIR;
	out->has_node = *out->node.name != '\0';
	return 0;
}

/* Once through all of it, restoring or (verifying) reading back. */
static int pass(struct restore *rs, struct op *op, struct coder *c,
		const struct origin *from)
{
	struct dest *top = NULL;
	int rc;

	if (open_target(rs, op, &top) < 0)
		return -1;
	if (from->is_dir)
		top->tree = from->tree;
	if (from->is_dir && from->has_node && top->fresh) {
		meta_of(&top->meta, &from->node, &top->arena);
		top->has_meta = true;
	}
	push(rs, top);
	rs->groups = link_groups_new();
	rc = walk(rs, op, c, from);
	unwind(rs, op, rc < 0);
	return rc;
}

static void fit(struct restore *rs, struct op *op)
{
	bool remote = be_can(store_backend(rs->repo->store), BE_REMOTE);
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned threads = cpus < 2 ? 2 : (unsigned)cpus;

	if (remote)
		threads = pool_fitting();
	if (threads > THREADS_MAX)
		threads = THREADS_MAX;
	rs->region = remote ? REGION_REMOTE : REGION;
	rs->pool = pool_new(threads, QUEUE, op->cancel);
	rs->uid = geteuid();
	atomic_init(&rs->fds, DEST_FDS);
	pthread_mutex_init(&rs->lock, NULL);
}

static void restore_free(struct restore *rs)
{
	pool_free(rs->pool);
	while (rs->kits) {
		struct kit *k = rs->kits;

		rs->kits = k->next;
		coder_free(k->coder);
		buf_free(&k->raw);
		buf_free(&k->text);
		free(k);
	}
	free(rs->unverified.at);
	free(rs->stack);
	pthread_mutex_destroy(&rs->lock);
}

int restore_run(struct repo *r, struct op *op, const struct snapshot *s,
		const char *path, const struct restore_opt *opt,
		struct restore_result *out)
{
	struct restore rs = { .repo = r, .opt = opt };
	struct coder *c = repo_coder(r);
	struct origin from;
	int rc;

	fit(&rs, op);
	rc = find_origin(&rs, op, c, s, path, &from);
	if (rc == 0)
		rc = pass(&rs, op, c, &from);
	if (rc == 0 && opt->verify && !opt->dry_run) {
		rs.verifying = true;
		hashes_sort(&rs.unverified);
		rc = pass(&rs, op, c, &from);
	}
	*out = (struct restore_result){
		.files_total = atomic_load(&rs.files_total),
		.files_restored = atomic_load(&rs.files_restored),
		.files_skipped = atomic_load(&rs.files_skipped),
		.files_deleted = atomic_load(&rs.files_deleted),
		.bytes_total = atomic_load(&rs.bytes_total),
		.bytes_restored = atomic_load(&rs.bytes_restored),
		.bytes_skipped = atomic_load(&rs.bytes_skipped),
		.verified = atomic_load(&rs.verified),
		.errors = atomic_load(&rs.errors),
	};
	coder_free(c);
	restore_free(&rs);
	return rc;
}
