/* ferry link PLACE...: addresses that anybody can open. */

#include "cmd/cmd.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "cmd/globals.h"
#include "cmd/list_common.h"
#include "cmd/out.h"
#include "lib/fold.h"
#include "lib/log.h"
#include "lib/vec.h"

#define SHARED_FOLDER "Shared by ferry"

struct link_cmd_opts {
	bool unlink, list;
	int64_t expire;
};

static const struct link_cmd_opts defaults = { 0 };

#define FLAG(type, name, arg, field, help) \
	OPT_AT(type, 0, name, arg, struct link_cmd_opts, field, help)

static const struct opt flags[] = {
	FLAG(OPT_BOOL, "unlink", NULL, unlink,
	     "take the links back instead of making them"),
	FLAG(OPT_BOOL, "list", NULL, list,
	     "list what is shared below PLACE instead"),
	FLAG(OPT_DURATION, "expire", "DURATION", expire,
	     "how long they hold, where the service knows that"),
	{ .type = OPT_END }
};

static const struct opt_group groups[] = { { "Flags", flags, 0 }, { 0 } };

struct show {
	bool json;
	struct buf line;
};

static void add_json(struct buf *b, const struct link *link)
{
	struct json j = JSON_INIT(b);

	json_object(&j, NULL);
	json_path(&j, "path", link->path);
	json_str(&j, "kind", entry_kind_name(link->kind));
	json_str(&j, "url", link->url);
	if (link->page)
		json_str(&j, "page", link->page);
	json_end(&j);
}

static int show_listed(void *arg, struct op *op, const struct link *link)
{
	struct show *s = arg;

	if (s->json) {
		add_json(&s->line, link);
		return out_line(op, &s->line);
	}
	out_add_name(&s->line, link->url);
	buf_adds(&s->line, " ");
	out_add_name(&s->line, link->path);
	if (link->kind == ENTRY_DIR)
		buf_adds(&s->line, "/");
	return out_line(op, &s->line);
}

/* Of a link just made: its address alone, to be passed on. */
static int show_made(struct cmd_ctx *cx, const struct link *link)
{
	struct buf b = BUF_INIT;
	int rc;

	if (cx->globals->json)
		add_json(&b, link);
	else
		out_add_name(&b, link->url);
	rc = out_line(&cx->op, &b);
	buf_free(&b);
	return rc;
}

static int list_links(struct cmd_ctx *cx, const char *place)
{
	struct show s = { .json = cx->globals->json, .line = BUF_INIT };
	struct backend *be = NULL;
	int rc = remote_open(cx->remotes, place, &cx->op, &be);

	if (rc == 0)
		rc = be_links(be, &cx->op, show_listed, &s);
	buf_free(&s.line);
	be_close(be);
	return rc;
}

/* Make or take back the link of one place. */
static int link_one(struct cmd_ctx *cx, const char *place)
{
	const struct link_cmd_opts *o = cx->opts;
	const struct link_opt how = { .unlink = o->unlink,
				      .expire = o->expire > 0 ? o->expire : 0 };
	struct backend *be = NULL;
	const char *file;
	struct link link;
	int rc = remote_open_source(cx->remotes, place, &cx->op, &be, &file);

	if (rc == 0)
		rc = be_link(be, &cx->op, file ? file : "", &how, &link);
	if (rc == 0 && o->unlink)
		log_info(place, "no longer shared");
	else if (rc == 0)
		rc = show_made(cx, &link);
	be_close(be);
	return rc;
}

/*
 * Several places behind one link: a folder of copies, made by the service
 * itself, so that what is shared is just what was named.
 */
VEC(names, const char *);

struct bundle {
	struct cmd_ctx *cx;
	struct backend *be; /* the remote's root */
	const char *dir;    /* of the copies */
	struct names names; /* taken in it, folded */

	/* Of the place that is copied just now: */
	struct list list;
	const char *as; /* its path in the bundle */
};

