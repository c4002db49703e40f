/* ferry trash: what was deleted, where the service keeps that. */

#include "cmd/cmd.h"

#include <inttypes.h>
#include <string.h>

#include "backends/listing.h"
#include "cmd/change.h"
#include "cmd/globals.h"
#include "cmd/out.h"
#include "cmd/tidied.h"
#include "lib/parse.h"

static const char *join(struct arena *a, const char *dir, const char *name)
{
	return *dir ? arena_printf(a, "%s/%s", dir, name) : name;
}

/*
 * All that is in the trash below a folder, in order.  `living`: go into the
 * folders that were not deleted, too.
 */
struct trash_walk {
	struct backend *be;
	bool recursive, living;
	int (*fn)(void *arg, struct op *op, const char *path,
		  const struct entry *e);
	void *arg;
};

static int keep(void *arg, struct op *op, const struct entry *e)
{
	return listing_add(arg, op, e);
}

static int walk(const struct trash_walk *w, struct op *op, const char *dir,
		bool deleted);

static int walk_trashed(const struct trash_walk *w, struct op *op,
			const char *dir)
{
	struct listing l = LISTING_INIT;
	struct posix_meta m;
	struct entry e;
	int more = -1, rc = be_trash_list(w->be, op, dir, keep, &l);

	if (rc == 0)
		rc = listing_sort(&l, op);
	while (rc == 0 && (more = listing_next(&l, op, &e, &m)) > 0) {
		const char *path = join(&op->arena, dir, e.name);

		rc = w->fn(w->arg, op, path, &e);
		if (rc == 0 && e.kind == ENTRY_DIR && w->recursive)
			rc = walk(w, op, path, true);
	}
	listing_free(&l);
	return rc == 0 && more == 0 ? 0 : -1;
}

static int walk_living(const struct trash_walk *w, struct op *op,
		       const char *dir)
{
	struct listing l = LISTING_INIT;
	struct posix_meta m;
	struct entry e;
	int more = -1, rc = be_list(w->be, op, dir, &l);

	while (rc == 0 && (more = listing_next(&l, op, &e, &m)) > 0)
		if (e.kind == ENTRY_DIR)
			rc = walk(w, op, join(&op->arena, dir, e.name), false);
	listing_free(&l);
	if (rc < 0 && op->err.kind == ERR_NO_DIR) {
		err_clear(&op->err); /* it is in the trash itself */
		return 0;
	}
	return rc == 0 && more == 0 ? 0 : -1;
}

static int walk(const struct trash_walk *w, struct op *op, const char *dir,
		bool deleted)
{
	if (walk_trashed(w, op, dir) < 0)
		return -1;
	return w->recursive && w->living && !deleted ? walk_living(w, op, dir)
						     : 0;
}

struct trash_list_opts {
	bool recursive;
};

static const struct trash_list_opts list_defaults = { 0 };

static const struct opt list_flags[] = {
	OPT_AT(OPT_BOOL, 'R', "recursive", NULL, struct trash_list_opts,
	       recursive, "go into all folders, deleted or not"),
	{ .type = OPT_END }
};

static const struct opt_group list_groups[] = { { "Flags", list_flags, 0 },
						{ 0 } };

struct show {
	bool json;
	struct buf line;
};

static int show(void *arg, struct op *op, const char *path,
		const struct entry *e)
{
	struct show *s = arg;
	struct json j = JSON_INIT(&s->line);
	bool dir = e->kind == ENTRY_DIR;

	if (s->json) {
		json_object(&j, NULL);
		json_path(&j, "path", path);
		json_str(&j, "kind", entry_kind_name(e->kind));
		json_int(&j, "size", dir ? -1 : e->size);
		json_time(&j, "mtime", e->mtime);
		json_end(&j);
	} else {
		buf_addf(&s->line, "%9" PRId64 " ", dir ? -1 : e->size);
		if (e->mtime != MTIME_UNKNOWN)
			show_time(&s->line, e->mtime, 0);
		else
			buf_addf(&s->line, "%19s", "");
		buf_adds(&s->line, " ");
		out_add_name(&s->line, path);
		buf_adds(&s->line, dir ? "/" : "");
	}
	return out_line(op, &s->line);
}

static int list_run(struct cmd_ctx *cx)
{
	const struct trash_list_opts *o = cx->opts;
	struct show s = { .json = cx->globals->json, .line = BUF_INIT };
	struct trash_walk w = {
		.recursive = o->recursive, .living = true, .fn = show, .arg = &s
	};
	int rc = remote_open(cx->remotes, cx->argv[0], &cx->op, &w.be);

	if (rc == 0)
		rc = walk(&w, &cx->op, "", false);
	buf_free(&s.line);
	be_close(w.be);
	return rc;
}

