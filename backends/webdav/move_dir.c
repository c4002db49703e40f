/*
 * Folders as a whole, and what this machine remembers of the files in them.
 */
#include <string.h>

#include "backends/webdav/propfind.h"
#include "backends/webdav/write.h"
#include "lib/log.h"

/* Of folders in a folder, and of bytes in the paths that wait. */
enum { DEPTH_MAX = 256, WAITING_MAX = 16 * 1024 * 1024 };

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return n == 0 ||
	       (strncmp(path, top, n) == 0 && (path[n] == '/' || !path[n]));
}

/* A folder that has been moved, on the way through all that is in it. */
struct carry {
	struct webdav *w, *from;
	const char *src, *dst;
	const struct webdav_facts *facts;
	struct buf
		waiting; /* folders to be looked into, "/a/b", each with NUL */
	const char *dir; /* this one */
	unsigned lost;   /* folders that are not looked into */
};

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	while ((path = strchr(path, '/'))) {
		path++;
		n++;
	}
	return n;
}

/* A server may show folders in folders without an end. */
static void add_dir(struct carry *c, const char *name)
{
	struct buf *b = &c->waiting;

	if (depth_of(c->dir) >= DEPTH_MAX ||
	    b->len + strlen(c->dir) + strlen(name) + 2 > WAITING_MAX) {
		c->lost++;
		return;
	}
	buf_addf(b, "%s/%s", c->dir, name);
	buf_add(b, "", 1);
}

/* The one that was added last, in the op's arena. */
static const char *take_dir(struct carry *c, struct op *op)
{
	struct buf *b = &c->waiting;
	size_t at = b->len - 1;
	const char *dir;

	while (at > 0 && b->data[at - 1] != '\0')
		at--;
	dir = arena_strdup(&op->arena, b->data + at);
	buf_cut(b, at);
	return dir;
}

static int carry_one(void *arg, struct op *op, const struct entry *e)
{
	struct carry *c = arg;
	struct entry old = *e;
	const char *path;

	if (*e->name == '\0')
		return 0;
	if (e->kind == ENTRY_DIR) {
		add_dir(c, e->name);
		return 0;
	}
	path = arena_printf(&op->arena, "%s%s/%s", c->src, c->dir, e->name);
	webdav_remembered_mtime(c->from, op, path, &old);
	if (old.mtime == e->mtime)
		return 0;
	path = arena_printf(&op->arena, "%s%s/%s", c->dst, c->dir, e->name);
	return webdav_set_mtime(c->w, op, path, c->facts, old.mtime,
				e->tag ? e->tag : webdav_time_token(op, e));
}

/* What is allocated on the way lasts no longer than one folder. */
static int carry_dir(struct carry *c, struct op *op)
{
	struct arena results = op->arena;
	const char *path;
	int rc;

	op->arena = (struct arena){ 0 };
	c->dir = c->waiting.len ? take_dir(c, op) : "";
	path = arena_printf(&op->arena, "%s%s", c->dst, c->dir);
	rc = webdav_propfind(c->w, op, path, 1, carry_one, c);
	arena_free(&op->arena);
	op->arena = results;
	return rc;
}

/*
 * What this machine remembers by path goes along with a folder.  Where that
 * fails, the times are the server's: no file is worse for it.
 */
static void carry_times(struct webdav *w, struct op *op, struct webdav *from,
			const char *src, const char *dst,
			const struct webdav_facts *f)
{
	struct carry c = { w, from, src, dst, f, BUF_INIT, "", 0 };
	int rc = carry_dir(&c, op);

	while (rc == 0 && c.waiting.len)
		rc = carry_dir(&c, op);
	if (rc < 0 || c.lost)
		log_debug(dst, "times in it are lost: %s",
			  rc < 0 ? op->err.msg : "the folders have no end");
	err_clear(&op->err);
	buf_free(&c.waiting);
}

int webdav_move_dir(struct backend *be, struct op *op, struct backend *from,
		    const char *src, const char *dst)
{
	struct webdav *w = webdav_of(be),
		      *other = webdav_same_service(w, op, from);
	struct webdav_facts f;
	struct entry e;

	if (!other)
		return -1;
	if (is_below(webdav_full_path(w, op, dst),
		     webdav_full_path(other, op, src)))
		return err_set(&op->err, ERR_INVALID,
			       "a folder cannot be moved into itself");
	if (webdav_find(other, op, src, &e) < 0) {
		if (op->err.kind == ERR_NOT_FOUND)
			op->err.kind = ERR_NO_DIR;
		return -1;
	}
	if (e.kind != ENTRY_DIR)
		return err_set(&op->err, ERR_NOT_DIR, "not a folder");
	/* Merging is what a careless server might do in spite of Overwrite. */
	if (webdav_find(w, op, dst, &e) == 0)
		return err_set(&op->err, ERR_EXISTS, "something is there");
	if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
		return -1;
	err_clear(&op->err);
	if (webdav_transfer(w, op, "MOVE", other, src, dst, true, false, NULL) <
	    0)
		return -1;
	if (webdav_facts_known(w, op, &f) && f.time == WEBDAV_TIME_MEMORY)
		carry_times(w, op, other, src, dst, &f);
	return 0;
}