/* As a service compares names that does not tell upper from lower case. */
static const char *folded(struct arena *a, const char *name)
{
	struct buf b = BUF_INIT;
	const char *out;

	fold_case(&b, name);
	out = arena_strdup(a, b.data);
	buf_free(&b);
	return out;
}

static bool is_taken(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->at[i], name) == 0)
			return true;
	return false;
}

/* "a.jpg", or if there is one already "a (2).jpg", and so on. */
static const char *free_name(struct bundle *b, const char *name)
{
	struct arena *a = &b->cx->op.arena;
	const char *dot = strrchr(name, '.'), *out = name;
	size_t stem = dot && dot > name ? (size_t)(dot - name) : strlen(name);

	for (unsigned n = 2; is_taken(&b->names, folded(a, out)); n++)
		out = arena_printf(a, "%.*s (%u)%s", (int)stem, name, n,
				   name + stem);
	*names_add(&b->names) = folded(a, out);
	return out;
}

static int copy_entry(void *arg, struct op *op, const char *path,
		      const struct entry *e)
{
	struct bundle *b = arg;
	struct put_opt opt = { .mtime = e->mtime,
			       .mode = PUT_CREATE,
			       .listed = true };
	const char *to =
		b->list.file ? b->as
			     : arena_printf(&op->arena, "%s/%s", b->as, path);

	if (e->kind == ENTRY_DIR)
		return be_mkdir(b->be, op, to);
	return be_copy(b->be, op, b->list.be, path, e, to, &opt, NULL);
}

/* A place of a remote: the remote as it was written, and the path in it. */
struct part {
	const char *remote, *path, *name;
};

static int split(struct op *op, const char *spec, struct part *out)
{
	struct place place;
	const char *slash;

	if (place_parse(&op->arena, spec, &place, &op->err) < 0)
		return -1;
	if (!place.remote && !place.driver)
		return err_set(&op->err, ERR_UNSUPPORTED,
			       "\"%s\" is on this machine, where there are no "
			       "links",
			       spec);
	if (place_clean(&op->arena, place.path, &out->path, &op->err) < 0)
		return -1;
	out->remote =
		arena_printf(&op->arena, "%.*s",
			     (int)(strlen(spec) - strlen(place.path)), spec);
	slash = strrchr(out->path, '/');
	out->name = slash ? slash + 1 : out->path;
	if (*out->name == '\0' || strcasecmp(out->path, SHARED_FOLDER) == 0)
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" can only be shared by itself", spec);
	return 0;
}

static int copy_place(struct bundle *b, const char *spec,
		      const struct part *part)
{
	struct op *op = &b->cx->op;
	int rc = list_open(&b->list, b->cx, spec, NULL);

	b->as = arena_printf(&op->arena, "%s/%s", b->dir,
			     free_name(b, part->name));
	if (rc == 0 && !b->list.file)
		rc = be_mkdir(b->be, op, b->as);
	if (rc == 0)
		rc = list_walk(&b->list, 1, copy_entry, b);
	return list_end(&b->list, rc);
}

/* "Shared by ferry/2024-05-06 07.08.09": one that is not there yet. */
static int make_dir(struct bundle *b)
{
	struct op *op = &b->cx->op;
	time_t now = time(NULL);
	char when[32];
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H.%M.%S", &tm);
	for (unsigned n = 1; n < 100; n++) {
		char again[16] = "";

		if (n > 1)
			snprintf(again, sizeof(again), " (%u)", n);
		b->dir = arena_printf(&op->arena, SHARED_FOLDER "/%s%s", when,
				      again);
		if (be_stat(b->be, op, b->dir, NULL) == 0)
			continue;
		if (op->err.kind != ERR_NOT_FOUND && op->err.kind != ERR_NO_DIR)
			return -1;
		err_clear(&op->err);
		return be_mkdir(b->be, op, b->dir);
	}
	return err_set(&op->err, ERR_EXISTS, "\"%s\" is there already", b->dir);
}

/* What a failure, or ^C, has left is of no use to anyone. */
static void drop_dir(struct bundle *b)
{
	struct cancel never;
	struct op op;

	cancel_init(&never);
	op = op_begin(&never);
	if (be_purge(b->be, &op, b->dir) < 0)
		log_notice(NULL, "%s", op.err.msg);
	op_end(&op);
	cancel_free(&never);
}

