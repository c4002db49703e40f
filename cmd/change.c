#include "cmd/change.h"

#include <string.h>

#include "cmd/globals.h"
#include "cmd/out.h"
#include "lib/log.h"
#include "lib/vec.h"

/* clang-format off */
static const struct {
	const char *json, *done, *would;
} verbs[] = {
	[CHANGE_MKDIR]  = { "mkdir",  "folder made",    "folder would be made" },
	[CHANGE_RMDIR]  = { "rmdir",  "folder removed",
			    "folder would be removed" },
	[CHANGE_DELETE] = { "delete", "deleted",        "would be deleted" },
	[CHANGE_PURGE]  = { "purge",  "removed with all that was in it",
			    "would be removed with all that is in it" },
	[CHANGE_TOUCH]  = { "touch",  "time set",       "time would be set" },
	[CHANGE_RESTORE] = { "restore", "restored",     "would be restored" },
	[CHANGE_CLEANUP] = { "cleanup", "cleaned up",   "would be cleaned up" },
};
/* clang-format on */

int change_say(const struct cmd_ctx *cx, struct op *op, const struct change *c)
{
	struct buf b = BUF_INIT;
	struct json j = JSON_INIT(&b);
	int rc = 0;

	if (cx->globals->json) {
		json_object(&j, NULL);
		json_str(&j, "event", "action");
		json_str(&j, "action", verbs[c->verb].json);
		json_path(&j, "path", c->path);
		if (c->dry_run)
			json_bool(&j, "dry_run", true);
		json_end(&j);
		rc = out_line(op, &b);
	} else if (c->dry_run) {
		out_add_name(&b, c->path);
		buf_addf(&b, ": %s", verbs[c->verb].would);
		rc = out_line(op, &b);
	} else {
		log_info(c->path, "%s", verbs[c->verb].done);
	}
	buf_free(&b);
	return rc;
}

int change_would_remove(void *cx, struct op *op, const char *path,
			const struct entry *e)
{
	struct change c = { .verb = e->kind == ENTRY_DIR ? CHANGE_RMDIR
							 : CHANGE_DELETE,
			    .path = path,
			    .dry_run = true };

	return change_say(cx, op, &c);
}

static int refuse_link(struct cmd_ctx *cx, const char *place)
{
	struct op *op = &cx->op;
	struct backend *be = NULL;
	const char *name;
	struct entry e = { .kind = ENTRY_DIR };
	int rc = remote_open_parent(cx->remotes, place, op, &be, &name);

	if (rc == 0)
		rc = be_stat(be, op, name, &e);
	else if (op->err.kind == ERR_INVALID)
		rc = 0; /* a remote's root or "..": no link, or it is wrong */
	if (rc == 0 && e.kind == ENTRY_LINK)
		rc = err_set(&op->err, ERR_NOT_DIR,
			     "\"%s\" is a symbolic link, not a folder; "
			     "\"ferry deletefile\" removes it",
			     place);
	be_close(be);
	return rc;
}

int change_open_dir(struct list *l, struct cmd_ctx *cx, const char *place)
{
	if (list_open(l, cx, place, NULL) < 0)
		return -1;
	if (refuse_link(cx, place) < 0)
		return -1;
	err_clear(&cx->op.err);
	return list_needs_dir(l);
}

/*
 * Empty folders are found on the way out of them: the walk comes in order, so
 * a folder is complete when an entry comes that is not in it.
 */
struct level {
	size_t path_len;
	bool stays;    /* something in it does, or nobody looked */
	bool left_out; /* by the filter, and so is all in it */
};

VEC(levels, struct level);

struct emptier {
	struct list *list;
	const struct empty_dirs *opt;
	const struct filter *filter;
	int max_depth;
	struct levels levels; /* the folders we are in, the root first */
	struct buf path;      /* of the innermost */
};

/* As in the walk that deletes: what is too deep was not looked at. */
static bool too_deep(const struct emptier *m, size_t depth)
{
	return m->max_depth >= 0 && depth >= (size_t)m->max_depth;
}

static int remove_dir(struct emptier *m, struct op *op)
{
	const char *path = m->path.data;
	struct change c = { .verb = CHANGE_RMDIR,
			    .path = *path ? path : m->list->place,
			    .dry_run = m->opt->dry_run };

	if (!c.dry_run && be_rmdir(m->list->be, op, path) < 0) {
		/* The walk did not show all, or somebody was here. */
		if (op->err.kind != ERR_NOT_EMPTY)
			return list_failed(m->list, op);
		log_debug(NULL, "%s", op->err.msg);
		err_clear(&op->err);
		return 0;
	}
	return change_say(m->list->cx, op, &c);
}

/* Leave the innermost folder. */
static int leave(struct emptier *m, struct op *op)
{
	struct level *last = &m->levels.at[m->levels.n - 1];
	bool is_root = m->levels.n == 1;
	bool stays = last->stays || (is_root && !m->opt->root);
	int rc = 0;

	if (!stays)
		rc = remove_dir(m, op);
	m->levels.n--;
	if (is_root)
		return rc;
	last--;
	if (stays)
		last->stays = true;
	buf_cut(&m->path, last->path_len);
	return rc;
}

static bool is_below(const struct buf *dir, const char *path)
{
	return dir->len == 0 || (strncmp(dir->data, path, dir->len) == 0 &&
				 path[dir->len] == '/');
}

static void enter(struct emptier *m, const char *path, bool left_out)
{
	size_t depth = m->levels.n; /* the root is 0 */

	buf_reset(&m->path);
	buf_adds(&m->path, path);
	*levels_add(&m->levels) =
		(struct level){ .path_len = m->path.len,
				.stays = left_out || too_deep(m, depth),
				.left_out = left_out };
}

static int look(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct emptier *m = arg;
	struct level *in;
	bool goes;

	while (!is_below(&m->path, path))
		if (leave(m, op) < 0)
			return -1;
	in = &m->levels.at[m->levels.n - 1];
	if (e->kind == ENTRY_DIR) {
		enter(m, path, in->left_out || !filter_dir(m->filter, path));
		return 0;
	}
	goes = m->opt->files_gone && !in->left_out &&
	       filter_file(m->filter, path, e);
	if (!goes)
		in->stays = true;
	return 0;
}

/* Nobody knows what is in there; the walk has just entered it. */
static void keep(void *arg, const char *dir)
{
	struct emptier *m = arg;

	if (strcmp(m->path.data, dir) == 0)
		m->levels.at[m->levels.n - 1].stays = true;
}

int change_remove_empty(struct list *l, const struct empty_dirs *o)
{
	struct filter *filter = l->filter;
	struct emptier m = { .list = l,
			     .opt = o,
			     .filter = filter,
			     .max_depth = l->max_depth,
			     .path = BUF_INIT };
	int rc;

	/* All files must be seen, also those that the filter leaves out. */
	l->filter = NULL;
	l->unreadable = keep;
	enter(&m, "", false);
	rc = list_walk(l, 1, look, &m);
	while (rc == 0 && m.levels.n)
		rc = leave(&m, &l->cx->op);
	l->filter = filter;
	l->unreadable = NULL;
	levels_free(&m.levels);
	buf_free(&m.path);
	return rc;
}
