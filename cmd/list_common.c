#include "cmd/list_common.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backends/remote.h"
#include "cmd/out.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/parse.h"

int list_open(struct list *l, struct cmd_ctx *cx, const char *place,
	      const struct filter_opts *filter)
{
	*l = (struct list){ .cx = cx, .place = place, .max_depth = -1 };
	pthread_mutex_init(&l->lock, NULL);
	if (filter) {
		if (filter_opts_make(filter, &cx->op, &l->filter) < 0)
			return -1;
		l->max_depth = (int)filter->max_depth;
	}
	return remote_open_source(cx->remotes, place, &cx->op, &l->be,
				  &l->file);
}

int list_needs_dir(struct list *l)
{
	if (!l->file)
		return 0;
	return err_set(&l->cx->op.err, ERR_NOT_DIR,
		       "\"%s\" is a file, not a folder", l->place);
}

static void count_failure(struct list *l, const struct err *e)
{
	log_error(NULL, "%s", e->msg);
	pthread_mutex_lock(&l->lock);
	l->failed++;
	pthread_mutex_unlock(&l->lock);
}

int list_failed(struct list *l, struct op *op)
{
	if (l->file || err_info(op->err.kind)->fatal)
		return -1;
	count_failure(l, &op->err);
	err_clear(&op->err);
	return 0;
}

/* tree_walk() has one argument for both of its functions. */
struct walk {
	struct list *list;
	tree_fn *fn;
	void *arg;
};

/* A file whose older contents are shown. */
struct old {
	const struct walk *walk;
	const char *path;
	bool unshown; /* they are there, but could not be shown */
};

/* As rclone calls it: the time, in UTC, before the file's extension. */
static void add_version_name(struct buf *b, const char *path, int64_t mtime)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	const char *dot = strrchr(name, '.');
	struct timespec t = timespec_of(mtime == MTIME_UNKNOWN ? 0 : mtime);
	struct tm tm = { 0 };
	char text[64];

	if (!dot || dot == name)
		dot = name + strlen(name);
	gmtime_r(&t.tv_sec, &tm);
	strftime(text, sizeof(text), "-v%Y-%m-%d-%H%M%S", &tm);
	buf_add(b, path, (size_t)(dot - path));
	buf_addf(b, "%s-%03ld%s", text, t.tv_nsec / 1000000, dot);
}

static int show_old(void *arg, struct op *op, const struct version *v)
{
	struct old *old = arg;
	struct buf path = BUF_INIT;
	struct entry e = { .kind = ENTRY_FILE,
			   .size = v->size,
			   .mtime = v->mtime,
			   .hash = v->hash,
			   .id = v->id };
	int rc;

	add_version_name(&path, old->path, v->mtime);
	e.name = strrchr(path.data, '/');
	e.name = e.name ? e.name + 1 : path.data;
	rc = old->walk->fn(old->walk->arg, op, path.data, &e);
	old->unshown = rc < 0;
	buf_free(&path);
	return rc;
}

static int each(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct walk *w = arg;
	struct old old = { .walk = w, .path = path };

	if (w->fn(w->arg, op, path, e) < 0)
		return -1;
	if (!w->list->versions || e->kind != ENTRY_FILE)
		return 0;
	if (be_versions(w->list->be, op, path, show_old, &old) == 0)
		return 0;
	if (old.unshown)
		return -1;
	if (op->err.kind != ERR_NOT_FOUND)
		return list_failed(w->list, op);
	err_clear(&op->err); /* gone since its folder was listed */
	return 0;
}

static void unreadable(void *arg, const char *dir, const struct err *e)
{
	struct walk *w = arg;
	struct list *l = w->list;

	if (l->unreadable)
		l->unreadable(w->arg, dir);
	if (!err_info(e->kind)->fatal) {
		if (!l->named)
			count_failure(l, e);
		return;
	}
	pthread_mutex_lock(&l->lock);
	l->fatal = *e;
	pthread_mutex_unlock(&l->lock);
}

static int walk_file(struct list *l, struct walk *w)
{
	struct op *op = &l->cx->op;
	struct entry e;

	if (be_stat(l->be, op, l->file, &e) < 0)
		return -1;
	if (l->filter && !filter_file(l->filter, l->file, &e))
		return 0;
	return each(w, op, l->file, &e);
}

int list_walk(struct list *l, unsigned threads, tree_fn *fn, void *arg)
{
	struct walk w = { .list = l, .fn = fn, .arg = arg };
	struct op *op = &l->cx->op;
	struct tree_opt opt = { .filter = l->filter,
				.max_depth = l->max_depth,
				.threads = threads,
				.unreadable = unreadable };

	if (l->versions && !be_has_versions(l->be))
		return err_set(
			&op->err, ERR_UNSUPPORTED,
			"--versions: %s keeps no older versions of files",
			l->be->name);
	if (l->file)
		return walk_file(l, &w);
	if (tree_walk(l->be, op, "", &opt, each, &w) < 0)
		return -1;
	if (l->fatal.kind == ERR_OK)
		return 0;
	op->err = l->fatal;
	return -1;
}

int list_end(struct list *l, int rc)
{
	if (rc == 0 && l->failed)
		rc = err_set(&l->cx->op.err, ERR_PARTIAL,
			     "%zu %s failed, the rest is done", l->failed,
			     l->failed == 1 ? "entry" : "entries");
	be_close(l->be);
	filter_free(l->filter);
	pthread_mutex_destroy(&l->lock);
	return rc;
}

unsigned list_threads(const struct backend *be)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	/* A few even on a small machine: most calls wait for something. */
	unsigned n = cpus < 4 ? 4 : cpus > 16 ? 16 : (unsigned)cpus;

	return be->max_calls && be->max_calls < n ? be->max_calls : n;
}

int list_depth(int max_depth, bool recursive)
{
	return max_depth < 0 && !recursive ? 1 : max_depth;
}

void json_time(struct json *j, const char *key, int64_t ns)
{
	struct buf b = BUF_INIT;

	if (ns != MTIME_UNKNOWN)
		show_time_utc(&b, ns);
	json_str(j, key, b.data);
	buf_free(&b);
}

void json_metadata(struct json *j, const char *key, const struct entry *e)
{
	const struct posix_meta *m = e->posix;
	char text[32];

	json_object(j, key);
	if (m) {
		snprintf(text, sizeof(text), "%o", m->mode);
		json_str(j, "mode", text);
		snprintf(text, sizeof(text), "%u", m->uid);
		json_str(j, "uid", text);
		snprintf(text, sizeof(text), "%u", m->gid);
		json_str(j, "gid", text);
		if (S_ISBLK(m->mode) || S_ISCHR(m->mode)) {
			snprintf(text, sizeof(text), "%jx", (uintmax_t)m->rdev);
			json_str(j, "rdev", text);
		}
		if (m->target)
			json_path(j, "target", m->target);
	}
	if (e->mtime != MTIME_UNKNOWN)
		json_time(j, "mtime", e->mtime);
	json_end(j);
}

int out_line(struct op *op, struct buf *b)
{
	int rc;

	buf_add(b, "\n", 1);
	rc = out_write(op, b->data, b->len);
	buf_reset(b);
	return rc;
}