struct trash_restore_opts {
	bool overwrite, dry_run;
};

static const struct trash_restore_opts restore_defaults = { 0 };

static const struct opt restore_flags[] = {
	OPT_AT(OPT_BOOL, 0, "overwrite", NULL, struct trash_restore_opts,
	       overwrite, "replace what stands in its place now"),
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct trash_restore_opts,
	       dry_run, "print what would come back, and change nothing"),
	{ .type = OPT_END }
};

static const struct opt_group restore_groups[] = {
	{ "Flags", restore_flags, 0 }, { 0 }
};

static int would_restore(void *arg, struct op *op, const char *path,
			 const struct entry *e)
{
	struct change c = { .verb = CHANGE_RESTORE,
			    .path = path,
			    .dry_run = true };

	(void)e;
	return change_say(arg, op, &c);
}

/* The one called `name` among what was deleted. */
struct wanted {
	const char *name;
	bool any;
	enum entry_kind kind;
};

static int find(void *arg, struct op *op, const struct entry *e)
{
	struct wanted *w = arg;

	(void)op;
	if (strcmp(e->name, w->name) == 0) {
		w->any = true;
		w->kind = e->kind;
	}
	return 0;
}

/* `name` is a thing in the backend's root, or "" for the root itself. */
static int plan_restore(struct cmd_ctx *cx, struct backend *be,
			const char *name)
{
	struct trash_walk w = { .be = be,
				.recursive = true,
				.living = true,
				.fn = would_restore,
				.arg = cx };
	struct op *op = &cx->op;
	struct wanted want = { .name = name, .kind = ENTRY_DIR };
	struct entry e = { .kind = ENTRY_DIR };

	if (*name && be_trash_list(be, op, "", find, &want) < 0)
		return -1;
	if (want.any && would_restore(cx, op, name, NULL) < 0)
		return -1;
	if (!want.any && *name && be_stat(be, op, name, &e) < 0)
		return -1;
	if (want.any ? want.kind != ENTRY_DIR : e.kind != ENTRY_DIR)
		return 0;
	return walk(&w, op, name, want.any);
}

/* The folder that a place is in; for a remote's root that itself. */
static int open_place(struct cmd_ctx *cx, const char *spec, struct backend **be,
		      const char **name)
{
	struct op *op = &cx->op;
	struct place place;

	if (place_parse(&op->arena, spec, &place, &op->err) < 0)
		return -1;
	*name = "";
	if (place.path[strspn(place.path, "/.")] == '\0' &&
	    (place.remote || place.driver))
		return remote_open(cx->remotes, spec, op, be);
	return remote_open_parent(cx->remotes, spec, op, be, name);
}

/* The error of what could not be restored stays. */
static int say_restored(struct cmd_ctx *cx, const char *spec)
{
	const struct change c = { .verb = CHANGE_RESTORE, .path = spec };
	const struct err why = cx->op.err;

	if (change_say(cx, &cx->op, &c) < 0)
		return -1;
	cx->op.err = why;
	return 0;
}

static int restore_place(struct cmd_ctx *cx, const char *spec,
			 struct tidied *sum)
{
	const struct trash_restore_opts *o = cx->opts;
	struct tidied done = { 0 };
	struct backend *be = NULL;
	const char *name;
	int rc = open_place(cx, spec, &be, &name);

	if (rc == 0 && o->dry_run)
		rc = plan_restore(cx, be, name);
	else if (rc == 0)
		rc = be_trash_restore(be, &cx->op, name, o->overwrite, &done);
	if (done.files + done.dirs > 0 && say_restored(cx, spec) < 0)
		rc = -1;
	sum->files += done.files;
	sum->dirs += done.dirs;
	sum->bytes += done.bytes;
	sum->left += done.left;
	be_close(be);
	return rc;
}

static int restore_run(struct cmd_ctx *cx)
{
	const struct trash_restore_opts *o = cx->opts;
	struct tidied sum = { 0 };
	struct err why;
	int rc = 0;

	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = restore_place(cx, cx->argv[i], &sum);
	if (o->dry_run)
		return rc;
	why = cx->op.err;
	if (tidied_say(cx, "trash restore", "restored", &sum) < 0)
		return -1;
	cx->op.err = why;
	return rc;
}

struct trash_empty_opts {
	bool dry_run;
};

static const struct trash_empty_opts empty_defaults = { 0 };

static const struct opt empty_flags[] = {
	OPT_AT(OPT_BOOL, 'n', "dry-run", NULL, struct trash_empty_opts, dry_run,
	       "print what of REMOTE: would go, and remove nothing"),
	{ .type = OPT_END }
};

