#include <string.h>

#include "backends/jotta/alias.h"
#include "backends/jotta/change.h"
#include "lib/clock.h"
#include "lib/fold.h"
#include "lib/vec.h"

int jotta_post(struct jotta *j, struct op *op, const char *path,
	       const char *query, struct http_answer *out)
{
	struct http_request rq = { .method = "POST" };

	return jotta_jfs(j, op, path, query, &rq, out);
}

int64_t jotta_kept_time(int64_t ns)
{
	return ns_of(timespec_of(ns).tv_sec, 0);
}

bool jotta_is_same(struct op *op, const struct jfs_node *n,
		   const struct entry *seen)
{
	struct entry now;

	jotta_entry(op, n, "", &now);
	if (seen->kind != now.kind ||
	    (seen->size != SIZE_UNKNOWN && seen->size != now.size) ||
	    digests_compare(&seen->hash, &now.hash) == 0)
		return false;
	if (seen->tag && now.tag && strcmp(seen->tag, now.tag) != 0)
		return false;
	return seen->mtime == MTIME_UNKNOWN || now.mtime == MTIME_UNKNOWN ||
	       jotta_kept_time(seen->mtime) == now.mtime;
}

int jotta_find(struct jotta *j, struct op *op, const char *path,
	       struct jfs_node *out)
{
	if (jotta_node(j, op, path, out) == 0)
		return 1;
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	return 0;
}

const char *jotta_parent(struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');

	return arena_printf(&op->arena, "%.*s", slash ? (int)(slash - path) : 0,
			    path);
}

bool jotta_is_mountpoint(const struct jotta *j, const char *path)
{
	return *j->root == '\0' && *path == '\0';
}

/* A request about the device, or about the mountpoint on it. */
static int ask_device(struct jotta *j, struct op *op, const char *method,
		      const char *mountpoint, const char *query,
		      struct http_answer *out)
{
	struct http_request rq = { .method = method };
	const char *raw = j->device;

	if (mountpoint)
		raw = arena_printf(&op->arena, "%s/%s", raw, mountpoint);
	if (jotta_url(j, op, raw, query, &rq.url) < 0)
		return -1;
	return jotta_ask(j, op, &rq, out);
}

struct wanted {
	struct buf name; /* as the service compares it */
	bool found;
};

static int compare_name(void *arg, struct op *op, const struct jfs_node *n)
{
	struct wanted *w = arg;
	struct buf name = BUF_INIT;

	(void)op;
	fold_case(&name, n->name);
	if (!n->self && strcmp(name.data, w->name.data) == 0)
		w->found = true;
	buf_free(&name);
	return 0;
}

/* Whether the device has the mountpoint: 1, or 0; or -1. */
static int find_mountpoint(struct jotta *j, struct op *op)
{
	struct wanted w = { .name = BUF_INIT };
	struct http_answer answer;
	int rc;

	if (ask_device(j, op, "GET", NULL, NULL, &answer) < 0)
		return -1;
	fold_case(&w.name, j->mountpoint);
	rc = jfs_parse(op, answer.body, answer.body_len, compare_name, &w);
	buf_free(&w.name);
	return rc < 0 ? -1 : w.found;
}

int jotta_make_mountpoint(struct jotta *j, struct op *op)
{
	int found = find_mountpoint(j, op);

	if (found == 1)
		return 0;
	if (found < 0 && op->err.kind != ERR_NOT_FOUND)
		return -1;
	if (strcasecmp(j->device, "Jotta") == 0)
		return err_set(&op->err, ERR_NO_DIR,
			       "device \"%s\" has no mountpoint \"%s\", and "
			       "none can be made there",
			       j->device, j->mountpoint);
	if (found < 0 &&
	    ask_device(j, op, "POST", NULL, "type=WORKSTATION", NULL) < 0)
		return err_wrap(&op->err, "making device \"%s\"", j->device);
	if (ask_device(j, op, "POST", j->mountpoint, NULL, NULL) < 0)
		return err_wrap(&op->err, "making mountpoint \"%s\"",
				j->mountpoint);
	return 0;
}

static int keep_self(void *arg, struct op *op, const struct jfs_node *n)
{
	struct jfs_node *out = arg;

	(void)op;
	if (n->self)
		*out = (struct jfs_node){ .kind = n->kind,
					  .deleted = n->deleted };
	return 0;
}

static int file_in_the_way(struct op *op)
{
	return err_set(&op->err, ERR_NOT_DIR, "a file is in the way");
}

/*
 * mkDir makes what is missing and revives what is in the trash.  One that is
 * refused with "exists" has met a file.
 */
static int make_dir(struct jotta *j, struct op *op, const char *path)
{
	struct jfs_node made = { .kind = JFS_FOLDER };
	struct http_answer answer;

	if (jotta_post(j, op, path, "mkDir=true", &answer) < 0)
		return op->err.kind == ERR_EXISTS ? file_in_the_way(op) : -1;
	if (answer.body_len &&
	    jfs_parse(op, answer.body, answer.body_len, keep_self, &made) < 0)
		return -1;
	if (made.kind == JFS_FILE)
		return file_in_the_way(op);
	if (made.deleted)
		return err_set(&op->err, ERR_SERVER,
			       "the folder stays in the trash");
	return 0;
}

