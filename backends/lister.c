#include "backends/lister.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/file.h"
#include "lib/fnv.h"
#include "lib/fold.h"
#include "lib/log.h"
#include "lib/vec.h"

/* So many folders asked for one by one, and the rest comes at once. */
enum { LATER = 16, WINDOW = 64 * 1024 };

enum { CALLS_MAX = 32 };

/* One folder's packed entries in the file. */
struct folder {
	uint64_t hash; /* of its path; what collides is told by the path */
	int64_t at, len;
	int64_t path; /* where its path, with its NUL, is */
};

VEC(folders, struct folder);

struct lister {
	struct backend *be;
	enum lister_mode mode;

	pthread_mutex_t lock; /* guards what follows until `ready` */
	pthread_cond_t wake;
	unsigned asked;
	bool reading;
	bool ready; /* the tree is there; it does not change any more */
	int fd;
	struct folders folders; /* by hash */
};

struct lister *lister_new(struct backend *be, enum lister_mode mode)
{
	struct lister *l = xcalloc(1, sizeof(*l));

	l->be = be;
	l->mode = be_can(be, BE_LIST_TREE) ? mode : LISTER_EACH;
	l->fd = -1;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->wake, NULL);
	return l;
}

unsigned lister_calls(const struct lister *l)
{
	if (l->mode != LISTER_EACH)
		return 0;
	return l->be->calls < CALLS_MAX ? l->be->calls : CALLS_MAX;
}

void lister_free(struct lister *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	folders_free(&l->folders);
	pthread_cond_destroy(&l->wake);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/*
 * All entries, in an order that keeps a folder's together: by "FOLDER//NAME",
 * since no path has a "//" of its own.
 */
struct gathering {
	struct listing list;
	struct buf name;
	bool no_case; /* "A" and "a" are one folder: by its folded path */
};

/* The path of a folder as it is looked for. */
static void add_folder(struct buf *b, const char *dir, size_t n, bool no_case)
{
	struct buf whole = BUF_INIT;

	if (!no_case) {
		buf_add(b, dir, n);
		return;
	}
	buf_add(&whole, dir, n);
	fold_case(b, whole.data);
	buf_free(&whole);
}

static int gather(void *arg, struct op *op, const struct entry *e)
{
	struct gathering *g = arg;
	const char *slash = strrchr(e->name, '/');
	struct entry renamed = *e;

	buf_reset(&g->name);
	if (slash)
		add_folder(&g->name, e->name, (size_t)(slash - e->name),
			   g->no_case);
	buf_addf(&g->name, "//%s", slash ? slash + 1 : e->name);
	renamed.name = g->name.data;
	return listing_add(&g->list, op, &renamed);
}

static void gather_again(void *arg)
{
	struct gathering *g = arg;

	listing_reset(&g->list);
}

/* The file as it is written. */
struct writing {
	struct lister *l;
	struct buf out;
	int64_t size; /* with what is in `out` */
	struct buf dir;
	bool open;
};

static int write_out(struct writing *w, struct op *op)
{
	if (write_all(w->l->fd, w->out.data, w->out.len) < 0)
		return err_sys(&op->err, "write a temporary file");
	buf_reset(&w->out);
	return 0;
}

static int begin_folder(struct writing *w, struct op *op, const char *dir,
			size_t n)
{
	struct folder *f;

	if (w->open && w->dir.len == n && memcmp(w->dir.data, dir, n) == 0)
		return 0;
	w->open = true;
	buf_reset(&w->dir);
	buf_add(&w->dir, dir, n);
	f = folders_add(&w->l->folders);
	*f = (struct folder){ .hash = fnv(w->dir.data, w->dir.len),
			      .path = w->size,
			      .at = w->size + (int64_t)n + 1 };
	buf_add(&w->out, w->dir.data, n + 1);
	w->size += (int64_t)n + 1;
	return w->out.len < WINDOW ? 0 : write_out(w, op);
}

static int write_entry(struct writing *w, struct op *op, struct entry *e)
{
	const char *cut = strstr(e->name, "//");
	struct folders *fs = &w->l->folders;
	size_t before;

	if (begin_folder(w, op, e->name, (size_t)(cut - e->name)) < 0)
		return -1;
	e->name = cut + 2;
	before = w->out.len;
	entry_pack(&w->out, e);
	w->size += (int64_t)(w->out.len - before);
	fs->at[fs->n - 1].len = w->size - fs->at[fs->n - 1].at;
	return w->out.len < WINDOW ? 0 : write_out(w, op);
}

static int by_hash(const void *a, const void *b)
{
	const struct folder *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static int write_tree(struct lister *l, struct op *op, struct listing *list)
{
	struct writing w = { .l = l, .out = BUF_INIT, .dir = BUF_INIT };
	struct posix_meta meta;
	struct entry e;
	int rc;

	while ((rc = listing_next(list, op, &e, &meta)) > 0)
		if (write_entry(&w, op, &e) < 0 || op_check(op) < 0) {
			rc = -1;
			break;
		}
	if (rc == 0)
		rc = write_out(&w, op);
	if (l->folders.n)
		qsort(l->folders.at, l->folders.n, sizeof(*l->folders.at),
		      by_hash);
	buf_free(&w.out);
	buf_free(&w.dir);
	return rc;
}

static int read_tree(struct lister *l, struct op *op)
{
	struct gathering g = { .list = LISTING_INIT,
			       .name = BUF_INIT,
			       .no_case = be_can(l->be, BE_NO_CASE) };
	int rc = -1;

	if (be_list_tree(l->be, op, "", gather, gather_again, &g) < 0 ||
	    listing_sort(&g.list, op) < 0)
		goto out;
	l->fd = temp_file(op);
	if (l->fd >= 0)
		rc = write_tree(l, op, &g.list);
out:
	listing_free(&g.list);
	buf_free(&g.name);
	return rc;
}

/* Whether this thread shall read the tree; waits for another that does. */
static bool shall_read(struct lister *l)
{
	bool read = false;

	pthread_mutex_lock(&l->lock);
	if (l->mode != LISTER_EACH && !l->ready && !l->reading)
		read = l->mode == LISTER_WHOLE || ++l->asked > LATER;
	if (read)
		l->reading = true;
	while (l->mode == LISTER_WHOLE && l->reading && !read)
		pthread_cond_wait(&l->wake, &l->lock);
	pthread_mutex_unlock(&l->lock);
	return read;
}

/* What no listing folder by folder would fare better with. */
static bool is_final(const struct err *e)
{
	return e->kind == ERR_CANCELED || e->kind == ERR_NO_DIR ||
	       e->kind == ERR_NOT_DIR;
}

/* 1: the tree is there; 0: list the folder by itself; -1: there is none. */
static int have_tree(struct lister *l, struct op *op)
{
	bool ready;

	if (!shall_read(l)) {
		pthread_mutex_lock(&l->lock);
		ready = l->ready;
		pthread_mutex_unlock(&l->lock);
		return ready;
	}
	ready = read_tree(l, op) == 0;
	pthread_mutex_lock(&l->lock);
	l->reading = false;
	l->ready = ready;
	if (!ready)
		l->mode = LISTER_EACH; /* one try is enough */
	pthread_cond_broadcast(&l->wake);
	pthread_mutex_unlock(&l->lock);
	if (ready)
		return 1;
	if (is_final(&op->err))
		return -1;
	log_info(l->be->name, "listed folder by folder instead: %s",
		 op->err.msg);
	err_clear(&op->err);
	return 0;
}

static int read_at(struct lister *l, struct op *op, void *p, size_t n,
		   int64_t at)
{
	ssize_t got = pread(l->fd, p, n, at);

	if (got == (ssize_t)n)
		return 0;
	if (got >= 0)
		errno = EIO;
	return err_sys(&op->err, "read a temporary file");
}

/* 1 if the folder at `f` is `dir`. */
static int is_folder(struct lister *l, struct op *op, const struct folder *f,
		     const char *dir)
{
	size_t n = strlen(dir) + 1;
	char *path;

	if (f->at - f->path != (int64_t)n)
		return 0;
	path = op_scratch(op, n);
	if (read_at(l, op, path, n, f->path) < 0)
		return -1;
	return memcmp(path, dir, n) == 0;
}

/* 1 and the folder; 0 if nothing is in it. */
static int find(struct lister *l, struct op *op, const char *dir,
		struct folder *out)
{
	uint64_t h = fnv(dir, strlen(dir));
	size_t lo = 0, hi = l->folders.n;
	int rc = 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->folders.at[mid].hash < h)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < l->folders.n && l->folders.at[lo].hash == h; lo++) {
		*out = l->folders.at[lo];
		rc = is_folder(l, op, out, dir);
		if (rc != 0)
			break;
	}
	return rc;
}

