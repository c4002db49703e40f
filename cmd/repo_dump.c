/* ferry repo dump: a file, or a folder as an archive, out of a snapshot. */

#include "repo/dump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/out.h"
#include "cmd/repo_query.h"
#include "lib/file.h"

struct dump_opts {
	struct repo_flags repo;
	struct filter_flags filter;
	const char *archive, *target;
};

static const struct dump_opts dump_defaults = { .archive = "tar" };

#define DUMP(type, letter, name, arg, field, help) \
	OPT_AT(type, letter, name, arg, struct dump_opts, field, help)

static const struct opt dump_flags[] = {
	DUMP(OPT_STR, 'a', "archive", "FORMAT", archive,
	     "what a folder becomes: tar"),
	DUMP(OPT_STR, 't', "target", "FILE", target,
	     "write into a file, which appears when it is whole"),
	{ .type = OPT_END }
};

static const struct opt_group dump_groups[] = {
	{ "Flags", dump_flags, 0 },
	SNAPSHOT_FILTER_GROUP(struct dump_opts, filter),
	REPO_GROUP(struct dump_opts, repo),
	{ 0 }
};

/* Where it goes: standard output, or a file. */
struct target {
	struct sink base;
	int fd;           /* -1: standard output */
	const char *path; /* of the file, */
	const char *temp; /* and what it is called until it is whole; or NULL */
};

static int target_write(struct sink *base, struct op *op, const void *p,
			size_t n)
{
	struct target *t = container_of(base, struct target, base);

	if (t->fd < 0)
		return out_write(op, p, n);
	if (write_all(t->fd, p, n) < 0)
		return err_sys(&op->err, "write \"%s\"", t->path);
	return 0;
}

static int target_open(struct target *t, struct op *op, const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	int dir = slash ? (int)(slash - path) + 1 : 0;
	struct stat st;

	*t = (struct target){ .base = { .write = target_write },
			      .fd = -1,
			      .path = path };
	if (!path)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		t->fd = open(path, O_WRONLY | O_CLOEXEC); /* a pipe, say */
	} else {
		t->temp = arena_printf(&op->arena, "%.*s.ferry-tmp.%016x", dir,
				       path, (unsigned)getpid());
		t->fd = open(t->temp,
			     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				     O_CLOEXEC,
			     0666);
		/* held: nobody takes it for what a killed run has left */
		if (t->fd >= 0)
			(void)flock(t->fd, LOCK_EX | LOCK_NB);
	}
	if (t->fd < 0)
		return err_sys(&op->err, "open \"%s\"", path);
	return 0;
}

/* `rc`: how the writing went; how all went is returned. */
static int target_close(struct target *t, struct op *op, int rc)
{
	if (t->fd < 0)
		return rc;
	if (rc == 0 && t->temp && fsync(t->fd) < 0)
		rc = err_sys(&op->err, "write \"%s\"", t->path);
	if (rc == 0 && t->temp && rename(t->temp, t->path) < 0)
		rc = err_sys(&op->err, "rename to \"%s\"", t->path);
	if (rc < 0 && t->temp)
		unlink(t->temp);
	if (close(t->fd) < 0 && rc == 0 && errno != EINTR)
		rc = err_sys(&op->err, "close \"%s\"", t->path);
	return rc;
}

static int dump_one(struct query *q, const struct node *n, struct sink *to)
{
	struct flow *d = flow_new(q->s.repo, &q->cx->op, to);
	int rc = flow_file(d, &q->cx->op, n);

	if (rc == 0)
		rc = flow_drain(d, &q->cx->op);
	flow_free(d);
	return rc;
}

static int write_node(struct query *q, const struct node *n,
		      const struct id *tree, const char *path)
{
	const struct dump_opts *o = q->cx->opts;
	struct op *op = &q->cx->op;
	struct target t;
	int rc;

	if (n->type != NODE_FILE && n->type != NODE_DIR)
		return err_set(&op->err, ERR_INVALID,
			       "\"%s\" is neither a file nor a folder but a %s",
			       path, node_type_name(n));
	if (n->type == NODE_DIR && !o->target && out_is_terminal())
		return err_set(&op->err, ERR_INVALID,
			       "an archive is nothing for a terminal: redirect "
			       "it, or give --target");
	if (target_open(&t, op, o->target) < 0)
		return -1;
	if (n->type == NODE_FILE)
		rc = dump_one(q, n, &t.base);
	else
		rc = dump_tar(q->s.repo, op, tree, path, n, &t.base);
	return target_close(&t, op, rc);
}

static int find_node(struct query *q)
{
	struct cmd_ctx *cx = q->cx;
	const struct dump_opts *o = cx->opts;
	struct snapshot snapshot;
	struct id tree, found;
	const char *root, *path;
	struct node n;

	if (place_clean(&cx->op.arena, cx->argv[1], &path, &cx->op.err) < 0 ||
	    query_snapshot(q, &o->filter, cx->argv[0], &snapshot, &root) < 0 ||
	    query_index(q) < 0 || query_folder(q, &snapshot, root, &tree) < 0 ||
	    snapshot_descend(q->s.repo, &cx->op, q->s.coder, &cx->op.arena,
			     &tree, path, &n, &found) < 0)
		return -1;
	return write_node(q, &n, &found, path);
}

static int dump_run(struct cmd_ctx *cx)
{
	const struct dump_opts *o = cx->opts;
	struct query q;
	int rc;

	if (strcmp(o->archive, "zip") == 0)
		return err_set(&cx->op.err, ERR_UNSUPPORTED,
			       "--archive: a zip file cannot hold owners, "
			       "links and attributes; take tar");
	if (strcmp(o->archive, "tar") != 0)
		return err_set(&cx->op.err, ERR_INVALID,
			       "--archive: \"%s\" is not tar", o->archive);
	rc = query_begin(&q, cx, &o->repo);
	if (rc == 0)
		rc = find_node(&q);
	return query_end(&q, rc);
}

static const struct cmd_example dump_examples[] = {
	{ "ferry repo dump -r /srv/backup latest /home/me/shop.sql | psql shop",
	  "a file into a program" },
	{ "ferry repo dump -r nas:backup latest:/home/me / >me.tar",
	  "a folder as an archive" },
	{ 0 }
};

const struct cmd cmd_repo_dump = {
	.name = "repo dump",
	.args = "SNAPSHOT[:PATH] FILE",
	.summary = "write a file of a snapshot to standard output",
	.about = "A folder becomes a tar archive (\"/\" is all of the "
		 "snapshot, or of its PATH) with\nowners, times, extended "
		 "attributes and ACLs: `tar --xattrs --xattrs-include='*'\n"
		 "--acls -xpf -` restores them.  Of hard links each is a file "
		 "of its own.",
	.min_args = 2,
	.max_args = 2,
	.groups = dump_groups,
	.opts_size = sizeof(struct dump_opts),
	.defaults = &dump_defaults,
	.examples = dump_examples,
	.run = dump_run,
};