static int make(struct backend *be, struct op *op, const char *path)
{
	struct jotta *j = jotta_of(be);
	struct jfs_node n;
	int found;

	if (!jotta_is_mountpoint(j, path)) {
		if (make_dir(j, op, path) == 0)
			return 0;
		if (op->err.kind != ERR_NOT_FOUND)
			return -1;
		return jotta_make_mountpoint(j, op) < 0 ? -1
							: make_dir(j, op, path);
	}
	found = jotta_find(j, op, path, &n);
	if (found < 0)
		return -1;
	return found && jotta_lives(&n) ? 0 : jotta_make_mountpoint(j, op);
}

int jotta_mkdir(struct backend *be, struct op *op, const char *path)
{
	struct jotta *j = jotta_of(be);
	const char *raw = jotta_raw(j, op, path);

	if (make(be, op, path) < 0)
		return -1;
	pthread_mutex_lock(&j->account->lock);
	jotta_alias_put(j->account->made, raw, "");
	pthread_mutex_unlock(&j->account->lock);
	return 0;
}

int jotta_need_dir(struct jotta *j, struct op *op, const char *path)
{
	const char *raw = jotta_raw(j, op, path);
	bool made;

	pthread_mutex_lock(&j->account->lock);
	made = jotta_alias_get(j->account->made, raw);
	pthread_mutex_unlock(&j->account->lock);
	return made ? 0 : jotta_mkdir(&j->base, op, path);
}

void jotta_forget_dirs(struct jotta *j)
{
	struct jotta_account *a = j->account;

	pthread_mutex_lock(&a->lock);
	jotta_alias_free(a->made);
	a->made = jotta_alias_new();
	pthread_mutex_unlock(&a->lock);
}

/* What a folder holds, as far as rmdir() cares. */
struct contents {
	bool trash;
};

static int look_inside(void *arg, struct op *op, const struct jfs_node *n)
{
	struct contents *c = arg;

	if (n->kind == JFS_REVISION)
		return 0;
	if (n->self)
		return jotta_check_dir(op, n);
	if (n->deleted)
		c->trash = true;
	else if (jotta_lives(n))
		return err_set(&op->err, ERR_NOT_EMPTY,
			       "the directory is not empty");
	return 0;
}

static int no_dir(struct op *op)
{
	if (op->err.kind != ERR_NOT_FOUND)
		return -1;
	return err_set(&op->err, ERR_NO_DIR, "no such directory");
}

/*
 * A folder is removed for good with all that is in it, the trash, too: so one
 * with something in the trash goes there itself.
 */
int jotta_rmdir(struct backend *be, struct op *op, const char *path)
{
	struct jotta *j = jotta_of(be);
	struct contents c = { .trash = false };

	if (jfs_get(j, op, path, look_inside, &c) < 0)
		return no_dir(op);
	if (jotta_is_mountpoint(j, path))
		return 0; /* which stays */
	jotta_forget_dirs(j);
	if (jotta_post(j, op, path,
		       j->hard_delete && !c.trash ? "rmDir=true" : "dlDir=true",
		       NULL) < 0)
		return no_dir(op);
	return 0;
}

int jotta_delete(struct jotta *j, struct op *op, const char *path)
{
	return jotta_post(j, op, path, j->hard_delete ? "rm=true" : "dl=true",
			  NULL);
}

int jotta_unlink(struct backend *be, struct op *op, const char *path)
{
	struct jotta *j = jotta_of(be);
	struct jfs_node n;

	/* dl of nothing would be a success */
	return jotta_file(j, op, path, &n) < 0 ? -1 : jotta_delete(j, op, path);
}

VEC(things, struct entry);

static int collect(void *arg, struct op *op, const struct entry *e)
{
	*things_add(arg) = entry_copy(&op->arena, e);
	return 0;
}

static int purge_dir(struct jotta *j, struct op *op, const char *dir)
{
	jotta_forget_dirs(j);
	if (jotta_post(j, op, dir, j->hard_delete ? "rmDir=true" : "dlDir=true",
		       NULL) < 0)
		return no_dir(op);
	return 0;
}

/* The mountpoint stays: all that is in it goes. */
static int purge_mountpoint(struct backend *be, struct op *op)
{
	struct things all = { 0 };
	int rc = jotta_list(be, op, "", collect, &all);

	for (size_t i = 0; rc == 0 && i < all.n; i++) {
		rc = all.at[i].kind == ENTRY_DIR
			     ? purge_dir(jotta_of(be), op, all.at[i].name)
			     : jotta_unlink(be, op, all.at[i].name);
		if (rc < 0 && (op->err.kind == ERR_NOT_FOUND ||
			       op->err.kind == ERR_NO_DIR)) {
			err_clear(&op->err); /* gone already */
			rc = 0;
		}
	}
	things_free(&all);
	return rc;
}

int jotta_purge(struct backend *be, struct op *op, const char *dir)
{
	struct jotta *j = jotta_of(be);
	struct jfs_node n;

	if (jotta_is_mountpoint(j, dir))
		return purge_mountpoint(be, op);
	if (jotta_node(j, op, dir, &n) < 0)
		return no_dir(op);
	if (jotta_check_dir(op, &n) < 0)
		return -1;
	return purge_dir(j, op, dir);
}