static int give_folder(struct lister *l, struct op *op, const struct folder *f,
		       struct listing *out)
{
	int64_t at = f->at, end = f->at + f->len;
	struct buf window = BUF_INIT;
	struct posix_meta meta;
	struct entry e;
	size_t used = 0;
	int rc = 0;

	while (rc == 0 && (at < end || used < window.len)) {
		size_t have = window.len - used, want = WINDOW;

		if (have >= sizeof(uint32_t) &&
		    have >= entry_packed_len(window.data + used)) {
			entry_unpack(window.data + used, &e, &meta);
			used += entry_packed_len(window.data + used);
			rc = listing_add(out, op, &e);
			continue;
		}
		memmove(window.data, window.data + used, have);
		window.len = have;
		used = 0;
		if (end - at < (int64_t)want)
			want = (size_t)(end - at);
		rc = read_at(l, op, buf_room(&window, want), want, at);
		window.len += want;
		at += (int64_t)want;
	}
	buf_free(&window);
	return rc;
}

int lister_look(struct lister *l, struct op *op)
{
	bool whole;

	pthread_mutex_lock(&l->lock);
	whole = l->mode == LISTER_WHOLE;
	pthread_mutex_unlock(&l->lock);
	return whole ? have_tree(l, op) : 0;
}

int lister_list(struct lister *l, struct op *op, const char *dir,
		struct listing *out)
{
	struct folder f = { 0 };
	int rc = have_tree(l, op);

	if (rc == 0)
		return be_list(l->be, op, dir, out);
	if (rc > 0) {
		struct buf folder = BUF_INIT;

		add_folder(&folder, dir, strlen(dir),
			   be_can(l->be, BE_NO_CASE));
		rc = find(l, op, folder.data, &f);
		buf_free(&folder);
	}
	if (rc > 0)
		rc = give_folder(l, op, &f, out);
	return rc < 0 ? -1 : listing_sort(out, op);
}