static int fill(struct bundle *b, const struct part *parts)
{
	struct cmd_ctx *cx = b->cx;
	const struct link_cmd_opts *o = cx->opts;
	const struct link_opt how = { .expire = o->expire > 0 ? o->expire : 0 };
	struct link link;

	for (int i = 0; i < cx->argc; i++)
		if (copy_place(b, cx->argv[i], &parts[i]) < 0)
			return -1;
	if (be_link(b->be, &cx->op, b->dir, &how, &link) < 0)
		return -1;
	return show_made(cx, &link);
}

static int link_bundle(struct cmd_ctx *cx)
{
	struct op *op = &cx->op;
	struct part *parts =
		arena_alloc(&op->arena, (size_t)cx->argc * sizeof(*parts));
	struct bundle b = { .cx = cx };
	int rc = 0;

	for (int i = 0; i < cx->argc; i++) {
		if (split(op, cx->argv[i], &parts[i]) < 0)
			return -1;
		if (strcmp(parts[i].remote, parts[0].remote) != 0)
			return err_set(&op->err, ERR_INVALID,
				       "what one link leads to must be of one "
				       "remote: %s and %s are two",
				       parts[0].remote, parts[i].remote);
	}
	rc = remote_open(cx->remotes, parts[0].remote, op, &b.be);
	if (rc == 0 && !be_can(b.be, BE_COPY))
		rc = err_set(&op->err, ERR_UNSUPPORTED,
			     "%s: files cannot be copied within it",
			     parts[0].remote);
	if (rc == 0)
		rc = make_dir(&b);
	if (rc == 0) {
		rc = fill(&b, parts);
		if (rc < 0)
			drop_dir(&b);
	}
	names_free(&b.names);
	be_close(b.be);
	return rc;
}

static int link_run(struct cmd_ctx *cx)
{
	const struct link_cmd_opts *o = cx->opts;
	int rc = 0;

	if (o->unlink && o->list)
		return err_set(&cx->op.err, ERR_INVALID,
			       "only one of --unlink and --list can be used");
	if (o->expire && (o->unlink || o->list))
		return err_set(&cx->op.err, ERR_INVALID,
			       "--expire is for links that are made, not for "
			       "--%s",
			       o->unlink ? "unlink" : "list");
	if (!o->unlink && !o->list && cx->argc > 1)
		return link_bundle(cx);
	for (int i = 0; i < cx->argc && rc == 0; i++)
		rc = o->list ? list_links(cx, cx->argv[i])
			     : link_one(cx, cx->argv[i]);
	return rc;
}

static const struct cmd_example examples[] = {
	{ "ferry link photos:2024/a.jpg", "an address for that picture" },
	{ "ferry link photos:a.jpg photos:2024/trip",
	  "one address for both, through a folder of copies" },
	{ "ferry link --unlink photos:2024/a.jpg", "stop sharing it" },
	{ "ferry link --list photos:", "what is shared" },
	{ 0 }
};

const struct cmd cmd_link = {
	.name = "link",
	.args = "PLACE...",
	.summary = "make addresses that anybody can open",
	.about = "Prints a public address of PLACE, a file or folder; who has "
		 "it needs no account. Of a file it is the address of its "
		 "content, which curl can get; of a folder that of a page. One "
		 "that is shared already keeps its address.\n\n"
		 "Several places of one remote get one address: they are "
		 "copied, by the service itself, into a new folder below "
		 "\"" SHARED_FOLDER "\" at the remote's root, and that is "
		 "shared. Delete it when it has served.\n\n"
		 "--list looks through all folders below PLACE. With --json: "
		 "objects with path, kind, url and page (to be looked at in a "
		 "browser).",
	.min_args = 1,
	.max_args = -1,
	.groups = groups,
	.opts_size = sizeof(struct link_cmd_opts),
	.defaults = &defaults,
	.examples = examples,
	.run = link_run,
};