static const struct opt_group empty_groups[] = { { "Flags", empty_flags, 0 },
						 { 0 } };

static int empty_run(struct cmd_ctx *cx)
{
	const struct trash_empty_opts *o = cx->opts;
	struct op *op = &cx->op;
	struct trash_walk w = { .recursive = true,
				.living = true,
				.fn = change_would_remove,
				.arg = cx };
	struct tidied done = { 0 };
	int rc = tidied_check_whole(cx, cx->argv[0],
				    "the trash of the whole account would be "
				    "emptied");

	if (rc == 0)
		rc = remote_open(cx->remotes, cx->argv[0], op, &w.be);
	if (rc == 0)
		rc = o->dry_run ? walk(&w, op, "", false)
				: be_trash_empty(w.be, op, &done);
	if (rc == 0 && !o->dry_run)
		rc = tidied_say(cx, "trash empty", "removed for good", &done);
	be_close(w.be);
	return rc;
}

static const struct cmd_example list_examples[] = {
	{ "ferry trash list photos:2024", "what was deleted from that folder" },
	{ "ferry trash list -R photos:", "everything, wherever it was" },
	{ 0 }
};

static const struct cmd cmd_trash_list = {
	.name = "trash list",
	.args = "PLACE",
	.summary = "list what was deleted from a folder",
	.about = "Prints a line with size, time of modification and name for "
		 "each thing that was deleted from PLACE and is in the trash "
		 "still; names of folders end in a slash. PLACE may be a "
		 "deleted folder itself. Deleted things stay in the places "
		 "that they had, so -R looks through all folders.\n\n"
		 "With --json: objects with path, kind, size and mtime.",
	.min_args = 1,
	.max_args = 1,
	.groups = list_groups,
	.opts_size = sizeof(struct trash_list_opts),
	.defaults = &list_defaults,
	.examples = list_examples,
	.run = list_run,
};

static const struct cmd_example restore_examples[] = {
	{ "ferry trash restore photos:2024/a.jpg", "one file" },
	{ "ferry trash restore -n photos:2024",
	  "what would come back of a folder" },
	{ 0 }
};

static const struct cmd cmd_trash_restore = {
	.name = "trash restore",
	.args = "PLACE...",
	.summary = "bring deleted files and folders back to where they were",
	.about =
		"Brings each PLACE back, a folder with all deleted things "
		"below it. No content is transferred. What stands in the place "
		"of a deleted thing is left alone, unless --overwrite is "
		"given; it then becomes an older version. To restore what is "
		"restored already changes nothing.\n\n"
		"With --json: an object for each PLACE that something came "
		"back to, and one with event \"summary\" and files, dirs, "
		"bytes and left.",
	.min_args = 1,
	.max_args = -1,
	.groups = restore_groups,
	.opts_size = sizeof(struct trash_restore_opts),
	.defaults = &restore_defaults,
	.examples = restore_examples,
	.run = restore_run,
};

static const struct cmd_example empty_examples[] = {
	{ "ferry trash empty -n photos:", "what would be gone" },
	{ "ferry trash empty photos:", "remove it for good" },
	{ 0 }
};

static const struct cmd cmd_trash_empty = {
	.name = "trash empty",
	.args = "REMOTE:",
	.summary = "remove everything in the trash for good",
	.about = "Empties the trash of the whole account that REMOTE: is in, "
		 "not only of a folder: services know no other way. Nothing "
		 "is asked first; --dry-run lists what would go, but only "
		 "that in REMOTE: itself. A folder's trash alone cannot be "
		 "emptied, so a path is refused.\n\n"
		 "With --json: an object with event \"summary\" and what of "
		 "files, dirs and bytes the service has counted.",
	.min_args = 1,
	.max_args = 1,
	.groups = empty_groups,
	.opts_size = sizeof(struct trash_empty_opts),
	.defaults = &empty_defaults,
	.examples = empty_examples,
	.run = empty_run,
};

static const struct cmd *const subs[] = { &cmd_trash_list, &cmd_trash_restore,
					  &cmd_trash_empty, NULL };

static const struct cmd_example examples[] = {
	{ "ferry trash list -R photos:", "everything that was deleted" },
	{ "ferry trash restore photos:2024/a.jpg", "bring one back" },
	{ 0 }
};

const struct cmd cmd_trash = {
	.name = "trash",
	.summary = "list, restore and remove what was deleted",
	.about = "Some services keep what was deleted for a while, Jottacloud "
		 "for 30 days.",
	.subs = subs,
	.examples = examples,
};
